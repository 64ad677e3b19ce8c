"""What a scripted server does after it has read a request: `respond(503)`, `hang_up`, `pass_on(origin)`."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_core.testing.wire_server import HANG_GUARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connector_core.testing.wire_server import Behaviour, Line

_OF_ONE_LINE = {"connection", "content-length", "keep-alive", "transfer-encoding"}
"""Header fields that are about one connection only (RFC 9110, section 7.6.1), and the length, which is made anew."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as a server gave it."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def write(self) -> bytes:
        """Return the answer as it goes over the wire."""
        kept = [f"{name}: {value}" for name, value in self.fields if name.lower() not in _OF_ONE_LINE]
        return make_answer(self.status, self.body, kept)


def respond(status: int = 200, body: bytes = b"", headers: Iterable[str] = ()) -> Behaviour:
    """Answer in full, and keep the connection."""
    return say(make_answer(status, body, headers))


def respond_json(value: Any, status: int = 200, headers: Iterable[str] = ()) -> Behaviour:
    """Answer with a JSON value, and keep the connection."""
    return respond(status, json.dumps(value).encode(), ["Content-Type: application/json", *headers])


def make_answer(status: int, body: bytes, headers: Iterable[str] = ()) -> bytes:
    """Return an answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def say(data: bytes) -> Behaviour:
    """Send bytes as they are, and keep the connection."""
    return lambda line: line.send(data)


def say_and_close(*pieces: bytes) -> Behaviour:
    """Send bytes as they are, then close."""

    def behave(line: Line) -> None:
        for piece in pieces:
            line.send(piece)
        line.close()

    return behave


def hang_up(line: Line) -> None:
    """End the connection without an answer."""
    line.close()


def reset(line: Line) -> None:
    """Reset the connection without an answer."""
    line.reset()


def stay_silent(line: Line) -> None:
    """Never answer."""
    line.wait_for_peer()


def pass_on(origin: str, then: Callable[[Line, Answer], None] | None = None) -> Behaviour:
    """Pass the request on to the server at `origin`, and its answer back, or do with it what `then` does."""
    address = origin.partition("://")[2]

    def behave(line: Line) -> None:
        upstream = http.client.HTTPConnection(address, timeout=HANG_GUARD)
        try:
            fields = {name: value for name, value in line.request.fields if name.lower() not in _OF_ONE_LINE}
            upstream.request(line.request.method, line.request.target, line.request.body, fields)
            got = upstream.getresponse()
            answer = Answer(got.status, tuple(got.getheaders()), got.read())
        finally:
            upstream.close()
        if then is None:
            line.send(answer.write())
        else:
            then(line, answer)

    return behave


def drip(head: bytes, drop: bytes, seconds: float = 0.02) -> Behaviour:
    """Send `head`, then `drop` again and again, faster than any limit on silence, until the client leaves."""

    def behave(line: Line) -> None:
        line.send(head)
        while line.pause(seconds):
            line.send(drop)

    return behave


def flood(head: bytes, block: bytes, times: int) -> Behaviour:
    """Send `head`, then `block` many times, as fast as the client takes it."""

    def behave(line: Line) -> None:
        line.send(head)
        for _ in range(times):
            line.send(block)
        line.close()

    return behave
