"""Language tags: which of those on offer serves a reader (RFC 4647, section 3.4, "Lookup")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


LONGEST_TAG = 64
"""Far more than a language tag needs (RFC 5646, section 4.4.1, asks for 35); a longer text is none."""


def normalize_locale(locale: str) -> str:
    """Return a language tag for comparing: lower case, with hyphens (`de_CH` becomes `de-ch`)."""
    return locale.replace("_", "-").lower()


def candidate_locales(locale: object) -> Iterator[str | None]:
    """Yield the tags that serve a reader of `locale`, best first, normalised; None, last, is the default.

    `de-CH-1996` yields `de-ch-1996`, `de-ch`, `de`, None. A subtag of one character goes together with what followed
    it (RFC 4647, section 3.4). What is no language tag, empty or `*` yields None alone.
    """
    usable = isinstance(locale, str) and len(locale) <= LONGEST_TAG
    subtags = normalize_locale(str(locale)).strip().split("-") if usable else []
    if subtags and subtags[0] in {"", "*"}:
        subtags = []
    while subtags:
        yield "-".join(subtags)
        subtags.pop()
        if subtags and len(subtags[-1]) == 1:
            subtags.pop()
    yield None
