"""Starter templates: what mails of the shared usage types may say, in several languages.

The words of a language are in a JSON file named for it. All mails have one layout, as HTML and as plain text, and what
stands in its middle depends on the main variable: `code.html` or `link.html`. A mail holds that one variable alone, so
each message can fill it, and each provider's template language knows it in this form.

The layout keeps to what mail clients understand: tables, two palettes without pure black and white, and all that
matters in style attributes, since some clients drop the style block. Some drop `html` and `body`, too, so the language
and the background are named again on what is inside. A hidden line comes first, for previews: where a code must not be
seen on a locked screen, it is a warning that is long enough to keep the code out of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.message import USAGE_TYPES
from connector_core.payloads import main_variable
from connector_core.provisioning import Template

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STARTER_LOCALES = ("en", "fr", "zh-CN", "tr-TR", "ko")
"""The languages that there are starter templates in."""


def starter_templates(locales: Iterable[str] = STARTER_LOCALES) -> list[Template]:
    """Return a template for each shared usage type in each language, the first language first.

    Args:
        locales: the languages, of those in `STARTER_LOCALES`.

    Raises:
        ValueError: there are no starter templates in a language.

    """
    wanted = list(locales)
    for locale in wanted:
        if locale not in STARTER_LOCALES:
            raise ValueError(
                f"There are no starter templates in {locale!r}: choose among {', '.join(STARTER_LOCALES)}."
            )
    return [template for locale in wanted for template in _read_language(locale)]


def _read_language(locale: str) -> list[Template]:
    import json

    words = json.loads(_read(f"{locale}.json"))
    shared = {**words["shared"], "lang": locale}
    return [_make_template(usage_type, {**shared, **words["templates"][usage_type]}) for usage_type in USAGE_TYPES]


def _make_template(usage_type: str, words: Mapping[str, str]) -> Template:
    from html import escape

    action = main_variable(usage_type)
    return Template(
        usage_type=usage_type,
        locale=words["lang"],
        subject=words["subject"],
        html=_lay_out("html", action, {name: escape(word, quote=False) for name, word in words.items()}),
        text=_lay_out("txt", action, words),
    )


def _lay_out(ending: str, action: str, words: Mapping[str, str]) -> str:
    from string import Template as Layout

    middle = Layout(_read(f"{action}.{ending}")).substitute(words).rstrip()
    return Layout(_read(f"layout.{ending}")).substitute(words, action=middle)


def _read(name: str) -> str:
    import pkgutil  # reads from a zip file, too

    content = pkgutil.get_data(__name__, name)
    assert content is not None  # noqa: S101  the distribution carries the file
    return content.decode()
