"""The settings of a config schema as a tree: the kind of each, what a form starts with, and what it may hold."""

from __future__ import annotations

from typing import Any

import pytest
from installed import INSTALLED

from connector_core import Host
from connector_core.console.console import make_start_config
from connector_core.schema import ConfigSchema
from connector_core.settings import Setting, read_settings

TEXT: dict[str, Any] = {"type": "string"}
SECRET: dict[str, Any] = {"type": "string", "writeOnly": True, "format": "password"}
CLOSED: dict[str, Any] = {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False}


def read(properties: dict[str, Any], **words: Any) -> tuple[Setting, ...]:
    document = {"type": "object", "properties": properties, "additionalProperties": False, **words}
    return read_settings(ConfigSchema({"$schema": "https://json-schema.org/draft/2020-12/schema", **document}))


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        (TEXT, "text"),
        ({"type": "string", "format": "multiline"}, "multiline"),
        ({"type": "string", "format": "url"}, "text"),
        (SECRET, "text"),
        ({"type": "integer"}, "number"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "switch"),
        ({"enum": ["a", 1, True]}, "choice"),
        ({"const": "a"}, "choice"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "choices"),
        ({"type": "array", "items": TEXT}, "list"),
        ({"type": "array", "items": CLOSED}, "list"),
        ({"type": "array", "items": {"type": "array", "items": TEXT}}, "json"),
        (CLOSED, "group"),
        ({"type": "object", "additionalProperties": TEXT}, "map"),
        ({"type": "object", "additionalProperties": CLOSED}, "map"),
        ({"type": "object"}, "json"),
        ({"type": ["string", "integer"]}, "json"),
    ],
    ids=str,
)
def test_a_setting_has_the_kind_that_shows_it(declared: dict[str, Any], kind: str) -> None:
    (setting,) = read({"it": declared})

    assert setting.kind == kind
    assert setting.secret == ("writeOnly" in declared)


def test_settings_stand_in_the_order_that_the_schema_says() -> None:
    found = read({"b": {**TEXT, "x-order": 2}, "last": TEXT, "a": {**TEXT, "x-order": 1}})

    assert [one.key for one in found] == ["a", "b", "last"]


def test_a_setting_says_what_the_schema_says_of_it() -> None:
    (setting,) = read(
        {"it": {**TEXT, "title": "It", "description": "What it is.", "x-placeholder": "this", "examples": ["a", "b"]}},
        required=["it"],
    )

    assert (setting.label, setting.description, setting.placeholder) == ("It", "What it is.", "this")
    assert (setting.required, setting.suggestions) == (True, ("a", "b"))


def test_a_secret_suggests_nothing() -> None:
    (setting,) = read({"it": {**SECRET, "examples": ["made-up"]}})

    assert setting.suggestions == ()


def test_a_map_knows_its_named_entries_and_what_all_others_are() -> None:
    (setting,) = read({"it": {"type": "object", "properties": {"known": TEXT}, "additionalProperties": SECRET}})

    assert [one.key for one in setting.members] == ["known"]
    assert setting.entry is not None
    assert (setting.entry.key, setting.entry.secret) == ("", True)


@pytest.mark.parametrize("connector_id", INSTALLED)
def test_an_empty_form_starts_with_the_templates_and_makes_nothing_else_up(connector_id: str) -> None:
    connector = Host.discover()[connector_id]
    start = make_start_config(read_settings(connector.schema))

    issues = connector.validate_config(start)

    assert connector.find_secrets(start) == frozenset()
    assert {issue.code for issue in issues} <= {"required"}
    assert not {"fromEmail", "from", "endpoint", "host", "domain"} & set(start)
