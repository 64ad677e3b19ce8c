"""The stored configs of a host: checked when they are saved, and ready to send."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector_core.config_issues import sort_issues
from connector_core.errors import ConfigIssue, ConnectorNotFound, InvalidConfig, StoreConflict
from connector_core.jsonvalue import format_path, replace_at
from connector_core.secrets import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from connector_core.configured_connector import ConfiguredConnector
    from connector_core.connector import Connector
    from connector_core.store.stored_config import Change, Path, Store, StoredConfig


class StoredConfigs:
    """The configs in a store, with the connectors that they are for.

    A change names the revision that it is based on (`""` where nothing is stored yet). Every method raises a
    `StoreError` where the store can't be read or written; one that changes something raises a `StoreConflict` where
    somebody else's change came first.

    Args:
        connectors: the connectors by id; a config whose connector isn't among them stays listed.
        store: where the configs live.

    """

    def __init__(self, connectors: Mapping[str, Connector], store: Store) -> None:
        self._connectors = connectors
        self._store = store
        self._kept: dict[tuple[str, str, str], ConfiguredConnector] = {}  # by type, connector and revision

    def get(self, connector_id: str) -> StoredConfig | None:
        """Return the config of a connector, its secrets in clear."""
        return self._store.get(connector_id)

    def find_active(self, type: str = "Email") -> StoredConfig | None:  # noqa: A002  the word of the metadata
        """Return the active config of a type of connector, its secrets in clear."""
        return self._store.find_active(type)

    def save(  # noqa: PLR0913  each of them is a fact of the change
        self,
        connector_id: str,
        config: Mapping[str, Any],
        *,
        author: str,
        revision: str,
        activate: bool = False,
        resolve_references: bool = True,
    ) -> StoredConfig:
        """Keep a valid config; with `activate` it takes the place of the active one of its type in the same step.

        Args:
            connector_id: the connector that the config is for.
            config: a JSON object, with its secrets in clear or references to them.
            author: who saves it, for the history.
            revision: that of the config which was changed, `""` for a new one.
            activate: whether messages go through it from now on.
            resolve_references: whether it may refer to secrets. Turn it off for a config from somebody who must not
                read this machine's environment and files; what is saved is followed at every send.

        Raises:
            InvalidConfig: with every issue; `***` in the place of a secret is one: see `Connector.keep_secrets`.
            ConnectorNotFound: the connector is not here.

        """
        connector = self._connectors[connector_id]
        connector.configure(config, resolve_references=resolve_references)
        secrets = connector.find_secrets(config)
        _refuse_hidden(connector_id, config, secrets)
        return self._store.save(
            connector_id,
            config,
            type=connector.metadata.type,
            secrets=secrets,
            author=author,
            revision=revision,
            activate=activate,
        )

    def activate(self, connector_id: str, *, author: str, revision: str) -> StoredConfig:
        """Send through a stored config from now on, in place of the active one of its type.

        Raises:
            InvalidConfig: it is not valid any more, with every issue.
            ConnectorNotFound: its connector is not here.

        """
        connector = self._connectors[connector_id]
        stored = self._store.get(connector_id)
        if stored is None:
            raise StoreConflict(f"There is no config of {connector_id}: save one first.")
        connector.configure(stored.config)
        return self._store.set_active(connector_id, active=True, author=author, revision=revision)

    def deactivate(self, connector_id: str, *, author: str, revision: str) -> StoredConfig:
        """Send through a stored config no more."""
        return self._store.set_active(connector_id, active=False, author=author, revision=revision)

    def delete(self, connector_id: str, *, author: str, revision: str) -> None:
        """Forget a config, that of a missing connector, too."""
        self._store.delete(connector_id, author=author, revision=revision)

    def redact(self, stored: StoredConfig) -> StoredConfig:
        """Return a copy that is safe to show: `***` in place of each secret."""
        connector = self._connectors.get(stored.connector_id)
        if connector is not None:
            return replace(stored, config=connector.redact_config(stored.config))
        return replace(stored, config=replace_at(stored.config, stored.secrets, lambda _path, _secret: HIDDEN))

    def find_configured(self, type: str = "Email") -> ConfiguredConnector:  # noqa: A002  the word of the metadata
        """Return the active connector of a type with its config, kept until another config is active.

        Raises:
            ConnectorNotFound: none is active, or its connector is not here.
            InvalidConfig: the active config is not valid any more.

        """
        stored = self._store.find_active(type)
        if stored is None:
            self._drop(type)
            raise ConnectorNotFound(f"No {type} connector is active: save a config, and activate it.")
        key = (type, stored.connector_id, stored.revision)
        kept = self._kept.get(key)
        if kept is None:
            made = self._connectors[stored.connector_id].configure(stored.config)
            kept = self._kept.setdefault(key, made)  # that of another thread, where it was faster
            self._drop(type, key)
        return kept

    def close(self) -> None:
        """Close the connectors that were kept for sending; the next send makes them anew."""
        for type in {key[0] for key in [*self._kept]}:  # noqa: A001  the word of the metadata
            self._drop(type)

    def history(self, connector_id: str | None = None, *, limit: int = 100) -> list[Change]:
        """Return who changed what and when, newest first, of one connector or of all; no secrets."""
        return self._store.history(connector_id, limit=limit)

    def list(self) -> list[StoredConfig]:
        """Return all configs, sorted by the connector's id, those of missing connectors and locked ones, too."""
        return self._store.list()

    def _drop(self, type: str, but: tuple[str, str, str] | None = None) -> None:  # noqa: A002  the same
        """Close the connectors of a type that were kept before, each once among threads."""
        # No lock, which would stay locked in a process that is forked in the wrong moment.
        for key in [*self._kept]:
            dropped = self._kept.pop(key, None) if key[0] == type and key != but else None
            if dropped is not None:
                dropped.close()


def _refuse_hidden(connector_id: str, config: Mapping[str, Any], secrets: Collection[Path]) -> None:
    """Refuse a config that was shown, and came back without its secrets."""
    hidden: list[str] = []

    def look(path: Path, secret: Any) -> None:
        if secret == HIDDEN:
            hidden.append(format_path(path))

    replace_at(config, secrets, look)
    if hidden:
        problem = f"Enter this secret: {HIDDEN} only stands for one."
        issues = sort_issues(ConfigIssue(path, "hidden", problem) for path in hidden)
        raise InvalidConfig(f"The config of {connector_id} lacks a secret: {issues[0].path}: {problem}", issues)
