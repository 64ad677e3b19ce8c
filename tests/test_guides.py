"""The guides of all connectors: the same content in both languages, and no link that leads nowhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from guide_page import read_blocks, read_code, read_headings, read_tables
from installed import ROOT

from connector_core import Host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FOLDERS = sorted(file.parent for file in ROOT.glob("connectors/*/pyproject.toml"))
NAMES = {"en": "README.md", "fr": "README.fr.md"}

every_connector = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as host:
        yield host


def read_guides(folder: Path) -> dict[str, str]:
    return {language: (folder / name).read_text("utf-8") for language, name in NAMES.items()}


@every_connector
def test_both_languages_have_the_same_headings_in_the_same_order(folder: Path) -> None:
    english, french = (read_headings(guide) for guide in read_guides(folder).values())

    assert [level for level, _ in english] == [level for level, _ in french]
    assert len({text for _, text in french}) == len(french)


@every_connector
def test_both_languages_have_the_same_code(folder: Path) -> None:
    english, french = (read_blocks(guide) for guide in read_guides(folder).values())

    assert english == french


@every_connector
def test_both_languages_have_the_same_tables(folder: Path) -> None:
    english, french = (
        [[row[0] for row in table] for table in read_tables(guide)] for guide in read_guides(folder).values()
    )

    assert [len(table) for table in english] == [len(table) for table in french]
    assert [[read_code(cell) for cell in table] for table in english] == [
        [read_code(cell) for cell in table] for table in french
    ]


@every_connector
def test_both_languages_name_the_same_things_as_code_in_their_tables(folder: Path) -> None:
    english, french = (
        [sorted(read_code(" ".join(row))) for table in read_tables(guide) for row in table]
        for guide in read_guides(folder).values()
    )

    assert english == french


@every_connector
def test_the_connector_carries_the_guide_of_a_readers_language(folder: Path, host: Host) -> None:
    distribution = f"connector-{folder.name}"
    (connector,) = (one for one in host.values() if one.distribution == distribution)
    guides = read_guides(folder)

    assert [connector.guide(locale) for locale in (None, "en-GB", "de", "fr", "fr-CA")] == [
        guides[language] for language in ("en", "en", "en", "fr", "fr")
    ]


@every_connector
@pytest.mark.parametrize("language", NAMES)
def test_a_link_goes_to_a_page_over_https_or_to_a_heading_of_the_guide(folder: Path, language: str) -> None:
    guide = read_guides(folder)[language]
    anchors = {"#" + re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for _, text in read_headings(guide)}
    targets = set(re.findall(r"\]\(([^)]+)\)", guide))

    assert {target for target in targets - anchors if not target.startswith("https://")} == set()
