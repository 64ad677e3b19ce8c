"""A socket that keeps to a deadline, in the shape that smtplib reads and writes.

smtplib's time limit is one for each operation of the socket: a server that sends a byte now and then would hold a send
for good, and one that never ends its answer would fill the memory.
"""

from __future__ import annotations

import io
import math
import os
import socket
import ssl
import time

_MAX_ANSWER = 65_536
"""Bytes of one answer, all its lines together; RFC 5321, section 4.5.3.1.5 gives a line 512."""

_MAX_WRITE = 65_536
"""Bytes that are handed to the system at a time: TLS would take all of them for one step, however long it lasts."""


class Line:
    """A connection whose every step ends by a deadline.

    Args:
        sock: the connected socket.

    """

    def __init__(self, sock: socket.socket) -> None:
        self.deadline = math.inf
        """The time (`time.monotonic`) until which everything has to be done."""
        self.silence = math.inf
        """Seconds that the server may take for its next sign of life."""
        self.failure: str | None = None
        """What broke the line, in a few words."""
        self.writes = 0
        """How often bytes were handed to the system."""
        self._sock = sock
        self._unread = _MAX_ANSWER

    def sendall(self, data: bytes) -> None:
        """Send bytes, to which a new answer may follow."""
        self._unread = _MAX_ANSWER
        rest = memoryview(data)
        try:
            while rest:
                self._sock.settimeout(self.remaining())
                self.writes += 1
                rest = rest[self._sock.send(rest[:_MAX_WRITE]) :]
        except OSError as error:
            self.failure = describe_failure(error)
            raise

    def receive_into(self, buffer: memoryview) -> int:
        """Read what is there into a buffer, and return how much."""
        try:
            self._sock.settimeout(self.remaining())
            count = self._sock.recv_into(buffer)
        except OSError as error:
            self.failure = describe_failure(error)
            raise
        self._unread -= count
        if self._unread < 0:
            self.failure = "its answer has no end"
            raise OSError(self.failure)
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a file to read answers from; smtplib always asks for the mode `rb`."""
        return io.BufferedReader(_Reader(self, mode))

    def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Encrypt the line from here on.

        Raises:
            OSError: the handshake failed, or the certificate was refused.

        """
        self._sock.settimeout(self.remaining())
        self._sock = context.wrap_socket(self._sock, server_hostname=name)

    @property
    def encryption(self) -> str | None:
        """Return the version of TLS that the line is encrypted with, such as `TLSv1.3`; None where it is not."""
        return self._sock.version() if isinstance(self._sock, ssl.SSLSocket) else None

    def local_address(self) -> str:
        """Return the network address of this machine that the connection comes from."""
        try:
            return str(self._sock.getsockname()[0])
        except OSError:  # some systems don't know it once the other side has closed
            return "127.0.0.1"

    def remaining(self) -> float:
        """Return the seconds that the next step may take.

        Raises:
            TimeoutError: there are none.

        """
        left = min(self.deadline - time.monotonic(), self.silence)
        if left <= 0:
            raise TimeoutError
        return left

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()


class _Reader(io.RawIOBase):
    """Reads a line, for a buffered file."""

    def __init__(self, line: Line, mode: str) -> None:
        self._line = line
        self.mode = mode

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a buffered file gives no other buffer
        return self._line.receive_into(buffer)


def describe_failure(error: OSError) -> str:
    """Return in a few words why a connection failed; nothing of what was said on it is in them."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return str(error.verify_message).rstrip(".") or "no details"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").lower().replace("_", " ")
    if isinstance(error, socket.gaierror):  # its numbers are not those of the system
        return str(error.strerror).lower()
    return os.strerror(error.errno).lower() if error.errno else "the connection was closed"
