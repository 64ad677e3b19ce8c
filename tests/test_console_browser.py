"""Connectors are set up in a browser, from nothing to a mail that arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from connector_postmark.sandbox import INACTIVE_RECIPIENT, PostmarkSandbox
from connector_smtp.sandbox import SmtpSandbox
from console_browser import (
    POSTMARK,
    POSTMARK_CONFIG,
    SMTP,
    TOKEN,
    fill_postmark,
    find_input,
    find_issues,
    press,
)
from installed import INSTALLED
from playwright.sync_api import expect

from connector_core import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from console_browser import ServedConsole
    from playwright.sync_api import Page


@pytest.fixture
def sandbox() -> Iterator[PostmarkSandbox]:
    """Run a sandbox of Postmark that the console did not start."""
    with PostmarkSandbox(POSTMARK_CONFIG) as running:
        yield running


def send(page: Page, to: str, usage_type: str = "Generic") -> None:
    page.locator("#to").fill(to)
    page.get_by_label("Usage type", exact=True).and_(page.locator("[name=usage_type]")).fill(usage_type)
    press(page, "send")


def test_postmark_is_set_up_from_nothing_with_a_sandbox_that_the_console_starts(
    open_page: Callable[..., Page], console: ServedConsole
) -> None:
    page = open_page()
    page.goto(console.url)
    page.locator("#token").fill(console.tokens[-1])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Set up Postmark Mail").click()
    expect(page.get_by_role("heading", name="Guide", exact=True)).to_be_visible()
    press(page, "sandbox")
    expect(page.locator("#notices")).to_contain_text("not saved yet")
    send(page, "ada@example.com")
    expect(page.locator("[data-result=sent]")).to_contain_text("ada@example.com")
    mail = page.frame_locator("#trial iframe").first
    expect(mail.locator("body")).to_contain_text("000000")
    press(page, "check")
    expect(page.locator("#trial .finding.ok").first).to_be_visible()
    assert page.locator("#trial .finding:not(.ok)").count() == 0
    assert console.config_of(POSTMARK) is None
    press(page, "done")
    expect(page.locator("#notices")).to_contain_text("Messages go through postmark-mail from now on")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_contain_text("Active")
    console.host.send_message(Message("grace@example.com", "SignIn", {"code": "271828"}))
    page.locator(f"[data-id={POSTMARK}]").get_by_role("link", name="Open Postmark Mail").click()
    expect(page.locator("#trial .outbox")).to_contain_text("271828")


def test_postmark_is_set_up_by_typing_the_config_of_a_sandbox_that_runs_already(
    page: Page, console: ServedConsole, sandbox: PostmarkSandbox
) -> None:
    page.goto(console.page_of(POSTMARK))
    fill_postmark(page, sandbox.config)
    send(page, "ada@example.com", "SignIn")
    expect(page.locator("[data-result=sent]")).to_be_visible()
    expect(page.locator("#trial .outbox")).to_contain_text("ada@example.com")
    press(page, "done")
    expect(page.locator("#notices")).to_contain_text("Saved")
    assert [message.to for message in sandbox.messages] == [("ada@example.com",)]
    assert console.config_of(POSTMARK) == sandbox.config
    active = console.host.configs.find_active()
    assert active is not None
    assert active.connector_id == POSTMARK


def test_smtp_is_set_up_by_typing_the_config_of_a_sandbox_that_runs_already(page: Page, console: ServedConsole) -> None:
    with SmtpSandbox() as sandbox:
        config = sandbox.config
        page.goto(console.page_of(SMTP))
        find_input(page, "/host").fill(config["host"])
        find_input(page, "/port").fill(str(config["port"]))
        find_input(page, "/auth/user").fill(config["auth"]["user"])
        find_input(page, "/auth/pass").fill(config["auth"]["pass"])
        find_input(page, "/fromEmail").fill(config["fromEmail"])
        find_input(page, "/tls/ca").fill(config["tls"]["ca"])
        send(page, "ada@example.com", "SignIn")
        expect(page.locator("[data-result=sent]")).to_be_visible()
        press(page, "check")
        expect(page.locator("#trial .finding.ok").first).to_be_visible()
        press(page, "done")
        expect(page.locator(f"[data-id={SMTP}]")).to_contain_text("Active")
        assert [message.subject for message in sandbox.messages] == ["Your sign-in code"]


@pytest.mark.parametrize("connector_id", INSTALLED)
def test_the_form_keeps_the_config_of_a_sandbox_as_it_is(page: Page, console: ServedConsole, connector_id: str) -> None:
    page.goto(console.page_of(connector_id))
    press(page, "sandbox")
    expect(page.locator("#notices")).to_contain_text("not saved yet")
    send(page, "ada@example.com")
    expect(page.locator("[data-result=sent]")).to_be_visible()
    expect(page.locator("#trial .outbox")).to_contain_text("ada@example.com")
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    config = console.sandboxes.start(console.host[connector_id])
    assert console.config_of(connector_id) == config
    for view in ("form", "json"):
        page.goto(f"{console.page_of(connector_id)}?view={view}")
        press(page, "save")
        expect(page.locator("#notices")).to_contain_text("Saved.")
        assert console.config_of(connector_id) == config


def test_a_wrong_token_is_told_by_the_provider_s_code_and_works_once_it_is_mended(
    page: Page, console: ServedConsole, sandbox: PostmarkSandbox
) -> None:
    page.goto(console.page_of(POSTMARK))
    fill_postmark(page, {**sandbox.config, "serverToken": "made-up-and-wrong"})
    send(page, "ada@example.com")
    failed = page.locator("[data-result=failed]")
    expect(failed).to_contain_text("authorization_failed")
    expect(failed).to_contain_text("It was not sent.")
    expect(failed.locator("code").filter(has_text="10")).to_be_visible()
    press(page, "check")
    wrong = page.locator("#trial .finding.error")
    expect(wrong).to_contain_text("$.serverToken")
    find_input(page, "/serverToken").fill(TOKEN)
    press(page, "check")
    expect(page.locator("#trial .finding.ok").first).to_be_visible()
    expect(wrong).to_have_count(0)
    send(page, "ada@example.com")
    expect(page.locator("[data-result=sent]")).to_be_visible()
    assert len(sandbox.messages) == 1


def test_a_missing_template_is_named_by_the_check_and_by_the_test_message(
    page: Page, console: ServedConsole, sandbox: PostmarkSandbox
) -> None:
    page.goto(console.page_of(POSTMARK))
    fill_postmark(page, sandbox.config)
    find_input(page, "/templates/0/templateAlias").fill("nobody-made-this")
    press(page, "check")
    missing = page.locator("#trial .finding.error")
    expect(missing).to_contain_text("nobody-made-this")
    expect(missing).to_contain_text("$.templates[0].templateAlias")
    send(page, "ada@example.com", "SignIn")
    expect(page.locator("[data-result=failed]")).to_contain_text("template_not_found")
    expect(page.locator("[data-result=failed]")).to_contain_text("1101")
    find_input(page, "/templates/0/templateAlias").fill("logto-sign-in")
    send(page, "ada@example.com", "SignIn")
    expect(page.locator("[data-result=sent]")).to_be_visible()


def test_a_rejected_recipient_is_told_and_stays_in_the_history_of_test_messages(
    page: Page, console: ServedConsole, sandbox: PostmarkSandbox
) -> None:
    console.store(POSTMARK, sandbox.config)
    page.goto(console.page_of(POSTMARK))
    send(page, INACTIVE_RECIPIENT)
    expect(page.locator("[data-result=failed]")).to_contain_text("recipient_rejected")
    expect(page.locator("[data-result=failed]")).to_contain_text("406")
    send(page, "nobody")
    expect(page.locator("#trial")).to_contain_text("The recipient is not one e-mail address")
    page.reload()
    page.locator(".trials > summary").click()
    expect(page.locator(".trials tbody tr")).to_have_count(1)
    expect(page.locator(".trials tbody tr")).to_contain_text(INACTIVE_RECIPIENT)
    assert sandbox.messages == []


def test_the_payload_and_the_language_of_a_test_message_reach_the_provider(
    page: Page, console: ServedConsole, sandbox: PostmarkSandbox
) -> None:
    console.store(POSTMARK, sandbox.config)
    page.goto(console.page_of(POSTMARK))
    page.locator("#payload").fill("{")
    send(page, "ada@example.com")
    expect(page.locator("#trial")).to_contain_text("The payload is no JSON")
    page.locator("#payload").fill('{"code": "314159"}')
    page.locator("#config [name=locale]").fill("fr")
    send(page, "ada@example.com")
    expect(page.locator("[data-result=sent]")).to_be_visible()
    assert [message.payload for message in sandbox.messages] == [{"code": "314159", "locale": "fr"}]


def test_a_config_with_issues_is_not_saved_and_each_stands_at_its_setting(page: Page, console: ServedConsole) -> None:
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/fromEmail").fill("nobody")
    press(page, "done")
    expect(page.locator("#notices")).to_contain_text("Some settings are not right yet")
    expect(find_issues(page, "/serverToken")).not_to_be_empty()
    expect(find_issues(page, "/fromEmail")).not_to_be_empty()
    expect(find_input(page, "/fromEmail")).to_have_value("nobody")
    expect(find_input(page, "/serverToken")).to_be_focused()
    assert console.config_of(POSTMARK) is None
