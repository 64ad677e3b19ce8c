"""The transport against real sockets: what breaks before and after a request has left."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
from deaf_server import accept_nothing
from network_environment import forget_network_environment

from connector_core import DeliveryUnknown, InvalidMessage, Limits, ProviderUnavailable, Secret, SendError, Transport
from connector_core.testing.wire_behaviours import drip, hang_up, make_answer, respond, say_and_close, stay_silent
from connector_core.testing.wire_server import HANG_GUARD, WireServer, finish, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.testing.wire_server import Behaviour, Line

QUICK = Limits(connect=2, read=2, total=2, retries=0)
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def post(url: str, limits: Limits = QUICK) -> SendError:
    """Send a request that must fail, and return the error."""
    with contextlib.closing(Transport(limits=limits)) as transport, pytest.raises(SendError) as caught:
        finish(lambda: transport.request("POST", url, headers={"X-Token": Secret("t")}, json={"a": 1}))
    return caught.value


def test_the_whole_answer_comes_back_whatever_its_status() -> None:
    with WireServer(respond(418, b"short and stout", ["X-Kind: Teapot"])) as server:
        transport = Transport()
        answer = transport.request("GET", f"{server.url}/pot", headers={})
        transport.close()
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"short and stout", "Teapot")


def test_a_request_arrives_as_it_was_given() -> None:
    with WireServer(respond()) as server:
        transport = Transport()
        fields: dict[str, str | Secret] = {"X-Plain": "open", "X-Token": Secret("hidden"), "Content-Type": "text/x"}
        transport.request("POST", f"{server.url}/path", headers=fields, json={"b": "é", "a": [None, True]})
        transport.close()
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/path")
    assert request.json() == {"b": "é", "a": [None, True]}
    fields_seen = {(name, value) for name, value in request.fields if name.startswith(("X-", "Content-T"))}
    assert fields_seen == {("X-Plain", "open"), ("X-Token", "hidden"), ("Content-Type", "text/x")}


def test_a_json_value_arrives_as_json() -> None:
    with WireServer(respond()) as server, contextlib.closing(Transport()) as transport:
        transport.request("POST", server.url, headers={}, json=["é", None])
    (request,) = server.requests
    assert (request.json(), request.headers["content-type"]) == (["é", None], "application/json")


def test_a_form_arrives_as_a_form_with_its_secrets() -> None:
    with WireServer(respond()) as server:
        transport = Transport()
        transport.request("POST", server.url, headers={}, data={"key": Secret("h&m"), "name": "x y"})
        transport.close()
    (request,) = server.requests
    assert request.body == b"key=h%26m&name=x+y"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_requests_one_after_another_share_a_connection() -> None:
    with WireServer(respond(body=b"{}")) as server:
        transport = Transport()
        for _ in range(3):
            transport.request("POST", server.url, headers={}, json={})
        transport.close()
    assert [request.line for request in server.requests] == [0, 0, 0]


def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    with (
        WireServer(say_and_close(make_answer(200, b"{}"))) as server,
        contextlib.closing(Transport()) as transport,
    ):
        for number in range(3):
            assert transport.request("POST", server.url, headers={}, json={}).status == 200
            assert server.lines[number].closed.wait(HANG_GUARD)
    assert [request.line for request in server.requests] == [0, 1, 2]


def test_a_closed_transport_opens_new_connections() -> None:
    with WireServer(respond(body=b"{}")) as server:
        transport = Transport()
        for _ in range(2):
            transport.request("POST", server.url, headers={}, json={})
            transport.close()
    assert [request.line for request in server.requests] == [0, 1]


def test_a_refused_connection_was_surely_not_sent() -> None:
    with refuse_connections() as url:
        error = post(url)
    assert type(error) is ProviderUnavailable
    assert (error.outcome, error.retryable) == ("not_sent", True)
    assert "connection refused" in str(error)


def test_an_unknown_host_name_was_surely_not_sent() -> None:
    error = post("https://does-not-exist.invalid/")
    assert type(error) is ProviderUnavailable
    assert (error.outcome, error.retryable) == ("not_sent", True)


def test_a_connection_that_nobody_accepts_was_surely_not_sent_and_is_given_up() -> None:
    with accept_nothing() as url:
        error = post(url, Limits(connect=0.2, read=1000, total=1000, retries=0))
    assert type(error) is ProviderUnavailable
    assert (error.outcome, error.retryable) == ("not_sent", True)


def resolve_to(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    """Return a `getaddrinfo` that finds these addresses for any name."""

    def resolve(_host: str, port: int, *_arguments: object, **_options: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    return resolve


def test_all_addresses_of_a_host_together_keep_to_the_limit_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with accept_nothing() as url:
        monkeypatch.setattr(socket, "getaddrinfo", resolve_to(*["127.0.0.1"] * 200))
        error = post(url.replace("127.0.0.1", "provider.test"), Limits(connect=0.5, total=1000, retries=0))
    assert type(error) is ProviderUnavailable


def test_a_host_whose_first_address_refuses_is_reached_by_its_second(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(respond()) as server, contextlib.closing(Transport()) as transport:
        monkeypatch.setattr(socket, "getaddrinfo", resolve_to("127.0.0.2", "127.0.0.1"))
        answer = transport.request("POST", f"http://provider.test:{server.port}", headers={}, json={})
    assert answer.status == 200
    assert server.requests[0].headers["host"] == f"provider.test:{server.port}"


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(hang_up, id="closes right after the request"),
        pytest.param(say_and_close(b"HTTP/1.1 2"), id="closes within the status line"),
        pytest.param(say_and_close(HEAD + b'Content-Length: 50\r\n\r\n{"a":'), id="closes within the body"),
        pytest.param(say_and_close(CHUNKED + b'20\r\n{"a":'), id="closes within a chunk"),
        pytest.param(say_and_close(CHUNKED + b'5\r\n{"a":\r\n'), id="closes before the last chunk"),
        pytest.param(say_and_close(CHUNKED + b"oops\r\n"), id="sends a chunk without a size"),
        pytest.param(say_and_close(CHUNKED + b"-5\r\n"), id="sends a chunk of negative size"),
        pytest.param(say_and_close(b"220 mail.example.com ESMTP\r\n"), id="speaks another protocol"),
        pytest.param(say_and_close(b"\x00\xff" * 500), id="sends binary noise"),
        pytest.param(say_and_close(HEAD, b"X: y\r\n" * 5000, b"\r\n"), id="sends thousands of header fields"),
        pytest.param(say_and_close(HEAD, b"X: ", b"y" * 200_000, b"\r\n\r\n"), id="sends an endless header field"),
        pytest.param(stay_silent, id="stays silent past the limit"),
        pytest.param(drip(b"HTTP/1.1 200 ", b"O"), id="drips the status line"),
        pytest.param(drip(HEAD + b"X: ", b"y"), id="drips the header fields"),
        pytest.param(drip(HEAD + b"Content-Length: 5000\r\n\r\n", b"z"), id="drips the body"),
        pytest.param(drip(CHUNKED, b"1\r\nz\r\n"), id="drips chunks"),
        pytest.param(drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="asks to continue without end"),
    ],
)
def test_a_line_that_breaks_after_the_request_leaves_the_delivery_unknown(behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = post(server.url, Limits(connect=5, read=1.8, total=2, retries=2))
    assert type(error) is DeliveryUnknown
    assert (error.outcome, error.retryable) == ("unknown", False)
    assert len(server.requests) == 1


def test_silence_between_two_bytes_is_limited_apart_from_the_total() -> None:
    with WireServer(stay_silent) as server:
        error = post(server.url, Limits(read=0.1, total=60))
    assert type(error) is DeliveryUnknown
    assert "took too long" in str(error)


def test_a_server_that_stops_reading_leaves_the_delivery_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # the system accepts, and nobody reads
        transport = Transport(limits=QUICK)
        with pytest.raises(DeliveryUnknown):
            transport.request("POST", f"http://127.0.0.1:{deaf.getsockname()[1]}", headers={}, data=b"x" * 50_000_000)
        transport.close()


def test_a_large_request_may_take_longer_to_leave_than_the_connection_to_make() -> None:
    def be_slow(line: Line) -> None:
        line.pause(0.5)  # the system's buffers fill up meanwhile

    limits = Limits(connect=0.2, read=10, total=10)
    with WireServer(respond(), greeting=be_slow) as server, contextlib.closing(Transport(limits=limits)) as transport:
        answer = transport.request("POST", server.url, headers={}, data=b"x" * 20_000_000)
    assert answer.status == 200
    assert len(server.requests[0].body) == 20_000_000


def test_a_long_answer_time_of_one_request_does_not_shorten_the_next() -> None:
    with WireServer(stay_silent, respond(body=b"{}")) as server:
        transport = Transport(limits=Limits(read=2, total=20))
        with pytest.raises(DeliveryUnknown):
            transport.request("POST", server.url, headers={}, json={})
        answer = transport.request("POST", server.url, headers={}, json={})
        transport.close()
    assert answer.status == 200


def assert_unwritable(url: str, headers: dict[str, str]) -> None:
    with contextlib.closing(Transport(limits=QUICK)) as transport, pytest.raises(SendError) as caught:
        transport.request("POST", url, headers=headers, json={})
    assert (type(caught.value), caught.value.outcome, caught.value.retryable) == (SendError, "not_sent", False)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize(
    "url",
    ["no-scheme/path", "http://", "http://[::1", "gopher://127.0.0.1/", "http://127.0.0.1:99999/", "http://.../"],
)
def test_an_address_that_is_none_is_an_error_of_ours_and_not_sent(url: str) -> None:
    assert_unwritable(url, {})


@pytest.mark.parametrize("headers", [{"X-Token": "line\nbreak"}, {"X-Token": "snow☃man"}, {"X\nToken": "x"}])
def test_a_header_that_cannot_be_written_is_an_error_of_ours_and_not_sent(headers: dict[str, str]) -> None:
    with WireServer(respond()) as server:
        assert_unwritable(server.url, headers)
    assert server.requests == []


def test_a_json_body_has_its_content_type_unless_the_connector_gives_another() -> None:
    with WireServer(respond(), respond()) as server, contextlib.closing(Transport()) as transport:
        transport.request("POST", server.url, headers={}, json={})
        transport.request("POST", server.url, headers={"content-type": "application/vnd.example+json"}, json={})
        kinds = [request.headers["content-type"] for request in server.requests]
    assert kinds == ["application/json", "application/vnd.example+json"]


@pytest.mark.parametrize("json", [{"a": float("nan")}, [float("inf")], {"a": object()}])
def test_a_value_that_is_no_json_is_an_invalid_message_and_not_sent(json: object) -> None:
    with (
        WireServer(respond()) as server,
        contextlib.closing(Transport(limits=QUICK)) as transport,
        pytest.raises(InvalidMessage) as caught,
    ):
        transport.request("POST", server.url, headers={}, json=json)
    assert caught.value.outcome == "not_sent"
    assert server.connections == 0


def test_a_request_may_have_limits_of_its_own() -> None:
    with WireServer(stay_silent) as server:
        transport = Transport(limits=Limits(read=1000, total=1000))
        with pytest.raises(DeliveryUnknown, match="took too long"):
            finish(lambda: transport.request("POST", server.url, headers={}, data=b"x", limits=QUICK))
