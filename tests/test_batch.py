"""Many messages through one configured connector, whether it sends batches or not."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from batch_peers import BatchConnector, accept, configure_within, ids, make_messages
from fakes import FakeConnector
from hypothesis import given
from hypothesis import strategies as st

from connector_core import (
    Config,
    Content,
    Host,
    InvalidMessage,
    Limits,
    Message,
    ProviderReply,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
    SendResult,
    batch,
)
from connector_core.batch import cut_batches
from connector_core.message_limits import measure_message
from connector_core.metadata import ConnectorMetadata
from connector_core.testing.wire_server import HANG_GUARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from connector_core import ConfiguredConnector
    from connector_core.batch_sender import SendOutcome


@pytest.fixture
def configure(make_host: Callable[..., Host]) -> Callable[..., ConfiguredConnector]:
    return partial(configure_within, make_host)


@pytest.mark.parametrize("connector", [FakeConnector, BatchConnector])
@pytest.mark.parametrize("count", [0, 1, 3, 10])
def test_each_message_has_one_outcome_in_order(
    configure: Callable[..., ConfiguredConnector], connector: type[FakeConnector], count: int
) -> None:
    fake = connector()
    if type(fake) is FakeConnector:
        fake = FakeConnector(send=lambda _config, message: accept([message])[0])
    assert ids(configure(fake).send_messages(make_messages(count))) == [f"p{n}@example.com" for n in range(count)]


def test_batches_are_cut_by_the_number_that_the_provider_takes(configure: Callable[..., ConfiguredConnector]) -> None:
    fake = BatchConnector()
    assert len(list(configure(fake).send_messages(make_messages(8), in_flight=1))) == 8
    assert [len(batch) for batch in fake.batches] == [3, 3, 2]
    assert fake.sent == []


@pytest.mark.parametrize("connector", [FakeConnector, BatchConnector])
def test_no_more_messages_are_taken_than_are_in_flight(
    configure: Callable[..., ConfiguredConnector], connector: type[FakeConnector]
) -> None:
    taken = 0

    def take() -> Iterator[Message]:
        nonlocal taken
        for message in make_messages(10_000):
            taken += 1
            yield message

    outcomes = configure(connector()).send_messages(take(), in_flight=2)
    assert taken == 0
    next(outcomes)
    assert taken <= 3 * (2 + 1) + 1
    outcomes.close()  # type: ignore[attr-defined]  # a generator
    assert taken <= 3 * (2 + 1) + 1


def test_an_outcome_that_is_there_is_told_before_more_messages_are_taken(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    told: list[str] = []
    told_before_each: list[int] = []
    begun = threading.Semaphore(0)

    def send(_config: Config, message: Message) -> SendResult:
        begun.release()
        return SendResult(message_id=message.to)

    def take_slowly() -> Iterator[Message]:
        for message in make_messages(6):
            told_before_each.append(len(told))
            yield message
            assert begun.acquire(timeout=HANG_GUARD)  # so all that went before it, in the same thread, are settled

    for outcome in configure(FakeConnector(send=send)).send_messages(take_slowly(), in_flight=1):
        told += ids(iter([outcome]))
    assert told == [f"p{n}@example.com" for n in range(6)]
    assert all(count >= place - 2 for place, count in enumerate(told_before_each))


def test_the_threads_get_work_after_the_outcomes_of_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Future[list[SendOutcome]]] = []
    taken: list[int] = []

    class Pool(ThreadPoolExecutor):
        def submit(self, *_call: Any, **_named: Any) -> Future[Any]:
            asked.append(Future())
            return asked[-1]

    def take() -> Iterator[list[Message]]:
        for number in range(6):
            taken.append(number)
            yield make_messages(1)
            if number == 3:  # all four are there at once, and the two that follow never are before they are asked for
                for future in asked:
                    future.set_result([SendResult(message_id="x")])

    monkeypatch.setattr(batch, "ThreadPoolExecutor", Pool)
    outcomes = batch.send_in_order(lambda _: [], take(), threads=5, ahead=5)
    seen = [len(taken) for _, _ in zip(range(4), outcomes, strict=False)]
    assert seen == [5, 5, 6, 6]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals for threads on this system")
def test_a_signal_that_meets_another_thread_is_handled_while_outcomes_are_waited_for() -> None:
    handled = threading.Event()
    first = threading.get_ident()

    def is_waiting() -> bool:
        stack = traceback.walk_stack(sys._current_frames()[first])  # noqa: SLF001  there is no other way to see it
        return batch._wait_for.__code__ in [frame.f_code for frame, _ in stack]  # noqa: SLF001  what waits

    def strike(messages: list[Any]) -> list[Any]:
        if messages == ["to strike at"]:
            while not is_waiting():
                continue
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
            assert handled.wait(HANG_GUARD)
        return messages

    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    try:
        batches: list[Any] = [["to start the thread"], ["to strike at"]]
        outcomes: list[Any] = [*batch.send_in_order(strike, batches, threads=1, ahead=1)]
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert outcomes == ["to start the thread", "to strike at"]


def test_an_error_that_the_handler_of_a_signal_raises_ends_the_waiting() -> None:
    def give_up(*_: object) -> None:
        raise TimeoutError("That is long enough.")

    def strike(_messages: list[Any]) -> list[Any]:
        signal.raise_signal(signal.SIGINT)
        return []

    before = signal.signal(signal.SIGINT, give_up)
    try:
        with pytest.raises(TimeoutError, match="long enough"):
            list(batch.send_in_order(strike, [make_messages(1)], threads=1, ahead=1))
    finally:
        signal.signal(signal.SIGINT, before)


def test_so_many_batches_are_in_flight_at_once_and_no_more(configure: Callable[..., ConfiguredConnector]) -> None:
    together, most, lock, all_here = 0, 0, threading.Lock(), threading.Barrier(3)

    def send(messages: Sequence[Message]) -> list[SendResult | SendError]:
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        all_here.wait(20)
        with lock:
            together -= 1
        return accept(messages)

    assert len(list(configure(BatchConnector(send)).send_messages(make_messages(18), in_flight=3))) == 18
    assert most == 3


def test_what_fails_is_an_outcome_and_the_rest_goes_on(configure: Callable[..., ConfiguredConnector]) -> None:
    messages: list[Any] = make_messages(9)
    messages[2] = Message("no address", "SignIn")
    messages[4] = "no message"
    messages[5] = Message("p5@example.com", "SignIn", metadata={"a": "b"})
    found = ids(configure(BatchConnector()).send_messages(messages))
    assert found == [
        *("p0@example.com", "p1@example.com", "invalid_message", "p3@example.com"),
        *("invalid_message", "not_implemented", "p6@example.com", "p7@example.com", "p8@example.com"),
    ]


@pytest.mark.parametrize("connector", [FakeConnector, BatchConnector])
def test_an_error_of_the_iterable_comes_after_all_outcomes(
    configure: Callable[..., ConfiguredConnector], connector: type[FakeConnector]
) -> None:
    def take() -> Iterator[Message]:
        yield from make_messages(4)
        raise OSError("the file is gone")

    outcomes = configure(connector()).send_messages(take())
    found = [next(outcomes) for _ in range(4)]
    assert all(isinstance(one, SendResult) for one in found)
    with pytest.raises(OSError, match="the file is gone"):
        next(outcomes)


def refuse(error: SendError, *places: int) -> Callable[[Sequence[Message]], list[SendResult | SendError]]:
    """Refuse the messages at some places of the first batch, and take all others."""
    seen: list[int] = []

    def send(messages: Sequence[Message]) -> list[SendResult | SendError]:
        seen.append(len(messages))
        outcomes = accept(messages)
        if len(seen) == 1:
            for place in places:
                outcomes[place] = error
        return outcomes

    return send


ANSWERED = ProviderReply(code=100, status=200)


def test_only_what_surely_was_not_sent_goes_out_again(configure: Callable[..., ConfiguredConnector]) -> None:
    fake = BatchConnector(refuse(ProviderUnavailable("later", provider=ANSWERED), 0, 2))
    assert ids(configure(fake).send_messages(make_messages(3))) == [f"p{n}@example.com" for n in range(3)]
    assert fake.batches == [
        ["p0@example.com", "p1@example.com", "p2@example.com"],
        ["p0@example.com", "p2@example.com"],
    ]


@pytest.mark.parametrize(
    "error",
    [
        SendError("nobody knows", outcome="unknown", retryable=True, provider=ANSWERED),
        SendError("never", provider=ANSWERED),
        ProviderUnavailable("no connection, which the transport tried often enough"),
        RateLimitExceeded("slow down", provider=ANSWERED, retry_after=1000.0),
    ],
    ids=["unknown", "not retryable", "repeated by the transport", "later than the time limit"],
)
def test_everything_else_is_sent_once(configure: Callable[..., ConfiguredConnector], error: SendError) -> None:
    fake = BatchConnector(refuse(error, 1))
    outcomes = list(configure(fake).send_messages(make_messages(3)))
    assert fake.batches == [["p0@example.com", "p1@example.com", "p2@example.com"]]
    assert isinstance(outcomes[1], type(error))
    assert str(outcomes[1]) == str(error)
    assert outcomes[1].outcome == error.outcome


def test_a_message_goes_out_again_as_often_as_the_limits_say(configure: Callable[..., ConfiguredConnector]) -> None:
    fake = BatchConnector(lambda messages: [ProviderUnavailable("later", provider=ANSWERED) for _ in messages])
    limits = Limits(retries=1)
    assert ids(configure(fake, limits=limits).send_messages(make_messages(1))) == ["provider_unavailable"]
    assert len(fake.batches) == 2


FAILURES: dict[str, Callable[[Sequence[Message]], Any]] = {
    "an exception": lambda _: 1 / 0,
    "too few outcomes": lambda messages: accept(messages)[1:],
    "no outcomes": lambda _: None,
    "something else": lambda messages: ["sent" for _ in messages],
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_connector_that_breaks_the_contract_leaves_all_unknown(
    configure: Callable[..., ConfiguredConnector], failure: str
) -> None:
    outcomes = list(configure(BatchConnector(FAILURES[failure])).send_messages(make_messages(3)))
    assert [one.outcome for one in outcomes if isinstance(one, SendError)] == ["unknown"] * 3
    assert all("alpha-mail" in str(one) for one in outcomes)


def test_an_error_about_a_whole_batch_is_an_error_of_its_own_for_each_message(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    def send(_messages: Sequence[Message]) -> Any:
        raise RateLimitExceeded("slow down", retry_after=5.0, provider=ProviderReply(status=429))

    outcomes = list(configure(BatchConnector(send)).send_messages(make_messages(3)))
    assert [(one.code, one.retry_after) for one in outcomes if isinstance(one, SendError)] == [
        ("rate_limit_exceeded", 5.0)
    ] * 3
    assert len({id(one) for one in outcomes}) == 3


def test_no_outcome_shows_a_secret_of_the_config(configure: Callable[..., ConfiguredConnector]) -> None:
    def send(messages: Sequence[Message]) -> list[SendError]:
        return [SendError("made-up-token-1234 is wrong", outcome="unknown") for _ in messages]

    (outcome,) = configure(BatchConnector(send)).send_messages(make_messages(1))
    assert "made-up-token-1234" not in f"{outcome!r} {outcome}"


@pytest.mark.parametrize("connector", [FakeConnector, BatchConnector])
def test_each_message_of_a_batch_has_a_line_in_the_log(
    configure: Callable[..., ConfiguredConnector], connector: type[FakeConnector], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connector_core")
    list(configure(connector()).send_messages(make_messages(5)))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 5
    assert all(line.startswith("alpha-mail SignIn sent ") for line in lines)


class OwnError(SendError):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{text} ({code})", outcome="unknown")


def test_an_error_of_a_class_of_the_connector_s_own_is_an_outcome(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    def send(_messages: Sequence[Message]) -> Any:
        raise OwnError(4, "lost")

    outcomes = list(configure(BatchConnector(send)).send_messages(make_messages(2)))
    assert [(type(one), str(one)) for one in outcomes] == [(OwnError, "lost (4)")] * 2


def test_a_payload_whose_names_were_spoilt_fails_alone(configure: Callable[..., ConfiguredConnector]) -> None:
    messages = make_messages(3)
    messages[1].payload[1] = "x"  # type: ignore[index]  # the mistake under test
    outcomes = configure(BatchConnector()).send_messages(messages)
    assert [isinstance(one, SendResult) for one in outcomes] == [True, False, True]


def test_less_than_one_request_in_flight_is_refused(configure: Callable[..., ConfiguredConnector]) -> None:
    with pytest.raises(ValueError, match="in_flight is at least 1"):
        configure(BatchConnector()).send_messages([], in_flight=0)


SIZES = st.lists(st.integers(0, 400), max_size=30)


@given(SIZES, st.integers(1, 5), st.integers(1, 1500))
def test_batches_keep_to_both_limits_and_lose_nothing(sizes: list[int], most: int, most_bytes: int) -> None:
    messages = [Message("a@example.com", "SignIn", content=Content("", "x" * size or "y")) for size in sizes]
    metadata = ConnectorMetadata(
        id="a",
        type="Email",
        name={},
        description={},
        config_schema={},
        message_limits={"batchMessages": most, "batchBytes": most_bytes},
    )
    batches = list(cut_batches(messages, metadata))
    assert [one for cut in batches for one in cut] == messages
    for cut in batches:
        assert 1 <= len(cut) <= most
        assert len(cut) == 1 or sum(map(measure_message, cut)) <= most_bytes


def test_invalid_message_alone_is_no_reason_to_ask_the_connector(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    fake = BatchConnector()
    outcomes = list(configure(fake).send_messages([Message("no address", "SignIn")]))
    assert [type(one) for one in outcomes] == [InvalidMessage]
    assert fake.batches == []
