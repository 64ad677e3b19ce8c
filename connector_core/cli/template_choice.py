"""Which templates are pushed: those of the starters or of a folder, limited to languages and usage types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from connector_core.errors import ConnectorError
from connector_core.jsonvalue import format_path
from connector_core.locales import normalize_locale
from connector_core.provisioning import TemplateChange, choose_template
from connector_core.template_folder import name_template, read_templates
from connector_core.templates import list_template_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from connector_core.provisioning import Template

_NOT_IN_THE_FOLDER = "The folder has no template for its usage type and language: write one."


class Purpose(NamedTuple):
    """What a template is for."""

    usage_type: str
    locale: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a config that names a template; `place` is the path of the list or object that holds such entries."""

    path: str
    place: str
    purpose: Purpose
    settings: Mapping[str, Any]


class Entries:
    """The entries of a config that may name templates, whichever setting holds them."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._entries = [entry for key, value in config.items() for entry in _list_entries(key, value)]

    def find(self, change: TemplateChange) -> Entry | None:
        """Return the entry that a change is about."""
        fitting = [one for one in self._entries if _leads_to(one.path, change.path)]
        return max(fitting, key=lambda one: len(one.path), default=None)

    def find_purpose(self, change: TemplateChange) -> Purpose:
        """Return what the template of a change is for."""
        if change.before is not None:  # the connector knows: several entries may name one template
            return Purpose(change.before.usage_type, change.before.locale)
        entry = self.find(change)
        if entry is not None:
            return entry.purpose
        return Purpose("", None) if change.after is None else Purpose(change.after.usage_type, change.after.locale)

    def list_usage_types(self, changes: Sequence[TemplateChange]) -> list[str]:
        """Return the usage types that the config names templates for."""
        purposes = [entry.purpose for entry in self._entries] + [self.find_purpose(change) for change in changes]
        return list(dict.fromkeys(one.usage_type for one in purposes))


class Choice:
    """The templates that are pushed, and what limits them.

    Args:
        templates: the templates; of each usage type first the one for an entry without a language.
        languages: the languages to limit to, as the templates write them; none for no limit.
        usage_types: the usage types to limit to; none for no limit.
        is_exact: whether a template serves its own usage type alone, and an entry without a language never takes one
            that has a language, unless that language is named. So it is with files: each was written for one purpose.

    """

    def __init__(
        self,
        templates: Sequence[Template],
        languages: Sequence[str] = (),
        usage_types: Sequence[str] = (),
        *,
        is_exact: bool,
    ) -> None:
        order = {language: place for place, language in enumerate([None, *languages])}
        limited = sorted((one for one in templates if one.locale in order), key=lambda one: order[one.locale])
        self.templates = limited if languages else list(templates)
        self._languages = languages
        self._usage_types = usage_types
        self._is_exact = is_exact

    def find(self, purpose: Purpose) -> Template | None:
        """Return the template for a purpose."""
        if not self._is_exact:
            return choose_template(self.templates, *purpose)
        own = [one for one in self.templates if one.usage_type == purpose.usage_type]
        found = choose_template(own, *purpose)
        is_foreign = found is not None and purpose.locale is None and found.locale is not None
        return None if is_foreign and not self._languages else found

    def limit(self, changes: Iterable[TemplateChange], entries: Entries) -> Iterator[TemplateChange]:
        """Yield the changes that are wanted."""
        for change in changes:
            purpose = entries.find_purpose(change)
            if self._usage_types and purpose.usage_type not in self._usage_types:
                continue
            if self.find(purpose) is not None or not (self._is_exact or self._languages):
                yield change
            elif not self._languages:
                # The connector may have chosen another file, such as that of Generic.
                problem = "" if change.before is not None else change.problem or _NOT_IN_THE_FOLDER
                yield TemplateChange(
                    path=change.path, name=change.name, before=change.before, after=None, problem=problem
                )

    def describe_unused(self, changes: Sequence[TemplateChange], entries: Entries) -> Iterator[str]:
        """Yield a sentence for each language that was named and serves no entry, and for each file that serves none."""
        used = [self.find(entries.find_purpose(change)) for change in changes]
        for language in self._languages:
            if all(one is None or one.locale != language for one in used):
                examples = (_make_example(entries, change, language) for change in changes)
                advice = next((f": add one for each usage type, {one}" for one in examples if one), "")
                yield f"No entry of the config is for {language}{advice}."
        if self._is_exact and not self._languages and not self._usage_types:
            for one in self.templates:
                if all(one is not other for other in used):
                    yield f"No entry of the config is for {name_template(one)}.* of the folder."


def read_folder(folder: Path) -> list[Template]:
    """Return the templates of a folder.

    Raises:
        ConnectorError: there are none, or a file is wrong; the sentence names it.

    """
    templates = read_templates(folder)
    if not templates:
        advice = "write some, such as SignIn.subject.txt with SignIn.html, or pull them"
        raise ConnectorError(f"There are no templates in {folder}: {advice}.")
    return templates


def find_languages(named: str, available: Iterable[str]) -> list[str]:
    """Return the languages of a list such as `en, zh-cn`, each as it is written among the available ones.

    Raises:
        ValueError: one of them is not available, or there is none; the sentence names those that are.

    """
    by_tag = {normalize_locale(language): language for language in available}
    wanted = [step.strip() for step in named.split(",") if step.strip()]
    unknown = [step for step in wanted if normalize_locale(step) not in by_tag]
    if unknown or not wanted:
        offer = f"choose among {', '.join(by_tag.values())}" if by_tag else "none has a language"
        raise ValueError(f"there are no templates in {', '.join(unknown) or 'no language'}: {offer}.")
    return list(dict.fromkeys(by_tag[normalize_locale(step)] for step in wanted))


def _list_entries(key: str, value: object) -> Iterator[Entry]:
    for path, settings in list_template_entries(value):
        usage_type, locale = settings.get("usageType"), settings.get("locale")
        if not isinstance(usage_type, str) or not isinstance(locale, str | None):
            continue
        is_keyed = isinstance(value, dict)
        shown = {name: member for name, member in settings.items() if not (is_keyed and name == "usageType")}
        yield Entry(
            path=format_path((key, *path)),
            place=format_path((key, usage_type) if is_keyed else (key,)),
            purpose=Purpose(usage_type, locale),
            settings=shown,
        )


def _leads_to(path: str, deeper: str) -> bool:
    return deeper == path or deeper.startswith((f"{path}.", f"{path}["))


def _make_example(entries: Entries, change: TemplateChange, language: str) -> str:
    """Return an entry for a language, made after that of another; empty where nothing can be made of it."""
    entry = entries.find(change)
    if entry is None or change.name not in entry.settings.values():
        return ""
    renamed = {
        name: f"{member}-{language}" if member == change.name else member for name, member in entry.settings.items()
    }
    return f"such as {json.dumps({**renamed, 'locale': language}, ensure_ascii=False)} in {entry.place}"
