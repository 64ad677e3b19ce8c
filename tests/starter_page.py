"""A starter's HTML as the tests read it: well-formed, with the colours of each text in light and in dark."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_DARK = "prefers-color-scheme: dark"


class ColouredText(NamedTuple):
    """A text that a reader sees, and its colours as `#rrggbb`."""

    text: str
    colour: str
    background: str

    @property
    def contrast(self) -> float:
        """Return the contrast ratio (WCAG 2.2, definition of "contrast ratio")."""
        lighter, darker = sorted(map(_luminance, (self.colour, self.background)), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)


def read_page(html: str, *, in_word: bool = False) -> ET.Element:
    """Return the tree of a page, which must be well-formed apart from its void elements.

    Args:
        html: the page.
        in_word: whether to read what stands in comments for Word, the engine of Outlook on Windows.

    """
    if in_word:
        html = html.replace("<!--[if mso]>", "").replace("<![endif]-->", "")
    closed = re.sub(r"<(meta|br|hr)\b([^>]*)>", r"<\1\2/>", html)
    return ET.fromstring(closed.removeprefix("<!doctype html>"))  # noqa: S314  our own page


def read_style(element: ET.Element) -> dict[str, str]:
    """Return the declarations of a style attribute."""
    return _read_declarations(element.get("style", ""))


def find_coloured_texts(page: ET.Element, scheme: str) -> Iterator[ColouredText]:
    """Yield each text that a reader sees, in document order."""
    (block,) = page.iter("style")
    rules = _read_dark_rules(block.text or "") if scheme == "dark" else {}
    (body,) = page.iter("body")
    yield from _walk(body, "", "", rules)


def _walk(
    element: ET.Element, colour: str, background: str, rules: dict[str, dict[str, str]]
) -> Iterator[ColouredText]:
    style = read_style(element)
    if style.get("display") == "none":
        return
    for name in element.get("class", "").split():
        style |= rules.get(name, {})
    colour, background = style.get("color", colour), style.get("background-color", background)
    if (element.text or "").strip():
        yield ColouredText((element.text or "").strip(), colour, background)
    for child in element:
        yield from _walk(child, colour, background, rules)
        if (child.tail or "").strip():
            yield ColouredText((child.tail or "").strip(), colour, background)


def _read_dark_rules(css: str) -> dict[str, dict[str, str]]:
    """Return the declarations of each class in the block for dark; all of them override style attributes."""
    inside = css[css.index(_DARK) :].partition("{")[2].partition("\n}")[0]
    rules = re.findall(r"\.([\w-]+) \{([^}]*)\}", inside)
    assert rules
    assert all(declaration.endswith("!important") for _, body in rules for declaration in _split(body))
    return {name: _read_declarations(body.replace("!important", "")) for name, body in rules}


def _read_declarations(css: str) -> dict[str, str]:
    pairs = (declaration.partition(":") for declaration in _split(css))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _split(css: str) -> list[str]:
    return [declaration.strip() for declaration in css.split(";") if declaration.strip()]


def _luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2, definition of "relative luminance")."""
    assert re.fullmatch(r"#[0-9a-f]{6}", colour), f"{colour!r} is no colour as the layout writes them"
    steps = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (step / 12.92 if step <= 0.04045 else ((step + 0.055) / 1.055) ** 2.4 for step in steps)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
