"""The embedded queue in one process: an SQLite file and threads."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from queue_recording import Recording, enqueue, wait_for_state
from queue_site import CODE, make_message, run_provider, save_config
from waiting import wait_for

from connector_core import (
    Host,
    InvalidMessage,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
    SendResult,
)
from connector_core.queue import EmbeddedQueue, QueueError, RetryPolicy
from connector_core.queue.sqlite_ledger import SqliteLedger

if TYPE_CHECKING:
    from pathlib import Path

QUICK = RetryPolicy(first_delay=0.001)


def test_a_message_is_sent_once_and_its_payload_forgotten(tmp_path: Path) -> None:
    sender = Recording()
    with EmbeddedQueue(tmp_path / "queue.db", sender) as queue:
        keys = [enqueue(queue) for _ in range(50)]

        assert queue.drain(30)
        assert sorted(sender.keys) == sorted(keys)
        assert queue.count() == {"waiting": 0, "sending": 0, "sent": 50, "dead": 0, "unknown": 0}
        found = queue.state(keys[0])
        assert found is not None
        assert (found.state, found.attempts, found.message_id, found.message) == ("sent", 1, f"id-{keys[0]}", None)

    assert CODE.encode() not in (tmp_path / "queue.db").read_bytes()
    assert os.listdir(tmp_path) == ["queue.db"]  # noqa: PTH208  their names


def test_a_key_is_made_where_none_is_given_and_a_known_one_changes_nothing(tmp_path: Path) -> None:
    sender = Recording()
    with EmbeddedQueue(tmp_path / "queue.db", sender) as queue:
        made = queue.enqueue(make_message("a"))
        again = [queue.enqueue(make_message("a"), key=made) for _ in range(3)]

        assert queue.drain(30)
        assert again == [made] * 3
        assert uuid.UUID(made).version == 4
        assert queue.enqueue(make_message("a"), key=made) == made
        assert queue.drain(30)
    assert sender.keys == ["a"]


def test_a_key_may_be_used_again_after_its_window(tmp_path: Path) -> None:
    sender = Recording()
    with EmbeddedQueue(tmp_path / "queue.db", sender, window=0.001) as queue:
        for _ in range(2):
            queue.enqueue(make_message("a"), key="a")
            assert queue.drain(30)
            wait_for(lambda: queue.state("a") is None, "the window passes")
    assert sender.keys == ["a", "a"]


@pytest.mark.parametrize("key", ["", "two words", "b\u00e4", "a" * 201, 7])
def test_a_key_that_a_log_could_not_show_is_refused(tmp_path: Path, key: Any) -> None:
    with (
        EmbeddedQueue(tmp_path / "queue.db", Recording()) as queue,
        pytest.raises(QueueError, match="visible ASCII characters"),
    ):
        queue.enqueue(make_message("a"), key=key)


def test_what_is_no_message_is_refused(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path / "queue.db", Recording()) as queue, pytest.raises(InvalidMessage, match="no Message"):
        queue.enqueue({"to": "a@example.com"})  # type: ignore[arg-type]  # the mistake under test


def test_a_payload_that_became_no_json_is_refused_at_once(tmp_path: Path) -> None:
    message = make_message("a")
    message.payload["code"] = {"815302"}
    with EmbeddedQueue(tmp_path / "queue.db", Recording()) as queue:
        with pytest.raises(InvalidMessage, match="payload"):
            queue.enqueue(message, key="a")

        assert queue.state("a") is None


@pytest.mark.parametrize("connector_type", ["", "E mail", "\ud83d", 7, None])
def test_a_type_that_no_connector_has_is_refused(tmp_path: Path, connector_type: Any) -> None:
    with EmbeddedQueue(tmp_path / "queue.db", Recording()) as queue, pytest.raises(QueueError, match="Email or Sms"):
        queue.enqueue(make_message("a"), connector_type=connector_type)


@pytest.mark.parametrize("key", [None, 7, b"a", "two words"])
def test_a_message_is_looked_for_by_a_key_alone(tmp_path: Path, key: Any) -> None:
    with EmbeddedQueue(tmp_path / "queue.db", Recording()) as queue:
        for act in (queue.state, queue.requeue, queue.discard):
            with pytest.raises(QueueError, match="visible ASCII characters"):
                act(key)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"workers": -1}, ValueError),
        ({"workers": 1.5}, TypeError),
        ({"workers": True}, TypeError),
        ({"window": 0}, ValueError),
        ({"keep": -1}, ValueError),
        ({"lease": "60"}, TypeError),
        ({"lease": float("nan")}, ValueError),
        ({"window": float("inf")}, ValueError),
    ],
    ids=str,
)
def test_a_setting_of_no_sense_is_refused_before_there_is_a_file(
    tmp_path: Path, settings: dict[str, Any], kind: type[Exception]
) -> None:
    (name,) = settings
    with pytest.raises(kind, match=f"^{name} is .*: give "):
        EmbeddedQueue(tmp_path / "queue.db", Recording(), **settings)

    assert not [*tmp_path.iterdir()]


def test_a_queue_without_work_keeps_no_payload_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "queue.db-wal"
    with EmbeddedQueue(tmp_path / "queue.db", Recording()) as queue:
        enqueue(queue)
        assert queue.drain(30)
        wait_for(lambda: log.stat().st_size == 0, "the log is emptied")

        assert CODE.encode() not in (tmp_path / "queue.db").read_bytes()


def test_a_queue_that_is_closed_empties_the_log_that_another_process_keeps(tmp_path: Path) -> None:
    log = tmp_path / "queue.db-wal"
    with EmbeddedQueue(tmp_path / "queue.db", Recording(), workers=0):
        with EmbeddedQueue(tmp_path / "queue.db", Recording(), workers=0) as second:
            enqueue(second)
            assert CODE.encode() in log.read_bytes()

        assert log.stat().st_size == 0


def test_a_log_that_can_not_be_emptied_leaves_the_queue_as_patient_as_it_was(tmp_path: Path) -> None:
    ledger = SqliteLedger(str(tmp_path / "queue.db"), window=60, keep=60, lease=60)
    for key in ("a", "b"):
        ledger.register(key, {}, "Email", 1)
    ask = ledger._connection.execute  # noqa: SLF001  nothing else shows it
    patience = ask("PRAGMA busy_timeout").fetchone()
    reading = ask("SELECT key FROM message")
    reading.fetchone()  # SQLite empties no log while it reads
    ledger.empty_log()

    assert (tmp_path / "queue.db-wal").stat().st_size
    assert ask("PRAGMA busy_timeout").fetchone() == patience == (10_000,)
    reading.close()
    ledger.close()


@pytest.mark.parametrize(("limit", "kind"), [(-1, ValueError), ("1", TypeError), (True, TypeError), (None, TypeError)])
def test_a_limit_of_no_sense_is_refused(tmp_path: Path, limit: Any, kind: type[Exception]) -> None:
    with EmbeddedQueue(tmp_path / "queue.db", Recording(), workers=0) as queue:
        for look in (queue.dead_letters, queue.unknown):
            with pytest.raises(kind, match=r"^limit is .*: give "):
                look(limit=limit)
            assert look(limit=0) == []


def test_what_was_surely_not_sent_is_tried_again(tmp_path: Path) -> None:
    sender = Recording(lambda count: ProviderUnavailable("Later.") if count < 3 else None)
    with EmbeddedQueue(tmp_path / "queue.db", sender, retry=QUICK) as queue:
        key = enqueue(queue)

        assert queue.drain(30)
        found = queue.state(key)
    assert found is not None
    assert (found.state, found.attempts, found.code) == ("sent", 3, None)


def test_what_a_provider_asks_to_wait_is_waited(tmp_path: Path) -> None:
    sender = Recording(lambda count: RateLimitExceeded("Wait.", retry_after=0.2) if count == 1 else None)
    with EmbeddedQueue(tmp_path / "queue.db", sender, retry=QUICK) as queue:
        found = wait_for_state(queue, enqueue(queue), "sent")

    assert found.attempts == 2
    assert found.changed - found.since >= 0.2


def test_dead_letters_tell_why_and_can_be_requeued_or_discarded(tmp_path: Path, caplog: Any) -> None:
    sender = Recording(lambda count: SendError("Mend it, then send again.") if count == 1 else None)
    caplog.set_level(logging.DEBUG)
    with EmbeddedQueue(tmp_path / "queue.db", sender) as queue:
        keys = [enqueue(queue), enqueue(queue)]
        assert queue.drain(30)
        dead = queue.dead_letters()
        queue.requeue(keys[0])
        queue.discard(keys[1])
        assert queue.drain(30)

        assert {(one.key, one.code, one.sentence) for one in dead} == {
            (key, "general", "Mend it, then send again.") for key in keys
        }
        assert all(one.message is not None and one.message["payload"]["code"] == CODE for one in dead)
        assert CODE not in repr(dead)
        assert len(queue.dead_letters(limit=1)) == 0
        assert wait_for_state(queue, keys[0], "sent").attempts == 1
        assert queue.state(keys[1]) is None
        for act in (queue.requeue, queue.discard):
            with pytest.raises(QueueError, match="no dead or unknown message"):
                act(keys[0])
    assert f"queue {keys[0]} dead general" in caplog.text
    assert CODE not in caplog.text


def test_what_is_given_up_is_a_dead_letter_with_the_last_error(tmp_path: Path) -> None:
    policy = RetryPolicy(attempts=3, first_delay=0.001)
    sender = Recording(lambda _count: ProviderUnavailable("Later."))
    with EmbeddedQueue(tmp_path / "queue.db", sender, retry=policy) as queue:
        found = wait_for_state(queue, enqueue(queue), "dead")

    assert (found.attempts, found.code, len(sender.keys)) == (3, "provider_unavailable", 3)


def test_a_message_that_waited_too_long_is_not_sent(tmp_path: Path) -> None:
    sender = Recording()
    with EmbeddedQueue(tmp_path / "queue.db", sender, workers=0) as queue:
        key = enqueue(queue)
    with EmbeddedQueue(tmp_path / "queue.db", sender, retry=RetryPolicy(max_age=1e-9)) as queue:
        found = wait_for_state(queue, key, "dead")

    assert (found.code, found.attempts, sender.keys) == ("expired", 0, [])


def test_a_config_that_is_activated_later_sends_what_waited_for_it(tmp_path: Path) -> None:
    from connector_core.store import open_store

    with (
        run_provider() as provider,
        Host.discover(store=open_store(tmp_path / "configs.json")) as host,
        EmbeddedQueue(tmp_path / "queue.db", host, retry=RetryPolicy(first_delay=0.001, attempts=10**6)) as queue,
    ):
        key = enqueue(queue)
        wait_for(lambda: wait_for_state(queue, key, "waiting").code == "connector_not_found", "no config is found")
        save_config(tmp_path / "configs.json", provider.url)

        assert wait_for_state(queue, key, "sent").message_id == key
        assert provider.count(key) == (1, 1)


def test_a_send_that_outlasts_its_lease_is_unknown_and_then_what_it_was(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def act(_count: int) -> None:
        begun.set()
        assert go_on.wait(30)

    with EmbeddedQueue(tmp_path / "queue.db", Recording(act), workers=1, lease=0.01) as queue:
        key = enqueue(queue)
        assert begun.wait(30)
        during = wait_for_state(queue, key, "unknown")
        go_on.set()

        assert wait_for_state(queue, key, "sent").attempts == 1
        assert during.code == "delivery_unknown"


def test_closing_waits_for_a_send_and_leaves_what_waits_for_the_next_process(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def act(_count: int) -> None:
        begun.set()
        assert go_on.wait(30)

    sender = Recording(act)
    queue = EmbeddedQueue(tmp_path / "queue.db", sender, workers=1)
    keys = [enqueue(queue), enqueue(queue)]
    assert begun.wait(30)
    assert not queue.drain(0.01)
    closing = threading.Thread(target=queue.close)
    closing.start()
    wait_for(lambda: _is_closed(queue), "the queue takes nothing more")
    go_on.set()
    closing.join()
    queue.close()

    assert sender.keys == keys[:1]
    with EmbeddedQueue(tmp_path / "queue.db", sender) as again:
        assert again.drain(30)
    assert sender.keys == keys


def _is_closed(queue: EmbeddedQueue) -> bool:
    try:
        queue.count()
    except QueueError as error:
        return "closed" in str(error)
    return False


class OddAtFirst:
    """Answers the first message with an error that Python has no bytes for, and takes the second."""

    def __init__(self) -> None:
        self.asked = 0

    def send_message(self, message: Message) -> SendResult:
        self.asked += 1
        if self.asked == 1:
            raise SendError("half a character: \ud83d")
        return SendResult(message_id=message.payload["key"])


@pytest.mark.parametrize("kind", [asyncio.CancelledError, SystemExit, KeyboardInterrupt])
def test_what_a_sender_raises_ends_no_thread(tmp_path: Path, kind: type[BaseException]) -> None:
    sender = Recording(lambda _count: kind() if len(sender.keys) == 1 else None)
    with EmbeddedQueue(tmp_path / "queue.db", sender, workers=1) as queue:
        odd, later = enqueue(queue), enqueue(queue)

        assert wait_for_state(queue, later, "sent").attempts == 1
        found = wait_for_state(queue, odd, "unknown")
        assert (found.code, kind.__name__ in str(found.sentence)) == ("general", True)


def test_an_error_with_half_a_character_is_settled_and_a_thread_goes_on(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path / "queue.db", OddAtFirst(), workers=1) as queue:
        odd = enqueue(queue)
        enqueue(queue)
        assert wait_for(lambda: queue.count()["sent"] == 1, "the second message is sent")
        assert wait_for_state(queue, odd, "dead").sentence == "half a character: \ufffd"
