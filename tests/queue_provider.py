"""A local Postmark for queues, in a process of its own: it logs the key in each payload, and fails as it is told.

Usage: python queue_provider.py [SHARE_OF_429 SHARE_OF_503 SHARE_OF_RESETS]. It prints its port, and answers until its
standard input is closed. `GET /log` tells what it saw: how often each key was asked for, and how often it was accepted.

A payload may have a `plan`: a list of what to answer to each request for its key, the last one again and again: `ok`,
`slow down` (429, Retry-After: 1), `closed` (503), `reset` (the connection breaks once the request was read and the
message taken), `refused` (422, an inactive recipient), or `hang` (taken, and no answer before `POST /release`).
"""

from __future__ import annotations

import json
import random
import socket
import socketserver
import struct
import sys
import threading
from collections import Counter
from typing import Any, ClassVar

_STATUS = {200: "OK", 422: "Unprocessable Entity", 429: "Too Many Requests", 503: "Service Unavailable"}
_INACTIVE = {"ErrorCode": 406, "Message": "You tried to send to a recipient that has been marked as inactive."}
_SLOW = {"ErrorCode": 429, "Message": "Rate limit exceeded."}


class Answering(socketserver.StreamRequestHandler):
    """Answers each request of a connection."""

    disable_nagle_algorithm = True
    shares: ClassVar[tuple[float, float, float]] = (0, 0, 0)
    asked: ClassVar[Counter[str]] = Counter()
    accepted: ClassVar[Counter[str]] = Counter()
    lock: ClassVar[threading.Lock] = threading.Lock()
    released: ClassVar[threading.Event] = threading.Event()

    def handle(self) -> None:
        """Answer until the connection ends."""
        try:
            while request := self.rfile.readline():
                length = 0
                while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                body = self.rfile.read(length)
                if len(body) < length or not self._serve(request.split()[1].decode(), body):
                    return
        except ConnectionError:
            return  # the client was killed

    def _serve(self, path: str, body: bytes) -> bool:
        if path == "/log":
            with self.lock:
                seen = {"asked": self.asked, "accepted": self.accepted}
                self._answer(200, seen)
        elif path == "/release":
            self.released.set()
            self._answer(200, {})
        else:
            return self._take(json.loads(body)["TemplateModel"])
        return True

    def _take(self, payload: dict[str, Any]) -> bool:
        key = payload["key"]
        with self.lock:
            plan = payload.get("plan") or [self._draw()]
            what = plan[min(self.asked[key], len(plan) - 1)]
            self.asked[key] += 1
            if what in {"ok", "reset", "hang"}:
                self.accepted[key] += 1
        if what == "hang":
            self.released.wait()
        if what == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return False
        if what == "slow down":
            self._answer(429, _SLOW, "Retry-After: 1\r\n")
        elif what == "closed":
            self._answer(503, {})
        elif what == "refused":
            self._answer(422, _INACTIVE)
        else:
            submitted = "2026-01-02T03:04:05.6789012-05:00"
            self._answer(200, {"ErrorCode": 0, "Message": "OK", "MessageID": key, "SubmittedAt": submitted})
        return True

    def _draw(self) -> str:
        drawn = random.random()  # noqa: S311  no secret
        for share, what in zip(self.shares, ("slow down", "closed", "reset"), strict=True):
            if drawn < share:
                return what
            drawn -= share
        return "ok"

    def _answer(self, status: int, document: Any, header: str = "") -> None:
        body = json.dumps(document).encode()
        head = f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: application/json\r\n{header}"
        self.wfile.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


class Server(socketserver.ThreadingTCPServer):
    """Answers each connection in a thread."""

    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Answering.shares = (float(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
    with Server(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
