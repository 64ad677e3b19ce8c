"""A transaction in an SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def transact(connection: sqlite3.Connection) -> Iterator[None]:
    """Do all that the block does, or nothing of it, while no other connection writes.

    Args:
        connection: one that begins no transaction by itself (`isolation_level=None`).

    Raises:
        sqlite3.Error: nothing was changed.

    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            connection.execute("ROLLBACK")
        raise
