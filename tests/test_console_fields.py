"""The fields of a form: issues beside what they are about, options, and what is out of use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from console_desk import EVERYTHING_DESK as DESK
from console_desk import Desk, make_desk, make_fake_desk
from submitted_form import read_form_data

from connector_core import ConfigIssue
from connector_core.console.draft import Draft, SlotIssue, is_deep, make_slot, show_json

if TYPE_CHECKING:
    from connector_core.console.fields import Form

SMTP = make_desk("simple-mail-transfer-protocol")


def place(*paths: str, draft: Draft | None = None, desk: Desk = DESK) -> list[tuple[str, str]]:
    draft = draft or Draft({"accounts": [{}, {}], "labels": {"a.b": "", 'c"]d': "", "e": ""}, "names": ["", ""]})
    draft.issues = [ConfigIssue(path, "made_up", f"About {path}.") for path in paths]
    return build(draft, desk).list_issues()


def build(draft: Draft, desk: Desk = DESK) -> Form:
    return desk.console.build_form(desk.connector, None, draft)


@pytest.mark.parametrize(
    ("path", "slot"),
    [
        ("$.token", "/token"),
        ("$.names[1]", "/names/1"),
        ("$.names[7]", "/names"),
        ("$.accounts[1].password", "/accounts/1/password"),
        ("$.accounts[1].unknown", "/accounts/1"),
        ('$.accounts[0]["user/name"]', "/accounts/0/user~1name"),
        ('$.labels["a.b"]', "/labels/0"),
        ('$.labels["c\\"]d"]', "/labels/1"),
        ("$.labels.e", "/labels/2"),
        ('$["odd/key~with#marks"]', "/odd~1key~0with~2marks"),
        ("$.anything.deep[0].deeper", "/anything"),
        ("$.tokens", ""),
        ("$.unknown", ""),
        ("$", ""),
        ("", ""),
    ],
)
def test_an_issue_stands_beside_its_field_or_the_nearest_around_it(path: str, slot: str) -> None:
    assert place(path) == [(slot, f"About {path}.")]


def test_what_could_not_be_read_has_no_other_issue() -> None:
    draft = Draft({}, texts={"/anything": "{"}, unread=[SlotIssue("/anything", "No JSON.")])

    assert place("$.anything", "$.token", draft=draft) == [("/token", "About $.token."), ("/anything", "No JSON.")]


def test_the_same_sentence_stands_once() -> None:
    draft = Draft({})
    draft.issues = [ConfigIssue("$.token", "one", "Enter it."), ConfigIssue("$.token", "two", "Enter it.")]

    assert build(draft).list_issues() == [("/token", "Enter it.")]


def test_thousands_of_issues_find_their_fields() -> None:
    draft = Draft({"accounts": [{} for _ in range(1000)]})
    paths = [f"$.accounts[{number}].password" for number in range(1000)]

    assert [slot for slot, _ in place(*paths, draft=draft)] == [f"/accounts/{n}/password" for n in range(1000)]


@pytest.mark.parametrize("key", ["a", "a/b", "~", "~1", "#rows", "a~0b#1/2", "", "é"])
def test_the_slots_of_different_keys_differ_and_hold_no_mark(key: str) -> None:
    slot = make_slot("", key)
    others = {make_slot("", other) for other in ("a~1b", "~0", "~01", "~2rows", "a~00b~21~12")} - {slot}

    assert slot.count("/") == 1
    assert "#" not in slot
    assert slot not in others


def test_of_choices_that_differ_in_case_alone_the_one_in_use_is_offered() -> None:
    desk = make_fake_desk(
        {"type": "object", "properties": {"links": {"enum": ["None", "none", "All"]}}, "additionalProperties": False}
    )

    def offer(config: dict[str, Any]) -> list[tuple[str, bool]]:
        return [(one.value, one.selected) for one in build(Draft(config), desk).fields[0].options]

    assert offer({}) == [('"None"', False), ('"All"', False)]
    assert offer({"links": "none"}) == [('"none"', True), ('"All"', False)]
    assert offer({"links": "odd"}) == [('"None"', False), ('"All"', False), ('"odd"', True)]


def test_true_is_not_one() -> None:
    (field,) = (one for one in build(Draft({"shade": 1})).fields if one.setting.key == "shade")

    assert [(one.value, one.selected) for one in field.options if one.selected] == [("1", True)]


def test_what_is_out_of_use_is_shown_where_it_has_a_value() -> None:
    old = {one.key for one in SMTP.console.list_settings(SMTP.connector) if one.deprecated}
    shown = {one.setting.key for one in build(Draft({}), SMTP).fields}
    kept = {one.setting.key for one in build(Draft({"logger": False}), SMTP).fields}

    assert "logger" in old
    assert old & shown == set()
    assert old & kept == {"logger"}


def test_a_default_is_shown_and_not_written_into_the_config() -> None:
    html = SMTP.render(Draft({}))

    assert "secure" not in SMTP.read(html).config
    assert SMTP.read(html, None, **{"/secure": "true"}).config["secure"] is True


def test_a_form_sends_nothing_of_the_row_that_scripts_copy() -> None:
    html = DESK.render(Draft({"accounts": [], "labels": {}}))

    assert "new-row-0" in html
    assert not [name for name in read_form_data(html) if "new-row" in name]


@pytest.mark.parametrize(("levels", "deep"), [(1, False), (199, False), (200, True), (5000, True)])
def test_a_value_is_deep_from_two_hundred_levels_on(levels: int, *, deep: bool) -> None:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value, "b": 1}

    assert is_deep(value) == deep


@pytest.mark.parametrize("value", [{"a": "é\n中"}, ["\ud800"], "\udfff\0", None, 1.5])
def test_json_is_shown_so_that_it_can_be_sent_back(value: Any) -> None:
    assert json.loads(show_json(value).encode()) == value
