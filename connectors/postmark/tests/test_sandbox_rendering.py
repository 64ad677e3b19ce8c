"""Mustachio, where it differs from Mustache and where it doesn't."""

from __future__ import annotations

from typing import Any

import pytest
from connector_postmark.sandbox.rendering import RenderingFailed, parse, render, suggest_model
from hypothesis import given
from hypothesis import strategies as st

MODEL: dict[str, Any] = {
    "name": "<Ann> & 'Bob' \"C\"",
    "company": {"name": "ACME", "empty": None},
    "shop": {"name": "Shop", "goods": [{"name": "tea"}]},
    "list": [{"title": "one"}, {"title": "two"}],
    "numbers": [1, 2.5, True],
    "nothing": [],
    "none": None,
    "zero": 0,
    "yes": True,
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{name}}", "&lt;Ann&gt; &amp; &#39;Bob&#39; &quot;C&quot;"),
        ("{{{name}}} {{& name }}", "<Ann> & 'Bob' \"C\" <Ann> & 'Bob' \"C\""),
        ("{{ company.name }}{{company.nope}}{{none}}{{list}}{{company}}", "ACME"),
        ("{{#company}}{{name}}{{/company}}", "ACME"),
        ("{{#company}}{{yes}}{{/company}}", ""),
        ("{{#company}}{{../yes}}{{../../../zero}}{{/company}}", "True0"),
        ("{{#each list}}{{title}},{{../../zero}};{{/each}}", "one,0;two,0;"),
        ("{{#shop}}{{#each goods}}{{name}} from {{../../name}}{{../name}}{{/each}}{{/shop}}", "tea from Shop"),
        ("{{#each numbers}}[{{.}}]{{/each}}", "[1][2.5][True]"),
        ("{{#list}}once{{title}}{{/list}}", "once"),
        ("{{#none}}a{{/none}}{{#zero}}b{{/zero}}{{#nothing}}c{{/nothing}}{{#each nothing}}d{{/each}}", ""),
        ("{{^none}}a{{/none}}{{^zero}}b{{/zero}}{{^nothing}}c{{/nothing}}{{^yes}}d{{/yes}}", "abc"),
        ("{{#none}}a{{^none}}b{{/none}}{{#yes}}c{{^yes}}d{{/yes}}", "bc"),
        ("{{#yes}}{{#each ../list}}{{^title}}d{{/title}}e{{/each}}{{^yes}}f{{/yes}}", "ee"),
        ("{{#each list}}{{^each}}no {{../each}}{{/each}}{{/each}}", "no no "),
        ("{{#if}}a{{/if}}{{if}}{{unless}}{{each}}", ""),
        (" {{#yes}} \n {{name.x}} \n {{/yes}} \n", "  \n  \n  \n"),
        ("{{! a comment }}{ {x} } }} {{}}{{ }}", "{ {x} } }} "),
        ("{{{ pm:unsubscribe }}}{{pm:x}}{{yes}}", "{{{ pm:unsubscribe }}}{{pm:x}}True"),
        ("a{{{@content}}}b", "ab"),
    ],
)
def test_a_template_renders(source: str, expected: str) -> None:
    template = parse(source)
    assert template.issues == []
    assert render(template, MODEL, escape=True) == expected


def test_text_is_not_escaped() -> None:
    assert render(parse("{{name}}"), MODEL, escape=False) == MODEL["name"]


def test_values_are_not_rendered_again() -> None:
    assert render(parse("{{a}}"), {"a": "{{b}}", "b": "secret"}, escape=True) == "{{b}}"


def test_each_needs_a_list() -> None:
    with pytest.raises(RenderingFailed, match="needs an array at 'name'"):
        render(parse("{{#each name}}{{/each}}"), MODEL, escape=True)


@pytest.mark.parametrize(
    ("source", "position", "words"),
    [
        ("a\nb {{#open}}", (2, 3), "never closed with {{/open}}"),
        ("{{#each a}}", (1, 1), "never closed with {{/each}}"),
        ("{{/a}}", (1, 1), "'{{/a}}' doesn't belong here: no block is open"),
        ("{{#a}}{{/b}}{{/a}}", (1, 7), "the innermost block is closed with {{/a}}"),
        ("{{#each}}{{/each}}", (1, 1), "A path is missing"),
        ("{{#eachx}}{{/each}}", (1, 1), "A path is missing"),
        ("{{#}}{{/}}", (1, 1), "A path is missing"),
        ("{{#each a}}{{/each a}}{{/each}}", (1, 12), "the innermost block is closed with {{/each}}"),
        ("{{/each}}", (1, 1), "'{{/each}}' doesn't belong here: no block is open"),
        ("{{#a}}{{/each}}{{/a}}", (1, 7), "the innermost block is closed with {{/a}}"),
        ("{{a b}}", (1, 1), "The path 'a b' is not valid"),
        ("{{#a b}}{{/a b}}", (1, 1), "The path 'a b' is not valid"),
        ("{{> partial}}", (1, 1), "The path '> partial' is not valid"),
        ("{{=<% %>=}}<%a%>", (1, 1), "The path '=<% %>=' is not valid"),
        ("{{a...b}}", (1, 1), "The path 'a...b' is not valid"),
        ("{{{a}} b {{c}}}", (1, 1), "The path 'a}} b {{c' is not valid"),
        ("{{#a}}\n{{/a}}{{& a", (2, 7), "has no end"),
        ("x {{{a}} {{b}}", (1, 3), "has no end"),
        ("{{#a}}{{#b}}" * 51 + "{{/b}}{{/a}}" * 51, (1, 601), "deep"),
    ],
)
def test_a_syntax_error_has_a_place(source: str, position: tuple[int, int], words: str) -> None:
    (issue,) = parse(source).issues
    assert words in issue.message
    assert (issue.line, issue.character) == position


def test_every_issue_is_told() -> None:
    issues = parse("{{a b}}\n{{/c}}{{#d}}\n{{#each}}").issues
    assert [(issue.line, issue.character) for issue in issues] == [(1, 1), (2, 1), (3, 1), (2, 7), (3, 1)]


def test_of_a_large_template_full_of_mistakes_the_first_hundred_are_told() -> None:
    issues = parse("{{a b}}" * 70_000).issues
    assert [(issue.line, issue.character) for issue in issues] == [(1, 1 + 7 * n) for n in range(100)]


def test_content_is_rendered_where_its_layout_wants_it() -> None:
    layout = parse("{{#company}}[{{{ @content }}}]{x}}{{/company}}")
    content = parse("{{#company}}no{{/company}}{{name}}{{{@content}}}{")
    # The second test of a path is an else within one template, not across layout and content.
    assert render(layout.fill(content), MODEL, escape=True) == "[ACME{]{x}}"
    assert layout.placeholders == 1


def test_half_a_surrogate_pair_is_rendered_like_any_character() -> None:
    assert render(parse("\udc00{{a}}"), {"a": "\ud800'"}, escape=True) == "\udc00\ud800&#39;"


def test_a_deeply_nested_source_is_an_issue_and_no_crash() -> None:
    template = parse("{{#a}}{{#b}}" * 5000 + "{{{@content}}}" + "{{/b}}{{/a}}" * 5000)
    assert template.issues
    assert render(template, suggest_model(template), escape=True) == ""


@given(st.text(alphabet="ab .{}#/^!&@each\n", max_size=60))
def test_any_source_parses_or_tells_its_issues(source: str) -> None:
    template = parse(source)
    render(template, suggest_model(template), escape=True)
    for issue in template.issues:
        assert 1 <= issue.line <= source.count("\n") + 1


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(max_size=20), max_size=5))
def test_a_value_in_a_text_comes_out_as_it_went_in(model: dict[str, str]) -> None:
    source = "|".join(f"{{{{{key}}}}}" for key in model)
    assert render(parse(source), model, escape=False) == "|".join(model.values())
