"""What somebody wrote stays when their sign-in runs out or their console goes away, and isn't left by mistake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from console_browser import POSTMARK, POSTMARK_CONFIG, find_input, new_context, press
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_browser import ServedConsole
    from playwright.sync_api import Browser, Dialog, Page


@pytest.mark.parametrize(("action", "place"), [("save", "#notices"), ("send", "#trial")])
def test_what_was_written_stays_when_the_sign_in_ran_out(
    page: Page, console: ServedConsole, action: str, place: str
) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/fromEmail").fill("ada@example.com")
    page.context.clear_cookies()

    press(page, action)

    expect(page.locator(place)).to_contain_text("You are not signed in any more: sign in in another tab")
    expect(find_input(page, "/fromEmail")).to_have_value("ada@example.com")
    expect(page).to_have_url(re.compile(POSTMARK + "$"))
    assert console.config_of(POSTMARK) == POSTMARK_CONFIG
    console.sign_in(page.context)  # as in another tab
    press(page, action)
    expect(page.locator("#notices" if action == "save" else "#trial")).not_to_contain_text("not signed in")
    if action == "save":
        expect(page).to_have_url(re.compile("done=saved$"))
        assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "fromEmail": "ada@example.com"}


@pytest.mark.parametrize(("action", "place"), [("save", "#notices"), ("send", "#trial")])
def test_what_was_written_stays_when_the_console_is_gone(
    chromium: Browser, console: ServedConsole, action: str, place: str
) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    with new_context(chromium) as context:  # Chromium itself complains of the requests that fail
        console.sign_in(context)
        page = context.new_page()
        page.goto(console.page_of(POSTMARK))
        find_input(page, "/fromEmail").fill("ada@example.com")
        console.close()

        press(page, action)

        expect(page.locator(place)).to_contain_text("The console did not answer: check that it still runs")
        expect(find_input(page, "/fromEmail")).to_have_value("ada@example.com")


def test_a_second_click_on_save_meets_no_conflict(page: Page, console: ServedConsole) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/fromEmail").fill("ada@example.com")

    page.locator("#config .bar button[value=save]").evaluate("save => { save.click(); save.click(); }")

    expect(page).to_have_url(re.compile("done=saved$"))
    pages = [one.status for one in console.answers if one.asked == f"POST {console.page_of(POSTMARK)}"]
    assert pages == [303]


def list_questions(page: Page) -> list[str]:
    """Return the questions that the browser asks from now on; each is answered with no."""
    asked: list[str] = []

    def refuse(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", refuse)
    return asked


def test_the_browser_asks_before_what_was_written_is_left(
    open_page: Callable[..., Page], console: ServedConsole
) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page = open_page(console)
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/fromEmail").fill("ada@example.com")
    press(page, "view:json")
    expect(page.locator("#raw")).to_be_visible()
    press(page, "view:form")
    expect(find_input(page, "/fromEmail")).to_have_value("ada@example.com")
    asked = list_questions(page)
    for leave in (page.get_by_role("link", name="History"), page.get_by_role("button", name="Use a sandbox")):
        with page.expect_event("dialog"):
            leave.click()
        expect(find_input(page, "/fromEmail")).to_have_value("ada@example.com")
    press(page, "save")
    expect(page).to_have_url(re.compile("done=saved$"))
    page.get_by_role("link", name="History").click()
    expect(page).to_have_url(re.compile("history$"))
    assert asked == ["beforeunload", "beforeunload"]


def test_the_browser_asks_nothing_of_who_drops_their_own_for_what_another_saved(
    open_page: Callable[..., Page], console: ServedConsole
) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page = open_page(console)
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/tag").fill("mine")
    console.store(POSTMARK, {**POSTMARK_CONFIG, "tag": "theirs"})
    press(page, "save")
    asked = list_questions(page)
    page.get_by_role("link", name="Drop mine and show theirs").click()
    expect(find_input(page, "/tag")).to_have_value("theirs")
    assert asked == []
