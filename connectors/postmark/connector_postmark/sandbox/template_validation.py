"""What POST /templates/validate answers: Postmark developer docs, Templates API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_postmark.sandbox import bodies
from connector_postmark.sandbox.account import Account, TemplateType
from connector_postmark.sandbox.refusals import Refusal
from connector_postmark.sandbox.rendering import (
    ParsedTemplate,
    RenderingFailed,
    SyntaxIssue,
    merge_models,
    parse,
    render,
    suggest_model,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTENT = ("HtmlBody", "TextBody", "Subject")
_LAYOUT_ATTRIBUTE = {"HtmlBody": "html", "TextBody": "text"}

VALIDATION_FIELDS: bodies.Fields = {
    **dict.fromkeys(_CONTENT, bodies.text),
    "TestRenderModel": bodies.anything,
    "InlineCssForHtmlTestRender": bodies.switch,
    "TemplateType": bodies.choice(*TemplateType),
    "LayoutTemplate": bodies.text,
}


def validate(body: Mapping[str, Any], account: Account) -> dict[str, Any]:
    """Check each part of a template's content, suggest a model for it and render it with that model.

    What TestRenderModel has is put over the suggestion.
    """
    fields = bodies.read_fields(body, VALIDATION_FIELDS)
    parsed = {name: _in_layout(name, fields, account) for name in _CONTENT if name in fields}
    if not parsed:
        raise Refusal(1109, "No template data received.")
    model = merge_models(suggest_model(*parsed.values()), _test_model(fields))
    is_layout = fields.get("TemplateType") == TemplateType.LAYOUT
    results = {
        name: _result(name, template, model, is_layout=is_layout and name != "Subject")
        for name, template in parsed.items()
    }
    return {
        "AllContentIsValid": all(result["ContentIsValid"] for result in results.values()),
        **{name: results.get(name) for name in _CONTENT},
        "SuggestedTemplateModel": model,
    }


def _test_model(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    model = fields.get("TestRenderModel") or {}
    if not isinstance(model, dict):
        raise Refusal(1122, "A template field is invalid: 'TestRenderModel' has to be an object.")
    return model


def _in_layout(name: str, fields: Mapping[str, Any], account: Account) -> ParsedTemplate:
    content = parse(fields[name])
    alias = fields.get("LayoutTemplate")
    if not alias or name not in _LAYOUT_ATTRIBUTE:
        return content
    layout = account.find_template(alias)
    if layout is None or layout.type != TemplateType.LAYOUT:
        raise Refusal(1122, f"A template field is invalid: there is no layout with the alias '{alias}'.")
    around = getattr(layout, _LAYOUT_ATTRIBUTE[name])
    return parse(around).fill(content) if around else content


def _result(name: str, template: ParsedTemplate, model: Mapping[str, Any], *, is_layout: bool) -> dict[str, Any]:
    issues, rendered = list(template.issues), None
    if is_layout and not issues and template.placeholders != 1:
        issues.append(SyntaxIssue("A layout needs {{{@content}}} exactly once.", 1, 1))
    if not issues:
        try:
            rendered = render(template, model, escape=name == "HtmlBody")
        except RenderingFailed as error:
            issues.append(SyntaxIssue(str(error), 1, 1))
    return {
        "ContentIsValid": not issues,
        "ValidationErrors": [
            {"Message": issue.message, "Line": issue.line, "CharacterPosition": issue.character} for issue in issues
        ],
        "RenderedContent": rendered,
    }
