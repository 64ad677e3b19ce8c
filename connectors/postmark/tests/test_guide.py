"""The guide has the same content in both languages, and its tables are those of the code."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.file_types import find_forbidden_type
from connector_postmark.response import parse_response
from guide_page import YES_OR_NO, read_headings, read_tables

from connector_core import USAGE_TYPES, InvalidConfig, Message, SendError, errors

if TYPE_CHECKING:
    from connector_core import Connector

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
ENGLISH, FRENCH = GUIDES["en"], GUIDES["fr"]
ONE_OF_TWO = {"en": "one of the two", "fr": "l'un des deux"}

every_language = pytest.mark.parametrize("language", GUIDES)


def read_variable_names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def find_type(schema: dict[str, Any], declared: dict[str, Any]) -> str:
    """Return the JSON type of a setting, following a reference to the shared definitions."""
    if "$ref" in declared:
        urn, _, pointer = declared["$ref"].partition("#/$defs/")
        declared = {**schema["$defs"][urn]["$defs"][pointer], **declared}
    kind: str = declared.get("type", "string")
    return kind


# The tables


@every_language
def test_the_settings_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    rows = []
    for key, declared in schema["properties"].items():
        kind = find_type(schema, declared)
        if declared.get("writeOnly"):
            kind += ", secret"
        if "enum" in declared:
            colon = {"en": ":", "fr": " :"}[language]  # a French colon stands apart
            kind += f"{colon} " + ", ".join(f"`{value}`" for value in declared["enum"])
        default = f"`{declared['default']}`" if "default" in declared else ""
        rows.append([f"`{key}`", kind, YES_OR_NO[language][key in schema["required"]], default])

    table = read_tables(GUIDES[language])[2]

    assert [row[:4] for row in table] == rows
    assert all(len(row) == 5 and row[4] for row in table)


@every_language
def test_the_keys_of_a_template_entry_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    entry = schema["properties"]["templates"]["items"]
    one_of_two = {branch["required"][0] for branch in entry["oneOf"]}
    rows = [
        [
            f"`{key}`",
            find_type(schema, declared),
            ONE_OF_TWO[language] if key in one_of_two else YES_OR_NO[language][key in entry["required"]],
        ]
        for key, declared in entry["properties"].items()
    ]

    table = read_tables(GUIDES[language])[3]

    assert [row[:3] for row in table] == rows
    assert set(USAGE_TYPES) <= set(read_variable_names(table[0][3]))


@every_language
def test_the_limits_in_the_settings_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    meaning = {row[0].strip("`"): row[4] for row in read_tables(GUIDES[language])[2]}
    settings = schema["properties"]
    pairs = settings["metadata"]

    assert str(settings["tag"]["maxLength"]) in meaning["tag"]
    assert re.findall(r"\d+", meaning["metadata"]) == [
        str(pairs["maxProperties"]),
        str(pairs["propertyNames"]["maxLength"]),
        str(pairs["additionalProperties"]["maxLength"]),
    ]
    assert str(settings["headers"]["maxProperties"]) in meaning["headers"]


@every_language
def test_the_usage_types_have_their_aliases_and_say_which_are_required(language: str, schema: dict[str, Any]) -> None:
    shared = schema["$defs"]["urn:connector-core:email"]["$defs"]["templates"]
    required = {condition["contains"]["properties"]["usageType"]["const"] for condition in shared["allOf"]}
    (example,) = schema["properties"]["templates"]["examples"]

    table = read_tables(GUIDES[language])[0]

    assert [row[:3] for row in table] == [
        [f"`{entry['usageType']}`", f"`{entry['templateAlias']}`", YES_OR_NO[language][entry["usageType"] in required]]
        for entry in example
    ]
    assert all(row[3] for row in table)


@every_language
def test_the_table_of_errors_has_every_error_of_a_send_with_its_outcome(language: str) -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SendError)]
    outcomes = {one.code: one.outcome for one in classes} | {InvalidConfig.code: "not_sent"}

    table = read_tables(GUIDES[language])[4]

    assert {row[0]: row[1] for row in table} == {f"`{code}`": f"`{outcome}`" for code, outcome in outcomes.items()}
    assert len(table) == len(outcomes)
    assert all(len(row) == 5 and row[3] and row[4] for row in table)


def find_code(number: int, said: str = "") -> str:
    """Return the code of our error for Postmark's number."""
    with pytest.raises(SendError) as raised:
        parse_response(422, {}, json.dumps({"ErrorCode": number, "Message": said}).encode())
    return raised.value.code


def read_numbers(language: str) -> dict[str, set[int]]:
    return {
        row[0].strip("`"): {int(found) for found in re.findall(r"\d+", row[2])}
        for row in read_tables(GUIDES[language])[4]
    }


@every_language
def test_postmarks_numbers_lead_to_the_error_in_whose_row_they_stand(language: str) -> None:
    listed = {(number, code) for code, numbers in read_numbers(language).items() for number in numbers if number != 300}

    assert listed == {(number, find_code(number)) for number, _ in listed}
    assert len(listed) == len({number for number, _ in listed})


@every_language
def test_every_number_that_has_an_error_of_its_own_is_listed(language: str) -> None:
    listed = {number for numbers in read_numbers(language).values() for number in numbers}

    assert {number for number in range(1, 2000) if find_code(number) != "general"} <= listed


@every_language
def test_number_300_stands_in_the_row_of_each_error_that_it_can_be(language: str) -> None:
    rows = {code for code, numbers in read_numbers(language).items() if 300 in numbers}

    sentences = ("Invalid 'To' address: 'x'.", "Invalid 'From' address: 'x'.", "Invalid 'ReplyTo' address: 'x'.")
    assert rows == {find_code(300, said) for said in sentences}


OPTION_OF_LIMIT = {
    "recipients": "cc",
    "tagLength": "tags",
    "metadata": "metadata",
    "metadataKeyLength": "metadata",
    "metadataValueLength": "metadata",
}


@every_language
def test_the_options_are_those_of_a_message_with_the_limits_of_the_metadata(language: str, postmark: Connector) -> None:
    table = {row[0].strip("`"): row for row in read_tables(GUIDES[language])[6]}

    assert list(table) == [part.name for part in fields(Message) if part.kw_only]
    limits: dict[str, list[str]] = {}
    for limit, option in OPTION_OF_LIMIT.items():
        limits.setdefault(option, []).append(str(postmark.metadata.message_limits[limit]))
    found = {option: re.findall(r"\d+", row[2]) for option, row in table.items()}
    assert {option: numbers for option, numbers in found.items() if numbers} == limits
    digits = re.sub(r"(?<=\d)[,\s](?=\d)", "", GUIDES[language])
    assert f" {postmark.metadata.message_limits['messageBytes']} " in digits


@every_language
def test_a_type_of_file_that_the_guide_calls_forbidden_is_so(language: str) -> None:
    row = read_tables(GUIDES[language])[6][6]

    types = [name for name in read_variable_names(row[2]) if name.startswith(".")]
    assert types
    assert all(find_forbidden_type(f"file{name}") for name in types)


# The links


@every_language
def test_a_link_goes_to_a_known_place_over_https_or_to_a_heading_of_the_page(language: str) -> None:
    guide = GUIDES[language]
    anchors = {"#" + re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for _, text in read_headings(guide)}
    targets = set(re.findall(r"\]\(([^)]+)\)", guide))

    assert "https://postmarkapp.com" in targets
    assert targets - anchors == {"https://postmarkapp.com", "https://www.rfc-editor.org/rfc/rfc4647#section-3.4"}


@every_language
def test_no_address_outside_the_links_is_plain_http(language: str) -> None:
    assert re.findall(r"http://\w\S*", GUIDES[language]) == []
