"""The page about middleware is true: its programs print what stands below them, and its tables name what there is."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from readme_page import ROOT, read_blocks, run

from connector_core import middleware
from connector_core.middleware import rate_counters, rate_guard

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (ROOT / "docs" / "middleware.md").read_text("utf-8")
WORDS = re.sub(r"\s+", " ", TEXT)
BLOCKS = list(read_blocks(TEXT))
PROGRAM = "".join(block.text for block in BLOCKS if block.language == "python")


def hide_times(text: str) -> str:
    return re.sub(r'("at": )"[^"]+"|("seconds": )[\d.e-]+', r"\1\2...", text)


def test_the_programs_of_the_page_print_what_stands_below_them(tmp_path: Path) -> None:
    wanted = "".join(block.text for block in BLOCKS if block.language == "text")
    assert len([block for block in BLOCKS if block.language == "python"]) == 4

    done = run(sys.executable, "-W", "error", "-c", PROGRAM, cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert hide_times(done.stdout) == hide_times(wanted)


def test_the_page_has_all_plugins_and_all_of_a_record() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", TEXT.partition("## Order")[0], re.MULTILINE)
    assert sorted([*rows, "AuditRecord"]) == sorted(middleware.__all__)
    table = TEXT.partition("| Of a record |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", " ".join(line.split("|")[1] for line in table.splitlines()[1:]))
    assert named == [one.name for one in fields(middleware.AuditRecord)]


def test_the_page_has_the_numbers_of_the_code() -> None:
    amount, _, seconds, unit = rate_guard.PER_RECIPIENT.split()
    assert f"an address gets {amount} messages in {seconds} {unit}" in WORDS
    assert f"asks again every {rate_counters.AWAY_SECONDS:.0f} seconds" in WORDS
    assert "within `max_wait` seconds (5 where nothing is said)" in WORDS
    assert inspect.signature(middleware.RateGuard).parameters["max_wait"].default == 5


@pytest.mark.parametrize("program", ["import connector_core", "import connector_core.middleware"])
def test_what_an_extra_brings_is_imported_when_it_is_used(program: str) -> None:
    names = ("limits", "redis", "opentelemetry", "requests", "jsonschema")
    check = f"{program}; import sys; print([name for name in {names!r} if name in sys.modules])"
    assert run(sys.executable, "-W", "error", "-c", check).stdout.strip() == "[]"
