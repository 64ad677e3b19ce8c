"""The examples of the guide work: its configs, its program and its command lines."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command_line
import pytest
from connector_smtp.sandbox import REFUSED_LOCAL_PART, SmtpSandbox
from guide_page import read_blocks

from connector_core import USAGE_TYPES, Connector, Host, Message, RecipientRejected
from connector_core.payloads import TEST_CODE

from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import Run

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
ENGLISH, FRENCH = GUIDES.values()
COMMAND_LINE = [sys.executable, "-c", "from connector_core.cli import main; main()"]
PASSWORD = "made-up-password-4Xq"

JSON_BLOCKS = [json.loads(block) for block in read_blocks(ENGLISH, "json")]
(LOCALIZED,) = (block for block in JSON_BLOCKS if isinstance(block, list))
(WHOLE_CONFIG,) = (block for block in JSON_BLOCKS if "templates" in block)
LINES = [line for block in read_blocks(ENGLISH, "sh") for line in block.splitlines()]

every_language = pytest.mark.parametrize("language", GUIDES)


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")


@pytest.fixture(scope="module")
def smtp() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["simple-mail-transfer-protocol"]


@pytest.mark.parametrize(
    ("usage_type", "locale", "wanted"),
    [("SignIn", "de-CH", "Ihr Code: 1"), ("SignIn", "fr", "Your code is 1."), ("BindMfa", "de", "Ihr Code: 1")],
)
def test_a_locale_chooses_the_template_as_the_guide_says(
    usage_type: str, locale: str, wanted: str, smtp: Connector
) -> None:
    with smtp.create_sandbox({**WHOLE_CONFIG, "templates": LOCALIZED}) as sandbox:
        smtp.send_message(sandbox.config, Message("you@example.com", usage_type, {"code": "1", "locale": locale}))
        assert sandbox.messages[0].text == wanted


@every_language
def test_the_address_that_the_sandbox_refuses_is_in_the_guide(language: str, smtp: Connector) -> None:
    (address,) = set(re.findall(rf"`({REFUSED_LOCAL_PART}@\S+)`", GUIDES[language]))
    with smtp.create_sandbox() as sandbox, pytest.raises(RecipientRejected):
        smtp.send_message(sandbox.config, Message(address, "SignIn", {"code": "1"}))


@every_language
def test_the_code_of_a_mail_that_tries_the_config_is_in_the_guide(language: str) -> None:
    assert f"`{TEST_CODE}`" in GUIDES[language]


def run(line: str) -> Run:
    program, *arguments = shlex.split(line)
    assert program == "connectors"
    return command_line.run(*arguments)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmtpSandbox]:
    """Serve a sandbox that knows the guide's config, which is in config.json and leads to the sandbox."""
    monkeypatch.chdir(tmp_path)
    with SmtpSandbox({**WHOLE_CONFIG, "auth": {**WHOLE_CONFIG["auth"], "pass": PASSWORD}}) as sandbox:
        config = {**sandbox.config, "auth": WHOLE_CONFIG["auth"]}
        (tmp_path / "config.json").write_text(json.dumps(config))
        yield sandbox


def test_the_guide_has_the_command_lines_that_the_tests_below_run() -> None:
    assert [" ".join(shlex.split(line)[:2]) for line in LINES] == [
        "connectors show",
        "connectors validate",
        "connectors check",
        "connectors send",
        "connectors send",
        "connectors send",
        "connectors send",
        "connectors sandbox",
        "pip install",
        "connectors list",
        "connectors show",
    ]


@pytest.mark.parametrize(
    "line", [line for line in LINES if line.startswith(("connectors validate", "connectors check", "connectors list"))]
)
def test_a_line_that_checks_does_so(line: str, running: SmtpSandbox) -> None:
    done = run(line)
    assert (done.code, done.stderr) == (0, "")
    assert running.messages == []


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("connectors send")])
def test_a_line_that_sends_does_so(line: str, running: SmtpSandbox) -> None:
    done = run(line)
    assert done.code == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    if "--sandbox" in line:  # it went to a sandbox of its own
        assert running.messages == []
        assert TEST_CODE in done.stdout + done.stderr
    else:
        (message,) = running.messages
        assert message.to == ("you@example.com",)
        assert ("123456" if "--payload" in line else TEST_CODE) in message.text


def test_the_message_with_options_arrives() -> None:
    (block,) = read_blocks(ENGLISH, "python")
    with SmtpSandbox() as sandbox:
        names: dict[str, Any] = {"config": sandbox.config, "invoice": b"%PDF-1.7", "logo": b"\x89PNG"}
        exec(compile(block, "the guide", "exec"), names)  # noqa: S102  the guide's own example
        names["mail"].close()
        (taken,) = sandbox.messages
    assert names["result"].recipients == dict.fromkeys(taken.to, "sent")
    assert taken.to == ("ann@example.com", "bob@example.com", "accounts@example.com")
    assert [file["name"] for file in taken.request["attachments"]] == ["logo.png", "invoice.pdf"]
    assert (taken.subject, taken.request["headers"]["X-Order"]) == ("Your invoice", "4711")


def test_the_line_that_makes_a_config_makes_one_with_nine_templates() -> None:
    (line,) = (line for line in LINES if line.endswith(" > config.json"))
    config = json.loads(run(line.removesuffix(" > config.json")).stdout)
    assert [entry["usageType"] for entry in config["templates"]] == list(USAGE_TYPES)


def test_the_line_that_shows_the_guide_shows_it_in_french() -> None:
    (line,) = (line for line in LINES if line.startswith("connectors show") and "--guide" in line)
    assert run(line).stdout.strip() == FRENCH.strip()


def test_the_line_that_serves_the_sandbox_prints_a_config_that_works_against_it(
    smtp: Connector, tmp_path: Path
) -> None:
    (line,) = (line for line in LINES if line.startswith("connectors sandbox"))
    command = [sys.executable, "-u", *COMMAND_LINE[1:], *shlex.split(line)[1:]]
    with subprocess.Popen(  # noqa: S603  our own command line
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            address = process.stderr.readline()
            printed = ""
            while (part := process.stdout.readline()) not in {"}\n", ""}:
                printed += part
            result = smtp.send_message(json.loads(printed + part), Message("you@example.com", "SignIn", {"code": "1"}))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert result.status == "sent"
    assert "http://127.0.0.1:" in address


def test_the_line_that_installs_names_extras_that_exist() -> None:
    (line,) = (line for line in LINES if line.startswith("pip install"))
    wanted = [re.fullmatch(r"([\w-]+)\[(\w+)\]", each) for each in shlex.split(line)[2:]]
    assert [found and found[1] for found in wanted] == ["connector-core", "connector-smtp"]
    for found in wanted:
        assert found is not None
        assert found[2] in (metadata(found[1]).get_all("Provides-Extra") or [])
