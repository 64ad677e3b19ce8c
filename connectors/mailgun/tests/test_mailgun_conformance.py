"""The Mailgun connector keeps the rules that every connector keeps: the conformance kit checks them.

The bodies were recorded by Mailgun's own Ruby client (mailgun/mailgun-ruby, folder vcr_cassettes: exceptions*.yml and
send_message.yml), but for that of 420, which is in mailgun/mailgun-java#50, and those of 402 and 413, for which
`test_mailgun_answers.py` names the source.
"""

from __future__ import annotations

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    InvalidMessage,
    Message,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
)
from connector_core.testing import HttpConnectorTests, Refusal

BAD_RECIPIENT = "to parameter is not a valid address. please check documentation"
BAD_DOMAIN = "Domain not found: not-our-doma.in"
SANDBOX_DOMAIN = (
    "Domain DOMAIN.TEST is not allowed to send: Sandbox subdomains are for test purposes only. Please add your own "
    "domain or add the address to authorized recipients in Account Settings."
)
FREE_ACCOUNT = (
    "Domain DOMAIN.TEST is not allowed to send: Free accounts are for test purposes only. Please upgrade or add the "
    "address to authorized recipients in Account Settings."
)
TOO_MANY = (
    "Domain mail.example.com is not allowed to send: recipient limit exceeded, try again after Mon, 25 Aug 2025 "
    "07:00:31 UTC"
)
TOO_LARGE = "request size exceeds 52.4MiB limit"


class TestConformance(HttpConnectorTests):
    connector_id = "mailgun-email"
    config = {
        "domain": "mg.example.com",
        "apiKey": "made-up-key-5f2c9a71d3e8",
        "from": '"Example, Inc." <noreply@mg.example.com>',
        "tag": "codes",
        "testMode": False,
        "trackClicks": False,
        "trackOpens": True,
        "deliveries": {
            "SignIn": {
                "subject": "{{code}} signs you in",
                "html": "<p>The code to sign in is <b>{{code}}</b>.</p>",
                "replyTo": "Support <support@example.com>",
            },
            "Register": {"subject": "Register", "text": "The code to create an account is {{code}}."},
            "ForgotPassword": {
                "template": "forgot-password",
                "variables": {"product": "Example Product"},
                "subject": "New password",
            },
            "Generic": [
                {"subject": "Your code", "html": "<div>Here is {{code}}</div>", "text": "Here it is: {{code}}."},
                {"template": "generic-german", "locale": "de"},
            ],
        },
    }
    message = Message("person@example.com", "SignIn", {"code": "483920"})
    refusals = (
        Refusal(401, b"Forbidden", AuthorizationFailed, message="Forbidden"),
        Refusal(400, {"message": BAD_RECIPIENT}, RecipientRejected, message=BAD_RECIPIENT),
        Refusal(403, {"message": SANDBOX_DOMAIN}, AccountRestricted, message=SANDBOX_DOMAIN),
        Refusal(403, {"message": FREE_ACCOUNT}, AccountRestricted, message=FREE_ACCOUNT),
        Refusal(404, {"message": BAD_DOMAIN}, SenderRejected, message=BAD_DOMAIN),
        Refusal(402, {"message": "Request Failed"}, SendError, message="Request Failed"),
        Refusal(413, {"message": TOO_LARGE}, InvalidMessage, message=TOO_LARGE),
        Refusal(420, {"message": TOO_MANY}, RateLimitExceeded, message=TOO_MANY),
        Refusal(429, {"message": TOO_MANY}, RateLimitExceeded, message=TOO_MANY, headers=("Retry-After: 3",)),
    )
