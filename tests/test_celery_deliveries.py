"""Celery's queue keeps its promise, whatever is delivered in whatever order, and whoever is killed at which moment.

The tasks are in a broker in memory, and are delivered by the tests themselves; the ledger is a real Redis server.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from queue_desk import LEASE, MAX_AGE, Clock, Desk, Killed
from queue_site import make_message

from connector_core.integrations import celery as integration
from connector_core.integrations.celery import OVERDUE
from connector_core.queue import QueueError

KEYS = ["a", "b", "c"]


class Deliveries(RuleBasedStateMachine):
    """Producers and workers that are killed at any moment, and a broker that delivers what it likes."""

    ledger = ""
    ends: ClassVar[Counter[str]] = Counter()
    """How many messages ended in each state."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(integration, "time", self.clock)
        self.desk = Desk(self.ledger, self.clock)
        self.allowed: dict[str, int] = {}
        """How many times each key may have been sent: once, and once more each time that somebody asked for it."""
        self.promised: set[str] = set()
        """The keys of which `enqueue` said that they are queued."""

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            self.desk.close()
            self.patch.undo()

    @rule(
        key=st.sampled_from(KEYS),
        dies=st.sampled_from(["", "", "before", "after"]),
        failures=st.sampled_from([[], ["refused"], ["answer lost"]]),
    )
    def enqueue(self, key: str, dies: str, failures: list[str]) -> None:
        self.desk.dies, self.desk.failures = dies, [*failures]
        self.allowed.setdefault(key, 1)
        with suppress(Killed, QueueError):
            self.desk.queue.enqueue(make_message(key), key=key)
            self.promised.add(key)
        self.desk.dies, self.desk.failures = "", []
        self.desk.collect()

    @precondition(lambda self: self.desk.tasks)
    @rule(
        data=st.data(),
        act=st.sampled_from(["sent", "later", "later", "refused", "unknown", "killed", "sent and killed"]),
        dies=st.sampled_from(["", "", "before", "after"]),
        is_repeated=st.booleans(),
    )
    def deliver(self, data: st.DataObject, act: str, dies: str, is_repeated: bool) -> None:  # noqa: FBT001  drawn
        task = data.draw(st.sampled_from(self.desk.tasks))
        if is_repeated:
            self.desk.tasks.append(dict(task))
        self.desk.dies = dies
        self.desk.deliver(task, act)
        self.desk.dies = ""

    @rule(key=st.sampled_from(KEYS), dies=st.sampled_from(["", "before", "after"]))
    def requeue(self, key: str, dies: str) -> None:
        self.desk.dies = dies
        try:
            self.desk.queue.requeue(key)
        except QueueError:
            return
        except Killed:
            self.desk.collect()
        finally:
            self.desk.dies = ""
        self.allowed[key] += 1

    @precondition(lambda self: self.desk.tasks)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        self.desk.tasks.remove(data.draw(st.sampled_from(self.desk.tasks)))

    @rule()
    def rescue(self) -> None:
        self.desk.queue.rescue()
        self.desk.collect()

    @rule(seconds=st.sampled_from([0.5, 5, 11, 200, 1100]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def nothing_is_sent_more_often_than_allowed(self) -> None:
        assert all(count <= self.allowed[key] for key, count in self.desk.accepted.items())

    def finish(self) -> None:
        """Deliver everything that the broker has, and let what was begun lapse: nothing waits for ever."""
        self.clock.now += OVERDUE
        self.desk.queue.rescue()
        self.desk.collect()
        self.clock.now += LEASE + 1
        while self.desk.tasks:
            self.desk.deliver(self.desk.tasks[0])
        self.nothing_is_sent_more_often_than_allowed()
        self.clock.now += MAX_AGE + 100
        counted = self.desk.queue.count()
        assert not counted["waiting"] + counted["sending"]
        entries = {key: self.desk.queue.state(key) for key in self.allowed}
        known = {key: entry.state for key, entry in entries.items() if entry is not None}
        assert sum(counted.values()) == len(known)
        assert self.promised <= {*known}
        for key in self.allowed:
            is_unsent = key not in known or (known[key] == "dead" and self.allowed[key] == 1)
            assert is_unsent <= (self.desk.accepted.get(key, 0) == 0)
        self.ends.update(known.values())


def test_whatever_is_delivered_and_whoever_is_killed_nothing_is_lost_nor_sent_twice(redis_url: str) -> None:
    Deliveries.ledger = redis_url
    Deliveries.ends.clear()
    run_state_machine_as_test(Deliveries, settings=settings(max_examples=40, stateful_step_count=30, deadline=None))

    # The machine asserts after each step and at the end of each run; here, that messages came through it at all.
    assert Deliveries.ends["sent"]


@pytest.mark.parametrize(("act", "end"), [("sent", "sent"), ("refused", "dead"), ("sent and killed", "unknown")])
def test_deliveries_come_to_each_end(redis_url: str, act: str, end: str) -> None:
    Deliveries.ledger = redis_url
    Deliveries.ends.clear()
    deliveries = Deliveries()
    try:
        deliveries.enqueue(key="a", dies="", failures=[])
        deliveries.desk.deliver(deliveries.desk.tasks[0], act)
    finally:
        deliveries.teardown()

    assert Deliveries.ends == {end: 1}
