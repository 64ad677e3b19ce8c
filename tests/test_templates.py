from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import ConfigIssue, TemplateIndex, TemplateNotFound, find_repeated_templates
from connector_core.jsonvalue import freeze

Entry = dict[str, Any]


def entry(usage_type: str, locale: str | None = None) -> Entry:
    """Return an entry whose alias tells which one it is."""
    made = {"usageType": usage_type, "templateAlias": f"{usage_type}/{locale}"}
    return made if locale is None else {**made, "locale": locale}


def find(entries: list[Entry], usage_type: str, locale: object = None) -> str:
    alias: str = TemplateIndex(entries).find(usage_type, locale)["templateAlias"]
    return alias


ALL = [
    entry("SignIn", "de-CH"),
    entry("SignIn", "de"),
    entry("SignIn"),
    entry("Generic", "de-CH"),
    entry("Generic", "de"),
    entry("Generic"),
]
"""From what serves a Swiss reader's sign-in best to what serves it worst."""


@pytest.mark.parametrize("dropped", range(len(ALL)))
def test_without_the_best_entries_the_next_best_serves(dropped: int) -> None:
    left = ALL[dropped:]
    assert find([*reversed(left)], "SignIn", "de-CH") == left[0]["templateAlias"]


def test_with_no_entry_of_the_type_and_none_of_generic_there_is_no_template() -> None:
    with pytest.raises(TemplateNotFound) as caught:
        TemplateIndex([entry("Register")]).find("SignIn", "de-CH")
    assert caught.value.outcome == "not_sent"
    assert not caught.value.retryable
    assert "SignIn" in str(caught.value)


def test_an_empty_list_has_no_template() -> None:
    with pytest.raises(TemplateNotFound):
        TemplateIndex([]).find("Generic")


@pytest.mark.parametrize("locale", ["fr", "de", "en-GB"])
def test_entries_in_other_languages_alone_serve_nobody_else(locale: str) -> None:
    with pytest.raises(TemplateNotFound):
        TemplateIndex([entry("SignIn", "de-CH"), entry("Generic", "pt-BR")]).find("SignIn", locale)


@pytest.mark.parametrize("locale", ["de_CH", "DE-ch", "de_ch", "De-Ch-1996", " de-CH "])
def test_a_message_may_spell_its_locale_in_any_case_and_with_underscores(locale: str) -> None:
    assert find(ALL, "SignIn", locale) == "SignIn/de-CH"


@pytest.mark.parametrize("spelling", ["de_CH", "DE-CH", "de-ch"])
def test_an_entry_may_spell_its_locale_in_any_case_and_with_underscores(spelling: str) -> None:
    assert find([entry("SignIn"), entry("SignIn", spelling)], "SignIn", "de-CH") == f"SignIn/{spelling}"


@pytest.mark.parametrize("locale", [None, "", "*", "fr", 5, ["de"], {"tag": "de"}])
def test_a_reader_of_no_known_language_gets_the_entry_without_locale(locale: object) -> None:
    assert find(ALL, "SignIn", locale) == "SignIn/None"


def test_a_locale_that_serves_nobody_is_quoted_on_one_line_and_not_at_all_when_it_is_long() -> None:
    entries = [entry("Register")]
    with pytest.raises(TemplateNotFound, match=r"the usage type SignIn and the locale 'd\\x1b\\ne', and no Generic"):
        find(entries, "SignIn", "d\x1b\ne")
    with pytest.raises(TemplateNotFound, match="the usage type SignIn, and no Generic"):
        find(entries, "SignIn", "d" * 65)


def test_the_usage_type_is_compared_letter_by_letter() -> None:
    assert find([entry("signin"), entry("Generic")], "SignIn") == "Generic/None"


def test_generic_itself_is_found_by_the_same_rule() -> None:
    assert find(ALL, "Generic", "de-AT") == "Generic/de"


def test_a_type_of_the_hosts_own_is_found() -> None:
    assert find([*ALL, entry("Newsletter")], "Newsletter", "de") == "Newsletter/None"


TYPES = st.sampled_from(["SignIn", "Generic", "Own"])
LOCALES = st.sampled_from([None, "de", "de-CH", "de-CH-1996", "fr", "pt-BR"])
KEYS = st.lists(st.tuples(TYPES, LOCALES), unique=True)


@given(KEYS, TYPES, LOCALES)
def test_what_is_found_is_of_the_type_or_generic_and_in_a_language_of_the_reader(
    keys: list[tuple[str, str | None]], usage_type: str, locale: str | None
) -> None:
    def fits(key: tuple[str, str | None]) -> bool:
        language_fits = key[1] is None or (locale is not None and f"{locale}-".startswith(f"{key[1]}-"))
        return key[0] in {usage_type, "Generic"} and language_fits

    # Of the type before Generic; then the longest tag before a shorter one, and none last.
    fitting = sorted(filter(fits, keys), key=lambda key: (key[0] != usage_type, -len(key[1] or "")))
    entries = [entry(*key) for key in keys]
    if fitting:
        assert find(entries, usage_type, locale) == entry(*fitting[0])["templateAlias"]
    else:
        with pytest.raises(TemplateNotFound):
            TemplateIndex(entries).find(usage_type, locale)


BY_TYPE: dict[str, Any] = {
    "SignIn": [{"html": "si", "locale": "de"}, {"html": "sn"}],
    "Register": {"html": "rn"},
    "ForgotPassword": ({"html": "ff", "locale": "fr_FR"},),
    "Generic": [{"html": "gf", "locale": "fr"}, {"html": "gn"}],
}
"""An object by usage type; the values are an entry or a list of entries."""


@pytest.mark.parametrize(
    ("usage_type", "locale", "html"),
    [
        ("SignIn", "de-CH", "si"),
        ("SignIn", "fr", "sn"),
        ("Register", "de", "rn"),
        ("ForgotPassword", "fr-FR", "ff"),
        ("ForgotPassword", "fr", "gf"),
        ("ForgotPassword", None, "gn"),
        ("Newsletter", "fr-CA", "gf"),
        ("Generic", None, "gn"),
    ],
)
def test_an_object_by_usage_type_serves_like_a_list(usage_type: str, locale: str | None, html: str) -> None:
    for templates in (BY_TYPE, freeze(BY_TYPE)):
        assert TemplateIndex(templates).find(usage_type, locale)["html"] == html


def test_an_entry_of_an_object_knows_its_usage_type() -> None:
    index = TemplateIndex(BY_TYPE)
    assert index.find("Register") == {"usageType": "Register", "html": "rn"}
    assert index.find("SignIn", "de") == {"usageType": "SignIn", "html": "si", "locale": "de"}
    assert BY_TYPE["Register"] == {"html": "rn"}


@pytest.mark.parametrize("templates", [{}, {"SignIn": []}, {"Register": {}}, {"SignIn": {"locale": "de"}}])
def test_an_object_without_a_fitting_entry_has_no_template(templates: dict[str, Any]) -> None:
    with pytest.raises(TemplateNotFound, match="SignIn"):
        TemplateIndex(templates).find("SignIn")


def test_the_key_of_an_object_is_the_usage_type_of_its_entries() -> None:
    assert TemplateIndex({"SignIn": {"usageType": "Register", "html": "s"}}).find("SignIn")["html"] == "s"
    assert TemplateIndex({"SignIn": [{"usageType": "Register", "html": "s"}]}).find("SignIn")["html"] == "s"


@given(KEYS, TYPES, LOCALES)
def test_a_list_and_an_object_of_the_same_entries_serve_alike(
    keys: list[tuple[str, str | None]], usage_type: str, locale: str | None
) -> None:
    entries = [entry(*key) for key in keys]
    by_type: dict[str, Any] = {}
    for one in entries:
        by_type.setdefault(one["usageType"], []).append({name: one[name] for name in one if name != "usageType"})
    by_type = {name: values[0] if len(values) == 1 else values for name, values in by_type.items()}
    try:
        found = TemplateIndex(entries).find(usage_type, locale)
    except TemplateNotFound:
        with pytest.raises(TemplateNotFound):
            TemplateIndex(by_type).find(usage_type, locale)
    else:
        assert TemplateIndex(by_type).find(usage_type, locale) == found


def repeated(entries: Any) -> list[str]:
    return [issue.path for issue in find_repeated_templates({"templates": entries})]


@pytest.mark.parametrize(
    ("entries", "paths"),
    [
        (ALL, []),
        ([entry("A"), entry("A")], ["$.templates[1]"]),
        ([entry("A"), entry("B"), entry("A"), entry("A")], ["$.templates[2]", "$.templates[3]"]),
        ([entry("A", "de"), entry("A", "DE")], ["$.templates[1]"]),
        ([entry("A", "de-CH"), entry("A", "de_ch")], ["$.templates[1]"]),
        ([entry("A", "de"), entry("A")], []),
        ([entry("A", "de"), entry("B", "de")], []),
    ],
)
def test_each_entry_that_repeats_type_and_locale_of_an_earlier_one_is_an_issue(
    entries: list[Entry], paths: list[str]
) -> None:
    assert repeated(entries) == paths


@pytest.mark.parametrize(
    ("templates", "paths"),
    [
        (BY_TYPE, []),
        ({"A": [{}, {}]}, ["$.templates.A[1]"]),
        ({"A": [{}, {"locale": "de"}, {}, {"locale": "DE"}]}, ["$.templates.A[2]", "$.templates.A[3]"]),
        ({"A": ({}, {})}, ["$.templates.A[1]"]),
        ({"my type": [{}, {}]}, ['$.templates["my type"][1]']),
        ({"A": {}, "B": {}}, []),
        ({"A": [{"locale": "de"}], "B": [{"locale": "de"}]}, []),
        ({"A": None, "B": "text", "C": [None, []], "D": [{"locale": 1}, {"locale": 1}]}, []),
    ],
)
def test_each_repeated_entry_of_an_object_is_an_issue(templates: dict[str, Any], paths: list[str]) -> None:
    assert repeated(templates) == paths


def test_the_issue_of_an_object_names_both_places() -> None:
    (issue,) = find_repeated_templates({"deliveries": {"A": [{"x": 1}, {"x": 2}]}}, "deliveries")
    assert issue == ConfigIssue(
        "$.deliveries.A[1]",
        "repeated",
        "This entry has the usage type and locale of $.deliveries.A[0]: remove one of the two.",
    )


def test_the_issue_names_the_earlier_entry_and_what_to_do() -> None:
    (issue,) = find_repeated_templates({"templates": (entry("A"), entry("B"), entry("A"))})
    assert issue == ConfigIssue(
        "$.templates[2]",
        "repeated",
        "This entry has the usage type and locale of $.templates[0]: remove one of the two.",
    )


def test_another_key_than_templates_can_be_checked() -> None:
    (issue,) = find_repeated_templates({"mails": [entry("A"), entry("A")]}, "mails")
    assert issue.path == "$.mails[1]"


@pytest.mark.parametrize(
    "entries",
    [
        None,
        "text",
        5,
        {"usageType": "A"},
        [None, 1, "text", []],
        [{}, {}],
        [{"usageType": 1}, {"usageType": 1}],
        [{"usageType": []}, {"usageType": []}],
        [{"usageType": "A", "locale": 1}, {"usageType": "A", "locale": 1}],
    ],
)
def test_a_list_of_the_wrong_shape_is_left_to_the_schema(entries: Any) -> None:
    assert repeated(entries) == []
