"""The tasks of Celery's queue: made once, made again where the broker lost them, and withdrawn where nobody knows.

The tasks are in a broker in memory, and are delivered by the tests themselves; the ledger is a real Redis server.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import redis
from celery import Celery
from queue_desk import LEASE, MAX_AGE, Desk, Killed
from queue_site import make_message

from connector_core.integrations.celery import OVERDUE, CeleryQueue
from connector_core.queue import QueueError, redis_ledger


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_producer_that_is_killed_while_it_enqueues_may_enqueue_again_with_the_same_key(
    desk: Desk, moment: str
) -> None:
    desk.dies = moment
    with pytest.raises(Killed):
        desk.queue.enqueue(make_message("a"), key="a")
    desk.queue.enqueue(make_message("a"), key="a")
    desk.collect()
    while desk.tasks:
        desk.deliver(desk.tasks[0])

    assert desk.accepted == {"a": 1}


@pytest.mark.parametrize("order", [("lost", "again"), ("again", "lost")], ids="-".join)
def test_a_message_that_was_enqueued_again_since_the_broker_s_answer_was_lost_is_sent_once(
    desk: Desk, order: tuple[str, str]
) -> None:
    desk.failures = ["answer lost"]
    with pytest.raises(QueueError, match="may be queued: enqueue it again with the key a"):
        desk.queue.enqueue(make_message("a"), key="a")
    assert (desk.queue.state("a"), set(desk.queue.count().values())) == (None, {0})
    (lost,) = desk.collect()
    desk.queue.enqueue(make_message("a"), key="a")
    (again,) = desk.collect()
    tasks = {"lost": lost, "again": again}

    assert [desk.deliver(tasks[name]) for name in order] == ["dropped" if name == "lost" else "sent" for name in order]
    assert desk.accepted == {"a": 1}


def test_a_withdrawn_message_is_not_sent_and_its_key_may_be_used_again(desk: Desk) -> None:
    desk.failures = ["answer lost"]
    with pytest.raises(QueueError):
        desk.queue.enqueue(make_message("a"), key="a")
    (lost,) = desk.collect()
    assert (desk.deliver(lost), desk.asked) == ("dropped", {})
    desk.queue.enqueue(make_message("a"), key="a")
    (again,) = desk.collect()

    assert (desk.deliver(again), desk.accepted) == ("sent", {"a": 1})


@pytest.mark.parametrize("is_begun_again", [False, True], ids=["for good", "and begins again"])
def test_who_enqueues_what_another_withdraws_at_that_moment_is_told(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    is_begun_again: bool,  # noqa: FBT001  a parameter
) -> None:
    ledger, now = desk.queue._ledger, desk.clock.time()  # noqa: SLF001  where another process has its own
    begun = ledger.register("a", make_message("a").to_json(), "Email", "another", now)
    assert begun is not None
    publish = desk._task.apply_async  # noqa: SLF001  a moment that is hard to meet

    def publish_late(**options: Any) -> None:
        publish(**options)
        assert not ledger.withdraw("a", begun.turn, "another", now)
        if is_begun_again:
            ledger.register("a", make_message("a").to_json(), "Email", "another again", now)

    with monkeypatch.context() as patch:
        patch.setattr(desk._task, "apply_async", publish_late)  # noqa: SLF001  the same
        with pytest.raises(QueueError, match=r"withdrew the message.* enqueue it again with the key a"):
            desk.queue.enqueue(make_message("a"), key="a")
    if is_begun_again:
        assert not ledger.withdraw("a", begun.turn + 1, "another again", now)
    desk.queue.enqueue(make_message("a"), key="a")
    desk.collect()
    while desk.tasks:
        desk.deliver(desk.tasks[0])

    assert desk.accepted == {"a": 1}


@pytest.mark.parametrize("act", ["sent", "later", "refused", "unknown", "killed"])
def test_a_message_that_a_worker_had_before_the_broker_s_answer_was_lost_is_queued(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    publish = desk._task.apply_async  # noqa: SLF001  a moment that is hard to meet

    def publish_and_lose_the_answer(**options: Any) -> None:
        publish(**options)
        with monkeypatch.context() as patch:
            patch.setattr(desk._task, "apply_async", publish)  # noqa: SLF001  the same
            (task,) = desk.collect()
            desk.deliver(task, act)
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(desk._task, "apply_async", publish_and_lose_the_answer)  # noqa: SLF001  the same
        assert desk.queue.enqueue(make_message("a"), key="a") == "a"

    entry = desk.queue.state("a")
    assert entry is not None
    assert (entry.attempts, desk.asked) == (1, {"a": 1})


def test_a_message_that_another_published_meanwhile_is_queued(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def publish_after_another(**_options: Any) -> None:
        monkeypatch.setattr(desk._task, "apply_async", publish)  # noqa: SLF001  a moment that is hard to meet
        desk.queue.enqueue(make_message("a"), key="a")
        raise ConnectionResetError

    publish = desk._task.apply_async  # noqa: SLF001  the same
    monkeypatch.setattr(desk._task, "apply_async", publish_after_another)  # noqa: SLF001  the same

    assert desk.queue.enqueue(make_message("a"), key="a") == "a"
    (task,) = desk.collect()
    assert (desk.deliver(task), desk.accepted) == ("sent", {"a": 1})


def test_a_message_whose_ledger_is_away_when_the_broker_takes_nothing_is_named_and_rescued(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: Any) -> None:
        raise QueueError("The ledger is away.")

    desk.failures = ["refused"]
    with monkeypatch.context() as patch:
        patch.setattr(desk.queue._ledger, "withdraw", fail)  # noqa: SLF001  a moment that is hard to meet
        with pytest.raises(QueueError, match=r"did not take the message .* with the key ") as caught:
            desk.queue.enqueue(make_message("a"))
    key = str(caught.value).rpartition(" ")[2].removesuffix(".")
    desk.clock.now += OVERDUE

    assert desk.queue.rescue() == 1
    (task,) = desk.collect()
    assert (task["kwargs"]["key"], desk.deliver(task), desk.accepted) == (key, "sent", {"a": 1})


def test_who_did_not_take_a_message_in_does_not_withdraw_it(desk: Desk) -> None:
    desk.dies = "after"
    with pytest.raises(Killed):
        desk.queue.enqueue(make_message("a"), key="a")
    desk.failures = ["refused"]
    with pytest.raises(QueueError):
        desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()

    assert (desk.deliver(task), desk.accepted) == ("sent", {"a": 1})


def test_a_late_task_of_a_key_that_is_used_again_sends_the_message_that_has_it_now(desk: Desk) -> None:
    desk.queue.enqueue(make_message("old"), key="a")
    (task,) = desk.collect()
    desk.tasks.append(dict(task))
    assert desk.deliver(task, "refused") == "dead"
    (late,) = desk.tasks
    desk.queue.discard("a")
    desk.queue.enqueue(make_message("new"), key="a")
    (fresh,) = desk.collect()

    assert [desk.deliver(late), desk.deliver(fresh)] == ["sent", "dropped"]
    assert desk.asked == {"old": 1, "new": 1}


def test_a_task_that_the_broker_lost_is_made_again_once_it_is_overdue(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    desk.queue.enqueue(make_message("b"), key="b")
    lost, kept = desk.collect()
    desk.tasks.remove(lost)
    assert desk.deliver(kept) == "sent"
    desk.clock.now += OVERDUE - 1
    assert desk.queue.rescue() == 0
    desk.clock.now += 1
    assert [desk.queue.rescue(), desk.queue.rescue()] == [1, 0]
    (again,) = desk.collect()
    assert again["kwargs"] == lost["kwargs"]
    assert [desk.deliver(again), desk.deliver_lost(lost)] == ["sent", "dropped"]

    assert desk.accepted == {"a": 1, "b": 1}


@pytest.mark.parametrize("seconds", [20, 130], ids=["before they are swept", "after that"])
def test_messages_that_are_too_old_do_not_keep_a_lost_task_from_being_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(redis_ledger, "_AT_ONCE", 2)
    for key in ("a", "b", "c", "d", "e"):
        desk.queue.enqueue(make_message(key), key=key)
    desk.clock.now += MAX_AGE - OVERDUE
    desk.queue.enqueue(make_message("young"), key="young")
    desk.collect()
    desk.clock.now += OVERDUE + seconds

    assert desk.queue.rescue() == 1
    assert [task["kwargs"]["key"] for task in desk.collect()] == ["young"]


def test_one_task_that_can_not_be_made_again_does_not_keep_the_others_from_it(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ["a", "b", "c", "d", "e"]
    for key in keys:
        desk.queue.enqueue(make_message(key), key=key)
    desk.collect()
    desk.clock.now += OVERDUE
    desk.failures = ["refused", "", "refused", "refused"]

    assert desk.queue.rescue() == 2
    assert [task["kwargs"]["key"] for task in desk.collect()] == ["b", "e"]
    assert caplog.text.count("The broker did not take the message") == 3
    assert desk.queue.rescue() == 3
    assert [task["kwargs"]["key"] for task in desk.collect()] == ["a", "c", "d"]


def test_a_broker_that_takes_nothing_is_left_alone_until_the_next_rescue(desk: Desk) -> None:
    keys = ["a", "b", "c", "d", "e"]
    for key in keys:
        desk.queue.enqueue(make_message(key), key=key)
    desk.collect()
    desk.clock.now += OVERDUE
    desk.failures = ["refused"] * 3
    with pytest.raises(QueueError, match="did not take the message"):
        desk.queue.rescue()

    assert [desk.queue.rescue(), desk.queue.rescue()] == [5, 0]


def test_a_rescue_tells_what_nobody_settled(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()
    desk.deliver(task, "killed")
    desk.clock.now += LEASE + 1
    desk.queue.rescue()

    with redis.Redis.from_url(desk.ledger) as client:  # any other look would tell it by itself
        assert client.zrange(f"{{{desk.name}}}:unknown", 0, -1) == [b"a"]


def test_a_message_that_the_broker_did_not_take_is_not_queued(redis_url: str) -> None:
    name = f"test-{uuid.uuid4().hex}"
    app = Celery(name, broker="amqp://127.0.0.1:1//")
    queue = CeleryQueue(app, lambda: pytest.fail("not asked"), redis_url, name=name)
    with pytest.raises(QueueError, match="The broker did not take the message"):
        queue.enqueue(make_message("a"), key="a")

    assert queue.state("a") is None
    queue.close()
    app.close()
