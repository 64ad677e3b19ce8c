"""What Celery's queue does with a task, step by step.

The tasks are in a broker in memory, and are delivered by the tests themselves; the ledger is a real Redis server.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from brokers import delete_queue
from celery import Celery
from queue_desk import MAX_AGE, Clock, Desk
from queue_site import CODE, TOKEN, make_message

from connector_core import InvalidMessage, Message, StoreError
from connector_core.integrations.celery import CeleryQueue
from connector_core.queue import QueueError


def test_two_applications_of_one_process_that_have_a_queue_each_send_through_their_own(redis_url: str) -> None:
    desks = [Desk(redis_url, Clock()) for _ in range(2)]
    app = Celery("second", broker="memory://")
    app.conf.update(task_default_queue="second")
    other = CeleryQueue(app, lambda: desks[1], redis_url, name=desks[0].name)
    first, second = (one.tasks[f"{desks[0].name}.send_message"] for one in (desks[0].app, app))

    assert first.app is desks[0].app
    assert second.app is app
    assert first.run is not second.run
    other.close()
    app.close()
    for desk in desks:
        desk.close()


def test_a_task_is_acknowledged_once_its_message_is_settled_and_has_no_result(desk: Desk) -> None:
    task = desk.app.tasks[f"{desk.name}.send_message"]

    assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True)
    assert desk.app.conf.result_backend is None


def test_the_broker_is_told_the_message_but_neither_a_config_nor_a_payload_to_log(desk: Desk) -> None:
    key = desk.queue.enqueue(make_message("a"))
    (task,) = desk.collect()

    assert sorted(task["kwargs"]) == ["connector_type", "key", "message", "since", "turn"]
    assert Message.from_json(task["kwargs"]["message"]) == make_message("a")
    assert task["headers"]["id"] == f"{key}.0"
    assert key in task["headers"]["kwargsrepr"]
    assert CODE not in str(task["headers"])
    assert TOKEN not in str(task)


def test_a_retry_waits_for_as_long_as_the_policy_says_and_its_first_task_sends_nothing_more(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (first,) = desk.collect()
    desk.tasks.append(dict(first))
    assert desk.deliver(first, "later") == "waiting"
    (again, later) = desk.tasks
    assert desk.deliver(again) == "dropped"
    assert (later["kwargs"]["turn"], later["headers"]["eta"] is not None) == (1, True)
    assert desk.deliver(later) == "sent"

    assert desk.asked == {"a": 2}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_is_killed_around_the_making_of_the_next_task_loses_no_message(desk: Desk, moment: str) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (first,) = desk.collect()
    desk.dies = moment
    desk.deliver(first, "later")
    while desk.tasks:
        desk.deliver(desk.tasks[0])

    entry = desk.queue.state("a")
    assert entry is not None
    assert (entry.state, entry.attempts, desk.asked) == ("sent", 2, {"a": 2})


def test_an_error_that_can_not_be_written_down_as_it_is_settles_its_message(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()

    assert desk.deliver(task, "odd") == "dead"
    assert [one.sentence for one in desk.queue.dead_letters()] == ["Half a character: \ufffd"]


def test_a_message_whose_tasks_were_all_lost_is_a_dead_letter_in_the_end(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    desk.collect()
    desk.clock.now += MAX_AGE + 100
    assert desk.queue.rescue() == 0

    assert [(one.key, one.code) for one in desk.queue.dead_letters()] == [("a", "expired")]
    desk.queue.discard("a")
    assert desk.queue.state("a") is None


def test_a_message_that_is_given_up_keeps_its_last_error(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()
    assert desk.deliver(task, "later") == "waiting"
    desk.clock.now += MAX_AGE + 100

    assert [(one.key, one.code) for one in desk.queue.dead_letters()] == [("a", "provider_unavailable")]


def test_a_message_of_which_the_ledger_knows_nothing_is_not_sent_before_somebody_asks(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()
    delete_queue(desk.ledger, desk.name)
    assert desk.deliver(task) == "unknown"
    assert desk.asked == {}

    desk.queue.requeue("a")
    (again,) = desk.collect()
    assert (desk.deliver(again), desk.asked) == ("sent", {"a": 1})


def test_a_message_that_waited_too_long_is_not_sent(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()
    desk.clock.now += MAX_AGE + 1

    assert (desk.deliver(task), desk.asked) == ("dead", {})
    (dead,) = desk.queue.dead_letters()
    assert (dead.code, dead.message) == ("expired", make_message("a").to_json())


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreError("The store is away."), "store_failed"), (asyncio.CancelledError(), "general")],
    ids=["a store that is away", "a cancelled task of asyncio"],
)
def test_a_worker_whose_sender_can_not_be_made_yet_tries_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: str
) -> None:
    def fail() -> Any:
        raise error

    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()
    with monkeypatch.context() as patch:
        patch.setattr(desk.queue, "_make_sender", fail)
        assert desk.deliver(task) == "waiting"
    entry = desk.queue.state("a")
    assert entry is not None
    assert (entry.code, desk.asked) == (code, {})
    assert desk.deliver(desk.tasks[0]) == "sent"


def test_a_message_of_no_shape_is_a_dead_letter(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()
    task["kwargs"]["message"] = {"to": "a@example.com"}
    delete_queue(desk.ledger, desk.name)  # which knows better
    assert desk.deliver(task) == "unknown"
    desk.queue.requeue("a")
    (again,) = desk.collect()

    assert desk.deliver(again) == "dead"
    assert [one.code for one in desk.queue.dead_letters()] == ["invalid_message"]


def test_what_is_over_makes_room_by_itself(desk: Desk) -> None:
    for key, act in (("a", "sent"), ("b", "refused"), ("c", "unknown")):
        desk.queue.enqueue(make_message(key), key=key)
        (task,) = desk.collect()
        desk.deliver(task, act)
    assert desk.queue.count() == {"waiting": 0, "sending": 0, "sent": 1, "dead": 1, "unknown": 1}
    desk.clock.now += 10**6 + 1

    assert set(desk.queue.count().values()) == {0}


@pytest.mark.parametrize(
    ("settings", "kind"),
    [({"overdue": 0}, ValueError), ({"lease": "60"}, TypeError), ({"window": 1e300}, ValueError)],
    ids=str,
)
def test_a_setting_of_no_sense_is_refused(settings: dict[str, Any], kind: type[Exception]) -> None:
    (name,) = settings
    with Celery("odd", broker="memory://") as app, pytest.raises(kind, match=f"^{name} is .*: give "):
        CeleryQueue(app, lambda: pytest.fail("not asked"), "redis://127.0.0.1:1/0", **settings)


@pytest.mark.parametrize(("limit", "kind"), [(-1, ValueError), ("1", TypeError), (True, TypeError), (None, TypeError)])
def test_a_limit_of_no_sense_is_refused(desk: Desk, limit: Any, kind: type[Exception]) -> None:
    for look in (desk.queue.dead_letters, desk.queue.unknown):
        with pytest.raises(kind, match=r"^limit is .*: give "):
            look(limit=limit)
        assert look(limit=0) == []


def test_what_can_not_be_queued_is_refused_at_once(desk: Desk) -> None:
    message = make_message("a")
    message.payload["code"] = {CODE}
    with pytest.raises(InvalidMessage, match="payload"):
        desk.queue.enqueue(message, key="a")
    with pytest.raises(QueueError, match="Email or Sms"):
        desk.queue.enqueue(make_message("a"), key="a", connector_type="\ud83d")
    for act in (desk.queue.state, desk.queue.requeue, desk.queue.discard):
        with pytest.raises(QueueError, match="visible ASCII characters"):
            act(None)  # type: ignore[arg-type]  # the mistake under test

    assert set(desk.queue.count().values()) == {0}


def test_a_message_is_known_after_it_was_sent_however_short_the_window_is(redis_url: str) -> None:
    queue = CeleryQueue(Celery("short", broker="memory://"), lambda: pytest.fail("not asked"), redis_url, window=1e-3)

    assert queue._ledger._window == 1  # noqa: SLF001  0 would have Redis forget it at once
    queue.close()


def test_neither_side_shows_a_password_where_a_server_is_away() -> None:
    app = Celery("away", broker="redis://:made-up-word@127.0.0.1:1/0")
    queue = CeleryQueue(app, lambda: pytest.fail("not asked"), "redis://:made-up-word@127.0.0.1:1/0")

    with pytest.raises(QueueError, match="Redis server can't be used") as caught:
        queue.enqueue(make_message("a"))

    queue.close()
    assert "made-up-word" not in str(caught.value) + repr(caught.value.__cause__)
    with pytest.raises(QueueError, match="no URL"):
        CeleryQueue(app, lambda: pytest.fail("not asked"), "made-up-word")
    app.close()


def test_a_worker_whose_ledger_is_away_sends_nothing_and_comes_back(desk: Desk) -> None:
    desk.queue.enqueue(make_message("a"), key="a")
    (task,) = desk.collect()
    away = CeleryQueue(Celery("away", broker="memory://"), lambda: desk, "redis://127.0.0.1:1/0", name=desk.name)
    here, desk.queue._ledger = desk.queue._ledger, away._ledger  # noqa: SLF001  the server is away
    assert desk.deliver(task) == "waiting"
    desk.queue._ledger = here  # noqa: SLF001  and back
    away.close()

    assert desk.asked == {}
    (again,) = desk.tasks
    assert again["headers"]["eta"] is not None
    assert desk.deliver(again) == "sent"
