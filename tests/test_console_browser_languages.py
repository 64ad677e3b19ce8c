"""The console in the language of the browser."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from console_browser import POSTMARK, POSTMARK_CONFIG, press
from installed import ROOT
from playwright.sync_api import expect

from connector_core.console.texts import LOCALES, Texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_browser import ServedConsole
    from playwright.sync_api import Page

_LOCALES = ROOT / "connector_core" / "console" / "locales"
_SENTENCES = [
    english
    for english in json.loads((_LOCALES / "fr.json").read_text("utf-8"))
    if re.fullmatch(r"[A-Z][^{}]{11,}", english)
]


def list_english(page: Page, texts: Texts, guide: str = "") -> list[str]:
    """Return the console's own sentences that stand on a page in English, but for those of an English guide."""
    shown = page.locator("body").inner_text()
    return [one for one in _SENTENCES if one in shown and one not in guide and texts(one) != one]


def test_a_french_browser_gets_pages_words_and_the_guide_in_french(
    open_page: Callable[..., Page], console: ServedConsole
) -> None:
    t = Texts("fr")
    page = open_page(locale="fr-FR")
    page.goto(console.url)
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    assert list_english(page, t) == []
    page.locator("#token").fill(console.tokens[-1])
    page.get_by_role("button", name=t("Sign in")).click()
    expect(page.get_by_role("link", name=t("Catalogue"))).to_be_visible()
    assert list_english(page, t) == []
    page.locator(f"[data-id={POSTMARK}]").get_by_role("link").last.click()
    heading = re.search(r"^## (.+)$", console.host[POSTMARK].guide("fr"), re.MULTILINE)
    assert heading is not None
    assert heading[0] not in console.host[POSTMARK].guide("en")
    expect(page.get_by_role("heading", name=heading[1], exact=True)).to_be_visible()
    press(page, "save")
    expect(page.locator("#notices")).to_contain_text(t("Some settings are not right yet: mend what is marked."))
    assert list_english(page, t) == []
    press(page, "sandbox")
    expect(page.locator("#notices")).not_to_be_empty()
    page.locator("#to").fill("ada@example.com")
    press(page, "send")
    expect(page.locator("[data-result=sent]")).to_contain_text(t("The provider took the message."))
    press(page, "check")
    expect(page.locator("#trial .finding").first).to_be_visible()
    assert list_english(page, t) == []
    with page.expect_navigation(url="**done=finished**"):
        press(page, "done")
    expect(page.locator("#notices")).to_contain_text(t("Saved. Messages go through {id} from now on.", id=POSTMARK))
    page.get_by_role("link", name=t("History")).click()
    expect(page.get_by_role("heading", name=t("History"))).to_be_visible()
    assert list_english(page, t) == []


@pytest.mark.parametrize("locale", [locale for locale in LOCALES if locale not in {"en", "fr"}])
def test_the_catalogue_and_a_connector_show_in_the_language_of_the_browser(
    open_page: Callable[..., Page], console: ServedConsole, locale: str
) -> None:
    t = Texts(locale)
    console.store(POSTMARK, POSTMARK_CONFIG, activate=True)
    page = open_page(console, locale=locale)
    page.goto(console.url)
    expect(page.locator("html")).to_have_attribute("lang", locale)
    postmark = page.locator(f"[data-id={POSTMARK}]")
    expect(postmark).to_contain_text(console.host[POSTMARK].name(locale))
    expect(postmark).to_contain_text(console.host[POSTMARK].metadata.description[locale])
    expect(postmark).to_contain_text(t("Active"))
    assert list_english(page, t) == []
    postmark.get_by_role("link").last.click()
    expect(page.get_by_role("button", name=t("Save and done"))).to_be_visible()
    assert list_english(page, t, console.host[POSTMARK].guide(locale)) == []


def test_another_language_can_be_chosen_and_stays(page: Page, console: ServedConsole) -> None:
    page.goto(console.url)
    page.get_by_role("link", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.goto(console.page_of(POSTMARK))
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#config")).to_be_visible()
