"""A scripted HTTP server on loopback, down at the sockets: it can break every rule that a real one might.

What it does after it has read a request is a behaviour (`wire_behaviours`).
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Behaviour: TypeAlias = Callable[["Line"], None]

T = TypeVar("T")

HANG_GUARD = 30.0
"""Seconds after which a test that should have ended long ago fails instead of hanging."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came over the wire; `line` counts the server's connections from 0."""

    line: int
    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Return the header fields with their names in lower case."""
        return {name.lower(): value for name, value in self.fields}

    def json(self) -> Any:
        """Return the JSON value of the body."""
        return json.loads(self.body)


class Line:
    """One connection, as a behaviour sees it after `request` was read."""

    request: Request

    def __init__(self, server: WireServer, sock: socket.socket, number: int) -> None:
        self._server = server
        self._sock = sock
        self._number = number
        self._buffer = bytearray()
        self.open = True
        self.closed = threading.Event()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._sock.sendall(data)

    def reset(self) -> None:
        """Close so that the client gets a reset in place of an end."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.open = False
        self._sock.close()
        self.closed.set()

    def abort(self) -> None:
        """Close from any thread; what the owner reads or writes after that fails."""
        try:
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # of the plain socket, even under TLS
        except OSError:
            return  # it is closed already

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on over TLS."""
        self._sock = context.wrap_socket(self._sock, server_side=True)

    def wait_for_peer(self) -> None:
        """Say nothing until the client gives up, or the server stops."""
        while self._sock.recv(65_536):
            pass

    def pause(self, seconds: float) -> bool:
        """Let time pass; False once the server stops."""
        return not self._server.stopping.wait(seconds)

    def read_request(self) -> Request | None:
        """Return the next request, None where the client closed."""
        head = self._read_until(b"\r\n\r\n")
        if head is None:
            return None
        start, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = start.split(" ")
        fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        length = next((int(value) for name, value in fields if name.lower() == "content-length"), 0)
        while len(self._buffer) < length:
            self._fill()
        return Request(self._number, method, target, fields, self._take(length))

    def _read_until(self, end: bytes) -> bytes | None:
        while end not in self._buffer:
            if not self._fill():
                return None
        found = self._take(self._buffer.index(end))
        del self._buffer[: len(end)]
        return found

    def _take(self, length: int) -> bytes:
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        return taken

    def _fill(self) -> bool:
        received = self._sock.recv(65_536)
        self._buffer += received
        return bool(received)


class WireServer:
    """Serve on loopback while a `with` block runs, each connection in a thread.

    Args:
        behaviours: what happens after each request, in the order in which the requests come; the last one repeats.
        greeting: what happens to each connection before anything is read, TLS included.
        tls: serve HTTPS.

    Its port is its own from the start, and refuses connections until the block begins.

    """

    def __init__(
        self, *behaviours: Behaviour, greeting: Behaviour | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._behaviours = behaviours
        self._greeting = greeting
        self._tls = tls
        self._lock = threading.Lock()
        self.lines: list[Line] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """Return the address of the server, without a path."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to serve."""
        self._listener.listen()
        self._start(self._accept)

    def stop(self) -> None:
        """End every connection and every thread."""
        self.stopping.set()
        with self._lock:
            lines = list(self.lines)
        for line in lines:
            line.abort()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes the thread that accepts
        for thread in self._threads:
            thread.join(HANG_GUARD)
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self.stopping.is_set():
                sock.close()
                return
            line = Line(self, sock, self.connections)
            self.connections += 1
            with self._lock:
                self.lines.append(line)
            self._start(self._serve, line)

    def _serve(self, line: Line) -> None:
        try:
            if self._greeting is not None:
                self._greeting(line)
            if line.open and self._tls is not None:
                line.start_tls(self._tls)
            while line.open and (request := line.read_request()) is not None:
                line.request = request
                with self._lock:
                    behaviour = self._behaviours[min(len(self.requests), len(self._behaviours) - 1)]
                    self.requests.append(request)
                behaviour(line)
        except OSError:
            pass  # the client left, or the server stops
        finally:
            line.close()


def finish(action: Callable[[], T], seconds: float = HANG_GUARD) -> T:
    """Return what an action returns.

    Raises:
        TimeoutError: it still isn't done when every limit is long over.

    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001  the caller gets it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)


@contextmanager
def refuse_connections() -> Iterator[str]:
    """Give an address of loopback that refuses connections while the block runs."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # and nobody listens
        yield f"http://127.0.0.1:{deaf.getsockname()[1]}"
