"""Many messages through a router: in order, in batches where a member sends such, and past a member in trouble."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector
from routing_peers import (
    STEADY,
    Clock,
    close_shop,
    endpoint,
    in_memory,
    message,
    messages,
    postmark,
    read_codes,
    take,
    way,
)

from connector_core import Host, InvalidMessage, Limits, Message, ProviderUnavailable, SendError, SendResult, hookimpl
from connector_core.routing import Failover, RoundRobin
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import HANG_GUARD, WireServer, finish, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from connector_core import ConfiguredConnector
    from connector_core.testing.wire_server import Behaviour, Line

BATCH = 500
"""Messages that the Postmark connector sends in one request."""


@pytest.fixture
def host() -> Iterator[Host]:
    with Host.discover() as found:
        yield found


def ids(outcomes: Iterable[SendResult | SendError]) -> list[str]:
    """Return the id of each message that was sent, and the code of each error."""
    return [one.message_id if isinstance(one, SendResult) else one.code for one in outcomes]


def judge(refusal: Callable[[int], dict[str, Any] | None]) -> Behaviour:
    """Answer a batch, and refuse the messages that `refusal` refuses."""

    def answer(line: Line) -> None:
        codes = [one["TemplateModel"]["code"] for one in line.request.json()["Messages"]]
        taken = {"ErrorCode": 0, "Message": "OK", "To": "ann@example.com"}
        respond_json([refusal(int(code)) or {**taken, "MessageID": f"first-{code}"} for code in codes])(line)

    return answer


def test_batches_stay_batches_at_the_member_that_takes_over(host: Host) -> None:
    with refuse_connections() as away, WireServer(take) as there:
        router = Failover([postmark(host, away), postmark(host, there.url)], clock=Clock())
        found = ids(router.send_messages(messages(1100)))
    assert found == [f"postmark-{number}" for number in range(1100)]
    assert sorted(map(len, read_codes(there.requests))) == [100, 500, 500]


def test_what_a_member_did_not_take_of_a_batch_goes_on_and_all_outcomes_keep_their_order(host: Host) -> None:
    def refuse_most(number: int) -> dict[str, Any] | None:
        return {"ErrorCode": 405, "Message": "No credits."} if number >= 3 else None

    with WireServer(judge(refuse_most)) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], clock=Clock())
        outcomes = list(router.send_messages(messages(6)))
    assert ids(outcomes) == [*(f"first-{number}" for number in range(3)), *(f"postmark-{n}" for n in (3, 4, 5))]
    assert read_codes(second.requests) == [["3", "4", "5"]]
    assert [way(one) for one in outcomes] == [["0 sent"]] * 3 + [["0 failed usage_limit_exceeded", "1 sent"]] * 3


def test_a_message_of_a_batch_that_is_itself_at_fault_is_offered_to_nobody_else(host: Host) -> None:
    def refuse_one(number: int) -> dict[str, Any] | None:
        return {"ErrorCode": 402, "Message": "Bad field."} if number == 1 else None

    with WireServer(judge(refuse_one)) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], clock=Clock())
        outcomes = list(router.send_messages(messages(3)))
    assert ids(outcomes) == ["first-0", "invalid_message", "first-2"]
    assert way(outcomes[1]) == ["0 failed invalid_message"]
    assert not second.requests


def test_a_batch_that_may_have_been_sent_is_not_sent_again(host: Host) -> None:
    with WireServer(respond(500)) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], clock=Clock())
        outcomes = list(router.send_messages(messages(3)))
    assert [one.outcome for one in outcomes if isinstance(one, SendError)] == ["unknown"] * 3
    assert not second.requests


def test_what_a_member_refuses_for_now_within_a_batch_goes_on_instead_of_waiting(host: Host) -> None:
    def refuse_one(number: int) -> dict[str, Any] | None:
        return {"ErrorCode": 429, "Message": "Slow down."} if number == 1 else None

    with WireServer(judge(refuse_one)) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], clock=Clock())
        found = ids(router.send_messages(messages(3)))
    assert found == ["first-0", "postmark-1", "first-2"]
    assert len(first.requests) == 1


def test_a_member_without_batches_takes_the_messages_of_a_batch_one_by_one(host: Host) -> None:
    with refuse_connections() as away, WireServer(take) as there:
        router = Failover([postmark(host, away), endpoint(host, there.url)], clock=Clock())
        found = ids(router.send_messages(messages(40)))
    assert found == [f"endpoint-{number}" for number in range(40)]
    assert len(there.requests) == 40


def test_a_batch_comes_from_a_member_without_batches_to_one_that_has_them(host: Host) -> None:
    with refuse_connections() as away, WireServer(take) as there:
        router = Failover([endpoint(host, away), postmark(host, there.url)], clock=Clock())
        found = ids(router.send_messages(messages(40)))
    assert found == [f"postmark-{number}" for number in range(40)]
    assert [len(codes) for codes in read_codes(there.requests)] == [40]


class BatchConnector(FakeConnector):
    """A connector in memory that notes how large its batches are."""

    def __init__(self, **limits: int) -> None:
        super().__init__()
        self.metadata = replace(self.metadata, message_limits=limits)
        self.sizes: list[int] = []

    @hookimpl
    def send_messages(self, messages: Sequence[Message]) -> list[SendResult]:
        self.sizes.append(len(messages))
        return [SendResult(message_id=one.payload["code"]) for one in messages]


def test_messages_are_cut_for_the_member_that_takes_most_also_where_it_names_no_number(
    make_host: Callable[..., Host],
) -> None:
    unnamed, small = BatchConnector(), BatchConnector(batchMessages=50)
    router = Failover([in_memory(make_host, small), in_memory(make_host, unnamed)])
    assert ids(router.send_messages(messages(200))) == [str(number) for number in range(200)]
    assert small.sizes == [50] * 4

    router = Failover([in_memory(make_host, unnamed), in_memory(make_host, small)])
    assert ids(router.send_messages(messages(200))) == [str(number) for number in range(200)]
    assert unnamed.sizes == [100] * 2


def test_after_a_pause_one_message_of_a_batch_goes_first(host: Host) -> None:
    clock = Clock()
    with WireServer(close_shop, take) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], backoff=STEADY, clock=clock)
        list(router.send_messages(messages(4)))
        clock.now += 1.0
        outcomes = list(router.send_messages(messages(4)))
    assert [way(one) for one in outcomes] == [["0 sent"]] * 4
    assert read_codes(first.requests) == [["0", "1", "2", "3"], ["0"], ["1", "2", "3"]]


def test_where_the_first_message_of_a_batch_fails_after_a_pause_the_others_are_spared(host: Host) -> None:
    clock = Clock()
    with WireServer(close_shop) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], backoff=STEADY, clock=clock)
        list(router.send_messages(messages(4)))
        clock.now += 1.0
        ways = [way(one) for one in router.send_messages(messages(4))]
    unavailable = "provider_unavailable"
    assert ways == [[f"0 failed {unavailable}", "1 sent"], *([[f"0 skipped {unavailable}", "1 sent"]] * 3)]
    assert read_codes(first.requests)[1:] == [["0"]]


def test_where_all_are_skipped_a_batch_goes_to_the_one_whose_pause_ends_first() -> None:
    with WireServer(close_shop, take) as only, Host.discover(limits=Limits(retries=0)) as host:
        router = Failover([postmark(host, only.url)], clock=Clock())
        with pytest.raises(ProviderUnavailable):
            router.send_message(message())
        outcomes = list(router.send_messages(messages(3)))
    assert [way(one) for one in outcomes] == [["0 skipped provider_unavailable", "0 sent"]] * 3
    assert len(only.requests) == 2


def test_a_round_robin_sends_the_batches_in_turn(host: Host) -> None:
    with WireServer(take) as first, WireServer(take) as second:
        router = RoundRobin([postmark(host, first.url), postmark(host, second.url)])
        found = ids(router.send_messages(messages(2000)))
    assert found == [f"postmark-{number}" for number in range(2000)]
    assert [len(codes) for codes in read_codes(first.requests + second.requests)] == [500] * 4
    assert len(first.requests) == len(second.requests)


def test_single_messages_go_out_at_the_same_time_and_their_outcomes_keep_their_order(host: Host) -> None:
    barrier = threading.Barrier(3)

    def meet(line: Line) -> None:
        barrier.wait(HANG_GUARD)
        take(line)

    with WireServer(meet) as there:
        router = Failover([endpoint(host, there.url)])
        found = finish(lambda: ids(router.send_messages(messages(9), in_flight=3)))
    assert found == [f"endpoint-{number}" for number in range(9)]


def test_no_more_single_messages_are_in_flight_than_wanted_whatever_the_number_of_batches(host: Host) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def count(line: Line) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        take(line)
        with lock:
            now -= 1

    with refuse_connections() as away, WireServer(count) as there:
        router = Failover([postmark(host, away), endpoint(host, there.url)], clock=Clock())
        assert len(list(router.send_messages(messages(BATCH + 20), in_flight=2))) == BATCH + 20
    assert most <= 2


@pytest.mark.parametrize("kind", [endpoint, postmark], ids=["single", "batches"])
def test_messages_are_taken_as_they_are_needed(kind: Callable[[Host, str], ConfiguredConnector], host: Host) -> None:
    taken = itertools.count()
    with WireServer(take) as there:
        outcomes = Failover([kind(host, there.url)]).send_messages(message(str(next(taken))) for _ in itertools.count())
        assert next(taken) == 0
        assert len(list(itertools.islice(outcomes, 3))) == 3
        outcomes.close()  # type: ignore[attr-defined]  # it is a generator
    assert next(taken) <= 4 * 500 + 5


def test_when_nobody_wants_more_outcomes_no_other_message_of_a_batch_is_begun(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_came, first_is_done, told_to_stop = threading.Event(), threading.Event(), threading.Event()
    begun = threading.Semaphore(0)
    answered = itertools.count(1)

    def refuse_in_turn(line: Line) -> None:
        if read_codes([line.request])[0][0] == "0":
            assert both_came.wait(HANG_GUARD)
        else:
            both_came.set()
            assert first_is_done.wait(HANG_GUARD)
        close_shop(line)

    def hold_the_second(line: Line) -> None:
        if first_is_done.is_set():
            begun.release()
            assert told_to_stop.wait(HANG_GUARD)
        elif next(answered) == BATCH:
            first_is_done.set()
        take(line)

    def shut_down(pool: ThreadPoolExecutor, wait: bool = True, **options: bool) -> None:  # noqa: FBT001, FBT002  as it is
        plain(pool, wait, **options)
        if not wait:
            told_to_stop.set()

    plain = ThreadPoolExecutor.shutdown
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", shut_down)
    with WireServer(refuse_in_turn) as first, WireServer(hold_the_second) as second:
        router = Failover([postmark(host, first.url), endpoint(host, second.url)], clock=Clock())
        outcomes = router.send_messages(messages(2 * BATCH), in_flight=2)
        next(outcomes)
        for _ in range(2):
            assert begun.acquire(timeout=HANG_GUARD)
        outcomes.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(second.requests) == BATCH + 2


def test_an_error_of_the_iterable_comes_after_the_outcomes_of_all_messages_before(host: Host) -> None:
    def break_off() -> Iterator[Message]:
        yield from messages(3)
        raise LookupError("the list broke off")

    with WireServer(take) as there:
        outcomes = Failover([postmark(host, there.url)]).send_messages(break_off())
        assert ids(itertools.islice(outcomes, 3)) == [f"postmark-{number}" for number in range(3)]
        with pytest.raises(LookupError, match="broke off"):
            next(outcomes)


def test_what_is_no_message_is_an_outcome_like_any_other(host: Host) -> None:
    with WireServer(take) as there:
        several: list[Any] = [message("0"), "no message", message("1")]
        found = list(Failover([postmark(host, there.url)]).send_messages(several))
    assert ids(found) == ["postmark-0", "invalid_message", "postmark-1"]
    assert isinstance(found[1], InvalidMessage)


def test_at_least_one_request_is_in_flight(host: Host) -> None:
    with refuse_connections() as away, pytest.raises(ValueError, match="in_flight"):
        Failover([endpoint(host, away)]).send_messages([], in_flight=0)
