"""Every page and state of the console: no accessibility violation, nothing wider than a small screen."""

from __future__ import annotations

import contextlib
import importlib.resources
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from connector_postmark.sandbox import INACTIVE_RECIPIENT
from console_browser import POSTMARK, SMTP, Complaints, ServedConsole, find_input, new_context, press
from installed import INSTALLED, ROOT
from playwright.sync_api import expect

from connector_core import Host
from connector_core.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.own_code

_SMALLEST = 360
_MOST_BYTES = 60_000
_UNFOLD = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
_RUN = """async ([rules, isDark, isWhole]) => {
  const only = isDark ? { type: "rule", values: ["color-contrast"] } : { type: "tag", values: rules };
  const options = { iframes: false, preload: false, resultTypes: ["violations"], runOnly: only };
  const part = { exclude: [".guide", "[data-row]:nth-child(n+3)"] };
  const { violations } = await axe.run(isWhole ? document : part, options);
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}"""
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_FIND_WIDE = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const all = [...document.querySelectorAll("body *")];
  const wide = all.filter((one) => one.getBoundingClientRect().right > innerWidth + 1);
  return wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120));
}"""


@dataclass(slots=True)
class Inspection:
    """What was found in each state: violations in light and dark, and what is wider than the smallest screen."""

    light: dict[str, list[str]] = field(default_factory=dict)
    dark: dict[str, list[str]] = field(default_factory=dict)
    wide: dict[str, list[str]] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def look(self, page: Page, state: str) -> None:
        """Inspect a page with everything unfolded; what is long and looks the same in each state, in some only."""
        is_whole = state in INSTALLED or page.locator(".guide").count() == 0
        axe = importlib.resources.files("axe_playwright_python") / "axe.min.js"
        page.evaluate(_UNFOLD)
        page.evaluate(axe.read_text("utf-8"))
        self.light[state] = page.evaluate(_RUN, [_RULES, False, is_whole])
        page.emulate_media(color_scheme="dark")
        self.dark[state] = page.evaluate(_RUN, [_RULES, True, is_whole])
        page.set_viewport_size({"width": _SMALLEST, "height": 800})
        self.wide[state] = page.evaluate(_FIND_WIDE)
        page.set_viewport_size({"width": 1280, "height": 900})
        page.emulate_media(color_scheme="light")


def visit(page: Page, console: ServedConsole) -> Iterator[str]:
    """Lead a page through the states of the console, and name each."""
    page.goto(console.url)
    yield "sign-in"
    page.locator("#token").fill("made-up-and-wrong")
    page.locator("#token").press("Enter")
    expect(page.locator("#token-issue")).not_to_be_empty()
    yield "sign-in failed"
    page.locator("#token").fill(console.tokens[-1])
    page.locator("#token").press("Enter")
    expect(page.locator("[data-id]").first).to_be_visible()
    yield "catalogue"
    page.goto(f"{console.url}connectors/no-such-thing")
    yield "error"
    page.goto(f"{console.url}connectors/gone-mail")
    yield "missing connector"
    page.goto(console.page_of(POSTMARK))
    yield "form to start from"
    find_input(page, "/fromEmail").fill("nobody")
    press(page, "save")
    expect(page.locator("#notices")).not_to_be_empty()
    yield "form with issues"
    press(page, "view:json")
    expect(page.locator("#raw")).to_be_visible()
    yield "JSON view"
    yield from visit_trials(page, console)
    yield from visit_changes(page, console)


def visit_trials(page: Page, console: ServedConsole) -> Iterator[str]:
    page.goto(console.page_of(POSTMARK))
    press(page, "sandbox")
    expect(page.locator("#notices")).to_contain_text("not saved yet")
    page.locator("#to").fill("ada@example.com")
    press(page, "send")
    expect(page.locator("[data-result=sent]")).to_be_visible()
    yield "message sent"
    page.locator("#to").fill(INACTIVE_RECIPIENT)
    press(page, "send")
    expect(page.locator("[data-result=failed]")).to_be_visible()
    yield "message refused"
    find_input(page, "/templates/0/templateAlias").fill("nobody-made-this")
    press(page, "check")
    expect(page.locator("#trial .finding.error")).to_be_visible()
    yield "findings"


def visit_changes(page: Page, console: ServedConsole) -> Iterator[str]:
    press(page, "done")
    expect(page.locator(f"[data-id={POSTMARK}]")).to_contain_text("Active")
    yield "catalogue with an active connector"
    page.goto(console.page_of(POSTMARK))
    find_input(page, "/tag").fill("mine")
    console.store(POSTMARK, {**(console.config_of(POSTMARK) or {}), "tag": "theirs"})
    press(page, "save")
    expect(page.get_by_role("alert")).to_contain_text("Somebody else saved meanwhile")
    yield "conflict"
    page.goto(f"{console.page_of(POSTMARK)}/delete")
    yield "delete"
    page.goto(f"{console.url}history")
    yield "history"
    for connector_id in INSTALLED:
        page.goto(console.page_of(connector_id))
        press(page, "sandbox")
        expect(page.locator("#notices")).to_contain_text("not saved yet")
        yield connector_id


@pytest.fixture(scope="module")
def inspection(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    """Inspect every state, and that of a form that was refused without scripts."""
    found = Inspection()
    complaints = Complaints()
    store = open_store(str(tmp_path_factory.mktemp("looks") / "configs.json"))
    config = {"apiKey": "made-up-key-19c4", "a": {"long": ["value", "x" * 300]}}
    store.save("gone-mail", config, type="Email", secrets=[("apiKey",)], author="ada", revision="", activate=False)
    with contextlib.closing(ServedConsole(Host.discover(store=store))) as console:
        page = new_context(chromium).new_page()
        complaints.listen(page)
        for state in visit(page, console):
            found.look(page, state)
        page.context.close()
        page = new_context(chromium).new_page()
        console.sign_in(page.context)
        page.route("**/console.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
        page.goto(console.page_of(SMTP))
        press(page, "save")
        expect(page.locator("#notices")).not_to_be_empty()
        found.look(page, "form with issues without scripts")
        page.context.close()
    found.complaints = complaints.heard
    return found


def list_trouble(found: dict[str, list[str]]) -> dict[str, list[str]]:
    return {state: troubles for state, troubles in found.items() if troubles}


def test_no_page_has_a_serious_accessibility_violation(inspection: Inspection) -> None:
    assert len(inspection.light) > 20
    assert list_trouble(inspection.light) == {}


def test_no_page_lacks_contrast_in_the_dark(inspection: Inspection) -> None:
    assert list_trouble(inspection.dark) == {}


def test_no_page_is_wider_than_a_small_screen(inspection: Inspection) -> None:
    assert list_trouble(inspection.wide) == {}


def test_no_page_complains_of_a_script_or_of_what_its_policy_forbids(inspection: Inspection) -> None:
    assert inspection.complaints == []


def test_styles_and_scripts_together_are_small() -> None:
    static = ROOT / "connector_core" / "console" / "static"
    files = [file for file in static.rglob("*") if file.suffix in {".css", ".js"}]
    assert len(files) >= 2
    assert sum(file.stat().st_size for file in files) < _MOST_BYTES


def test_a_page_loads_nothing_from_elsewhere(page: Page, console: ServedConsole) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(console.page_of(POSTMARK))
    page.goto(console.url)
    assert len(asked) > 4
    assert [url for url in asked if not url.startswith(console.url)] == []
