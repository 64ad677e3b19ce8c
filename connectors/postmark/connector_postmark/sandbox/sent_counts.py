"""How many mails the server sent: by day, message stream and tag, whatever the outbox has forgotten since."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta, timezone
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date, datetime

EASTERN = timezone(timedelta(hours=-5), "EST")
"""The time zone of the days (Postmark developer docs, "Stats API"), which knows no summer time."""


class _Kind(NamedTuple):
    day: date
    stream: str
    tag: str


class SentCounts:
    """Count mails; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[_Kind] = Counter()

    def add(self, moment: datetime, stream: str, tag: str = "") -> None:
        """Count a mail that was sent at a moment, which has a time zone."""
        kind = _Kind(moment.astimezone(EASTERN).date(), stream.lower(), tag)
        with self._lock:
            self._counts[kind] += 1

    def count(
        self, *, since: date | None = None, until: date | None = None, stream: str | None = None, tag: str | None = None
    ) -> int:
        """Return how many were sent, both days included; None is for all of them."""
        with self._lock:
            counts = list(self._counts.items())
        return sum(
            number
            for kind, number in counts
            if (since is None or kind.day >= since)
            and (until is None or kind.day <= until)
            and (stream is None or kind.stream == stream.lower())
            and (tag is None or kind.tag == tag)
        )
