"""What becomes of a good config: complete, frozen, its secrets wrapped; and reading the text of one."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import Config, InvalidConfig, Secret, parse_config
from connector_core.config import MAX_CONFIG_BYTES, read_config
from connector_core.config_secrets import redact_config
from connector_core.schema import ConfigSchema

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = {"type": "string", "minLength": 1, "writeOnly": True, "format": "password"}
SCHEMA = ConfigSchema(
    {
        "type": "object",
        "properties": {
            "token": PASSWORD,
            "sender": {"type": "string"},
            "retries": {"type": "integer", "default": 3},
            "servers": {
                "type": "array",
                "default": [{"host": "localhost"}],
                "items": {
                    "type": "object",
                    "properties": {
                        "host": {"type": "string"},
                        "port": {"type": "integer", "default": 25},
                        "password": PASSWORD,
                    },
                    "additionalProperties": False,
                },
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
        "required": ["token"],
        "additionalProperties": False,
    }
)
GOOD = {
    "token": "TOK0",
    "sender": "a@example.com",
    "servers": [{"host": "one", "password": "TOK1"}, {"port": 587}],
    "login": {"key": "TOK2"},
    "accounts": {"ann": "TOK3"},
    "extra": {"free": ["form"]},
}


def read(config: object, **options: Any) -> Config:
    reading = read_config(SCHEMA, config, **options)
    assert reading.config is not None
    assert reading.issues == ()
    return reading.config


def test_defaults_are_filled_in_at_every_level_but_for_absent_objects() -> None:
    config = read({"token": "TOK0", "servers": [{"host": "one"}, {"port": 587}]})
    assert config["retries"] == 3
    assert config["servers"] == ({"host": "one", "port": 25}, {"port": 587})
    assert "login" not in config


def test_a_given_value_is_kept_even_if_it_is_empty_or_null() -> None:
    config = read({"token": "TOK0", "retries": None, "servers": []})
    assert config["retries"] is None
    assert config["servers"] == ()


def test_a_default_is_not_shared_between_configs() -> None:
    schema = ConfigSchema(
        {
            "type": "object",
            "properties": {"tags": {"type": "array", "default": [{"a": 1}]}},
            "additionalProperties": False,
        }
    )
    revealed = [reading.config.reveal() for _ in "ab" if (reading := read_config(schema, {})).config is not None]
    revealed[0]["tags"][0]["a"] = 2
    assert revealed[1] == {"tags": [{"a": 1}]}
    assert read_config(schema, {}).config == {"tags": ({"a": 1},)}


def test_the_input_stays_as_it_was() -> None:
    given_config = copy.deepcopy(GOOD)
    read(given_config)
    assert given_config == GOOD


def test_later_changes_to_the_input_do_not_reach_the_config() -> None:
    given_config: dict[str, Any] = copy.deepcopy(GOOD)
    config = read(given_config)
    given_config["extra"]["free"].append("more")
    given_config["token"] = "other"
    assert config["extra"] == {"free": ("form",)}
    assert config["token"] == Secret("TOK0")


def test_secrets_are_wrapped_at_every_level() -> None:
    config = read(GOOD)
    assert config["token"] == Secret("TOK0")
    assert config["servers"][0]["password"] == Secret("TOK1")
    assert config["login"]["key"] == Secret("TOK2")
    assert config["accounts"]["ann"] == Secret("TOK3")


def test_reveal_gives_the_plain_config_back() -> None:
    config = read(GOOD)
    assert config.reveal() == {**GOOD, "retries": 3, "servers": [{**GOOD["servers"][0], "port": 25}, {"port": 587}]}  # type: ignore[index]  # a literal of mixed types
    assert json.loads(json.dumps(config.reveal())) == config.reveal()


@pytest.mark.parametrize("show", [repr, str, lambda config: f"{config}", lambda config: f"{vars}{config!r}"])
def test_a_config_shows_no_secret(show: Callable[[Config], str]) -> None:
    shown = show(read(GOOD))
    assert "a@example.com" in shown
    assert not [text for text in ("TOK0", "TOK1", "TOK2", "TOK3") if text in shown]


def test_a_config_with_secrets_is_not_written_as_json() -> None:
    with pytest.raises(TypeError):
        json.dumps(read(GOOD))


def test_a_config_can_not_be_pickled() -> None:
    with pytest.raises(TypeError, match="secrets"):
        pickle.dumps(read(GOOD))


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_config_is_the_config(clone: Callable[[Config], Config]) -> None:
    config = read(GOOD)
    assert clone(config) is config


CHANGES: dict[str, Callable[[Any], object]] = {
    "set": lambda config: config.__setitem__("sender", "b"),
    "add": lambda config: config.setdefault("new", 1),
    "delete": lambda config: config.__delitem__("sender"),
    "update": lambda config: config.update(sender="b"),
    "or": lambda config: config.__ior__({"sender": "b"}),
    "nested object": lambda config: config["extra"].update(a=1),
    "entry of a list": lambda config: config["servers"].__setitem__(0, None),
    "object in a list": lambda config: config["servers"][0].pop("host"),
    "attribute": lambda config: setattr(config, "sender", "b"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_config_is_immutable(change: Callable[[Config], object]) -> None:
    config = read(GOOD)
    before = config.reveal()
    with pytest.raises((TypeError, AttributeError)):
        change(config)
    assert config.reveal() == before


@pytest.mark.parametrize("config", [[], "text", 5, True, None, b"{}"], ids=repr)
def test_what_is_no_object_has_one_issue(config: object) -> None:
    reading = read_config(SCHEMA, config)
    assert reading.config is None
    assert [(issue.path, issue.code) for issue in reading.issues] == [("$", "wrong_type")]


def test_a_redacted_copy_hides_every_secret_and_every_unknown_value_and_nothing_else() -> None:
    config = {
        **GOOD,
        "serverToken": "TOK4",
        "Token": {"deep": ["TOK5"]},
        "login": {"key": "TOK2", "kee": "TOK6"},
        "accounts": {"ann": {"$env": "ANN"}, "bob": "TOK7", "cid": None},
    }
    before = copy.deepcopy(config)
    redacted = redact_config(SCHEMA, config)
    assert redacted == {
        "token": "***",
        "sender": "a@example.com",
        "servers": [{"host": "one", "password": "***"}, {"port": 587}],
        "serverToken": "***",
        "Token": "***",
        "login": {"key": "***", "kee": "***"},
        "accounts": {"ann": {"$env": "ANN"}, "bob": "***", "cid": None},
        "extra": {"free": ["form"]},
    }
    assert config == before


@pytest.mark.parametrize("odd", [{"a": "TOK9"}, ["TOK9"], {"$env": "A", "b": "TOK9"}, {"$env": {"a": "TOK9"}}])
def test_a_secret_of_the_wrong_type_is_hidden_too(odd: Any) -> None:
    assert "TOK9" not in json.dumps(redact_config(SCHEMA, {"token": odd}))


def test_a_config_that_was_read_can_be_redacted_too() -> None:
    redacted = redact_config(SCHEMA, read(GOOD))
    assert redacted["token"] == "***"
    assert redacted["servers"][0] == {"host": "one", "port": 25, "password": "***"}


def test_the_redaction_of_a_config_strikes_out_each_of_its_secrets() -> None:
    assert read(GOOD).redaction().redact("TOK0 TOK1 TOK2 TOK3 one") == "*** *** *** *** one"


def test_a_secret_of_three_characters_is_not_struck_out_of_every_sentence() -> None:
    assert read({"token": "the"}).redaction().redact("add the token") == "add the token"


OBJECTS = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    ),
)


@given(OBJECTS)
def test_the_text_of_any_object_is_parsed_as_json_does(config: dict[str, Any]) -> None:
    assert parse_config(json.dumps(config)) == config
    assert parse_config(json.dumps(config, ensure_ascii=False).encode()) == config


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse_config(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


UNREADABLE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "not_json"),
    "no JSON": ("token: SECRET", "not_json"),
    "trailing comma": ('{"token": "SECRET",}', "not_json"),
    "cut off": ('{"token": "SECRET', "not_json"),
    "comment": ('{"token": "SECRET"} // note', "not_json"),
    "no UTF-8": (b'{"token": "SECRET\xff"}', "not_json"),
    "5 MB": (b'{"token": "' + b"SECRET" * 833_334 + b'"}', "too_large"),
    "one byte too many": (b" " * MAX_CONFIG_BYTES + b"1", "too_large"),
    "nested 100000 levels": ('{"SECRET": ' + "[" * 100_000, "not_json"),
    "balanced 100000 levels": ("[" * 100_000 + "]" * 100_000, "not_json"),
    "number of 5000 digits": ('{"SECRET": ' + "1" * 5_000 + "}", "not_json"),
    "list": ('["SECRET"]', "wrong_type"),
    "text": ('"SECRET"', "wrong_type"),
    "null": ("null", "wrong_type"),
    "repeated key": ('{"token": "SECRET", "token": "SECRET2"}', "repeated"),
    "repeated key deep inside": ('{"a": [{"token": "SECRET", "b": 1, "token": 2}]}', "repeated"),
}


@pytest.mark.parametrize(("text", "code"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_is_no_config_has_one_issue_that_quotes_nothing(text: str | bytes, code: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_config(text)
    (issue,) = caught.value.issues
    assert (issue.path, issue.code) == ("$", code)
    assert "SECRET" not in f"{caught.value} {issue} {caught.value.__cause__}"


@given(st.text() | st.binary())
def test_any_other_text_is_a_config_or_has_issues(text: str | bytes) -> None:
    issues: tuple[object, ...] = ("one",)
    try:
        assert isinstance(parse_config(text), dict)
    except InvalidConfig as error:
        issues = error.issues
    assert len(issues) == 1
