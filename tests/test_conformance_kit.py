"""The conformance kit finds each fault that a connector may have, and nothing in a connector without one."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from connector_faults import FAULTS
from faulty_connectors import (
    write_complete,
    write_faulty,
    write_healthy,
    write_numbered,
    write_optional,
    write_reticent,
    write_signed_in,
)
from hypothesis import example, given
from hypothesis import strategies as st

from connector_core.jsonvalue import format_path
from connector_core.testing.config_paths import read_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fault import Fault

pytestmark = pytest.mark.own_code

Findings = dict[tuple[str, str], str]
"""What a test said, by the id of its connector and its own name."""


def run_checks(folders: dict[str, Path], checks: list[str], report: Path) -> subprocess.CompletedProcess[str]:
    """Run checks of connectors in a process of their own, in which all of them can be imported."""
    path = os.pathsep.join([str(folder) for folder in folders.values()])
    return subprocess.run(  # noqa: S603  our own command
        [
            *(sys.executable, "-m", "pytest", "-q", "--import-mode=importlib", "-p", "no:cacheprovider"),
            *("-o", "filterwarnings=error", f"--junitxml={report}", f"--rootdir={report.parent}", *checks),
        ],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def list_test_file(folder: Path) -> Path:
    (file,) = folder.glob("tests/test_*_conformance.py")
    return file


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """Run for each fault the check that must find it, and return what failed."""
    slow = [one for one in FAULTS if "time_limit" in one.check]  # they wait, and the others run meanwhile
    parts = (slow, [one for one in FAULTS if one not in slow])
    folders = [tmp_path_factory.mktemp("faulty") for _ in parts]
    found: Findings = {}
    with ThreadPoolExecutor() as pool:
        for part in pool.map(find, parts, folders):
            found |= part
    return found


def find(faults: Sequence[Fault], into: Path) -> Findings:
    """Run for some faults the check that must find each."""
    folders = {one.id: write_faulty(one, into) for one in faults}
    wanted = [f"{list_test_file(folders[one.id])}::TestConformance::{one.check}" for one in faults]
    report = into / "report.xml"
    ended = run_checks(folders, wanted, report)
    assert report.exists(), ended.stdout + ended.stderr
    found: Findings = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  our own file
        connector = case.attrib["classname"].split(".")[0].removeprefix("connector-")
        check = case.attrib["name"].partition("[")[0]
        said = [f"{part.attrib.get('message', '')}\n{part.text}" for part in case if part.tag in {"failure", "error"}]
        found[connector, check] = found.get((connector, check), "") + "\n".join(said)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("one", FAULTS, ids=[one.id for one in FAULTS])
def test_it_finds(one: Fault, findings: Findings, record_property: Callable[[str, object], None]) -> None:
    said = findings[one.id, one.check]

    assert one.says in said, f"{one.check} said: {said or 'nothing'}"
    record_property("fault", (one.name, one.check))


@example(("$key", "odd key", 'a "quoted" one', 7, ""))
@given(st.lists(st.text() | st.integers(0, 99)).map(tuple))
def test_a_path_is_read_as_it_was_written(path: tuple[str | int, ...]) -> None:
    assert read_path(format_path(path)) == path


@pytest.mark.parametrize("text", ["", "apiKey", "$.", "$apiKey", "$.a b", "$[a]", '$["a]', "$.templates[0", "$.a\n"])
def test_what_is_no_path_is_told_from_one(text: str) -> None:
    assert read_path(text) is None


def test_every_fault_has_a_connector_of_its_own() -> None:
    assert len({one.id for one in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize(
    ("write", "checks"),
    [
        (write_healthy, ""),
        (write_complete, ""),
        (write_reticent, "live_check or plan or push or asking or asked or usage or secret"),
        (write_optional, "message or option or batch or inject or secret or once"),
        (write_numbered, "template or plan or push or asking or asked"),
        (write_signed_in, "live_check"),
    ],
)
def test_it_finds_nothing_in_a_connector_without_a_fault(
    tmp_path: Path, write: Callable[[Path], Path], checks: str
) -> None:
    # Of a connector that is the healthy one but for its optional hooks, the checks that ask for these.
    folder = write(tmp_path)

    ended = run_checks({folder.name: folder}, ["-k", checks, str(list_test_file(folder))], tmp_path / "report.xml")

    assert ended.returncode == 0, ended.stdout
    assert "skipped" not in ended.stdout
