"""What `connectors new` refuses to write, and where it writes nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from new_connector import LONGEST, run

from connector_core import ConnectorError
from connector_core.scaffold import Names, write_distribution

if TYPE_CHECKING:
    from pathlib import Path


def refuse(name: str, into: Path) -> str:
    with pytest.raises(ConnectorError) as raised:
        write_distribution(Names(name), into)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    "name",
    ["", "Acme", "acme_mail", "acme.mail", "1mail", "acme--mail", "acme-", "-acme", "a b", "../a", "é", "a\n", "٣"],
)
def test_a_name_is_lower_case_words_joined_by_hyphens(name: str, tmp_path: Path) -> None:
    assert "lower-case letters, digits and single hyphens" in refuse(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_has_at_most_fifty_characters(tmp_path: Path) -> None:
    assert "51 characters" in refuse("a" * 51, tmp_path)
    assert len(LONGEST) == 50
    assert write_distribution(Names(LONGEST), tmp_path).is_dir()


def test_a_name_whose_class_would_be_one_of_the_cores_is_refused(tmp_path: Path) -> None:
    assert "choose one such as http-mail" in refuse("http", tmp_path)


def test_the_id_of_an_installed_connector_is_refused(tmp_path: Path) -> None:
    assert refuse("postmark-mail", tmp_path).startswith("A connector with the id postmark-mail is installed already")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["core", "postmark"])
def test_the_package_of_something_installed_is_refused(name: str, tmp_path: Path) -> None:
    assert refuse(name, tmp_path).startswith(f"A package connector_{name} is installed already")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["folder", "file", "broken link", "link to an empty folder"])
def test_what_is_there_already_stays_as_it_is(kind: str, tmp_path: Path) -> None:
    there = tmp_path / "connector-acme-mail"
    if kind == "folder":
        there.mkdir()
        (there / "notes.txt").write_text("mine")
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to("elsewhere")
        if kind != "broken link":
            (tmp_path / "elsewhere").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert "is there already" in refuse("acme-mail", tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "connector-acme-mail").mkdir()
    assert (write_distribution(Names("acme-mail"), tmp_path) / "README.md").is_file()


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert write_distribution(Names("acme-mail"), tmp_path / "a/b") == tmp_path / "a/b/connector-acme-mail"


@pytest.mark.parametrize("into", ["notes.txt", "notes.txt/below"])
def test_a_folder_that_cant_be_one_is_refused(into: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    said = refuse("acme-mail", tmp_path / into)
    assert said.startswith(f"The folder {tmp_path / into} can't be written to (")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_disk_that_takes_no_more_leaves_nothing_half_written(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from connector_core.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))\n"
        "sys.argv = ['connectors', 'new', 'acme-mail']; main()"
    )
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.code == 1
    assert done.error == "Error: The folder . can't be written to (File too large): choose another with --into."
    assert not list(tmp_path.iterdir())


def test_without_jinja_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert refuse("acme-mail", tmp_path) == 'A new connector needs Jinja2: pip install "connector-core[new]"'
    assert not list(tmp_path.iterdir())
