"""The templates of a config: which entry serves a message."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from connector_core.errors import ConfigIssue, TemplateNotFound
from connector_core.jsonvalue import format_path
from connector_core.locales import LONGEST_TAG, candidate_locales, normalize_locale

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Entry = Mapping[str, Any]

_KEPT = 256
"""Usage types with a locale whose entry is remembered; a host has fewer."""

GENERIC = "Generic"
"""The usage type whose entries serve every type that has none of its own."""


class TemplateIndex:
    """The templates of a config by usage type and locale, for finding one in no time.

    Args:
        templates: a list of entries with `usageType`, or an object whose keys are usage types and whose values are
            an entry or a list of entries. Any entry may have a `locale`.

    """

    def __init__(self, templates: Sequence[Entry] | Mapping[str, Any]) -> None:
        self._entries = {_key(entry): entry for _, entry in list_template_entries(templates)}
        self._find_kept = lru_cache(_KEPT)(self._find)

    def find(self, usage_type: str, locale: object = None) -> Entry:
        """Return the entry for a usage type and a reader's locale.

        By RFC 4647 lookup among the entries of the type (de-CH, de, the entry without locale), then the same among
        those of `Generic`.

        Raises:
            TemplateNotFound: neither has a fitting entry.

        """
        # A longer text is no language tag, and would be remembered all the same.
        tag = locale if isinstance(locale, str) and len(locale) <= LONGEST_TAG else None
        return self._find_kept(usage_type, tag)

    def _find(self, usage_type: str, locale: str | None) -> Entry:
        for wanted_type in (usage_type, GENERIC):
            for wanted_locale in candidate_locales(locale):
                entry = self._entries.get((wanted_type, wanted_locale))
                if entry is not None:
                    return entry
        language = f" and the locale {locale!a}" if locale else ""
        raise TemplateNotFound(
            f"There is no template for the usage type {usage_type}{language}, and no Generic one to take its place: "
            "add one for it, or a Generic one without a locale, to the config."
        )


def list_template_entries(templates: object) -> Iterator[tuple[tuple[str | int, ...], Entry]]:
    """Yield each entry of a config's templates, with its `usageType`, after the path that leads to it.

    What has none of the shapes that `TemplateIndex` takes is passed over.
    """
    if isinstance(templates, list | tuple):
        for index, entry in enumerate(templates):
            if isinstance(entry, dict):
                yield (index,), entry
    elif isinstance(templates, dict):
        for usage_type, value in templates.items():
            if isinstance(value, dict):
                yield (usage_type,), {**value, "usageType": usage_type}
            elif isinstance(value, list | tuple):
                for path, entry in list_template_entries(value):
                    yield (usage_type, *path), {**entry, "usageType": usage_type}


def find_repeated_templates(config: Mapping[str, Any], key: str = "templates") -> list[ConfigIssue]:
    """Return an issue for each entry of `config[key]` that repeats the usage type and locale of an earlier one.

    A schema can't say this. Entries of the wrong shape are passed over: the schema tells of those.
    """
    first_by_key: dict[tuple[Any, Any], tuple[str | int, ...]] = {}
    issues = []
    for path, entry in list_template_entries(config.get(key)):
        if not isinstance(entry.get("usageType"), str) or not isinstance(entry.get("locale"), str | None):
            continue
        first = first_by_key.setdefault(_key(entry), path)
        if first != path:
            issues.append(
                ConfigIssue(
                    format_path((key, *path)),
                    "repeated",
                    f"This entry has the usage type and locale of {format_path((key, *first))}: remove one of the two.",
                )
            )
    return issues


def _key(entry: Entry) -> tuple[str, str | None]:
    locale = entry.get("locale")
    return entry["usageType"], None if locale is None else normalize_locale(locale)
