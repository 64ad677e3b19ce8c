"""The guide is the same in both languages, its tables are those of the code, and its examples work."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command_line
import pytest
from connector_smtp import mailer
from connector_smtp.answers import Reply, refuse
from connector_smtp.sandbox import REFUSED_LOCAL_PART, SmtpSandbox
from guide_page import read_blocks, read_code, read_headings, read_tables

from connector_core import USAGE_TYPES, Connector, Host, InvalidConfig, Limits, Message, RecipientRejected, SendError
from connector_core.payloads import TEST_CODE

from .smtp_server import ScriptedServer, config_for, hang_up
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from command_line import Run
    from connector_smtp.answers import Stage

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
ENGLISH, FRENCH = GUIDES.values()
YES_OR_NO = {"en": {True: "yes", False: "no"}, "fr": {True: "oui", False: "non"}}
COLON = {"en": ":", "fr": " :"}  # a French colon stands apart
COMMAND_LINE = [sys.executable, "-c", "from connector_core.cli import main; main()"]
PASSWORD = "made-up-password-4Xq"
PROVIDERS, TYPES, VARIABLES, SETTINGS, CREDENTIALS, TLS, ENTRY, ERRORS, FINDINGS = range(9)

every_language = pytest.mark.parametrize("language", GUIDES)


JSON_BLOCKS = [json.loads(block) for block in read_blocks(ENGLISH, "json")]
(LOCALIZED,) = (block for block in JSON_BLOCKS if isinstance(block, list))
(WHOLE_CONFIG,) = (block for block in JSON_BLOCKS if "templates" in block)
LINES = [line for block in read_blocks(ENGLISH, "sh") for line in block.splitlines()]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")


@pytest.fixture(scope="module")
def smtp() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["simple-mail-transfer-protocol"]


@pytest.fixture(scope="module")
def schema(smtp: Connector) -> dict[str, Any]:
    return smtp.config_schema


def gather(schema: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    """Return the words of a setting, those of the definition that it refers to included."""
    if "$ref" not in declared:
        return declared
    urn, _, name = declared["$ref"].partition("#/$defs/")
    return {**(schema["$defs"][urn]["$defs"] if urn else schema["$defs"])[name], **declared}


def describe_type(words: dict[str, Any], language: str) -> str:
    kinds = words.get("type", "boolean" if "const" in words else "string")
    joint = {"en": " or ", "fr": " ou "}[language]
    kind = kinds if isinstance(kinds, str) else joint.join(kinds)
    if "enum" in words:
        kind += f"{COLON[language]} " + ", ".join(f"`{value}`" for value in words["enum"])
    return f"{kind}, secret" if words.get("writeOnly") else kind


# The tables


@every_language
def test_the_usage_types_say_which_are_required(language: str, schema: dict[str, Any]) -> None:
    shared = schema["$defs"]["urn:connector-core:email"]["$defs"]["templates"]
    required = {condition["contains"]["properties"]["usageType"]["const"] for condition in shared["allOf"]}
    table = read_tables(GUIDES[language])[TYPES]
    assert [row[:2] for row in table] == [[f"`{name}`", YES_OR_NO[language][name in required]] for name in USAGE_TYPES]


@every_language
def test_the_settings_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    rows = []
    for key, declared in schema["properties"].items():
        words = gather(schema, declared)
        default = f"`{json.dumps(words['default'])}`" if "default" in words else ""
        required = YES_OR_NO[language][key in schema["required"]]
        rows.append([f"`{key}`", describe_type(words, language), required, default])
    table = read_tables(GUIDES[language])[SETTINGS]
    assert [row[:4] for row in table] == rows
    assert all(len(row) == 5 and row[4] for row in table)


@every_language
@pytest.mark.parametrize("place", ["auth", "tls", "templates"])
def test_the_keys_within_a_setting_are_those_of_the_schema(language: str, place: str, schema: dict[str, Any]) -> None:
    declared = schema["properties"][place]
    inner = declared.get("items", declared)
    table = read_tables(GUIDES[language])[{"auth": CREDENTIALS, "tls": TLS, "templates": ENTRY}[place]]
    assert [row[:2] for row in table] == [
        [f"`{key}`", describe_type(gather(schema, words), language)] for key, words in inner["properties"].items()
    ]
    required = {row[0].strip("`") for row in table if row[2] == YES_OR_NO[language][True]}
    assert required == set(inner.get("required", ()))
    assert all(len(row) == 4 and row[3] for row in table)


@every_language
def test_defaults_within_a_setting_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    meaning = {row[0].strip("`"): row[3] for row in read_tables(GUIDES[language])[CREDENTIALS]}
    assert schema["properties"]["auth"]["properties"]["accessUrl"]["default"] in read_code(meaning["accessUrl"])


@every_language
def test_the_limits_in_the_guide_are_those_of_the_code(language: str, schema: dict[str, Any]) -> None:
    limits, guide = Limits(), GUIDES[language].replace("\n", " ")
    words = {"en": {8: "eight", 60: "a minute"}, "fr": {8: "huit", 60: "une minute"}}[language]
    assert all(f"{seconds:.0f} second" in guide for seconds in (limits.connect, limits.read, limits.total))
    assert words[mailer.MOST_CONNECTIONS] in guide
    assert words[int(mailer.LONGEST_IDLE)] in guide
    meaning = {row[0].strip("`"): row[4] for row in read_tables(GUIDES[language])[SETTINGS]}
    assert str(schema["properties"]["customHeaders"]["maxProperties"]) in meaning["customHeaders"]


@every_language
def test_the_table_of_errors_has_every_error_of_a_send_with_its_outcome(language: str) -> None:
    kinds: list[type[SendError]] = [SendError, *SendError.__subclasses__()]
    outcomes = {kind.code: kind.outcome for kind in kinds if kind.__module__ == SendError.__module__}
    table = read_tables(GUIDES[language])[ERRORS]
    assert {row[0]: row[1] for row in table} == {
        f"`{code}`": f"`{outcome}`" for code, outcome in {**outcomes, InvalidConfig.code: "not_sent"}.items()
    }
    assert all(len(row) == 5 and row[3] and row[4] for row in table)


STAGE_OF_ROW: dict[str, Stage] = {
    "sender_rejected": "sender",
    "recipient_rejected": "recipient",
    "invalid_message": "content",
    "account_restricted": "recipient",
    "general": "sender",
}


@every_language
def test_each_code_leads_to_the_error_in_whose_row_it_stands(language: str) -> None:
    checked = 0
    for row in read_tables(GUIDES[language])[ERRORS]:
        code, said = row[0].strip("`"), row[2]
        words = " ".join(read_code(said)) or ("rate" if code == "rate_limit_exceeded" else "x")
        answers = [Reply(int(found), "", words) for found in re.findall(r"\b\d{3}\b", said)]
        answers += [Reply(550, found, words) for found in re.findall(r"\b\d\.\d+\.\d+\b", said)]
        if code == "usage_limit_exceeded":
            answers = [Reply(552, "5.2.2", "x"), Reply(550, "5.4.5", "x")]
        for answer in answers:
            assert refuse(answer, STAGE_OF_ROW.get(code, "sender")).code == code
            checked += 1
    assert checked > 30


@every_language
def test_the_findings_are_those_that_a_check_makes(
    language: str, smtp: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, dict[str, Any]] = {
        "reached": {},
        "not_understood": {"GREETING": "lorem ipsum"},
        "no_answer": {"EHLO": hang_up},
        "authorization_failed": {"AUTH": "535 5.7.8 No"},
        "sender_rejected": {"MAIL": "550 5.7.1 No"},
        "recipient_refused": {"RCPT": "550 5.1.1 No"},
        "account_restricted": {"RCPT": "554 Relay access denied"},
        "usage_limit_exceeded": {"MAIL": "550 5.4.5 No"},
        "rate_limit_exceeded": {"MAIL": "450 Too many"},
        "provider_unavailable": {"MAIL": "451 No"},
    }
    found = set()
    for code, script in answers.items():
        with ScriptedServer(script) as server:
            findings = smtp.check_connection(config_for(server.port))
        assert code in {one.code for one in findings}
        found |= {(one.code, one.level) for one in findings}
    found |= {(one.code, one.level) for one in smtp.check_connection(config_for(server.port))}  # it is there no more
    stopping = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stopping.wait(20) and [])  # a DNS that gives no answer
    with smtp.configure(config_for(25)) as mail:
        found |= {(one.code, one.level) for one in mail.check_connection(seconds=0.1)}
    stopping.set()
    table = read_tables(GUIDES[language])[FINDINGS]
    assert {(row[0].strip("`"), row[1].strip("`")) for row in table} == found
    assert all(len(row) == 4 and row[2] and row[3] for row in table)


@every_language
def test_a_link_goes_to_a_known_place_or_to_a_heading_of_the_page(language: str) -> None:
    guide = GUIDES[language]
    anchors = {"#" + re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for _, text in read_headings(guide)}
    targets = set(re.findall(r"\]\(([^)]+)\)", guide))
    assert targets - anchors == {"https://www.rfc-editor.org/rfc/rfc4647#section-3.4"}
    assert targets & anchors


# The examples


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
