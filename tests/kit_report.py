"""At the end of a test run: the faults that the conformance kit found, each with the check that found it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_found: list[tuple[str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and report.passed:
        _found.extend(value for name, value in report.user_properties if name == "fault")  # type: ignore[misc]  # ours


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _found:
        terminalreporter.section(f"the conformance kit found {len(_found)} faults")
        width = max(len(name) for name, _ in _found)
        for name, check in _found:
            terminalreporter.write_line(f"{name.ljust(width)}  {check}")
