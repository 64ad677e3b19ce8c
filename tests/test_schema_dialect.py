"""Config schemas: what the dialect refuses when a connector loads, so that a typo can't turn a check off."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from connector_core import InvalidConnector
from connector_core.schema import ConfigSchema

TEXT = {"type": "string"}


def schema(**changes: Any) -> dict[str, Any]:
    made = {"type": "object", "properties": {"a": TEXT}, "additionalProperties": False, **changes}
    return {key: value for key, value in made.items() if value is not None}


def with_setting(**words: Any) -> dict[str, Any]:
    return schema(properties={"a": words})


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(InvalidConnector) as caught:
        ConfigSchema(document)
    return str(caught.value)


def test_a_schema_of_the_dialect_is_taken() -> None:
    assert ConfigSchema(schema()).document == schema()


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("typ", "type"),
        ("minlength", "minLength"),
        ("maxLenght", "maxLength"),
        ("patern", "pattern"),
        ("writeonly", "writeOnly"),
        ("enumm", "enum"),
        ("x-placeholdr", "x-placeholder"),
        ("x-errors", "x-error"),
        ("require", "required"),
        ("x-show-if", "x-show-when"),
    ],
)
@pytest.mark.parametrize("place", ["root", "setting", "items", "branch", "definition"])
def test_a_misspelled_word_is_refused_with_its_path_and_the_word_that_was_meant(
    typo: str, meant: str, place: str
) -> None:
    wrong = {typo: 1}
    document, path = {
        "root": (schema(**wrong), "$"),
        "setting": (with_setting(**wrong), "$.properties.a"),
        "items": (with_setting(type="array", items=wrong), "$.properties.a.items"),
        "branch": (with_setting(oneOf=[TEXT, wrong]), "$.properties.a.oneOf[1]"),
        "definition": (schema(**{"$defs": {"d": wrong}}), '$["$defs"].d'),
    }[place]
    sentence = refusal(document)
    assert f"at {path}:" in sentence.replace("$.$defs", '$["$defs"]')
    assert repr(typo) in sentence
    assert f"did you mean {meant!r}" in sentence


def test_a_word_like_no_other_is_named_alone() -> None:
    sentence = refusal(with_setting(zzzzzz=1))
    assert "'zzzzzz'" in sentence
    assert "did you mean" not in sentence


@pytest.mark.parametrize(
    "words",
    [
        {"type": "string", "writeOnly": True},
        {"type": "string", "format": "password"},
        {"type": "string", "format": "password", "writeOnly": False},
        {"type": "string", "format": "multiline", "writeOnly": True},
    ],
    ids=["no format", "not writeOnly", "writeOnly false", "other format"],
)
def test_a_secret_is_marked_by_both_words_or_refused(words: dict[str, Any]) -> None:
    sentence = refusal(with_setting(**words))
    assert "$.properties.a" in sentence
    assert "format" in sentence or "writeOnly" in sentence


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.com/schema.json",
        "http://127.0.0.1/schema.json#/$defs/a",
        "file:///etc/passwd",
        "other.json",
        "#",
        "#/properties/a",
        "urn:example:other#/$defs/a",
        "urn:connector-core:email#/$defs/nothing",
        "urn:connector-core:metadata#/$defs/texts",
        "#/$defs/nothing",
        "#/$defs/",
    ],
)
@pytest.mark.parametrize("word", ["setting", "items", "not", "contains", "propertyNames"])
def test_a_reference_to_elsewhere_or_nowhere_is_refused(reference: str, word: str) -> None:
    pointing = {"$ref": reference}
    document = {
        "setting": with_setting(**pointing),
        "items": with_setting(type="array", items=pointing),
        "not": with_setting(**{"not": pointing}),
        "contains": with_setting(type="array", contains=pointing),
        "propertyNames": with_setting(type="object", propertyNames=pointing),
    }[word]
    assert refusal(document).startswith("The config schema is invalid")


RECURSIVE: dict[str, dict[str, Any]] = {
    "itself": {"$ref": "#/$defs/d"},
    "allOf": {"allOf": [{"$ref": "#/$defs/d"}]},
    "oneOf": {"oneOf": [TEXT, {"$ref": "#/$defs/d"}]},
    "property": {"type": "object", "properties": {"child": {"$ref": "#/$defs/d"}}},
    "entries": {"type": "array", "items": {"$ref": "#/$defs/d"}},
    "values": {"type": "object", "additionalProperties": {"$ref": "#/$defs/d"}},
    "not": {"not": {"$ref": "#/$defs/d"}},
    "contains": {"type": "array", "contains": {"$ref": "#/$defs/d"}},
    "if": {"if": {"$ref": "#/$defs/d"}, "then": TEXT},
    "names": {"type": "object", "propertyNames": {"$ref": "#/$defs/d"}},
}


@pytest.mark.parametrize("definition", RECURSIVE.values(), ids=RECURSIVE)
def test_a_schema_that_leads_back_to_itself_is_refused(definition: dict[str, Any]) -> None:
    document = schema(properties={"a": {"$ref": "#/$defs/d"}}, **{"$defs": {"d": definition}})
    assert re.search("recursive|back to itself", refusal(document))


def test_a_schema_that_branches_to_itself_many_times_is_refused_at_once() -> None:
    branching = {"allOf": [{"$ref": "#/$defs/d"}] * 8}
    document = schema(properties={"a": branching}, **{"$defs": {"d": branching}})
    # In a process of its own: a walk along all ways would never end.
    code = f"from connector_core.schema import ConfigSchema; ConfigSchema({document!r})"
    ended = subprocess.run(  # noqa: S603  our own code
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=20
    )
    assert "InvalidConnector: The config schema is invalid" in ended.stderr


@pytest.mark.parametrize(
    "document",
    [
        schema(additionalProperties=None),
        schema(additionalProperties=True),
        schema(additionalProperties=TEXT),
        schema(type=None),
        schema(type="array"),
        schema(properties=None),
        {},
    ],
    ids=["missing", "true", "schema", "no type", "array", "no properties", "empty"],
)
def test_a_schema_must_be_of_an_object_that_takes_no_unknown_keys(document: dict[str, Any]) -> None:
    assert refusal(document).startswith("The config schema is invalid at $")


WRONG: dict[str, dict[str, Any]] = {
    "type": {"type": "text"},
    "minLength": {"minLength": -1},
    "maxLength": {"maxLength": "5"},
    "enum": {"enum": []},
    "format": {"format": "email"},
    "default title": {"title": ""},
    "required": {"required": "a"},
    "items": {"items": [TEXT]},
    "pattern": {"pattern": 5},
    "x-error of an unknown word": {"x-error": {"patern": "Write it so."}},
    "x-order": {"x-order": "first"},
    "x-show-when of no setting": {"x-show-when": {}},
    "x-show-when of a name": {"x-show-when": "b"},
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG)
def test_a_word_with_the_wrong_kind_of_value_is_refused_with_its_path(words: dict[str, Any]) -> None:
    assert "$.properties.a" in refusal(with_setting(**words))


@pytest.mark.parametrize("condition", [{"b": 1}, {"b": {"pattern": "("}}, {"pattern": "("}, {"b": None, "pattern": 1}])
def test_a_setting_may_be_shown_by_the_values_of_others_beside_it(condition: dict[str, Any]) -> None:
    document = schema(properties={"a": {**TEXT, "x-show-when": condition}, "b": TEXT, "pattern": TEXT})
    assert ConfigSchema(document).root.properties["a"].show_when == condition


@pytest.mark.parametrize("other", ["a", "bb", "c"])
def test_a_condition_that_names_no_other_setting_beside_it_is_refused(other: str) -> None:
    inner = schema(properties={"a": {**TEXT, "x-show-when": {other: 1}}, "b": TEXT})
    sentence = refusal(schema(properties={"entries": {"type": "array", "items": inner}, "c": TEXT}))
    assert f"x-show-when of a names {other}," in sentence


def test_a_place_knows_its_format_and_its_condition_from_a_definition() -> None:
    definition = {"type": "string", "format": "host", "x-show-when": {"b": True}}
    properties = {"a": {"$ref": "#/$defs/d"}, "b": {"type": "boolean"}}
    place = ConfigSchema(schema(properties=properties, **{"$defs": {"d": definition}})).root.properties["a"]
    assert (place.format, place.show_when) == ("host", {"b": True})


def test_a_pattern_that_is_no_regular_expression_is_refused() -> None:
    assert "'(a'" in refusal(with_setting(pattern="(a"))


def test_another_version_of_json_schema_is_refused() -> None:
    assert "$schema" in refusal(schema(**{"$schema": "http://json-schema.org/draft-07/schema#"}))


def test_the_refusal_is_one_line_for_people() -> None:
    sentence = refusal(with_setting(type="text"))
    assert "\n" not in sentence
    assert sentence.endswith(".")
