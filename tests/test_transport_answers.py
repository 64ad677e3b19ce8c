"""Answers that the transport refuses: redirects, and bodies too large to hold."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest
from network_environment import forget_network_environment

from connector_core import InvalidResponse, Limits, Secret, SendError, Transport
from connector_core.testing.wire_behaviours import flood, make_answer, respond, say, say_and_close
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from connector_core.testing.wire_server import Behaviour

LIMITS = Limits(total=20, response_bytes=100_000)
MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def fail_to_post(server: WireServer) -> SendError:
    transport = Transport(limits=LIMITS)
    try:
        with pytest.raises(SendError) as caught:
            transport.request("POST", server.url, headers={"X-Token": Secret("t")}, json={})
    finally:
        transport.close()
    return caught.value


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(status: int) -> None:
    with WireServer(respond()) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        with WireServer(respond(status, headers=[f"Location: {there}/steal"])) as server:
            error = fail_to_post(server)
    assert type(error) is InvalidResponse
    assert (error.outcome, error.retryable) == ("unknown", False)
    assert error.provider is not None
    assert error.provider.status == status
    assert "localhost" in str(error)
    assert (len(server.requests), other.connections) == (1, 0)


@pytest.mark.parametrize(
    "location", ["/elsewhere", "?again", "//other.example/", "http://[broken", "http://", "", "\xff\xfe", "ftp://x:y@z"]
)
def test_a_redirect_of_any_form_is_not_followed(location: str) -> None:
    with WireServer(respond(302, headers=[f"Location: {location}"])) as server:
        error = fail_to_post(server)
    assert type(error) is InvalidResponse
    assert len(server.requests) == 1


def test_a_redirect_that_names_no_place_is_returned() -> None:
    with WireServer(respond(302, b"somewhere")) as server:
        transport = Transport()
        answer = transport.request("POST", server.url, headers={}, json={})
        transport.close()
    assert (answer.status, answer.body) == (302, b"somewhere")


def test_an_answer_of_just_the_limit_is_read() -> None:
    with WireServer(respond(200, b"x" * LIMITS.response_bytes)) as server:
        transport = Transport(limits=LIMITS)
        answer = transport.request("GET", server.url, headers={})
        transport.close()
    assert len(answer.body) == LIMITS.response_bytes


def make_bomb(megabytes: int) -> bytes:
    """Return zeros, compressed, without ever holding them."""
    packer = zlib.compressobj(9, wbits=31)
    blocks = [packer.compress(bytes(MEGABYTE)) for _ in range(megabytes)]
    return b"".join([*blocks, packer.flush()])


BOMB = make_bomb(100)
OK = b"HTTP/1.1 200 OK\r\n"
BLOCK = b"z" * 65_536
TOO_LARGE = {
    "announces its 100 MB": flood(OK + b"Content-Length: 104857600\r\n\r\n", BLOCK, 1600),
    "ends with the connection after 100 MB": flood(OK + b"\r\n", BLOCK, 1600),
    "has 100 MB in chunks": flood(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + BLOCK + b"\r\n", 1600),
    "has 100 MB in one chunk": flood(OK + b"Transfer-Encoding: chunked\r\n\r\n6400000\r\n", BLOCK, 1600),
    "is one byte over the limit": respond(200, b"x" * (LIMITS.response_bytes + 1)),
    "is a gzip bomb": respond(200, BOMB, ["Content-Encoding: gzip"]),
    "is a gzip bomb in chunks": say_and_close(
        OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BOMB) + BOMB + b"\r\n0\r\n\r\n"
    ),
    "is a bomb of zlib": respond(200, zlib.compress(bytes(50 * MEGABYTE), 9), ["Content-Encoding: deflate"]),
    "is a bomb in a bomb": respond(200, gzip.compress(BOMB, mtime=0), ["Content-Encoding: gzip, gzip"]),
    "is an error page of 100 MB": flood(b"HTTP/1.1 500 Oops\r\n\r\n", BLOCK, 1600),
}


def fail_to_post_in_bounded_memory(server: WireServer) -> SendError:
    tracemalloc.start()
    try:
        error = fail_to_post(server)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * MEGABYTE
    return error


@pytest.mark.parametrize("behaviour", [pytest.param(value, id=key) for key, value in TOO_LARGE.items()])
def test_an_answer_that_is_too_large_is_refused_in_bounded_memory(behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_post_in_bounded_memory(server)
    assert type(error) is InvalidResponse
    assert (error.outcome, error.retryable) == ("unknown", False)
    assert "100000 bytes" in str(error)
    assert len(server.requests) == 1


def test_the_body_of_a_redirect_does_not_fill_the_memory() -> None:
    with WireServer(flood(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", BLOCK, 1600)) as server:
        error = fail_to_post_in_bounded_memory(server)
    assert error.outcome == "unknown"
    assert len(server.requests) == 1


def test_a_refused_answer_leaves_no_bytes_for_the_next_request() -> None:
    too_large = make_answer(200, b"HTTP/1.1 200 forged\r\nContent-Length: 6\r\n\r\nforged" * 5000)
    with WireServer(say(too_large), respond(200, b"real")) as server:
        transport = Transport(limits=LIMITS)
        with pytest.raises(InvalidResponse):
            transport.request("POST", server.url, headers={}, json={})
        answer = transport.request("POST", server.url, headers={}, json={})
        transport.close()
    assert answer.body == b"real"
    assert [request.line for request in server.requests] == [0, 1]


def test_bytes_after_an_answer_are_not_taken_for_the_next_one() -> None:
    forged = make_answer(200, b"forged")
    with WireServer(say(make_answer(200, b"first") + forged), respond(200, b"second")) as server:
        transport = Transport()
        bodies = [transport.request("POST", server.url, headers={}, json={}).body for _ in range(2)]
        transport.close()
    assert bodies == [b"first", b"second"]


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b"text", mtime=0)),
        ("GZIP", gzip.compress(b"text", mtime=0)),
        ("deflate", zlib.compress(b"text")),
        ("deflate, gzip", gzip.compress(zlib.compress(b"text"), mtime=0)),
        ("identity", b"text"),
    ],
)
def test_a_compressed_answer_is_unpacked(coding: str, packed: bytes) -> None:
    with WireServer(respond(200, packed, [f"Content-Encoding: {coding}"])) as server:
        transport = Transport()
        answer = transport.request("GET", server.url, headers={})
        transport.close()
    assert answer.body == b"text"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param("gzip", b"no gzip at all", id="no gzip"),
        pytest.param("gzip", gzip.compress(b"text" * 99, mtime=0)[:-9], id="gzip cut"),
        pytest.param("deflate", zlib.compress(b"text" * 99)[:-9], id="deflate cut"),
        pytest.param("gzip, gzip", gzip.compress(b"text", mtime=0), id="not twice"),
        pytest.param("br", b"\x0b\x02\x80text\x03", id="brotli"),
        pytest.param("made-up", b"text", id="unknown"),
    ],
)
def test_a_body_that_cannot_be_unpacked_leaves_the_outcome_unknown(coding: str, body: bytes) -> None:
    with WireServer(respond(200, body, [f"Content-Encoding: {coding}"])) as server:
        error = fail_to_post(server)
    assert error.outcome == "unknown"
    assert len(server.requests) == 1


def test_a_content_length_that_is_too_long_leaves_the_outcome_unknown() -> None:
    with WireServer(say_and_close(OK + b'Content-Length: 3000\r\n\r\n{"MessageID": "x"}')) as server:
        error = fail_to_post(server)
    assert error.outcome == "unknown"
    assert len(server.requests) == 1


def test_cookies_are_not_kept() -> None:
    with WireServer(respond(200, headers=["Set-Cookie: a=b; Path=/", "Set-Cookie: c=d"])) as server:
        transport = Transport()
        for _ in range(2):
            transport.request("POST", server.url, headers={}, json={})
        transport.close()
    assert [request.headers.get("cookie") for request in server.requests] == [None, None]


def test_a_field_of_the_providers_own_is_taken_for_no_redirect() -> None:
    own_field = ["X-Redirect-Location: https://other.example/"]
    with WireServer(respond(200, b"{}", headers=own_field)) as server, contextlib.closing(Transport()) as transport:
        assert transport.request("POST", server.url, headers={}).body == b"{}"
