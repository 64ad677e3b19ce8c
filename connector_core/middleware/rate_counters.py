"""Counters of what was sent within a while, in memory or in a store that several processes share."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakSet

from connector_core.log import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from limits import RateLimitItem
    from limits.storage import Storage
    from limits.strategies import MovingWindowRateLimiter

AWAY_SECONDS = 5.0
"""How long a store that didn't answer is left alone, so that not every send waits for it."""

_ANSWER_SECONDS = 1.0
"""How long Redis may take to connect and to answer: a send waits meanwhile."""

_LEAST_WAIT = 0.001
_MEMORY = "memory://"


class Claim(NamedTuple):
    """A place that a message wants within a limit, of whom it is."""

    limit: RateLimitItem
    whose: str


class CountersAway(Exception):
    """The shared counters don't answer."""


class RateCounters:
    """Counters by moving windows; safe in many threads, and each process after a fork has connections of its own.

    While shared counters don't answer, each process counts for itself, or says that they are away.

    Args:
        storage: `memory://`, the URL of a shared one such as `redis://127.0.0.1:6379/0`, or a storage of `limits`.
        prefix: what the names of the counters begin with.
        must_answer: whether to say that shared counters are away, rather than to count in this process meanwhile.

    Raises:
        ValueError: the storage is unknown, or can't count by moving windows; the sentence doesn't repeat the URL.

    """

    def __init__(self, storage: str | Storage, *, prefix: str, must_answer: bool) -> None:
        from limits.storage import MemoryStorage

        self._prefix = prefix
        self._must_answer = must_answer
        self._open_shared: Callable[[], MovingWindowRateLimiter] | None = None
        self._shared: MovingWindowRateLimiter | None = None
        self._own: MovingWindowRateLimiter | None = None
        self._begin()
        if isinstance(storage, MemoryStorage):
            self._own = _count_in(storage)
        elif storage != _MEMORY:
            self._open_shared = partial(_open, storage) if isinstance(storage, str) else partial(_count_in, storage)
            self._shared = self._open_shared()
        _all_counters.add(self)

    def _begin(self) -> None:
        """Begin with nothing, also in the child of a fork: its parent's locks and connections are not its own."""
        self._lock = threading.Lock()
        self._is_away = False
        self._ask_again_at = 0.0
        self._shared = self._own = None

    def look(self, claims: Sequence[Claim]) -> float:
        """Return in how many seconds there is a place for all of the claims: 0.0 where there is now.

        Raises:
            CountersAway: the shared counters don't answer.

        """
        return self._ask(lambda limiter: self._find_wait(limiter, claims))

    def take(self, claims: Sequence[Claim]) -> float:
        """Take a place for all of the claims; return in how many seconds to try again: 0.0 where it did.

        Where there is none for one of them, none is taken; only processes that want the last one at the same moment may
        take some in vain.

        Raises:
            CountersAway: the shared counters don't answer.

        """

        def take(limiter: MovingWindowRateLimiter) -> float:
            if len(claims) > 1 and (wait := self._find_wait(limiter, claims)):
                return wait
            for claim in claims:
                if not limiter.hit(
                    claim.limit, self._prefix, claim.whose
                ):  # somebody else was faster, or it is the one
                    return self._find_wait(limiter, [claim]) or _LEAST_WAIT
            return 0.0

        return self._ask(take)

    def _find_wait(self, limiter: MovingWindowRateLimiter, claims: Sequence[Claim]) -> float:
        longest = 0.0
        for claim in claims:
            window = limiter.get_window_stats(claim.limit, self._prefix, claim.whose)
            if window.remaining <= 0:
                longest = max(longest, window.reset_time - time.time(), _LEAST_WAIT)
        return longest

    def _ask(self, question: Callable[[MovingWindowRateLimiter], float]) -> float:
        if self._open_shared is not None and self._may_ask():
            try:
                if self._shared is None:
                    self._shared = self._open_shared()
                answer = question(self._shared)
            except Exception as error:  # noqa: BLE001  whatever a storage raises, it can't be counted there
                self._note_away(error)
            else:
                self._note_back()
                return answer
        if self._open_shared is not None and self._must_answer:
            raise CountersAway
        with self._lock:  # the counters in memory of old releases of `limits` have no lock of their own
            if self._own is None:
                self._own = _open(_MEMORY)
            return question(self._own)

    def _may_ask(self) -> bool:
        if not self._is_away:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + AWAY_SECONDS  # the others needn't wait for the answer
            return True

    def _note_away(self, error: Exception) -> None:
        with self._lock:
            self._ask_again_at = time.monotonic() + AWAY_SECONDS
            was_away, self._is_away = self._is_away, True
        if not was_away:
            until = "nothing is sent" if self._must_answer else "each process counts for itself"
            problem = "The rate guard's counters don't answer (%s): look after their store. Until they do, %s."
            logger.warning(problem, type(error).__name__, until)

    def _note_back(self) -> None:
        if not self._is_away:
            return
        with self._lock:
            was_away, self._is_away = self._is_away, False
        if was_away:
            logger.info("The rate guard's counters answer again.")


def read_limits(text: str) -> list[RateLimitItem]:
    """Return the limits that a text names, such as `10 per 600 seconds` or `100/second; 5000/hour`.

    Raises:
        ValueError: it names none.

    """
    from limits import parse_many

    try:
        limits = list(parse_many(text))
    except ValueError:
        limits = []
    if not limits or any(limit.amount < 1 for limit in limits):
        raise ValueError(f"{text!r} is no limit: write it as '10 per 600 seconds', or '100/second; 5000/hour'.")
    return limits


def describe(limits: Sequence[RateLimitItem]) -> str:
    """Return limits for people: `10 in 600 seconds`."""
    return " and ".join(f"{limit.amount:,} in {limit.get_expiry():,} s" for limit in limits)


def _open(url: str) -> MovingWindowRateLimiter:
    from limits.errors import ConfigurationError
    from limits.storage import storage_from_string

    options: dict[str, Any] = {}
    try:
        if urlsplit(url).scheme in {"redis", "rediss"}:
            options = _make_redis_options()
        return _count_in(storage_from_string(url, **options))  # type: ignore[arg-type]  # no asynchronous one
    except (ConfigurationError, ImportError):
        problem = "is unknown, or lacks its library: give memory://, or redis://... with the extra redis"
    except ValueError:
        problem = "is malformed: write it as redis://127.0.0.1:6379/0"
    # Outside of the except block: the cause quotes the URL, which may hold a password.
    raise ValueError(f"The storage of the rate guard {problem}.")


def _make_redis_options() -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    # By default, redis waits for ever, or tries again for many seconds.
    return {
        "socket_connect_timeout": _ANSWER_SECONDS,
        "socket_timeout": _ANSWER_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }


def _count_in(storage: Storage) -> MovingWindowRateLimiter:
    from limits.strategies import MovingWindowRateLimiter

    try:
        return MovingWindowRateLimiter(storage)
    except (NotImplementedError, AssertionError):
        raise ValueError(
            "The storage of the rate guard can't count by moving windows: take one that can, such as Redis."
        ) from None


_all_counters: WeakSet[RateCounters] = WeakSet()


def _renew_all() -> None:
    for counters in _all_counters:
        counters._begin()  # noqa: SLF001  of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
