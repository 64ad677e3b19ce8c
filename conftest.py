"""Rules for all tests of the workspace."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ("installed", "kit_report")

OPENAPI_FILE = Path(__file__).parent / "../shared/reference/postmark-server-openapi.json"
settings.register_profile("workspace", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("workspace")

LACKS = {
    "node is not installed": not (shutil.which("node") and shutil.which("npm")),
    "the OpenAPI file is not here": not Path(os.environ.get("POSTMARK_OPENAPI") or OPENAPI_FILE).exists(),
    "no fork on this system": not hasattr(os, "fork"),
    "no named pipes on this system": not hasattr(os, "mkfifo"),
}
"""What a machine may lack, and whether this one does; a test that is skipped all the same fails the run."""

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        if not any(lacking and reason.startswith(thing) for thing, lacking in LACKS.items()):
            _skipped.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _skipped:
        terminalreporter.write_line(f"Skipped though this machine could run it, so the run fails: {line}", red=True)
