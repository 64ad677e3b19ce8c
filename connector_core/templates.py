"""The template list of a config: which entry serves a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core.errors import ConfigIssue, TemplateNotFound
from connector_core.jsonvalue import format_path
from connector_core.locales import candidate_locales, normalize_locale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GENERIC = "Generic"
"""The usage type whose entries serve every type that has none of its own."""


class TemplateIndex:
    """The entries of a template list by usage type and locale, for finding one in no time."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._entries = {_key(entry): entry for entry in entries}

    def find(self, usage_type: str, locale: object = None) -> Mapping[str, Any]:
        """Return the entry for a usage type and a reader's locale.

        By RFC 4647 lookup among the entries of the type (de-CH, de, the entry without locale), then the same among
        those of `Generic`.

        Raises:
            TemplateNotFound: neither has a fitting entry.

        """
        for wanted_type in (usage_type, GENERIC):
            for wanted_locale in candidate_locales(locale):
                entry = self._entries.get((wanted_type, wanted_locale))
                if entry is not None:
                    return entry
        language = f" and the locale {locale}" if isinstance(locale, str) and locale else ""
        raise TemplateNotFound(
            f"There is no template for the usage type {usage_type}{language}, and no Generic one to take its place: "
            f"add an entry to the config's templates."
        )


def find_repeated_templates(config: Mapping[str, Any], key: str = "templates") -> list[ConfigIssue]:
    """Return an issue for each entry of `config[key]` that repeats the usage type and locale of an earlier one.

    A schema can't say this. Entries of the wrong shape are passed over: the schema tells of those.
    """
    entries = config.get(key)
    first_by_key: dict[tuple[Any, Any], int] = {}
    issues = []
    for index, entry in enumerate(entries if isinstance(entries, list | tuple) else ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("usageType"), str):
            continue
        if not isinstance(entry.get("locale"), str | None):
            continue
        first = first_by_key.setdefault(_key(entry), index)
        if first != index:
            issues.append(
                ConfigIssue(
                    format_path((key, index)),
                    "repeated",
                    f"This entry has the usage type and locale of {format_path((key, first))}: remove one of the two.",
                )
            )
    return issues


def _key(entry: Mapping[str, Any]) -> tuple[str, str | None]:
    locale = entry.get("locale")
    return entry["usageType"], None if locale is None else normalize_locale(locale)
