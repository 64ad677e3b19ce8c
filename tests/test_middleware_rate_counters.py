"""Counters of the rate guard are exact among threads and processes, and nothing is lost while Redis is away."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
import redis
from limits.storage import MemoryStorage, storage_from_string
from middleware_peers import (
    KEY,
    WAYS,
    BatchingConnector,
    RecordingConnector,
    codes,
    make_messages,
    send_singly,
    send_together,
)
from redis_server import delete_keys, find_free_port, find_program, start_server

from connector_core import Message, RateLimitExceeded
from connector_core.middleware import RateGuard, rate_counters

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core import ConfiguredConnector
    from connector_core.middleware.rate_counters import RateCounters


def test_threads_together_get_no_message_too_many(
    equip: Callable[..., ConfiguredConnector], counters_place: dict[str, Any]
) -> None:
    connector = RecordingConnector()
    mail = equip(connector, RateGuard(per_recipient="25/hour", **counters_place))
    start = threading.Barrier(8)
    found: list[str] = []

    def send() -> None:
        start.wait(timeout=30)
        found.extend(codes(send_singly(mail, make_messages(10))))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (found.count("sent"), len(found), len(connector.sent)) == (25, 80, 25)


def test_guards_of_two_processes_share_the_counters_in_redis(
    equip: Callable[..., ConfiguredConnector], redis_url: str, counters_prefix: str
) -> None:
    first, second = (
        equip(RecordingConnector(), RateGuard(per_recipient="3/hour", storage=redis_url, prefix=counters_prefix))
        for _ in range(2)
    )
    found = [codes(send_singly(mail, make_messages(1))) for mail in (first, second) * 2]
    delete_keys(redis_url, counters_prefix)
    assert found == [["sent"]] * 3 + [["rate_limit_exceeded"]]


@pytest.mark.parametrize("key", [None, KEY])
def test_redis_has_hashes_and_no_addresses_and_forgets_them(
    equip: Callable[..., ConfiguredConnector], redis_url: str, counters_prefix: str, key: str | None
) -> None:
    guard = RateGuard(storage=redis_url, prefix=counters_prefix, key=key, pace="100/second")
    assert codes(send_singly(equip(RecordingConnector(), guard), [Message("Ada@Example.com", "SignIn")])) == ["sent"]

    plain = b"ada@example.com"
    wanted = hashlib.sha256(plain) if key is None else hmac.new(key.encode(), plain, "sha256")
    with redis.Redis.from_url(redis_url) as client:
        names = [name.decode() for name in client.scan_iter(match=f"*{counters_prefix}*")]
        lives = [client.ttl(name) for name in names]
    delete_keys(redis_url, counters_prefix)
    assert any(f"recipient/{wanted.hexdigest()}/" in name for name in names)
    assert not any("example" in name.lower() or "@" in name for name in names)
    assert all(isinstance(life, int) and 0 <= life <= 600 for life in lives)


def give_away(guard: RateGuard) -> RateCounters:
    return guard._counters  # noqa: SLF001  a test moves its clock


@pytest.mark.parametrize("way", WAYS)
def test_while_redis_is_away_each_process_counts_for_itself_and_says_so_once(
    equip: Callable[..., ConfiguredConnector], caplog: pytest.LogCaptureFixture, way: str
) -> None:
    make, send = WAYS[way]
    nowhere = f"redis://:made-up-password@127.0.0.1:{find_free_port()}/0"
    guard = RateGuard(per_recipient="3/hour", storage=nowhere)
    with caplog.at_level(logging.INFO, "connector_core"):
        outcomes = send(equip(make(), guard), make_messages(5))

    assert sorted(codes(outcomes)) == ["rate_limit_exceeded"] * 2 + ["sent"] * 3
    warnings = [one.getMessage() for one in caplog.records if "counters" in one.getMessage()]
    assert len(warnings) == 1
    assert warnings[0].startswith("The rate guard's counters don't answer (ConnectionError): look after their store.")


def test_a_guard_that_must_count_refuses_all_while_redis_is_away(
    equip: Callable[..., ConfiguredConnector],
) -> None:
    connector = BatchingConnector()
    guard = RateGuard(storage=f"redis://127.0.0.1:{find_free_port()}/0", must_count=True)
    (refusal,) = send_together(equip(connector, guard), make_messages(1))
    assert isinstance(refusal, RateLimitExceeded)
    assert (refusal.outcome, refusal.retryable, refusal.retry_after) == ("not_sent", True, rate_counters.AWAY_SECONDS)
    assert "out of reach" in str(refusal)
    assert connector.sent == []


def test_a_redis_that_comes_back_is_counted_in_again(
    equip: Callable[..., ConfiguredConnector],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = find_program()
    if program is None:
        pytest.skip("Redis is not installed")
    monkeypatch.setattr(rate_counters, "AWAY_SECONDS", 0.0)
    port = find_free_port()
    guard = RateGuard(per_recipient="2/hour", storage=f"redis://127.0.0.1:{port}/0")
    mail = equip(RecordingConnector(), guard)
    with start_server(program, port):
        before = codes(send_singly(mail, make_messages(3)))
    away = codes(send_singly(mail, make_messages(3)))
    with start_server(program, port), caplog.at_level(logging.INFO, "connector_core"):
        after = codes(send_singly(mail, make_messages(3)))

    assert before == away == after == ["sent", "sent", "rate_limit_exceeded"]
    assert "The rate guard's counters answer again." in [one.getMessage() for one in caplog.records]


def test_a_redis_that_is_away_is_left_alone_for_a_while(
    equip: Callable[..., ConfiguredConnector], monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = RateGuard(storage=f"redis://127.0.0.1:{find_free_port()}/0")
    mail = equip(RecordingConnector(), guard)
    asked: list[str] = []
    limiter = give_away(guard)._shared  # noqa: SLF001  what asks Redis

    def fail(_limit: object, *names: str) -> bool:
        asked.append(names[-1])
        raise redis.TimeoutError

    monkeypatch.setattr(limiter, "hit", fail)
    assert codes(send_singly(mail, make_messages(5))) == ["sent"] * 5
    assert len(asked) == 1


@pytest.mark.parametrize("kind", ["memory", "redis"])
def test_a_storage_of_limits_may_be_given(
    equip: Callable[..., ConfiguredConnector], redis_url: str, counters_prefix: str, kind: str
) -> None:
    storage: Any = MemoryStorage() if kind == "memory" else storage_from_string(redis_url)
    guards = [RateGuard(per_recipient="3/hour", storage=storage, prefix=counters_prefix) for _ in range(2)]
    found = [codes(send_singly(equip(RecordingConnector(), one), make_messages(1))) for one in guards * 2]
    delete_keys(redis_url, counters_prefix)
    assert found == [["sent"]] * 3 + [["rate_limit_exceeded"]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # of newer Pythons: that is the point
def test_a_fork_while_others_count_leaves_a_guard_that_works(
    equip: Callable[..., ConfiguredConnector], counters_place: dict[str, Any]
) -> None:
    mail = equip(RecordingConnector(), guard := RateGuard(per_recipient="4/hour", **counters_place))
    assert codes(send_singly(mail, make_messages(2))) == ["sent"] * 2
    is_shared = counters_place["storage"] != "memory://"

    with give_away(guard)._lock:  # noqa: SLF001  as if a thread were counting
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)  # ends a child that waits for a lock which nobody holds any more
            found = codes(send_singly(mail, make_messages(4))).count("sent")
            os._exit(found)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == (2 if is_shared else 4)
    assert codes(send_singly(mail, make_messages(1))) == ["rate_limit_exceeded" if is_shared else "sent"]
