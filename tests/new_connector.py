"""How tests run the programs of a new connector."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = "-".join(["m" * 24, "a" * 25])
"""A name of fifty characters, the most that it may have."""


class Run(NamedTuple):
    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """Return the one sentence that was said."""
        assert self.stdout == ""
        (line,) = self.stderr.splitlines()
        return line


def run(*command: str | Path, cwd: Path) -> Run:
    ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603  our own
    return Run(ended.returncode, ended.stdout, ended.stderr)
