"""Stores: where the configs of an application live, in a file or a database (extras `store` and `sql`).

A name is imported when it is first used: a host without a store needs neither cryptography nor SQLAlchemy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.lazy_names import import_lazily

if TYPE_CHECKING:
    from connector_core.store.file_store import FileStore
    from connector_core.store.location import open_store
    from connector_core.store.sealed_store import SealedStore, Step
    from connector_core.store.sql_store import SqlStore
    from connector_core.store.stored_config import Change, ChangedSetting, Store, StoredConfig

__all__ = [
    "Change",
    "ChangedSetting",
    "FileStore",
    "SealedStore",
    "SqlStore",
    "Step",
    "Store",
    "StoredConfig",
    "open_store",
]

_HOMES = {
    "Change": "stored_config",
    "ChangedSetting": "stored_config",
    "FileStore": "file_store",
    "SealedStore": "sealed_store",
    "SqlStore": "sql_store",
    "Step": "sealed_store",
    "Store": "stored_config",
    "StoredConfig": "stored_config",
    "open_store": "location",
}
"""The module that each public name comes from."""

__getattr__, __dir__ = import_lazily(globals(), _HOMES)
