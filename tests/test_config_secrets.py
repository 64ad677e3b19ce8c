"""Where a config has secrets, and how they come back after it was shown without them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core.config_secrets import find_secret_paths, keep_secrets, redact_config
from connector_core.jsonvalue import replace_at
from connector_core.schema import ConfigSchema

PASSWORD = {"type": "string", "minLength": 1, "writeOnly": True, "format": "password"}
SCHEMA = ConfigSchema(
    {
        "type": "object",
        "properties": {
            "token": PASSWORD,
            "sender": {"type": "string"},
            "servers": {
                "type": "array",
                "items": {"type": "object", "properties": {"host": {"type": "string"}, "password": PASSWORD}},
            },
            "login": {
                "oneOf": [
                    {"type": "object", "properties": {"password": PASSWORD}, "required": ["password"]},
                    {"type": "object", "properties": {"key": PASSWORD}, "required": ["key"]},
                ]
            },
            "accounts": {"type": "object", "additionalProperties": PASSWORD},
            "extra": {"type": "object"},
        },
        "additionalProperties": False,
    }
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.just("***"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["host", "password", "key", "odd", "$env", "$file"]), inner, max_size=3)
    ),
    max_leaves=8,
)
CONFIGS = st.dictionaries(
    st.sampled_from(["token", "sender", "servers", "login", "accounts", "extra", "unknown"]), VALUES, max_size=5
) | st.fixed_dictionaries(
    {},
    optional={
        "token": st.text(max_size=4) | st.just({"$env": "NAME"}),
        "servers": st.lists(
            st.fixed_dictionaries({"host": st.text(max_size=2)}, optional={"password": st.text(max_size=4)}), max_size=3
        ),
        "accounts": st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=3),
        "login": st.fixed_dictionaries({"key": st.text(max_size=3)}),
    },
)


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        ({}, set()),
        ({"sender": "x"}, set()),
        ({"token": "x"}, {("token",)}),
        ({"token": ""}, {("token",)}),
        ({"token": None}, set()),
        ({"token": {"$env": "NAME"}}, set()),
        ({"token": {"$file": "/path"}}, set()),
        ({"token": {"$env": 7}}, {("token",)}),
        ({"token": {"$env": "NAME", "more": 1}}, {("token",)}),
        ({"token": ["x"]}, {("token",)}),
        ({"servers": [{"host": "h"}, {"password": "x"}]}, {("servers", 1, "password")}),
        ({"login": {"password": "x", "key": "y"}}, {("login", "password"), ("login", "key")}),
        ({"accounts": {"a": "x", "b c": "y"}}, {("accounts", "a"), ("accounts", "b c")}),
        ({"extra": {"password": "x"}}, set()),
        ({"tokn": "x"}, {("tokn",)}),  # a misspelled secret is one
    ],
)
def test_a_secret_in_clear_is_found_and_a_reference_is_none(config: dict[str, Any], paths: set[Any]) -> None:
    assert find_secret_paths(SCHEMA, config) == paths


STORED = {"token": "t1", "servers": [{"host": "a", "password": "s1"}, {"password": {"$env": "NAME"}}], "sender": "x"}


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"token": "***"}, {"token": "t1"}),
        ({"token": "new"}, {"token": "new"}),
        ({"token": ""}, {"token": ""}),
        ({"token": {"$env": "OTHER"}}, {"token": {"$env": "OTHER"}}),
        ({"sender": "***"}, {"sender": "***"}),
        ({"accounts": {"a": "***"}}, {"accounts": {"a": "***"}}),
        ({"servers": [{"host": "b", "password": "***"}]}, {"servers": [{"host": "b", "password": "s1"}]}),
        ({"servers": [{}, {"password": "***"}]}, {"servers": [{}, {"password": {"$env": "NAME"}}]}),
        ({"servers": [{}, {}, {"password": "***"}]}, {"servers": [{}, {}, {"password": "***"}]}),
        ({"servers": "***"}, {"servers": "***"}),
        ({}, {}),
    ],
)
def test_three_asterisks_stand_for_the_stored_secret_at_the_same_path(
    config: dict[str, Any], kept: dict[str, Any]
) -> None:
    before = copy.deepcopy((config, STORED))

    assert keep_secrets(SCHEMA, config, STORED) == kept
    assert (config, STORED) == before


@given(CONFIGS)
def test_what_is_shown_comes_back_as_it_was(config: dict[str, Any]) -> None:
    shown = redact_config(SCHEMA, config)

    assert json.dumps(keep_secrets(SCHEMA, shown, config)) == json.dumps(config)


@given(CONFIGS)
def test_the_secrets_found_are_what_is_hidden(config: dict[str, Any]) -> None:
    paths = find_secret_paths(SCHEMA, config)

    assert replace_at(config, paths, lambda _path, _value: "***") == redact_config(SCHEMA, config)


@given(CONFIGS, CONFIGS)
def test_nothing_but_three_asterisks_is_replaced(config: dict[str, Any], stored: dict[str, Any]) -> None:
    kept = keep_secrets(SCHEMA, config, stored)

    secrets = {path for path in find_secret_paths(SCHEMA, config) if _look_up(config, path) == "***"}
    assert replace_at(kept, secrets, lambda path, _value: _look_up(config, path)) == config


@given(CONFIGS, CONFIGS)
def test_what_is_kept_is_a_copy(config: dict[str, Any], stored: dict[str, Any]) -> None:
    before = json.dumps([config, stored])

    _spoil(keep_secrets(SCHEMA, config, stored))

    assert json.dumps([config, stored]) == before


def _look_up(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _spoil(value: Any) -> None:
    """Empty an object or array, and all that is in it."""
    if isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            _spoil(member)
        value.clear()
