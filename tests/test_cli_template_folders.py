"""The command line: templates push from a folder, and templates pull."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from command_line import run
from live_fakes import (
    SECRET,
    Store,
    StoringConnector,
    add_connector,
    make_entry,
    make_template,
    pull,
    push,
    show_actions,
    write_fake_config,
    write_files,
)
from terminal import needs_terminal, run_at_terminal

from connector_core import starter_templates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


FOUR = ("SignIn", "Register", "ForgotPassword", "Generic")
STARTERS = {(one.usage_type, one.locale): one for one in starter_templates()}


@pytest.fixture
def store(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return what the provider of the connector `store-mail` has."""
    connector = StoringConnector()
    add_connector(connector, install, monkeypatch)
    return connector.store


# A push from a folder


def test_the_templates_of_a_folder_serve_their_own_entries_alone(store: Store, tmp_path: Path) -> None:
    store.templates["signin"] = make_template("Kept")
    folder = write_files(tmp_path / "t", Generic_subject_txt="Words", Generic_txt="{{code}}")
    write_files(folder, SignIn_fr_subject_txt="Mots", SignIn_fr_txt="{{code}}")
    file = write_fake_config(
        tmp_path, make_entry("SignIn"), make_entry("SignIn", "fr-CA"), make_entry("Register"), make_entry("Generic")
    )
    done = push(file, "--from", str(folder), "--yes", "--json")
    assert (done.code, done.stderr) == (1, "")
    assert show_actions(done) == [
        ("keep", "signin", False),
        ("create", "signin-fr-CA", True),
        ("blocked", "register", False),
        ("create", "generic", True),
    ]
    assert store.templates["signin"] == make_template("Kept")
    assert store.templates["generic"].subject == "Words"
    assert "No template is given" in done.json()["changes"][2]["problem"]


def test_a_language_of_a_folder_that_is_named_serves_an_entry_without_a_locale(store: Store, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "t", SignIn_fr_subject_txt="Mots", SignIn_fr_txt="{{code}}")
    write_files(folder, Register_fr_subject_txt="Mots", Register_fr_txt="{{code}}")
    write_files(folder, Register_subject_txt="Words", Register_txt="{{code}}")
    write_files(folder, Generic_ko_subject_txt="Ko", Generic_ko_txt="{{code}}")
    file = write_fake_config(tmp_path, *map(make_entry, ("SignIn", "Register", "Generic")))
    done = push(file, "--from", str(folder), "--locale", "fr", "--json")
    assert done.code == 0
    assert {alias: one.subject for alias, one in store.templates.items()} == {"signin": "Mots", "register": "Words"}


def test_a_language_that_a_folder_lacks_is_wrong_use(store: Store, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "t", SignIn_fr_subject_txt="Mots", SignIn_fr_txt="{{code}}")
    config = json.dumps({"token": SECRET, "templates": [make_entry("SignIn")]})
    done = push("-", "--from", str(folder), "--locale", "en", stdin=config)
    assert (done.code, store.templates) == (2, {})
    assert "choose among fr." in done.stderr


@needs_terminal
def test_what_a_folder_names_its_languages_can_not_write_to_the_terminal_what_it_likes(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "t")
    for suffix in ("subject.txt", "txt"):
        (folder / f"SignIn.%1B%5B2J.{suffix}").write_text("Words")
    (tmp_path / "config.json").write_text("{}")
    config = ("--config", str(tmp_path / "config.json"))
    code, shown = run_at_terminal(
        "templates", "push", "postmark-mail", *config, "--from", str(folder), "--locale", "en", env={"NO_COLOR": "1"}
    )
    assert code == 2
    assert "choose among \\x1b[2J." in " ".join(shown.split())
    assert "\x1b" not in shown


def test_a_template_of_a_folder_that_serves_nothing_is_noted(store: Store, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "t", SingIn_subject_txt="Words", SingIn_txt="{{code}}")
    write_files(folder, SignIn_subject_txt="Words", SignIn_txt="{{code}}")
    done = push(write_fake_config(tmp_path, make_entry("SignIn")), "--from", str(folder))
    assert (done.code, done.stderr) == (0, "No entry of the config is for SingIn.* of the folder.\n")
    assert [*store.templates] == ["signin"]


def test_a_wrong_file_in_a_folder_is_named_and_nothing_is_pushed(store: Store, tmp_path: Path) -> None:
    folder = write_files(tmp_path / "t", SignIn_subject_txt="Words", notes_md="-")
    done = push(write_fake_config(tmp_path, make_entry("SignIn")), "--from", str(folder))
    assert (done.code, done.stdout, store.templates) == (1, "", {})
    assert "notes.md belongs to no template" in done.stderr


def test_an_empty_folder_is_an_error_and_a_missing_one_wrong_use(store: Store, tmp_path: Path) -> None:
    config = json.dumps({"token": SECRET, "templates": [make_entry("SignIn")]})
    assert push("-", "--from", str(write_files(tmp_path / "t")), stdin=config).code == 1
    assert push("-", "--from", str(tmp_path / "missing"), stdin=config).code == 2
    assert store.templates == {}


# What a pull does


def test_pull_writes_what_the_provider_has_and_push_reads_it(store: Store, tmp_path: Path) -> None:
    file = write_fake_config(tmp_path, make_entry("SignIn"), make_entry("SignIn", "fr"), make_entry("../Own: type"))
    store.templates = {
        alias: make_template(alias, f"<p>\r\n{alias}</p>") for alias in ("signin", "signin-fr", "../own: type")
    }
    stored = dict(store.templates)
    folder = tmp_path / "new" / "t"
    done = pull(file, folder, "--json")
    assert (done.code, done.stderr) == (0, "")
    assert {one.name for one in folder.iterdir()} == {
        f"{stem}{suffix}"
        for stem in ("SignIn", "SignIn.fr", "%2E%2E%2FOwn%3A%20type")
        for suffix in (".subject.txt", ".html", ".txt")
    }
    assert (folder / "SignIn.fr.html").read_bytes() == b"<p>\r\nsignin-fr</p>"
    assert done.json()["folder"] == str(folder)
    assert done.json()["templates"][1] == {
        "status": "written",
        "path": "$.templates[1].alias",
        "name": "signin-fr",
        "files": ["SignIn.fr.subject.txt", "SignIn.fr.html", "SignIn.fr.txt"],
    }
    again = push(file, "--from", str(folder), "--yes", "--json")
    assert {one["action"] for one in again.json()["changes"]} == {"keep"}
    assert store.templates == stored


def test_what_is_edited_after_a_pull_is_pushed(store: Store, tmp_path: Path) -> None:
    file = write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Register"))
    push(file)
    pull(file, tmp_path / "t")
    (tmp_path / "t" / "SignIn.subject.txt").write_text("Edited: {{code}}\n")
    done = push(file, "--from", str(tmp_path / "t"), "--yes", "--json")
    assert show_actions(done) == [("update", "signin", True), ("keep", "register", False)]
    assert store.templates["signin"].subject == "Edited: {{code}}"
    assert store.templates["signin"].html == STARTERS["SignIn", "en"].html


def test_what_the_provider_lacks_is_told(store: Store, tmp_path: Path) -> None:
    store.templates["signin"] = make_template()
    done = pull(write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Register")), tmp_path / "t")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"written    $.templates[0].alias  {tmp_path / 't' / 'SignIn.*'}",
        "missing    $.templates[1].alias  register is not at the provider",
        f"Templates in {tmp_path / 't'}: 1 written, 1 missing.",
    ]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_file_that_says_something_else_is_overwritten_with_yes_alone(
    options: list[str], store: Store, tmp_path: Path
) -> None:
    store.templates = {"signin": make_template("New"), "register": make_template("Other")}
    folder = write_files(tmp_path / "t", SignIn_subject_txt="Mine")
    file = write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Register"))
    done = pull(file, folder, *options)
    assert done.code == 1
    assert done.stderr == f"Files in {folder} that say something else were left as they are: replace them with --yes.\n"
    assert "kept" in done.stdout
    assert (folder / "SignIn.subject.txt").read_text() == "Mine"
    assert not (folder / "SignIn.html").exists()
    assert (folder / "Register.subject.txt").read_text() == "Other\n"
    assert pull(file, folder, "--yes").code == 0
    assert (folder / "SignIn.subject.txt").read_text() == "New\n"


def test_a_repeated_pull_changes_nothing(store: Store, tmp_path: Path) -> None:
    store.templates["signin"] = make_template()
    file = write_fake_config(tmp_path, make_entry("SignIn"))
    pull(file, tmp_path / "t")
    done = pull(file, tmp_path / "t", "--json")
    assert (done.code, done.json()["templates"][0]["status"]) == (0, "unchanged")


def test_a_template_that_can_not_be_read_is_told(store: Store, tmp_path: Path) -> None:
    store.blocked["signin"] = "It is a layout."
    done = pull(write_fake_config(tmp_path, make_entry("SignIn")), tmp_path / "t", "--json")
    assert done.code == 1
    assert done.json()["templates"] == [
        {
            "status": "blocked",
            "path": "$.templates[0].alias",
            "name": "signin",
            "files": [],
            "problem": "It is a layout.",
        }
    ]


def test_the_folder_is_named_templates_where_nothing_is_said(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store.templates["signin"] = make_template()
    run("templates", "pull", "store-mail", "--config", write_fake_config(tmp_path, make_entry("SignIn")))
    assert (tmp_path / "templates" / "SignIn.html").read_text() == "<p>Old</p>\n"
