"""Celery's workers, as processes of their own, with a real broker: each message is sent at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from brokers import KINDS, lacks_rabbitmq, provide_broker
from queue_site import CODE, TOKEN, Provider, Site, make_message, run_provider
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connector_core.queue import Entry


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        yield running


@pytest.fixture(scope="module", params=KINDS)
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "rabbitmq" and lacks_rabbitmq():
        pytest.skip("RabbitMQ is not installed")
    with provide_broker(request.param) as url:
        yield url


@pytest.fixture(scope="module")
def site(broker: str, redis_url: str, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site with one worker of four threads, which all tests of a broker share."""
    with Site(tmp_path_factory.mktemp("site"), broker, redis_url, provider) as made:
        made.start_worker("--pool", "threads", "--concurrency", "4")
        yield made


def deliver_again(site: Site, entry: Entry, message: object) -> None:
    """Have the broker deliver the first task of a message once more, as it does where an acknowledgement was lost."""
    arguments = {"key": entry.key, "turn": 0, "message": message, "connector_type": "Email", "since": entry.since}
    task = site.app.tasks[f"{site.name}.send_message"]
    task.apply_async(kwargs=arguments, task_id=f"again-{entry.key}", kwargsrepr="{}")


def test_a_worker_sends_through_the_config_that_is_active(site: Site) -> None:
    keys = [site.enqueue("ok") for _ in range(10)]

    entries = [site.wait_for_state(key, "sent") for key in keys]

    assert [(entry.message_id, entry.attempts, entry.message) for entry in entries] == [(key, 1, None) for key in keys]
    assert [site.provider.count(key) for key in keys] == [(1, 1)] * len(keys)


def test_what_the_provider_puts_off_is_sent_once_it_takes_it_and_not_before(site: Site) -> None:
    key = site.enqueue("slow down", "closed", "ok")  # the first says to wait for a second

    entry = site.wait_for_state(key, "sent")

    assert (entry.attempts, site.provider.count(key)) == (3, (3, 1))
    assert entry.changed - entry.since >= 1


def test_what_the_provider_refuses_is_a_dead_letter_until_it_is_requeued(site: Site) -> None:
    key = site.enqueue("refused", "ok")

    dead = site.wait_for_state(key, "dead")
    (listed,) = (entry for entry in site.queue.dead_letters() if entry.key == key)
    site.queue.requeue(key)
    site.wait_for_state(key, "sent")

    assert listed == dead
    assert (dead.code, dead.attempts, dead.message["payload"]["key"]) == ("recipient_rejected", 1, key)
    assert "reactivate the address" in dead.sentence
    assert site.provider.count(key) == (2, 1)


def test_what_may_have_been_sent_is_not_sent_again_unless_it_is_requeued(site: Site) -> None:
    key = site.enqueue("reset", "ok")

    unknown = site.wait_for_state(key, "unknown")
    before = site.provider.count(key)
    site.queue.requeue(key)
    site.wait_for_state(key, "sent")

    assert (unknown.code, before, site.provider.count(key)) == ("delivery_unknown", (1, 1), (2, 2))


def test_a_key_that_is_known_is_sent_once_however_often_it_comes(site: Site) -> None:
    key = site.enqueue("ok")
    sent = site.wait_for_state(key, "sent")
    again = site.queue.enqueue(make_message(key, "ok"), key=key)
    deliver_again(site, sent, make_message(key, "ok").to_json())
    wait_for(lambda: f"[again-{key}] succeeded" in site.read_logs(), "the second delivery is handled")

    assert again == key
    assert site.provider.count(key) == (1, 1)
    assert f"[again-{key}] succeeded" in site.read_logs()


def test_neither_payload_nor_token_is_in_the_logs_of_a_worker(site: Site) -> None:
    keys = [site.enqueue("ok"), site.enqueue("refused"), site.enqueue("reset")]
    for key in keys:
        site.wait_for_state(key, "sent", "dead", "unknown")

    logged = site.read_logs()

    assert all(key in logged for key in keys)
    assert CODE not in logged
    assert TOKEN not in logged


def test_a_worker_that_is_killed_while_it_sends_leaves_an_unknown_message_and_no_second_mail(
    broker: str, redis_url: str, provider: Provider, tmp_path: Path
) -> None:
    with Site(tmp_path, broker, redis_url, provider, visibility_timeout=1) as site:
        first = site.start_worker("--pool", "solo")
        key = site.enqueue("hang", "ok")
        wait_for(lambda: provider.count(key) == (1, 1), "the provider has the message")
        later = site.enqueue("ok")
        site.kill(first)
        site.start_worker("--pool", "solo")
        site.wait_for_state(later, "sent")
        unknown = site.wait_for_state(key, "unknown")
        restore_tasks(site)
        wait_for(lambda: f"[{key}.0] succeeded" in site.read_logs(), "the task is delivered again")

        assert (unknown.attempts, unknown.message["payload"]["key"]) == (1, key)
        assert [entry.key for entry in site.queue.unknown()] == [key]
        assert [provider.count(one) for one in (key, later)] == [(1, 1), (1, 1)]


def restore_tasks(site: Site) -> None:
    """Have Redis deliver what a killed worker had, as any worker does every so often; RabbitMQ does at once."""
    if site.settings["broker"].startswith("redis"):
        with site.app.connection_for_write() as connection:
            wait_for(lambda: not _is_held(connection), "the task is visible again")


def _is_held(connection: Any) -> bool:
    channel = connection.default_channel
    channel.qos.restore_visible(num=10, interval=1)
    with channel.conn_or_acquire() as client:
        return bool(client.hlen("unacked"))
