"""What is said of a large send on stderr: how far it is, and at the end what became of it and what to do next."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TextIO

from connector_core.cli.output import count
from connector_core.cli.send_run import goes_out_again
from connector_core.message import SendResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from connector_core.cli.send_run import Told

_MOST_RANGES = 20
_BAR_WIDTH = 24
TERMINAL_SECONDS, ELSEWHERE_SECONDS = 0.2, 5.0
"""Between two reports: where one takes the place of the other, and where they pile up."""


class _Lines:
    """Lines that a sentence names, as ranges; after some of them, only their number is kept."""

    def __init__(self) -> None:
        self.count = 0
        self._ranges: list[list[int]] = []

    def add(self, line: int) -> None:
        self.count += 1
        if self._ranges and self._ranges[-1][1] == line - 1:
            self._ranges[-1][1] = line
        elif len(self._ranges) <= _MOST_RANGES:
            self._ranges.append([line, line])

    def describe(self) -> str:
        shown = [f"{first}" if first == last else f"{first}-{last}" for first, last in self._ranges[:_MOST_RANGES]]
        more = " and more" if len(self._ranges) > _MOST_RANGES else ""
        return f"line{'s' if self.count > 1 else ''} {', '.join(shown)}{more}"


class Tally:
    """How many messages were sent, queued, not sent and unknown, in this run or an earlier one."""

    def __init__(self) -> None:
        self.sent = self.queued = self.not_sent = self.earlier = 0
        self.last_line = 0
        self._later = 0
        self._unknown, self._recipients_refused = _Lines(), _Lines()

    @property
    def total(self) -> int:
        """Return the number of all of them."""
        return self.sent + self.queued + self.not_sent + self._unknown.count

    @property
    def is_perfect(self) -> bool:
        """Return whether every message was sent or queued, for all of its recipients."""
        return not self.not_sent + self._unknown.count + self._recipients_refused.count

    def add(self, told: Told) -> None:
        """Count an outcome."""
        outcome = told.outcome
        self.last_line = told.line
        self.earlier += told.is_earlier
        if told.recipients_refused:
            self._recipients_refused.add(told.line)
        if isinstance(outcome, SendResult):
            self.sent += outcome.status == "sent"
            self.queued += outcome.status == "queued"
        elif outcome is None or outcome.outcome == "not_sent":
            self.not_sent += 1
            self._later += outcome is not None and goes_out_again(outcome.code, retryable=outcome.retryable)
        else:
            self._unknown.add(told.line)

    def to_json(self) -> dict[str, int]:
        """Return the counts as a JSON object in camelCase."""
        return {
            "messages": self.total,
            "sent": self.sent,
            "queued": self.queued,
            "notSent": self.not_sent,
            "unknown": self._unknown.count,
            "recipientsRefused": self._recipients_refused.count,
            "earlier": self.earlier,
        }

    def describe(self, *, has_journal: bool) -> Iterator[str]:
        """Yield sentences for people: the counts, and what to do next."""
        earlier = f" ({self.earlier:,} from an earlier run)" if self.earlier else ""
        yield (
            f"{count(self.total, 'message')}{earlier}: {self.sent:,} sent, {self.queued:,} queued, "
            f"{self.not_sent:,} not sent, {self._unknown.count:,} unknown."
        )
        again = "run the same command again" if has_journal else "send their lines again, and no others"
        if self._later:
            yield f"Not sent, and may go through later: {self._later:,}. To try, {again}."
        if refused := self.not_sent - self._later:
            then = f"{again} with --resend-failed" if has_journal else again
            yield f"Refused: {refused:,}. Mend the lines or the config, as the errors say, then {then}."
        if self._unknown.count:
            then = f"{again} with --resend-unknown" if has_journal else again
            yield (
                f"Nobody knows whether {self._unknown.describe()} arrived: look for them at the provider, and only if "
                f"they are not there, {then}."
            )
        if self._recipients_refused.count:
            yield (
                f"Sent, and not to all recipients: {self._recipients_refused.describe()}. To reach the others, write "
                "messages to them alone."
            )

    def describe_interruption(self, *, has_journal: bool) -> str:
        """Return a sentence that says where an interruption ended the run, and how to go on."""
        if not self.last_line:
            return "Interrupted before the first line. To begin, run the same command again."
        then = "run the same command again" if has_journal else "send the lines after it"
        return f"Interrupted after line {self.last_line}: this run sent nothing after it. To go on, {then}."


class Progress:
    """Says on a stream how far a send is: a bar that is drawn anew at a terminal, a line now and then elsewhere.

    Args:
        stream: where to.
        size: the bytes of the file, None where it has no end that is known.
        clock: gives seconds.

    """

    def __init__(self, stream: TextIO, size: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._size = size
        self._clock = clock
        self._at_terminal = stream.isatty()
        self._pause = TERMINAL_SECONDS if self._at_terminal else ELSEWHERE_SECONDS
        self._shown_at = self._seen_at = self._began_at = clock()
        self._lines = self._new = self._end = self._began_end = 0

    def advance(self, told: Sequence[Told]) -> None:
        """Count outcomes, and report where the last report is long enough ago."""
        now = self._clock()
        if not self._new:  # what an earlier run has done says nothing of the speed
            self._began_at, self._began_end = self._seen_at, self._end
        self._seen_at = now
        self._lines += len(told)
        self._new += sum(not one.is_earlier for one in told)
        self._end = told[-1].end
        if now - self._shown_at >= self._pause:
            self._shown_at = now
            self._show(" ".join(self._describe(now)))

    def finish(self) -> None:
        """Take the bar away."""
        if self._at_terminal:
            self._write("\r\x1b[K")

    def _describe(self, now: float) -> Iterator[str]:
        share = min(1.0, self._end / self._size) if self._size else None
        if share is not None and self._at_terminal:
            done = round(share * _BAR_WIDTH)
            yield f"[{'#' * done}{'-' * (_BAR_WIDTH - done)}]"
        if share is not None:
            yield f"{share:.0%},"
        seconds, passed = now - self._began_at, self._end - self._began_end
        rate = f", {self._new / seconds:,.0f} a second" if self._new and seconds else ""
        yield f"{count(self._lines, 'message')}{rate}"
        if self._size and rate:
            left = seconds * max(0, self._size - self._end) / passed
            yield f"- {_format_time(left)} left"

    def _show(self, words: str) -> None:
        self._write(f"\r\x1b[K{words}" if self._at_terminal else f"{words}\n")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:  # nobody looks any more, and the messages matter more
            self._pause = float("inf")


class Silence:
    """Says nothing of how far a send is."""

    def advance(self, told: Iterable[Any]) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


def _format_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
