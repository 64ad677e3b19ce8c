"""One run through a file of messages: what is sent, in which order it is journalled and told, and when it ends.

Everything here runs in one thread; `send_messages` takes messages and gives outcomes there, and sends in others.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector_core.cli.interruption import Interrupted
from connector_core.cli.journal import has_refused_recipients
from connector_core.cli.journal_file import JournalError
from connector_core.cli.output import count
from connector_core.errors import (
    AccountRestricted,
    AuthorizationFailed,
    ConnectorError,
    DeliveryUnknown,
    InvalidMessage,
    SendError,
    UsageLimitExceeded,
)
from connector_core.message import Message, SendResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from connector_core.cli.interruption import Interruption
    from connector_core.cli.journal import Entry, Journal
    from connector_core.cli.message_file import MessageLine
    from connector_core.configured_connector import ConfiguredConnector

MOST_WAITING = 10_000
"""Outcomes that are known while earlier ones are not, such as those of lines without a message."""

MOST_REFUSALS = 10
"""Messages in a row that are refused for the account before no more are sent, where they are sent one by one."""

_OF_THE_ACCOUNT = frozenset({AuthorizationFailed.code, AccountRestricted.code, UsageLimitExceeded.code})
_LINES_AT_ONCE = 1000
_BATCH_BYTES = 10_000_000


@dataclass(slots=True)
class Told:
    """What is told of a line.

    Args:
        line: its number.
        end: where it ends in the file, in bytes.
        outcome: what became of its message.
        is_earlier: whether an earlier run has found it out.
        recipients_refused: whether it was sent, and not to all of its recipients.

    """

    line: int
    end: int
    outcome: SendResult | SendError | None = None
    is_earlier: bool = False
    recipients_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resending:
    """Which messages of an earlier run are sent again, besides those that go out again by themselves."""

    failed: bool = False
    unknown: bool = False


def goes_out_again(code: str | None, *, retryable: bool) -> bool:
    """Return whether the next run sends a message again by itself that was surely not sent.

    What is refused for the account says nothing of the message.
    """
    return retryable or code in _OF_THE_ACCOUNT


class SendRun:
    """A run through a file of messages.

    A message is marked in the journal before the connector gets it, and its outcome is in the journal before it is
    told. So what was told is known to the next run, and what was marked and neither settled nor told is unknown there.

    Args:
        lines: the messages.
        journal: where they are marked and settled, if anywhere.
        limits: the `message_limits` of the connector, for how many are marked at once.
        resending: what of an earlier run is sent again.
        tell: prints outcomes, in the order of the file.
        interruption: when it comes, no other message is taken.

    """

    def __init__(  # noqa: PLR0913  each of them is another thing around a run
        self,
        lines: Iterator[MessageLine],
        *,
        journal: Journal | None,
        limits: Mapping[str, int],
        resending: Resending,
        tell: Callable[[Sequence[Told]], None],
        interruption: Interruption,
    ) -> None:
        self.failure: Exception | None = None
        self.is_interrupted = False
        self._lines = lines
        self._journal = journal
        self._group_messages = limits.get("batchMessages", 1)
        self._group_bytes = limits.get("batchBytes", _BATCH_BYTES)
        self._resending = resending
        self._tell = tell
        self._interruption = interruption
        self._has_ended = self._is_broken = self._is_whole = False
        self._in_flight = self._refusals = 0
        self._waiting: deque[Told] = deque()
        self._ready: list[Told] = []
        self._settled: list[tuple[int, SendResult | SendError]] = []

    def send(self, sender: ConfiguredConnector, in_flight: int | None) -> None:
        """Send what has to be sent; when it returns, nothing is in flight.

        Afterwards, `failure` says what failed, and `is_interrupted` whether lines were left for an interruption.
        """
        while not self._has_ended:
            for outcome in sender.send_messages(self._take(), in_flight=in_flight):
                self._settle(outcome)
        self._flush()
        if self._is_whole and self.failure is None and self._journal is not None:
            self.failure = self._journal.find_missing()

    def _take(self) -> Iterator[Message]:
        """Yield messages, marked; end for a while when too many outcomes wait for earlier ones."""
        while not self._has_ended and len(self._waiting) - self._in_flight < MOST_WAITING:
            try:
                with self._interruption.at_once():
                    places, group = self._gather()
            except Interrupted:
                self.is_interrupted = self._has_ended = True
                return
            except JournalError as error:
                self._break(error)
                return
            self._flush()
            if self._may_send([(place.line, digest) for place, _, digest in group]):
                self._waiting += places
                self._in_flight += len(group)
                self._release()
                for _, message, _ in group:
                    yield message

    def _gather(self) -> tuple[list[Told], list[tuple[Told, Message, bytes]]]:
        """Return what is told of the next lines, and those of their messages that are sent, as many as are marked."""
        places: list[Told] = []
        group: list[tuple[Told, Message, bytes]] = []
        size = 0
        while len(places) < _LINES_AT_ONCE and len(group) < self._group_messages and size < self._group_bytes:
            line = self._read()
            if line is None:
                self._has_ended = True
                break
            message = line.found if isinstance(line.found, Message) else None
            place = Told(line.number, line.end)
            places.append(place)
            entry = None if self._journal is None else self._journal.find(line.number, message)
            if message is None:
                place.outcome = line.found if isinstance(line.found, InvalidMessage) else None
            elif entry is not None and (known := self._recall(entry)) is not None:
                place.outcome, place.is_earlier = known, True
                place.recipients_refused = entry.recipients_refused
            else:
                digest = b"" if self._journal is None else entry.digest if entry else self._journal.digest(message)
                group.append((place, message, digest))
                size += line.size
        return places, group

    def _read(self) -> MessageLine | None:
        """Return the next line, None after the last one; what was read before a failure is sent all the same."""
        try:
            line = next(self._lines, None)
        except OSError as cause:
            self.failure = ConnectorError(f"The file of messages can't be read to its end: {cause.strerror}.")
            return None
        except ConnectorError as error:
            self.failure = error
            return None
        self._is_whole = line is None
        return line

    def _recall(self, entry: Entry) -> SendResult | SendError | None:
        """Return what an earlier run has told of a message, None where it is sent now."""
        if entry.state == "sent":
            return SendResult(message_id=entry.message_id or "", status="queued" if entry.code == "queued" else "sent")
        if entry.state == "unknown":
            return None if self._resending.unknown else _KNOWN_UNKNOWN
        if self._resending.failed or goes_out_again(entry.code, retryable=entry.retryable):
            return None
        known = SendError("It was refused in an earlier run: mend the cause, then run again with --resend-failed.")
        known.code = entry.code or SendError.code
        return known

    def _settle(self, outcome: SendResult | SendError) -> None:
        """Note what became of the first message in flight."""
        place = self._waiting.popleft()
        place.outcome = outcome
        place.recipients_refused = isinstance(outcome, SendResult) and has_refused_recipients(outcome)
        self._in_flight -= 1
        self._count_refusals(outcome)
        self._ready.append(place)
        self._settled.append((place.line, outcome))
        self._release()
        # While messages are taken, the next ones are asked for as soon as the outcomes of a batch have come.
        if self._has_ended or len(self._settled) >= self._group_messages:
            self._flush()

    def _count_refusals(self, outcome: SendResult | SendError) -> None:
        """Take no more messages where the account is at fault, so that not all of them are refused one by one."""
        if not isinstance(outcome, SendError) or outcome.outcome != "not_sent" or outcome.code not in _OF_THE_ACCOUNT:
            if not _is_silent_about_the_account(outcome):
                self._refusals = 0
            return
        self._refusals += 1
        most = self._group_messages if self._group_messages > 1 else MOST_REFUSALS
        if self._refusals == most and not self._has_ended:
            self._has_ended = True
            then = "run the same command again" if self._journal else "send the messages that were not sent"
            self.failure = ConnectorError(
                f"Nothing more is sent, since {count(most, 'message')} in a row failed for the account "
                f"({outcome.code}): mend the config or the account, then {then}."
            )
            self.failure.code = outcome.code

    def _release(self) -> None:
        """Let the outcomes go that wait for no earlier one."""
        while self._waiting and self._waiting[0].outcome is not None:
            self._ready.append(self._waiting.popleft())
        if len(self._ready) >= _LINES_AT_ONCE:
            self._flush()

    def _may_send(self, marks: Sequence[tuple[int, bytes]]) -> bool:
        """Mark messages; return whether they may be sent."""
        if self._is_broken:
            return False
        if self._journal is not None and marks:
            try:
                self._journal.begin(marks)
            except JournalError as error:
                self._break(error)
                return False
        return True

    def _flush(self) -> None:
        """Journal and then tell what is ready; where one of them fails, the other goes on until all is settled."""
        if self._journal is not None and self._settled:
            try:
                self._journal.settle(self._settled)
            except JournalError as error:
                self._journal = None
                self._break(error)
        self._settled.clear()
        if self._ready:
            try:
                self._tell(self._ready)
            except OSError as error:
                self._break(error)
        self._ready.clear()

    def _break(self, error: Exception) -> None:
        """Send nothing more, since what becomes of it could not be kept or told."""
        self.failure = self.failure or error
        self._is_broken = self._has_ended = True


def _is_silent_about_the_account(outcome: SendResult | SendError) -> bool:
    """Return whether the provider has not answered a message, such as one that was refused before it went out."""
    return isinstance(outcome, SendError) and outcome.outcome == "not_sent" and outcome.provider is None


_KNOWN_UNKNOWN = DeliveryUnknown(
    "An earlier run handed it to the provider, and nobody knows whether it was taken: look for it there, then send it "
    "with --resend-unknown if it is not there."
)
