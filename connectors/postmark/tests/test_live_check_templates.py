"""The live check at the sandbox: whether the templates of a config are there, and render."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox, TemplateType

from connector_core import USAGE_TYPES, Connector, Finding
from connector_core.testing.wire_behaviours import pass_on, respond_json
from connector_core.testing.wire_server import WireServer

from .template_findings import PATH, check_content, describe, find_problem, name_templates

if TYPE_CHECKING:
    from connector_core.testing.wire_behaviours import Answer
    from connector_core.testing.wire_server import Line

    from .template_findings import Check

GOOD: dict[str, Any] = {"subject": "{{code}}", "html": "<b>{{code}}</b>", "text": "{{code}}"}


# What is there


@pytest.mark.parametrize("alias", ["logto-sign-inn", "T", "a.b_c-d"])
def test_a_template_that_isnt_there_is_told(alias: str, check: Check, sandbox: PostmarkSandbox) -> None:
    problem = find_problem(check(templates=name_templates(sandbox, usageType="Custom", templateAlias=alias)))

    assert describe(problem) == ("error", "template_not_found", "$.templates[9].templateAlias")
    assert alias in problem.message
    assert "connectors templates push" in problem.fix


def test_a_template_id_that_isnt_there_is_told_with_who_chooses_ids(check: Check, sandbox: PostmarkSandbox) -> None:
    templates = name_templates(sandbox, usageType="SignIn", locale="de", templateId=123456789)

    problem = find_problem(check(templates=templates))

    assert describe(problem) == ("error", "template_not_found", "$.templates[9].templateId")
    assert "123456789" in problem.message
    assert "Postmark chooses the ids" in problem.fix


@pytest.mark.parametrize("as_float", [False, True])
def test_a_template_is_found_by_its_id(as_float: bool, check: Check, sandbox: PostmarkSandbox) -> None:  # noqa: FBT001
    template = sandbox.account.add_template(template_id=77, name="Code", **GOOD)
    entry = {"usageType": "SignIn", "locale": "de", "templateId": float(template.id) if as_float else template.id}

    findings = check(templates=name_templates(sandbox, **entry))

    assert [finding.level for finding in findings] == ["ok"] * len(findings)
    assert findings[-1].path == "$.templates[9].templateId"


def test_a_layout_in_the_place_of_a_template_is_told(check: Check, sandbox: PostmarkSandbox) -> None:
    sandbox.account.add_template(
        name="Layout", alias="frame", type=TemplateType.LAYOUT, html="{{{@content}}}", text="{{{@content}}}"
    )

    problem = find_problem(check(templates=name_templates(sandbox, usageType="Custom", templateAlias="frame")))

    assert describe(problem) == ("error", "template_is_layout", "$.templates[9].templateAlias")
    assert "Standard" in problem.fix


def test_an_inactive_template_is_told_with_what_that_means(check: Check, sandbox: PostmarkSandbox) -> None:
    problem = find_problem(check_content(check, sandbox, {"active": False}))

    assert describe(problem) == ("error", "template_inactive", PATH)
    assert "deleted" in problem.message
    assert problem.fix == "Name another template."


def test_what_postmark_doesnt_tell_of_a_template_is_unknown(check: Check, sandbox: PostmarkSandbox) -> None:
    """An alias that is also the name of one of Postmark's own addresses can be sent and not be fetched."""
    sandbox.account.add_template(name="Odd", alias="Validate", **GOOD)

    problem = find_problem(check(templates=name_templates(sandbox, usageType="Custom", templateAlias="Validate")))

    assert describe(problem) == ("warning", "template_unknown", "$.templates[9].templateAlias")
    assert "1109: No template data received" in problem.message


# What it renders


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"html": "<p>\n{{#code}}"}, "HTML, line 2: "),
        ({"text": "{{code"}, "plain text, line 1: "),
        ({"subject": "{{/code}}"}, "subject, line 1: "),
        ({"html": "{{#each code}}{{/each}}"}, "HTML, line 1: 'each' needs an array"),
        ({"html": "", "text": ""}, "neither HTML nor plain text"),
    ],
)
def test_a_template_with_an_error_is_told_with_its_place(
    content: dict[str, str], why: str, check: Check, sandbox: PostmarkSandbox
) -> None:
    problem = find_problem(check_content(check, sandbox, content))

    assert describe(problem) == ("error", "template_broken", PATH)
    assert why in problem.message


def test_a_template_is_rendered_in_its_layout(check: Check, sandbox: PostmarkSandbox) -> None:
    layout = sandbox.account.add_template(
        name="Frame",
        alias="frame",
        type=TemplateType.LAYOUT,
        html="{{{@content}}} by {{product}}",
        text="{{{@content}}}",
    )

    problem = find_problem(check_content(check, sandbox, {"layout_id": layout.id}))

    assert describe(problem) == ("warning", "unknown_variable", PATH)
    assert "{{product}}" in problem.message


def test_a_layout_with_an_error_breaks_the_template(check: Check, sandbox: PostmarkSandbox) -> None:
    layout = sandbox.account.add_template(
        name="Frame", alias="frame", type=TemplateType.LAYOUT, html="{{{@content}}}{{#a}}"
    )

    assert describe(find_problem(check_content(check, sandbox, {"layout_id": layout.id})))[1] == "template_broken"


@pytest.mark.parametrize("setting", [None, True, False])
def test_css_is_inlined_as_in_the_mail(setting: bool | None, postmark: Connector, sandbox: PostmarkSandbox) -> None:  # noqa: FBT001
    settings = {} if setting is None else {"inlineCss": setting}

    with WireServer(pass_on(sandbox.url)) as server:
        postmark.check_connection({**sandbox.config, **settings, "apiUrl": server.url})

        trials = [request.json() for request in server.requests if request.target == "/templates/validate"]
    assert [trial.get("InlineCssForHtmlTestRender") for trial in trials] == [setting] * len(USAGE_TYPES)


def test_what_validation_refuses_is_broken_and_what_it_doesnt_tell_is_unknown(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    def refuse(code: int) -> list[Finding]:
        def behave(line: Line) -> None:
            is_trial = line.request.target == "/templates/validate"
            refusal = {"ErrorCode": code, "Message": "There is something. " * 30}
            (respond_json(refusal, 422) if is_trial else pass_on(sandbox.url))(line)

        with WireServer(behave) as server:
            return postmark.check_connection({**sandbox.config, "apiUrl": server.url})

    for code, expected in ((1122, ("error", "template_broken")), (409, ("warning", "template_unknown"))):
        findings = refuse(code)[3:]
        assert [describe(finding)[:2] for finding in findings] == [expected] * len(USAGE_TYPES)
        assert all("There is something" in finding.message and len(finding.message) < 300 for finding in findings)


def test_a_part_of_which_nothing_is_rendered_shows_nothing(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    def leave_out(line: Line, answer: Answer) -> None:
        body = json.loads(answer.body)
        body["Subject"] = None
        body["TextBody"]["RenderedContent"] = None
        respond_json(body)(line)

    def behave(line: Line) -> None:
        is_trial = line.request.target == "/templates/validate"
        pass_on(sandbox.url, leave_out if is_trial else None)(line)

    with WireServer(behave) as server:
        findings = postmark.check_connection({**sandbox.config, "apiUrl": server.url})[3:]

    assert [describe(finding)[:2] for finding in findings] == [("warning", "missing_variable")] * len(USAGE_TYPES)
    assert all("in their plain text." in finding.message for finding in findings)


# Entries that share a template


def test_entries_that_share_a_template_are_each_told_and_it_is_asked_for_once(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    sandbox.account.add_template(name="All", alias="all", **GOOD)
    templates = [{"usageType": usage_type, "templateAlias": "all"} for usage_type in (*USAGE_TYPES, "Custom")]
    templates += [{"usageType": "SignIn", "templateAlias": "all", "locale": locale} for locale in ("de", "tr-TR")]

    with WireServer(pass_on(sandbox.url)) as server:
        findings = postmark.check_connection({**sandbox.config, "templates": templates, "apiUrl": server.url})

        asked = [request.target for request in server.requests if request.target.startswith("/templates/")]
    assert asked == ["/templates/all", "/templates/validate", "/templates/validate"]  # with a code, and with a link
    assert len(findings) == 3 + len(templates)
    assert describe(find_problem(findings)) == ("error", "missing_variable", "$.templates[3].templateAlias")


def test_a_missing_template_that_entries_share_is_told_at_each_of_them(check: Check, sandbox: PostmarkSandbox) -> None:
    templates = sandbox.config["templates"]
    for index in (1, 4):
        templates[index]["templateAlias"] = "gone"

    problems = [finding for finding in check(templates=templates) if finding.level != "ok"]

    assert [(problem.code, problem.path) for problem in problems] == [
        ("template_not_found", "$.templates[1].templateAlias"),
        ("template_not_found", "$.templates[4].templateAlias"),
    ]
