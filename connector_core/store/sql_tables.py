"""The two tables of a store in a database, and their rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, MetaData, Table, Text

from connector_core.store.record import read_paths, read_settings, write_paths, write_settings
from connector_core.store.stored_config import Change, StoredConfig

if TYPE_CHECKING:
    from sqlalchemy import Row

METADATA = MetaData()

CONFIGS = Table(
    "connector_configs",
    METADATA,
    Column("connector_id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("config", Text, nullable=False),  # not JSON: no database may change a config, nor refuse a letter of it
    Column("secrets", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("revision", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Text, nullable=False),
)

_ONE_ACTIVE = Index(
    "connector_configs_active",
    CONFIGS.c.type,
    unique=True,
    sqlite_where=CONFIGS.c.active,
    postgresql_where=CONFIGS.c.active,
)

CHANGES = Table(
    "connector_config_changes",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("author", Text, nullable=False),
    Column("connector_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("settings", Text, nullable=False),
)


def make_config_row(stored: StoredConfig) -> dict[str, Any]:
    """Return the row of a stored config."""
    return {
        "connector_id": stored.connector_id,
        "type": stored.type,
        "config": json.dumps(stored.config),
        "secrets": json.dumps(write_paths(stored.secrets)),
        "active": stored.active,
        "revision": stored.revision,
        "changed_at": stored.changed_at,
        "changed_by": stored.changed_by,
    }


def read_config_row(row: Row[Any]) -> StoredConfig:
    """Return the stored config that a row holds."""
    return StoredConfig(
        connector_id=row.connector_id,
        type=row.type,
        config={**json.loads(row.config)},
        secrets=read_paths(json.loads(row.secrets)),
        active=row.active,
        revision=row.revision,
        changed_at=_in_utc(row.changed_at),
        changed_by=row.changed_by,
    )


def make_change_row(change: Change) -> dict[str, Any]:
    """Return the row of a change; the database numbers it."""
    return {
        "at": change.at,
        "author": change.author,
        "connector_id": change.connector_id,
        "action": change.action,
        "settings": json.dumps(write_settings(change.settings)),
    }


def read_change_row(row: Row[Any]) -> Change:
    """Return the change that a row holds."""
    return Change(
        at=_in_utc(row.at),
        author=row.author,
        connector_id=row.connector_id,
        action=row.action,
        settings=read_settings(json.loads(row.settings)),
    )


def _in_utc(time: datetime) -> datetime:
    """Return a time in UTC; SQLite keeps it without its zone."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
