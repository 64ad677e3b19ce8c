"""The HTML of the starter templates: what mail clients take, in colours and sizes that everybody can read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from starter_page import find_coloured_texts, read_page, read_style

from connector_core import starter_templates

if TYPE_CHECKING:
    from connector_core import Template

every_starter = pytest.mark.parametrize(
    "starter", starter_templates(), ids=lambda one: f"{one.locale}-{one.usage_type}"
)


@every_starter
@pytest.mark.parametrize("in_word", [False, True], ids=["", "word"])
def test_the_html_is_well_formed(starter: Template, in_word: bool) -> None:  # noqa: FBT001  pytest passes it by keyword
    page = read_page(starter.html, in_word=in_word)

    assert page.tag == "html"
    assert len(list(page.iter("table"))) == starter.html.count("<table") - (0 if in_word else 1)


@every_starter
def test_the_html_names_its_language_even_where_only_the_body_is_kept(starter: Template) -> None:
    page = read_page(starter.html)
    table = next(page.iter("table"))

    assert page.get("lang") == table.get("lang") == starter.locale


@every_starter
def test_the_html_has_one_heading_which_is_its_title(starter: Template) -> None:
    page = read_page(starter.html)

    assert [one.text for one in page.iter("h1")] == [one.text for one in page.iter("title")]
    assert starter.text.split("\n", 1)[0] == next(page.iter("h1")).text
    assert not {one.tag for one in page.iter()} & {"h2", "h3", "h4", "h5", "h6"}


@every_starter
def test_every_table_is_there_for_the_layout_alone(starter: Template) -> None:
    for table in read_page(starter.html, in_word=True).iter("table"):
        assert table.get("role") == "presentation"


@every_starter
def test_the_html_asks_for_both_colour_schemes(starter: Template) -> None:
    metas = {one.get("name"): one.get("content") for one in read_page(starter.html).iter("meta")}

    assert metas["color-scheme"] == metas["supported-color-schemes"] == "light dark"
    assert "color-scheme: light dark" in starter.html
    assert "@media (prefers-color-scheme: dark)" in starter.html


@every_starter
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_background(starter: Template, scheme: str) -> None:
    texts = list(find_coloured_texts(read_page(starter.html), scheme))

    assert len(texts) >= 5
    assert [text for text in texts if text.contrast < 4.5] == []


@every_starter
def test_every_colour_of_the_light_scheme_has_one_for_the_dark_scheme(starter: Template) -> None:
    page = read_page(starter.html)
    schemes = [list(find_coloured_texts(page, scheme)) for scheme in ("light", "dark")]

    for light, dark in zip(*schemes, strict=True):
        assert light.colour != dark.colour
        assert light.background != dark.background


@every_starter
def test_no_colour_is_pure_black_or_white_so_that_clients_which_invert_colours_leave_no_glare(
    starter: Template,
) -> None:
    colours = {colour.lower() for colour in re.findall(r"#[0-9A-Fa-f]{3,8}\b", starter.html)}

    assert colours
    assert all(len(colour) == 7 for colour in colours)
    assert not colours & {"#000000", "#ffffff"}


@every_starter
def test_nothing_is_loaded_from_elsewhere(starter: Template) -> None:
    page = read_page(starter.html, in_word=True)
    attributes = {attribute for element in page.iter() for attribute in element.keys()}  # noqa: SIM118  no dict

    assert not {one.tag for one in page.iter()} & {"img", "script", "link", "iframe", "object", "form", "input"}
    assert not attributes & {"src", "srcset", "background", "data", "action"}
    assert {one.get("href") for one in page.iter("a")} <= {"{{link}}"}
    assert not re.search(r"url\(|@import|@font-face|https?:|//\w", starter.html)


@every_starter
def test_the_layout_holds_without_the_style_block(starter: Template) -> None:
    page = read_page(
        re.sub(r"<style>.*?</style>", "<style>@media (prefers-color-scheme: dark) {}</style>", starter.html)
    )
    sizes = {style["font-size"] for one in page.iter() if "font-size" in (style := read_style(one))}
    frames = [style for one in page.iter("table") if "max-width" in (style := read_style(one))]

    assert len(frames) == 1
    assert all(int(size.removesuffix("px")) >= 14 for size in sizes)
    assert not any(re.search(r"\d{3,}px", one.get("style", "").replace("max-width:520px", "")) for one in page.iter())


@every_starter
def test_the_html_is_small_enough_that_no_client_cuts_it(starter: Template) -> None:
    assert len(starter.html.encode()) < 20_000
