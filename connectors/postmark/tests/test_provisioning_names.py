"""Which templates a config names, and what each of them is for."""

from __future__ import annotations

from typing import Any

import pytest
from connector_postmark.named_templates import NamedTemplate, find_named_templates
from hypothesis import given
from hypothesis import strategies as st

TYPES = st.sampled_from(["SignIn", "Register", "Generic", "own"])
LOCALES = st.none() | st.sampled_from(["en", "fr", "de-CH"])
ALIASES = st.sampled_from(["a", "A", "b", "B-1", "b-1"])


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return entries, some of which share a template."""
    named = draw(
        st.lists(
            st.builds(lambda alias: {"templateAlias": alias}, ALIASES)
            | st.builds(lambda number: {"templateId": number}, st.integers(1, 3)),
            max_size=8,
        )
    )
    described = [(draw(TYPES), draw(LOCALES)) for _ in named]
    return [
        {"usageType": usage_type, **one, **({} if locale is None else {"locale": locale})}
        for one, (usage_type, locale) in zip(named, described, strict=True)
    ]


def fold(entry: dict[str, Any]) -> str | int:
    number: int = entry.get("templateId", 0)
    return entry["templateAlias"].lower() if "templateAlias" in entry else number


@given(entries())
def test_each_template_is_named_once_at_the_path_of_its_first_entry(given_entries: list[dict[str, Any]]) -> None:
    found = find_named_templates(given_entries)
    folded = [fold(entry) for entry in given_entries]
    firsts = [index for index, reference in enumerate(folded) if reference not in folded[:index]]
    assert [one.path for one in found] == [
        f"$.templates[{index}].{'templateAlias' if isinstance(folded[index], str) else 'templateId'}"
        for index in firsts
    ]
    assert [one.reference for one in found] == [
        given_entries[index].get("templateAlias", given_entries[index].get("templateId")) for index in firsts
    ]


@given(entries())
def test_every_entry_is_served_by_one_template(given_entries: list[dict[str, Any]]) -> None:
    served = [pair for one in find_named_templates(given_entries) for pair in one.serves]
    assert sorted(served, key=str) == sorted(
        [(entry["usageType"], entry.get("locale")) for entry in given_entries], key=str
    )


@given(entries())
def test_the_words_are_those_of_generic_or_of_the_first_and_of_no_language_where_any_serves_all(
    given_entries: list[dict[str, Any]],
) -> None:
    for one in find_named_templates(given_entries):
        types, locales = zip(*one.serves, strict=True)
        assert one.usage_type == ("Generic" if "Generic" in types else types[0])
        assert one.locale == (None if None in locales else locales[types.index(one.usage_type)])


@pytest.mark.parametrize(
    ("usage_type", "locale", "title"),
    [
        ("SignIn", None, "Sign in"),
        ("SignIn", "zh-CN", "Sign in (zh-CN)"),
        ("OrganizationInvitation", None, "Organization invitation"),
        ("MfaVerification", None, "MFA verification"),
        ("BindMfa", None, "Bind MFA"),
        ("Generic", "fr", "Generic (fr)"),
        ("order-shipped", None, "order-shipped"),
        ("Ärger", None, "Ärger"),
        ("HTTPFailure", None, "HTTPFailure"),
        ("2ndStep", None, "2ndStep"),
    ],
)
def test_a_template_has_a_title_for_people(usage_type: str, locale: str | None, title: str) -> None:
    assert NamedTemplate(path="$", reference="a", serves=((usage_type, locale),)).title == title


def test_a_number_with_a_decimal_point_is_the_id_that_mails_go_by() -> None:
    (named,) = find_named_templates([{"usageType": "SignIn", "templateId": 77.0}])
    assert repr(named.reference) == "77"


@given(st.text(min_size=1))
def test_any_usage_type_has_a_title(usage_type: str) -> None:
    title = NamedTemplate(path="$", reference="a", serves=((usage_type, None),)).title
    assert title.replace(" ", "").lower() == usage_type.replace(" ", "").lower()
