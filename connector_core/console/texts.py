"""The console's own words in the languages that it speaks: each English sentence is the key of its translations."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from connector_core.locales import candidate_locales, normalize_locale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOCALES = ("en", "fr", "zh-CN", "tr-TR", "ko")
"""The languages of the console, English first, which the sentences are written in."""

_TRADITIONAL = frozenset({"zh-hant", "zh-tw", "zh-hk", "zh-mo"})
_SERVED: Mapping[str, str | None] = {
    **{normalize_locale(locale): locale for locale in LOCALES},
    **dict.fromkeys(_TRADITIONAL),
    "zh": "zh-CN",
    "zh-hans": "zh-CN",
    "tr": "tr-TR",
}
"""The language that serves a range of languages (RFC 4647, section 3.4); none stands for "not the one of the shorter
range", since who reads traditional Chinese has not asked for simplified."""


class Texts:
    """The words of one language."""

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self._translations = {} if locale == LOCALES[0] else _read_translations(locale)

    def __call__(self, english: str, /, **values: object) -> str:
        """Return a sentence in this language, in English where it is not translated.

        Args:
            english: the sentence, with `{name}` for each value; without values its braces are braces.
            values: what stands in it.

        """
        text = self._translations.get(english, english)
        return text.format(**values) if values else text


def mark(english: str) -> str:
    """Return a sentence as it is; the call says that it is translated where it is shown."""
    return english


def choose_texts(accept_language: str | None = None, override: str | None = None) -> Texts:
    """Return the words for a reader.

    Args:
        accept_language: the header of that name (RFC 9110, section 12.5.4), the languages that a browser asks for.
        override: a language tag that goes before, such as the choice of the reader; one that nothing serves is ignored.

    """
    served = (_find_locale(tag) for tag in _read_ranges(accept_language, override))
    return _texts(next((locale for locale in served if locale), LOCALES[0]))


def _read_ranges(accept_language: str | None, override: str | None) -> Iterator[str]:
    """Yield the languages that a reader wants, best first.

    After a kind of traditional Chinese a browser puts `zh` by itself: it is no wish for the simplified one.
    """
    from werkzeug.datastructures import LanguageAccept
    from werkzeug.http import parse_accept_header

    if override:
        yield override
    traditional = False
    for tag, quality in parse_accept_header(accept_language, LanguageAccept):
        traditional = traditional or not _TRADITIONAL.isdisjoint(candidate_locales(tag))
        if quality > 0 and not (traditional and normalize_locale(tag) == "zh"):
            yield tag


def _find_locale(tag: str) -> str | None:
    return next((_SERVED[wider] for wider in candidate_locales(tag) if wider and wider in _SERVED), None)


@cache
def _texts(locale: str) -> Texts:
    return Texts(locale)


def _read_translations(locale: str) -> dict[str, str]:
    import pkgutil

    content = pkgutil.get_data("connector_core", f"console/locales/{locale}.json")
    assert content is not None  # noqa: S101  the distribution carries the file
    translations: dict[str, str] = json.loads(content)
    return translations
