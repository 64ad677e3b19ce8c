"""Many questions to a provider at the same time: in order, bounded, and without waiting after a failure."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import pytest

from connector_core import ProviderUnavailable, ask_at_once
from connector_core.testing.wire_server import HANG_GUARD, finish


def test_questions_at_the_same_time_are_answered_in_order_by_eight_threads() -> None:
    all_there = threading.Barrier(8)
    threads: set[str] = set()

    def ask(number: int) -> int:
        threads.add(threading.current_thread().name)
        all_there.wait(HANG_GUARD)  # with fewer threads than eight, nobody would come through
        return number * 2

    assert list(ask_at_once(ask, range(32))) == [number * 2 for number in range(32)]
    assert len(threads) == 8


def test_questions_have_the_context_of_who_asks() -> None:
    trace = ContextVar("trace", default="none")
    trace.set("t-7")

    assert set(ask_at_once(lambda _: trace.get(), range(16))) == {"t-7"}


def test_after_a_question_that_fails_no_other_is_waited_for() -> None:
    done = threading.Event()

    def ask(number: int) -> None:
        if number == 0:
            raise ProviderUnavailable("Gone.")
        done.wait(HANG_GUARD)

    try:
        with pytest.raises(ProviderUnavailable):
            finish(lambda: list(ask_at_once(ask, range(100))))
    finally:
        done.set()
