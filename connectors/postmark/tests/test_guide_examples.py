"""The examples of the guide work: its JSON, its template, its command lines."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox
from guide_page import read_blocks

from connector_core import USAGE_TYPES, Connector, Message
from connector_core.payloads import TEST_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent
ENGLISH, FRENCH = ((FOLDER / name).read_text("utf-8") for name in ("README.md", "README.fr.md"))
COMMAND_LINE = [sys.executable, "-c", "from connector_core.cli import main; main()"]
TOKEN = "made-up-server-token"


JSON_BLOCKS = [json.loads(block) for block in read_blocks(ENGLISH, "json")]
LISTS = [block for block in JSON_BLOCKS if isinstance(block, list)]
OBJECTS = [block for block in JSON_BLOCKS if isinstance(block, dict)]
(WHOLE_CONFIG,) = (block for block in OBJECTS if "templates" in block)
LOCALIZED, NINE = LISTS
LINES = [line for block in read_blocks(ENGLISH, "sh") for line in block.splitlines()]


# The JSON


def test_the_nine_templates_are_those_of_the_connectors_example(schema: dict[str, Any]) -> None:
    assert schema["properties"]["templates"]["examples"] == [NINE]
    assert [entry["usageType"] for entry in NINE] == list(USAGE_TYPES)


@pytest.mark.parametrize(
    "block", JSON_BLOCKS, ids=lambda block: next(iter(block), "") if isinstance(block, dict) else "list"
)
def test_each_json_block_makes_a_valid_config(
    block: Any, postmark: Connector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POSTMARK_SERVER_TOKEN", TOKEN)
    config = {**WHOLE_CONFIG, **({"templates": block} if isinstance(block, list) else block)}
    if "$file" in config["serverToken"]:
        file = tmp_path / Path(config["serverToken"]["$file"]).name
        file.write_text(f"{TOKEN}\n")
        config["serverToken"] = {"$file": str(file)}

    assert postmark.validate_config(config) == []
    assert postmark.configure(config).config["serverToken"].reveal() == TOKEN


def test_the_example_of_optional_settings_has_all_but_the_address(schema: dict[str, Any]) -> None:
    optional = set(schema["properties"]) - set(schema["required"])

    assert optional - {"apiUrl"} in [set(block) for block in OBJECTS]


@pytest.mark.parametrize("reference", [WHOLE_CONFIG["serverToken"], OBJECTS[-1]["serverToken"]])
def test_a_missing_variable_or_file_is_a_config_issue_that_names_it(
    reference: dict[str, str], postmark: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSTMARK_SERVER_TOKEN", raising=False)
    ((kind, name),) = reference.items()
    missing = name if kind == "$env" else f"{name}.missing"

    (issue,) = postmark.validate_config({**WHOLE_CONFIG, "serverToken": {kind: missing}})

    assert issue.path == "$.serverToken"
    assert missing in issue.message


def test_an_empty_text_and_an_unknown_setting_are_config_issues(postmark: Connector) -> None:
    issues = postmark.validate_config({**WHOLE_CONFIG, "serverToken": TOKEN, "tag": "", "streem": "outbound"})

    assert [(issue.path, issue.code) for issue in issues] == [("$.streem", "unknown_key"), ("$.tag", "empty")]


# What it says of sending


@pytest.mark.parametrize(
    ("usage_type", "locale", "alias"),
    [
        ("SignIn", "de-CH", "sign-in-de-ch"),
        ("SignIn", "de-AT", "sign-in-de"),
        ("SignIn", "fr", "sign-in"),
        ("Register", "de-CH", "register"),
        ("BindMfa", "de-CH", "generic-de"),
        ("BindMfa", "fr", "generic"),
    ],
)
def test_a_locale_chooses_the_template_as_the_guide_says(
    usage_type: str, locale: str, alias: str, postmark: Connector
) -> None:
    with PostmarkSandbox({**WHOLE_CONFIG, "serverToken": TOKEN, "templates": LOCALIZED}) as sandbox:
        message = Message("you@example.com", usage_type, {"code": "123456", "locale": locale})
        postmark.send_message(sandbox.config, message)

        assert sandbox.messages[0].request["TemplateAlias"] == alias


@pytest.mark.parametrize(
    ("organization", "wanted"),
    [
        ({}, ["Your code for Example App is <b>123456</b>."]),
        ({"organization": {"name": "Example Ltd"}}, ["<b>123456</b>.", "It lets you into Example Ltd."]),
    ],
)
def test_the_example_template_renders(organization: dict[str, Any], wanted: list[str], postmark: Connector) -> None:
    (html,) = read_blocks(ENGLISH, "html")
    entries = [{"usageType": entry["usageType"], "templateAlias": "example"} for entry in WHOLE_CONFIG["templates"]]
    payload = {"code": "123456", "application": {"name": "Example App"}, **organization}
    sandbox = PostmarkSandbox()
    sandbox.account.add_template(name="Example", alias="example", subject="Code", html=html, text="")

    with sandbox:
        postmark.send_message({**sandbox.config, "templates": entries}, Message("you@example.com", "SignIn", payload))
        rendered = sandbox.messages[0].html

    assert all(part in rendered for part in wanted)
    assert ("It lets you into" in rendered) == bool(organization)


def test_the_example_of_the_options_sends_the_mail_that_it_says() -> None:
    (code,) = read_blocks(ENGLISH, "python")
    with PostmarkSandbox() as sandbox:
        names: dict[str, Any] = {"config": sandbox.config, "logo": b"\x89PNG"}
        exec(code, names)  # noqa: S102  our own guide
        (mail,) = sandbox.messages

    assert set(names["result"].recipients) == {"ann@example.com", "bob@example.com"}
    assert (mail.subject, mail.text) == ("Your order", "Thank you.")
    assert mail.request["Attachments"][0]["ContentID"].removeprefix("cid:") in mail.html


# The command lines


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(line)
    assert program == "connectors"
    return subprocess.run(  # noqa: S603  our own command line
        [*COMMAND_LINE, *arguments], check=False, capture_output=True, text=True, timeout=60, cwd=folder
    )


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostmarkSandbox]:
    """Serve a sandbox that knows the guide's config, which is in config.json."""
    monkeypatch.setenv("POSTMARK_SERVER_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with PostmarkSandbox({**WHOLE_CONFIG, "serverToken": TOKEN}) as sandbox:
        config = {**WHOLE_CONFIG, "apiUrl": sandbox.url}
        (tmp_path / "config.json").write_text(json.dumps(config))
        yield sandbox


def test_the_guide_has_the_command_lines_that_the_tests_below_run() -> None:
    kinds = [" ".join(shlex.split(line)[:2]) for line in LINES]

    assert kinds == [
        "connectors templates",
        "connectors templates",
        "connectors show",
        "connectors validate",
        "connectors check",
        "connectors send",
        "connectors send",
        "connectors send",
        "connectors send",
        "connectors sandbox",
        "connectors usage",
        "pip install",
        "connectors list",
        "connectors show",
    ]


@pytest.mark.parametrize(
    "line",
    [line for line in LINES if line.startswith(("connectors validate", "connectors check", "connectors list"))],
)
def test_a_line_that_checks_does_so(line: str, running: PostmarkSandbox, tmp_path: Path) -> None:
    done = run(line, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert any(word in done.stdout for word in ("valid", "The config works", "postmark-mail"))
    assert running.messages == []


@pytest.mark.parametrize(
    "line", [line for line in LINES if line.startswith("connectors send") and "--sandbox" not in line]
)
def test_a_line_that_sends_through_the_config_does_so(line: str, running: PostmarkSandbox, tmp_path: Path) -> None:
    done = run(line, tmp_path)

    assert done.returncode == 0, done.stderr
    (message,) = running.messages
    payload = json.loads(found[1]) if (found := re.search(r"--payload '(.+)'", line)) else {"code": TEST_CODE}
    usage_type = found[1] if (found := re.search(r"--type (\w+)", line)) else "Generic"
    alias = next(entry["templateAlias"] for entry in NINE if entry["usageType"] == usage_type)
    assert message.to == ("you@example.com",)
    assert message.payload == payload
    assert message.request["TemplateAlias"] == alias
    assert TOKEN not in done.stdout + done.stderr


def test_the_line_that_asks_for_the_usage_tells_it(
    running: PostmarkSandbox, postmark: Connector, tmp_path: Path
) -> None:
    (line,) = (line for line in LINES if line.startswith("connectors usage"))
    postmark.send_message({**running.config, "serverToken": TOKEN}, Message("you@example.com", "SignIn"))
    done = run(f"{line} --json", tmp_path)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["messages"] == 1


def test_the_lines_that_push_templates_show_the_plan_and_then_carry_it_out(
    running: PostmarkSandbox, tmp_path: Path
) -> None:
    show, push = (line for line in LINES if line.startswith("connectors templates push"))
    entry = WHOLE_CONFIG["templates"][0]
    template = running.account.find_template(entry["templateAlias"])
    assert template is not None
    running.account.remove_template(template)

    shown = run(show, tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "create" in shown.stdout
    assert running.account.find_template(entry["templateAlias"]) is None

    pushed = run(push, tmp_path)
    assert pushed.returncode == 0, pushed.stderr
    assert running.account.find_template(entry["templateAlias"]) is not None


@pytest.mark.parametrize("guide", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_the_code_of_a_mail_that_tries_the_config_is_in_the_guide(guide: str) -> None:
    assert f"`{TEST_CODE}`" in guide


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("connectors send") and "--sandbox" in line])
def test_a_line_that_sends_to_the_sandbox_shows_the_mail(line: str, running: PostmarkSandbox, tmp_path: Path) -> None:
    done = run(line, tmp_path)

    assert done.returncode == 0, done.stderr
    assert TEST_CODE in done.stdout + done.stderr
    assert running.messages == []  # it went to a sandbox of its own


def test_the_line_that_makes_a_config_makes_the_one_described(tmp_path: Path) -> None:
    (line,) = (line for line in LINES if line.endswith(" > config.json"))

    config = json.loads(run(line.removesuffix(" > config.json"), tmp_path).stdout)

    assert config["templates"] == NINE


def test_the_line_that_shows_the_guide_shows_it_in_french(tmp_path: Path) -> None:
    (line,) = (line for line in LINES if line.startswith("connectors show") and "--guide" in line)

    assert run(line, tmp_path).stdout.strip() == FRENCH.strip()


def test_the_line_that_serves_the_sandbox_prints_a_config_that_works_against_it(
    postmark: Connector, tmp_path: Path
) -> None:
    (line,) = (line for line in LINES if line.startswith("connectors sandbox"))
    command = [*COMMAND_LINE, *shlex.split(line)[1:]]

    with subprocess.Popen(  # noqa: S603  our own command line
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            address = process.stderr.readline()
            printed = ""
            while (part := process.stdout.readline()) not in {"}\n", ""}:
                printed += part
            config = json.loads(printed + part)
            result = postmark.send_message(config, Message("you@example.com", "SignIn", {"code": "123456"}))
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)

    assert result.status == "sent"
    assert config["apiUrl"] in address


def test_the_line_that_installs_names_extras_that_exist() -> None:
    (line,) = (line for line in LINES if line.startswith("pip install"))
    wanted = [re.fullmatch(r"([\w-]+)\[(\w+)\]", each) for each in shlex.split(line)[2:]]

    assert [found and found[1] for found in wanted] == ["connector-core", "connector-postmark"]
    for found in wanted:
        assert found is not None
        assert found[2] in (metadata(found[1]).get_all("Provides-Extra") or [])
