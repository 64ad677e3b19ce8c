"""The guide lists what a live check finds."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import connector_postmark
import pytest
from guide_page import read_code, read_tables

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}

OF_THE_CORE = {
    "authorization_failed",
    "no_answer",
    "not_reached",
    "not_understood",
    "provider_unavailable",
    "rate_limit_exceeded",
    "timed_out",
}
"""Codes that the core gives to errors of the wire, and to a check that takes too long."""

every_language = pytest.mark.parametrize("language", GUIDES)


def read_codes() -> set[str]:
    """Return the codes that the modules of the live check have."""
    (package,) = connector_postmark.__path__
    trees = [ast.parse(path.read_text("utf-8")) for path in Path(package).glob("live_*.py")]
    texts = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return {text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z]+(_[a-z]+)+", text)}


@every_language
def test_every_finding_that_isnt_ok_has_a_row(language: str) -> None:
    table = read_tables(GUIDES[language])[5]
    codes = [row[0].strip("`") for row in table]

    assert len(codes) == len(set(codes))
    assert set(codes) == {code for code in read_codes() if not code.endswith("_accepted")} | OF_THE_CORE
    assert all(len(row) == 4 and row[2] and row[3] for row in table)
    assert all(set(read_code(row[1])) <= {"error", "warning"} for row in table)


def test_the_levels_are_the_same_in_both_languages() -> None:
    english, french = ([row[:2] for row in read_tables(guide)[5]] for guide in GUIDES.values())

    assert english == french
