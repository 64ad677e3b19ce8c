"""The page about stores is true: its programs run, and the store that it writes keeps the contract."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from readme_page import ROOT, read_blocks, run

from connector_core.store import file_store
from connector_core.store.comparison import MAX_SHOWN
from connector_core.store.seal import MAKE_KEY

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "stores.md").read_text("utf-8")
BLOCKS = list(read_blocks(PAGE))
PROGRAMS = {block.section: block.text for block in BLOCKS if block.language == "python"}


def test_the_page_has_the_programs_that_the_tests_below_look_for() -> None:
    assert list(PROGRAMS) == ["Keys", "Write another store"]


@pytest.mark.parametrize("section", PROGRAMS)
def test_a_program_of_the_page_prints_what_stands_below_it(section: str, tmp_path: Path) -> None:
    (wanted,) = (block.text for block in BLOCKS if block.section == section and block.language == "text")

    done = run(sys.executable, "-W", "error", "-c", PROGRAMS[section], cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, wanted, "")


def test_the_page_shows_the_command_and_the_numbers_of_the_code() -> None:
    assert [block.text.strip() for block in BLOCKS if block.language == "sh"] == [MAKE_KEY]
    assert f"cut at {MAX_SHOWN} characters" in PAGE
    assert f"newest {file_store.MAX_CHANGES} changes" in re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!https:)[^)#]+)", PAGE))
def test_a_link_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (ROOT / "docs" / target).is_file()


def test_the_store_of_the_page_refuses_a_change_that_came_second() -> None:
    from connector_core import StoreConflict

    names: dict[str, Any] = {}
    exec(PROGRAMS["Write another store"].partition("host = ")[0], names)  # noqa: S102  the page under test
    store = names["MemoryStore"]()
    store.save("a", {}, type="Email", secrets=(), author="ada", revision="", activate=True)

    with pytest.raises(StoreConflict):
        store.save("a", {}, type="Email", secrets=(), author="grace", revision="", activate=True)

    assert [one.author for one in store.history()] == ["ada", "ada"]
