"""Templates that a provider stores: what they shall say, and what has to change at the provider for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from connector_core.locales import candidate_locales, normalize_locale
from connector_core.templates import GENERIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Action = Literal["create", "update", "keep", "blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What the mails of one usage type say in one language, with placeholders such as `{{code}}`.

    Args:
        usage_type: the usage type.
        locale: the language; None for whoever has no template in the own one.
        subject: the subject.
        html: the HTML.
        text: the plain text.

    """

    usage_type: str
    locale: str | None = None
    subject: str
    html: str
    text: str

    def says_the_same(self, other: Template) -> bool:
        """Return whether mails made of both are the same; line ends and blanks at the end don't count."""
        return self._content() == other._content()

    def _content(self) -> list[str]:
        return ["\n".join(part.splitlines()).rstrip() for part in (self.subject, self.html, self.text)]


def _change_nothing() -> None:
    """Do nothing, where there is nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChange:
    """What becomes of one template that a config names.

    Args:
        path: the JSON path of the setting that names it.
        name: how the provider knows it, such as its alias.
        usage_type: the usage type whose words it shall have; of one that several entries name, one that fits all.
        locale: the language that it shall be in; None for whoever has no template in the own one.
        before: what is there; None where nothing is.
        after: what shall be there; None where nobody said.
        problem: why that can't be done, and what to do instead; empty where it can.
        apply: does it; raises a `SendError` where the provider refuses.

    """

    path: str
    name: str
    usage_type: str
    locale: str | None
    before: Template | None
    after: Template | None
    problem: str = ""
    apply: Callable[[], None] = field(default=_change_nothing, repr=False, compare=False)

    @property
    def action(self) -> Action:
        """Return what `apply` does; it does nothing for `keep` and `blocked`."""
        if self.problem:
            return "blocked"
        if self.after is None or (self.before is not None and self.before.says_the_same(self.after)):
            return "keep"
        return "create" if self.before is None else "update"


def choose_template(templates: Iterable[Template], usage_type: str, locale: str | None = None) -> Template | None:
    """Return the template for an entry of a config, or None where none is in its language.

    An entry with a locale takes the template of that language, by RFC 4647 lookup, and `tr` takes one for `tr-TR`, too,
    but `zh-TW` takes none for `zh-CN`, whose script is another; an entry without takes the first that is given for the
    usage type. A usage type that has none takes those of `Generic`.
    """
    given = list(templates)
    own = [one for one in given if one.usage_type == usage_type] or [one for one in given if one.usage_type == GENERIC]
    if locale is None:
        return next(iter(own), None)
    by_locale: dict[str, Template] = {}
    for one in own:
        if one.locale is not None:
            by_locale.setdefault(normalize_locale(one.locale), one)
    exact = next((by_locale[tag] for tag in candidate_locales(locale) if tag in by_locale), None)
    regional = f"{normalize_locale(locale)}-"
    return exact or next((one for tag, one in by_locale.items() if tag.startswith(regional)), None)
