"""What `make bench` prints: speed as ratios taken side by side in one run, and memory.

Usage: python tests/bench.py [send] [validate] [import] [list] [memory] [threads] [pages]
"""

from __future__ import annotations

import json
import os
import socketserver
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit

from bench_process import run_server
from peers.server import Answering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection


class _Recording(Answering):
    """Keeps the code of each message that it answers."""

    codes: ClassVar[list[str]] = []

    def note(self, body: Any) -> None:
        self.codes.append(body.get("TemplateModel", {}).get("code"))


def _serve(pipe: Connection) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Recording) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pipe.send(server.server_address[1])
        while pipe.recv() == "codes":
            pipe.send(_Recording.codes)
        server.shutdown()


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

    with run_server(_serve) as (url, _), requests.Session() as session:
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

    with run_server(_serve) as (url, _):
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
    with run_server(_serve) as (url, pipe):
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


EMPTY_PAGE = """
from flask import Flask
from connector_core.web_server import Server
app = Flask("empty")
app.add_url_rule("/", "empty", lambda: "")
server = Server(app, 0, "empty")
server.start()
print(server.port, flush=True)
input()
"""


@contextmanager
def _running(command: list[str], stderr: int | None = None) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603  our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _ask(connection: HTTPConnection, method: str, path: str, headers: dict[str, str], form: object = None) -> str:
    body = None if form is None else urlencode(form)  # type: ignore[arg-type]  # pairs of texts
    kind = {} if form is None else {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request(method, path, body, {**headers, **kind})
    answer = connection.getresponse()
    if cookie := answer.headers["Set-Cookie"]:
        headers["Cookie"] = cookie.partition(";")[0]
    return answer.read().decode()


def bench_pages() -> None:
    from submitted_form import FormPage, read_form_data

    page = "/connectors/postmark-mail"
    script = str(Path(sys.executable).with_name("connectors"))
    with (
        TemporaryDirectory() as folder,
        _running(
            [script, "console", "--port=0", f"--store={folder}/configs.json", "--json"], subprocess.PIPE
        ) as console,
        _running([sys.executable, "-c", EMPTY_PAGE]) as empty,
    ):
        assert console.stdout
        assert console.stderr
        assert empty.stdout
        token = console.stderr.readline().split()[-1]
        served = HTTPConnection(urlsplit(json.loads(console.stdout.readline())["url"]).netloc)
        plain = HTTPConnection(f"127.0.0.1:{empty.stdout.readline().strip()}")
        headers: dict[str, str] = {}
        sign_in = dict(FormPage(_ask(served, "GET", "/sign-in", headers)).forms[-1][1])
        _ask(served, "POST", "/sign-in", headers, {**sign_in, "token": token})
        form = read_form_data(_ask(served, "GET", page, headers))
        form["/serverToken"], form["/fromEmail"], form["action"] = "made-up-token", "noreply@example.com", "done"
        _ask(served, "POST", page, headers, [*form.items(multi=True)])
        pairs = [*read_form_data(_ask(served, "GET", page, headers)).items(multi=True)]

        def ask_nothing() -> object:
            return _ask(plain, "GET", "/", {})

        ways: dict[str, Callable[[], object]] = {
            "catalogue": lambda: _ask(served, "GET", "/", headers),
            "page": lambda: _ask(served, "GET", page, headers),
            "issues": lambda: _ask(served, "POST", f"{page}/issues", headers, pairs),
        }
        for what, ask in ways.items():
            ours, theirs = _medians(ask, ask_nothing, 100)
            columns = f"{what:9}{ours * 1e3:9.3f} ms   {'empty Flask page':20}{theirs * 1e3:9.3f} ms"
            print(f"{columns}   ratio {ours / theirs:.3f} (less than 50 ms)")
        served.close()
        plain.close()


if __name__ == "__main__":
    names = sys.argv[1:] or ["send", "validate", "import", "list", "memory", "threads", "pages"]
    for name in names:
        globals()[f"bench_{name}"]()
