"""How long a member that failed is skipped."""

from __future__ import annotations

import random
from dataclasses import dataclass

_MOST_DOUBLINGS = 32
"""More would be no longer pause, and soon no number."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a member that failed is skipped: about twice as long after each failure in a row.

    A pause is drawn from the upper half of what it may be, so that many processes don't come back at the same moment.

    Args:
        shortest: seconds of the shortest pause.
        longest: seconds of the longest pause. A provider that names a later time itself (`Retry-After`) is heard.

    Raises:
        ValueError: they are no such limits.

    """

    shortest: float = 1.0
    longest: float = 60.0

    def __post_init__(self) -> None:
        if not 0 < self.shortest <= self.longest:
            raise ValueError("A back-off is longer than 0 seconds, and its longest pause no shorter than its shortest.")

    def draw(self, failures: int) -> float:
        """Return the seconds of a pause after so many failures in a row."""
        most = min(self.longest, self.shortest * 2 ** min(failures, _MOST_DOUBLINGS))
        return random.uniform(max(self.shortest, most / 2), most)  # noqa: S311  spreads load
