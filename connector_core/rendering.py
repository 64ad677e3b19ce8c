"""Local rendering: what a mail says, for providers that have no templates of their own.

The placeholders are those of Logto's connectors. Beyond them, a value is escaped where it goes into HTML.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLACEHOLDER = re.compile(r"{{\s*([\w.]+)\s*}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_LONG_REFERENCE = re.compile(r"&#\d{100,};?")
_SURROGATES = re.compile(r"[\ud800-\udfff]")

_HIDDEN = frozenset({"script", "style", "template", "title"})
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure"),
        *("footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre"),
        *("section", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    }
)
_APART = frozenset({"blockquote", "dl", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
"""Blocks with an empty line around them."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says; `html` is empty in a mail of plain text alone, `text` in one of HTML alone."""

    subject: str = field(repr=False)
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)


def render_content(
    variables: Mapping[str, Any], *, subject: str, html: str | None = None, text: str | None = None
) -> Content:
    """Return what a mail says, with its placeholders filled in.

    Args:
        variables: the payload of the message.
        subject: the subject; control characters in what is put in become spaces.
        html: the HTML, into which values are put escaped, for text and for attributes in quotes.
        text: the plain text; without it, it is derived from the HTML.

    Raises:
        TypeError: neither HTML nor text is given.

    """
    if html is None and text is None:
        raise TypeError("a mail needs html, text or both")
    rendered = "" if html is None else _fill_in(html, variables, escape)
    plain = derive_text(rendered) if text is None else render_text(text, variables)
    return Content(clean_header(render_text(subject, variables)), plain, rendered)


def render_text(template: str, variables: Mapping[str, Any]) -> str:
    """Return a text with its placeholders filled in.

    `{{ code }}` is a variable and `{{application.name}}` a member of one. A variable that isn't there leaves the
    placeholder as it is; a member that isn't there, and null, become empty. An object or a list becomes JSON.
    """
    return _fill_in(template, variables, str)


def clean_header(value: str) -> str:
    """Return a text as one line: a run of line breaks and other control characters becomes one space."""
    lines = (line.strip() for line in _CONTROL.split(_SURROGATES.sub("\ufffd", value)))
    return " ".join(line for line in lines if line)


def shorten_text(text: str, longest: int) -> str:
    """Return a text of at most so many characters, cut between two words.

    So a secret that a provider repeats is there whole, to be struck out, or not at all. Where there is no space, as in
    Chinese, the text ends after a character that no secret has.
    """
    if len(text) <= longest:
        return text
    start = text[: longest + 1]
    return start.rpartition(" ")[0].rstrip() if " " in start else re.sub(r"[!-~]+\Z", "", start[:longest])


def derive_text(html: str) -> str:
    """Return the plain text of a mail's HTML: blocks on lines of their own, links followed by their address."""
    # html.parser raises at a marked section that it doesn't know, and Python at a number of more than 4,300 digits.
    html = _LONG_REFERENCE.sub("\ufffd", html.replace("<![", "<! ["))
    # No tag ends after the last ">": older Pythons look for its end from each "<" on, in quadratic time.
    tags, end, rest = html.rpartition(">")
    reader = _TextReader()
    reader.feed(tags + end + rest.replace("<", "&lt;"))
    reader.close()
    return reader.text()


def _fill_in(template: str, variables: Mapping[str, Any], write: Callable[[str], str]) -> str:
    def replace(found: re.Match[str]) -> str:
        root, *members = found[1].split(".")
        if root not in variables:
            return found[0]
        value = variables[root]
        for member in members:
            value = value.get(member) if isinstance(value, dict) else None
        return "" if value is None else write(_SURROGATES.sub("\ufffd", _as_text(value)))

    return _PLACEHOLDER.sub(replace, template)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _TextReader(HTMLParser):
    """Collects the text of HTML as a reader without pictures and styles would see it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._hidden = 0
        self._preformatted = 0
        self._link: str | None = None
        self._link_starts = 0

    def text(self) -> str:
        """Return what was collected."""
        self._close_link()
        lines = (line.rstrip(" ") for line in "".join(self._pieces).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "body":
            self._hidden = 0  # a title may have no end tag
        elif tag == "br":
            self._write("\n")
        elif tag == "img":
            self.handle_data(attributes.get("alt") or "")
        elif tag in {"td", "th"}:
            self.handle_data(" ")
        elif tag == "a":
            self._close_link()
            self._link, self._link_starts = attributes.get("href"), len(self._pieces)
        elif tag in _BLOCKS:
            if self._pieces[-1:] != ["- "]:
                self._break(tag)
            self._preformatted += tag == "pre"
            self._write("- " if tag == "li" else "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag == "a":
            self._close_link()
        elif tag in _BLOCKS:
            self._preformatted -= tag == "pre" and self._preformatted > 0
            self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._preformatted:
            data = re.sub(r"[ \t\r\n\f]+", " ", data)
            if not self._pieces or self._pieces[-1].endswith((" ", "\n")):
                data = data.removeprefix(" ")
        self._write(data)

    def _write(self, text: str) -> None:
        if text and not self._hidden:
            self._pieces.append(text)

    def _break(self, tag: str) -> None:
        if tag in _APART:
            self._write("\n\n")
        elif self._pieces and not self._pieces[-1].endswith("\n"):
            self._write("\n")

    def _close_link(self) -> None:
        if self._link is None:
            return
        address, self._link = self._link.strip(), None
        shown = "".join(self._pieces[self._link_starts :]).strip()
        if address.partition(":")[0].lower() in {"http", "https"} and address != shown:
            self.handle_data(f" ({address})" if shown else address)
