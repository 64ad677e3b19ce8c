"""The console by the keyboard alone: everything can be reached, seen and left again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_postmark.sandbox import PostmarkSandbox
from console_browser import POSTMARK, POSTMARK_CONFIG, TOKEN, find_issues, press
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_browser import ServedConsole
    from playwright.sync_api import Locator, Page

_MOST_STOPS = 250

_LOOK = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const isSeen = ([x, y]) => {
    const top = document.elementFromPoint(x, y);
    const labels = [...(one.labels || [])];
    return top && (one.contains(top) || top.contains(one) || labels.some((label) => label.contains(top)));
  };
  const [left, right] = [Math.max(box.left, 0) + 3, Math.min(box.right, innerWidth) - 3];
  const [upper, lower] = [Math.max(box.top, 0) + 3, Math.min(box.bottom, innerHeight) - 3];
  const points = [[left, upper], [right, lower], [(left + right) / 2, (upper + lower) / 2]];
  const again = one.wasFocused === true;
  one.wasFocused = true;
  return {
    what: one.outerHTML.slice(0, 160),
    again,
    hasRing: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none",
    isOnScreen: points.some(isSeen),
  };
}"""

_LIST_UNREACHED = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
  return all
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0)
    .filter((one) => one.type !== "hidden" && one.wasFocused !== true)
    .map((one) => one.outerHTML.slice(0, 160));
}"""

_COMES_BEFORE = "one => !!(document.activeElement.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_PRECEDING)"


def look(page: Page) -> dict[str, Any] | None:
    """Return what has the focus, which must show where it is and not be covered by anything."""
    stop: dict[str, Any] | None = page.evaluate(_LOOK)
    assert stop is None or stop["hasRing"], f"nothing shows that the focus is here: {stop['what']}"
    assert stop is None or stop["isOnScreen"], f"what has the focus is out of sight: {stop['what']}"
    return stop


def go_to(page: Page, target: Locator) -> None:
    """Press Tab, or Shift and Tab where the way back is the way, until something has the focus."""
    expect(target).to_be_visible()
    key = "Shift+Tab" if target.evaluate(_COMES_BEFORE) else "Tab"
    for _ in range(_MOST_STOPS):
        if target.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press(key)
        look(page)
    raise AssertionError(f"{key} never reaches {target}")


def by_name(page: Page, name: str) -> Locator:
    return page.locator(f'#config [name="{name}"]')


def test_postmark_is_set_up_from_nothing_by_the_keyboard_alone(
    open_page: Callable[..., Page], console: ServedConsole
) -> None:
    page = open_page()
    keyboard = page.keyboard
    page.goto(console.url)
    go_to(page, page.locator("#token"))
    keyboard.type(console.tokens[-1])
    keyboard.press("Enter")
    go_to(page, page.get_by_role("link", name="Set up Postmark Mail"))
    keyboard.press("Enter")
    with PostmarkSandbox(POSTMARK_CONFIG) as sandbox:
        go_to(page, by_name(page, "/serverToken"))
        keyboard.type(TOKEN)
        go_to(page, by_name(page, "/fromEmail"))
        keyboard.type("noreply@")
        keyboard.press("Tab")
        expect(find_issues(page, "/fromEmail")).not_to_be_empty()
        go_to(page, by_name(page, "/fromEmail"))
        keyboard.press("End")
        keyboard.type("example.com")
        go_to(page, page.locator('button[value="remove:/templates/8"]'))
        keyboard.press("Space")
        expect(by_name(page, "/templates/8/usageType")).to_have_count(0)
        go_to(page, page.locator('button[value="add:/templates"]'))
        keyboard.press("Enter")
        expect(by_name(page, "/templates/8/usageType")).to_be_focused()
        keyboard.type("BindMfa")
        go_to(page, by_name(page, "/templates/8/templateAlias"))
        keyboard.type("logto-bind-mfa")
        go_to(page, page.locator("#config details.further > summary").last)
        keyboard.press("Enter")
        go_to(page, by_name(page, "/apiUrl"))
        keyboard.type(sandbox.url)
        go_to(page, by_name(page, "/trackOpens"))
        keyboard.type("Yes")
        go_to(page, page.locator("#to"))
        keyboard.type("ada@example.com")
        go_to(page, page.locator('#config button[value="send"]'))
        keyboard.press("Space")
        expect(page.locator("[data-result=sent]")).to_be_visible()
        expect(page.locator('#config button[value="send"]')).to_be_focused()
        go_to(page, page.get_by_role("button", name="Save and done"))
        keyboard.press("Enter")
        expect(page.locator("#notices")).to_contain_text("Saved")
        expect(page.locator(f"[data-id={POSTMARK}]")).to_contain_text("Active")
        assert [message.to for message in sandbox.messages] == [("ada@example.com",)]
        assert console.config_of(POSTMARK) == {**sandbox.config, "trackOpens": True}


def test_the_focus_goes_to_the_first_setting_that_is_wrong(page: Page, console: ServedConsole) -> None:
    console.store(POSTMARK, POSTMARK_CONFIG)
    page.goto(console.page_of(POSTMARK))
    go_to(page, by_name(page, "/fromEmail"))
    page.keyboard.press("Control+a")
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")
    expect(find_issues(page, "/fromEmail")).not_to_be_empty()
    expect(by_name(page, "/fromEmail")).to_be_focused()
    look(page)


def test_everything_on_the_page_of_a_connector_is_reached_and_nothing_traps_the_focus(
    page: Page, console: ServedConsole
) -> None:
    console.store(POSTMARK, console.sandboxes.start(console.host[POSTMARK]))
    page.goto(console.page_of(POSTMARK))
    press(page, "check")
    expect(page.locator("#trial .finding").first).to_be_visible()
    for key in ("Tab", "Shift+Tab"):
        page.evaluate("document.querySelectorAll('*').forEach((one) => { one.wasFocused = false; })")
        for _ in range(_MOST_STOPS):
            page.keyboard.press(key)
            stop = look(page)
            if stop is not None and stop["again"]:
                break
        else:
            raise AssertionError(f"{key} never comes round")
        assert page.evaluate(_LIST_UNREACHED) == []


def test_a_mail_that_has_not_come_yet_shows_that_the_focus_is_in_it(page: Page, console: ServedConsole) -> None:
    console.store(POSTMARK, console.sandboxes.start(console.host[POSTMARK]))
    page.goto(console.page_of(POSTMARK))
    page.route("**/outbox/*", lambda _route: None)
    page.locator("#to").fill("ada@example.com")
    press(page, "send")
    expect(page.locator("[data-result=sent]")).to_be_visible()
    mail = page.locator("#trial iframe")
    go_to(page, mail)
    page.keyboard.press("Tab")
    look(page)
    expect(mail).to_have_css("outline-style", "none")
