"""What a router does while its first provider is dead under load: what is lost, and how soon it is used again.

Usage: python tests/bench_failover.py [SECONDS]
"""

from __future__ import annotations

import json
import logging
import socket
import socketserver
import statistics
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from bench_process import run_server
from waiting import wait_for

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from connector_core import SendError, SendResult

RATE = 200
"""Messages a second."""

THREADS = 32
BEFORE = 3.0
"""Seconds before the first provider dies."""

AFTER = 1.0
"""Seconds after it is used again."""

LONGEST_WAIT = 65.0
"""Seconds after its return until which it must be used again: the longest pause, and a little."""


class Sent(NamedTuple):
    """One message: when it was due, when its outcome came, and the outcome."""

    due: float
    done: float
    outcome: SendResult | SendError


class _Provider(socketserver.ThreadingTCPServer):
    """Takes each message as Postmark does; `die` leaves nothing behind but its port's number."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, codes: list[str]) -> None:
        super().__init__(("127.0.0.1", port), _Taking)
        self.codes = codes
        self.lines: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def die(self) -> None:
        self.shutdown()
        self.server_close()
        for line in list(self.lines):
            line.shutdown(socket.SHUT_RDWR)


class _Taking(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Provider

    def handle(self) -> None:
        self.server.lines.add(self.connection)
        try:
            while self._answer():
                pass
        except OSError:
            return
        finally:
            self.server.lines.discard(self.connection)

    def _answer(self) -> bool:
        length, counted = 0, False
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            counted = True
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not counted:
            return False
        code = json.loads(self.rfile.read(length))["TemplateModel"]["code"]
        self.server.codes.append(code)
        body = json.dumps({"ErrorCode": 0, "Message": "OK", "MessageID": code, "To": "a@example.com"}).encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return True


def _serve(pipe: Connection) -> None:
    codes: list[str] = []
    provider = _Provider(0, codes)
    port = provider.server_address[1]
    pipe.send(port)
    while (order := pipe.recv()) != "stop":
        if order == "die":
            provider.die()
        elif order == "live":
            provider = _Provider(port, codes)
        pipe.send(codes if order == "codes" else order)


def _order(pipe: Connection, order: str) -> Any:
    pipe.send(order)
    return pipe.recv()


class _Load:
    """Sends messages at a steady rate from many threads until it is told to stop."""

    def __init__(self, router: Any) -> None:
        self.sent: list[Sent] = []
        self._router = router
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def run_for(self, seconds: float) -> None:
        """Wait until so many messages more than now have an outcome as are due in a time."""
        wanted = len(self.sent) + seconds * RATE
        wait_for(lambda: len(self.sent) >= wanted, f"{wanted:.0f} outcomes", seconds + LONGEST_WAIT)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        started = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            number = 0
            while not self._stop.wait(max(started + number / RATE - time.monotonic(), 0.0)):
                pool.submit(self._send, str(number), started + number / RATE)
                number += 1

    def _send(self, code: str, due: float) -> None:
        from connector_core import Message, SendError

        outcome: SendResult | SendError
        try:
            outcome = self._router.send_message(Message("a@example.com", "SignIn", {"code": code}))
        except SendError as error:
            outcome = error
        self.sent.append(Sent(due, time.monotonic(), outcome))


class _Pauses(logging.Handler):
    """Collects what the router logs of its pauses."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[tuple[float, str]] = []
        self.used_again = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if " is skipped for " in record.msg or " is used again" in record.msg:
            self.lines.append((time.monotonic(), record.getMessage()))
        if record.msg.endswith("is used again"):
            self.used_again.set()


def main(dead_seconds: float) -> None:
    """Run the bench and print what it found."""
    from connector_core import Host
    from connector_core.routing import Failover

    logger, pauses = logging.getLogger("connector_core"), _Pauses()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(pauses)
    with ExitStack() as stack:
        (first_url, first), (second_url, second) = (stack.enter_context(run_server(_serve)) for _ in range(2))
        host = stack.enter_context(Host.discover())
        start = {**host["postmark-mail"].template_config(), "serverToken": "bench-token", "fromEmail": "a@example.com"}
        members = [host["postmark-mail"].configure({**start, "apiUrl": url}) for url in (first_url, second_url)]
        load = _Load(Failover(members))
        load.run_for(BEFORE)
        _order(first, "die")
        died = time.monotonic()
        load.run_for(dead_seconds)
        pauses.used_again.clear()
        _order(first, "live")
        back = time.monotonic()
        pauses.used_again.wait(LONGEST_WAIT)
        load.run_for(AFTER)
        load.stop()
        taken = [*_order(first, "codes"), *_order(second, "codes")]
    _report(load.sent, taken, pauses.lines, died, back)


def _report(sent: list[Sent], taken: list[str], pauses: list[tuple[float, str]], died: float, back: float) -> None:
    from connector_core import SendResult

    results = [one for one in sent if isinstance(one.outcome, SendResult)]
    by_second = [one for one in results if _position(one) == 1]
    unknown = [one for one in sent if not isinstance(one.outcome, SendResult) and one.outcome.outcome == "unknown"]
    times, copies = Counter(taken), Counter(taken).most_common(1)[0][1]
    during = sorted(one.done - one.due for one in sent if died <= one.due < back)
    again = min((one.done for one in results if _position(one) == 0 and one.due > back), default=float("nan"))
    print(f"messages                       {len(sent)}, {RATE} a second, dead for {back - died:.1f} s")
    print(f"sent                           {len(results)}, of which {len(by_second)} by the second provider")
    print(f"lost (surely not sent)         {len(sent) - len(results) - len(unknown)}")
    print(f"unknown (in flight as it died) {len(unknown)}")
    print(f"taken by a provider            {len(times)}, each at most {copies} time(s)")
    print(f"first message at the second    {min(one.done for one in by_second) - died:.3f} s after the death")
    median, longest = statistics.median(during) * 1e3, during[-1] * 1e3
    print(f"time of a message meanwhile    median {median:.1f} ms, longest {longest:.1f} ms")
    print(f"first one used again           {again - back:.2f} s after its return")
    for at, message in pauses:
        print(f"  {at - died:7.2f} s after the death: {message}")


def _position(sent: Sent) -> int:
    return sent.outcome.route[-1].position


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
