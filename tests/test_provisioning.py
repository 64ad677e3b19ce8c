"""Templates that a provider stores: which one an entry takes, and what a change does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import USAGE_TYPES, Template, TemplateChange, choose_template
from connector_core.payloads import find_unknown_variables, main_variable, sample_payload


def template(usage_type: str = "SignIn", locale: str | None = "en", **parts: str) -> Template:
    texts = {"subject": "Code", "html": "<p>{{code}}</p>", "text": "{{code}}", **parts}
    return Template(usage_type=usage_type, locale=locale, **texts)


ENGLISH, FRENCH, CHINESE = template(), template(locale="fr"), template(locale="zh-CN")
GENERIC = template("Generic")
ALL = [ENGLISH, FRENCH, CHINESE, GENERIC]


@pytest.mark.parametrize(
    ("usage_type", "locale", "chosen"),
    [
        ("SignIn", None, ENGLISH),
        ("SignIn", "fr", FRENCH),
        ("SignIn", "fr-CA", FRENCH),
        ("SignIn", "FR_ca", FRENCH),
        ("SignIn", "zh", CHINESE),
        ("SignIn", "zh-CN", CHINESE),
        ("SignIn", "zh-TW", None),  # another script
        ("SignIn", "de", None),
        ("PasswordChanged", None, GENERIC),
        ("PasswordChanged", "fr", None),
    ],
)
def test_an_entry_takes_the_template_of_its_type_and_language(
    usage_type: str, locale: str | None, chosen: Template | None
) -> None:
    assert choose_template(ALL, usage_type, locale) is chosen


def test_an_entry_without_language_takes_the_first_that_is_given() -> None:
    assert choose_template([FRENCH, ENGLISH], "SignIn") is FRENCH


def test_the_exact_language_goes_before_a_related_one() -> None:
    plain = template(locale="zh")

    assert choose_template([CHINESE, plain], "SignIn", "zh") is plain


def test_of_two_regions_a_language_takes_the_first_that_is_given() -> None:
    taiwanese = template(locale="zh-TW")

    assert choose_template([CHINESE, taiwanese], "SignIn", "zh") is CHINESE
    assert choose_template([taiwanese, CHINESE], "SignIn", "zh") is taiwanese


def test_nothing_is_chosen_where_nothing_is_given() -> None:
    assert choose_template([], "SignIn") is None


@given(st.text(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_line_ends_and_blanks_at_the_end_are_no_difference(text: str, end: str) -> None:
    lines = "\n".join(text.splitlines())

    assert template(html=f"a\n{lines}\nb").says_the_same(template(html=f"a\n{lines}\nb\n ".replace("\n", end)))


@pytest.mark.parametrize("part", ["subject", "html", "text"])
def test_any_other_difference_is_one(part: str) -> None:
    assert not template().says_the_same(template(**{part: "{{cod}}"}))


@pytest.mark.parametrize(
    ("before", "after", "problem", "action"),
    [
        (None, ENGLISH, "", "create"),
        (ENGLISH, ENGLISH, "", "keep"),
        (ENGLISH, template(html="x"), "", "update"),
        (ENGLISH, None, "", "keep"),
        (None, None, "", "keep"),
        (None, ENGLISH, "It is a layout.", "blocked"),
        (ENGLISH, template(html="x"), "It is a layout.", "blocked"),
    ],
)
def test_what_a_change_does_follows_from_before_and_after(
    before: Template | None, after: Template | None, problem: str, action: str
) -> None:
    change = TemplateChange(
        path="$.templates[0]",
        name="a",
        usage_type="SignIn",
        locale=None,
        before=before,
        after=after,
        problem=problem,
    )

    assert change.action == action
    change.apply()  # nothing to do is no error


@pytest.mark.parametrize("usage_type", [*USAGE_TYPES, "PasswordChanged"])
def test_each_sample_payload_has_its_main_variable(usage_type: str) -> None:
    assert list(sample_payload(usage_type)) == [main_variable(usage_type)]
    assert sample_payload(usage_type, "fr")["locale"] == "fr"


def test_only_an_invitation_is_about_a_link() -> None:
    assert [one for one in USAGE_TYPES if main_variable(one) == "link"] == ["OrganizationInvitation"]


def test_a_misspelled_variable_is_unknown_and_the_right_one_is_proposed() -> None:
    assert find_unknown_variables("SignIn", ["cod", "code", "application", "cod", "company"]) == [
        ("cod", "code"),
        ("company", None),
    ]


def test_a_hosts_own_usage_type_may_carry_anything() -> None:
    assert find_unknown_variables("PasswordChanged", ["cod"]) == []
