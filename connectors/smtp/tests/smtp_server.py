"""A scripted mail server on loopback, down at the sockets: it can break every rule that a real one might."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

import trustme

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    Behaviour = Callable[["Connection"], None]
    Part = str | Behaviour
    """What the server says, its lines joined by line breaks, or what it does instead."""

HANG_GUARD = 30.0
PASSWORD = "p4ss w0rd/=+\"'é\\"
USER = "mailer@example.com"
REQUIRED = ("SignIn", "Register", "ForgotPassword", "Generic")

_USUAL = {
    "GREETING": "220 mail.example.com ESMTP",
    "HELO": "250 mail.example.com",
    "STARTTLS": "220 2.0.0 Go ahead",
    "AUTH": "235 2.7.0 Welcome",
    "RESPONSE": "235 2.7.0 Welcome",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 Go on",
    "CONTENT": "250 2.0.0 Ok: queued as 4F1C2",
    "RSET": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 Bye",
}
EXTENSIONS = ("SIZE 50000000", "8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN")

SYSTEM_AUTHORITY = trustme.CA()
"""Whom the system trusts while these tests run."""

AUTHORITY = trustme.CA()
CA = AUTHORITY.cert_pem.bytes().decode()


def make_context(*names: str, authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
    return context


class Connection:
    """One connection, as a behaviour sees it."""

    def __init__(self, server: ScriptedServer, sock: socket.socket, number: int) -> None:
        self._server = server
        self._sock = sock
        self.number = number
        self.encrypted = False
        self.heard: list[str] = []
        self._buffer = bytearray()
        self.open = True
        self.closed = threading.Event()

    def say(self, text: str) -> None:
        self._sock.sendall("".join(f"{line}\r\n" for line in text.split("\n")).encode("utf-8", "surrogateescape"))

    def say_raw(self, data: bytes) -> None:
        self._sock.sendall(data)

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._sock = context.wrap_socket(self._sock, server_side=True)
        self.encrypted = True
        self._buffer.clear()

    def close(self) -> None:
        self.open = False
        self._sock.close()
        self.closed.set()

    def reset(self) -> None:
        """Close so that the client's next step fails at once."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def abort(self) -> None:
        """Close from any thread."""
        try:
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            return

    def pause(self, seconds: float) -> bool:
        """Let time pass; False once the server stops."""
        return not self._server.stopping.wait(seconds)

    def wait_for_peer(self) -> None:
        """Say nothing until the client gives up, or the server stops."""
        while self._sock.recv(65_536):
            pass

    def read_some(self) -> None:
        self._sock.recv(1)

    def read_line(self) -> str | None:
        line = self._read_until(b"\r\n")
        if line is None:
            return None
        self.heard.append(line.decode("utf-8"))
        return self.heard[-1]

    def read_content(self) -> bytes | None:
        return self._read_until(b"\r\n.\r\n")

    def _read_until(self, end: bytes) -> bytes | None:
        start = 0
        while (at := self._buffer.find(end, start)) < 0:
            start = max(0, len(self._buffer) - len(end))
            received = self._sock.recv(65_536)
            if not received:
                return None
            self._buffer += received
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        return found


class ScriptedServer:
    """Serve on loopback while a `with` block runs, each connection in a thread.

    Args:
        script: what is said or done to a command, `GREETING`, an AUTH's further `RESPONSE`, or the `CONTENT`; a list
            is for one time after the other, and its last part repeats. What isn't scripted succeeds.
        tls: offer STARTTLS, or with `implicit` speak TLS from the start.
        extensions: what EHLO offers besides STARTTLS.

    """

    def __init__(
        self,
        script: Mapping[str, Part | Sequence[Part]] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        extensions: Sequence[str] = EXTENSIONS,
    ) -> None:
        self.connections: list[Connection] = []
        self.commands: list[str] = []
        """Every line that came, whatever the connection; the content of mails is in `mails`."""
        self.mails: list[bytes] = []
        self.stopping = threading.Event()
        self._script = dict(script or {})
        self._tls = tls
        self._implicit = implicit
        self._extensions = extensions
        self._said: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def verbs(self) -> list[str]:
        return [command.partition(" ")[0].upper() for command in self.commands]

    def __enter__(self) -> Self:
        self._listener.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopping.set()
        with self._lock:
            connections = list(self.connections)
        for connection in connections:
            connection.abort()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes the thread that accepts
        for thread in self._threads:
            thread.join(HANG_GUARD)
        self._listener.close()

    def hang_up(self) -> None:
        """Close all connections from this side, as after a time of silence, and return once they are."""
        with self._lock:
            connections = list(self.connections)
        for connection in connections:
            connection.abort()
            assert connection.closed.wait(HANG_GUARD)

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
            with self._lock:
                connection = Connection(self, sock, len(self.connections))
                self.connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: Connection) -> None:
        try:
            if self._implicit and self._tls is not None:
                connection.start_tls(self._tls)
            self._perform("GREETING", connection)
            while connection.open and (line := connection.read_line()) is not None:
                self._follow(line, connection)
        except OSError:
            pass  # the client left, or the server stops
        finally:
            connection.close()

    def _follow(self, line: str, connection: Connection) -> None:
        verb = line.partition(" ")[0].upper()
        with self._lock:
            self.commands.append(line)
        said = self._perform(verb, connection)
        if verb == "AUTH":
            while said.startswith("334") and (response := connection.read_line()) is not None:
                with self._lock:
                    self.commands.append(response)
                said = self._perform("RESPONSE", connection)
        elif verb == "STARTTLS" and said.startswith("220") and self._tls is not None:
            connection.start_tls(self._tls)
        elif verb == "DATA" and said.startswith("354") and (content := connection.read_content()) is not None:
            with self._lock:
                self.mails.append(content)
            self._perform("CONTENT", connection)
        elif verb == "QUIT":
            connection.close()

    def _perform(self, verb: str, connection: Connection) -> str:
        """Do what the script has for a command, and return what was said."""
        with self._lock:
            parts = self._script.get(verb, self._usual(verb, connection))
            number = self._said[verb]
            self._said[verb] += 1
        part = parts if isinstance(parts, str) or callable(parts) else parts[min(number, len(parts) - 1)]
        if callable(part):
            part(connection)
            return ""
        connection.say(part)
        return part

    def _usual(self, verb: str, connection: Connection) -> str:
        if verb != "EHLO":
            return _USUAL.get(verb, "500 5.5.1 What?")
        starttls = ["STARTTLS"] if self._tls is not None and not connection.encrypted else []
        lines = ["mail.example.com", *self._extensions, *starttls]
        return "\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])


def hang_up(connection: Connection) -> None:
    connection.close()


def reset(connection: Connection) -> None:
    connection.reset()


def stay_silent(connection: Connection) -> None:
    connection.wait_for_peer()


def drip(text: str, seconds: float = 0.02) -> Behaviour:
    """Say a line again and again, faster than any limit on silence, until the client leaves."""

    def behave(connection: Connection) -> None:
        while connection.pause(seconds):
            connection.say(text)

    return behave


def drip_bytes(data: bytes, seconds: float = 0.02) -> Behaviour:
    """Send one byte after the other, and begin anew at the end."""

    def behave(connection: Connection) -> None:
        while True:
            for byte in data:
                if not connection.pause(seconds):
                    return
                connection.say_raw(bytes([byte]))

    return behave


def flood(text: str) -> Behaviour:
    """Say a line as fast as the client takes it."""

    def behave(connection: Connection) -> None:
        while connection.pause(0):
            connection.say("\n".join([text] * 1000))

    return behave


def config_for(port: int, **settings: Any) -> dict[str, Any]:
    """Return a config that leads to a port of loopback."""
    return {
        "host": "127.0.0.1",
        "port": port,
        "auth": {"user": USER, "pass": PASSWORD},
        "fromEmail": "Example <noreply@example.com>",
        "templates": [
            {"usageType": name, "contentType": "text/plain", "subject": f"Code for {name}", "content": "It is {{code}}"}
            for name in REQUIRED
        ],
        **settings,
    }
