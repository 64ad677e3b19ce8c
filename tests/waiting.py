"""Waiting for a condition, the one place where a test sleeps: between two looks at it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 60, *, every: float = 0.02) -> Any:
    """Return what a condition gives once that is true.

    Args:
        condition: is asked again and again.
        what: names it where it does not come true.
        seconds: how long it may take.
        every: the seconds between two looks.

    """
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(every)
    return found
