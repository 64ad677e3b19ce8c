"""The form of a config: what a browser sends of it unchanged is the same config, whatever the config holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from console_desk import EVERYTHING_DESK as DESK
from console_desk import make_desk
from hypothesis import given, settings
from hypothesis import strategies as st
from installed import INSTALLED
from submitted_form import read_form_data
from werkzeug.datastructures import MultiDict

from connector_core import InvalidConfig
from connector_core.console.draft import Draft
from connector_core.console.form_reading import change_rows
from connector_core.settings import Setting, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SETTINGS = read_settings(DESK.connector.schema)
LINE = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \"'<>&/~#"), min_size=1).map(str.strip)
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(" \n\t<>&"))
SECRET = st.uuids().map(lambda number: f"made-up/{number}")
JSON = st.recursive(
    st.booleans() | st.integers(-(10**9), 10**9) | LINES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(LINE, inner, max_size=2),
    max_leaves=5,
)


def make_values(setting: Setting) -> st.SearchStrategy[Any]:
    """Return what a setting may have; a text has no spaces around it, since these are taken for a mistake."""
    if setting.secret:
        return SECRET | st.sampled_from(["$env", "$file"]).map(lambda source: {source: "MADE_UP"})
    found: dict[str, Callable[[], st.SearchStrategy[Any]]] = {
        "text": lambda: LINE.filter(bool),
        "multiline": lambda: LINES.filter(str.strip),
        "number": lambda: (
            st.integers(-(10**17), 10**17)
            if setting.whole
            else st.integers(-999, 999)
            | st.decimals(-999, 999, places=3).map(float).filter(lambda one: abs(one) > 0.001)
        ),
        "switch": st.booleans,
        "choice": lambda: st.sampled_from(setting.choices),
        "choices": lambda: st.sets(st.sampled_from(setting.choices)).map(
            lambda chosen: [one for one in setting.choices if one in chosen]  # a browser sends them in their order
        ),
        "list": lambda: st.lists(make_entry(setting), max_size=3),
        "group": lambda: make_objects(setting.members),
        "map": lambda: st.builds(
            lambda known, others: {**others, **known},
            make_objects(setting.members),
            st.dictionaries(LINE.filter(bool), make_entry(setting), max_size=2),
        ),
        "json": lambda: JSON.filter(lambda value: value is not None),
    }
    return found[setting.kind]()


def make_entry(setting: Setting) -> st.SearchStrategy[Any]:
    assert setting.entry is not None
    return make_values(setting.entry)


def make_objects(members: Iterable[Setting]) -> st.SearchStrategy[dict[str, Any]]:
    several = list(members)
    return st.fixed_dictionaries(
        {one.key: make_values(one) for one in several if one.required},
        optional={one.key: make_values(one) for one in several if not one.required},
    )


def tidy(settings_: Iterable[Setting], config: dict[str, Any]) -> dict[str, Any]:
    """Return a config without what says nothing: defaults, and what is empty and need not be there."""
    found = {}
    for setting in settings_:
        if setting.key not in config:
            continue
        value = config[setting.key]
        if isinstance(value, dict) and not setting.secret:
            if setting.kind == "group":
                value = tidy(setting.members, value)
            elif setting.kind == "map":
                known = {one.key: one for one in setting.members}
                value = {key: tidy_entry(known.get(key, setting.entry), one) for key, one in value.items()}
        elif setting.kind == "list":
            value = [tidy_entry(setting.entry, one) for one in value]
        is_empty = value in ([], {}) and setting.kind in {"group", "list", "map", "choices"} and not setting.required
        if not is_empty and not (setting.has_default and value == setting.start):
            found[setting.key] = value
    return found


def tidy_entry(entry: Setting | None, value: Any) -> Any:
    assert entry is not None
    return tidy(entry.members, value) if entry.kind == "group" else value


# What is shown comes back


@pytest.mark.parametrize("connector_id", INSTALLED)
@settings(max_examples=10)
@given(data=st.data())
def test_a_form_that_is_sent_unchanged_is_the_same_config(connector_id: str, data: st.DataObject) -> None:
    desk = make_desk(connector_id)
    members = read_settings(desk.connector.schema)
    config = data.draw(make_objects(members))

    draft = desk.read(desk.render(Draft(config)))

    assert draft.config == tidy(members, config)
    assert draft.unread == []


@settings(max_examples=40)
@given(config=make_objects(SETTINGS), is_stored=st.booleans())
def test_a_form_with_every_kind_of_setting_is_the_same_config(config: dict[str, Any], *, is_stored: bool) -> None:
    stored = DESK.store(config) if is_stored else None

    draft = DESK.read(DESK.render(Draft(config), stored), stored)

    assert draft.config == tidy(SETTINGS, config)
    assert draft.unread == []


@settings(max_examples=40)
@given(config=make_objects(SETTINGS), is_stored=st.booleans())
def test_json_that_is_sent_unchanged_is_the_same_config(config: dict[str, Any], *, is_stored: bool) -> None:
    stored = DESK.store(config) if is_stored else None

    draft = DESK.read(DESK.render(Draft(config), stored, "json"), stored)

    assert draft.config == config


@pytest.mark.parametrize("text", ["\nfirst line empty", "two\nlines", "\n\n", "last line empty\n", "  spaces around  "])
def test_a_text_of_several_lines_keeps_its_line_breaks(text: str) -> None:
    draft = DESK.read(DESK.render(Draft({"token": "made-up-token", "note": text})))

    assert draft.config.get("note") == (text if text.strip() else None)


@pytest.mark.parametrize("value", ["two\nlines", ["a", "b"], {"a": 1}, [[1]]])
def test_a_value_that_its_field_cannot_hold_is_shown_as_json(value: Any) -> None:
    html = DESK.render(Draft({"token": "made-up-token", "odd/key~with#marks": value}))

    assert json.loads(read_form_data(html)["/odd~1key~0with~2marks#json"]) == value
    assert DESK.read(html).config["odd/key~with#marks"] == value


def test_a_list_with_more_entries_than_a_form_shows_is_json() -> None:
    names = [f"name {number}" for number in range(1001)]
    html = DESK.render(Draft({"token": "made-up-token", "names": names}))

    assert "/names#json" in read_form_data(html)
    assert DESK.read(html).config["names"] == names


# What somebody types


def test_rows_stand_in_the_order_in_which_the_page_had_them_whatever_their_ids() -> None:
    rows = [("/names#rows", one) for one in ("7", "new", "0", "7")]
    names = [("/names/7", "seven"), ("/names/new", "new"), ("/names/0", "zero"), ("/names/3", "in no row")]

    assert DESK.read([*rows, *names]).config["names"] == ["seven", "new", "zero"]


@pytest.mark.parametrize("ids", [["3", "0"], ["1" * 5000], ["999999999"], ["x", "٣"], []])
def test_a_row_that_is_added_has_an_id_of_its_own(ids: list[str]) -> None:
    data = MultiDict([("/names#rows", one) for one in ids])

    assert change_rows(data, "add:/names")

    assert data.getlist("/names#rows")[:-1] == ids
    assert data.getlist("/names#rows")[-1] not in ids


def test_a_row_is_removed_by_its_id() -> None:
    data = MultiDict([("/names#rows", "0"), ("/names#rows", "1"), ("/names/0", "a"), ("/names/1", "b")])

    assert change_rows(data, "remove:/names/0")

    assert DESK.read(data.items(multi=True)).config["names"] == ["b"]


def test_an_entry_without_a_name_and_one_of_the_same_name_are_issues_beside_them() -> None:
    pairs = [("/labels#rows", one) for one in "0123"]
    pairs += [("/labels/0#key", "a"), ("/labels/0", "1"), ("/labels/1#key", " a "), ("/labels/1", "2")]
    pairs += [("/labels/2#key", ""), ("/labels/2", "3"), ("/labels/3#key", ""), ("/labels/3", "")]

    draft = DESK.read(pairs)

    assert draft.config["labels"] == {"a": "1"}
    assert [one.slot for one in draft.unread] == ["/labels/1", "/labels/2"]
    assert [row.value for row in draft.rows["/labels"]] == ["1", "2", "3", ""]


@pytest.mark.parametrize("text", ["{", "{'a': 1}", "[" * 100_000, "nonsense", '{"a": 1} 2'])
def test_what_is_no_json_is_an_issue_and_stays_in_its_field(text: str) -> None:

    draft = DESK.read([("/anything#json", text)])

    assert [one.slot for one in draft.unread] == ["/anything"]
    assert read_form_data(DESK.render(draft))["/anything#json"] == text


def test_unreadable_json_around_secrets_is_not_shown_again() -> None:
    draft = DESK.read([("/accounts#json", '[{"password": "made-up-secret-77"')])

    html = DESK.render(draft)

    assert [one.slot for one in draft.unread] == ["/accounts"]
    assert "made-up-secret-77" not in html


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("7", 7), (" -7 ", -7), ("+7", 7), ("1.50", 1.5)],
        *((text, text) for text in ("1e3", "seven", "1,5", "٣", "1" * 19, "NaN", "0x10")),
    ],
)
def test_a_number_that_is_none_stays_the_text_that_was_typed(text: str, value: Any) -> None:
    draft = DESK.read([("/count", text)])

    assert draft.config["count"] == value
    assert type(draft.config["count"]) is type(value)


@pytest.mark.parametrize("text", ["[" * 100_000, "nonsense", "1" * 5000, '{"a"'])
def test_an_option_that_the_page_did_not_have_stays_the_text_that_was_sent(text: str) -> None:
    assert DESK.read([("/shade", text)]).config["shade"] == text


def test_more_rows_than_a_form_shows_are_refused() -> None:
    with pytest.raises(InvalidConfig, match="more than 1000"):
        DESK.read(("/names#rows", str(number)) for number in range(1001))
