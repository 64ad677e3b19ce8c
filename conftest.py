"""Rules for all tests of the workspace."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from brokers import lacks_rabbitmq
from chromium import find_chromium
from hypothesis import settings
from postgresql import lacks_postgresql
from redis_server import lacks_redis

pytest_plugins = (
    "celery_fixtures",
    "console_browser",
    "console_site",
    "installed",
    "kit_report",
    "middleware_fixtures",
    "stores",
)

OPENAPI_FILE = Path(__file__).parent / "../shared/reference/postmark-server-openapi.json"
settings.register_profile("workspace", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("workspace")

LACKS = {
    "node is not installed": not (shutil.which("node") and shutil.which("npm")),
    "the OpenAPI file is not here": not Path(os.environ.get("POSTMARK_OPENAPI") or OPENAPI_FILE).exists(),
    "no fork on this system": not hasattr(os, "fork"),
    "no signals for threads on this system": not hasattr(signal, "pthread_kill"),
    "no named pipes on this system": not hasattr(os, "mkfifo"),
    "this user may give no file away": not hasattr(os, "geteuid") or os.geteuid() != 0,
    "PostgreSQL is not installed": lacks_postgresql(),
    "Redis is not installed": lacks_redis(),
    "RabbitMQ is not installed": lacks_rabbitmq(),
    "Chromium is not installed": find_chromium() is None,
}
"""What a machine may lack, and whether this one does; a test that is skipped all the same fails the run."""

_skipped: list[str] = []


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return half as many processes again as there are cores, since tests wait for browsers, servers and processes."""
    return max(1, (os.cpu_count() or 1) * 3 // 2)


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
