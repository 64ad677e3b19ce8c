"""Guides in the console: readable whatever language of markup they use, and harmless whatever they hold."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from installed import ROOT

from connector_core.console.guide import render_guide

GUIDES = sorted(ROOT.glob("connectors/*/README*.md"))

TAGS = {
    *("h3", "h4", "h5", "h6", "p", "a", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "br", "hr"),
    *("table", "thead", "tbody", "tr", "th", "td", "div"),
}
ATTRIBUTES = {
    "a": {"href": r"https://.*|mailto:.*|#guide-.*", "rel": "noopener noreferrer", "target": "_blank"},
    "div": {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": r"(?s).+"},
    "ol": {"start": r"\d+"},
    **{f"h{level}": {"id": r"guide-.*"} for level in range(3, 7)},
}


class Page(HTMLParser):
    """What a browser would see of a guide."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.html = render_guide(markdown)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.headings: list[tuple[int, str]] = []
        self.regions: list[str | None] = []
        self._open: list[str] = []
        self.unscrollable: list[str] = []
        self.feed(self.html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in {"table", "pre"} and self._open[-1:] != ["div"]:
            self.unscrollable.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append((int(tag[1]), ""))
        if tag == "div":
            self.regions.append(dict(attrs).get("aria-label"))
        if tag not in {"br", "hr"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._open and re.fullmatch(r"h\d", self._open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    def values(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name))]


def check_harmless(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag in TAGS
        for name, value in attributes.items():
            assert re.fullmatch(ATTRIBUTES[tag][name], value or "")
    assert {link for link in page.values("href") if link[0] == "#"} <= {f"#{name}" for name in page.values("id")}
    assert page.unscrollable == []


# Harmless

SOUP = [
    "<script>alert(1)</script>", "<script src=https://example.com/x.js>", "<img src=x onerror=alert(1)>",
    "<svg onload=a()>", '<a href="javascript:a()">', "</a>", "[x](javascript:a())", "[x](JaVa&#115;cript:a())",
    "[x](data:text/html,a)", "[x](<java\tscript:a()>)", "![x](https://example.com/x.png)",
    "[![x](y.png)](https://example.com)", "<style>p{}</style>", '<p style="x" class="y" id="z">', "<h1 id=guide-a>",
    "<math>", "<noscript>", "<iframe srcdoc=x>", "<form action=/delete>", "<base href=//example.com>", "<!--", "-->",
    "<![CDATA[", "]]>", "<?php", "<div>", "</div>", "</table>", "<textarea>", "<title>", "# a", "## a", "###### a",
    "[a](#a)", "[a](#page)", "[a](//example.com)", "[a](../x.md)", "[a](http://example.com)", "<https://example.com>",
    "<mailto:a@example.com>", "<a@example.com>", "[a]: javascript:a()", "[a]", '[a]: #a \'x" onclick="a()\'',
    "| a | b |\n| - | :-: |\n| c | d |", "```js\n<b>\n```", "    code", '```" onclick=a()\n', "> ", "- ", "3. ", "\n",
    "\n\n", "---\n", "***", "~~a~~", "**a**", "`a`", "\\", "&lt;script&gt;", "&#0;", "\x00", "\ud800", "é",
    "import a from 'b';", "<GuideTip />", "<br>",
]  # fmt: skip


@given(st.lists(st.sampled_from(SOUP) | st.text(max_size=8), max_size=12).map("".join))
@example("<div>\n\n| a |\n| - |\n| </div><script>a()</script> |\n")
@example('# "><script>a()</script>\n\n    code\n')
@example("## a\n\n[a](#a) [b](#A) [c](#b)")
def test_a_guide_is_harmless_whatever_it_holds(markdown: str) -> None:
    check_harmless(Page(markdown))


@pytest.mark.parametrize(
    "address",
    ["javascript:a()", "data:text/html,a", "http://example.com", "//example.com/x", "/x", "README.fr.md",
     "../../docs/x.md", "#elsewhere", "https:x", "https://", "https://[", "mailto:", "tel:1", ""],
)  # fmt: skip
def test_of_a_link_that_would_lead_nowhere_safe_the_text_stays(address: str) -> None:
    page = Page(f"## a\n\n[the *text*](<{address}>)")
    assert page.values("href") == []
    assert "the" in page.text
    assert "text" in page.text


def test_a_link_to_another_site_opens_apart_and_tells_it_nothing() -> None:
    page = Page("[a](https://example.com/b?c=d#e) [f](mailto:a@example.com)")
    assert [attributes for tag, attributes in page.elements if tag == "a"] == [
        {"href": "https://example.com/b?c=d#e", "target": "_blank", "rel": "noopener noreferrer"},
        {"href": "mailto:a@example.com", "rel": "noopener noreferrer"},
    ]


def test_the_scheme_of_a_link_may_be_in_capitals() -> None:
    page = Page("[a](HTTPS://example.com/B) [c](MAILTO:a@example.com)")
    assert page.values("href") == ["https://example.com/B", "mailto:a@example.com"]


@pytest.mark.parametrize("markdown", ["[](https://example.com)", "[![](x.png)](https://example.com)"])
def test_a_link_without_a_text_is_left_out(markdown: str) -> None:
    assert render_guide(markdown).strip() == "<p></p>"


def test_of_an_image_the_text_stays() -> None:
    assert render_guide("![The settings](x.png)").strip() == "<p>The settings</p>"
    page = Page("[![The site](x.png)](https://example.com)")
    assert (page.text.strip(), page.values("href")) == ("The site", ["https://example.com"])


def test_of_html_the_text_stays_and_a_line_break() -> None:
    page = Page("a <b onclick=x>bold</b> c<br>d\n\n<details>\n<summary>More &amp; <i>more</i></summary>\n</details>\n")
    assert [tag for tag, _ in page.elements] == ["p", "br", "p"]
    assert page.text.split() == ["a", "bold", "c", "d", "More", "&", "more"]


# Headings


def test_the_title_is_left_out_and_the_levels_below_it_start_at_the_third() -> None:
    page = Page("# Title\n\n## a\n\n### b\n\n## c\n\n###### d\n")
    assert page.headings == [(3, "a"), (4, "b"), (3, "c"), (4, "d")]


def test_a_guide_without_a_title_starts_at_the_third_level_too() -> None:
    assert Page("Words.\n\n# a\n\n## b\n").headings == [(3, "a"), (4, "b")]
    assert Page("#### a\n\n##### b\n").headings == [(3, "a"), (4, "b")]


def test_a_link_to_a_heading_leads_there_under_the_name_that_github_gives_it() -> None:
    page = Page("## Été, `code` & co.\n\n## a\n\n## a\n\n[x](#été-code--co) [y](#a) [z](#a-1)\n")
    assert page.values("id") == ["guide-été-code--co", "guide-a", "guide-a-1"]
    assert page.values("href") == ["#guide-été-code--co", "#guide-a", "#guide-a-1"]


# Tables and code


def test_each_table_and_each_block_of_code_scrolls_and_has_a_name_of_its_own() -> None:
    page = Page('# T\n\n    a\n\n## "b" & `c`\n\n| d |\n| - |\n| e |\n\n```json\nf\n```\n\n- g\n\n  ```\n  h\n  ```\n')
    assert page.regions == ["T", '"b" & c', '"b" & c (2)', '"b" & c (3)']
    assert page.unscrollable == []
    assert page.values("tabindex") == ["0"] * 4


def test_code_without_a_heading_above_scrolls_without_a_name() -> None:
    page = Page("    a\n")
    assert ([tag for tag, _ in page.elements], page.regions) == (["div", "pre", "code"], [None])


# Guides of others

MDX = """\
---
slug: /integrations/acme
sidebar_custom_props:
  description: Acme sends mails.
---

import GuideTip from '../../fragments/_guide-tip.mdx';
import Tabs from "@theme/Tabs"

# Set Acme up

<GuideTip />

## Start

<Tabs>

Fill in *both* fields.

</Tabs>

```js
import acme from 'acme';
```

[Turn it on](/connectors/#turn-it-on), please import it from 'here'.
"""


def test_of_mdx_only_the_text_is_shown() -> None:
    page = Page(MDX)
    assert page.text.split("\n") == [
        "Start", "Fill in both fields.", "import acme from 'acme';", "", "",
        "Turn it on, please import it from 'here'.", "",
    ]  # fmt: skip
    assert page.headings == [(3, "Start")]


def test_a_guide_may_be_empty() -> None:
    assert render_guide("") == ""


@pytest.mark.parametrize("guide", GUIDES, ids=[f"{guide.parent.name}-{guide.name}" for guide in GUIDES])
def test_a_guide_of_ours_is_shown_whole_with_links_that_lead_somewhere(guide: Any) -> None:
    markdown = guide.read_text("utf-8")
    page = Page(markdown)
    check_harmless(page)
    assert len(page.values("href")) == len(re.findall(r"\]\(", markdown))
    prose = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    assert len(page.headings) == len(re.findall(r"^##+ ", prose, re.MULTILINE))
    assert page.html.count("<pre>") == markdown.count("\n```") / 2
    assert len(page.regions) == len(set(page.regions))
