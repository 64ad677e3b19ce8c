"""What limits a push, whatever the connector has chosen for a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from live_fakes import make_template

from connector_core import TemplateChange
from connector_core.cli.template_choice import Choice

if TYPE_CHECKING:
    from connector_core import Template

WORDS = make_template()
GENERIC = make_template(usage_type="Generic")
FRENCH = make_template(locale="fr")


def plan(after: Template | None, locale: str | None = None, before: Template | None = None) -> TemplateChange:
    return TemplateChange(
        path="$.alias", name="a", usage_type="SignIn", locale=locale, before=before, after=after, problem=""
    )


@pytest.mark.parametrize(
    ("after", "locale", "languages", "is_pushed"),
    [
        (WORDS, None, (), True),
        (GENERIC, None, (), False),  # the words of another purpose
        (FRENCH, "fr-CA", (), True),
        (FRENCH, None, (), False),  # a language for everybody, which nobody named
        (FRENCH, None, ("fr",), True),
    ],
)
@pytest.mark.parametrize("before", [None, make_template("Before")])
def test_a_file_serves_the_purpose_that_it_was_written_for(
    after: Template,
    locale: str | None,
    languages: tuple[str, ...],
    before: Template | None,
    *,
    is_pushed: bool,
) -> None:
    choice = Choice(templates=[after], languages=languages, is_exact=True)
    (change,) = choice.limit([plan(after, locale, before)])
    if is_pushed:
        assert change.action == ("create" if before is None else "update")
    else:
        assert change.action == ("blocked" if before is None else "keep")


@pytest.mark.parametrize("after", [GENERIC, FRENCH])
def test_a_starter_serves_what_the_connector_chose_it_for(after: Template) -> None:
    (change,) = Choice(templates=[after], is_exact=False).limit([plan(after)])
    assert change.action == "create"


@pytest.mark.parametrize("is_exact", [True, False])
def test_what_is_not_in_a_language_that_was_named_is_left_out(*, is_exact: bool) -> None:
    choice = Choice(templates=[FRENCH], languages=["fr"], is_exact=is_exact)
    assert [*choice.limit([plan(None, "de"), plan(FRENCH, "fr")])] == [plan(FRENCH, "fr")]
