"""The connector keeps the contract; the bodies of the refusals are those of test_sendgrid_refusals.py."""

from __future__ import annotations

from typing import Any, ClassVar

from connector_core import (
    AuthorizationFailed,
    InvalidMessage,
    Message,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    TemplateNotFound,
    UsageLimitExceeded,
)
from connector_core.testing import HttpConnectorTests, Refusal

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"


def body(message: str, field: str | None = None) -> dict[str, object]:
    return {"errors": [{"message": message, "field": field, "help": f"{HELP}#message.{field}" if field else None}]}


class TestConformance(HttpConnectorTests):
    connector_id = "sendgrid-email-service"
    config: ClassVar[dict[str, Any]] = {
        "apiKey": "SG.made-up-key-4Xq.9-_7Zt",
        "fromEmail": "noreply@example.com",
        "fromName": "Example",
        "replyTo": "Support <support@example.com>",
        "categories": ["sign-in"],
        "templates": [
            {
                "usageType": "SignIn",
                "type": "text/html",
                "subject": "{{user.name}}, sign in",
                "content": "<p>Hello, <b>{{code}}</b> signs you in.</p>",
                "text": "Your code to sign in is {{code}}.",
            },
            {
                "usageType": "Register",
                "type": "text/html",
                "subject": "Welcome aboard",
                "content": "<p>Register with <i>{{code}}</i> now.</p>",
            },
            {
                "usageType": "ForgotPassword",
                "type": "text/plain",
                "subject": "Forgotten",
                "content": "Reset: {{code}}.",
            },
            {"usageType": "Generic", "type": "text/plain", "subject": "Anything", "content": "Any code: {{code}}."},
        ],
    }
    message = Message("person@example.com", "SignIn", {"code": "483920", "user": {"name": "Ann"}, "locale": "en"})
    refusals: ClassVar[list[Refusal]] = [
        Refusal(
            401,
            body("The provided authorization grant is invalid, expired, or revoked"),
            AuthorizationFailed,
            message="invalid, expired, or revoked",
        ),
        Refusal(401, body("Maximum credits exceeded"), UsageLimitExceeded, message="Maximum credits exceeded"),
        Refusal(
            403,
            body("The from address does not match a verified Sender Identity.", "from"),
            SenderRejected,
            code="from",
            message="verified Sender Identity",
        ),
        Refusal(
            400,
            body("Does not contain a valid address.", "personalizations.0.to.0.email"),
            RecipientRejected,
            code="personalizations.0.to.0.email",
            message="Does not contain a valid address.",
        ),
        Refusal(
            400,
            body("The template_id must be a valid GUID, you provided 'x'.", "template_id"),
            TemplateNotFound,
            code="template_id",
            message="must be a valid GUID",
        ),
        Refusal(400, body("Bad Request"), InvalidMessage, message="Bad Request"),
        Refusal(413, "<html><head><title>413 Request Entity Too Large</title></head></html>", InvalidMessage),
        Refusal(429, {"errors": [{"field": None, "message": "too many requests"}]}, RateLimitExceeded),
    ]
