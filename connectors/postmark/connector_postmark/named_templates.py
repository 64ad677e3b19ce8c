"""The templates of Postmark that a config names: which they are, and what each of them is for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_core import format_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_GENERIC = "Generic"
_WORD = re.compile(r"[A-Z][a-z]+")
_SPELLED = {"Mfa": "MFA"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTemplate:
    """A template that a config names.

    Args:
        path: the JSON path of the first setting that names it.
        reference: its alias or its id.
        serves: the usage type and the locale of each entry that names it, in the order of the config.

    """

    path: str
    reference: str | int
    serves: tuple[tuple[str, str | None], ...]

    @property
    def usage_type(self) -> str:
        """Return the usage type whose words fit all that it serves: `Generic` where it serves that, else the first."""
        types = [usage_type for usage_type, _ in self.serves]
        return _GENERIC if _GENERIC in types else types[0]

    @property
    def locale(self) -> str | None:
        """Return the language that fits: that of the first entry, or None where an entry is for every language."""
        locales = [locale for usage_type, locale in self.serves if usage_type == self.usage_type]
        return None if any(locale is None for _, locale in self.serves) else locales[0]

    @property
    def title(self) -> str:
        """Return a name for people, such as `Sign in (fr)`; a usage type that is no CamelCase stays as it is."""
        first, *others = _WORD.findall(self.usage_type) or [""]
        if "".join([first, *others]) != self.usage_type:
            first, others = self.usage_type, []
        title = " ".join([_SPELLED.get(first, first), *(_SPELLED.get(word, word.lower()) for word in others)])
        return f"{title} ({self.locale})" if self.locale else title

    def join(self, other: NamedTemplate) -> NamedTemplate:
        """Return the template where another setting turns out to name the same one."""
        return NamedTemplate(path=self.path, reference=self.reference, serves=self.serves + other.serves)


def read_reference(entry: Mapping[str, Any]) -> tuple[str, str | int]:
    """Return the setting by which an entry names its template, and the alias or the id that is there."""
    if "templateAlias" in entry:
        return "templateAlias", entry["templateAlias"]
    return "templateId", int(entry["templateId"])  # JSON may write the number as 77.0


def find_named_templates(entries: Iterable[Mapping[str, Any]]) -> list[NamedTemplate]:
    """Return the templates that the entries of a config name, each once, in the order in which they are first named.

    The case of an alias makes no difference.
    """
    found: dict[str | int, NamedTemplate] = {}
    for index, entry in enumerate(entries):
        setting, reference = read_reference(entry)
        named = NamedTemplate(
            path=format_path(("templates", index, setting)),
            reference=reference,
            serves=((entry["usageType"], entry.get("locale")),),
        )
        folded = reference.lower() if isinstance(reference, str) else reference
        found[folded] = found[folded].join(named) if folded in found else named
    return list(found.values())
