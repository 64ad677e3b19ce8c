"""The connector keeps the rules that every connector keeps: the conformance kit checks them."""

from __future__ import annotations

from connector_core import AuthorizationFailed, InvalidMessage, Message, SendError
from connector_core.testing import HttpConnectorTests, Refusal


class TestConformance(HttpConnectorTests):
    connector_id = "http-email"
    config = {
        "endpoint": "https://mail.example.com/hooks/messages?tenant=7",
        "authorization": "Bearer made-up-token-5f2c",
        "headerName": "X-Webhook-Secret",
    }
    message = Message("person@example.com", "SignIn", {"code": "483920"}, "192.0.2.1")
    # An endpoint is anybody's: these are shapes that web frameworks answer with.
    refusals = [
        Refusal(
            401,
            {"code": "unauthorized", "message": "The secret is wrong."},
            AuthorizationFailed,
            code="unauthorized",
            message="The secret is wrong.",
        ),
        Refusal(403, {"error": "Forbidden"}, AuthorizationFailed, message="Forbidden"),
        Refusal(404, {"detail": "Not Found"}, SendError, message="Not Found"),
        Refusal(
            422,
            {"error": {"code": "blocked", "message": "The recipient is blocked."}},
            InvalidMessage,
            code="blocked",
            message="The recipient is blocked.",
        ),
        Refusal(400, "payload.code is missing", InvalidMessage, message="payload.code is missing"),
    ]
    accepts_empty_answer = True
