"""Secrets in the console: on no page, kept until replaced, and sent to no address that they were not typed for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
from console_desk import EVERYTHING_DESK as DESK
from console_desk import make_fake_desk
from submitted_form import read_form_data

from connector_core.console.draft import Draft, TypedSecrets

if TYPE_CHECKING:
    from connector_core import ConfigIssue
    from connector_core.store import StoredConfig

CONFIG: dict[str, Any] = {
    "token": "made-up-token-1",
    "accounts": [{"password": "made-up-word-0"}, {"password": "made-up-word-1"}],
    "keys": {"a": "made-up-key-a", "b": {"$env": "MADE_UP"}},
}
STORED = DESK.store(CONFIG)


def walk(value: Any) -> list[str]:
    """Return every text in what `asdict` gives."""
    if isinstance(value, dict):
        return [text for pair in value.items() for one in pair for text in walk(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in walk(one)]
    return [str(value)]


@pytest.mark.parametrize("stored", [None, STORED], ids=["typed", "stored"])
@pytest.mark.parametrize("view", ["form", "json"])
def test_a_page_has_no_secret_whether_stored_or_typed(stored: StoredConfig | None, view: str) -> None:
    html = DESK.render(Draft(CONFIG), stored, view)  # it looks for them

    assert "MADE_UP" in html
    assert DESK.read(html, stored).config == CONFIG


@pytest.mark.parametrize("stored", [None, STORED], ids=["typed", "stored"])
def test_no_field_of_a_form_has_a_secret_in_any_attribute(stored: StoredConfig | None) -> None:
    form = DESK.console.build_form(DESK.connector, stored, Draft(CONFIG))

    texts = [text for one in form.fields for text in walk(asdict(one))] + [repr(form)]

    assert "/accounts/1/password" in texts
    assert not [text for text in texts if "made-up-" in text]


def test_a_draft_does_not_show_its_secrets() -> None:
    draft = DESK.read(DESK.render(Draft(CONFIG)))

    assert draft.typed
    assert draft.rows
    assert "made-up-" not in repr(draft)


def test_a_value_in_the_place_of_a_secret_is_hidden_whatever_it_is() -> None:
    for value in ({"$env": ["made-up-secret-77"]}, {"made-up-secret-77": 1}, ["made-up-secret-77"], 77_770_777):
        html = DESK.render(Draft({"token": value}))
        assert "made-up-secret-77" not in html
        assert "77770777" not in html
        assert DESK.read(html).config == {"token": value}


def test_a_stored_secret_is_kept_unless_it_is_replaced() -> None:
    html = DESK.render(Draft(CONFIG), STORED)

    kept = DESK.read(html, STORED)
    replaced = DESK.read(html, STORED, **{"/token": "made-up-new"})

    assert kept.config == CONFIG
    assert (kept.typed, replaced.typed) == ([], ["made-up-new"])
    assert replaced.config == {**CONFIG, "token": "made-up-new"}


def test_a_stored_secret_moves_with_its_row() -> None:
    html = DESK.render(Draft(CONFIG), STORED)
    data = read_form_data(html)
    data.setlist("/accounts#rows", ["1", "0"])

    moved = DESK.read(data.items(multi=True), STORED)
    as_json = DESK.read(DESK.render(moved, STORED, "json"), STORED)

    assert moved.config["accounts"] == [{"password": "made-up-word-1"}, {"password": "made-up-word-0"}]
    assert as_json.config == moved.config


def test_a_secret_becomes_a_reference_and_none() -> None:
    html = DESK.render(Draft(CONFIG), STORED)

    reference = DESK.read(html, STORED, **{"/token#from": "$file", "/token#name": " /run/made-up "})
    nothing = DESK.read(html, STORED, **{"/token#from": "none"})

    assert reference.config["token"] == {"$file": "/run/made-up"}
    assert "token" not in nothing.config


@pytest.mark.parametrize("token", ["", "nonsense", "gAAAAA", "\x00", "é"])
def test_a_token_of_nobody_is_no_secret(token: str) -> None:
    assert DESK.console.typed_secrets.unseal(token) is None
    assert "token" not in DESK.read([("/token#typed", token), ("view", "form")]).config
    assert DESK.read([("before", token), ("raw", '{"token": "***"}'), ("view", "json")]).config == {"token": "***"}


def test_a_token_of_another_console_is_no_secret() -> None:
    token = TypedSecrets(b"another key of the same 32 bytes").seal("made-up-secret-77")

    assert "token" not in DESK.read([("/token#typed", token)]).config


def test_asterisks_that_stand_for_nothing_are_an_issue() -> None:
    draft = DESK.read([("view", "json"), ("raw", '{"token": "***"}')])

    assert find_codes(DESK.console.find_issues(DESK.connector, None, draft)) == {("$.token", "hidden")}


# Where secrets go

ADDRESSES: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "token": {"type": "string", "writeOnly": True, "format": "password"},
        "apiUrl": {"type": "string", "format": "url", "default": "https://api.example.com"},
        "eventUrl": {"type": "string", "format": "url"},
        "sender": {"type": "string"},
    },
    "required": ["token"],
    "additionalProperties": False,
}
BOUND = make_fake_desk(ADDRESSES)
KEPT = {"token": "made-up-token-1", "eventUrl": "https://events.example.com"}


def find_codes(issues: list[ConfigIssue]) -> set[tuple[str, str]]:
    return {(one.path, one.code) for one in issues}


def find_issues(stored: StoredConfig | None, **changes: str) -> set[tuple[str, str]]:
    html = BOUND.render(Draft(dict(stored.config) if stored else {}), stored)
    draft = BOUND.read(html, stored, **{f"/{name}": value for name, value in changes.items()})
    return find_codes(BOUND.console.find_issues(BOUND.connector, stored, draft))


@pytest.mark.parametrize(
    "changes",
    [
        {"apiUrl": "https://elsewhere.example.com"},
        {"eventUrl": "https://elsewhere.example.com"},
        {"eventUrl": "https://api.example.com"},
        {"apiUrl": "https://events.example.com", "eventUrl": "https://api.example.com"},
        {"apiUrl": "https://api.example.com:8443"},
        {"apiUrl": "https://api.example.com/v2"},
    ],
)
def test_a_kept_secret_must_be_typed_again_for_another_address(changes: dict[str, str]) -> None:
    assert find_issues(BOUND.store(KEPT), **changes) == {("$.token", "enter_again")}
    assert find_issues(BOUND.store(KEPT), **changes, token="made-up-token-2") == set()
    assert find_issues(BOUND.store(KEPT), **changes, token=KEPT["token"]) == set()


@pytest.mark.parametrize("changes", [{}, {"sender": "noreply@example.com"}, {"eventUrl": ""}, {"apiUrl": ""}])
def test_a_kept_secret_stays_where_no_address_is_new(changes: dict[str, str]) -> None:
    assert find_issues(BOUND.store(KEPT), **changes) == set()


def test_the_address_of_the_default_is_new_where_the_stored_one_was_another() -> None:
    stored = BOUND.store({**KEPT, "apiUrl": "https://mine.example.com"})

    assert find_issues(stored, apiUrl="") == {("$.token", "enter_again")}


def test_a_secret_that_was_typed_for_a_new_address_stays_typed_from_page_to_page() -> None:
    stored = BOUND.store(KEPT)
    html = BOUND.render(Draft(KEPT), stored)
    moved = {"/apiUrl": "https://elsewhere.example.com", "/token": KEPT["token"]}

    draft = BOUND.read(html, stored, **moved)
    for view in ("json", "form", "json"):
        draft = BOUND.read(BOUND.render(draft, stored, view), stored)

    assert draft.config == {**KEPT, "apiUrl": "https://elsewhere.example.com"}
    assert BOUND.console.find_issues(BOUND.connector, stored, draft) == []


@pytest.mark.parametrize("now", [None, BOUND.store({"token": "made-up-token-2"})], ids=["deleted", "replaced"])
def test_a_page_of_before_gives_no_secret_that_is_not_stored_any_more(now: StoredConfig | None) -> None:
    stored = DESK.store(CONFIG)
    accounts = [{"password": "made-up-word-1"}, {"password": "made-up-word-0"}]
    html = DESK.render(Draft({**CONFIG, "accounts": accounts}), stored, "json")
    assert read_form_data(html)["before"]

    draft = DESK.read(html, now)

    assert not {"made-up-token-1", "made-up-word-0", "made-up-word-1"} & set(DESK.list_secrets(draft.config))
    issues = DESK.console.find_issues(DESK.connector, now, draft)
    assert ("$.accounts[0].password", "hidden") in find_codes(issues)
