"""The templates at Mailgun that a config names, and what Mailgun's answer means for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import Finding, format_path

if TYPE_CHECKING:
    from collections.abc import Mapping


def list_templates(deliveries: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of templates at Mailgun, each with the path of the first setting that has it."""
    found: dict[str, str] = {}
    for usage_type, value in deliveries.items():
        for index, entry in enumerate([value] if isinstance(value, dict) else value):
            place = () if entry is value else (index,)
            if "template" in entry:
                found.setdefault(entry["template"], format_path(("deliveries", usage_type, *place, "template")))
    return found


def judge_template(name: str, path: str, template: Mapping[str, Any] | None) -> Finding:
    """Return whether a template is there, with a version to send ("Domain Templates", "Get a template")."""
    if template is None:
        message = f"Mailgun has no template {name}, of the domain or the account; such mails never arrive."
        fix = "Compare it with the names on Mailgun's page Templates, which are in lower case, or create the template."
        return Finding("error", "template_not_found", path, message, fix)
    if not isinstance(template.get("version"), dict):
        fix = "Open it on Mailgun's page Templates, then save a version or make one active."
        return Finding("error", "template_inactive", path, f"The template {name} has no active version.", fix)
    return Finding("ok", "template_accepted", path, f"Mailgun has the template {name}.")
