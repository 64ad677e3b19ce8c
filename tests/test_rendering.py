"""Local rendering: placeholders, values escaped in HTML, plain text derived from HTML, header values of one line."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from connector_core import Content, clean_header, render_content, render_text, shorten_text
from connector_core.rendering import derive_text

PAYLOAD = {
    "code": "483920",
    "empty": "",
    "nothing": None,
    "number": 5,
    "zero": 0,
    "price": 2.5,
    "yes": True,
    "list": ["a", 1],
    "application": {"name": "Müller & Co", "branding": {"color": None}, "size": 3},
    "snake_case2": "snake",
}


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Code: {{code}}.", "Code: 483920."),
        ("{{ code }}{{\tcode\n}}", "483920483920"),
        ("{{application.name}}", "Müller & Co"),
        ("{{application.branding.color}}", ""),
        ("{{snake_case2}}", "snake"),
        ("[{{empty}}{{nothing}}]", "[]"),
        ("{{number}} {{zero}} {{price}} {{yes}}", "5 0 2.5 true"),
        ("{{list}} {{application.branding}}", '["a", 1] {"color": null}'),
    ],
)
def test_a_placeholder_becomes_what_it_names(template: str, rendered: str) -> None:
    assert render_text(template, PAYLOAD) == rendered


@pytest.mark.parametrize("template", ["{{other}}", "{{ other }}", "{{other.name}}", "{{Code}}", "{{.code}}"])
def test_a_placeholder_whose_root_is_unknown_stays_as_it_is(template: str) -> None:
    assert render_text(template, PAYLOAD) == template


@pytest.mark.parametrize(
    "template",
    ["{{application.other}}", "{{code.length}}", "{{number.real}}", "{{nothing.a.b}}", "{{application.}}", "{{code.}}"],
)
def test_an_unknown_member_of_a_known_root_becomes_empty(template: str) -> None:
    assert render_text(f"[{template}]", PAYLOAD) == "[]"


@pytest.mark.parametrize(
    "template",
    ["{code}", "{{code}", "{ {code}}", "{{co de}}", "{{code|upper}}", "{{#code}}", "{{}}", "{{-code}}", "$code"],
)
def test_what_is_no_placeholder_stays_as_it_is(template: str) -> None:
    assert render_text(template, PAYLOAD) == template


def test_braces_around_a_placeholder_stay() -> None:
    assert render_text("{{{code}}}", PAYLOAD) == "{483920}"


@pytest.mark.parametrize("value", ["{{code}}", "{{ other }}", r"\g<0> \1 $1 $&", "{", "}}"])
def test_a_value_is_put_in_as_it_is_and_not_rendered_again(value: str) -> None:
    assert render_text("{{value}}|{{code}}", {"value": value, "code": "5"}) == f"{value}|5"


NEAR_TEMPLATES = st.text(st.sampled_from("{}ab. \n_é")) | st.text()


@given(NEAR_TEMPLATES, st.dictionaries(st.text(), st.text()))
def test_a_text_without_placeholders_stays_the_same(text: str, variables: dict[str, Any]) -> None:
    assume("{{" not in text)
    assert render_text(text, variables) == text


UNKNOWN = st.from_regex(r"\{\{\s*[a-j]\w{0,5}(\.\w{1,5}){0,3}\s*\}\}", fullmatch=True)


@given(st.lists(UNKNOWN | NEAR_TEMPLATES).map("".join))
def test_a_template_with_only_unknown_roots_is_unchanged(template: str) -> None:
    assume("known" not in template)
    assert render_text(template, {"known": "x", "known.a": "y", "known a": "z"}) == template


def test_the_parts_of_a_mail_are_rendered_each_in_its_way() -> None:
    assert render_content(
        {"name": "<Ann>\n& Bob"}, subject="Hi {{name}}", html="<p>Hi {{name}}</p>", text="Hi {{name}}"
    ) == Content("Hi <Ann> & Bob", "Hi <Ann>\n& Bob", "<p>Hi &lt;Ann&gt;\n&amp; Bob</p>")


def test_the_text_is_derived_from_the_html_where_it_is_missing() -> None:
    content = render_content(
        {"name": "<Ann>"}, subject="s", html='<p>Hi {{name}}</p><a href="https://a.example">go</a>'
    )
    assert content.text == "Hi <Ann>\n\ngo (https://a.example)"


def test_a_text_that_is_given_empty_stays_empty() -> None:
    assert render_content({}, subject="s", html="<p>Hi</p>", text="").text == ""


def test_a_mail_of_plain_text_has_no_html() -> None:
    assert render_content(PAYLOAD, subject="s", text="<b>{{application.name}}</b>") == Content(
        "s", "<b>Müller & Co</b>", ""
    )


class Tags(HTMLParser):
    """Keeps the tags, with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[Any] = []
        self.shown = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.shown += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(data)


SIGNS = st.text(st.sampled_from("<>\"'&;#/=!-x \n\0{}")) | st.text()
VALUES = SIGNS | st.lists(SIGNS, max_size=3) | st.dictionaries(SIGNS, SIGNS, max_size=3)


@given(VALUES)
@example("</p><script>")
@example('" onclick="x')
@example("' style='x")
@example("&lt;b&gt; &#60;b>")
def test_a_value_opens_no_tag_and_ends_no_attribute(value: Any) -> None:
    html = "<p title=\"{{v}}\" class='{{v}}'>{{v}}</p>"
    rendered = render_content({"v": value}, subject="s", html=html).html
    assert rendered.count("<") == rendered.count(">") == 2
    plain = render_text("{{v}}", {"v": value})
    read = Tags(rendered)
    assert read.tags == [("p", {"title": plain, "class": plain})]
    assert read.shown == plain


@given(SIGNS)
def test_the_html_of_a_template_is_not_escaped(html: str) -> None:
    assert render_content({}, subject="s", html=html, text="").html == html


NO_LETTERS_OF_A_LINE = {"Cc", "Cs", "Zl", "Zp"}
CONTROLS = st.text(st.sampled_from("ab \t\r\n\0\x0b\x0c\x1b\x1c\x7f\x85\x9f\u2028\u2029\xa0\ud800\udfff")) | st.text(
    st.characters(), max_size=20
)


@given(CONTROLS, CONTROLS)
@example("x\r\nBcc: eve@example.com", "")
@example("\ud83d", "\ude00")
def test_a_subject_is_one_line_without_control_characters_whatever_the_payload(value: str, fixed: str) -> None:
    variables = {"value": value, "object": {value: [value]}}
    subject = render_content(variables, subject=f"{fixed} {{{{value}}}}{{{{object}}}}", text="").subject
    assert not {unicodedata.category(letter) for letter in subject} & NO_LETTERS_OF_A_LINE
    assert len(subject.splitlines()) == 1
    assert subject == subject.strip()


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("Your code", "Your code"),
        ("Your\r\ncode", "Your code"),
        ("Your \r\n\t code", "Your code"),
        ("a\x00\x1b[31mb\x85c\u2028d", "a [31mb c d"),
        ("\n Your code\n", "Your code"),
        ("two  spaces", "two  spaces"),
        ("non-breaking\u00a0space", "non-breaking\u00a0space"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_a_run_of_control_characters_becomes_one_space(value: str, cleaned: str) -> None:
    assert clean_header(value) == cleaned


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_a_clean_line_stays_the_same_but_for_its_ends(line: str) -> None:
    assert clean_header(line) == line.strip()


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain", "plain"),
        ("1 < 2 & 3 &amp; &lt;b&gt; &eacute; &#8364;", "1 < 2 & 3 & <b> é €"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>\n  One\n  two\n</p>\n\n<p>Three</p>", "One two\n\nThree"),
        ("<div>One</div><div><div>Two</div></div>", "One\nTwo"),
        ("<p>One<br>two<br/>three</p>", "One\ntwo\nthree"),
        ("<h1>Hello</h1>You", "Hello\n\nYou"),
        ("<b>bo</b>ld <i>it</i>alic", "bold italic"),
        ("<ul><li>One</li><li>Two</li></ul>", "- One\n- Two"),
        ("<ol><li>One<li>Two</ol>", "- One\n- Two"),
        ("<table><tr><td>Code<td>5<tr><th>To</th><th>Ann</th></tr></table>", "Code 5\nTo Ann"),
        ("<p>One</p><br><br><br><p>Two</p>", "One\n\nTwo"),
        ("Code:<pre>one\ntwo</pre>", "Code:\n\none\ntwo"),
        ('<img src="https://a.example/x.png" alt="Our logo"><img src="pixel.gif">', "Our logo"),
        ("<title>T</title><style>p {}</style><script>alert('<p>1</p>')</script>Hi", "Hi"),
        ("<html><head><title>T</title><meta charset=utf-8></head><body>Hi</body></html>", "Hi"),
        ("<!doctype html><!-- <p>note</p> --><![if !mso]>Hi<![endif]><!--[if mso]>Outlook<![endif]-->", "Hi"),
        ('<a href="https://a.example/x?a=1&amp;b=2">Sign in</a>', "Sign in (https://a.example/x?a=1&b=2)"),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example"),
        ('<a href="https://a.example"><img alt=""></a>', "https://a.example"),
        ('<a href="#top">Top</a> <a name="x">x</a> <a href="javascript:x()">y</a>', "Top x y"),
        ('<P>Hi</P><A HREF="https://a.example">go</A>', "Hi\n\ngo (https://a.example)"),
    ],
)
def test_plain_text_is_what_a_reader_of_the_html_sees(html: str, text: str) -> None:
    assert derive_text(html) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<head><title>T</title><p>Hello</p>", "Hello"),
        ("<li><p>One</p></li>", "- One"),
        ("<p>Code:</p><pre>if x:\n    y</pre>", "Code:\n\nif x:\n    y"),
        ("<tr>\n <td>Code</td>\n <td>5</td>\n</tr>", "Code 5"),
        ('<a href="HTTPS://a.example/">go</a>', "go (HTTPS://a.example/)"),
        (
            '<a href="https://a.example">go <a href="https://b.example">on',
            "go (https://a.example)on (https://b.example)",
        ),
    ],
    ids=[
        "head without end",
        "paragraph in an item",
        "indented",
        "cells on lines",
        "capital scheme",
        "links without end",
    ],
)
def test_plain_text_keeps_what_is_laid_out_in_rarer_ways(html: str, text: str) -> None:
    assert derive_text(html) == text


WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)


@given(st.lists(WORDS, min_size=1).map(" ".join))
@example("<b>bold</b> &amp; <!-- -->")
def test_a_value_shows_in_the_derived_text_as_it_is(value: str) -> None:
    assert render_content({"v": value}, subject="s", html="<div><p>{{v}}</p></div>").text == value


PIECES = [
    *("<a>", "</a>", "<pre>", "</pre>", "<td>", "<li>", "<svg/>", "<body>", "<title>", "<style>", "<script>"),
    *("</script", "<a/", "<", ">", "</", "<!--", "-->", "<!", "<!DOCTYPE", "<?", "<![if x]>", "<![endif]>", "&", "&#"),
    *("&#x", "&amp", '<a href="https://a.example">', '<a "', "<a b='", "<a b=", ";", '"', "'", "=", "x", " ", "\n"),
    *("\0", "\ud800"),
]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5)).map("".join))
def test_no_html_is_too_broken_for_its_text(html: str) -> None:
    assert derive_text(html) == derive_text(html).strip()


@pytest.mark.parametrize("html", ["Hi<![ if !mso]>", "Hi<![ ", "Hi<![x[y]]>", f"Hi&#{'9' * 5000};"])
def test_no_declaration_and_no_number_is_too_odd_for_the_text(html: str) -> None:
    assert derive_text(html).startswith("Hi")


# html.parser before Python 3.11.14 takes minutes for 100 kB of these, so they are short.
SLOW = ["<a ", '<a "', "<a b='", "<a\n", "<a/", "<x", "<x=", "<b", "<!--"]
LONG = [
    *("<a>", "</a>", "<pre>", "<div>", "<p>", "<td>", "<li>", "<br>", "<p><b>", "<table><tr><td>", "<script>"),
    *('<a href="https://a.example">x</a>', "<title>", "<", ">", "</", "<?", "<!", "&", "&#", "&amp", "x", " ", "\n"),
    "\ud800",
]


@pytest.mark.parametrize("piece", LONG)
def test_a_long_run_of_anything_has_a_text(piece: str) -> None:
    html = piece * (100_000 // len(piece))
    assert "seen" in derive_text(f"<p>seen</p>{html}")


@pytest.mark.parametrize("piece", SLOW)
def test_a_run_of_tags_that_never_end_has_a_text(piece: str) -> None:
    assert "seen" in derive_text(f"<p>seen</p>{piece * 300}")


@pytest.mark.parametrize("tag", ["div", "blockquote", "ul", "b", "pre", "table", "script", "head", "a"])
def test_nesting_has_no_limit(tag: str) -> None:
    html = f"<{tag}>" * 5000 + f"</{tag}>" * 5000
    assert derive_text(f"seen{html}").startswith("seen")


def test_text_and_html_can_be_written_in_utf_8_whatever_the_payload() -> None:
    content = render_content({"name": "half \ud83d pair"}, subject="s", html="<p>{{name}}</p>", text="{{name}}")
    assert content.text.encode() == "half \ufffd pair".encode()
    assert content.html.encode() == "<p>half \ufffd pair</p>".encode()


@given(st.text() | st.text("ab 字"), st.integers(1, 50))
def test_a_text_is_never_cut_within_a_word_that_may_be_a_secret(text: str, longest: int) -> None:
    cut = shorten_text(text, longest)

    assert len(cut) <= longest
    assert text.startswith(cut)
    assert (cut == text) == (len(text) <= longest)
    last, following = cut[-1:], text[len(cut) : len(cut) + 1]
    assert not ("!" <= last <= "~" and "!" <= following <= "~")


@pytest.mark.parametrize(
    ("text", "longest", "cut"),
    [
        ("one two", 7, "one two"),
        ("one two", 6, "one"),
        ("one two", 3, "one"),
        ("one two", 2, ""),
        ("验证码key123", 5, "验证码"),
    ],
)
def test_a_text_is_cut_between_two_words(text: str, longest: int, cut: str) -> None:
    assert shorten_text(text, longest) == cut
