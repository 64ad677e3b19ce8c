"""The command `connectors` at a terminal: a pseudo-terminal, with somebody who answers questions."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

QUESTION = "[y/N]: "
needs_terminal = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system, nor pseudo-terminals")


def run_at_terminal(
    *arguments: str, answers: tuple[str, ...] = (), env: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run the command at a terminal and answer its questions in turn; return its exit code and all that was shown."""
    import pty  # not on every system

    script = Path(sysconfig.get_path("scripts")) / "connectors"
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    leader, follower = pty.openpty()
    try:
        process = subprocess.Popen(  # noqa: S603  the script that this environment installed
            [script, *arguments], stdin=follower, stdout=follower, stderr=follower, env={**environment, **(env or {})}
        )
    finally:
        os.close(follower)
    shown = b""
    left = list(answers)
    try:
        while piece := _read(leader):
            shown += piece
            if left and shown.count(QUESTION.encode()) > len(answers) - len(left):
                os.write(leader, left.pop(0).encode() + b"\n")
        return process.wait(), shown.decode().replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(leader)


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 65536)
    except OSError:  # Linux says so when the last process has left the terminal
        return b""
