"""Which templates are pushed: those of the starters or of a folder, limited to languages and usage types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from connector_core.live import NOTHING_GIVEN
from connector_core.locales import normalize_locale
from connector_core.template_folder import name_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from connector_core.provisioning import Template, TemplateChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The templates that are pushed, and what limits them.

    Args:
        templates: the templates; of each usage type first the one for an entry without a language.
        languages: the languages to limit to, as the templates write them; none for no limit.
        usage_types: the usage types to limit to; none for no limit.
        is_exact: whether a template serves its own usage type alone, and an entry without a language never takes one
            that has a language, unless that language is named. So it is with files: each was written for one purpose.

    """

    templates: Sequence[Template]
    languages: Sequence[str] = ()
    usage_types: Sequence[str] = ()
    is_exact: bool

    def limit(self, changes: Iterable[TemplateChange]) -> Iterator[TemplateChange]:
        """Yield the changes that are wanted."""
        for change in changes:
            if self.usage_types and change.usage_type not in self.usage_types:
                continue
            if self._fits(change) or not (self.is_exact or self.languages):
                yield change
            elif not self.languages:
                # The connector may have chosen another file, such as that of Generic.
                problem = "" if change.before is not None else change.problem or NOTHING_GIVEN
                yield replace(change, after=None, problem=problem)

    def describe_unused(self, changes: Sequence[TemplateChange]) -> Iterator[str]:
        """Yield a sentence for each language that was named and serves no entry, and for each file that serves none."""
        used = {(one.after.usage_type, one.after.locale) for one in changes if one.after is not None}
        for language in self.languages:
            if all(locale != language for _, locale in used):
                advice = f'add one for each usage type, with "locale": "{language}" and a template of its own'
                yield f"No entry of the config is for {language}: {advice}."
        if self.is_exact and not self.languages and not self.usage_types:
            for one in self.templates:
                if (one.usage_type, one.locale) not in used:
                    yield f"No entry of the config is for {name_template(one)}.* of the folder."

    def _fits(self, change: TemplateChange) -> bool:
        """Return whether what the connector has chosen for a template may serve it."""
        after = change.after
        if after is None or not self.is_exact:
            return after is not None
        is_foreign = change.locale is None and after.locale is not None and not self.languages
        return after.usage_type == change.usage_type and not is_foreign


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
