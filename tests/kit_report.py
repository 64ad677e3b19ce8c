"""At the end of a test run: the faults that the conformance kit found, each with the check that found it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faulty_connectors import FOUND

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = terminalreporter.config.stash.get(FOUND, [])
    if found:
        terminalreporter.section(f"the conformance kit found {len(found)} faults")
        width = max(len(name) for name, _ in found)
        for name, check in found:
            terminalreporter.write_line(f"{name.ljust(width)}  {check}")
