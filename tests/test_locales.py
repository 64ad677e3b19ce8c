"""RFC 4647, section 3.4: lookup."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core.locales import candidate_locales, normalize_locale
from connector_core.metadata import choose_language

SUBTAGS = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789", min_size=1, max_size=8)
TAGS = st.lists(SUBTAGS, min_size=1, max_size=6).map("-".join)


@pytest.mark.parametrize(
    ("locale", "candidates"),
    [
        ("de", ["de"]),
        ("de-CH", ["de-ch", "de"]),
        ("de-CH-1996", ["de-ch-1996", "de-ch", "de"]),
        ("zh-Hant-CN", ["zh-hant-cn", "zh-hant", "zh"]),
        # The example of the RFC: a subtag of one character goes with what followed it.
        (
            "zh-Hant-CN-x-private1-private2",
            ["zh-hant-cn-x-private1-private2", "zh-hant-cn-x-private1", "zh-hant-cn", "zh-hant", "zh"],
        ),
        ("de_CH", ["de-ch", "de"]),
        ("pt_br", ["pt-br", "pt"]),
        ("  fr ", ["fr"]),
        ("i-klingon", ["i-klingon"]),
        ("de-a-one-b-two", ["de-a-one-b-two", "de-a-one", "de"]),
    ],
)
def test_a_tag_is_shortened_from_its_end_and_the_default_comes_last(locale: str, candidates: list[str]) -> None:
    assert [*candidate_locales(locale)] == [*candidates, None]


@pytest.mark.parametrize("locale", [None, "", "   ", "*", 5, ["de"], {"de": 1}, True])
def test_what_names_no_language_is_served_by_the_default_alone(locale: object) -> None:
    assert [*candidate_locales(locale)] == [None]


@given(st.text())
def test_any_text_ends_with_the_default_and_never_fails(locale: str) -> None:
    found = [*candidate_locales(locale)]
    assert found[-1] is None
    assert found.count(None) == 1


@given(TAGS)
def test_each_candidate_is_a_shorter_beginning_of_the_tag(locale: str) -> None:
    found = [candidate for candidate in candidate_locales(locale) if candidate is not None]
    assert found[0] == locale.lower()
    for longer, shorter in pairwise(found):
        assert longer.startswith(f"{shorter}-")


@given(TAGS.filter(lambda tag: not any(len(one) == len(two) == 1 for one, two in pairwise(tag.split("-")))))
def test_no_shortened_candidate_ends_with_a_subtag_of_one_character(locale: str) -> None:
    for candidate in [*candidate_locales(locale)][1:-1]:
        assert candidate is not None
        assert len(candidate.rpartition("-")[2]) > 1


@given(TAGS)
def test_case_and_underscores_make_no_difference(locale: str) -> None:
    expected = [*candidate_locales(locale)]
    for spelling in (locale.upper(), locale.lower(), locale.replace("-", "_")):
        assert [*candidate_locales(spelling)] == expected


@given(st.text())
def test_normalising_twice_changes_nothing_more(locale: str) -> None:
    assert normalize_locale(normalize_locale(locale)) == normalize_locale(locale)


@pytest.mark.parametrize(
    ("texts", "locale", "chosen"),
    [
        ({"en": "Hello", "de": "Hallo"}, "de-AT", "Hallo"),
        ({"en": "Hello", "de": "Hallo", "de-AT": "Servus"}, "de_at", "Servus"),
        ({"en": "Hello", "de": "Hallo"}, "fr", "Hello"),
        ({"en": "Hello", "de": "Hallo"}, None, "Hello"),
        ({"EN": "Hello", "de": "Hallo"}, "fr", "Hello"),
        ({"de": "Hallo"}, "fr", "Hallo"),
        ({}, "fr", ""),
        # A reader of plain Chinese isn't served by a text for one place: RFC 4647 only ever shortens.
        ({"en": "Hello", "zh-CN": "你好"}, "zh", "Hello"),
    ],
)
def test_a_reader_gets_the_nearest_text_then_english_then_any(
    texts: dict[str, Any], locale: str | None, chosen: str
) -> None:
    assert choose_language(texts, locale) == chosen
