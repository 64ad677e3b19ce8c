"""The changes that a push plans for a config, by the names of its templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import Template, starter_templates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector_core import Connector, TemplateChange

STARTERS = starter_templates()
SIGN_IN = Template(usage_type="SignIn", subject="Sign in", html="<p>{{code}}</p>", text="{{code}}")


def name_templates(**named: str | int) -> list[dict[str, Any]]:
    """Return entries for the required usage types and those named; `a__fr` is for `a` in French."""
    entries = {"SignIn": "sign-in", "Register": "register", "ForgotPassword": "forgot", "Generic": "generic", **named}
    return [
        {
            "usageType": key.partition("__")[0],
            "templateAlias" if isinstance(value, str) else "templateId": value,
            **({"locale": key.partition("__")[2].replace("_", "-")} if "__" in key else {}),
        }
        for key, value in entries.items()
    ]


def plan(
    postmark: Connector, config: dict[str, Any], templates: Iterable[Template] = STARTERS
) -> dict[str, TemplateChange]:
    """Return the changes by the name of the template, in their order."""
    with postmark.configure(config) as configured:
        changes = configured.plan_templates(templates)
    by_name = {change.name: change for change in changes}
    assert len(by_name) == len(changes)
    return by_name


def read_actions(changes: dict[str, TemplateChange]) -> dict[str, str]:
    return {name: change.action for name, change in changes.items()}
