"""Guides as safe HTML: a guide is Markdown of people whom nobody here knows."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from html import escape, unescape
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from markdown_it.token import Token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from markdown_it import MarkdownIt

_PREFIX = "guide-"
"""What the id of each heading starts with, so that none is an id of the page around it."""

_FIRST_LEVEL, _LAST_LEVEL = 3, 6
"""The page is h1, the part of it that shows the guide h2."""

_TAGS = {
    *(f"h{level}" for level in range(_FIRST_LEVEL, _LAST_LEVEL + 1)),
    *("a", "blockquote", "br", "code", "div", "em", "hr", "li", "ol", "p", "pre", "s", "strong", "ul"),
    *("table", "tbody", "td", "th", "thead", "tr"),
}
_ATTRIBUTES = {
    "a": {"href", "target"},
    "div": {"aria-label", "class", "role", "tabindex"},
    "ol": {"start"},
    **{f"h{level}": {"id"} for level in range(_FIRST_LEVEL, _LAST_LEVEL + 1)},
}
_VALUES = {
    "aria-label": re.compile(r".*", re.DOTALL),
    "class": re.compile(r"scroll"),
    "href": re.compile(rf"(#{_PREFIX}|https://|mailto:).*"),
    "id": re.compile(rf"{_PREFIX}.*"),
    "rel": re.compile(r"noopener noreferrer"),
    "role": re.compile(r"region"),
    "start": re.compile(r"[0-9]+"),
    "tabindex": re.compile(r"0"),
    "target": re.compile(r"_blank"),
}
"""The values that an attribute may have."""

_IMPORTS = re.compile(r"(import\s[^'\"]*['\"][^'\"]+['\"];?\s*)+")
"""What MDX, the format of Logto's guides, has before the text."""

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


@lru_cache(maxsize=64)
def render_guide(markdown: str) -> str:
    """Return a guide as HTML that can stand on a page whatever the guide holds.

    Its title is left out, since the page has the connector's name, and its first level of headings is h3. Links lead to
    https or mail addresses and to headings of the guide; of any other link and of an image the text stays. Of HTML the
    text stays, too. Tables and code stand in a `div class="scroll"` that the keyboard reaches.

    Args:
        markdown: CommonMark with tables; front matter and imports, as MDX has them, are left out.

    """
    import nh3

    parser = _parser()
    tokens = list(_keep_text(parser.parse(markdown.encode("utf-8", "replace").decode("utf-8"))))
    title = ""
    if tokens and tokens[0].tag == "h1":
        title, tokens = _read_text(tokens[1]), tokens[3:]
    anchors = _place_headings(tokens)
    for token in tokens:
        token.children = list(_keep_links(token.children, anchors)) if token.children else token.children
    html: str = parser.renderer.render(list(_make_scrollable(tokens, title)), parser.options, {})
    return nh3.clean(
        html, tags=_TAGS, attributes=_ATTRIBUTES, attribute_filter=_filter_value, url_schemes={"https", "mailto"}
    )


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.anchors import anchors_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin

    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return parser.use(front_matter_plugin).use(anchors_plugin, max_level=6, slug_func=_make_slug)


def _make_slug(title: str) -> str:
    """Return the name that GitHub gives to a heading; links to headings are read in the same way."""
    return re.sub(r"[^\w -]", "", unicodedata.normalize("NFC", title).lower()).replace(" ", "-")


def _filter_value(_tag: str, name: str, value: str) -> str | None:
    return value if _VALUES[name].fullmatch(value) else None


def _keep_text(tokens: list[Token]) -> Iterator[Token]:
    """Yield the blocks of a guide: without front matter, without imports, and of HTML the text."""
    import nh3

    imports = {
        place
        for place, token in enumerate(tokens)
        if token.type == "inline" and tokens[place - 1].type == "paragraph_open" and _IMPORTS.fullmatch(token.content)
    }
    for place, token in enumerate(tokens):
        if token.type == "html_block":
            text = unescape(nh3.clean(token.content, tags=set())).strip()
            if text:
                yield Token("paragraph_open", "p", 1, block=True)
                yield Token("inline", "", 0, content=text, children=[_make_text(text)])
                yield Token("paragraph_close", "p", -1, block=True)
        elif token.type != "front_matter" and not imports & {place - 1, place, place + 1}:
            yield token


def _make_text(text: str) -> Token:
    return Token("text", "", 0, content=text)


def _read_text(token: Token) -> str:
    return "".join(child.content for child in token.children or () if child.type in {"text", "code_inline"}).strip()


def _place_headings(tokens: list[Token]) -> set[str]:
    """Give each heading the level and the id that it has on the page, and return the ids."""
    shift = _FIRST_LEVEL - min((int(token.tag[1]) for token in tokens if token.type == "heading_open"), default=0)
    level, anchors = _FIRST_LEVEL - 1, set()
    for token in tokens:
        if token.type == "heading_open":
            level = min(int(token.tag[1]) + shift, level + 1, _LAST_LEVEL)  # no level is left out
            anchor = f"{_PREFIX}{token.attrGet('id')}"
            token.attrSet("id", anchor)
            anchors.add(anchor)
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{level}"
    return anchors


def _keep_links(children: Iterable[Token], anchors: set[str]) -> Iterator[Token]:
    """Yield the parts of a text: links that lead somewhere; of other links, of images and of HTML the text."""
    link: Token | None = None  # one whose text is still to come
    leads = False
    for child in children:
        if child.type == "link_open":
            link = _resolve(child, anchors)
            leads = False
            continue
        if child.type == "link_close":
            link = None  # one without a text is left out
            if not leads:
                continue
        part = _read_part(child)
        if part is None:
            continue
        if link is not None:
            yield link
            link, leads = None, True
        yield part


def _read_part(child: Token) -> Token | None:
    if child.type == "image":
        return _make_text(child.content) if child.content else None
    if child.type == "html_inline":
        return Token("hardbreak", "br", 0) if _LINE_BREAK.fullmatch(child.content) else None
    return child


def _resolve(link: Token, anchors: set[str]) -> Token | None:
    """Return a link as the page has it, or None where it would lead nowhere."""
    address = str(link.attrGet("href") or "")
    if address.startswith("#"):
        anchor = _PREFIX + _make_slug(unquote(address[1:]))
        return Token("link_open", "a", 1, attrs={"href": f"#{anchor}"}) if anchor in anchors else None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    address = parts.geturl()  # with its scheme in lower case, as the list of what is allowed has it
    if parts.scheme == "https" and parts.hostname:
        return Token("link_open", "a", 1, attrs={"href": address, "target": "_blank"})
    return Token("link_open", "a", 1, attrs={"href": address}) if parts.scheme == "mailto" and parts.path else None


def _make_scrollable(tokens: list[Token], title: str) -> Iterator[Token]:
    """Yield the tokens with each table and each block of code in an area that scrolls, named by the heading above."""
    heading, count = title, 0
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            heading, count = _read_text(tokens[place + 1]), 0
        is_code = token.type in {"fence", "code_block"}
        if is_code or token.type == "table_open":
            count += 1
            label = heading if count == 1 else f"{heading} ({count})"
            name = f' role="region" aria-label="{escape(label)}"' if heading else ""
            yield Token("html_block", "", 0, content=f'<div class="scroll" tabindex="0"{name}>')
        yield token
        if is_code or token.type == "table_close":
            yield Token("html_block", "", 0, content="</div>\n")
