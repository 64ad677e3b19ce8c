"""Every kind of field in a browser: rows, pairs, choices, JSON, conditions, and the issues beside them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
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
    from console_browser import ServedConsole
    from playwright.sync_api import Page

MAILGUN = "mailgun-email"


@pytest.fixture
def postmark_page(page: Page, console: ServedConsole) -> Page:
    """Give the page of Postmark with a stored config."""
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    return page


def save(page: Page, console: ServedConsole, connector_id: str = POSTMARK) -> dict[str, Any]:
    """Save the form and return what is stored then."""
    with page.expect_navigation(url="**done=saved"):
        press(page, "save")
    config = console.config_of(connector_id)
    assert config is not None
    return config


def add(page: Page, label: str) -> None:
    unfold(page.get_by_role("button", name=f"Add an entry to {label}", include_hidden=True)).click()


def remove(page: Page, slot: str) -> None:
    unfold(page.locator(f'button[value="remove:{slot}"]')).click()


def test_entries_of_a_list_are_added_and_removed(postmark_page: Page, console: ServedConsole) -> None:
    page = postmark_page
    add(page, "Templates")
    expect(find_input(page, "/templates/9/usageType")).to_be_focused()
    find_input(page, "/templates/9/usageType").fill("BindMfa")
    find_input(page, "/templates/9/templateId").fill("77")
    add(page, "Templates")
    find_input(page, "/templates/10/usageType").fill("SignIn")
    find_input(page, "/templates/10/templateAlias").fill("app-sign-in-fr")
    find_input(page, "/templates/10/locale").fill("fr")
    remove(page, "/templates/9")
    expect(find_input(page, "/templates/9/usageType")).to_have_count(0)
    stored = save(page, console)
    added = {"usageType": "SignIn", "templateAlias": "app-sign-in-fr", "locale": "fr"}
    assert stored == {**POSTMARK_CONFIG, "templates": [*POSTMARK_CONFIG["templates"], added]}


def test_an_issue_of_a_row_stays_at_its_row_when_one_before_it_is_removed(
    postmark_page: Page, console: ServedConsole
) -> None:
    page = postmark_page
    find_input(page, "/templates/3/templateAlias").fill("1 is no letter")
    find_input(page, "/templates/3/templateAlias").press("Tab")
    expect(find_issues(page, "/templates/3/templateAlias")).to_contain_text("starts with a letter")
    add(page, "Templates")
    remove(page, "/templates/0")
    press(page, "save")
    expect(find_issues(page, "/templates/3/templateAlias")).to_contain_text("starts with a letter")
    expect(find_issues(page, "/templates/9/usageType")).not_to_be_empty()
    expect(find_issues(page, "/templates")).to_contain_text("SignIn")
    assert console.config_of(POSTMARK) == POSTMARK_CONFIG


def test_a_list_of_plain_texts_is_edited_in_rows(page: Page, console: ServedConsole) -> None:
    page.goto(console.page_of("sendgrid-email-service"))
    press(page, "sandbox")
    expect(page.locator("#notices")).to_contain_text("not saved yet")
    for number, word in enumerate(("codes", "unwanted", "mails")):
        add(page, "Categories")
        find_input(page, f"/categories/{number}").fill(word)
    remove(page, "/categories/1")
    assert save(page, console, "sendgrid-email-service")["categories"] == ["codes", "mails"]


def test_the_pairs_of_a_map_are_added_renamed_and_removed(postmark_page: Page, console: ServedConsole) -> None:
    page = postmark_page
    for number, (key, value) in enumerate([("team", "accounts"), ("unwanted", "pair"), ("stage", "test")]):
        add(page, "Metadata")
        find_input(page, f"/metadata/{number}#key").fill(key)
        find_input(page, f"/metadata/{number}").fill(value)
    add(page, "Headers")
    find_input(page, "/headers/0#key").fill("X-Team")
    find_input(page, "/headers/0").fill("accounts")
    remove(page, "/metadata/1")
    stored = save(page, console)
    assert stored["metadata"] == {"team": "accounts", "stage": "test"}
    assert stored["headers"] == {"X-Team": "accounts"}
    find_input(page, "/metadata/0#key").fill("group")
    remove(page, "/headers/0")
    stored = save(page, console)
    assert stored["metadata"] == {"group": "accounts", "stage": "test"}
    assert "headers" not in stored


def test_two_pairs_of_one_name_are_told_and_neither_is_lost(postmark_page: Page, console: ServedConsole) -> None:
    page = postmark_page
    for number in range(2):
        add(page, "Metadata")
        find_input(page, f"/metadata/{number}#key").fill("team")
        find_input(page, f"/metadata/{number}").fill(f"value {number}")
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Some settings are not right yet")
    expect(page.locator("#config")).to_contain_text("There is another entry of this name.")
    expect(find_input(page, "/metadata/1")).to_have_value("value 1")
    assert console.config_of(POSTMARK) == POSTMARK_CONFIG


def test_choices_and_switches_are_saved_and_unset_again(postmark_page: Page, console: ServedConsole) -> None:
    page = postmark_page
    find_input(page, "/trackLinks").select_option("HtmlOnly")
    find_input(page, "/trackOpens").select_option("Yes")
    find_input(page, "/inlineCss").select_option("No")
    find_input(page, "/tag").fill("codes")
    further = {"trackLinks": "HtmlOnly", "trackOpens": True, "inlineCss": False, "tag": "codes"}
    assert save(page, console) == {**POSTMARK_CONFIG, **further}
    for name in ("/trackLinks", "/trackOpens", "/inlineCss"):
        find_input(page, name).select_option("Not set")
    find_input(page, "/tag").fill("")
    assert save(page, console) == POSTMARK_CONFIG


def test_numbers_switches_and_texts_of_many_lines_are_saved_as_what_they_are(
    page: Page, console: ServedConsole
) -> None:
    page.goto(console.page_of(SMTP))
    press(page, "sandbox")
    expect(page.locator("#notices")).to_contain_text("not saved yet")
    find_input(page, "/port").fill("4650")
    find_input(page, "/secure").check()
    find_input(page, "/requireTLS").select_option("Not set")
    find_input(page, "/connectionTimeout").fill("1500.5")
    find_input(page, "/templates/0/content").fill("One line,\nand <another> with {{code}}.")
    stored = save(page, console, SMTP)
    assert (stored["port"], stored["secure"], stored["connectionTimeout"]) == (4650, True, 1500.5)
    assert stored["templates"][0]["content"] == "One line,\nand <another> with {{code}}."
    assert stored["tls"] == console.sandboxes.start(console.host[SMTP])["tls"]
    find_input(page, "/secure").uncheck()
    assert "secure" not in save(page, console, SMTP)


def test_json_in_a_field_is_told_where_it_is_broken_and_saved_once_it_is_mended(
    page: Page, console: ServedConsole
) -> None:
    page.goto(console.page_of(MAILGUN))
    press(page, "sandbox")
    expect(page.locator("#notices")).to_contain_text("not saved yet")
    sign_in = page.locator("#config [data-rows='/deliveries'] > *").filter(
        has=page.locator("input[name$='#key'][value=SignIn]")
    )
    variables = unfold(sign_in.get_by_label("Variables"))
    variables.fill('{"code": ')
    variables.press("Tab")
    expect(sign_in).to_contain_text("line 1, column 10")
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Some settings are not right yet")
    expect(variables).to_have_value('{"code": ')
    variables.fill('{"team": {"name": "Accounts"}, "sizes": [1, 2.5, true, null]}')
    stored = save(page, console, MAILGUN)
    assert stored["deliveries"]["SignIn"]["variables"] == {
        "team": {"name": "Accounts"},
        "sizes": [1, 2.5, True, None],
    }


def test_a_setting_with_a_condition_shows_when_it_holds_and_stays_while_it_is_filled(
    page: Page, console: ServedConsole
) -> None:
    page.goto(console.page_of(SMTP))
    text = find_input(page, "/templates/0/text")
    content_type = find_input(page, "/templates/0/contentType")
    expect(text).to_be_hidden()
    expect(find_input(page, "/requireTLS")).to_be_visible()
    content_type.select_option("text/html")
    expect(text).to_be_visible()
    expect(find_input(page, "/templates/1/text")).to_be_hidden()
    find_input(page, "/secure").check()
    expect(find_input(page, "/requireTLS")).to_be_hidden()
    text.fill("Your code is {{code}}.")
    content_type.select_option("text/plain")
    expect(text).to_be_visible()
    text.fill("")
    expect(text).to_be_hidden()


def test_issues_appear_when_a_field_is_left_and_go_away_when_it_is_mended(
    postmark_page: Page, console: ServedConsole
) -> None:
    page = postmark_page
    sender = find_input(page, "/fromEmail")
    sender.fill("nobody")
    expect(find_issues(page, "/fromEmail")).to_be_empty()
    sender.press("Tab")
    expect(find_issues(page, "/fromEmail")).not_to_be_empty()
    expect(sender).to_have_attribute("aria-invalid", "true")
    expect(find_issues(page, "/serverToken")).to_be_empty()
    sender.fill("ada@example.com")
    sender.press("Tab")
    expect(find_issues(page, "/fromEmail")).to_be_empty()
    expect(sender).not_to_have_attribute("aria-invalid", "true")
    assert save(page, console)["fromEmail"] == "ada@example.com"


def test_what_stands_in_a_variable_or_a_file_is_used_and_not_stored(
    postmark_page: Page, console: ServedConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = postmark_page
    find_input(page, "/serverToken#from").select_option("Environment variable")
    find_input(page, "/serverToken#name").fill("MADE_UP_TOKEN")
    press(page, "save")
    expect(find_issues(page, "/serverToken")).to_contain_text("MADE_UP_TOKEN")
    monkeypatch.setenv("MADE_UP_TOKEN", TOKEN)
    assert save(page, console)["serverToken"] == {"$env": "MADE_UP_TOKEN"}
    expect(find_input(page, "/serverToken#name")).to_have_value("MADE_UP_TOKEN")
    find_input(page, "/serverToken#from").select_option("Stored here")
    find_input(page, "/serverToken").fill("made-up-and-new")
    assert save(page, console)["serverToken"] == "made-up-and-new"


def test_the_json_view_changes_the_same_config_and_keeps_its_secrets(
    postmark_page: Page, console: ServedConsole
) -> None:
    page = postmark_page
    find_input(page, "/tag").fill("codes")
    press(page, "view:json")
    raw = page.locator("#raw")
    shown = json.loads(raw.input_value())
    assert shown == {**POSTMARK_CONFIG, "serverToken": "***", "tag": "codes"}
    raw.fill(json.dumps({**shown, "replyTo": "ada@example.com"}))
    press(page, "view:form")
    expect(find_input(page, "/replyTo")).to_have_value("ada@example.com")
    assert save(page, console) == {**POSTMARK_CONFIG, "tag": "codes", "replyTo": "ada@example.com"}


def test_the_json_view_keeps_a_secret_that_is_not_saved_yet(page: Page, console: ServedConsole) -> None:
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/serverToken").fill(TOKEN)
    press(page, "view:json")
    raw = page.locator("#raw")
    raw.fill(json.dumps({**POSTMARK_CONFIG, "serverToken": "***"}))
    press(page, "view:form")
    expect(find_input(page, "/serverToken")).to_have_value("")
    press(page, "view:json")
    raw.fill(raw.input_value().replace("noreply@", "mails@"))
    assert save(page, console) == {**POSTMARK_CONFIG, "fromEmail": "mails@example.com"}


def test_json_that_is_wrong_is_told_and_shown_again_to_mend_it(postmark_page: Page, console: ServedConsole) -> None:
    page = postmark_page
    press(page, "view:json")
    raw = page.locator("#raw")
    raw.fill(json.dumps({**POSTMARK_CONFIG, "serverToken": "***", "fromEmail": "nobody", "tagg": "codes"}))
    press(page, "save")
    expect(page.locator("#config")).to_contain_text('did you mean "tag"?')
    assert json.loads(raw.input_value())["tagg"] == "codes"
    broken = raw.input_value().replace('"tagg"', "tagg")
    raw.fill(broken)
    press(page, "save")
    expect(page.locator("#config")).to_contain_text("The config is no JSON")
    raw.fill(broken.replace("tagg", "taggs"))
    press(page, "view:form")
    expect(page.locator("#config")).to_contain_text("The config is no JSON")
    expect(raw).to_have_value(broken.replace("tagg", "taggs"))
    raw.fill(broken.replace("tagg", '"tag"').replace("nobody", "ada@example.com"))
    assert save(page, console) == {**POSTMARK_CONFIG, "fromEmail": "ada@example.com", "tag": "codes"}


def test_json_that_cannot_be_read_stays_on_the_page_and_no_answer_repeats_a_secret_in_it(
    postmark_page: Page, console: ServedConsole
) -> None:
    page = postmark_page
    press(page, "view:json")
    raw = page.locator("#raw")
    for typed in ('{"serverToken": "made-up-and-new', "made-up-and-new", f'{{"tag": "{TOKEN}"'):
        raw.fill(typed)
        press(page, "view:form")
        expect(page.locator("#config")).to_contain_text("The config is no JSON")
        expect(raw).to_have_value(typed)
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#trial")).to_contain_text("The config is no JSON")
    assert console.find_leak(TOKEN, "made-up-and-new") == []
