"""Providers on loopback, of batches and of single messages, that keep what they got; and files to send."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sysconfig
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line import Run, run, write_config

from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import HANG_GUARD, WireServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.testing.wire_server import Behaviour, Line, Request

BATCH = 500
"""Messages that the Postmark connector sends in one request."""

LINES = 5 * BATCH
ALL = range(1, LINES + 1)
"""The lines of a file that takes a few batches."""

_PROGRESS = re.compile(r"[0-9]+%, [0-9,]+ messages?(, [0-9,]+ a second - [0-9:]+ left)?\n")


class BatchProvider(WireServer):
    """Answers Postmark's batches.

    Args:
        judge: what it says of a message, given its code; None for success.
        first: what it does with the first request in place of an answer.
        look: is called with each other request before it is answered.
        hold_at: which of these, counted from 1, is answered only after `release` was set.

    """

    def __init__(
        self,
        judge: Callable[[str], dict[str, Any] | None] | None = None,
        *,
        first: Behaviour | None = None,
        look: Callable[[Request], None] | None = None,
        hold_at: int = 0,
    ) -> None:
        super().__init__(*([first] if first else []), self._answer)
        self.codes: list[str] = []
        self.held = threading.Event()
        self.release = threading.Event()
        self._judge = judge or (lambda _: None)
        self._look = look or (lambda _: None)
        self._hold_at = hold_at
        self._requests = 0
        self._counting = threading.Lock()

    def wait_until_held(self) -> None:
        """Return when the request that is held back has come."""
        assert self.held.wait(HANG_GUARD)

    def _answer(self, line: Line) -> None:
        self._look(line.request)
        messages = line.request.json()["Messages"]
        codes = [one["TemplateModel"]["code"] for one in messages]
        with self._counting:
            self.codes += codes
            self._requests += 1
            is_held = self._requests == self._hold_at
        if is_held:
            self.held.set()
            self.release.wait(HANG_GUARD)
        taken = (
            {"ErrorCode": 0, "Message": "OK", "To": one["To"], "MessageID": f"id-{code}"}
            for one, code in zip(messages, codes, strict=True)
        )
        respond_json([self._judge(code) or item for code, item in zip(codes, taken, strict=True)])(line)


class SingleProvider(WireServer):
    """Answers the requests of the HTTP connector, which sends messages one by one.

    Args:
        judge: the HTTP status that it answers to a message, given its code; None for success.

    """

    def __init__(self, judge: Callable[[str], int | None] | None = None) -> None:
        super().__init__(self._answer)
        self.codes: list[str] = []
        self._judge = judge or (lambda _: None)

    def _answer(self, line: Line) -> None:
        code = line.request.json()["payload"]["code"]
        self.codes.append(code)
        respond_json({}, self._judge(code) or 200)(line)


def write_messages(folder: Path, count: int, name: str = "messages.jsonl") -> str:
    """Write so many messages, each with the number of its line as its code; return the file's path."""
    lines = (
        json.dumps({"to": f"user{line}@example.com", "type": "SignIn", "payload": {"code": str(line)}})
        for line in range(1, count + 1)
    )
    (folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return str(folder / name)


def read_outcomes(stdout: str) -> list[dict[str, Any]]:
    """Return the outcomes that were printed."""
    return [json.loads(line) for line in stdout.splitlines()]


def leave_out_progress(stderr: str) -> str:
    """Return what a run says besides how far it is, which it tells every few seconds where the machine is slow."""
    return "".join(line for line in stderr.splitlines(keepends=True) if not _PROGRESS.match(line))


def list_lines(outcomes: list[dict[str, Any]], *, told: str) -> list[int]:
    """Return the lines of which something was told: `sent`, or a code of an error."""
    return [
        one["line"]
        for one in outcomes
        if (one["result"]["status"] if "result" in one else one["error"]["code"]) == told
    ]


def name_options(folder: Path, url: str, *options: str) -> list[str]:
    """Return the arguments of a run with a journal and one batch at a time."""
    config, file = write_config(folder, apiUrl=url), str(folder / "messages.jsonl")
    journal = ["--journal", str(folder / "journal"), "--concurrency", "1"]
    return ["send-many", "postmark-mail", "--config", config, "--messages", file, *journal, *options]


def send_many(folder: Path, url: str, *options: str) -> Run:
    """Send the messages with a journal, one batch at a time."""
    return run(*name_options(folder, url, *options))


def run_in_shell(form: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as part of a shell's command line, in which it stands as `{}`."""
    command = shlex.join([str(Path(sysconfig.get_path("scripts")) / "connectors"), *arguments])
    return subprocess.run(  # noqa: S602  our own command
        form.format(command), shell=True, check=False, capture_output=True, text=True, timeout=HANG_GUARD
    )
