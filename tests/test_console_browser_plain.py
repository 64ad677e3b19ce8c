"""The console in a browser without JavaScript: every button sends the whole form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from connector_postmark.sandbox import PostmarkSandbox
from console_browser import (
    POSTMARK,
    POSTMARK_CONFIG,
    SMTP,
    TOKEN,
    find_input,
    find_issues,
    press,
    unfold,
)
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_browser import ServedConsole
    from playwright.sync_api import Page


@pytest.fixture
def plain_page(open_page: Callable[..., Page], console: ServedConsole) -> Page:
    """Give a page of a browser that runs no scripts."""
    return open_page(console, java_script_enabled=False)


def test_postmark_is_set_up_from_nothing_without_scripts(
    open_page: Callable[..., Page], console: ServedConsole
) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(console.url)
    page.locator("#token").fill(console.tokens[-1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Set up Postmark Mail").click()
    with PostmarkSandbox(POSTMARK_CONFIG) as sandbox:
        find_input(page, "/serverToken").fill(TOKEN)
        find_input(page, "/fromEmail").fill("noreply@example.com")
        find_input(page, "/apiUrl").fill(sandbox.url)
        unfold(page.locator('button[value="remove:/templates/4"]')).click()
        expect(find_input(page, "/templates/4/usageType")).to_have_count(0)
        unfold(page.locator('button[value="add:/templates"]')).click()
        expect(find_input(page, "/templates/9/usageType")).to_be_attached()
        find_input(page, "/templates/9/usageType").fill("Generic")
        page.locator("#to").fill("ada@example.com")
        press(page, "send")
        expect(find_issues(page, "/templates/9")).not_to_be_empty()
        find_input(page, "/templates/9/templateAlias").fill("logto-generic")
        press(page, "send")
        expect(page.locator("[data-result=sent]")).to_contain_text("ada@example.com")
        press(page, "check")
        expect(page.locator("#trial .finding.ok").first).to_be_visible()
        press(page, "done")
        expect(page.locator("#notices")).to_contain_text("Messages go through postmark-mail from now on")
        assert [message.to for message in sandbox.messages] == [("ada@example.com",)]
        generic = POSTMARK_CONFIG["templates"][4]
        others = [one for one in POSTMARK_CONFIG["templates"] if one != generic]
        assert console.config_of(POSTMARK) == {**sandbox.config, "templates": [*others, generic]}
    assert console.find_leak(TOKEN) == []


def test_a_token_that_was_typed_outlives_saves_that_fail_and_is_never_shown(
    plain_page: Page, console: ServedConsole
) -> None:
    page = plain_page
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/serverToken").fill(TOKEN)
    for sender in ("nobody", "nobody else"):
        find_input(page, "/fromEmail").fill(sender)
        with page.expect_navigation() as navigation:
            press(page, "save")
        assert navigation.value.status == 422
        expect(find_input(page, "/fromEmail")).to_have_value(sender)
        expect(find_input(page, "/serverToken")).to_have_value("")
        expect(find_issues(page, "/fromEmail")).not_to_be_empty()
        expect(find_issues(page, "/serverToken")).to_be_empty()
    find_input(page, "/fromEmail").fill("ada@example.com")
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    stored = console.config_of(POSTMARK)
    assert stored is not None
    assert stored["serverToken"] == TOKEN
    assert console.find_leak(TOKEN) == []


def test_the_json_view_works_without_scripts(plain_page: Page, console: ServedConsole) -> None:
    page = plain_page
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    press(page, "view:json")
    raw = page.locator("#raw")
    raw.fill(json.dumps({**json.loads(raw.input_value()), "tag": "codes"}))
    press(page, "view:form")
    expect(find_input(page, "/tag")).to_have_value("codes")
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "tag": "codes"}


def test_all_settings_are_there_without_scripts_whatever_they_depend_on(
    plain_page: Page, console: ServedConsole
) -> None:
    page = plain_page
    page.goto(console.page_of(SMTP))
    for name in ("/requireTLS", "/templates/0/text", "/auth/refreshToken", "/tls/ca"):
        expect(find_input(page, name)).to_be_visible()
    find_input(page, "/templates/0/content").fill("Line one\nLine two")
    unfold(page.locator('button[value="add:/customHeaders"]')).click()
    expect(find_input(page, "/customHeaders/0#key")).to_be_attached()
    expect(find_input(page, "/templates/0/content")).to_have_value("Line one\nLine two")


def test_the_enter_key_saves_without_scripts(plain_page: Page, console: ServedConsole) -> None:
    page = plain_page
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/tag").fill("codes")
    find_input(page, "/tag").press("Enter")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "tag": "codes"}
