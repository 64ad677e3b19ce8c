"""The endpoints about templates: Postmark developer docs, Templates API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import request
from werkzeug.exceptions import MethodNotAllowed

from connector_core.sandbox.page import Route
from connector_postmark.sandbox import bodies
from connector_postmark.sandbox.account import SERVER_ID, Template, TemplateType
from connector_postmark.sandbox.refusals import Refusal, template_not_found
from connector_postmark.sandbox.rendering import parse
from connector_postmark.sandbox.template_validation import validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_postmark.sandbox.account import Account

MAX_COUNT = 500
MAX_CONTENT = 512_000
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")

TEMPLATE_FIELDS: bodies.Fields = {
    "Name": bodies.text,
    "Alias": bodies.text,
    "Subject": bodies.text,
    "HtmlBody": bodies.text,
    "TextBody": bodies.text,
    "TemplateType": bodies.choice(*TemplateType),
    # An empty one takes the layout away.
    "LayoutTemplate": bodies.text_or_empty,
}
# Field of the API -> attribute of Template
_ATTRIBUTES = {"Name": "name", "Alias": "alias", "Subject": "subject", "HtmlBody": "html", "TextBody": "text"}


class TemplateApi:
    """Read, write and try templates."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("GET", "/templates", self.list),
            Route("POST", "/templates", self.create),
            Route("GET", "/templates/<id_or_alias>", self.get),
            Route("PUT", "/templates/<id_or_alias>", self.edit),
            Route("DELETE", "/templates/<id_or_alias>", self.delete),
            Route("POST", "/templates/<id_or_alias>", self.validate),
        ]

    def list(self) -> dict[str, Any]:
        """List templates; Count and Offset are required."""
        query = {name.lower(): value for name, value in request.args.items()}
        count, offset = _page(query)
        wanted = query.get("templatetype", "All").lower()
        layout = query.get("layouttemplate")
        templates = [
            template
            for template in self._account.templates
            if template.active
            and wanted in ("all", template.type.lower())
            and (not layout or self._layout_alias(template) == layout)
        ]
        page = templates[offset : offset + count]
        return {"TotalCount": len(templates), "Templates": [self._summary(template) for template in page]}

    def get(self, id_or_alias: str) -> dict[str, Any]:
        """Return a template with its content."""
        template = self._find(id_or_alias)
        return {
            **self._summary(template),
            "Subject": template.subject or None,
            "HtmlBody": template.html or None,
            "TextBody": template.text or None,
            "AssociatedServerId": SERVER_ID,
        }

    def create(self) -> dict[str, Any]:
        """Add a template."""
        fields = _read_template()
        kind = TemplateType(fields.get("TemplateType", TemplateType.STANDARD))
        _require(fields, "Name", *(["Subject"] if kind == TemplateType.STANDARD else []))
        if "HtmlBody" not in fields and "TextBody" not in fields:
            raise Refusal(1120, "A required template field is missing: 'HtmlBody' or 'TextBody'.")
        content = self._checked_content(fields, kind)
        return self._summary(self._account.add_template(type=kind, **content))

    def edit(self, id_or_alias: str) -> dict[str, Any]:
        """Change what the request names of a template."""
        template = self._find(id_or_alias)
        content = self._checked_content(_read_template(), template.type)
        return self._summary(self._account.change_template(template.id, **content))

    def delete(self, id_or_alias: str) -> dict[str, Any]:
        """Remove a template."""
        template = self._find(id_or_alias)
        self._account.remove_template(template)
        return {"ErrorCode": 0, "Message": f"Template {template.id} removed."}

    def validate(self, id_or_alias: str) -> dict[str, Any]:
        """Try content without keeping it: POST /templates/validate, the one action in place of a name."""
        if id_or_alias.lower() != "validate":
            raise MethodNotAllowed(["DELETE", "GET", "PUT"], f"There is no POST at {request.path}.")
        return validate(bodies.parse_object(request.data), self._account)

    def _find(self, id_or_alias: str) -> Template:
        # An alias starts with a letter, hence digits are an id. (Seen by users of the official PHP client: GET
        # /templates/validate finds the action and misses its data.)
        if id_or_alias.lower() == "validate":
            raise Refusal(1109, "No template data received.")
        is_id = id_or_alias.isascii() and id_or_alias.isdigit()
        template = self._account.find_template(int(id_or_alias[:18]) if is_id else id_or_alias)
        if template is None:
            raise template_not_found("TemplateId" if is_id else "Alias")
        return template

    def _checked_content(self, fields: Mapping[str, Any], kind: TemplateType) -> dict[str, Any]:
        """Return what `Template` takes from the fields, or refuse them (1121, 1122, 1123, 1131)."""
        for name, value in fields.items():
            if isinstance(value, str) and len(value) > MAX_CONTENT:
                raise Refusal(1121, f"A template field is too large: '{name}'.")
        if "Alias" in fields and not _ALIAS.fullmatch(fields["Alias"]):
            raise Refusal(1122, f"A template field is invalid: 'Alias' can't be '{fields['Alias']}'.")
        if kind == TemplateType.LAYOUT:
            _check_layout(fields)
        for name in ("Subject", "HtmlBody", "TextBody"):
            issues = parse(fields.get(name, "")).issues
            if issues:
                raise Refusal(1122, f"A template field is invalid: '{name}'. {issues[0].message}")
        content = {_ATTRIBUTES[name]: value for name, value in fields.items() if name in _ATTRIBUTES}
        if "LayoutTemplate" in fields:
            content["layout_id"] = self._layout_id(fields["LayoutTemplate"])
        return content

    def _layout_id(self, alias: str) -> int | None:
        if not alias:
            return None
        layout = self._account.find_template(alias)
        if layout is None or layout.type != TemplateType.LAYOUT:
            raise Refusal(1122, f"A template field is invalid: there is no layout with the alias '{alias}'.")
        return layout.id

    def _layout_alias(self, template: Template) -> str | None:
        layout = self._account.find_template(template.layout_id) if template.layout_id else None
        return layout.alias if layout else None

    def _summary(self, template: Template) -> dict[str, Any]:
        return {
            "TemplateId": template.id,
            "Name": template.name,
            "Active": template.active,
            "Alias": template.alias,
            "TemplateType": template.type.value,
            "LayoutTemplate": self._layout_alias(template),
        }


def _read_template() -> dict[str, Any]:
    body = bodies.parse_object(request.data) if request.data else {}
    fields = bodies.read_fields(body, TEMPLATE_FIELDS)
    if not fields:
        raise Refusal(1109, "No template data received.")
    return fields


def _require(fields: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if name not in fields:
            raise Refusal(1120, f"A required template field is missing: '{name}'.")


def _check_layout(fields: Mapping[str, Any]) -> None:
    for name in ("Subject", "LayoutTemplate"):
        if fields.get(name):
            raise Refusal(1123, f"The field '{name}' is not allowed in a layout template.")
    for name in ("HtmlBody", "TextBody"):
        if name in fields and parse(fields[name]).placeholders != 1:
            raise Refusal(1131, f"A layout needs {{{{{{@content}}}}}} exactly once in its '{name}'.")


def _page(query: Mapping[str, str]) -> tuple[int, int]:
    try:
        count, offset = int(query["count"]), int(query["offset"])
    except (KeyError, ValueError):
        raise Refusal(1100, "The parameters 'Count' and 'Offset' are required, as whole numbers.") from None
    if not 0 < count <= MAX_COUNT or offset < 0:
        raise Refusal(1100, f"'Count' has to be 1 to {MAX_COUNT}, and 'Offset' not negative.")
    return count, offset
