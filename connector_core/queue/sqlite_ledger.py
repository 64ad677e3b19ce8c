"""The messages of an embedded queue, in an SQLite file that several threads and processes may share."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_core.queue.entry import (
    EXPIRED_CODE,
    EXPIRED_SENTENCE,
    STATES,
    UNKNOWN_CODE,
    UNKNOWN_SENTENCE,
    Entry,
    QueueError,
    refuse_unsettled,
)
from connector_core.sqlite_transaction import transact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector_core.queue.entry import State
    from connector_core.queue.policy import Settlement

_APPLICATION = 0x434A5155
_VERSION = 1
_BUSY_SECONDS = 10
_TABLES = """
CREATE TABLE message (
    key TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'dead', 'unknown')),
    connector_type TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    since REAL NOT NULL,
    due REAL,
    changed REAL NOT NULL,
    code TEXT,
    sentence TEXT,
    message_id TEXT,
    message TEXT,
    owner TEXT
) WITHOUT ROWID;
CREATE INDEX message_due ON message (state, due);
CREATE INDEX message_changed ON message (state, changed);
"""
_opened: dict[SqliteLedger, tuple[os.stat_result, int]] = {}
"""Each open ledger's file, and the process that opened it: its children inherit what SQLite knows, but no lock."""
_COLUMNS = "key, state, connector_type, attempts, since, due, changed, code, sentence, message_id, message"
_SETTLE = """
UPDATE message SET state = ?, due = ?, changed = ?, code = ?, sentence = ?, message_id = ?,
    message = CASE WHEN ? THEN NULL ELSE message END
WHERE key = ? AND owner = ? AND state IN ('sending', 'unknown')
"""
_REQUEUE = """
UPDATE message SET state = 'waiting', attempts = 0, since = ?, due = ?, changed = ?, code = NULL, sentence = NULL,
    owner = NULL
WHERE key = ? AND state IN ('dead', 'unknown')
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that its owner alone may send now."""

    key: str
    owner: str
    document: Any
    connector_type: str
    attempts: int
    since: float


class SqliteLedger:
    """What a queue knows of its messages; every change is one step that is on the disk when it returns.

    A message is claimed before it is sent. A claim that nobody settled in time makes the message unknown; who had
    it may still settle it then, since he knows better.

    Args:
        path: the file; it is made where there is none, readable for its owner alone.
        window: for how many seconds the key of a sent message is known.
        keep: for how many seconds dead letters and messages of unknown outcome are kept.
        lease: for how many seconds a claim holds.

    Raises:
        QueueError: the file can't be used, or was open when this process was forked.

    """

    def __init__(self, path: str, *, window: float, keep: float, lease: float) -> None:
        self._path = path
        self._window, self._keep, self._lease = window, keep, lease
        self._lock = threading.Lock()
        self._make_file()
        place = self._find_place()
        self._log = f"{os.path.realpath(path)}-wal"
        with self._explained():
            self._connection = sqlite3.connect(
                os.path.abspath(path),  # noqa: PTH100  a name such as ":memory:" is a file's
                timeout=_BUSY_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise
        _opened[self] = (place, os.getpid())
        self.empty_log()  # a process that was killed has left it

    def close(self) -> None:
        """Close the file."""
        self.empty_log()  # other processes may keep it
        with self._lock, suppress(sqlite3.Error):  # what can't be moved out of the write-ahead log stays in it
            self._connection.close()
        _opened.pop(self, None)

    def register(self, key: str, document: Any, connector_type: str, now: float) -> bool:
        """Take a message in, due now, and return whether its key was new."""
        text = json.dumps(document, separators=(",", ":"))
        with self._transaction() as ask:
            self._sweep(now)
            added = ask(
                "INSERT OR IGNORE INTO message (key, state, connector_type, since, due, changed, message) "
                "VALUES (?, 'waiting', ?, ?, ?, ?, ?)",
                (key, connector_type, now, now, now, text),
            )
            return added.rowcount == 1

    def claim(self, owner: str, now: float, max_age: float) -> Claim | None:
        """Give the message that is due first to an owner, None where none is due."""
        with self._transaction() as ask:
            self._sweep(now)
            expired = (now, EXPIRED_CODE, EXPIRED_SENTENCE, now, now - max_age)
            ask(
                "UPDATE message SET state = 'dead', due = NULL, changed = ?, code = coalesce(code, ?), "
                "sentence = coalesce(sentence, ?) WHERE state = 'waiting' AND due <= ? AND since < ?",
                expired,
            )
            found = ask(
                "SELECT key, message, connector_type, attempts, since FROM message "
                "WHERE state = 'waiting' AND due <= ? ORDER BY due LIMIT 1",
                (now,),
            ).fetchone()
            if found is None:
                return None
            key, text, connector_type, attempts, since = found
            ask(
                "UPDATE message SET state = 'sending', owner = ?, due = ?, changed = ?, attempts = attempts + 1 "
                "WHERE key = ?",
                (owner, now + self._lease, now, key),
            )
        return Claim(key, owner, json.loads(text), connector_type, attempts + 1, since)

    def settle(self, key: str, owner: str, settlement: Settlement, now: float) -> bool:
        """Note what became of a claimed message, and return whether the claim was still its owner's."""
        is_waiting, is_sent = settlement.state == "waiting", settlement.state == "sent"
        row = (
            settlement.state,
            now + settlement.delay if is_waiting else None,
            now,
            settlement.code,
            settlement.sentence,
            settlement.message_id,
            is_sent,  # nothing needs the codes of a message that was sent
            key,
            owner,
        )
        with self._transaction() as ask:
            return bool(ask(_SETTLE, row).rowcount == 1)

    def requeue(self, key: str, now: float) -> None:
        """Make a dead or unknown message wait again."""
        with self._transaction() as ask:
            self._sweep(now)
            if ask(_REQUEUE, (now, now, now, key)).rowcount != 1:
                raise refuse_unsettled(key)

    def discard(self, key: str, now: float) -> None:
        """Forget a dead or unknown message."""
        with self._transaction() as ask:
            self._sweep(now)
            if ask("DELETE FROM message WHERE key = ? AND state IN ('dead', 'unknown')", (key,)).rowcount != 1:
                raise refuse_unsettled(key)

    def find(self, key: str, now: float) -> Entry | None:
        """Return what is known of a message."""
        with self._transaction() as ask:
            self._sweep(now)
            row = ask(f"SELECT {_COLUMNS} FROM message WHERE key = ?", (key,)).fetchone()  # noqa: S608  our own columns
        return None if row is None else _read_entry(row)

    def list(self, state: State, limit: int, now: float) -> list[Entry]:
        """Return the messages of a state, those first that have been in it the longest."""
        query = f"SELECT {_COLUMNS} FROM message WHERE state = ? ORDER BY changed LIMIT ?"  # noqa: S608  the same
        with self._transaction() as ask:
            self._sweep(now)
            return [_read_entry(row) for row in ask(query, (state, limit))]

    def count(self, now: float) -> dict[State, int]:
        """Return how many messages are in each state."""
        with self._transaction() as ask:
            self._sweep(now)
            counted = dict(ask("SELECT state, count(*) FROM message GROUP BY state").fetchall())
        return {state: counted.get(state, 0) for state in STATES}

    def find_due(self) -> float | None:
        """Return when the next message is due, None where none waits."""
        with self._transaction() as ask:
            due: float | None = ask("SELECT min(due) FROM message WHERE state = 'waiting'").fetchone()[0]
        return due

    def empty_log(self) -> None:
        """Empty the write-ahead log, which has payloads of messages that the file itself has no more.

        Where other processes are at work, that is left to them.
        """
        with self._lock, suppress(OSError, sqlite3.Error):
            if os.path.getsize(self._log):  # noqa: PTH202  a name, as SQLite makes it
                try:
                    self._connection.execute("PRAGMA busy_timeout = 0")
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                finally:
                    self._connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")

    def _sweep(self, now: float) -> None:
        """Make unknown what was claimed and never settled, and forget what was kept long enough."""
        ask = self._connection.execute
        ask(
            "UPDATE message SET state = 'unknown', due = NULL, changed = ?, code = ?, sentence = ? "
            "WHERE state = 'sending' AND due <= ?",
            (now, UNKNOWN_CODE, UNKNOWN_SENTENCE, now),
        )
        ask("DELETE FROM message WHERE state = 'sent' AND changed <= ?", (now - self._window,))
        ask("DELETE FROM message WHERE state IN ('dead', 'unknown') AND changed <= ?", (now - self._keep,))

    def _make_file(self) -> None:
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return  # to open and close it here would drop the locks that this process has on it
        except OSError as cause:
            raise QueueError(f"The queue's file {self._path} can't be opened: {cause.strerror}.") from cause

    def _find_place(self) -> os.stat_result:
        """Return what the system knows the file by, under whatever name."""
        try:
            found = os.stat(self._path)  # noqa: PTH116  the same
        except OSError as cause:
            raise QueueError(f"The queue's file {self._path} can't be opened: {cause.strerror}.") from cause
        if any(os.path.samestat(found, place) and process != os.getpid() for place, process in [*_opened.values()]):
            raise QueueError(
                f"The queue's file {self._path} was open when this process was forked, and would be damaged: open it "
                "in each process that uses it, after the fork, and not before."
            )
        return found

    def _open(self) -> None:
        with self._explained():
            is_new = self._is_new()  # before anything changes a file that isn't ours
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")  # a claim that power takes away would be sent twice
            self._connection.execute("PRAGMA secure_delete = ON")  # codes are overwritten, not just let go
        if is_new:
            with self._transaction() as ask:
                if self._is_new():  # no other process was faster
                    for statement in _TABLES.split(";"):
                        ask(statement)
                    ask(f"PRAGMA application_id = {_APPLICATION}")
                    ask(f"PRAGMA user_version = {_VERSION}")

    def _is_new(self) -> bool:
        """Return whether the file is empty; one that is neither that nor a queue's is refused."""
        ask = self._connection.execute
        if ask("PRAGMA application_id").fetchone()[0] == _APPLICATION:
            if ask("PRAGMA user_version").fetchone()[0] != _VERSION:
                raise QueueError(f"The queue's file {self._path} is of another version: begin a new one.")
            return False
        if ask("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise QueueError(f"The file {self._path} is a database and no queue: name another file.")
        return True

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with self._lock, self._explained(), transact(self._connection):
            yield self._connection.execute

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise a QueueError for an error of SQLite."""
        try:
            yield
        except sqlite3.Error as cause:
            name = getattr(cause, "sqlite_errorname", type(cause).__name__)
            advice = "see that its disk has room, and that this user alone may write it"
            raise QueueError(f"The queue's file {self._path} can't be used ({name}): {advice}.") from cause


def _read_entry(row: tuple[Any, ...]) -> Entry:
    *facts, message = row
    names = _COLUMNS.split(", ")
    values = dict(zip(names, facts, strict=False))
    return Entry(**values, message=None if message is None else json.loads(message))
