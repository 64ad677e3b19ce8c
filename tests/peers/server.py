"""A local Postmark that answers at once: the server of the benchmarks, in a process of its own.

Run as a program it prints its port, and answers until its standard input is closed. An argument is the milliseconds
that it waits before each answer, as a network and a provider would.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
import time
from functools import cache
from typing import Any

ITEM = {
    "To": "a@example.com",
    "SubmittedAt": "2026-01-02T03:04:05.6789012-05:00",
    "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817",
    "ErrorCode": 0,
    "Message": "OK",
}


@cache
def make_answer(count: int | None) -> bytes:
    """Return a whole answer to one message, or to a batch of so many."""
    body = json.dumps(ITEM if count is None else [ITEM] * count).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Answering(socketserver.StreamRequestHandler):
    """Answers each request of a connection with success, once it has read what was sent."""

    disable_nagle_algorithm = True
    seconds = 0.0
    """How long it waits before each answer."""

    def handle(self) -> None:
        """Answer until the connection ends."""
        while True:
            length, counted = 0, False
            while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                counted = True
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if not counted:
                return
            body = json.loads(self.rfile.read(length))
            messages = body.get("Messages") if isinstance(body, dict) else body
            if self.seconds:
                time.sleep(self.seconds)
            self.note(body)
            self.wfile.write(make_answer(None if messages is None else len(messages)))

    def note(self, body: Any) -> None:
        """Take note of what was sent; nothing is kept unless a subclass does."""


if __name__ == "__main__":
    Answering.seconds = float(sys.argv[1]) / 1000 if sys.argv[1:] else 0.0
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()
