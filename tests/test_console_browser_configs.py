"""What becomes of stored configs in a browser: two who save at once, activation, deletion, transfer, history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from console_browser import POSTMARK, POSTMARK_CONFIG, SMTP, TOKEN, find_input, press, unfold
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_browser import ServedConsole
    from playwright.sync_api import Page

NEW_TOKEN = "made-up-token-new-3f58"


def show(page: Page, name: str) -> None:
    """Press a link or button outside the form, wherever it is folded away."""
    either = page.get_by_role("link", name=name, exact=True, include_hidden=True).or_(
        page.get_by_role("button", name=name, exact=True, include_hidden=True)
    )
    unfold(either.first).first.click()


def download(page: Page, press_it: Callable[[], object]) -> dict[str, Any]:
    with page.expect_download() as downloading:
        press_it()
    document: dict[str, Any] = json.loads(Path(downloading.value.path()).read_text("utf-8"))
    assert downloading.value.suggested_filename == f"{document['connector']}.json"
    return document


def choose_file(page: Page, file: Path, document: object) -> None:
    file.write_text(json.dumps(document), "utf-8")
    unfold(page.locator("input[type=file]")).set_input_files(file)
    show(page, "Import")


@pytest.fixture
def others_page(
    open_page: Callable[..., Page], serve_console: Callable[..., ServedConsole], console: ServedConsole
) -> Page:
    """Give the page of Postmark in another console that has the same store, opened before anything is saved."""
    console.store(POSTMARK, POSTMARK_CONFIG)
    other = serve_console()
    page = open_page(other)
    page.goto(other.page_of(POSTMARK))
    return page


def test_who_saves_second_sees_the_conflict_loses_nothing_and_can_overwrite(
    page: Page, console: ServedConsole, others_page: Page
) -> None:
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/tag").fill("mine")
    find_input(page, "/serverToken").fill(NEW_TOKEN)
    find_input(others_page, "/tag").fill("theirs")
    press(others_page, "save")
    expect(others_page.locator("#notices")).to_contain_text("Saved.")
    press(page, "save")
    conflict = page.get_by_role("alert")
    expect(conflict).to_contain_text("Somebody else saved meanwhile")
    expect(conflict).to_contain_text("theirs")
    expect(conflict).to_contain_text("$.serverToken")
    expect(find_input(page, "/tag")).to_have_value("mine")
    assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "tag": "theirs"}
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "tag": "mine", "serverToken": NEW_TOKEN}


def test_who_saves_second_can_drop_the_changes_for_those_of_the_first(
    page: Page, console: ServedConsole, others_page: Page
) -> None:
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/tag").fill("mine")
    find_input(others_page, "/tag").fill("theirs")
    press(others_page, "done")
    expect(others_page.locator("#notices")).to_contain_text("Saved")
    press(page, "done")
    expect(page.get_by_role("alert")).to_contain_text("Somebody else saved meanwhile")
    page.get_by_role("link", name="Drop mine and show theirs").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(find_input(page, "/tag")).to_have_value("theirs")
    assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "tag": "theirs"}


def test_a_config_that_was_deleted_meanwhile_can_be_kept(page: Page, console: ServedConsole, others_page: Page) -> None:
    page.goto(console.page_of(POSTMARK))
    show(others_page, "Delete")
    others_page.get_by_role("button", name="Delete").click()
    expect(others_page.locator("#notices")).to_contain_text("is deleted")
    find_input(page, "/serverToken").fill(NEW_TOKEN)
    press(page, "save")
    expect(page.get_by_role("alert")).to_contain_text("The config was deleted.")
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "serverToken": NEW_TOKEN}


def test_a_config_is_deleted_after_a_question_only(page: Page, console: ServedConsole) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG, activate=True)
    page.goto(console.page_of(POSTMARK))
    show(page, "Delete")
    expect(page.get_by_role("heading", name="Delete the config of")).to_be_visible()
    expect(page.locator("#main")).to_contain_text("It is active: without it no messages go out.")
    page.get_by_role("link", name="Keep it").click()
    expect(page.locator("#config")).to_be_visible()
    assert console.config_of(POSTMARK) == POSTMARK_CONFIG
    show(page, "Delete")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#notices")).to_contain_text("is deleted")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_contain_text("Not set up")
    assert console.config_of(POSTMARK) is None


def test_one_connector_is_active_and_each_can_be_deactivated(page: Page, console: ServedConsole) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG, activate=True)
    console.store(SMTP, console.sandboxes.start(console.host[SMTP]))
    page.goto(console.url)
    postmark, smtp = page.locator(f"[data-id={POSTMARK}]"), page.locator(f"[data-id={SMTP}]")
    smtp.get_by_role("button", name="Activate").click()
    expect(page.locator("#notices")).to_contain_text("from now on")
    expect(smtp.get_by_role("button", name="Deactivate")).to_be_visible()
    expect(postmark.get_by_role("button", name="Activate")).to_be_visible()
    active = console.host.configs.find_active()
    assert active is not None
    assert active.connector_id == SMTP
    smtp.get_by_role("button", name="Deactivate").click()
    expect(page.locator("#notices")).to_contain_text("any more")
    assert console.host.configs.find_active() is None


def test_an_export_without_secrets_is_imported_over_the_stored_ones(
    page: Page, console: ServedConsole, tmp_path: Path
) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    exported = download(page, lambda: show(page, "Export without secrets"))
    assert exported == {"connector": POSTMARK, "config": {**POSTMARK_CONFIG, "serverToken": "***"}}
    exported["config"]["tag"] = "imported"
    choose_file(page, tmp_path / "export.json", exported)
    expect(page.locator("#notices")).to_contain_text("Imported, and not saved yet")
    assert console.config_of(POSTMARK) == POSTMARK_CONFIG
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    assert console.config_of(POSTMARK) == {**POSTMARK_CONFIG, "tag": "imported"}


def test_an_export_with_secrets_sets_up_another_console(
    page: Page,
    console: ServedConsole,
    open_page: Callable[..., Page],
    serve_console: Callable[..., ServedConsole],
    tmp_path: Path,
) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    exported = download(page, lambda: unfold(page.locator("button.danger", has_text="Export with secrets")).click())
    assert exported == {"connector": POSTMARK, "config": POSTMARK_CONFIG}
    assert console.find_leak(TOKEN) == [(f"POST {console.page_of(POSTMARK)}/export", "in clear")]
    other = serve_console("other.json")
    page = open_page(other)
    page.goto(other.page_of(SMTP))
    choose_file(page, tmp_path / "export.json", exported)
    expect(page.locator("#notices")).to_contain_text("for another connector")
    page.goto(other.page_of(POSTMARK))
    choose_file(page, tmp_path / "export.json", exported)
    expect(page.locator("#notices")).to_contain_text("Imported")
    press(page, "done")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_contain_text("Active")
    assert other.config_of(POSTMARK) == POSTMARK_CONFIG
    assert other.find_leak(TOKEN) == []


def test_a_config_without_its_connector_is_listed_shown_without_secrets_and_deleted(
    open_page: Callable[..., Page],
    serve_console: Callable[..., ServedConsole],
    console: ServedConsole,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG, activate=True)
    monkeypatch.setenv("CONNECTOR_CORE_BLOCK", POSTMARK)
    without = serve_console()
    page = open_page(without)
    page.goto(without.url)
    expect(page.locator(f"[data-id={POSTMARK}]")).to_contain_text("Missing")
    page.locator(f"[data-id={POSTMARK}]").get_by_role("link").last.click()
    expect(page.locator("#main")).to_contain_text('"fromEmail": "noreply@example.com"')
    expect(page.locator("#main")).to_contain_text('"serverToken": "***"')
    exported = download(page, lambda: show(page, "Export"))
    assert exported["config"]["serverToken"] == "***"
    show(page, "Delete")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#notices")).to_contain_text("is deleted")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_have_count(0)
    assert without.find_leak(TOKEN) == []


def test_a_connector_that_failed_to_load_is_listed_with_the_reason(
    open_page: Callable[..., Page], serve_console: Callable[..., ServedConsole], install: Callable[..., Path]
) -> None:
    install(
        "connector-broken", {"broken-mail": "broken_mail:plugin"}, {"broken_mail": "raise ImportError('no such part')"}
    )
    console = serve_console()
    page = open_page(console)
    page.goto(console.url)
    expect(page.get_by_role("heading", name="Failed to load")).to_be_visible()
    failure = page.get_by_role("listitem").filter(has_text="connector-broken")
    expect(failure).to_contain_text("broken-mail")
    expect(failure).to_contain_text("no such part")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_be_visible()


def test_the_history_tells_who_changed_what_and_no_secret(page: Page, console: ServedConsole) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/serverToken").fill(NEW_TOKEN)
    find_input(page, "/tag").fill("codes")
    press(page, "done")
    expect(page.locator("#notices")).to_contain_text("Saved")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    shown = page.locator("#main")
    for words in ("ada", "console", POSTMARK, "$.tag", "codes", "$.serverToken"):
        expect(shown).to_contain_text(words)
    assert console.find_leak(TOKEN, NEW_TOKEN) == []


def test_a_token_signs_in_once_and_signing_out_ends_the_session(
    open_page: Callable[..., Page], console: ServedConsole
) -> None:
    page = open_page()
    page.goto(console.page_of(POSTMARK))
    page.locator("#token").fill("made-up-and-wrong")
    page.locator("#token").press("Enter")
    expect(page.locator("#token-issue")).not_to_be_empty()
    token = console.tokens[-1]
    page.locator("#token").fill(token)
    page.locator("#token").press("Enter")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_be_visible()
    cookies = page.context.cookies()
    assert all(cookie["httpOnly"] and cookie["sameSite"] in {"Lax", "Strict"} for cookie in cookies)
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("#token")).to_be_visible()
    page.context.add_cookies(
        [{"name": cookie["name"], "value": cookie["value"], "url": console.url} for cookie in cookies]
    )
    page.goto(console.url)
    page.locator("#token").fill(token)
    page.locator("#token").press("Enter")
    expect(page.locator("#token-issue")).not_to_be_empty()
    page.go_back()
    expect(page.locator(f"[data-id={POSTMARK}]")).to_have_count(0)
