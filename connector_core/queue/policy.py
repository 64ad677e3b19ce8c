"""When a message is tried again, and when it is given up: pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from connector_core.queue.entry import check_count, check_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_DOUBLINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one attempt to send.

    Args:
        outcome: whether the message was sent, as far as anybody knows.
        retryable: whether a message that was not sent may go through later.
        retry_after: seconds to wait, where the provider said so.
        code: the code of the error.
        sentence: what the error says.
        message_id: the provider's id of a message that was sent.

    """

    outcome: Literal["sent", "not_sent", "unknown"]
    retryable: bool = False
    retry_after: float | None = None
    code: str | None = None
    sentence: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The state of a message after an attempt, and for how many seconds it waits where it is sent again."""

    state: Literal["waiting", "sent", "dead", "unknown"]
    delay: float = 0
    code: str | None = None
    sentence: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a message that surely was not sent is tried again: exponential back-off with full jitter.

    Args:
        attempts: how many times it is tried at most.
        max_age: for how many seconds after it was enqueued it may be sent; a code is worth nothing a day later.
        first_delay: the longest wait before the second attempt, in seconds; it doubles with each one after.
        longest_delay: what that wait grows to, in seconds.

    Raises:
        TypeError: one of them is no number, or `attempts` no whole one.
        ValueError: one of them is not positive, or longer than a century.

    """

    attempts: int = 12
    max_age: float = 3600
    first_delay: float = 2
    longest_delay: float = 300

    def __post_init__(self) -> None:
        check_count("attempts", self.attempts, 1)
        for name in ("max_age", "first_delay", "longest_delay"):
            check_seconds(name, getattr(self, name))

    def settle(
        self, report: Report, *, attempts: int, age: float, draw: Callable[[], float] = random.random
    ) -> Settlement:
        """Return the state of a message after an attempt.

        Args:
            report: what became of the attempt.
            attempts: how many there were, this one included.
            age: the seconds since the message was enqueued.
            draw: gives a number from 0 to 1.

        """
        state: Literal["waiting", "sent", "dead", "unknown"]
        delay = 0.0
        if report.outcome != "not_sent":
            state = report.outcome
        else:
            delay = self._delay(report, attempts, draw)
            tried = report.retryable and attempts < self.attempts
            # What is no number compares as false, and ends here, too.
            state = "waiting" if tried and age + delay <= self.max_age else "dead"
        return Settlement(
            state=state,
            delay=delay if state == "waiting" else 0,
            code=report.code,
            sentence=report.sentence,
            message_id=report.message_id,
        )

    def _delay(self, report: Report, attempts: int, draw: Callable[[], float]) -> float:
        """Return how long to wait: never less than the provider asked for, and not all at the same moment after it."""
        doubled: float = self.first_delay * 2 ** min(attempts - 1, _MOST_DOUBLINGS)
        asked = report.retry_after
        return draw() * min(doubled, self.longest_delay) + (0 if asked is None else max(asked, 0))
