"""The conformance kit, for Postmark."""

from __future__ import annotations

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    InvalidMessage,
    Message,
    RecipientRejected,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UsageLimitExceeded,
)
from connector_core.testing import HttpConnectorTests, Refusal


def refuse(code: int, message: str, error: type[SendError], status: int = 422) -> Refusal:
    """Return a refusal in the shape of Postmark's (Postmark developer docs, "API error codes")."""
    return Refusal(status, {"ErrorCode": code, "Message": message}, error, code=code, message=message)


class TestConformance(HttpConnectorTests):
    connector_id = "postmark-mail"
    config = {
        "serverToken": "made-up-server-token",
        "fromEmail": "Example Ltd <noreply@example.com>",
        "templates": [
            {"usageType": "SignIn", "templateAlias": "code-to-sign-in"},
            {"usageType": "Register", "templateAlias": "code-to-register"},
            {"usageType": "ForgotPassword", "templateAlias": "forgotten-password"},
            {"usageType": "Generic", "templateAlias": "anything-else"},
        ],
        "replyTo": "Support <support@example.com>",
        "messageStream": "codes",
        "tag": "sign-in",
        "metadata": {"environment": "tests"},
        "headers": {"Auto-Submitted": "auto-generated"},
    }
    message = Message("person@example.com", "SignIn", {"code": "483920", "locale": "en"})
    refusals = (
        refuse(10, "Request does not contain a valid Server token.", AuthorizationFailed, 401),
        refuse(300, "Invalid 'To' address: 'x'.", RecipientRejected),
        refuse(400, "The 'From' address you supplied is not a Sender Signature.", SenderRejected),
        refuse(405, "Not allowed to send: you ran out of credits.", UsageLimitExceeded),
        refuse(406, "Found inactive addresses: person@example.com. Inactive recipients are ones", RecipientRejected),
        refuse(412, "Your account is pending approval.", AccountRestricted),
        refuse(1101, "The Template's 'Alias' associated with this request is not valid.", TemplateNotFound),
        refuse(1121, "A template field is too large.", InvalidMessage),
        refuse(1235, "The 'MessageStream' provided does not exist on this server.", SendError),
    )
