"""The console's words: every sentence that it says is there in each of its languages, and a reader gets theirs."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jinja2 import Environment, nodes

import connector_core
from connector_core.console.texts import LOCALES, Texts, choose_texts, mark
from connector_core.starters import STARTER_LOCALES

if TYPE_CHECKING:
    from collections.abc import Iterator

CONSOLE = Path(connector_core.__file__).parent / "console"
CATALOGUES: dict[str, dict[str, str]] = {
    file.stem: json.loads(file.read_text("utf-8")) for file in sorted((CONSOLE / "locales").glob("*.json"))
}
TRANSLATORS = {"t", "_t", "texts", "mark"}

SAME: dict[str, set[str]] = {
    "fr": {"Catalogue", "Guide", "Pages", "Payload"},
    "ko": set(),
    "tr-TR": {"Form"},
    "zh-CN": set(),
}
"""The sentences that a language has in the same words."""

every_language = pytest.mark.parametrize("locale", CATALOGUES)


def find_in_template(source: str) -> Iterator[str]:
    for call in Environment(autoescape=True).parse(source).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in TRANSLATORS and call.args:
            sentence = call.args[0]
            if isinstance(sentence, nodes.Const):
                yield sentence.value


def find_in_module(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
            sentence = node.args[0].value
            if name in TRANSLATORS and isinstance(sentence, str):
                yield sentence


def find_sentences() -> set[str]:
    """Return every sentence that the console's templates and modules say."""
    templates = (find_in_template(file.read_text("utf-8")) for file in CONSOLE.glob("templates/**/*.html"))
    modules = (find_in_module(file.read_text("utf-8")) for file in CONSOLE.glob("**/*.py"))
    return {sentence for found in (*templates, *modules) for sentence in found}


def find_values(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", sentence))


# What is translated


def test_the_console_speaks_the_languages_of_the_starter_templates() -> None:
    assert LOCALES == STARTER_LOCALES
    assert set(CATALOGUES) == set(LOCALES) - {"en"}


@every_language
def test_each_sentence_that_the_console_says_is_translated_and_no_other(locale: str) -> None:
    said, translated = find_sentences(), set(CATALOGUES[locale])
    assert {"lacking": said - translated, "unused": translated - said} == {"lacking": set(), "unused": set()}


@every_language
def test_a_translation_has_the_values_of_the_sentence(locale: str) -> None:
    for english, translation in CATALOGUES[locale].items():
        assert find_values(translation) == find_values(english), english
        if values := dict.fromkeys(find_values(english), "value"):
            assert "value" in translation.format(**values)


@every_language
def test_a_translation_says_something_else_than_the_english_sentence(locale: str) -> None:
    catalogue = CATALOGUES[locale]
    assert [english for english, translation in catalogue.items() if not translation.strip()] == []
    assert {english for english, translation in catalogue.items() if translation == english} == SAME[locale]


def test_a_sentence_is_found_wherever_it_is_said() -> None:
    template = """<p title="{{ t('a') }}">{{ t("b {n}", n=t("c")) }}{% if x == t("d") %}{{ t(e) }}{% endif %}</p>"""
    module = 'x = mark("a"); self._t("b {n}", n=t(\n"c" "d")); t(e); other("f"); g.texts("g")'
    assert set(find_in_template(template)) == {"a", "b {n}", "c", "d"}
    assert set(find_in_module(module)) == {"a", "b {n}", "cd", "g"}


# How


def test_a_sentence_without_a_translation_stays_english() -> None:
    assert [Texts(locale)("Nobody says {this}.", this="that") for locale in LOCALES] == ["Nobody says that."] * 5


def test_without_values_braces_stay() -> None:
    assert choose_texts()('{"$env": "NAME"}') == '{"$env": "NAME"}'


def test_a_sentence_may_have_a_value_of_any_name() -> None:
    assert choose_texts()("{english} {self}", english=1, self="{x}") == "1 {x}"


def test_a_marked_sentence_stays_as_it_is() -> None:
    assert mark("Nobody says {this}.") == "Nobody says {this}."


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "en"), ("", "en"), ("*", "en"), ("de", "en"), ("fr", "fr"), ("FR", "fr"), ("fr-CH", "fr"),
        ("tr", "tr-TR"), ("ko-KR", "ko"), ("tr-CY", "tr-TR"), ("en-GB,fr", "en"),
        ("de, ko;q=0.5, fr;q=0.8", "fr"), ("fr;q=0, ko;q=0.1", "ko"), ("de-CH, *;q=0.5", "en"), ("fr;q=x, ko", "ko"),
        (";;,=,q", "en"), ("zh", "zh-CN"), ("zh-SG", "zh-CN"), ("zh-Hans-HK", "zh-CN"), ("zh_CN", "zh-CN"),
        ("zh-Hant", "en"), ("zh-Hant-CN", "en"), ("zh-TW", "en"), ("zh-HK,zh;q=0.9,en;q=0.8", "en"),
        ("zh-TW,zh;q=0.9,ko;q=0.8", "ko"), ("zh-TW,zh-CN;q=0.9", "zh-CN"), ("zh,zh-TW;q=0.9", "zh-CN"),
    ],
)  # fmt: skip
def test_a_reader_gets_the_language_that_their_browser_asks_for(header: str | None, locale: str) -> None:
    assert choose_texts(header).locale == locale


@pytest.mark.parametrize(
    ("override", "locale"),
    [
        ("ko", "ko"),
        ("tr_tr", "tr-TR"),
        ("", "fr"),
        ("xx", "fr"),
        ("zh-Hant", "fr"),
        ("../../x", "fr"),
        ("x" * 999, "fr"),
    ],
)
def test_the_choice_of_a_reader_goes_before_where_the_console_speaks_it(override: str, locale: str) -> None:
    assert choose_texts("fr-CA, en", override).locale == locale
