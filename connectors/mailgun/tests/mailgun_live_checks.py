"""A config of which every setting can be checked at Mailgun, and what a live check finds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector_core import Finding

KEY = "made-up-key-5f2c9a71d3e8"
CONFIG: dict[str, Any] = {
    "domain": "mg.example.com",
    "apiKey": KEY,
    "from": "Example <noreply@mg.example.com>",
    "deliveries": {
        "SignIn": {"template": "sign-in"},
        "Register": {"text": "{{code}}"},
        "ForgotPassword": [{"template": "sign-in"}, {"template": "odd name/ü", "locale": "de"}],
        "Generic": {"text": "{{code}}"},
    },
}
IN_ORDER = [
    ("credentials_accepted", "$.apiKey"),
    ("domain_accepted", "$.domain"),
    ("template_accepted", "$.deliveries.SignIn.template"),
    ("template_accepted", "$.deliveries.ForgotPassword[1].template"),
]


def list_faults(findings: list[Finding]) -> list[tuple[str, str, str]]:
    """Return level, code and path of each finding that is not ok."""
    return [(one.level, one.code, one.path) for one in findings if one.level != "ok"]
