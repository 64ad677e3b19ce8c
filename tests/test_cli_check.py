"""The command line: check."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_line import TOKEN, run, write_config
from fakes import FakeConnector
from live_fakes import SECRET, StoringConnector, add_connector, write_fake_config, write_sandbox_config
from network_environment import forget_network_environment
from terminal import needs_terminal, run_at_terminal

from connector_core import Finding, Host
from connector_core.testing.wire_behaviours import respond
from connector_core.testing.wire_server import HANG_GUARD, WireServer, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from connector_core import Sandbox

    Add = Callable[..., None]

OK = Finding("ok", "credentials_accepted", "$.token", "The token works.")
WARNING = Finding("warning", "sender_unknown", "$", "The sender can't be seen.", "Send a test mail.")
SILENT = Finding("error", "no_answer", "$.apiUrl", "Acme gave no whole answer.", "Try again.")
ERROR = Finding("error", "template_not_found", "$.templates[0].alias", "There is no template.", "Create it.")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def add(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Add:
    def connector(one: FakeConnector) -> None:
        add_connector(one, install, monkeypatch)

    return connector


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Host.discover() as host, host["postmark-mail"].create_sandbox() as running:
        yield running


@pytest.mark.parametrize(("findings", "works"), [([OK], True), ([OK, WARNING], True), ([ERROR, OK], False), ([], True)])
def test_the_exit_code_and_the_document_say_whether_the_config_works(
    findings: list[Finding], *, works: bool, add: Add, tmp_path: Path
) -> None:
    add(StoringConnector(findings=findings))
    done = run("check", "store-mail", "--config", write_fake_config(tmp_path), "--json")
    assert (done.code, done.stderr) == (0 if works else 1, "")
    assert done.json() == {
        "connector": "store-mail",
        "works": works,
        "findings": [one.to_json() for one in findings],
    }


def test_people_see_aligned_lines_errors_last_fixes_below_and_a_count(add: Add, tmp_path: Path) -> None:
    add(StoringConnector(findings=[ERROR, OK, WARNING]))
    done = run("check", "store-mail", "--config", write_fake_config(tmp_path))
    assert (done.code, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "ok       $.token               The token works.",
        "warning  $                     The sender can't be seen.",
        "                               Send a test mail.",
        "error    $.templates[0].alias  There is no template.",
        "                               Create it.",
        "The config does not work: 1 error, 1 warning, 1 ok.",
    ]


@pytest.mark.parametrize(
    ("findings", "line"),
    [
        ([OK], "The config works: 1 ok."),
        ([OK, WARNING, WARNING], "The config works: 2 warnings, 1 ok."),
        ([ERROR, ERROR], "The config does not work: 2 errors."),
        ([ERROR, SILENT], "The config does not work: 2 errors."),
        ([OK, SILENT], "The config could not be checked: 1 error, 1 ok."),
        ([], "The config works: the check has nothing to say."),
    ],
)
def test_the_last_line_counts(findings: list[Finding], line: str, add: Add, tmp_path: Path) -> None:
    add(
        StoringConnector(findings=[Finding(f.level, f.code, f"{f.path}{n}", f.message) for n, f in enumerate(findings)])
    )
    done = run("check", "store-mail", "--config", write_fake_config(tmp_path))
    assert done.stdout.splitlines()[-1] == line


def test_a_finding_can_not_write_to_the_terminal_what_it_likes_nor_show_a_secret(add: Add, tmp_path: Path) -> None:
    evil = f"\x1b[2J\x1b]0;x\x07 \x9b1m \u202e {SECRET}"
    add(StoringConnector(findings=[Finding("error", "x", f"$.{evil}", evil, evil)]))
    done = run("check", "store-mail", "--config", write_fake_config(tmp_path))
    assert done.code == 1
    assert done.stdout.count("***") == 3
    assert not set("\x1b\x07\x9b\u202e") & set(done.stdout)
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_connector_without_a_live_check_says_what_to_do_instead(options: list[str], add: Add, tmp_path: Path) -> None:
    add(FakeConnector())
    (tmp_path / "config.json").write_text(json.dumps({"token": SECRET}))
    done = run("check", "alpha-mail", "--config", str(tmp_path / "config.json"), *options)
    assert done.code == 1
    if options:
        assert done.json()["error"]["code"] == "not_implemented"
    else:
        assert done.stdout == ""
        assert done.stderr == "Error: The connector alpha-mail can't check a config: send a test mail to try it.\n"


def test_a_wrong_config_is_an_error_with_its_issues_and_the_provider_is_not_asked(tmp_path: Path) -> None:
    with WireServer(respond()) as server:
        done = run("check", "postmark-mail", "--config", write_config(tmp_path, apiUrl=server.url, tag=7), "--json")
    assert done.code == 1
    assert [issue["path"] for issue in done.json()["error"]["issues"]] == ["$.tag"]
    assert server.connections == 0


def test_a_provider_out_of_reach_is_a_finding_and_no_error(tmp_path: Path) -> None:
    with refuse_connections() as url:
        done = run("check", "postmark-mail", "--config", write_config(tmp_path, apiUrl=url), "--json")
    assert (done.code, done.stderr) == (1, "")
    (finding,) = done.json()["findings"]
    assert (finding["level"], finding["code"], done.json()["works"]) == ("error", "not_reached", False)
    assert TOKEN not in done.stdout


def test_the_config_of_a_sandbox_works_and_nothing_is_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run("check", "postmark-mail", "--config", write_sandbox_config(tmp_path, sandbox), "--json")
    assert (done.code, done.stderr) == (0, "")
    assert {one["level"] for one in done.json()["findings"]} == {"ok"}
    assert list(sandbox.messages) == []


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "another token": ({"serverToken": TOKEN}, "$.serverToken", "authorization_failed"),
    "another sender": ({"fromEmail": "noreply@example.invalid"}, "$.fromEmail", "sender_rejected"),
    "an unknown stream": ({"messageStream": "no-such-stream"}, "$.messageStream", "stream_not_found"),
    "an unknown template": (
        {
            "templates": [
                {"usageType": "SignIn", "templateAlias": "no-such-alias"},
                {"usageType": "Register", "templateAlias": "logto-register"},
                {"usageType": "ForgotPassword", "templateAlias": "logto-forgot-password"},
                {"usageType": "Generic", "templateAlias": "logto-generic"},
            ]
        },
        "$.templates[0].templateAlias",
        "template_not_found",
    ),
}


@pytest.mark.parametrize(("settings", "path", "code"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_in_a_config_is_an_error_at_its_place(
    settings: dict[str, Any], path: str, code: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    done = run("check", "postmark-mail", "--config", write_sandbox_config(tmp_path, sandbox, **settings), "--json")
    assert list(sandbox.messages) == []
    assert (done.code, done.json()["works"]) == (1, False)
    assert {(one["path"], one["code"]) for one in done.json()["findings"] if one["level"] == "error"} == {(path, code)}


def test_a_config_comes_from_standard_input_too(sandbox: Sandbox) -> None:
    assert run("check", "postmark-mail", "--config", "-", stdin=json.dumps(sandbox.config)).code == 0


def test_a_standard_input_that_is_closed_is_wrong_use() -> None:
    program = "from connector_core.cli import main; main()"
    command = f'{shlex.quote(sys.executable)} -c "{program}" check postmark-mail --config - <&-'
    done = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)  # noqa: S602  our own command
    assert (done.returncode, done.stdout) == (2, "")
    assert "name a JSON file" in done.stderr


STUCK = """
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from connector_core import ConnectorMetadata, Finding, hookimpl
from fakes import SCHEMA


@hookimpl
def connector_metadata():
    texts = {name: {"en": "x"} for name in ("name", "description", "guide")}
    return ConnectorMetadata(id="stuck-mail", type="Email", config_schema=SCHEMA, **texts)


@hookimpl
def send_message():
    raise AssertionError("a check sends nothing")


@hookimpl
def check_connection():
    yield Finding("ok", "reached", "$", "The provider is there.")
    ThreadPoolExecutor().submit(Event().wait).result()
"""


def test_a_thread_in_which_a_connector_waits_for_ever_does_not_keep_the_process(
    install: Callable[..., Path], tmp_path: Path
) -> None:
    site = install("dist-stuck", {"stuck-mail": "connector_that_is_stuck"}, {"connector_that_is_stuck": STUCK})
    (tmp_path / "config.json").write_text(json.dumps({"token": SECRET}))
    program = "from connector_core import live, cli; live.CHECK_SECONDS = 2; cli.main()"
    arguments = ["check", "stuck-mail", "--config", str(tmp_path / "config.json"), "--json"]
    folders = os.pathsep.join([str(site), str(Path(__file__).parent)])
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-c", program, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=HANG_GUARD,
        env={**os.environ, "PYTHONPATH": folders},
    )
    assert done.returncode == 1, done.stderr
    assert [one["code"] for one in json.loads(done.stdout)["findings"]] == ["reached", "timed_out"]


@needs_terminal
def test_levels_are_coloured_at_a_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    code, shown = run_at_terminal("check", "postmark-mail", "--config", write_sandbox_config(tmp_path, sandbox))
    assert code == 0
    assert "\x1b[32mok" in shown


@needs_terminal
def test_no_color_keeps_a_terminal_plain(sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_sandbox_config(tmp_path, sandbox)
    code, shown = run_at_terminal("check", "postmark-mail", "--config", file, env={"NO_COLOR": "1"})
    assert code == 0
    assert "ok " in shown
    assert "\x1b" not in shown


def test_there_are_no_colours_without_a_terminal(add: Add, tmp_path: Path) -> None:
    add(StoringConnector(findings=[ERROR]))
    assert "\x1b" not in run("check", "store-mail", "--config", write_fake_config(tmp_path)).stdout
