"""What the transport sends again by itself, when, and what it never sends twice."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from network_environment import forget_network_environment

from connector_core import DeliveryUnknown, Limits, ProviderUnavailable, Response, Transport, parse_retry_after
from connector_core.testing.wire_behaviours import respond
from connector_core.testing.wire_server import HANG_GUARD, WireServer, refuse_connections

if TYPE_CHECKING:
    from connector_core.testing.wire_server import Behaviour, Line


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the pauses between attempts, instead of making them."""
    recorded: list[float] = []
    monkeypatch.setattr("connector_core.transport.time.sleep", recorded.append)
    return recorded


def post(server: WireServer, limits: Limits | None = None) -> Response:
    transport = Transport(limits=limits)
    try:
        return transport.request("POST", server.url, headers={}, json={"n": 1})
    finally:
        transport.close()


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_that_was_refused_for_now_goes_out_again(status: int, pauses: list[float]) -> None:
    with WireServer(respond(status), respond(200, b"taken")) as server:
        answer = post(server)
    assert (answer.status, answer.body) == (200, b"taken")
    assert [request.json() for request in server.requests] == [{"n": 1}, {"n": 1}]
    assert len(pauses) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_the_provider_asks_for_is_kept(status: int, pauses: list[float]) -> None:
    with WireServer(respond(status, headers=["Retry-After: 1"]), respond()) as server:
        assert post(server).status == 200
    assert pauses == [1.0]


def test_the_provider_is_really_left_alone_for_as_long_as_it_asks() -> None:
    times: list[float] = []

    def note(behaviour: Behaviour) -> Behaviour:
        def behave(line: Line) -> None:
            times.append(time.monotonic())
            behaviour(line)

        return behave

    with WireServer(note(respond(429, headers=["Retry-After: 1"])), note(respond())) as server:
        assert post(server).status == 200
    assert times[1] - times[0] >= 1.0


@pytest.mark.parametrize("retry_after", ["3", "99999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wait_past_the_total_limit_is_not_begun(retry_after: str, pauses: list[float]) -> None:
    with WireServer(respond(429, headers=[f"Retry-After: {retry_after}"])) as server:
        answer = post(server, Limits(total=2))
    assert answer.status == 429
    assert answer.headers["retry-after"] == retry_after
    assert (len(server.requests), pauses) == (1, [])


def test_a_date_to_wait_until_is_kept(pauses: list[float]) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True)
    with WireServer(respond(503, headers=[f"Retry-After: {soon}"]), respond()) as server:
        assert post(server, Limits(total=60)).status == 200
    (pause,) = pauses
    assert 0 < pause <= 10


def test_a_date_in_the_past_means_at_once(pauses: list[float]) -> None:
    with WireServer(respond(503, headers=["Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"]), respond()) as server:
        assert post(server).status == 200
    assert pauses == [0.0]


@pytest.mark.parametrize("garbage", ["soon", "-5", "1.5", "1e3", "", "0x10", "9" * 5000, "\xb2", "1, 2"])
def test_a_wait_that_cannot_be_read_counts_as_none_given(garbage: str, pauses: list[float]) -> None:
    with WireServer(respond(429, headers=[f"Retry-After: {garbage}"]), respond()) as server:
        assert post(server).status == 200
    assert pauses == [0.0]


def test_the_answer_of_the_last_attempt_comes_back(pauses: list[float]) -> None:
    answers = [respond(503, b"one"), respond(429, b"two"), respond(503, b"three", ["Retry-After: 1"])]
    with WireServer(*answers) as server:
        answer = post(server, Limits(retries=2))
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"three", "1")
    assert len(server.requests) == 3
    assert len(pauses) == 2


def test_pauses_that_the_provider_does_not_set_grow(pauses: list[float]) -> None:
    with WireServer(respond(503)) as server:
        post(server, Limits(retries=4))
    assert len(server.requests) == 5
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]


def test_all_attempts_together_keep_to_the_total_limit_and_the_last_has_time_for_an_answer(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + sum(pauses))
    with WireServer(respond(503), respond(503, headers=["Retry-After: 90"]), respond(503)) as server:
        assert post(server, Limits(total=100)).status == 503
    assert len(server.requests) == 2
    pauses.clear()
    with WireServer(respond(503, headers=["Retry-After: 80"]), respond()) as server:
        assert post(server, Limits(total=100)).status == 200
    pauses.clear()
    with WireServer(respond(503)) as server:
        assert post(server, Limits(total=100, retries=1000)).status == 503
    assert len(server.requests) == len(pauses) + 1
    assert 10 < sum(pauses) < 90


def test_no_retries_means_one_request() -> None:
    with WireServer(respond(503)) as server:
        assert post(server, Limits(retries=0)).status == 503
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 408, 409, 413, 422, 425, 500, 501, 502, 504, 505, 520, 599])
def test_any_other_refusal_is_returned_at_once(status: int) -> None:
    with WireServer(respond(status, b"no", ["Retry-After: 0"])) as server:
        answer = post(server)
    assert (answer.status, answer.body) == (status, b"no")
    assert len(server.requests) == 1


def test_a_refused_connection_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    server = WireServer(respond(200, b"late"))  # refuses connections until it is started
    pauses: list[float] = []

    def start_at_the_second_pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            server.start()

    monkeypatch.setattr("connector_core.transport.time.sleep", start_at_the_second_pause)
    answer = post(server, Limits(retries=2))
    server.stop()
    assert answer.body == b"late"
    assert len(server.requests) == 1


def test_a_connection_that_is_always_refused_is_given_up(pauses: list[float]) -> None:
    transport = Transport(limits=Limits(retries=2))
    with refuse_connections() as url, pytest.raises(ProviderUnavailable) as caught:
        transport.request("POST", url, headers={}, json={})
    transport.close()
    assert len(pauses) == 2
    assert caught.value.retry_after is None


def test_a_request_that_half_arrived_is_not_sent_again() -> None:
    arrived = threading.Event()

    def read_a_little(listener: socket.socket) -> None:
        sock, _ = listener.accept()
        sock.recv(10)
        arrived.set()
        sock.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(HANG_GUARD)
        thread = threading.Thread(target=read_a_little, args=(listener,))
        thread.start()
        transport = Transport()
        with pytest.raises(DeliveryUnknown):
            transport.request(
                "POST", f"http://127.0.0.1:{listener.getsockname()[1]}", headers={}, data=b"x" * 20_000_000
            )
        thread.join(HANG_GUARD)
        transport.close()
        listener.setblocking(False)  # noqa: FBT003  the socket module has no keyword for it
        with pytest.raises(BlockingIOError):
            listener.accept()  # there was no second connection
    assert arrived.is_set()


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, None), ({"retry-after": "0"}, 0.0), ({"retry-after": " 120 "}, 120.0)]
)
def test_seconds_to_wait_are_read(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers) == seconds


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,6} \d\d?:\d\d?(:\d\d)? \S{1,5}"))
@example("Mon, 01 Jan 0001 00:00:00 GMT")
@example("Fri, 31 Dec 9999 23:59:59 -9999")
@example(" ")
def test_any_text_gives_seconds_that_can_be_waited_or_none(value: str) -> None:
    seconds = parse_retry_after({"retry-after": value})
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize("limits", [{"connect": 0}, {"read": -1}, {"total": 0}, {"retries": -1}, {"response_bytes": 0}])
def test_limits_that_can_not_be_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="above zero"):
        Limits(**limits)
