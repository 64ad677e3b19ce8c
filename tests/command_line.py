"""The command `connectors`, run in this process or as a process of its own."""

from __future__ import annotations

import inspect
import json
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from click.testing import CliRunner

from connector_core.cli.commands import connectors

# Click 8.1 mixes both outputs unless told; 8.2 never does, and has no such option.
_SEPARATE: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}

TOKEN = "tok-9c41/Secret+token"
CONFIG: dict[str, Any] = {
    "serverToken": TOKEN,
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "templateAlias": f"alias-{name.lower()}"}
        for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Return the one JSON value, on one line, that was printed."""
        assert self.stdout.count("\n") == 1
        return json.loads(self.stdout)


def run(*arguments: str, stdin: str | bytes = b"") -> Run:
    """Run the command here; what it doesn't catch itself is raised."""
    result = CliRunner(**_SEPARATE).invoke(
        connectors, arguments, input=stdin, catch_exceptions=False, prog_name="connectors"
    )
    return Run(result.exit_code, result.stdout, result.stderr)


def start(*arguments: str, stdout: int | IO[Any] = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start the command as a process of its own."""
    script = Path(sysconfig.get_path("scripts")) / "connectors"
    return subprocess.Popen(  # noqa: S603  the script that this environment installed
        [script, *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def write_config(folder: Path, **settings: Any) -> str:
    """Write a config with some settings changed; return the file's path."""
    file = folder / "config.json"
    file.write_text(json.dumps({**CONFIG, **settings}), "utf-8")
    return str(file)
