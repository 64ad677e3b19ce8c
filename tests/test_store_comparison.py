"""What the history tells of two configs, and what it doesn't."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores import JSON, list_paths

from connector_core.jsonvalue import replace_at
from connector_core.store import ChangedSetting
from connector_core.store.comparison import MAX_SHOWN, compare_configs


def compare(before: dict[str, Any], after: dict[str, Any], *secrets: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
    found = compare_configs(before, secrets, after, secrets)
    return [(one.path, one.before, one.after) for one in found]


@pytest.mark.parametrize(
    ("before", "after", "settings"),
    [
        ({"a": 1}, {"a": 2}, [("$.a", "1", "2")]),
        ({"a": 1}, {"a": True}, [("$.a", "1", "true")]),
        ({"a": 1}, {}, [("$.a", "1", None)]),
        ({}, {"a": None}, [("$.a", None, "null")]),
        ({"a": "é"}, {"a": {"b": 1}}, [("$.a", '"é"', '{"b": 1}')]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 3}}, [("$.a.b", "1", "3")]),
        ({"a": [1, 2, 3]}, {"a": [1, 4]}, [("$.a[1]", "2", "4"), ("$.a[2]", "3", None)]),
        ({"odd key": 1}, {"odd key": 2}, [('$["odd key"]', "1", "2")]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
    ],
)
def test_a_changed_setting_has_its_path_and_both_values(
    before: dict[str, Any], after: dict[str, Any], settings: list[tuple[Any, ...]]
) -> None:
    assert compare(before, after) == settings


@pytest.mark.parametrize(
    ("before", "after", "settings"),
    [
        ({"a": "x"}, {"a": "y"}, [("$.a", "***", "***")]),
        ({"a": "x"}, {"a": "x"}, []),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}, []),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("$.a", "***", "***")]),
        ({}, {"a": "x"}, [("$.a", None, "***")]),
        ({"a": "x"}, {}, [("$.a", "***", None)]),
    ],
)
def test_a_secret_shows_that_it_changed_and_nothing_else(
    before: dict[str, Any], after: dict[str, Any], settings: list[tuple[Any, ...]]
) -> None:
    assert compare(before, after, ("a",)) == settings


def test_a_secret_that_becomes_a_reference_shows_the_reference() -> None:
    found = compare_configs({"a": "x"}, [("a",)], {"a": {"$env": "A"}}, [])

    assert found == (ChangedSetting("$.a", "***", '{"$env": "A"}'),)
    assert compare_configs({"a": "x"}, [("a",)], {"a": None}, []) == (ChangedSetting("$.a", "***", "null"),)


def test_what_is_a_secret_on_one_side_is_shown_on_none() -> None:
    hidden = (ChangedSetting("$.a", "***", "***"),)

    assert compare_configs({"a": {"b": 1}}, [], {"a": {"b": "x", "c": 2}}, [("a",)]) == hidden
    assert compare_configs({"a": "kept in clear by an older release"}, [], {"a": "x"}, [("a",)]) == hidden
    assert compare_configs({"a": "x"}, [("a",)], {"a": "y"}, []) == hidden


def test_a_value_that_is_no_secret_any_more_is_not_told_by_that() -> None:
    assert compare_configs({"a": "x", "b": {"c": "y"}}, [("a",), ("b",)], {"a": "x", "b": {"c": "y"}}, []) == ()


def test_a_long_value_is_cut() -> None:
    ((_, before, after),) = compare({"a": "x" * (MAX_SHOWN - 2)}, {"a": "x" * MAX_SHOWN})

    assert before == f'"{"x" * (MAX_SHOWN - 2)}"'
    assert after == f'"{"x" * (MAX_SHOWN - 2)}…'


def test_a_change_of_very_many_settings_tells_the_first_hundred() -> None:
    found = compare({}, {f"a{number}": number for number in range(1000)})

    assert [path for path, _, _ in found] == [f"$.a{number}" for number in range(100)]


def put(mark: str, _path: object, _value: object) -> str:
    return mark


@given(st.data(), st.dictionaries(st.text(max_size=2), JSON, max_size=3), st.dictionaries(st.text(max_size=2), JSON))
def test_whatever_the_configs_are_no_secret_shows(
    data: st.DataObject, before: dict[str, Any], after: dict[str, Any]
) -> None:
    sides = []
    for config in (before, after):
        secrets = data.draw(st.sets(st.sampled_from(list_paths(config)[1:] or [("none",)])))
        mark = "SECRET" + data.draw(st.text("xyz", min_size=1, max_size=2))
        sides += [replace_at(config, secrets, partial(put, mark)), secrets]

    found = compare_configs(*sides)

    assert "SECRET" not in repr(found)
    assert len({one.path for one in found}) == len(found)


@given(st.dictionaries(st.text(max_size=2), JSON, max_size=3), st.dictionaries(st.text(max_size=2), JSON, max_size=3))
def test_equal_configs_and_no_others_have_no_changed_setting(before: dict[str, Any], after: dict[str, Any]) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)

    assert (compare(before, after) == []) is same
    assert compare(before, before) == []
