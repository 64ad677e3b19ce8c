"""Rules for all tests of the workspace."""

from __future__ import annotations

import pytest

pytest_plugins = ("installed",)

ALLOWED_SKIPS = ("node is not installed", "the OpenAPI file is not here", "no fork on this system")
"""What a machine may lack; a test that is skipped for any other reason fails the run."""

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        if not reason.startswith(ALLOWED_SKIPS):
            _skipped.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if _skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _skipped:
        terminalreporter.write_line(f"Skipped without an allowed reason, so the run fails: {line}", red=True)
