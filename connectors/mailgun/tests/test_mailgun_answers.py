"""What the Mailgun connector makes of Mailgun's answers: recorded ones, documented ones, and those of others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import crash_report
import network_environment
import pytest

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    Host,
    InvalidMessage,
    InvalidResponse,
    Limits,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
)
from connector_core.testing import wire_behaviours, wire_server
from connector_core.testing.wire_behaviours import respond, respond_json, say_and_close, stay_silent
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

# mailgun/mailgun-ruby, vcr_cassettes/send_message.yml: an answer as it was recorded.
ACCEPTED = {"id": "<20160107220803.53710.46802@DOMAIN.TEST>", "message": "Queued. Thank you."}
OK = b"HTTP/1.1 200 OK\r\n"
TEXT = "Content-Type: text/plain; charset=utf-8"
CONFIG: dict[str, Any] = {
    "domain": "mg.example.com",
    "apiKey": "made-up-key-5f2c9a71",
    "from": "noreply@mg.example.com",
    "deliveries": {name: {"text": "{{code}}"} for name in ("Register", "SignIn", "ForgotPassword", "Generic")},
}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5, retries=0)) as discovered:
        yield discovered


def fail_to_send(host: Host, behaviour: Behaviour) -> SendError:
    with WireServer(behaviour) as server, pytest.raises(SendError) as caught:
        host["mailgun-email"].send_message({**CONFIG, "endpoint": server.url}, MESSAGE)
    assert len(server.requests) == 1
    return caught.value


def test_a_message_that_was_taken_is_queued_under_mailguns_id(host: Host) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        result = host["mailgun-email"].send_message({**CONFIG, "endpoint": server.url}, MESSAGE)
    assert json.loads(json.dumps(result.to_json())) == {
        "messageId": "<20160107220803.53710.46802@DOMAIN.TEST>",
        "status": "queued",
        "recipients": {"ann@example.com": "queued"},
        "submittedAt": None,
    }


FREE = "Free accounts are for test purposes only. Please upgrade or add the address to authorized recipients in Account"
SANDBOX = "Sandbox subdomains are for test purposes only. Please add your own domain or add the address to authorized"
UNVERIFIED = (
    "The domain is unverified and requires DNS configuration. Log in to your control panel to view required DNS"
)
INACTIVE = "Please activate your Mailgun account. Check your inbox or log in to your control panel to resend the"
TEST_ACCOUNT = "Free accounts are for test purposes only. Please upgrade or add the address to authorized recipients"
BARRED = "Domain mg.example.com is not allowed to send"
BAD_ADDRESS = "parameter is not a valid address. please check documentation"

REFUSALS = [
    # mailgun/mailgun-ruby, vcr_cassettes/exceptions-invalid-data.yml
    (400, f"to {BAD_ADDRESS}", RecipientRejected),
    # mailgun/mailgun-js-boland#199, with quotes as until 2022
    (400, f"'to' {BAD_ADDRESS}", RecipientRejected),
    # fastlane/fastlane#8568
    (400, f"'from' {BAD_ADDRESS}", SenderRejected),
    # bethmaloney/mailgun-mock-api, implementation_plan/messages.md, after Mailgun's OpenAPI file
    (400, "from parameter is missing", SenderRejected),
    (400, "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified", InvalidMessage),
    # What counts are the parameters with o:, h:, v: or t: (API reference, "Messages", "Send an email"); the words are
    # in the list of Mailgun's errors in the help of HighLevel ("Error Libraries for Various SMTPs")
    (400, "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total", InvalidMessage),
    (400, f"{BARRED}: {SANDBOX} recipients in Account Settings.", AccountRestricted),
    # LaravelRUS/laravel.ru#74, mailgun/mailgun-js-boland#119
    (400, f"{SANDBOX} recipients in domain settings.", AccountRestricted),
    (400, f"{TEST_ACCOUNT} in domain settings.", AccountRestricted),
    (400, f"{BARRED}: {UNVERIFIED} records.", SenderRejected),
    (400, f"{BARRED}: {INACTIVE} activation email.", AccountRestricted),
    # mailgun/documentation, source/api-intro.rst: "402 Request Failed - Parameters were valid but request failed"
    (402, "Request Failed", SendError),
    # mailgun/mailgun-ruby, vcr_cassettes/exceptions-not-allowed.yml
    (403, f"{BARRED}: {FREE} Settings.", AccountRestricted),
    # mailgun/mailgun-ruby, vcr_cassettes/send_message.yml
    (403, f"{BARRED}: {SANDBOX} recipients in Account Settings.", AccountRestricted),
    # Mailgun's "API Response Codes": "Auth error or access denied"
    (403, "Forbidden", AuthorizationFailed),
    # mailgun/mailgun-ruby, vcr_cassettes/exceptions.yml
    (404, "Domain not found: mg.example.com", SenderRejected),
    # Mailgun's "API Response Codes": with JSON a resource that isn't found, without it "a non-existing endpoint"
    (404, "template not found", SendError),
    (404, "not found", SendError),
    # RFC 9110, section 15.5.9: the server gave up waiting for the rest of the request
    (408, f"{BARRED}: {INACTIVE} activation email.", DeliveryUnknown),
    # mailgun/mailgun-java#50
    (420, f"{BARRED}: recipient limit exceeded, try again after Mon, 25 Aug 2025 07:00:31 UTC", RateLimitExceeded),
    # The same list in the help of HighLevel
    (413, "request size exceeds 52.4MiB limit", InvalidMessage),
    (429, f"{BARRED}: request limit exceeded, try again after Mon, 20 Dec 2021 20:33:21 UTC", RateLimitExceeded),
    (429, "Too many requests", RateLimitExceeded),
    (500, "Internal Server Error", DeliveryUnknown),
    # Mailgun documents none of these three: they are a proxy's, and mean what RFC 9110 says
    (502, "Bad Gateway", DeliveryUnknown),
    (503, "Service Unavailable", ProviderUnavailable),
    (504, "Gateway Timeout", DeliveryUnknown),
]


@pytest.mark.parametrize(("status", "said", "kind"), REFUSALS)
def test_a_refusal_is_the_error_of_its_kind_with_mailguns_words(
    host: Host, status: int, said: str, kind: type[SendError]
) -> None:
    error = fail_to_send(host, respond_json({"message": said}, status))
    assert type(error) is kind
    assert error.provider is not None
    assert error.provider.to_json() == {"message": said, "status": status}
    assert said in str(error)
    assert (error.outcome, error.retryable) == (kind.outcome, kind.retryable)
    assert error.recipients == (("ann@example.com",) if kind is RecipientRejected else ())


@pytest.mark.parametrize("kind_of_text", [TEXT, "Content-Type: text/html; charset=utf-8"])
def test_a_bad_key_is_told_from_the_bare_word_that_mailgun_answers(host: Host, kind_of_text: str) -> None:
    # mailgun/mailgun-ruby, vcr_cassettes/exceptions-invalid-api-key.yml; as HTML in mailer_invalid_domain.yml
    headers = [kind_of_text, 'Www-Authenticate: Basic realm="MG API"']
    error = fail_to_send(host, respond(401, b"Forbidden", headers))
    assert type(error) is AuthorizationFailed
    assert error.provider is not None
    assert (error.provider.message, error.provider.status) == ("Forbidden", 401)
    assert "apiKey" in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_names_its_setting_and_those_that_it_belongs_to(host: Host, status: int) -> None:
    sentence = str(fail_to_send(host, respond_json({"message": "Forbidden"}, status)))
    assert all(setting in sentence for setting in ("apiKey", "domain", "endpoint"))


@pytest.mark.parametrize(
    "behaviour", [respond_json({"message": "template not found"}, 404), respond(404, b"404 page not found", [TEXT])]
)
def test_what_is_not_found_may_be_the_place_or_the_template(host: Host, behaviour: Behaviour) -> None:
    sentence = str(fail_to_send(host, behaviour))
    assert "check endpoint in the config" in sentence
    assert "template" in sentence


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidMessage),
        (401, AuthorizationFailed),
        (404, SendError),
        (418, SendError),
        (420, RateLimitExceeded),
        (500, DeliveryUnknown),
    ],
)
def test_a_page_is_not_quoted_and_the_status_decides(host: Host, status: int, kind: type[SendError]) -> None:
    error = fail_to_send(host, respond(status, b"<html><h1>Domain not found</h1></html>"))
    assert type(error) is kind
    assert error.provider is not None
    assert error.provider.to_json() == {"status": status}
    assert "<" not in str(error)


def test_a_failure_of_the_server_stays_unknown_whatever_it_says(host: Host) -> None:
    error = fail_to_send(host, respond_json({"message": f"{BARRED}: limit exceeded, try again after x"}, 500))
    assert (type(error), error.retry_after) == (DeliveryUnknown, None)


@pytest.mark.parametrize("status", [420, 429])
def test_the_time_in_the_sentence_is_the_time_to_wait(host: Host, status: int) -> None:
    said = f"{BARRED}: recipient limit exceeded, try again after Mon, 25 Aug 2025 07:00:31 UTC"
    assert fail_to_send(host, respond_json({"message": said}, status)).retry_after == 0.0  # it is over


@pytest.mark.parametrize("when", ["tomorrow", "Mon, 99 Aug 99999 07:00:31 UTC", "\r\n", "x" * 5000])
def test_a_time_that_is_none_is_no_time_to_wait(host: Host, when: str) -> None:
    error = fail_to_send(host, respond_json({"message": f"{BARRED}: limit exceeded, try again after {when}"}, 429))
    assert (type(error), error.retry_after) == (RateLimitExceeded, None)


def test_the_header_goes_before_the_time_in_the_sentence(host: Host) -> None:
    said = f"{BARRED}: request limit exceeded, try again after Mon, 20 Dec 2021 20:33:21 UTC"
    error = fail_to_send(host, respond_json({"message": said}, 429, ["Retry-After: 3600"]))
    assert error.retry_after == 3600.0


@pytest.mark.parametrize(
    "behaviour",
    [
        # anymail/django-anymail, anymail/backends/mailgun.py: what Mailgun answers at a path that it doesn't know
        pytest.param(respond(200, b"Mailgun Magnificent API", [TEXT]), id="no API path"),
        pytest.param(respond(200, b"<html>Welcome to the hotel's network</html>"), id="HTML"),
        pytest.param(respond(200), id="empty"),
        pytest.param(respond(204), id="no content"),
        pytest.param(respond_json({"message": "Queued. Thank you."}), id="no id"),
        pytest.param(respond_json({**ACCEPTED, "id": ""}), id="empty id"),
        pytest.param(respond_json({**ACCEPTED, "id": 7}), id="number for an id"),
        pytest.param(respond_json([ACCEPTED]), id="list"),
        pytest.param(respond_json("Queued. Thank you."), id="text"),
        pytest.param(respond_json(ACCEPTED, 202), id="another success"),
        pytest.param(respond(200, json.dumps(ACCEPTED).encode()[:-5]), id="truncated JSON"),
        pytest.param(respond(200, b"[" * 100_000), id="deep JSON"),
        pytest.param(wire_behaviours.flood(OK + b"\r\n", b"x" * 65_536, 40), id="too large"),
        pytest.param(respond(301, headers=["Location: https://other.example/"]), id="redirect"),
        pytest.param(respond(308, headers=["Location: /v3/other/messages"]), id="redirect to the same host"),
    ],
)
def test_what_confirms_nothing_is_an_invalid_response_with_an_unknown_outcome(host: Host, behaviour: Behaviour) -> None:
    error = fail_to_send(host, behaviour)
    assert type(error) is InvalidResponse
    assert (error.outcome, error.retryable) == ("unknown", False)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(wire_behaviours.hang_up, id="closes after the request"),
        pytest.param(say_and_close(OK + b'Content-Length: 90\r\n\r\n{"id": "<1'), id="closes mid-body"),
        pytest.param(stay_silent, id="answers after the limit"),
    ],
)
def test_a_line_that_breaks_leaves_the_outcome_unknown(behaviour: Behaviour) -> None:
    with Host.discover(limits=Limits(connect=2, read=2, total=5)) as host:
        error = fail_to_send(host, behaviour)
    assert type(error) is DeliveryUnknown
    assert error.outcome == "unknown"


@pytest.mark.parametrize("status", [429, 503])
def test_a_mailgun_that_was_busy_for_a_moment_takes_the_message(status: int) -> None:
    with Host.discover() as host, WireServer(respond(status), respond_json(ACCEPTED)) as server:
        result = host["mailgun-email"].send_message({**CONFIG, "endpoint": server.url}, MESSAGE)
    assert result.message_id == ACCEPTED["id"]
    assert len({request.body for request in server.requests}) == 1
    assert len(server.requests) == 2


def test_a_mailgun_that_cannot_be_reached_is_unavailable(host: Host) -> None:
    with wire_server.refuse_connections() as url, pytest.raises(ProviderUnavailable) as caught:
        host["mailgun-email"].send_message({**CONFIG, "endpoint": url}, MESSAGE)
    assert (caught.value.outcome, caught.value.retryable) == ("not_sent", True)


@pytest.mark.parametrize("behaviour", [respond(401, b"Forbidden"), wire_behaviours.hang_up, respond(200)])
def test_no_error_shows_the_key(host: Host, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        mailgun = host["mailgun-email"].configure({**CONFIG, "endpoint": server.url})
        with pytest.raises(SendError) as caught:
            mailgun.send_message(MESSAGE)
    shown = crash_report.format_everything(caught.value)
    assert CONFIG["apiKey"] not in shown
    assert "YXBpOm1hZGUtdXAta2V5LTVmMmM5YTcx" not in shown  # "api:made-up-key-5f2c9a71" in Base64
