"""Secrets at rest: encrypted with Fernet, each by itself, so that the rest of a config stays readable."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector_core.errors import StoreError
from connector_core.jsonvalue import format_path, replace_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connector_core.store.stored_config import Path, StoredConfig

KEYS_VARIABLE = "CONNECTOR_CORE_STORE_KEYS"
MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'

_SEALED = "$sealed"
_LOCKED = object()


class Seal:
    """What seals and opens the secrets of stored configs.

    Args:
        keys: Fernet keys, the newest first: it seals, and all of them open. Without any, secrets stay in clear.

    Raises:
        StoreError: a key is none, or the extra `store` is not installed.

    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = _make_fernet(keys) if keys else None

    def check_keys(self, kept: Iterable[StoredConfig]) -> None:
        """Refuse to keep a secret in clear beside sealed ones: somebody forgot the keys.

        Raises:
            StoreError: there is no key, and one of the kept configs needs one.

        """
        if self._fernet is None:
            for one in kept:
                self.open(one)

    def close(self, stored: StoredConfig) -> StoredConfig:
        """Return a config as it is kept: `{"$sealed": "..."}` in place of each secret."""
        config = replace_at(stored.config, stored.secrets, lambda path, secret: self._seal(stored, path, secret))
        return replace(stored, config=config)

    def open(self, stored: StoredConfig) -> StoredConfig:
        """Return a kept config with its secrets in clear; those that never were sealed stay.

        Raises:
            StoreError: no key opens a secret.

        """
        config = replace_at(stored.config, stored.secrets, lambda path, sealed: self._unseal(stored, path, sealed))
        return replace(stored, config=config)

    def _seal(self, stored: StoredConfig, path: Path, secret: Any) -> Any:
        if self._fernet is not None:
            return {_SEALED: self._fernet.encrypt(json.dumps(secret).encode()).decode()}
        if _is_sealed(secret):  # it would be taken for a sealed one when it is read
            raise StoreError(f"The secret {format_path(path)} of {stored.connector_id} can't be {_SEALED}: change it.")
        return secret

    def _unseal(self, stored: StoredConfig, path: Path, sealed: Any) -> Any:
        if not _is_sealed(sealed):
            return sealed
        opened = self._decrypt(sealed[_SEALED])
        if opened is _LOCKED:
            problem = f"The secret {format_path(path)} of {stored.connector_id} is sealed with a key that is not here"
            raise StoreError(f"{problem}: give the store that key, too (variable {KEYS_VARIABLE}).")
        return opened

    def _decrypt(self, token: str) -> Any:
        if self._fernet is None:
            return _LOCKED
        from cryptography.fernet import InvalidToken

        try:
            return json.loads(self._fernet.decrypt(token))
        except (InvalidToken, ValueError):
            return _LOCKED


def _make_fernet(keys: Sequence[str]) -> Any:
    """Return the MultiFernet of some keys; no error shows one, nor has what was raised before as its context."""
    try:
        from cryptography.fernet import Fernet, MultiFernet
    except ImportError as cause:
        raise StoreError('Keys for a store need an extra: pip install "connector-core[store]".') from cause
    if isinstance(keys, str):
        raise StoreError("The keys of a store are a list: put the key between brackets.")
    fernets = []
    for key in keys:
        with suppress(ValueError, TypeError, AttributeError):
            fernets.append(Fernet(key))
            continue
        raise StoreError(f"Key {len(fernets) + 1} of the store is no Fernet key: make one with {MAKE_KEY}")
    return MultiFernet(fernets)


def _is_sealed(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {_SEALED} and isinstance(value[_SEALED], str)
