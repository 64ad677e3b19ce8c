"""What a browser without script would send of a form: the names and values of its controls (HTML, section 4.10.21)."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING

from werkzeug.datastructures import MultiDict

if TYPE_CHECKING:
    from collections.abc import Sequence

Attributes = dict[str, str | None]

_NOT_SENT = {"submit", "button", "reset", "file", "image"}


class FormPage(HTMLParser):
    """The forms of a page, each with the controls in it; what stands in a `template` is in no form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[tuple[Attributes, list[tuple[str, str]]]] = []
        self._inside = False
        self._templates = 0
        self._select: Attributes | None = None
        self._options: list[tuple[Attributes, str]] = []
        self._text: str | None = None
        self._text_name = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "template":
            self._templates += 1
        elif tag == "form":
            self.forms.append((given, []))
            self._inside = True
        elif tag == "input":
            self._add_input(given)
        elif tag == "select":
            self._select, self._options = given, []
        elif tag == "option" and self._select is not None:
            self._options.append((given, given.get("value") or ""))
        elif tag == "textarea":
            self._text, self._text_name = "", given.get("name") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "template":
            self._templates -= 1
        elif tag == "form":
            self._inside = False
        elif tag == "select" and self._select is not None:
            self._add_select(self._select)
            self._select = None
        elif tag == "textarea" and self._text is not None:
            text = self._text.removeprefix("\n")  # HTML, section 13.2.6.4.7: the first line break is not part of it
            self._add(self._text_name, text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n"))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text += data

    def _add_input(self, given: Attributes) -> None:
        kind = given.get("type") or "text"
        if kind in _NOT_SENT or (kind in {"checkbox", "radio"} and "checked" not in given):
            return
        value = given.get("value") or ""
        if kind != "hidden":  # a control of one line drops line breaks
            value = value.replace("\r", "").replace("\n", "")
        self._add(given.get("name") or "", value)

    def _add_select(self, given: Attributes) -> None:
        chosen = [value for option, value in self._options if "selected" in option]
        if "multiple" not in given:
            chosen = chosen[-1:] or [value for _, value in self._options[:1]]
        for value in chosen:
            self._add(given.get("name") or "", value)

    def _add(self, name: str, value: str) -> None:
        if name and self._inside and not self._templates:
            self.forms[-1][1].append((name, value))


def read_form_data(html: str, form_id: str = "config") -> MultiDict[str, str]:
    """Return what a browser would send of the form with an id, without a button."""
    (found,) = (controls for given, controls in FormPage(html).forms if given.get("id") == form_id)
    return MultiDict(found)
