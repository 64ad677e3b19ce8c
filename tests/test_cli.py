"""The command line: list, show, and wrong use of any command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command_line import CONFIG, run, start
from installed import INSTALLED

from connector_core import USAGE_TYPES, Host
from connector_core.testing.wire_server import HANG_GUARD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_list_says_what_is_installed_as_json() -> None:
    done = run("list", "--json")
    assert (done.code, done.stderr) == (0, "")
    document = done.json()
    assert document["failures"] == []
    assert [one["id"] for one in document["connectors"]] == INSTALLED
    assert {
        "id": "postmark-mail",
        "type": "Email",
        "name": "Postmark Mail",
        "version": Host.discover()["postmark-mail"].version,
        "distribution": "connector-postmark",
    } in document["connectors"]


def test_list_says_what_is_installed_in_words() -> None:
    done = run("list")
    assert (done.code, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    assert header.split() == ["ID", "TYPE", "NAME", "VERSION", "DISTRIBUTION"]
    assert [row.split()[:2] for row in rows] == [[name, "Email"] for name in INSTALLED]


@pytest.fixture
def broken(install: Callable[..., Path]) -> str:
    install("broken-mail", {"broken-mail": "broken_mail"}, {"broken_mail": "raise RuntimeError('out of order')"})
    return "broken-mail"


def test_list_shows_what_failed_to_load_as_json(broken: str) -> None:
    done = run("list", "--json")
    assert (done.code, done.stderr) == (0, "")
    document = done.json()
    assert [one["id"] for one in document["connectors"]] == INSTALLED
    (failure,) = document["failures"]
    assert set(failure) == {"distribution", "version", "entryPoint", "error"}
    assert (failure["distribution"], failure["version"], failure["entryPoint"]) == ("broken-mail", "1.0", broken)
    assert "out of order" in failure["error"]


def test_list_shows_what_failed_to_load_to_people_beside_the_result(broken: str) -> None:
    done = run("list")
    assert done.code == 0
    assert broken not in done.stdout
    assert broken in done.stderr
    assert "out of order" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_connector_that_failed_to_load_is_not_found_and_says_why(broken: str) -> None:
    done = run("show", broken)
    assert (done.code, done.stdout) == (1, "")
    assert "out of order" in done.stderr


def test_show_describes_a_connector_in_words() -> None:
    done = run("show", "postmark-mail")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("Postmark Mail (postmark-mail, connector-postmark ")
    for setting in ("serverToken", "fromEmail", "templates", "apiUrl"):
        assert setting in done.stdout


def test_show_gives_the_metadata_as_json() -> None:
    done = run("show", "postmark-mail", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.json() == json.loads(json.dumps(Host.discover()["postmark-mail"].metadata.to_json()))
    assert done.json()["target"] == "postmark-mail"


def test_show_gives_the_config_schema() -> None:
    done = run("show", "postmark-mail", "--schema")
    assert (done.code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == Host.discover()["postmark-mail"].config_schema
    assert json.loads(done.stdout)["required"] == ["serverToken", "fromEmail", "templates"]


def test_show_gives_the_form_in_logtos_shape() -> None:
    done = run("show", "postmark-mail", "--form")
    assert (done.code, done.stderr) == (0, "")
    items = {item["key"]: item for item in json.loads(done.stdout)}
    assert list(items)[:3] == ["serverToken", "fromEmail", "templates"]
    assert (items["serverToken"]["type"], items["serverToken"]["isConfidential"]) == ("Text", True)
    assert items["serverToken"]["placeholder"] == "<your-server-token>"
    assert items["templates"]["type"] == "Json"
    assert [entry["usageType"] for entry in items["templates"]["defaultValue"]] == list(USAGE_TYPES)


def test_show_gives_a_config_to_start_from_whose_placeholders_are_left_to_fill_in(tmp_path: Path) -> None:
    done = run("show", "postmark-mail", "--template")
    assert (done.code, done.stderr) == (0, "")
    (tmp_path / "config.json").write_text(done.stdout, "utf-8")
    checked = run("validate", "postmark-mail", "--config", str(tmp_path / "config.json"), "--json")
    assert {issue["path"] for issue in checked.json()["issues"]} == {"$.serverToken", "$.fromEmail"}
    filled_in = {**json.loads(done.stdout), "serverToken": "t", "fromEmail": "a@example.com"}
    assert run("validate", "postmark-mail", "--config", "-", stdin=json.dumps(filled_in)).code == 0


@pytest.mark.parametrize("locale", [[], ["--locale", "en"], ["--locale", "de-CH"], ["--locale", ""]])
def test_show_gives_the_guide(locale: list[str]) -> None:
    done = run("show", "postmark-mail", "--guide", *locale)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.strip() == Host.discover()["postmark-mail"].guide("en").strip()


@pytest.mark.parametrize("locale", ["fr", "fr-CA", "FR_fr"])
def test_show_gives_the_guide_in_the_readers_language(locale: str) -> None:
    done = run("show", "postmark-mail", "--guide", "--locale", locale)
    assert done.stdout.strip() == Host.discover()["postmark-mail"].guide("fr").strip()
    assert done.stdout != run("show", "postmark-mail", "--guide").stdout


COMMANDS = [
    ["show", "nowhere"],
    ["show", "nowhere", "--schema"],
    ["validate", "nowhere", "--config", "-"],
    ["send", "nowhere", "--config", "-", "--to", "ann@example.com"],
    ["send", "nowhere", "--sandbox", "--to", "ann@example.com"],
    ["sandbox", "nowhere"],
]


@pytest.mark.parametrize("arguments", COMMANDS)
def test_an_unknown_id_fails_and_names_what_is_installed(arguments: list[str]) -> None:
    done = run(*arguments, stdin=json.dumps(CONFIG))
    assert (done.code, done.stdout) == (1, "")
    assert "nowhere" in done.stderr
    assert "postmark-mail" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", COMMANDS)
def test_an_unknown_id_is_an_error_document_for_machines(arguments: list[str]) -> None:
    done = run(*arguments, "--json", stdin=json.dumps(CONFIG))
    assert (done.code, done.stderr) == (1, "")
    assert set(done.json()) == {"error"}
    assert done.json()["error"]["code"] == "connector_not_found"
    assert "postmark-mail" in done.json()["error"]["message"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["unknown"],
        ["show"],
        ["list", "--unknown"],
        ["validate", "postmark-mail"],
        ["validate", "postmark-mail", "--config", "missing.json"],
        ["validate", "postmark-mail", "--config", "."],
        ["send", "postmark-mail", "--config", "missing.json", "--to", "ann@example.com"],
        ["send", "postmark-mail", "--to", "ann@example.com"],
        ["send", "postmark-mail", "--sandbox"],
        ["sandbox", "postmark-mail", "--port", "http"],
        ["sandbox", "postmark-mail", "--port", "70000"],
        ["sandbox", "postmark-mail", "--config", "missing.json"],
    ],
)
def test_wrong_use_ends_with_2_and_words_on_stderr(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert (done.code, done.stdout) == (2, "")
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["list", "show", "validate", "send", "sandbox"])
def test_each_command_explains_itself(command: str) -> None:
    done = run(command, "--help")
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: connectors {command} ")
    assert command in run("--help").stdout


def test_the_version_is_that_of_the_core() -> None:
    from importlib.metadata import version

    assert version("connector-core") in run("--version").stdout


def test_a_traceback_is_for_debugging_only() -> None:
    assert "Traceback" not in run("show", "nowhere").stderr
    for arguments in (["--debug", "show", "nowhere"], ["show", "nowhere", "--debug"]):
        done = run(*arguments)
        assert done.code == 1
        assert "Traceback (most recent call last)" in done.stderr
        assert "ConnectorNotFound" in done.stderr
        assert done.stdout == ""


def test_the_installed_script_runs() -> None:
    with start("list", "--json") as process:
        stdout, stderr = process.communicate(timeout=HANG_GUARD)
    assert (process.returncode, stderr) == (0, "")
    assert [one["id"] for one in json.loads(stdout)["connectors"]] == INSTALLED


# Strikes a thread while the first one waits.
STRUCK = """
import signal, sys, threading, traceback
from connector_core.cli.options import catch_interrupts
wait = catch_interrupts()
first = threading.get_ident()
def strike():
    while not any(frame.f_code is wait.__code__ for frame, _ in traceback.walk_stack(sys._current_frames()[first])):
        continue
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    threading.Event().wait()
threading.Thread(target=strike, daemon=True).start()
wait()
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals for threads on this system")
def test_a_server_ends_whichever_of_its_threads_the_signal_meets() -> None:
    done = subprocess.run([sys.executable, "-c", STRUCK], check=False, timeout=HANG_GUARD)  # noqa: S603  our own code
    assert done.returncode == 0


@pytest.mark.parametrize("arguments", [["list"], ["show", "postmark-mail", "--guide"], ["show", "postmark-mail"]])
def test_a_reader_that_leaves_early_sees_no_traceback(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with start(*arguments, stdout=writing) as process:
        os.close(writing)
        _, stderr = process.communicate(timeout=HANG_GUARD)
    assert stderr == ""


def test_a_terminal_of_few_letters_gets_escapes_and_no_error() -> None:
    command = [sys.executable, "-c", "from connector_core.cli import main; main()", "show", "postmark-mail"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    for options in (["--json"], ["--locale", "ko"]):
        done = subprocess.run(  # noqa: S603  our own command
            [*command, *options], check=False, capture_output=True, text=True, env=environment, encoding="cp1252"
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "\\u" in done.stdout
