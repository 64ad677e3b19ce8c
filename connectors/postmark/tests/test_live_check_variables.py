"""The live check at the sandbox: whether the templates of a config show the code or the link, and no other variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from connector_postmark.live_templates import Rendering, judge_template
from hypothesis import given
from hypothesis import strategies as st

from connector_core import USAGE_TYPES, main_variable

from .template_findings import PATH, check_content, describe, find_problem, name_templates

if TYPE_CHECKING:
    from connector_postmark.sandbox import PostmarkSandbox

    from .template_findings import Check


def test_a_misspelled_variable_is_told_with_what_is_meant(check: Check, sandbox: PostmarkSandbox) -> None:
    content = {"subject": "Sign in", "html": "<b>{{cod}}</b>", "text": "{{cod}}"}

    problem = find_problem(check_content(check, sandbox, content))

    assert describe(problem) == ("error", "unknown_variable", PATH)
    assert "{{cod}} (did you mean {{code}}?)" in problem.message
    assert "never shows {{code}}" in problem.message
    assert problem.fix == "In Postmark, put {{code}} into the HTML and plain text of the template."


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"html": "<b>{{cod}}</b>"}, "{{cod}} (did you mean {{code}}?)"),
        ({"html": "{{code}} {{Code}} {{product_name}} {{#team}}{{name}}{{/team}}"}, "{{product_name}} and {{team}}"),
        ({"html": "{{code}}{{#each items}}{{name}}{{/each}}"}, "{{items}}"),
        ({"html": "{{code}}" + "".join(f"{{{{zz{number}}}}}" for number in range(9))}, "{{zz4}} and 4 more"),
        ({"html": "{{code}}{{" + "z" * 500 + "}}"}, "{{...}}"),
    ],
)
def test_variables_that_messages_dont_carry_are_a_warning_where_the_code_shows(
    content: dict[str, str], named: str, check: Check, sandbox: PostmarkSandbox
) -> None:
    problem = find_problem(check_content(check, sandbox, content))

    assert describe(problem) == ("warning", "unknown_variable", PATH)
    assert named in problem.message
    assert "SignIn" in problem.message


@pytest.mark.parametrize(
    "html",
    [
        "{{code}}{{#application}}{{#name}}{{.}}{{/name}}{{/application}}{{#user}}{{name}}{{/user}}",
        "{{#code}}{{.}}{{/code}}{{^code}}none{{/code}} {{locale}} {{#uiLocales}}x{{/uiLocales}}",
        "{{{code}}} {{link}} {{inviter.name}} {{organization.name}} {{{ pm:unsubscribe }}}",
    ],
)
def test_what_messages_may_carry_is_no_finding(html: str, check: Check, sandbox: PostmarkSandbox) -> None:
    findings = check_content(check, sandbox, {"html": html})

    assert [finding.level for finding in findings] == ["ok"] * len(findings)


@pytest.mark.parametrize(
    ("content", "level", "where"),
    [
        ({"subject": "Hi", "html": "Hi", "text": "Hi"}, "error", "never show {{code}}"),
        ({"subject": "Hi", "html": "{{#application}}{{code}}{{/application}}", "text": ""}, "error", "never show"),
        ({"subject": "Hi", "html": "{{^code}}{{code}}{{/code}}", "text": "{{user.code}}"}, "error", "never show"),
        ({"html": "Hi"}, "warning", "in their HTML."),
        ({"text": "Hi"}, "warning", "in their plain text."),
        ({"html": "Hi", "text": "Hi"}, "warning", "in their HTML and plain text."),
        ({"html": "Hi", "text": ""}, "warning", "in their HTML."),
    ],
)
def test_a_template_that_doesnt_show_the_code_is_told(
    content: dict[str, str], level: str, where: str, check: Check, sandbox: PostmarkSandbox
) -> None:
    problem = find_problem(check_content(check, sandbox, content))

    assert describe(problem) == (level, "missing_variable", PATH)
    assert where in problem.message
    if level == "warning":
        lacking = where.removeprefix("in their ").removesuffix(".")
        assert problem.fix == f"In Postmark, put {{{{code}}}} into the {lacking} of the template."


@pytest.mark.parametrize("content", [{"html": ""}, {"text": ""}, {"subject": "Hi"}])
def test_one_body_with_the_code_is_enough(content: dict[str, str], check: Check, sandbox: PostmarkSandbox) -> None:
    assert {finding.level for finding in check_content(check, sandbox, content)} == {"ok"}


def test_the_code_is_looked_for_with_a_value_that_is_in_no_template_by_itself(
    check: Check, sandbox: PostmarkSandbox
) -> None:
    html = '<p style="color:#000000">123456 code_Value</p>'

    problem = find_problem(check_content(check, sandbox, {"subject": "000000", "html": html, "text": ""}))

    assert describe(problem) == ("error", "missing_variable", PATH)


def test_an_invitation_has_to_show_the_link(check: Check, sandbox: PostmarkSandbox) -> None:
    templates = sandbox.config["templates"]
    assert templates[3] == {"usageType": "OrganizationInvitation", "templateAlias": "logto-organization-invitation"}
    templates[3]["templateAlias"] = "logto-generic"

    problem = find_problem(check(templates=templates))

    assert describe(problem) == ("error", "missing_variable", "$.templates[3].templateAlias")
    assert "{{link}}" in problem.message


def test_a_hosts_own_usage_type_may_carry_any_variable(check: Check, sandbox: PostmarkSandbox) -> None:
    sandbox.account.add_template(name="Receipt", alias="receipt", subject="Hi", html="{{cod}} {{total}}", text="Hi")

    findings = check(templates=name_templates(sandbox, usageType="Receipt", templateAlias="receipt"))

    assert describe(findings[-1]) == ("ok", "template_accepted", "$.templates[9].templateAlias")
    assert {finding.level for finding in findings} == {"ok"}


# The judgement alone

PARTS = st.sampled_from([["HtmlBody"], ["TextBody"], ["HtmlBody", "TextBody"]])
SHOWN = st.frozensets(st.sampled_from(["Subject", "HtmlBody", "TextBody"]))
NAMES = st.lists(st.one_of(st.text(max_size=60), st.sampled_from(["code", "user", "cod", "link"])), unique=True)


@given(st.sampled_from([*USAGE_TYPES, "Custom"]), PARTS, SHOWN, NAMES)
def test_a_rendering_is_an_error_only_where_it_never_shows_what_the_mail_is_for(
    usage_type: str, bodies: list[str], shown: frozenset[str], names: list[str]
) -> None:
    shown &= {"Subject", *bodies}

    finding = judge_template("template x", usage_type, PATH, Rendering(bodies, shown, names))

    assert finding.path == PATH
    assert (finding.level == "error") == (usage_type in USAGE_TYPES and not shown)
    assert (finding.fix == "") == (finding.level == "ok")
    assert len(finding.message) < 600
    if finding.level != "ok":
        assert finding.code in {"unknown_variable", "missing_variable"}
    if finding.code == "missing_variable":
        assert f"{{{{{main_variable(usage_type)}}}}}" in finding.message
