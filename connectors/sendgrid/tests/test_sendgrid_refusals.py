"""SendGrid's refusals, as its docs and the users of its libraries show them, and the errors that they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import network_environment
import pytest

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    Host,
    InvalidMessage,
    Limits,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UsageLimitExceeded,
)
from connector_core.testing.wire_behaviours import respond_json

from .sendgrid_failures import fail_to_send

if TYPE_CHECKING:
    from collections.abc import Iterator


HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
IDENTITY = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. "
    "Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the Sender Identity "
    "requirements"
)
TO = "personalizations.0.to.0.email"


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=4, retries=0)) as discovered:
        yield discovered


def reason(message: str, field: str | None = None, anchor: str | None = None) -> dict[str, Any]:
    """Return one of SendGrid's `errors`; its `help` leads to the part of the docs about the field."""
    return {"message": message, "field": field, "help": f"{HELP}#{anchor}" if anchor else None}


REFUSALS = [
    pytest.param(
        401,
        reason("The provided authorization grant is invalid, expired, or revoked"),
        AuthorizationFailed,
        id="sendgrid/sendgrid-php issue 793",
    ),
    pytest.param(
        401, reason("Permission denied, wrong credentials"), AuthorizationFailed, id="sendgrid/sendgrid-php issue 824"
    ),
    pytest.param(
        401,
        reason("Authenticated user is not authorized to send mail"),
        AuthorizationFailed,
        id="SendGrid support, 4XX API Errors, and Twilio docs, error 60604: the key may not send",
    ),
    pytest.param(
        401,
        {"message": "authorization required", "field": "null"},
        AuthorizationFailed,
        id="twilio/sendgrid-oai tsg_mail_v3.json PostMailSend401",
    ),
    pytest.param(
        403,
        {"message": "access forbidden", "field": "null"},
        AuthorizationFailed,
        id="twilio/sendgrid-oai tsg_mail_v3.json PostMailSend403",
    ),
    pytest.param(
        403, {"field": None, "message": "access forbidden"}, AuthorizationFailed, id="sendgrid-csharp issue 959"
    ),
    pytest.param(401, reason("Maximum credits exceeded"), UsageLimitExceeded, id="sendgrid/sendgrid-nodejs issue 1032"),
    pytest.param(
        403,
        reason("You have exceeded your messaging limits"),
        UsageLimitExceeded,
        id="sendgrid/sendgrid-php issue 931",
    ),
    pytest.param(403, reason(IDENTITY, "from"), SenderRejected, id="sendgrid/sendgrid-ruby pull request 489"),
    pytest.param(403, reason(IDENTITY), SenderRejected, id="the same without its field"),
    pytest.param(
        400,
        reason("Invalid type. Expected: object, given: string.", "from", "message.from"),
        SenderRejected,
        id="sendgrid/sendgrid-ruby issue 138",
    ),
    pytest.param(
        400,
        reason("The from email does not contain a valid address.", "from.email", "message.from"),
        SenderRejected,
        id="SendGrid's answer to a sender without a domain, as users of sendgrid-nodejs quote it",
    ),
    pytest.param(
        400,
        reason("Does not contain a valid address.", TO, "message.personalizations.to"),
        RecipientRejected,
        id="SendGrid's answer to a malformed recipient, as users of sendgrid-go quote it",
    ),
    pytest.param(
        400,
        reason("The to email parameter is required.", TO, "message.personalizations.to"),
        RecipientRejected,
        id="sklarsa/django-sendgrid-v5 issue 10",
    ),
    pytest.param(
        400,
        reason(
            "The to array is required for all personalization objects, and must have at least one email object with a "
            "valid email address.",
            "personalizations.0.to",
            "message.personalizations.to",
        ),
        RecipientRejected,
        id="sendgrid/sendgrid-nodejs issue 1362",
    ),
    pytest.param(
        400,
        reason(
            "The template_id must be a valid GUID, you provided '{248f521d-52a2-44a5-a31a-8643b262fd53}'.",
            "template_id",
            "message.template_id",
        ),
        TemplateNotFound,
        id="sendgrid/sendgrid-csharp issue 736",
    ),
    pytest.param(
        400,
        reason(
            "The Template ID must be a valid template id for your account. You provided d-1.",
            "template_id",
            "message.template_id",
        ),
        TemplateNotFound,
        id="SendGrid docs, Mail Send errors, template_id",
    ),
    pytest.param(
        400,
        reason(
            "Substitutions may not be used with dynamic templating",
            "personalizations.0.substitutions",
            "message.personalizations.substitutions",
        ),
        InvalidMessage,
        id="sendgrid/sendgrid-ruby issue 299",
    ),
    pytest.param(
        400,
        reason(
            "The content value must be a string at least one character in length.",
            "content.0.value",
            "message.content.value",
        ),
        InvalidMessage,
        id="elbuo8/sendgrid-django issue 60",
    ),
    pytest.param(
        400,
        reason(
            "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: "
            "text/plain needs to be first, followed by text/html, followed by any other content.",
            "content",
        ),
        InvalidMessage,
        id="sendgrid/sendgrid-php issue 799",
    ),
    pytest.param(400, reason("Bad Request"), InvalidMessage, id="sendgrid/docs issue 5060"),
    pytest.param(
        413,
        {"message": "content too large", "field": "null"},
        InvalidMessage,
        id="twilio/sendgrid-oai tsg_mail_v3.json PostMailSend413",
    ),
    pytest.param(
        415, reason("Content-Type should be application/json."), InvalidMessage, id="sendgrid/sendgrid-csharp issue 929"
    ),
    pytest.param(
        404,
        {"message": "not found", "field": "null"},
        SendError,
        id="twilio/sendgrid-oai tsg_mail_v3.json PostMailSend404",
    ),
    pytest.param(
        405,
        {"message": "method not allowed", "field": "null"},
        SendError,
        id="twilio/sendgrid-oai tsg_mail_v3.json PostMailSend405",
    ),
    pytest.param(
        500,
        {"message": "internal server error"},
        DeliveryUnknown,
        id="twilio/sendgrid-oai tsg_mail_v3.json PostMailSend500",
    ),
    pytest.param(
        429, {"field": None, "message": "too many requests"}, RateLimitExceeded, id="SendGrid docs, Rate Limits"
    ),
]


@pytest.mark.parametrize(("status", "said", "kind"), REFUSALS)
def test_a_refusal_of_sendgrid_is_its_error(
    host: Host, status: int, said: dict[str, Any], kind: type[SendError]
) -> None:
    error = fail_to_send(host, respond_json({"errors": [said]}, status))
    assert type(error) is kind
    assert (error.outcome, error.retryable) == (kind.outcome, kind.retryable)
    assert error.recipients == (("ann@example.com",) if kind is RecipientRejected else ())
    reply = error.provider
    assert reply is not None
    field = said.get("field")
    assert (reply.code, reply.message, reply.status) == (None if field == "null" else field, said["message"], status)
    assert said["message"] in str(error)


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (403, "Your account has been suspended. Please contact Support to regain access."),
        (403, "Your account is temporarily under review. Please contact Support to regain access."),
        (403, "You are temporarily blocked from sending emails due to repeated bad requests."),
        (401, "This account is disabled."),
    ],
)
def test_an_account_that_may_not_send_is_told_apart_from_a_bad_key(host: Host, status: int, sentence: str) -> None:
    """Sources: sendgrid/docs issues 4352 and 5985, SendGrid docs, "Responses".

    The first two are what SendGrid shows at sign-in; nobody published what mail/send answers then.
    """
    error = fail_to_send(host, respond_json({"errors": [reason(sentence)]}, status))
    assert type(error) is AccountRestricted
    assert error.outcome == "not_sent"


def test_all_sentences_are_kept_and_the_first_field_is_the_code(host: Host) -> None:
    """Source: sendgrid/sendgrid-ruby issue 138."""
    sentence = "Invalid type. Expected: object, given: string."
    to = reason(sentence, "personalizations.0.to.0", "message.personalizations.to")
    error = fail_to_send(host, respond_json({"errors": [reason(sentence, "from", "message.from"), to]}, 400))
    assert type(error) is SenderRejected
    assert error.provider is not None
    assert (error.provider.code, error.provider.message) == ("from", f"{sentence} {sentence}")


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, reason("The account in this content is disabled.", "content"), InvalidMessage),
        (408, reason("You are temporarily blocked."), DeliveryUnknown),
        (408, reason("Does not contain a valid address.", TO), DeliveryUnknown),
        (429, reason("The account is disabled."), RateLimitExceeded),
    ],
)
def test_words_about_the_account_count_for_what_they_are_said_of(
    host: Host, status: int, said: dict[str, Any], kind: type[SendError]
) -> None:
    assert type(fail_to_send(host, respond_json({"errors": [said]}, status))) is kind


def test_a_reason_with_a_field_goes_before_words_about_the_account(host: Host) -> None:
    errors = [reason("This account is disabled."), reason("Does not contain a valid address.", TO)]
    assert type(fail_to_send(host, respond_json({"errors": errors}, 400))) is RecipientRejected


def test_a_region_that_may_not_have_the_mail_leads_to_the_address(host: Host) -> None:
    """Source: Twilio SendGrid docs, "Errors": 451, "Unavailable due to data residency restrictions"."""
    error = fail_to_send(
        host, respond_json({"errors": [reason("Unavailable due to data residency restrictions")]}, 451)
    )
    assert (type(error), error.outcome) == (SendError, "not_sent")
    assert "region of apiUrl" in str(error)


def test_the_first_reason_that_says_what_is_wrong_decides(host: Host) -> None:
    content = reason("Unless a valid template_id is provided, the content parameter is required.", "content")
    template = reason("The template_id must be a valid GUID, you provided 'x'.", "template_id")
    assert type(fail_to_send(host, respond_json({"errors": [content, template]}, 400))) is TemplateNotFound


def test_the_id_of_an_error_is_its_code_where_it_has_no_field(host: Host) -> None:
    error = fail_to_send(host, respond_json({"errors": [{"message": "No.", "error_id": "a1-b2"}]}, 400))
    assert error.provider is not None
    assert error.provider.code == "a1-b2"
