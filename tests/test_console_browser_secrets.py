"""No secret leaves the console again: not in an answer, an address, a cookie, a log, nor on its terminal."""

from __future__ import annotations

import json
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from command_line import start
from connector_postmark.sandbox import INACTIVE_RECIPIENT, PostmarkSandbox
from console_browser import POSTMARK, POSTMARK_CONFIG, TOKEN, fill_postmark, find_input, press, unfold
from playwright.sync_api import expect

from connector_core.testing.leaks import find_leak

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from console_browser import ServedConsole
    from playwright.sync_api import Page

WRONG = "made-up-and-wrong-5d2a"
FURTHER = "made-up-token-new-3f58"


def use_everything(page: Page, sandbox: PostmarkSandbox) -> None:
    """Type tokens in each view, have them sent, refused, saved, replaced and exported without secrets."""
    address = page.url
    fill_postmark(page, {**sandbox.config, "serverToken": WRONG})
    page.locator("#to").fill("ada@example.com")
    press(page, "send")
    expect(page.locator("[data-result=failed]")).to_contain_text("authorization_failed")
    press(page, "check")
    expect(page.locator("#trial .finding.error")).to_be_visible()
    find_input(page, "/serverToken").fill(TOKEN)
    find_input(page, "/fromEmail").fill("nobody")
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Some settings are not right yet")
    press(page, "view:json")
    raw = page.locator("#raw")
    expect(raw).to_have_value(re.compile(r'"serverToken": "\*\*\*"'))
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Some settings are not right yet")
    raw.fill(raw.input_value().replace("nobody", "noreply@example.com"))
    press(page, "send")
    expect(page.locator("[data-result=sent]")).to_be_visible()
    raw.fill(raw.input_value().replace("***", FURTHER).replace("}", "", 1))
    press(page, "save")
    expect(page.locator("#main")).to_contain_text("The config is no JSON")
    page.goto(address)
    fill_postmark(page, sandbox.config)
    press(page, "done")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_contain_text("Active")
    page.goto(address)
    find_input(page, "/serverToken").fill(FURTHER)
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text("Saved.")
    with page.expect_download():
        unfold(page.get_by_role("link", name="Export without secrets", include_hidden=True)).click()
    page.goto(f"{address}?view=json")
    expect(raw).to_have_value(re.compile(r'"serverToken": "\*\*\*"'))
    page.get_by_role("link", name="History").click()
    expect(page.locator("#main")).to_contain_text("$.serverToken")


@pytest.mark.parametrize("scripts", [True, False])
def test_no_answer_address_cookie_or_log_shows_a_secret(
    open_page: Callable[..., Page], console: ServedConsole, logged: pytest.LogCaptureFixture, *, scripts: bool
) -> None:
    page = open_page(console, java_script_enabled=scripts)
    page.goto(console.page_of(POSTMARK))
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    with PostmarkSandbox(POSTMARK_CONFIG) as sandbox:
        use_everything(page, sandbox)
    secrets = (TOKEN, WRONG, FURTHER)
    assert len(console.answers) > 20
    assert console.find_leak(*secrets) == []
    assert find_leak("\n".join(addresses), secrets) is None
    assert find_leak(json.dumps(page.context.cookies()), secrets) is None
    assert logged.records
    assert find_leak("\n".join(record.getMessage() for record in logged.records), secrets) is None
    stored = console.config_of(POSTMARK)
    assert stored is not None
    assert stored["serverToken"] == FURTHER  # so the tokens were really there to be found


@pytest.mark.skipif(sys.platform == "win32", reason="no fork on this system, nor the signal that stops the command")
def test_the_command_prints_the_token_to_sign_in_and_no_secret_of_a_config(
    open_page: Callable[..., Page], tmp_path: Path
) -> None:
    store = tmp_path / "configs.json"
    process = start("console", "--port", "0", "--store", str(store), "--json")
    assert process.stderr is not None
    assert process.stdout is not None
    try:
        said = process.stderr.readline()
        url = json.loads(process.stdout.readline())["url"]
        page = open_page()
        page.goto(f"{url}connectors/{POSTMARK}")
        page.locator("#token").fill(said.removeprefix("Token to sign in: ").strip())
        page.locator("#token").press("Enter")
        page.get_by_role("link", name="Set up Postmark Mail").click()
        expect(page.locator("#config")).to_be_visible()
        find_input(page, "/serverToken").fill(TOKEN)
        press(page, "save")
        expect(page.locator("#notices")).to_contain_text("Some settings are not right yet")
        with PostmarkSandbox(POSTMARK_CONFIG) as sandbox:
            fill_postmark(page, sandbox.config)
            page.locator("#to").fill(INACTIVE_RECIPIENT)
            press(page, "send")
            expect(page.locator("[data-result=failed]")).to_contain_text("recipient_rejected")
            press(page, "done")
            expect(page.locator("#notices")).to_contain_text("Saved")
        page.context.close()  # it would complain of a console that is gone
        process.send_signal(signal.SIGINT)
        printed, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert f'"{TOKEN}"' in store.read_text("utf-8")
    assert find_leak(printed + said + told, [TOKEN]) is None
    assert "Traceback" not in told
