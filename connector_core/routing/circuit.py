"""Whether a member is asked, as of a circuit breaker: closed, open for a while, then half-open for one trial."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING
from weakref import WeakSet

from connector_core.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.routing.backoff import Backoff

LONGEST_RETRY_AFTER = 3600.0
"""Seconds: a provider that names a later time is asked again after these, since it may have meant something else."""

_LONG_AGO = float("-inf")


class Admission:
    """The right to ask a member once; give it back by `succeed`, `fail` or `release` of its circuit."""

    __slots__ = ("era", "is_forced", "is_trial")

    def __init__(self, era: int, *, is_trial: bool = False, is_forced: bool = False) -> None:
        self.era = era
        self.is_trial = is_trial
        self.is_forced = is_forced


class Circuit:
    """The health of one member; safe in many threads and after a fork, and no lock is held while somebody sends.

    Args:
        name: what the log calls the member.
        backoff: how long it is skipped after a failure.
        clock: tells the time in seconds.

    """

    def __init__(self, name: str, backoff: Backoff, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._backoff = backoff
        self._clock = clock
        self._era = 0  # counts openings and closings: what began in an earlier one says nothing of this one
        self._failures = 0  # in a row; none while closed
        self._until = _LONG_AGO
        self._code: str | None = None
        self._begin_anew()
        _all_circuits.add(self)

    def _begin_anew(self) -> None:
        """Forget who is at work, in the child of a fork: these threads are the parent's."""
        self._lock = threading.Lock()
        self._trial: Admission | None = None

    @property
    def is_closed(self) -> bool:
        """Return whether the member is asked as usual."""
        return not self._failures

    @property
    def is_ready(self) -> bool:
        """Return whether the member would be asked now."""
        return not self._failures or (self._trial is None and self._clock() >= self._until)

    @property
    def until(self) -> float:
        """Return the time of the clock at which the pause ends, or ended."""
        return self._until

    @property
    def code(self) -> str | None:
        """Return the code of the error that the member is skipped for."""
        return self._code

    def admit(self) -> Admission | None:
        """Return the right to ask the member, or None where it is to be skipped."""
        if not self._failures:
            return Admission(self._era)
        with self._lock:
            if not self._failures:
                return Admission(self._era)
            if self._trial is not None or self._clock() < self._until:
                return None
            self._trial = Admission(self._era, is_trial=True)
            return self._trial

    def force(self) -> Admission:
        """Return the right to ask the member although it is to be skipped, for a message that nobody else takes."""
        return Admission(self._era, is_forced=True)

    def succeed(self, admission: Admission) -> None:
        """Note that the member works: a trial or a forced attempt closes the circuit."""
        if not self._failures:
            return
        with self._lock:
            if not self._failures or not (admission.is_forced or admission is self._trial):
                return
            self._failures, self._until, self._code, self._trial = 0, _LONG_AGO, None, None
            self._era += 1
        logger.info("%s is used again", self._name)

    def fail(self, admission: Admission, code: str, retry_after: float | None = None) -> None:
        """Note that the member doesn't work, for a reason that is its own.

        Args:
            admission: the right that was given for it.
            code: the code of the error.
            retry_after: the seconds that the provider asks to wait.

        """
        wanted = min(max(retry_after or 0.0, 0.0), LONGEST_RETRY_AFTER)
        with self._lock:
            now, is_trial = self._clock(), admission is self._trial
            if self._failures and not is_trial:  # known: many threads may fail at once, and this is one failure
                self._until = max(self._until, now + wanted)
                return
            if admission.era != self._era:
                return
            self._failures += 1
            self._era += 1
            self._trial = None
            pause = max(self._backoff.draw(self._failures), wanted)
            self._until, self._code = max(self._until, now + pause), code
        logger.warning("%s is skipped for %.1f s: %s", self._name, pause, code)

    def release(self, admission: Admission) -> None:
        """Note that an attempt said nothing of the member's health: after a trial comes another one."""
        with self._lock:
            if admission is self._trial:
                self._trial = None


_all_circuits: WeakSet[Circuit] = WeakSet()


def _begin_all_anew() -> None:
    for circuit in list(_all_circuits):
        circuit._begin_anew()  # noqa: SLF001  this module's own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_anew)
