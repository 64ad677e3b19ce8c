"""What goes to SendGrid for a message, to the letter, and what its success is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import network_environment
import pytest

from connector_core import (
    Host,
    InvalidMessage,
    InvalidResponse,
    Limits,
    Message,
    RecipientRejected,
    SendError,
    SendResult,
)
from connector_core.testing.wire_behaviours import respond
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour, Request

API_KEY = "SG.made-up-key-4Xq.9-_7Zt"
TEXT = {"usageType": "Register", "type": "text/plain", "subject": "Welcome", "content": "Your code is {{code}}."}
CONFIG: dict[str, Any] = {
    "apiKey": API_KEY,
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": "SignIn", "type": "text/html", "subject": "{{ code }}", "content": "<p>Hi {{user.name}}</p>"},
        TEXT,
        {**TEXT, "usageType": "ForgotPassword"},
        {**TEXT, "usageType": "Generic"},
    ],
}
TEMPLATE_ID = "d-0123456789abcdef0123456789abcdef"
ACCEPTED = respond(202, b"", ["X-Message-Id: LrnZRsWQTPy-ItZ3IJR2vQ", "Content-Type: text/plain; charset=utf-8"])
MESSAGE = Message("ann@example.com", "Register", {"code": "483920"})


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=4, retries=0)) as discovered:
        yield discovered


def send(host: Host, message: Message, **settings: Any) -> Request:
    """Return the one request for a message that SendGrid takes."""
    with WireServer(ACCEPTED) as server:
        host["sendgrid-email-service"].send_message({**CONFIG, "apiUrl": server.url, **settings}, message)
    (request,) = server.requests
    return request


def meet(host: Host, behaviour: Behaviour, **settings: Any) -> SendResult | SendError:
    with WireServer(behaviour) as server:
        try:
            return host["sendgrid-email-service"].send_message({**CONFIG, "apiUrl": server.url, **settings}, MESSAGE)
        except SendError as error:
            return error
        finally:
            assert len(server.requests) == 1


def test_a_config_of_logto_makes_the_request_of_logto(host: Host) -> None:
    request = send(host, MESSAGE, fromName="Logto Test")
    assert (request.method, request.target) == ("POST", "/v3/mail/send")
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["content-type"] == "application/json"
    assert request.json() == {
        "personalizations": [{"to": [{"email": "ann@example.com"}]}],
        "from": {"email": "noreply@example.com", "name": "Logto Test"},
        "subject": "Welcome",
        "content": [{"type": "text/plain", "value": "Your code is 483920."}],
    }


def test_every_setting_has_its_field(host: Host) -> None:
    request = send(
        host,
        MESSAGE,
        fromEmail="noreply@münchen.example",
        replyTo='"Help, Inc." <help@example.com>',
        categories=["sign-in", "production"],
        sandboxMode=True,
    )
    body = request.json()
    assert body["from"] == {"email": "noreply@xn--mnchen-3ya.example"}
    assert body["reply_to"] == {"email": "help@example.com", "name": "Help, Inc."}
    assert body["categories"] == ["sign-in", "production"]
    assert body["mail_settings"] == {"sandbox_mode": {"enable": True}}


def test_a_slash_at_the_end_of_the_address_does_no_harm(host: Host) -> None:
    with WireServer(ACCEPTED) as server:
        host["sendgrid-email-service"].send_message({**CONFIG, "apiUrl": f"{server.url}/proxy/"}, MESSAGE)
    assert server.requests[0].target == "/proxy/v3/mail/send"


def test_html_goes_after_a_plain_text_made_from_it(host: Host) -> None:
    body = send(host, Message("ann@example.com", "SignIn", {"code": "1", "user": {"name": "Ann & <Bob>"}})).json()
    assert body["content"] == [
        {"type": "text/plain", "value": "Hi Ann & <Bob>"},
        {"type": "text/html", "value": "<p>Hi Ann &amp; &lt;Bob&gt;</p>"},
    ]


def test_the_text_of_an_entry_goes_before_its_html(host: Host) -> None:
    entry = {**CONFIG["templates"][0], "text": "Hello {{user.name}}"}
    templates = [entry, *CONFIG["templates"][1:]]
    body = send(host, Message("ann@example.com", "SignIn", {"user": {"name": "A<B"}}), templates=templates).json()
    assert [part["value"] for part in body["content"]] == ["Hello A<B", "<p>Hi A&lt;B</p>"]


def test_html_without_any_text_goes_alone(host: Host) -> None:
    entry = {**CONFIG["templates"][0], "content": '<img src="https://example.com/code.png">'}
    body = send(host, Message("ann@example.com", "SignIn"), templates=[entry, *CONFIG["templates"][1:]]).json()
    assert [part["type"] for part in body["content"]] == ["text/html"]


def test_a_dynamic_template_gets_the_whole_payload_and_nothing_else(host: Host) -> None:
    payload = {"code": "483920", "locale": "de", "user": {"name": "Ann", "tags": [1, None]}}
    templates = [{"usageType": "SignIn", "templateId": TEMPLATE_ID}, *CONFIG["templates"][1:]]
    assert send(host, Message("ann@example.com", "SignIn", payload), templates=templates).json() == {
        "personalizations": [{"to": [{"email": "ann@example.com"}], "dynamic_template_data": payload}],
        "from": {"email": "noreply@example.com"},
        "template_id": TEMPLATE_ID,
    }


def test_the_domain_of_a_recipient_goes_in_ascii(host: Host) -> None:
    body = send(host, Message("ann@bücher.example", "Register")).json()
    assert body["personalizations"] == [{"to": [{"email": "ann@xn--bcher-kva.example"}]}]


@pytest.mark.parametrize("to", ["zoé@example.com", "伊昭傑@bücher.example"])
def test_a_recipient_that_sendgrid_would_drop_without_a_word_makes_no_request(host: Host, to: str) -> None:
    """Source: sendgrid/sendgrid-csharp issues 255 and 656, sendgrid/sendgrid-ruby issue 91: taken with 202, dropped."""
    with WireServer(ACCEPTED) as server, pytest.raises(RecipientRejected) as caught:
        host["sendgrid-email-service"].send_message({**CONFIG, "apiUrl": server.url}, Message(to, "Register"))
    assert server.connections == 0
    assert (caught.value.outcome, caught.value.retryable, caught.value.recipients) == ("not_sent", False, (to,))


@pytest.mark.parametrize(
    ("usage_type", "locale", "content"),
    [
        ("Register", "de-CH", "Ihr Code."),
        ("Register", "fr", "Your code is {{code}}."),
        ("HostsOwnType", "de", "Generisch."),
        ("HostsOwnType", None, "Your code is {{code}}."),
    ],
)
def test_usage_type_and_locale_choose_the_entry(host: Host, usage_type: str, locale: str | None, content: str) -> None:
    templates = [
        *CONFIG["templates"],
        {**TEXT, "content": "Ihr Code.", "locale": "de"},
        {**TEXT, "usageType": "Generic", "content": "Generisch.", "locale": "de"},
    ]
    message = Message("ann@example.com", usage_type, {"locale": locale} if locale else {})
    assert send(host, message, templates=templates).json()["content"] == [{"type": "text/plain", "value": content}]


# Injection


@pytest.mark.parametrize(
    "value", ["x\r\nBcc: eve@example.com", "x\nX-Injected: yes", "x\u2028Bcc: eve@example.com", "x\x00y", "x\x85y"]
)
def test_a_value_adds_no_line_to_the_subject(host: Host, value: str) -> None:
    subject = send(host, Message("ann@example.com", "SignIn", {"code": value})).json()["subject"]
    assert subject.isprintable()
    assert subject.startswith("x")


def test_a_value_adds_no_field_to_the_request(host: Host) -> None:
    value = '"}],"bcc":[{"email":"eve@example.com"}],"x":["'
    request = send(host, Message("ann@example.com", "Register", {"code": value}), fromName='Ann", "cc": [')
    body = request.json()
    assert set(body) == {"personalizations", "from", "subject", "content"}
    assert body["personalizations"] == [{"to": [{"email": "ann@example.com"}]}]
    assert body["content"][0]["value"] == f"Your code is {value}."
    assert body["from"] == {"email": "noreply@example.com", "name": 'Ann", "cc": ['}


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in(host: Host) -> None:
    payload = {"code": "{{secret}}", "secret": "hidden"}
    assert send(host, Message("ann@example.com", "Register", payload)).json()["content"][0]["value"] == (
        "Your code is {{secret}}."
    )


@pytest.mark.parametrize("to", ["ann@example.com,eve@example.com", "Ann <ann@example.com>", "ann@", "ann@exa mple.com"])
def test_what_is_no_single_address_makes_no_request(host: Host, to: str) -> None:
    with WireServer(ACCEPTED) as server, pytest.raises(InvalidMessage):
        host["sendgrid-email-service"].send_message({**CONFIG, "apiUrl": server.url}, Message(to, "Register"))
    assert server.connections == 0


# The success


def test_an_accepted_mail_is_queued_under_sendgrids_id(host: Host) -> None:
    result = meet(host, ACCEPTED)
    assert isinstance(result, SendResult)
    assert (result.message_id, result.status) == ("LrnZRsWQTPy-ItZ3IJR2vQ", "queued")
    assert result.recipients == {"ann@example.com": "queued"}


def test_a_mail_that_was_only_checked_is_told_as_such(host: Host) -> None:
    """Source: Twilio SendGrid docs, "Sandbox Mode": a valid request gets 200 in place of 202."""
    result = meet(host, respond(200), sandboxMode=True)
    assert isinstance(result, SendResult)
    assert (result.message_id, result.recipients) == ("sandbox-mode", {"ann@example.com": "unknown"})


@pytest.mark.parametrize(
    ("behaviour", "settings"),
    [
        pytest.param(respond(202), {}, id="202 without an id"),
        pytest.param(respond(202, headers=["X-Message-Id: "]), {}, id="an empty id"),
        pytest.param(respond(202, headers=["X-Message-Id: a b"]), {}, id="an id of two words"),
        pytest.param(respond(202, headers=["X-Message-Id: " + "a" * 201]), {}, id="a long id"),
        pytest.param(respond(200, headers=["X-Message-Id: abc"]), {}, id="200 with an id"),
        pytest.param(respond(200), {}, id="200"),
        pytest.param(respond(200, b"<html>Welcome</html>"), {"sandboxMode": True}, id="HTML in sandbox mode"),
        pytest.param(respond(201), {"sandboxMode": True}, id="201 in sandbox mode"),
        pytest.param(respond(204), {}, id="204"),
        pytest.param(respond(202, b'{"errors": [{"field": "from", "message": "No."}]}'), {}, id="errors with 202"),
        pytest.param(respond(302, headers=["Location: https://other.example/"]), {}, id="redirect"),
    ],
)
def test_any_other_success_leaves_the_outcome_unknown(
    host: Host, behaviour: Behaviour, settings: dict[str, Any]
) -> None:
    error = meet(host, behaviour, **settings)
    assert type(error) is InvalidResponse
    assert (error.outcome, error.retryable) == ("unknown", False)
