"""The page about the console is true: its options, its links and its numbers are those of the code."""

from __future__ import annotations

import re
from dataclasses import fields

import click
import pytest
from readme_page import ROOT, read_blocks

from connector_core.cli.console import DEFAULT_PORT, DEFAULT_STORE, serve_console
from connector_core.config import MAX_CONFIG_BYTES
from connector_core.console import ConsoleOptions, access, draft, options, trial
from connector_core.console.application import MOST_BYTES
from connector_core.console.texts import LOCALES

PAGE = (ROOT / "docs" / "console.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
TEXT = re.sub(r"\s+", " ", PAGE)


def read_options(start: str) -> dict[str, str]:
    """Return the rows of the table of options whose first row starts like this."""
    table = re.search(rf"^\| Option .*\n\|[ |-]+\n(\| `{start}(?:.*\n)+?)\n", PAGE, re.MULTILINE)
    assert table is not None
    rows = (row.strip("| ").split(" | ") for row in table[1].splitlines())
    return {name.strip("`"): meaning for name, meaning in rows}


def test_the_table_of_the_command_has_every_option_with_its_default() -> None:
    told = read_options("--port")
    taken = [option for one in serve_console.params if isinstance(one, click.Option) for option in one.opts]

    assert list(told) == [option for option in taken if option not in {"--json", "--debug"}]
    assert str(DEFAULT_PORT) in told["--port"]
    assert DEFAULT_STORE in told["--store"]


def test_the_table_of_options_has_every_option_with_its_default() -> None:
    told = read_options("authenticate")

    assert list(told) == [one.name for one in fields(ConsoleOptions)]
    for one in fields(ConsoleOptions):
        if one.default is not None:
            assert f"(default: {'no' if one.default is False else one.default})" in told[one.name]


def test_the_numbers_are_those_of_the_code() -> None:
    assert access.SESSION_SECONDS == draft.TYPED_SECONDS == 12 * 3600
    assert TEXT.count("twelve hours") == 2
    assert (MOST_BYTES, MAX_CONFIG_BYTES, draft.MOST_ROWS) == (8_000_000, 1_000_000, 1000)
    assert f"At least {options.KEY_BYTES} random bytes" in TEXT
    assert "8 MB for a request, 1 MB for a config, 1,000 entries of a list" in TEXT
    assert (trial.MINUTES, trial.IN_ALL, trial.KEPT) == (10, 6, 20)
    assert access.COOKIE in TEXT


def test_the_page_names_the_languages_of_the_console() -> None:
    assert len(LOCALES) == len(re.findall("English|French|simplified Chinese|Turkish|Korean", TEXT))


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!https:)[^)#]+)", PAGE))
def test_a_link_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (ROOT / "docs" / target).resolve().is_file()


def test_the_page_shows_the_command() -> None:
    lines = [line for block in read_blocks(PAGE) if block.language == "sh" for line in block.text.splitlines()]

    assert lines == ["pip install '.[console]' './connectors/postmark[sandbox]'", "connectors console"]
    assert "\n".join(lines) in README
