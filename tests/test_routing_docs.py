"""The page about routing is true: its programs run, and its table is that of the code."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
from readme_page import ROOT, read_blocks, run

from connector_core import Limits, errors
from connector_core.configured_connector import ConfiguredConnector
from connector_core.routing import Backoff, Failover
from connector_core.routing.verdict import UNKNOWN, VERDICTS

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "routing.md").read_text("utf-8")
BLOCKS = list(read_blocks(PAGE))
PROGRAMS = {block.section: block.text for block in BLOCKS if block.language == "python"}


def read_table(first_heading: str) -> list[list[str]]:
    """Return the rows of the table whose first column has this heading."""
    (rows,) = re.findall(rf"^\| {first_heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" |")] for row in rows.splitlines()]


def test_the_page_has_the_programs_that_the_tests_below_look_for() -> None:
    assert list(PROGRAMS) == ["First steps", "What became of it", "Many messages"]


@pytest.mark.parametrize("section", PROGRAMS)
def test_a_program_of_the_page_prints_what_stands_below_it(section: str, tmp_path: Path) -> None:
    (wanted,) = (block.text for block in BLOCKS if block.section == section and block.language == "text")

    done = run(sys.executable, "-W", "error", "-c", PROGRAMS[section], cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, wanted, "")


def test_the_table_of_errors_is_that_of_the_code() -> None:
    *of_errors, of_unknown = read_table("Error")
    words = {True: "yes", False: "no"}
    shown = {name.strip("`"): (goes_on, skipped) for name, goes_on, skipped, _ in of_errors}
    assert shown == {kind.__name__: (words[one.moves_on], words[one.harms]) for kind, one in VERDICTS.items()}
    assert of_unknown[1:3] == [words[UNKNOWN.moves_on], words[UNKNOWN.harms]]


def test_each_error_of_a_send_has_a_verdict_of_its_own() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SendError)]
    assert set(kinds) == set(VERDICTS)


def test_the_page_lists_the_methods_that_both_have() -> None:
    public = {name for name in vars(ConfiguredConnector) if not name.startswith("_")}
    listed = [name.strip("`") for name, _ in read_table("Method")]
    assert sorted(listed) == sorted(name for name in public if hasattr(Failover, name))
    assert public - set(listed) == {"plan_templates", "sends_batches", "without_retries"}


def test_the_page_has_the_numbers_of_the_code() -> None:
    backoff, limits = Backoff(), Limits()
    text = re.sub(r"\s+", " ", PAGE)
    first, last = f"{backoff.shortest:g} to {2 * backoff.shortest:g}", f"{backoff.longest / 2:g} to {backoff.longest:g}"
    assert f"a pause: {first} seconds" in text
    assert f"up to {last} seconds" in text
    assert f"two of them and {limits.total:g} seconds (`Limits.total`) each, {2 * limits.total:g} seconds" in text
    assert f"(`Limits.connect`, {limits.connect:g} seconds" in text


@pytest.mark.parametrize("anchor", re.findall(r"\]\(#([^)]+)\)", PAGE))
def test_a_link_within_the_page_leads_to_a_heading(anchor: str) -> None:
    headings = re.findall(r"^##+ (.+)$", PAGE, re.MULTILINE)
    assert anchor in [heading.lower().replace(" ", "-") for heading in headings]
