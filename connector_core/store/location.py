"""Where a store is: a file, or the URL of a database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from connector_core.errors import StoreError
from connector_core.store.seal import KEYS_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core.store.sealed_store import SealedStore

STORE_VARIABLE = "CONNECTOR_CORE_STORE"


def open_store(location: str | os.PathLike[str] | None = None, *, keys: Sequence[str] | None = None) -> SealedStore:
    """Return the store at a location.

    A file is made when something is saved, an SQLite file at once, the tables of a database at the first use.

    Args:
        location: the path of a file, or the URL of a database (`postgresql+psycopg://...`, `sqlite:///...`);
            None for what the variable `CONNECTOR_CORE_STORE` says.
        keys: Fernet keys, the newest first: it seals secrets, and all of them open. None for what the variable
            `CONNECTOR_CORE_STORE_KEYS` says, joined by commas; without any, secrets are kept in clear.

    Raises:
        StoreError: no location is known, a key is none, or an extra is not installed.

    """
    if location is None:
        location = os.environ.get(STORE_VARIABLE)
    if not location:
        raise StoreError(f"Nobody said where the store is: name a file or a database, or set {STORE_VARIABLE}.")
    if isinstance(location, str) and "://" not in location and "@" in location and ":" in location:
        # The sentence of a file that isn't there would show the password.
        raise StoreError("That is no URL of a database: write postgresql+psycopg://user:password@host/name.")
    if keys is None:
        keys = [key.strip() for key in os.environ.get(KEYS_VARIABLE, "").split(",") if key.strip()]
    if isinstance(location, str) and "://" in location:
        from connector_core.store.sql_store import SqlStore

        return SqlStore(location, keys=keys)
    from connector_core.store.file_store import FileStore

    return FileStore(location, keys=keys)
