"""The command line: templates at Postmark's sandbox, and at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import run
from live_fakes import (
    write_files,
    write_sandbox_config,
)
from network_environment import forget_network_environment
from terminal import needs_terminal, run_at_terminal

from connector_core import Host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connector_core import Sandbox

FOUR = ("SignIn", "Register", "ForgotPassword", "Generic")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Host.discover() as host, host["postmark-mail"].create_sandbox() as running:
        yield running


def test_a_config_that_is_mended_by_a_push_works(sandbox: Sandbox, tmp_path: Path) -> None:
    wanted = [
        *({"usageType": name, "templateAlias": f"new-{name.lower()}"} for name in FOUR),
        {"usageType": "SignIn", "templateAlias": "new-signin-tr", "locale": "tr"},
    ]
    file = write_sandbox_config(tmp_path, sandbox, templates=wanted)
    broken = run("check", "postmark-mail", "--config", file, "--json")
    assert broken.code == 1
    assert [(one["path"], one["code"]) for one in broken.json()["findings"] if one["level"] != "ok"] == [
        (f"$.templates[{place}].templateAlias", "template_not_found") for place in range(5)
    ]
    pushed = run("templates", "push", "postmark-mail", "--config", file, "--yes", "--json")
    assert (pushed.code, pushed.stderr) == (0, "")
    assert [(one["action"], one["applied"]) for one in pushed.json()["changes"]] == [("create", True)] * 5
    mended = run("check", "postmark-mail", "--config", file, "--json")
    assert (mended.code, {one["level"] for one in mended.json()["findings"]}) == (0, {"ok"})
    again = run("templates", "push", "postmark-mail", "--config", file, "--yes", "--json")
    assert {(one["action"], one["applied"]) for one in again.json()["changes"]} == {("keep", False)}
    assert list(sandbox.messages) == []


def test_at_postmark_what_was_pulled_and_edited_is_pushed(sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_sandbox_config(tmp_path, sandbox)
    folder = str(tmp_path / "t")
    assert run("templates", "pull", "postmark-mail", "--config", file, "--into", folder).code == 0
    (tmp_path / "t" / "SignIn.txt").write_text("Edited: {{code}}\n")
    done = run("templates", "push", "postmark-mail", "--config", file, "--from", folder, "--yes", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert {one["name"]: one["action"] for one in done.json()["changes"] if one["applied"]} == {
        "logto-sign-in": "update"
    }
    assert run("test", "postmark-mail", "--config", file, "--to", "a@example.com", "--all-types").code == 0
    assert sandbox.messages[0].text == "Edited: 000000\n"


def test_a_template_that_several_entries_share_moves_from_one_server_to_another(tmp_path: Path) -> None:
    shared = [{"usageType": name, "templateAlias": "our-code"} for name in FOUR]
    folder = str(tmp_path / "t")
    with Host.discover() as host:
        for option in (["--type", "Generic"], ["--from", folder]):
            with host["postmark-mail"].create_sandbox() as running:
                file = write_sandbox_config(tmp_path, running, templates=shared)
                pushed = run("templates", "push", "postmark-mail", "--config", file, "--json", *option)
                run("templates", "pull", "postmark-mail", "--config", file, "--into", folder)
            assert (pushed.code, pushed.stderr) == (0, "")
            assert [(one["action"], one["applied"]) for one in pushed.json()["changes"]] == [("create", True)]


def test_a_usage_type_that_shares_its_template_has_none_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    shared = [{"usageType": name, "templateAlias": "our-code"} for name in FOUR]
    file = write_sandbox_config(tmp_path, sandbox, templates=shared)
    done = run("templates", "push", "postmark-mail", "--config", file, "--type", "SignIn")
    assert (done.code, done.stdout) == (2, "")
    assert "no template of its own for SignIn: choose among Generic." in " ".join(done.stderr.split())


def find_subjects(sandbox: Sandbox) -> dict[str, str]:
    """Return the subject that each template of the sandbox's config has."""
    with Host.discover() as host, host["postmark-mail"].configure(sandbox.config) as mail:
        return {one.name: one.before.subject for one in mail.plan_templates() if one.before is not None}


@needs_terminal
def test_at_a_terminal_each_update_is_asked_for(sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_sandbox_config(tmp_path, sandbox)
    folder = tmp_path / "t"
    run("templates", "pull", "postmark-mail", "--config", file, "--into", str(folder))
    for name in ("SignIn", "Register", "Generic"):
        (folder / f"{name}.subject.txt").write_text(f"Edited {name}\n")
    code, shown = run_at_terminal(
        *("templates", "push", "postmark-mail", "--config", file, "--from", str(folder)), answers=("y", "", "n")
    )
    assert code == 0
    assert shown.count("[y/N]: ") == 3
    assert "Replace logto-sign-in at the provider? [y/N]: y" in shown
    assert shown.index("+Edited SignIn") < shown.index("Replace logto-sign-in")
    assert "--yes" not in shown
    assert {name for name, subject in find_subjects(sandbox).items() if subject.startswith("Edited")} == {
        "logto-sign-in"
    }


@needs_terminal
@pytest.mark.parametrize("options", [["--json"], ["--dry-run"], ["--yes"]])
def test_at_a_terminal_nothing_is_asked_where_nobody_wants_to_be(
    options: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    file = write_sandbox_config(tmp_path, sandbox)
    folder = write_files(tmp_path / "t", SignIn_subject_txt="Edited", SignIn_txt="{{code}}", SignIn_html="{{code}}")
    code, shown = run_at_terminal(
        *("templates", "push", "postmark-mail", "--config", file, "--from", str(folder)), *options
    )
    assert code == 0
    assert "[y/N]" not in shown
    assert (find_subjects(sandbox)["logto-sign-in"] == "Edited") == ("--yes" in options)


@needs_terminal
def test_an_answer_that_never_comes_ends_the_push(sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_sandbox_config(tmp_path, sandbox)
    folder = write_files(tmp_path / "t", SignIn_subject_txt="Edited", SignIn_txt="{{code}}", SignIn_html="{{code}}")
    code, shown = run_at_terminal(
        *("templates", "push", "postmark-mail", "--config", file, "--from", str(folder)), answers=("\x04",)
    )
    assert code == 1
    assert "Traceback" not in shown
    assert find_subjects(sandbox)["logto-sign-in"] != "Edited"
