"""A circuit skips a member after a failure, lets one trial through after the pause, and closes after a success."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule
from routing_peers import Clock

from connector_core.routing import Backoff
from connector_core.routing.circuit import LONGEST_RETRY_AFTER, Circuit

if TYPE_CHECKING:
    from connector_core.routing.circuit import Admission

CODE = "provider_unavailable"
STEADY = Backoff(shortest=1.0, longest=1.0)


def open_circuit(clock: Clock, backoff: Backoff = STEADY, retry_after: float | None = None) -> Circuit:
    circuit = Circuit("alpha-mail", backoff, clock)
    admission = circuit.admit()
    assert admission is not None
    circuit.fail(admission, CODE, retry_after)
    return circuit


class CircuitMachine(RuleBasedStateMachine):
    """Whatever many threads do and in whatever order, against what the page about routing says."""

    admissions: Bundle[Admission] = Bundle("admissions")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.circuit = Circuit("alpha-mail", Backoff(), self.clock)
        self.trial: Admission | None = None
        self.asked_to_wait_until = 0.0
        self.failures = 0

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(target=admissions)
    def someone_wants_to_send(self) -> Admission:
        is_skipped = self.failures > 0 and (self.trial is not None or self.clock.now < self.circuit.until)
        admission = self.circuit.admit()
        assert (admission is None) == is_skipped
        if admission is None:
            return self.circuit.force()
        assert admission.is_trial == (self.failures > 0)
        if admission.is_trial:
            self.trial = admission
        return admission

    @rule(admission=consumes(admissions))
    def one_succeeds(self, admission: Admission) -> None:
        self.circuit.succeed(admission)
        if self.failures and (admission is self.trial or admission.is_forced):
            self.failures, self.trial, self.asked_to_wait_until = 0, None, 0.0
        assert self.circuit.is_closed == (self.failures == 0)

    @rule(admission=consumes(admissions), retry_after=st.none() | st.floats(0, 200))
    def one_fails(self, admission: Admission, retry_after: float | None) -> None:
        before, began_in = self.circuit.until, admission.era
        counts = admission is self.trial or (self.failures == 0 and began_in == self.circuit._era)  # noqa: SLF001  which era it is can't be seen from outside
        self.circuit.fail(admission, CODE, retry_after)
        if counts:
            self.failures, self.trial = self.failures + 1, None
            pause = self.circuit.until - self.clock.now
            wanted = max(self.asked_to_wait_until - self.clock.now, retry_after or 0.0)
            assert 1.0 - 1e-6 <= pause <= max(60.0, wanted) + 1e-6
        elif self.failures == 0:
            assert self.circuit.is_closed
        else:
            assert self.circuit.until >= before
        if self.failures:
            self.asked_to_wait_until = max(self.asked_to_wait_until, self.clock.now + (retry_after or 0.0))

    @rule(admission=consumes(admissions))
    def one_says_nothing(self, admission: Admission) -> None:
        self.circuit.release(admission)
        if admission is self.trial:
            self.trial = None

    @precondition(lambda self: self.failures > 0)
    @invariant()
    def a_wait_that_was_asked_for_is_kept(self) -> None:
        assert self.circuit.until >= self.asked_to_wait_until - 1e-6
        assert self.circuit.code == CODE


CircuitMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCircuit = CircuitMachine.TestCase


@given(failures=st.integers(1, 100_000), shortest=st.floats(0.001, 100), times=st.floats(1, 1000))
def test_a_pause_stays_within_its_limits(failures: int, shortest: float, times: float) -> None:
    backoff = Backoff(shortest=shortest, longest=shortest * times)
    assert shortest <= backoff.draw(failures) <= backoff.longest


def test_a_pause_grows_with_each_failure_in_a_row_and_two_processes_rarely_draw_the_same() -> None:
    backoff = Backoff()
    bounds = [(1, 2), (2, 4), (4, 8), (8, 16), (16, 32), (30, 60), (30, 60)]
    for failures, (least, most) in enumerate(bounds, start=1):
        drawn = [backoff.draw(failures) for _ in range(50)]
        assert least <= min(drawn) < max(drawn) <= most


@pytest.mark.parametrize(("shortest", "longest"), [(0, 1), (-1, 1), (2, 1), (float("nan"), 1)])
def test_a_back_off_that_is_none_is_refused(shortest: float, longest: float) -> None:
    with pytest.raises(ValueError, match="back-off"):
        Backoff(shortest=shortest, longest=longest)


def test_many_failures_at_once_are_one() -> None:
    clock = Clock()
    circuit = Circuit("alpha-mail", Backoff(), clock)
    admissions = [circuit.admit() for _ in range(50)]

    for admission in admissions:
        assert admission is not None
        circuit.fail(admission, CODE)

    assert circuit.until - clock.now <= 2.0  # the pause after one failure


def test_a_success_that_began_before_the_failure_closes_nothing() -> None:
    circuit = Circuit("alpha-mail", STEADY, Clock())
    early, failing = circuit.admit(), circuit.admit()
    assert early is not None
    assert failing is not None
    circuit.fail(failing, CODE)

    circuit.succeed(early)

    assert not circuit.is_closed


def test_a_failure_that_began_before_the_recovery_opens_nothing() -> None:
    clock = Clock()
    circuit = Circuit("alpha-mail", STEADY, clock)
    early, failing = circuit.admit(), circuit.admit()
    assert early is not None
    assert failing is not None
    circuit.fail(failing, CODE)
    clock.now += 1.0
    trial = circuit.admit()
    assert trial is not None
    circuit.succeed(trial)

    circuit.fail(early, CODE)

    assert circuit.is_closed


def test_one_trial_at_a_time_is_let_through_after_the_pause() -> None:
    clock = Clock()
    circuit = open_circuit(clock)
    clock.now += 0.9
    assert circuit.admit() is None
    clock.now += 0.1
    first = circuit.admit()
    assert first is not None
    assert first.is_trial
    assert circuit.admit() is None

    circuit.release(first)

    assert circuit.admit() is not None


def test_a_provider_that_asks_for_a_longer_wait_is_heard_up_to_an_hour() -> None:
    clock = Clock()
    assert open_circuit(clock, retry_after=90.0).until == clock.now + 90.0
    assert open_circuit(clock, retry_after=1e9).until == clock.now + LONGEST_RETRY_AFTER
    for nonsense in (-5.0, float("nan")):
        assert open_circuit(clock, retry_after=nonsense).until == clock.now + 1.0


def test_a_forced_attempt_that_succeeds_closes() -> None:
    circuit = open_circuit(Clock())
    circuit.succeed(circuit.force())
    assert circuit.is_closed


def test_a_forced_attempt_that_fails_makes_the_pause_no_longer_unless_the_provider_says_so() -> None:
    clock = Clock()
    circuit = open_circuit(clock)
    until = circuit.until
    circuit.fail(circuit.force(), CODE)
    assert circuit.until == until
    circuit.fail(circuit.force(), CODE, 30.0)
    assert circuit.until == clock.now + 30.0


def test_a_wait_that_was_asked_for_during_a_trial_is_kept_when_the_trial_fails() -> None:
    clock = Clock()
    circuit = open_circuit(clock)
    clock.now += 1.0
    trial = circuit.admit()
    assert trial is not None
    circuit.fail(circuit.force(), CODE, 30.0)

    circuit.fail(trial, CODE)

    assert circuit.until == clock.now + 30.0


def test_a_wait_that_was_asked_for_is_over_after_a_success() -> None:
    clock = Clock()
    circuit = open_circuit(clock, retry_after=300.0)
    circuit.succeed(circuit.force())
    admission = circuit.admit()
    assert admission is not None

    circuit.fail(admission, CODE)

    assert circuit.until == clock.now + 1.0


def test_the_log_says_what_is_skipped_and_used_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "connector_core")
    circuit = open_circuit(Clock())
    circuit.succeed(circuit.force())
    assert caplog.messages == [f"alpha-mail is skipped for 1.0 s: {CODE}", "alpha-mail is used again"]


def test_of_many_threads_one_gets_the_trial() -> None:
    clock = Clock()
    circuit = open_circuit(clock)
    clock.now += 1.0
    barrier, given_out = threading.Barrier(16), []

    def want() -> None:
        barrier.wait()
        given_out.append(circuit.admit())

    threads = [threading.Thread(target=want) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([one for one in given_out if one is not None]) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # other tests' threads may still be ending
def test_a_child_of_a_fork_waits_for_no_thread_of_its_parent() -> None:
    clock = Clock()
    circuit = open_circuit(clock)
    clock.now += 1.0
    trial = circuit.admit()  # a thread of the parent is at it
    assert trial is not None

    with circuit._lock:  # noqa: SLF001  the worst moment for a fork can't be met from outside
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(10)  # a child that waits for ever is ended
            own = circuit.admit()
            os._exit(0 if own is not None and own.is_trial else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert circuit.admit() is None  # in the parent the trial is still out
