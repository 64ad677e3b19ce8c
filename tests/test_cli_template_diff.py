"""What a person sees of an update before it is made."""

from __future__ import annotations

import pytest

from connector_core import Template
from connector_core.cli.output import Session
from connector_core.cli.template_diff import describe_differences, list_differences


def describe(before: str, after: str) -> str:
    templates = [Template(usage_type="SignIn", subject="s", html=html, text="t") for html in (before, after)]
    return describe_differences(Session(), list_differences(*templates))


def test_a_change_late_in_a_line_of_html_shows() -> None:
    style = f'<td style="{"color:#1d232b;" * 40}">'

    shown = describe(f"{style}{{{{code}}}}</td>", f"{style}{{{{cod}}}}</td>")

    assert "{{code}}</td>" in shown
    assert "{{cod}}</td>" in shown


@pytest.mark.parametrize("after", ["y" * 400_000, "y\n" * 200_000])
def test_what_is_shown_of_a_huge_change_is_bounded(after: str) -> None:
    assert len(describe("x", after)) < 10_000


def test_where_nothing_changes_nothing_shows() -> None:
    assert describe("same", "same") == ""
