"""Ctrl+C and SIGTERM while something is done that must not be left in the middle."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """The process was interrupted while it could be left at once."""


class Interruption:
    """Notes an interruption while its block runs; a second one ends the process as if nobody had caught it.

    Args:
        notify: is called at the first interruption.

    """

    def __init__(self, notify: Callable[[], None]) -> None:
        self.number = 0
        self._notify = notify
        self._may_raise = False
        self._before: list[Any] = []

    @property
    def exit_code(self) -> int:
        """Return the exit code of a process that a signal ended, as shells have it."""
        return 128 + self.number

    def __enter__(self) -> Self:
        self._before = [signal.signal(number, self._catch) for number in _SIGNALS]
        return self

    def __exit__(self, *_error: object) -> None:
        for number, handler in zip(_SIGNALS, self._before, strict=True):
            signal.signal(number, handler)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Leave the block by `Interrupted` at an interruption, also when it waits for somebody else."""
        self._may_raise = True
        try:
            if self.number:
                raise Interrupted
            yield
        finally:
            self._may_raise = False

    def _catch(self, number: int, _frame: object) -> None:
        self.number = number
        for one in _SIGNALS:
            signal.signal(one, signal.SIG_DFL)
        self._notify()
        if self._may_raise:
            raise Interrupted
