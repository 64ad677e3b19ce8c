"""The guide of the Mailgun connector says the same in both languages, and what it says is so."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command_line
import network_environment
import pytest
from connector_mailgun.sandbox import REFUSED_RECIPIENT, MailgunSandbox
from guide_page import YES_OR_NO, read_blocks, read_headings, read_tables

from connector_core import USAGE_TYPES, Connector, Host, InvalidConfig, SendError, UsageLimitExceeded, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
ENGLISH, FRENCH = GUIDES["en"], GUIDES["fr"]
ONE_OF_THREE = {"en": "one of the three", "fr": "l'un des trois"}

FROM_THE_CORE = (
    "account_restricted",
    "no_answer",
    "not_reached",
    "not_understood",
    "provider_unavailable",
    "rate_limit_exceeded",
    "timed_out",
)
"""Findings that the core makes of a request that failed, and of a check that takes too long."""

every_language = pytest.mark.parametrize("language", GUIDES)


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def mailgun() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["mailgun-email"]


def find_type(schema: dict[str, Any], declared: dict[str, Any]) -> str:
    """Return the JSON type of a setting, following a reference, or the values that it may have."""
    if "enum" in declared:
        return ", ".join(f"`{value if isinstance(value, str) else json.dumps(value)}`" for value in declared["enum"])
    while "type" not in declared:
        urn, _, name = declared["$ref"].partition("#/$defs/")
        definitions = schema["$defs"][urn]["$defs"] if urn else schema["$defs"]
        declared = definitions[name]
    kind: str = declared["type"]
    return kind


@every_language
def test_the_usage_types_say_which_are_required(language: str, mailgun: Connector) -> None:
    required = mailgun.config_schema["properties"]["deliveries"]["required"]
    table = read_tables(GUIDES[language])[0]
    assert {row[0]: row[1] for row in table} == {
        f"`{usage_type}`": YES_OR_NO[language][usage_type in required] for usage_type in USAGE_TYPES
    }
    assert all(row[2] for row in table)


@every_language
def test_the_settings_are_those_of_the_schema(language: str, mailgun: Connector) -> None:
    schema = mailgun.config_schema
    rows = [
        [
            f"`{key}`",
            find_type(schema, declared) + (", secret" if declared.get("writeOnly") else ""),
            YES_OR_NO[language][key in schema["required"]],
            f"`{declared['default']}`" if "default" in declared else "",
        ]
        for key, declared in schema["properties"].items()
    ]
    table = read_tables(GUIDES[language])[1]
    assert [row[:4] for row in table] == rows
    assert all(len(row) == 5 and row[4] for row in table)
    assert str(schema["properties"]["tag"]["maxLength"]) in next(row[4] for row in table if row[0] == "`tag`")


@every_language
def test_the_keys_of_a_delivery_are_those_of_the_schema(language: str, mailgun: Connector) -> None:
    schema = mailgun.config_schema
    one_of_three = {"html", "text", "template"}
    rows = [
        [
            f"`{key}`",
            find_type(schema, declared),
            ONE_OF_THREE[language] if key in one_of_three else YES_OR_NO[language][False],
        ]
        for key, declared in schema["$defs"]["delivery"]["properties"].items()
    ]
    table = read_tables(GUIDES[language])[2]
    assert [row[:3] for row in table] == rows
    assert all(row[3] for row in table)


@every_language
def test_the_errors_are_those_that_a_send_may_have(language: str) -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SendError)]
    outcomes = {one.code: one.outcome for one in classes} | {InvalidConfig.code: "not_sent"}
    del outcomes[UsageLimitExceeded.code]  # no answer of Mailgun surely means it
    table = read_tables(GUIDES[language])[4]
    assert {row[0]: row[1] for row in table} == {f"`{code}`": f"`{outcome}`" for code, outcome in outcomes.items()}
    assert all(len(row) == 5 and row[3] and row[4] for row in table)


@every_language
def test_the_findings_are_those_that_a_live_check_may_have(language: str) -> None:
    files = ("live_check.py", "templates.py")
    source = "".join((FOLDER / "connector_mailgun" / file).read_text("utf-8") for file in files)
    own = {code: level for level, code in re.findall(r'Finding\(\s*"(\w+)", "(\w+)"', source) if level != "ok"}
    table = {row[0].strip("`"): row[1].strip("`") for row in read_tables(GUIDES[language])[5]}
    assert own.items() <= table.items()
    assert {code: table[code] for code in set(table) - set(own)} == dict.fromkeys(FROM_THE_CORE, "error")
    assert all(len(row) == 4 and row[2] and row[3] for row in read_tables(GUIDES[language])[5])


@every_language
def test_the_options_and_their_limits_are_those_of_the_metadata(language: str, mailgun: Connector) -> None:
    table = read_tables(GUIDES[language])[3]
    named = [option for row in table for option in re.findall(r"`(\w+)`", row[0])]
    limits = mailgun.metadata.message_limits
    numbers = {limits[name] for name in ("recipients", "tags", "tagLength")}
    declared = ["reply_to" if one == "replyTo" else one for one in mailgun.metadata.message_options]
    assert named == [one for one in declared if one != "inlineAttachments"]
    assert {int(re.sub(r"\D", "", one)) for row in table for one in re.findall(r"\d+(?:[, ]\d+)?", row[2])} == numbers
    assert limits["messageBytes"] == 25 * 1024**2


@every_language
def test_the_limits_are_those_that_mailgun_documents(language: str) -> None:
    """Sources: API reference, "Send an email" (o:, h:, v: and t: together), and user manual, "Send via HTTP"."""
    (row,) = [row for row in read_tables(GUIDES[language])[4] if row[0] == "`invalid_message`"]
    assert (
        re.findall(r"\d+ [km]\w", row[3], re.IGNORECASE)
        == {
            "en": ["25 MB", "16 kB"],
            "fr": ["25 Mo", "16 ko"],
        }[language]
    )


@every_language
def test_the_example_of_all_optional_settings_has_all_of_them(language: str, mailgun: Connector) -> None:
    schema = mailgun.config_schema
    optional = [key for key in schema["properties"] if key not in schema["required"]]
    assert optional in [list(json.loads(example)) for example in read_blocks(GUIDES[language], "json")]


@every_language
def test_the_address_that_the_sandbox_refuses_is_named(language: str) -> None:
    assert f"`{REFUSED_RECIPIENT}`" in GUIDES[language]


def test_the_command_lines_that_ask_mailgun_do_so(tmp_path: Path) -> None:
    lines = [line for block in read_blocks(ENGLISH, "sh") for line in block.splitlines()]
    (check,) = [line for line in lines if line.startswith("connectors check ")]
    (usage,) = [line for line in lines if line.startswith("connectors usage ")]
    with MailgunSandbox() as sandbox:
        file = tmp_path / "config.json"
        file.write_text(json.dumps(sandbox.config))
        checked, counted = (
            command_line.run(*line.replace("config.json", str(file)).split()[1:], "--json") for line in (check, usage)
        )
    assert (checked.code, {one["level"] for one in checked.json()["findings"]}) == (0, {"ok"})
    assert (counted.code, counted.json()["messages"]) == (0, 0)


@every_language
def test_a_link_goes_to_a_known_place_or_to_a_heading_of_the_page(language: str) -> None:
    anchors = {
        "#" + re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for _, text in read_headings(GUIDES[language])
    }
    targets = set(re.findall(r"\]\(([^)]+)\)", GUIDES[language]))
    assert targets - anchors == {"https://www.mailgun.com", "https://www.rfc-editor.org/rfc/rfc4647#section-3.4"}
    assert len(targets & anchors) == 3
