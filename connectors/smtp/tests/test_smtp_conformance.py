"""The conformance kit on the SMTP connector: the whole of it once, and for other credentials what depends on them."""

from __future__ import annotations

from typing import Any, ClassVar

from connector_core import Message
from connector_core.testing import ConnectorTests
from connector_core.testing.leak_checks import LeakChecks
from connector_core.testing.sending_checks import SendingChecks

REQUIRED = ("SignIn", "Register", "ForgotPassword", "Generic")


def make_config(**auth: Any) -> dict[str, Any]:
    return {
        "host": "smtp.example.com",
        "port": 587,
        "auth": {"user": "mailer@example.com", **auth},
        "fromEmail": '"Example, Inc." <noreply@example.com>',
        "templates": [
            {
                "usageType": name,
                "contentType": "text/html",
                "subject": f"{name} at {{{{application.name}}}}",
                "content": f"<p>The code for {name} is {{{{code}}}}.</p>",
            }
            for name in REQUIRED
        ],
        "replyTo": "Support <support@example.com>",
        "customHeaders": {"X-Team": "sign-in"},
        "name": "app.example.com",
        "socketTimeout": 600000,
    }


class TestPassword(ConnectorTests):
    connector_id = "simple-mail-transfer-protocol"
    config: ClassVar = make_config(**{"pass": "made-up/p4ssw0rd+of=test"})
    message = Message("person@example.com", "SignIn", {"code": "483920"})


class CredentialChecks(LeakChecks):
    """The checks of sends that credentials have a part in; threads that share a token are in test_smtp_tokens.py."""

    test_a_message_arrives = SendingChecks.test_a_message_arrives
    test_wrong_credentials_are_an_authorization_failure = (
        SendingChecks.test_wrong_credentials_are_an_authorization_failure
    )
    test_two_configs_share_nothing = SendingChecks.test_two_configs_share_nothing
    test_a_closed_connector_sends_again = SendingChecks.test_a_closed_connector_sends_again


class TestRefreshToken(CredentialChecks):
    connector_id = "simple-mail-transfer-protocol"
    config: ClassVar = make_config(
        type="oauth2",
        clientId="client-of-the-test",
        clientSecret="made-up-client-s3cret",
        refreshToken="made-up/refresh+t0ken",
    )
    message = Message("person@example.com", "SignIn", {"code": "483920"})


class TestAccessToken(CredentialChecks):
    connector_id = "simple-mail-transfer-protocol"
    config: ClassVar = {**make_config(type="OAuth2", accessToken="made-up-access-t0ken" * 60), "secure": True}
    message = Message("person@example.com", "SignIn", {"code": "483920"})
