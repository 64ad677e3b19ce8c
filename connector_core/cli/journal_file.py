"""The SQLite file of a journal: made, locked and checked, with a sentence for each way in which it can fail."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from connector_core.errors import ConnectorError
from connector_core.sqlite_transaction import transact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NEW_ONE = "begin a new journal with only the messages that were not sent"
"""What is left where a journal can't go on; with all messages, a new one would send them twice."""

_APPLICATION = 0x434A4E4C
_VERSION = 2
_TABLES = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE message (
    line INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sending', 'sent', 'not_sent', 'unknown')),
    code TEXT,
    retryable INTEGER NOT NULL DEFAULT 0,
    message_id TEXT,
    recipients_refused INTEGER NOT NULL DEFAULT 0,
    at TEXT NOT NULL
);
"""
_REASONS = {
    sqlite3.SQLITE_BUSY: "is in use by another process: wait until that is done",
    sqlite3.SQLITE_LOCKED: "is in use by another process: wait until that is done",
    sqlite3.SQLITE_FULL: "can't grow, since the disk is full: make room, then run the same command again",
    sqlite3.SQLITE_NOTADB: f"is no journal, or damaged: name the right file, or {NEW_ONE}",
    sqlite3.SQLITE_CORRUPT: f"is damaged: restore it, or {NEW_ONE}",
    sqlite3.SQLITE_READONLY: "can't be written: see who may write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: see who may write the file and its folder",
}


class JournalError(ConnectorError):
    """The journal can't be used, or belongs to something else; the message it is about was not sent."""

    code = "journal_failed"


class JournalFile:
    """An SQLite file with the tables of a journal, which this process has for itself until it is closed.

    Args:
        name: the file; it is made where there is none, readable for its owner alone.

    Raises:
        JournalError: the file can't be used, is in use, or is something else.

    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._make()
        with self.explained():
            self.connection = sqlite3.connect(os.path.abspath(name), timeout=0, isolation_level=None)  # noqa: PTH100  a name such as ":memory:" is a file's
        try:
            with self.explained():
                self._open()
        except BaseException:
            self.connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):  # what can't be moved out of the write-ahead log stays in it
            self.connection.close()

    def ask(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Return the first row of what a statement finds, None where it finds nothing."""
        with self.explained():
            return self.connection.execute(statement, values).fetchone()

    def keep(self, name: str, value: bytes) -> bytes:
        """Return the fact that is kept by a name: the value, where there was none."""
        self.ask("INSERT OR IGNORE INTO fact VALUES (?, ?)", (name, value))
        kept: bytes = self.ask("SELECT value FROM fact WHERE name = ?", (name,))[0]
        return kept

    @contextmanager
    def transaction(self, synchronous: str) -> Iterator[None]:
        """Do all that the block does, or nothing of it.

        Args:
            synchronous: `FULL` where it must survive a loss of power, else `NORMAL` (SQLite, PRAGMA synchronous).

        Raises:
            JournalError: nothing was changed.

        """
        with self.explained():
            self.connection.execute(f"PRAGMA synchronous = {synchronous}")
            with transact(self.connection):
                yield

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise a JournalError for an error of SQLite."""
        try:
            yield
        except sqlite3.Error as cause:
            code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # without the extension
            unnamed = f"can't be used ({getattr(cause, 'sqlite_errorname', type(cause).__name__)}): see to its disk"
            raise JournalError(f"The journal {self.name} {_REASONS.get(code, unnamed)}.") from cause

    def _make(self) -> None:
        try:
            os.close(os.open(self.name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return  # to open and close it here would drop the locks that this process has on it
        except OSError as cause:
            raise JournalError(f"The journal {self.name} can't be opened: {cause.strerror}.") from cause

    def _open(self) -> None:
        self._restrict()
        self.ask("PRAGMA locking_mode = EXCLUSIVE")  # before anything else, so that no shared memory is needed
        self.ask("PRAGMA journal_mode = WAL")
        self.ask("PRAGMA fullfsync = 1")  # macOS: fsync alone leaves it in the cache of the disk
        with self.transaction("FULL"):
            if self.ask("PRAGMA application_id")[0] != _APPLICATION:
                self._create()
            if self.ask("PRAGMA user_version")[0] != _VERSION:
                raise JournalError(
                    f"The journal {self.name} is of another version: use the version that began it, or {NEW_ONE}."
                )
            if self.ask("PRAGMA quick_check(1)")[0] != "ok":
                raise sqlite3.DatabaseError

    def _restrict(self) -> None:
        """Let the owner alone read a file that was empty, or is made where a symbolic link leads.

        Before anything is written: the write-ahead log takes its mode from the file. By name, since to close a file
        drops the locks that this process has on it.
        """
        try:
            status = os.stat(self.name)  # noqa: PTH116  the name is a text
            if stat.S_ISREG(status.st_mode) and not status.st_size:
                os.chmod(self.name, 0o600)  # noqa: PTH101  the same
        except OSError as cause:
            raise JournalError(f"The journal {self.name} can't be kept from others: {cause.strerror}.") from cause

    def _create(self) -> None:
        if self.ask("SELECT count(*) FROM sqlite_schema")[0]:
            raise JournalError(f"The file {self.name} is a database and no journal: name another file.")
        for statement in _TABLES.split(";"):
            self.ask(statement)
        self.ask(f"PRAGMA application_id = {_APPLICATION}")
        self.ask(f"PRAGMA user_version = {_VERSION}")
