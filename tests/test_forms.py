"""Forms made from a config schema, in the shape of Logto's `formItems`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector

from connector_core import USAGE_TYPES, Host
from connector_core.forms import make_form_items, make_template_config
from connector_core.schema import ConfigSchema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector_core import Connector

LOGTO_TYPES = {"Text", "Number", "MultilineText", "Switch", "Select", "MultiSelect", "Json"}
LOGTO_KEYS = {
    "key",
    "label",
    "type",
    "placeholder",
    "required",
    "defaultValue",
    "description",
    "tooltip",
    "isConfidential",
    "showConditions",
    "selectItems",
}
PASSWORD = {"type": "string", "writeOnly": True, "format": "password"}


def make_schema(settings: dict[str, Any], **words: Any) -> ConfigSchema:
    return ConfigSchema({"type": "object", "properties": settings, "additionalProperties": False, **words})


def item(words: dict[str, Any], **schema_words: Any) -> dict[str, Any]:
    (made,) = make_form_items(make_schema({"setting": words}, **schema_words))
    return made


@pytest.fixture(scope="module")
def postmark() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["postmark-mail"]


def test_the_required_items_of_postmark_are_those_of_logto(postmark: Connector) -> None:
    token, sender, templates = postmark.form_items()[:3]
    assert {name: token[name] for name in ("key", "type", "required", "placeholder", "isConfidential")} == {
        "key": "serverToken",
        "type": "Text",
        "required": True,
        "placeholder": "<your-server-token>",
        "isConfidential": True,
    }
    assert {name: sender[name] for name in ("key", "type", "required", "placeholder")} == {
        "key": "fromEmail",
        "type": "Text",
        "required": True,
        "placeholder": "<from_email_address@your.domain>",
    }
    assert {name: templates[name] for name in ("key", "type", "required")} == {
        "key": "templates",
        "type": "Json",
        "required": True,
    }


def test_the_templates_start_with_an_alias_for_each_of_the_nine_usage_types(postmark: Connector) -> None:
    start = next(one for one in postmark.form_items() if one["key"] == "templates")["defaultValue"]
    assert {entry["usageType"]: entry["templateAlias"] for entry in start} == {
        "SignIn": "logto-sign-in",
        "Register": "logto-register",
        "ForgotPassword": "logto-forgot-password",
        "OrganizationInvitation": "logto-organization-invitation",
        "Generic": "logto-generic",
        "UserPermissionValidation": "logto-user-permission-validation",
        "BindNewIdentifier": "logto-bind-new-identifier",
        "MfaVerification": "logto-mfa-verification",
        "BindMfa": "logto-bind-mfa",
    }
    assert [entry["usageType"] for entry in start] == [*USAGE_TYPES]
    assert len(start) == 9


def test_every_setting_of_postmark_is_an_item_that_logto_knows(postmark: Connector) -> None:
    items = postmark.form_items()
    assert [one["key"] for one in items] == [*postmark.config_schema["properties"]]
    for one in items:
        assert {"key", "label", "type", "required"} <= one.keys() <= LOGTO_KEYS
        assert one["type"] in LOGTO_TYPES
        assert one["description"]
    assert json.loads(json.dumps(items)) == items


def test_only_the_token_of_postmark_is_confidential(postmark: Connector) -> None:
    assert [one["key"] for one in postmark.form_items() if one.get("isConfidential")] == ["serverToken"]


def test_the_template_config_of_postmark_becomes_valid_once_its_placeholders_are_replaced(postmark: Connector) -> None:
    start = postmark.template_config()
    assert {*start} == {"serverToken", "fromEmail", "templates"}
    assert postmark.validate_config(start)
    assert postmark.validate_config({**start, "serverToken": "token", "fromEmail": "a@example.com"}) == []


def test_changing_what_was_made_changes_nothing_for_the_next(postmark: Connector) -> None:
    for one in postmark.form_items():
        one.get("defaultValue", "").clear() if one["key"] == "templates" else one.clear()
    postmark.template_config()["templates"].clear()
    assert len(postmark.template_config()["templates"]) == 9
    assert len(postmark.form_items()[2]["defaultValue"]) == 9


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"type": "string"}, "Text"),
        (PASSWORD, "Text"),
        ({"type": "string", "format": "multiline"}, "MultilineText"),
        ({"type": "integer"}, "Number"),
        ({"type": "number"}, "Number"),
        ({"type": "boolean"}, "Switch"),
        ({"enum": ["a", "b"]}, "Select"),
        ({"type": "string", "enum": ["a", "b"]}, "Select"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "MultiSelect"),
        ({"type": "array", "items": {"type": "string"}}, "Json"),
        ({"type": "object"}, "Json"),
        ({"type": ["string", "object"]}, "Json"),
        ({"oneOf": [{"type": "object"}, {"type": "array"}]}, "Json"),
    ],
    ids=str,
)
def test_an_item_has_the_type_that_fits_its_values(words: dict[str, Any], kind: str) -> None:
    assert item(words)["type"] == kind


@pytest.mark.parametrize(
    ("words", "choices"),
    [
        ({"enum": ["a", 2, True]}, [("a", "a"), (2, "2"), (True, "True")]),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, [("a", "a"), ("b", "b")]),
    ],
    ids=["Select", "MultiSelect"],
)
def test_a_choice_lists_its_values_with_titles(words: dict[str, Any], choices: list[tuple[Any, str]]) -> None:
    listed = [(one["value"], one["title"].lower()) for one in item(words)["selectItems"]]
    assert listed == [(value, title.lower()) for value, title in choices]


def test_an_item_without_choices_has_no_select_items() -> None:
    assert "selectItems" not in item({"type": "string"})


def test_words_for_people_are_taken_from_the_schema() -> None:
    words = {"type": "string", "title": "Host", "description": "Where.", "x-placeholder": "<host>", "default": "h"}
    assert item(words) == {
        "key": "setting",
        "label": "Host",
        "type": "Text",
        "required": False,
        "placeholder": "<host>",
        "description": "Where.",
        "defaultValue": "h",
    }


def test_an_item_without_words_has_its_key_for_a_label_and_nothing_more() -> None:
    assert item({"type": "string"}) == {"key": "setting", "label": "setting", "type": "Text", "required": False}


@pytest.mark.parametrize("default", [False, 0, "", [], {}])
def test_a_default_that_is_empty_is_a_default(default: Any) -> None:
    assert item({"default": default})["defaultValue"] == default


def test_an_example_fills_a_large_value_but_not_a_short_one() -> None:
    assert item({"type": "array", "examples": [[1], [2]]})["defaultValue"] == [1]
    assert "defaultValue" not in item({"type": "string", "examples": ["a"]})


def test_the_words_of_a_setting_go_before_those_of_its_definition() -> None:
    shared = {"type": "string", "title": "Shared", "description": "Shared."}
    words = {"$ref": "#/$defs/shared", "title": "Own"}
    made = item(words, **{"$defs": {"shared": shared}})
    assert (made["label"], made["description"], made["type"]) == ("Own", "Shared.", "Text")


SECRETS: dict[str, dict[str, Any]] = {
    "itself": PASSWORD,
    "by reference": {"$ref": "#/$defs/password"},
    "by allOf": {"allOf": [PASSWORD]},
    "in one branch of oneOf": {"oneOf": [PASSWORD, {"type": "null"}]},
    "in one branch of anyOf": {"anyOf": [{"type": "integer"}, {"$ref": "#/$defs/password"}]},
    "in then": {"if": {"type": "string"}, "then": PASSWORD},
}


@pytest.mark.parametrize("words", SECRETS.values(), ids=SECRETS)
def test_a_setting_that_may_be_a_secret_is_confidential(words: dict[str, Any]) -> None:
    assert item(words, **{"$defs": {"password": PASSWORD}})["isConfidential"] is True


def test_a_setting_that_is_no_secret_does_not_speak_of_it() -> None:
    assert "isConfidential" not in item({"type": "string"})


@pytest.mark.parametrize(
    ("orders", "keys"),
    [
        ({"a": None, "b": None, "c": None}, "abc"),
        ({"a": 3, "b": 2, "c": 1}, "cba"),
        ({"a": None, "b": None, "c": -1}, "cab"),
        ({"a": 5, "b": None, "c": None}, "abc"),
        ({"a": 1, "b": 1, "c": 0}, "cab"),
    ],
    ids=str,
)
def test_numbered_items_come_first_by_number_and_the_others_in_the_order_of_the_file(
    orders: dict[str, int | None], keys: str
) -> None:
    settings = {key: {} if order is None else {"x-order": order} for key, order in orders.items()}
    assert "".join(one["key"] for one in make_form_items(make_schema(settings))) == keys


def test_a_config_to_start_from_has_the_required_settings_only() -> None:
    schema = make_schema(
        {
            "text": {"type": "string", "x-placeholder": "<text>"},
            "bare": {"type": "string"},
            "number": {"type": "integer"},
            "switch": {"type": "boolean"},
            "filled": {"type": "integer", "default": 5},
            "list": {"type": "array", "examples": [[1]]},
            "object": {"type": "object"},
            "optional": {"type": "string", "default": "x"},
        },
        required=["text", "bare", "number", "switch", "filled", "list", "object"],
    )
    assert make_template_config(schema) == {
        "text": "<text>",
        "bare": "",
        "number": 0,
        "switch": False,
        "filled": 5,
        "list": [1],
        "object": {},
    }


def test_what_a_host_changes_in_a_form_a_schema_or_a_start_config_changes_no_other(
    make_host: Callable[..., Host],
) -> None:
    schema = {
        "type": "object",
        "properties": {"list": {"type": "array"}},
        "required": ["list"],
        "additionalProperties": False,
    }
    connector = make_host(FakeConnector(schema=schema))["alpha-mail"]
    connector.template_config()["list"].append(1)
    connector.config_schema["properties"].clear()
    connector.form_items()[0]["label"] = "changed"
    assert connector.template_config() == {"list": []}
    assert connector.config_schema == schema
    assert connector.form_items()[0]["label"] == "list"
