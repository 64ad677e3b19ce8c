"""The command line: templates push, from the starter templates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_line import run
from fakes import FakeConnector
from live_fakes import (
    SECRET,
    Store,
    StoringConnector,
    add_connector,
    make_entry,
    make_template,
    push,
    show_actions,
    write_fake_config,
    write_files,
)

from connector_core import STARTER_LOCALES, starter_templates

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


# What a push does


def test_what_is_missing_is_created_from_the_starters_without_asking(store: Store, tmp_path: Path) -> None:
    file = write_fake_config(tmp_path, *map(make_entry, FOUR), make_entry("SignIn", "fr"))
    done = push(file, "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.json()["connector"] == "store-mail"
    assert done.json()["changes"][0] == {
        "action": "create",
        "path": "$.templates[0].alias",
        "name": "signin",
        "applied": True,
    }
    assert [one["path"] for one in done.json()["changes"]] == [f"$.templates[{place}].alias" for place in range(5)]
    assert store.templates == {
        **{name.lower(): STARTERS[name, "en"] for name in FOUR},
        "signin-fr": STARTERS["SignIn", "fr"],
    }


def test_a_repeated_push_changes_nothing(store: Store, tmp_path: Path) -> None:
    file = write_fake_config(tmp_path, *map(make_entry, FOUR))
    push(file)
    stored = dict(store.templates)
    done = push(file, "--yes", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert show_actions(done) == [("keep", name.lower(), False) for name in FOUR]
    assert store.templates == stored


def test_people_see_what_is_created_and_a_count(store: Store, tmp_path: Path) -> None:
    store.templates["register"] = STARTERS["Register", "en"]
    done = push(write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Register")))
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "create   $.templates[0].alias  signin",
        f"    Subject: {STARTERS['SignIn', 'en'].subject}",
        "keep     $.templates[1].alias  register",
        "Done: 1 created, 1 unchanged.",
    ]


@pytest.mark.parametrize("options", [["--dry-run"], ["--dry-run", "--yes"], ["--dry-run", "--yes", "--json"]])
def test_a_dry_run_changes_nothing(options: list[str], store: Store, tmp_path: Path) -> None:
    store.templates["register"] = make_template()
    store.blocked["generic"] = "It can't be."
    before = dict(store.templates)
    done = push(write_fake_config(tmp_path, *map(make_entry, FOUR)), *options)
    assert (done.code, done.stderr, store.templates) == (0, "", before)
    if "--json" in options:
        assert [(action, applied) for action, _, applied in show_actions(done)] == [
            ("create", False),
            ("update", False),
            ("create", False),
            ("blocked", False),
        ]
    else:
        assert done.stdout.splitlines()[-1] == "Nothing was changed: 2 to create, 1 to update, 1 blocked."


def test_an_update_shows_a_diff_of_subject_text_and_html(store: Store, tmp_path: Path) -> None:
    store.templates["signin"] = make_template("Old", "<p>\r\nOld\r\n</p>", "same")
    folder = write_files(
        tmp_path / "t", SignIn_subject_txt="New\n", SignIn_html="<p>\nNew\n</p>\n", SignIn_txt="same\n"
    )
    file = write_fake_config(tmp_path, make_entry("SignIn"))
    shown = push(file, "--from", str(folder), "--dry-run").stdout.splitlines()
    document = push(file, "--from", str(folder), "--dry-run", "--json").json()["changes"][0]
    differences = [
        *("--- subject", "+++ subject", "@@ -1 +1 @@", "-Old", "+New"),
        *("--- html", "+++ html", "@@ -1,3 +1,3 @@", " <p>", "-Old", "+New", " </p>"),
    ]
    assert shown[0] == "update   $.templates[0].alias  signin"
    assert [line.removeprefix("    ") for line in shown[1:-1]] == differences
    assert document == {
        "action": "update",
        "path": "$.templates[0].alias",
        "name": "signin",
        "applied": False,
        "diff": "\n".join(differences),
    }


def test_texts_of_many_lines_are_not_compared_line_by_line(store: Store, tmp_path: Path) -> None:
    store.templates["signin"] = make_template(html="a\nb\n" * 100_000)
    file = write_fake_config(tmp_path, make_entry("SignIn"))
    (change,) = push(file, "--dry-run", "--json").json()["changes"]
    lines = len(STARTERS["SignIn", "en"].html.splitlines())
    assert f"@@ 200,000 lines become {lines} @@" in change["diff"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_without_a_terminal_an_update_is_left_with_a_note_that_names_yes(
    options: list[str], store: Store, tmp_path: Path
) -> None:
    store.templates["signin"] = make_template()
    done = push(write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Register")), *options, stdin="y\n")
    assert done.code == 0
    assert store.templates == {"signin": make_template(), "register": STARTERS["Register", "en"]}
    assert done.stderr == "Not updated without --yes: signin.\n"
    if options:
        assert show_actions(done) == [("update", "signin", False), ("create", "register", True)]
    else:
        assert done.stdout.splitlines()[-1] == "Done: 1 created, 1 not updated."


def test_with_yes_an_update_is_done(store: Store, tmp_path: Path) -> None:
    store.templates["signin"] = make_template()
    done = push(write_fake_config(tmp_path, make_entry("SignIn")), "--yes")
    assert (done.code, done.stderr) == (0, "")
    assert store.templates == {"signin": STARTERS["SignIn", "en"]}
    assert done.stdout.splitlines()[-1] == "Done: 1 updated."


def test_a_config_comes_from_standard_input_too(store: Store) -> None:
    done = push("-", "--json", stdin=json.dumps({"token": SECRET, "templates": [make_entry("SignIn")]}))
    assert (done.code, show_actions(done)) == (0, [("create", "signin", True)])
    assert [*store.templates] == ["signin"]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_failed_change_is_told_and_the_others_go_on(options: list[str], store: Store, tmp_path: Path) -> None:
    store.refused = {"signin"}
    done = push(write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Register")), *options)
    assert done.code == 1
    assert store.templates == {"register": STARTERS["Register", "en"]}
    if options:
        assert show_actions(done) == [("create", "signin", False), ("create", "register", True)]
        assert done.json()["changes"][0]["error"]["code"] == "invalid_message"
        assert done.stderr == ""
    else:
        assert done.stdout.splitlines()[-1] == "Done: 1 not created, 1 created."
        assert done.stderr == "    Error: The provider refuses signin\\x1b[2J: mend it.\n"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_blocked_change_is_told_and_the_others_go_on(options: list[str], store: Store, tmp_path: Path) -> None:
    store.blocked["signin"] = "It is a layout: name another one."
    done = push(write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Register")), *options)
    assert (done.code, done.stderr) == (1, "")
    assert [*store.templates] == ["register"]
    if options:
        assert done.json()["changes"][0] == {
            "action": "blocked",
            "path": "$.templates[0].alias",
            "name": "signin",
            "applied": False,
            "problem": "It is a layout: name another one.",
        }
    else:
        assert done.stdout.splitlines()[:2] == [
            "blocked  $.templates[0].alias  signin",
            "    It is a layout: name another one.",
        ]


def test_a_language_without_starters_is_blocked_where_the_template_is_missing(store: Store, tmp_path: Path) -> None:
    store.templates["register-de"] = make_template()
    done = push(write_fake_config(tmp_path, make_entry("SignIn", "de"), make_entry("Register", "de")), "--json")
    assert done.code == 1
    assert show_actions(done) == [("blocked", "signin-de", False), ("keep", "register-de", False)]


# What limits a push


def test_an_entry_without_a_locale_takes_the_first_language_named(store: Store, tmp_path: Path) -> None:
    file = write_fake_config(tmp_path, make_entry("SignIn"), make_entry("SignIn", "en"), make_entry("SignIn", "ko"))
    done = push(file, "--locale", "fr, EN", "--json")
    assert (done.code, done.stderr) == (0, "")  # French has an entry, though none of its own
    assert show_actions(done) == [("create", "signin", True), ("create", "signin-en", True)]
    assert store.templates == {"signin": STARTERS["SignIn", "fr"], "signin-en": STARTERS["SignIn", "en"]}


def test_english_comes_first_where_no_language_is_named(store: Store, tmp_path: Path) -> None:
    push(write_fake_config(tmp_path, make_entry("SignIn")))
    assert STARTER_LOCALES[0] == "en"
    assert store.templates["signin"].locale == "en"


def test_a_language_that_no_entry_is_for_is_noted_with_the_entry_to_add(store: Store, tmp_path: Path) -> None:
    done = push(write_fake_config(tmp_path, make_entry("SignIn")), "--locale", "en,zh-CN", "--json")
    assert (done.code, [*store.templates]) == (0, ["signin"])
    assert done.stderr == (
        'No entry of the config is for zh-CN: add one for each usage type, with "locale": "zh-CN" and a template of '
        "its own.\n"
    )


@pytest.mark.parametrize("locale", ["de", "en,de", "english", "", ",", "../en"])
def test_a_language_without_starters_is_wrong_use_and_names_those_there_are(locale: str, store: Store) -> None:
    config = json.dumps({"token": SECRET, "templates": [make_entry("SignIn")]})
    done = push("-", "--locale", locale, stdin=config)
    assert (done.code, done.stdout, store.templates) == (2, "", {})
    assert "choose among en, fr, zh-CN, tr-TR, ko." in " ".join(done.stderr.split())


def test_usage_types_limit_and_a_usage_type_never_takes_the_words_of_generic_for_it(
    store: Store, tmp_path: Path
) -> None:
    file = write_fake_config(tmp_path, *map(make_entry, FOUR))
    done = push(file, "--type", "Generic", "--type", "Register", "--json")
    assert show_actions(done) == [("create", "register", True), ("create", "generic", True)]
    assert store.templates == {"register": STARTERS["Register", "en"], "generic": STARTERS["Generic", "en"]}


def test_a_usage_type_that_the_config_lacks_is_wrong_use(store: Store, tmp_path: Path) -> None:
    done = push(write_fake_config(tmp_path, make_entry("SignIn"), make_entry("Own")), "--type", "Signin")
    assert (done.code, done.stdout, store.templates) == (2, "", {})
    assert "choose among SignIn, Own." in " ".join(done.stderr.split())


def test_a_usage_type_of_the_hosts_own_takes_the_starters_of_generic(store: Store, tmp_path: Path) -> None:
    push(write_fake_config(tmp_path, make_entry("Newsletter", "fr")))
    assert store.templates == {"newsletter-fr": STARTERS["Generic", "fr"]}


# Both


EVIL = f"\x1b]0;x\x07\x9b2J\u202e{SECRET}"


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--yes"], ["--json"], ["--json", "--yes"]])
def test_what_a_provider_stores_can_not_write_to_the_terminal_what_it_likes_nor_show_a_secret(
    options: list[str], store: Store, tmp_path: Path
) -> None:
    alias = f"a{EVIL}"
    store.templates = {alias: make_template(EVIL, f"{EVIL}\r{EVIL}", f"{EVIL}\x0b\x1b[2J")}
    store.refused = {alias}
    done = push(write_fake_config(tmp_path, make_entry("SignIn", alias=alias)), *options)
    assert not set("\x1b\x07\x9b\u202e\r\x0b") & set(done.stdout + done.stderr)
    assert SECRET not in done.stdout + done.stderr
    assert "***" in done.stdout


@pytest.mark.parametrize("options", [[], ["--json"], ["--debug"]])
@pytest.mark.parametrize("command", ["push", "pull"])
def test_a_connector_that_provisions_no_templates_says_so(
    command: str,
    options: list[str],
    tmp_path: Path,
    install: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_connector(FakeConnector(), install, monkeypatch)
    (tmp_path / "config.json").write_text(json.dumps({"token": SECRET}))
    done = run("templates", command, "alpha-mail", "--config", str(tmp_path / "config.json"), *options)
    assert done.code == 1
    if "--json" in options:
        assert done.json()["error"]["code"] == "not_implemented"
    else:
        assert "Error: The connector alpha-mail can't provision templates: " in done.stderr
    assert ("Traceback" in done.stderr) == ("--debug" in options)


def test_a_mistake_of_the_program_in_a_subcommand_is_one_sentence_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> Any:
        raise RuntimeError(f"unexpected {SECRET}")

    monkeypatch.setattr("connector_core.cli.templates.list_differences", fail)
    store.templates["signin"] = make_template()
    file = write_fake_config(tmp_path, make_entry("SignIn"))
    done = push(file, "--debug")
    assert done.code == 1
    assert "RuntimeError: unexpected ***" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert (
        push(file).stderr == "Error: Something went wrong that should not (RuntimeError): run it again with --debug.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["templates", "unknown"],
        ["templates", "push", "postmark-mail"],
        ["templates", "push", "postmark-mail", "--config", "-", "--type"],
        ["templates", "pull", "--config", "-"],
        ["templates", "pull", "postmark-mail", "--config", "missing.json"],
    ],
)
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert "Error: " in done.stderr
