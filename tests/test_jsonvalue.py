from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core.jsonvalue import MAX_DEPTH, FrozenDict, copy_json, format_path, freeze

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    BIG = 7


def copy_and_list(value: Any) -> tuple[Any, list[tuple[tuple[str | int, ...], str]]]:
    found: list[tuple[tuple[str | int, ...], str]] = []
    return copy_json(value, lambda path, reason: found.append((path, reason))), found


def nested(levels: int) -> Any:
    value: Any = "core"
    for _ in range(levels):
        value = {"a": value}
    return value


@given(JSON)
def test_a_copy_of_json_is_equal_and_reports_nothing(value: Any) -> None:
    assert copy_and_list(value) == (value, [])


@given(JSON)
def test_a_copy_survives_a_round_trip_through_text(value: Any) -> None:
    copied, _ = copy_and_list(value)
    assert json.loads(json.dumps(copied, allow_nan=False)) == copied


def test_a_copy_shares_no_container_with_its_original() -> None:
    original = {"a": [{"b": 1}]}
    copied, _ = copy_and_list(original)
    copied["a"][0]["b"] = 2
    copied["a"].append(3)
    assert original == {"a": [{"b": 1}]}


@pytest.mark.parametrize(
    ("value", "plain"),
    [(Colour.RED, "red"), (Size.BIG, 7), (FrozenDict(a=1), {"a": 1}), ((1, (2,)), [1, [2]])],
    ids=["StrEnum", "IntEnum", "FrozenDict", "tuple"],
)
def test_subclasses_become_the_plain_types_of_json(value: Any, plain: Any) -> None:
    copied, problems = copy_and_list([value])
    assert copied == [plain]
    assert type(copied[0]) is type(plain)
    assert problems == []


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        float("-inf"),
        datetime(2026, 1, 1, tzinfo=UTC),
        Decimal("1.5"),
        b"bytes",
        {1, 2},
        object(),
        1j,
    ],
    ids=lambda value: type(value).__name__ + str(value)[:4].strip("{<("),
)
def test_what_is_no_json_becomes_null_and_is_reported_with_its_path(value: Any) -> None:
    copied, problems = copy_and_list({"list": [1, value]})
    assert copied == {"list": [1, None]}
    assert [path for path, _ in problems] == [("list", 1)]


def test_a_key_that_is_no_text_is_left_out_and_reported_at_its_object() -> None:
    copied, problems = copy_and_list({"a": {1: "one", "two": 2}})
    assert copied == {"a": {"two": 2}}
    assert problems == [(("a",), "has a key that is no text but int")]


def test_the_deepest_json_that_is_allowed_is_copied() -> None:
    assert copy_and_list(nested(MAX_DEPTH)) == (nested(MAX_DEPTH), [])


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 5_000])
def test_deeper_json_is_reported_once(levels: int) -> None:
    _, problems = copy_and_list(nested(levels))
    assert [len(path) for path, _ in problems] == [MAX_DEPTH]


def test_a_list_within_itself_is_reported() -> None:
    circular: list[Any] = []
    circular.append(circular)
    _, problems = copy_and_list(circular)
    assert len(problems) == 1


def test_an_object_that_holds_itself_twice_is_reported_without_walking_all_ways() -> None:
    circular: dict[str, Any] = {}
    circular["a"] = circular
    circular["b"] = [circular, circular]
    calls = iter(range(1_000))
    copy_json(circular, lambda _path, _reason: None if next(calls, None) is not None else pytest.fail("too many"))


@given(JSON)
def test_frozen_json_is_written_as_the_same_text(value: Any) -> None:
    assert json.dumps(freeze(value)) == json.dumps(value)


@pytest.mark.parametrize(
    "change",
    [
        lambda frozen: frozen.__setitem__("a", 2),
        lambda frozen: frozen.__delitem__("a"),
        lambda frozen: frozen.update(a=2),
        lambda frozen: frozen.__ior__({"a": 2}),
        lambda frozen: frozen.pop("a"),
        lambda frozen: frozen.popitem(),
        lambda frozen: frozen.setdefault("b", 2),
        lambda frozen: frozen.clear(),
    ],
    ids=["setitem", "delitem", "update", "ior", "pop", "popitem", "setdefault", "clear"],
)
def test_a_frozen_object_refuses_to_change(change: Any) -> None:
    frozen = freeze({"a": 1})
    with pytest.raises(TypeError, match="immutable"):
        change(frozen)
    assert frozen == {"a": 1}


def test_objects_and_lists_inside_a_frozen_object_are_frozen() -> None:
    frozen = freeze({"a": [{"b": [1]}]})
    assert frozen["a"] == (FrozenDict(b=(1,)),)
    assert type(frozen["a"][0]) is FrozenDict


CLONES = [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))]  # noqa: S301  our own


@pytest.mark.parametrize("clone", CLONES, ids=["copy", "deepcopy", "pickle"])
def test_a_clone_of_a_frozen_object_is_equal_and_frozen(clone: Any) -> None:
    cloned = clone(freeze({"a": {"b": 1}}))
    assert cloned == {"a": {"b": 1}}
    with pytest.raises(TypeError, match="immutable"):
        cloned["a"]["b"] = 2


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "$"),
        (("templates", 0, "usageType"), "$.templates[0].usageType"),
        (("headers", "X-Tag"), "$.headers.X-Tag"),
        (("headers", "odd key"), '$.headers["odd key"]'),
        (("0",), '$["0"]'),
        (("",), '$[""]'),
        (('say "hi"',), '$["say \\"hi\\""]'),
        (("a.b",), '$["a.b"]'),
        (("line\nbreak",), '$["line\\nbreak"]'),
        (("tail\n",), '$["tail\\n"]'),
        (("ключ",), '$["\\u043a\\u043b\\u044e\\u0447"]'),
    ],
)
def test_a_path_is_written_as_rfc_9535_does(path: tuple[str | int, ...], text: str) -> None:
    assert format_path(path) == text


@given(st.lists(st.text() | st.integers(0, 99)), st.lists(st.text() | st.integers(0, 99)))
def test_two_paths_are_written_alike_only_if_they_are_the_same(one: list[str | int], other: list[str | int]) -> None:
    assert (format_path(one) == format_path(other)) == (one == other)


@given(st.lists(st.text()))
def test_a_path_is_one_printable_line(path: list[str]) -> None:
    assert format_path(list(path)).isprintable()
