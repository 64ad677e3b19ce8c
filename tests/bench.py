"""What `make bench` prints: speed as ratios taken side by side in one run, and memory.

Usage: python tests/bench.py [send] [validate] [import] [list] [memory] [threads]
"""

from __future__ import annotations

import json
import multiprocessing
import os
import socketserver
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

REPLY = json.dumps(
    {
        "To": "a@example.com",
        "SubmittedAt": "2026-01-02T03:04:05.6789012-05:00",
        "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817",
        "ErrorCode": 0,
        "Message": "OK",
    }
).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(REPLY)


class _Answering(socketserver.StreamRequestHandler):
    """Answers each request of a connection with success, with as little work as possible."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        while True:
            length, counted = 0, False
            while (line := self.rfile.readline()) not in {b"\r\n", b""}:
                counted = True
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if not counted:
                return
            body = self.rfile.read(length)
            with self.server.lock:  # type: ignore[attr-defined]  # set in _serve
                self.server.codes.append(json.loads(body).get("TemplateModel", {}).get("code"))  # type: ignore[attr-defined]  # the same
            self.wfile.write(HEAD + REPLY)


def _serve(pipe: Connection) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Answering) as server:
        server.daemon_threads = True
        server.lock, server.codes = threading.Lock(), []  # type: ignore[attr-defined]  # what the handler collects
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pipe.send(server.server_address[1])
        while pipe.recv() == "codes":
            pipe.send(server.codes)  # type: ignore[attr-defined]  # the same
        server.shutdown()


@contextmanager
def _server() -> Iterator[tuple[str, Connection]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}", ours
    finally:
        ours.send("stop")
        process.join()


def _config(url: str) -> dict[str, Any]:
    from connector_core import Host

    start = Host.discover()["postmark-mail"].template_config()
    return {**start, "serverToken": "bench-token", "fromEmail": "noreply@example.com", "apiUrl": url}


def _medians(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median seconds of two calls, taken in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(rounds):
        for index in (0, 1) if turn % 2 else (1, 0):
            call = (first, second)[index]
            started = time.perf_counter()
            call()
            times[index].append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def _report(what: str, ours: float, baseline: str, theirs: float, bound: str) -> None:
    columns = f"{what:9}{ours * 1e3:9.3f} ms   {baseline:20}{theirs * 1e3:9.3f} ms"
    print(f"{columns}   ratio {ours / theirs:.3f} (at most {bound})")


def bench_send() -> None:
    import requests

    from connector_core import Host, Message

    with _server() as (url, _), requests.Session() as session:
        mail = Host.discover()["postmark-mail"].configure(_config(url))
        message = Message("a@example.com", "SignIn", {"code": "123456", "locale": "de"})
        body = {
            "From": "noreply@example.com",
            "To": "a@example.com",
            "TemplateAlias": "logto-sign-in",
            "TemplateModel": message.payload,
        }
        headers = {"Accept": "application/json", "X-Postmark-Server-Token": "bench-token"}
        address = f"{url}/email/withTemplate"

        def bare() -> object:
            return session.post(address, json=body, headers=headers, timeout=10).json()

        ours, theirs = _medians(lambda: mail.send_message(message), bare, 3000)
    _report("send", ours, "bare requests", theirs, "1.00")


def bench_validate() -> None:
    import jsonschema

    from connector_core import Host

    connector = Host.discover()["postmark-mail"]
    config, schema = _config("https://api.postmarkapp.com"), connector.config_schema
    ours, theirs = _medians(lambda: connector.validate_config(config), lambda: jsonschema.validate(config, schema), 200)
    _report("validate", ours, "jsonschema.validate", theirs, "0.067, 1/15")


def bench_import() -> None:
    def seconds(module: str) -> float:
        code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
        return float(_run([sys.executable, "-c", code]))

    pairs = [(seconds("connector_core"), seconds("pluggy")) for _ in range(25)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    _report("import", ours, "import pluggy", theirs, "2.00")


def bench_list() -> None:
    command = [str(Path(sys.executable).with_name("connectors")), "list"]
    baseline = [sys.executable, "-c", "import pluggy, jsonschema, click, importlib.metadata"]
    installed = [one["id"] for one in json.loads(_run([*command, "--json"]))["connectors"]]
    others = ",".join(name for name in installed if name != "postmark-mail")
    ours, theirs = _medians(lambda: _run(command, CONNECTOR_CORE_BLOCK=others), lambda: _run(baseline), 25)
    _report("list", ours, "import what it needs", theirs, "1.50")
    ours, theirs = _medians(lambda: _run(command), lambda: _run(baseline), 25)
    _report(f"list {len(installed)}", ours, "import what it needs", theirs, "2.00")


def _run(command: list[str], **environment: str) -> str:
    return subprocess.run(  # noqa: S603  our own command
        command, check=True, capture_output=True, text=True, env={**os.environ, **environment}
    ).stdout


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def bench_memory() -> None:
    from connector_core import Host, Message

    with _server() as (url, _):
        mail = Host.discover()["postmark-mail"].configure(_config(url))
        message = Message("a@example.com", "SignIn", {"code": "123456"})
        for _ in range(1000):
            mail.send_message(message)
        before = _resident_bytes()
        for _ in range(9000):
            mail.send_message(message)
        grown = (_resident_bytes() - before) / 1e6
    print(f"memory   {grown:9.2f} MB grown in 9,000 sends after the first 1,000 (less than 5)")


def bench_threads() -> None:
    from connector_core import Host, Message

    count = 4000
    with _server() as (url, pipe):
        mail = Host.discover()["postmark-mail"].configure(_config(url))
        with ThreadPoolExecutor(8) as pool:
            messages = [Message("a@example.com", "SignIn", {"code": str(number)}) for number in range(count)]
            started = time.perf_counter()
            list(pool.map(mail.send_message, messages))
            seconds = time.perf_counter() - started
        pipe.send("codes")
        codes = pipe.recv()
    lost = count - len(set(codes))
    twice = len(codes) - len(set(codes))
    print(f"threads  {count} sends by 8 threads, {count / seconds:.0f} a second: {lost} lost, {twice} twice (none)")


if __name__ == "__main__":
    names = sys.argv[1:] or ["send", "validate", "import", "list", "memory", "threads"]
    for name in names:
        globals()[f"bench_{name}"]()
