"""The tables of the guide are those of the code, in both languages."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from connector_smtp import mailer
from connector_smtp.answers import Reply, refuse
from guide_page import YES_OR_NO, read_code, read_headings, read_tables

from connector_core import USAGE_TYPES, Connector, Host, InvalidConfig, Limits, SendError

from .smtp_server import ScriptedServer, config_for, hang_up
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_smtp.answers import Stage

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
COLON = {"en": ":", "fr": " :"}  # a French colon stands apart
PROVIDERS, TYPES, VARIABLES, SETTINGS, CREDENTIALS, TLS, ENTRY, ERRORS, FINDINGS, OPTIONS = range(10)

every_language = pytest.mark.parametrize("language", GUIDES)


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_the_options_are_those_of_the_metadata(language: str, smtp: Connector) -> None:
    options = [row[0].strip("`") for row in read_tables(GUIDES[language])[OPTIONS]]
    declared = {"reply_to" if one == "replyTo" else one for one in smtp.metadata.message_options}
    assert set(options) == declared - {"inlineAttachments"}


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
