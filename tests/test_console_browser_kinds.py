"""Settings of every kind, and secrets in every place, of a connector that nobody has met before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from console_browser import find_input, press, unfold
from fakes import FakeConnector
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_browser import ServedConsole
    from playwright.sync_api import Page

    from connector_core import Host

ALPHA = "alpha-mail"
SECRET = {"type": "string", "minLength": 1, "writeOnly": True, "format": "password"}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "token": {"title": "Token", **SECRET},
        "regions": {"title": "Regions", "type": "array", "items": {"enum": ["eu", "us", "asia"]}},
        "level": {"title": "Level", "enum": [1, 2, "high"]},
        "accounts": {
            "title": "Accounts",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"title": "Account name", "type": "string", "minLength": 1},
                    "password": {"title": "Password", **SECRET},
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        },
        "keys": {"title": "Keys", "type": "object", "additionalProperties": {"title": "Key", **SECRET}},
    },
    "required": ["token"],
    "additionalProperties": False,
}
CONFIG: dict[str, Any] = {
    "token": "made-up-word-a-11c4",
    "regions": ["eu", "asia"],
    "level": 2,
    "accounts": [
        {"name": "first", "password": "made-up-word-b-22d5"},
        {"name": "second", "password": "made-up-word-c-33e6"},
        {"name": "third", "password": "made-up-word-d-44f7"},
    ],
    "keys": {"old": "made-up-word-e-55a8", "new/one": "made-up-word-f-66b9"},
}
NEW = "made-up-word-g-77ca"
SECRETS = [CONFIG["token"], *(one["password"] for one in CONFIG["accounts"]), *CONFIG["keys"].values(), NEW]


@pytest.fixture
def console(serve_console: Callable[..., ServedConsole], make_host: Callable[..., Host]) -> ServedConsole:
    """Give a console over a made-up connector, with a stored config."""
    served = serve_console(make_host=partial(make_host, FakeConnector(ALPHA, schema=SCHEMA)))
    served.store(ALPHA, CONFIG)
    return served


def save(page: Page, console: ServedConsole) -> Any:
    with page.expect_navigation(url="**done=saved"):
        press(page, "save")
    assert console.find_leak(*SECRETS) == []
    return console.config_of(ALPHA)


def test_nothing_changes_when_nothing_was_changed(page: Page, console: ServedConsole) -> None:
    for view in ("form", "json"):
        page.goto(f"{console.page_of(ALPHA)}?view={view}")
        assert save(page, console) == CONFIG


def test_several_choices_are_ticked_and_cleared(page: Page, console: ServedConsole) -> None:
    page.goto(console.page_of(ALPHA))
    unfold(page.get_by_label("us", exact=True)).check()
    page.get_by_label("eu", exact=True).uncheck()
    find_input(page, "/level").select_option("high")
    assert save(page, console) == {**CONFIG, "regions": ["us", "asia"], "level": "high"}
    for region in ("us", "asia"):
        page.get_by_label(region, exact=True).uncheck()
    find_input(page, "/level").select_option("1")
    stored = save(page, console)
    assert stored["level"] == 1
    assert not stored.get("regions")


def test_secrets_in_rows_stay_with_their_row_and_go_with_it(page: Page, console: ServedConsole) -> None:
    page.goto(console.page_of(ALPHA))
    first, second, third = CONFIG["accounts"]
    unfold(page.locator('button[value="remove:/accounts/0"]')).click()
    find_input(page, "/accounts/1/name").fill("renamed")
    unfold(page.get_by_role("button", name="Add an entry to Accounts", include_hidden=True)).click()
    find_input(page, "/accounts/3/name").fill("fourth")
    find_input(page, "/accounts/3/password").fill(NEW)
    unfold(page.locator('button[value="remove:/keys/0"]')).click()
    find_input(page, "/keys/1#key").fill("renamed")
    stored = save(page, console)
    assert stored["accounts"] == [{**second, "name": "renamed"}, third, {"name": "fourth", "password": NEW}]
    assert stored["keys"] == {"renamed": CONFIG["keys"]["new/one"]}
    assert first["password"] not in str(stored)
    expect(page.locator("#notices")).to_contain_text("Saved.")
