"""Stored configs and changes as JSON objects, in which files and databases keep them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from connector_core.store.stored_config import Change, ChangedSetting, StoredConfig

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from connector_core.store.stored_config import Path


def write_stored(stored: StoredConfig) -> dict[str, Any]:
    """Return a stored config as a JSON object, its secrets as they are."""
    return {
        "type": stored.type,
        "config": stored.config,
        "secrets": write_paths(stored.secrets),
        "active": stored.active,
        "revision": stored.revision,
        "changedAt": stored.changed_at.isoformat(),
        "changedBy": stored.changed_by,
    }


def read_stored(connector_id: str, record: Mapping[str, Any]) -> StoredConfig:
    """Return the stored config that `write_stored` wrote; what is no such record raises one of `UNREADABLE`."""
    return StoredConfig(
        connector_id=connector_id,
        type=str(record["type"]),
        config={**record["config"]},
        secrets=read_paths(record["secrets"]),
        active=record["active"] is True,
        revision=str(record["revision"]),
        changed_at=datetime.fromisoformat(record["changedAt"]),
        changed_by=str(record["changedBy"]),
    )


def write_change(change: Change) -> dict[str, Any]:
    """Return a change as a JSON object."""
    return {
        "at": change.at.isoformat(),
        "author": change.author,
        "connectorId": change.connector_id,
        "action": change.action,
        "settings": write_settings(change.settings),
    }


def read_change(record: Mapping[str, Any]) -> Change:
    """Return the change that `write_change` wrote."""
    return Change(
        at=datetime.fromisoformat(record["at"]),
        author=record["author"],
        connector_id=record["connectorId"],
        action=record["action"],
        settings=read_settings(record["settings"]),
    )


def write_paths(paths: Collection[Path]) -> list[list[str | int]]:
    """Return paths as JSON."""
    return sorted((list(path) for path in paths), key=repr)


def read_paths(paths: Collection[Collection[str | int]]) -> frozenset[Path]:
    """Return the paths that `write_paths` wrote."""
    return frozenset(tuple(path) for path in paths)


def write_settings(settings: Collection[ChangedSetting]) -> list[list[str | None]]:
    """Return changed settings as JSON."""
    return [[one.path, one.before, one.after] for one in settings]


def read_settings(settings: Collection[Collection[Any]]) -> tuple[ChangedSetting, ...]:
    """Return the changed settings that `write_settings` wrote."""
    return tuple(ChangedSetting(*one) for one in settings)


UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)
"""What reading something else than a record raises."""
