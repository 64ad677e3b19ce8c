"""Guides as the tests read them: tables, headings, blocks and names in code."""

from __future__ import annotations

import re

YES_OR_NO = {"en": {True: "yes", False: "no"}, "fr": {True: "oui", False: "non"}}


def read_tables(guide: str) -> list[list[list[str]]]:
    """Return the rows of each table, without its heading."""
    tables = re.findall(r"^\|.*\n\|[ |-]+\n((?:\|.*\n)+)", guide, re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split(" |")] for row in table.splitlines()] for table in tables]


def read_headings(guide: str) -> list[tuple[int, str]]:
    """Return the level and the text of each heading."""
    prose = re.sub(r"^```.*?^```$", "", guide, flags=re.MULTILINE | re.DOTALL)
    return [(len(marks), text) for marks, text in re.findall(r"^(#+) (.+)$", prose, re.MULTILINE)]


def read_blocks(guide: str, language: str = r"\w*") -> list[str]:
    """Return the fenced blocks of a language, of any where none is given."""
    return re.findall(rf"^```{language}\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)


def read_code(text: str) -> list[str]:
    """Return what a text has between backticks."""
    return re.findall(r"`([^`]+)`", text)
