"""Journals of large sends: what became of each message of a file, so that a run which was killed can go on.

A message is marked before it is handed to the connector, and that mark is on the disk by then. A mark that was never
settled is of a run that was killed: nobody knows whether the message was sent.

A message is known by its line and by its digest. Both have to be as they were, or a message that was sent would be
taken for a new one as soon as the lines of the file have moved.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from connector_core.cli.journal_file import NEW_ONE, JournalError, JournalFile
from connector_core.cli.output import count
from connector_core.errors import DeliveryUnknown, SendError
from connector_core.message import SendResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connector_core.message import Message

    State = Literal["sending", "sent", "not_sent", "unknown"]

_BEGIN = """
INSERT INTO message (line, digest, state, at) VALUES (?, ?, 'sending', ?)
ON CONFLICT (line) DO UPDATE SET digest = excluded.digest, state = 'sending', code = NULL, retryable = 0,
    message_id = NULL, recipients_refused = 0, at = excluded.at
WHERE state = 'not_sent' OR state = 'unknown' AND digest = excluded.digest
"""
_SETTLE = """
UPDATE message SET state = ?, code = ?, retryable = ?, message_id = ?, recipients_refused = ?, at = ?
WHERE line = ? AND state = 'sending'
"""
_FIND = "SELECT digest, state, code, retryable, message_id, recipients_refused FROM message WHERE line = ?"
_BURY = "UPDATE message SET state = 'unknown', code = ?, at = ? WHERE state = 'sending'"
_REFUSED = frozenset({"rejected", "invalid"})
_DIGEST = hashlib.sha256
_RIGHT_FILE = "name the file that it was begun with, with every line where and as it was when it was sent last"
_REPLACED = "CREATE TEMP TABLE IF NOT EXISTS replaced (digest BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal knows of a message.

    Args:
        digest: tells the message from any other; of a message that was mended, what it is now.
        state: `sending` in this run, else what became of it.
        code: the status of a result, or the code of an error.
        retryable: whether a message that was not sent may go through later, unchanged.
        message_id: the provider's id of a message that was sent.
        recipients_refused: whether it was sent, and not to all of its recipients.

    """

    digest: bytes
    state: State
    code: str | None
    retryable: bool
    message_id: str | None
    recipients_refused: bool


class Journal:
    """A journal in a file, which this process has for itself until it is closed.

    The file has neither addresses nor payloads: a message is known by its line and by a digest, which is made with a
    key of the journal's own.

    Args:
        path: the file; it is made where there is none, readable for its owner alone.
        connector_id: the connector that sends.
        config: its config without secrets.
        accepts_changes: whether another config may take the place of the one that it was begun with, and another
            message the place of one that was surely not sent.

    Raises:
        JournalError: the file can't be used, is in use, or was begun with another connector or config.

    """

    def __init__(
        self, path: str, connector_id: str, config: Mapping[str, Any], *, accepts_changes: bool = False
    ) -> None:
        self._accepts_changes = accepts_changes
        self._matched = 0
        self._file = JournalFile(path)
        try:
            self._open(connector_id, config)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; messages that are still marked become unknown when it is opened again."""
        self._file.close()

    def digest(self, message: Message) -> bytes:
        """Return what tells a message from any other, in this journal."""
        document = json.dumps(message.to_json(), sort_keys=True, separators=(",", ":"))
        return hmac.new(self._key, document.encode(), _DIGEST).digest()

    def find(self, line: int, message: Message | None) -> Entry | None:
        """Return what was known of a line when the journal was opened, None where nothing was.

        Args:
            line: a line of the file; ask for each once, in their order.
            message: the message on it, None where it holds none.

        Raises:
            JournalError: it was another message, or one of an earlier line is gone.

        """
        if line > self._last:
            if missing := self.find_missing():
                raise missing
            return None
        row = self._file.ask(_FIND, (line,))
        if row is None:
            return None
        known, state, code, retryable, message_id, recipients_refused = row
        digest = None if message is None else self.digest(message)
        if digest is None or not hmac.compare_digest(known, digest):
            self._check_mended(line, state)
        self._matched += 1
        return Entry(digest or known, state, code, bool(retryable), message_id, bool(recipients_refused))

    def find_missing(self) -> JournalError | None:
        """Return what is wrong where messages were known when the journal was opened, and none such was found again."""
        missing = self._count - self._matched
        some = count(missing, "message")
        return self._refuse(f"knows {some} that the file no longer has: {_RIGHT_FILE}") if missing else None

    def begin(self, marks: Iterable[tuple[int, bytes]]) -> None:
        """Mark messages that are sent next, all or none; the marks survive a loss of power.

        Args:
            marks: their lines and digests.

        Raises:
            JournalError: nothing was changed; one of them was sent before, from this line or from another.

        """
        at, group = _now(), list(marks)
        with self._file.transaction("FULL"):
            self._check_unmoved([mark for mark in group if mark[0] <= self._last])
            self._change(_BEGIN, [(line, digest, at) for line, digest in group])

    def settle(self, outcomes: Iterable[tuple[int, SendResult | SendError]]) -> None:
        """Note what became of messages that are marked, all or none.

        A loss of power may take it away again and leave the marks, so that the messages count as unknown.

        Args:
            outcomes: the lines and what became of them.

        Raises:
            JournalError: nothing was changed.

        """
        at = _now()
        with self._file.transaction("NORMAL"):
            self._change(_SETTLE, [(*_describe(outcome), at, line) for line, outcome in outcomes])

    def _change(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        if rows and self._file.connection.executemany(statement, rows).rowcount != len(rows):
            raise self._refuse(f"does not fit what is sent: {NEW_ONE}")

    def _check_mended(self, line: int, state: State) -> None:
        """Raise a JournalError unless another message may stand on a line."""
        if state != "not_sent":
            raise self._refuse(f"knows another message on line {line}: {_RIGHT_FILE}")
        if not self._accepts_changes:
            raise self._refuse(
                f"knows another message on line {line}, which was not sent: if you mended it, run the same command "
                f"again with --resend-failed, else {_RIGHT_FILE}"
            )

    def _check_unmoved(self, marks: Sequence[tuple[int, bytes]]) -> None:
        """Raise a JournalError where a message that is new on a line is known on another one: the lines have moved.

        Before any of them is marked, so that a message counts as known whose line another one takes.
        """
        changed: dict[bytes, int] = {}
        for line, digest in marks:
            known = self._file.ask("SELECT digest FROM message WHERE line = ?", (line,))
            if known is not None and hmac.compare_digest(known[0], digest):
                continue
            if not changed:  # only now, since both would slow down each run
                self._file.ask(f"CREATE INDEX IF NOT EXISTS known ON message (digest) WHERE line <= {self._last}")
                self._file.ask(_REPLACED)
            self._check_unknown(line, digest, changed.get(digest))
            changed[digest] = line
        places = [(line,) for line in changed.values()]
        if places:
            self._file.connection.executemany(
                "INSERT OR IGNORE INTO replaced SELECT digest, line FROM message WHERE line = ?", places
            )

    def _check_unknown(self, line: int, digest: bytes, other: int | None) -> None:
        """Raise a JournalError where a message that is new on a line is known on another one, or was until this run."""
        if other is None:
            # Of what was known when the journal was opened, since behind it a second copy may stand.
            found = self._file.ask(
                f"SELECT line FROM message WHERE digest = ? AND line <= {self._last} AND line <> ?",  # noqa: S608  our own number
                (digest, line),
            )
            other = None if found is None else found[0]
        if other is not None:
            raise self._refuse(
                f"knows the message of line {line} on line {other}: {_RIGHT_FILE}. A second copy of a message goes "
                "at the end of the file"
            )
        before = self._file.ask("SELECT line FROM replaced WHERE digest = ?", (digest,))
        if before is not None:
            raise self._refuse(
                f"knew the message of line {line} on line {before[0]}, where this run took another one: let the lines "
                "stay that this run has told, put the others back where they were, and add messages whose place is "
                "taken at the end of the file"
            )

    def _refuse(self, what: str) -> JournalError:
        return JournalError(f"The journal {self._file.name} {what}.")

    def _open(self, connector_id: str, config: Mapping[str, Any]) -> None:
        with self._file.transaction("FULL"):
            self._key = self._file.keep("key", secrets.token_bytes(32))
            if self._file.keep("connector", connector_id.encode()) != connector_id.encode():
                raise self._refuse(f"was begun with another connector: take that one, or {NEW_ONE}")
            self._check_config(json.dumps([connector_id, config], sort_keys=True))
            self._file.ask("DROP INDEX IF EXISTS known")
            self._file.ask(_BURY, (DeliveryUnknown.code, _now()))
        known: tuple[int, int] = self._file.ask("SELECT count(*), coalesce(max(line), 0) FROM message")
        self._count, self._last = known

    def _check_config(self, config: str) -> None:
        digest = hmac.new(self._key, config.encode(), _DIGEST).digest()
        if self._file.keep("config", digest) == digest:
            return
        if not self._accepts_changes:
            raise self._refuse(
                "was begun with another config: take that one, or run the same command again with --resend-failed, "
                "which takes this one and sends again what was refused"
            )
        self._file.ask("UPDATE fact SET value = ? WHERE name = 'config'", (digest,))


def has_refused_recipients(result: SendResult) -> bool:
    """Return whether the provider took a message, and not for all of its recipients."""
    return not _REFUSED.isdisjoint(result.recipients.values())


def _describe(outcome: SendResult | SendError) -> tuple[State, str, bool, str | None, bool]:
    if isinstance(outcome, SendResult):
        return "sent", outcome.status, False, outcome.message_id, has_refused_recipients(outcome)
    return outcome.outcome, outcome.code, outcome.retryable, None, False


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
