"""What the Mailgun connector sends: byte for byte as Mailgun's API reference has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import network_environment
import pytest

from connector_core import Host, InvalidMessage, Message, TemplateNotFound
from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Request

# mailgun/mailgun-ruby, vcr_cassettes/send_message.yml: an answer as it was recorded.
ACCEPTED = {"id": "<20160107220803.53710.46802@DOMAIN.TEST>", "message": "Queued. Thank you."}
LOCAL = {"subject": "Code {{code}}", "html": "<p>Your code: <b>{{code}}</b></p>"}
CONFIG: dict[str, Any] = {
    "domain": "mg.example.com",
    "apiKey": "key-3ax6xnjp29jd6fds4gc373sgvjxteol0",  # the example of Mailgun's own documentation
    "from": "Example <noreply@mg.example.com>",
    "deliveries": dict.fromkeys(("Register", "SignIn", "ForgotPassword", "Generic"), LOCAL),
}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def send(host: Host, message: Message = MESSAGE, delivery: Any = None, **settings: Any) -> Request:
    """Return the request that a message becomes."""
    deliveries = {**CONFIG["deliveries"], "SignIn": delivery or LOCAL}
    with WireServer(respond_json(ACCEPTED)) as server:
        config = {**CONFIG, "endpoint": server.url, "deliveries": deliveries, **settings}
        host["mailgun-email"].send_message(config, message)
    (request,) = server.requests
    return request


def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form, each of which stands in it once."""
    pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, encoding="utf-8")
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def send_form(host: Host, message: Message = MESSAGE, delivery: Any = None, **settings: Any) -> dict[str, str]:
    return read_form(send(host, message, delivery, **settings))


def test_the_request_goes_to_the_messages_of_the_domain_with_the_key_as_basic_credentials(host: Host) -> None:
    request = send(host)
    assert (request.method, request.target) == ("POST", "/v3/mg.example.com/messages")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    # RFC 7617, section 2, of "api:key-3ax6xnjp29jd6fds4gc373sgvjxteol0".
    assert request.headers["authorization"] == "Basic YXBpOmtleS0zYXg2eG5qcDI5amQ2ZmRzNGdjMzczc2d2anh0ZW9sMA=="


def test_a_path_in_the_endpoint_stays_and_a_slash_at_its_end_does_not_count(host: Host) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        for tail in ("/", "/mailgun", "/mailgun/"):
            host["mailgun-email"].send_message({**CONFIG, "endpoint": server.url + tail}, MESSAGE)
    assert [request.target for request in server.requests] == [
        "/v3/mg.example.com/messages",
        "/mailgun/v3/mg.example.com/messages",
        "/mailgun/v3/mg.example.com/messages",
    ]


def test_the_whole_form_of_local_content(host: Host) -> None:
    assert send(host).body == (
        b"from=Example+%3Cnoreply%40mg.example.com%3E&to=ann%40example.com&subject=Code+123456"
        b"&text=Your+code%3A+123456&html=%3Cp%3EYour+code%3A+%3Cb%3E123456%3C%2Fb%3E%3C%2Fp%3E"
    )


def test_the_form_of_a_template_is_that_of_mailguns_documentation(host: Host) -> None:
    # User manual, "Templates", "Sending Messages with Templates"; t:text from the API reference.
    delivery = {
        "subject": "Hello there!",
        "template": "template.test",
        "variables": {"title": "API documentation", "body": "Sending messages with templates"},
    }
    form = send_form(host, Message("recipient@example.com", "SignIn"), delivery)
    assert {**form, "t:variables": json.loads(form["t:variables"])} == {
        "from": "Example <noreply@mg.example.com>",
        "to": "recipient@example.com",
        "subject": "Hello there!",
        "template": "template.test",
        "t:variables": {"title": "API documentation", "body": "Sending messages with templates"},
        "t:text": "yes",
    }


def test_a_template_gets_the_whole_payload_which_goes_before_the_variables_of_the_delivery(host: Host) -> None:
    payload = {"code": "123456", "application": {"name": "Exämple", "tags": [1, None, True]}, "product": None}
    delivery = {"template": "sign-in", "variables": {"product": "P", "code": "none", "list": [{"a": 1}]}}
    form = send_form(host, Message("ann@example.com", "SignIn", payload), delivery)
    assert json.loads(form["t:variables"]) == {**payload, "list": [{"a": 1}]}
    assert form.keys() == {"from", "to", "template", "t:variables", "t:text"}


def test_the_variables_of_a_template_are_in_no_field_that_the_recipient_sees(host: Host) -> None:
    # User manual, "Send via SMTP", on X-Mailgun-Variables: "These variables are visible in the email MIME!"
    form = send_form(host, delivery={"template": "sign-in"})
    assert [field for field, value in form.items() if "123456" in value] == ["t:variables"]


def test_the_subject_of_a_template_is_rendered_here(host: Host) -> None:
    delivery = {"template": "sign-in", "subject": "{{code}} for {{product}}", "variables": {"product": "A & B"}}
    assert send_form(host, delivery=delivery)["subject"] == "123456 for A & B"


def test_a_delivery_without_a_subject_sends_none(host: Host) -> None:
    assert "subject" not in send_form(host, delivery={"text": "{{code}}"})


def test_a_delivery_of_text_sends_no_html(host: Host) -> None:
    form = send_form(host, delivery={"subject": "Code", "text": "<b>{{code}}</b>"})
    assert form["text"] == "<b>123456</b>"
    assert "html" not in form


def test_a_delivery_of_both_sends_each_as_it_is(host: Host) -> None:
    form = send_form(host, delivery={"text": "Text {{code}}", "html": "<p>HTML {{code}}</p>"})
    assert (form["text"], form["html"]) == ("Text 123456", "<p>HTML 123456</p>")


def test_the_variables_of_a_delivery_serve_local_content_too(host: Host) -> None:
    delivery = {"text": "{{product}} {{code}}", "variables": {"product": "Example", "code": "none"}}
    assert send_form(host, delivery=delivery)["text"] == "Example 123456"


def test_values_are_escaped_in_html_and_nowhere_else(host: Host) -> None:
    delivery = {"subject": "{{name}}", "html": "<p>{{name}}</p>", "text": "{{name}}"}
    form = send_form(host, Message("ann@example.com", "SignIn", {"name": "<a href='x'>&"}), delivery)
    assert form["html"] == "<p>&lt;a href=&#x27;x&#x27;&gt;&amp;</p>"
    assert form["subject"] == form["text"] == "<a href='x'>&"


def test_the_address_for_answers_is_a_header(host: Host) -> None:
    form = send_form(host, delivery={"text": "{{code}}", "replyTo": '"Support, Inc." <support@münchen.de>'})
    assert form["h:Reply-To"] == '"Support, Inc." <support@xn--mnchen-3ya.de>'


def test_a_sender_with_accents_is_ascii(host: Host) -> None:
    settings: dict[str, Any] = {"from": '"Jürgen, Example" <noreply@münchen.de>'}
    form = send_form(host, **settings)
    assert form["from"] == "=?utf-8?q?J=C3=BCrgen=2C_Example?= <noreply@xn--mnchen-3ya.de>"


def test_a_recipient_at_a_domain_with_accents_is_ascii(host: Host) -> None:
    assert send_form(host, Message("ann@münchen.de", "SignIn"))["to"] == "ann@xn--mnchen-3ya.de"


def test_each_option_has_its_field(host: Host) -> None:
    form = send_form(host, tag="codes #1", testMode=True, trackClicks=False, trackOpens=True)
    options = {field: value for field, value in form.items() if field.startswith("o:")}
    assert options == {
        "o:tag": "codes #1",
        "o:testmode": "yes",
        "o:tracking-clicks": "no",
        "o:tracking-opens": "yes",
    }


def test_clicks_may_be_recorded_in_the_html_alone(host: Host) -> None:
    # User manual, "Tracking Clicks": o:tracking-clicks with htmlonly.
    assert send_form(host, trackClicks="htmlonly")["o:tracking-clicks"] == "htmlonly"


@pytest.mark.parametrize(
    ("usage_type", "locale", "text"),
    [
        ("SignIn", "de-CH", "German 1"),
        ("SignIn", "DE", "German 1"),
        ("SignIn", "fr", "English 1"),
        ("SignIn", None, "English 1"),
        ("HostsOwn", "de", "Generic 1"),
    ],
)
def test_the_locale_of_the_payload_chooses_the_entry(
    host: Host, usage_type: str, locale: str | None, text: str
) -> None:
    deliveries = {
        **CONFIG["deliveries"],
        "SignIn": [{"text": "German {{code}}", "locale": "de"}, {"text": "English {{code}}"}],
        "Generic": {"text": "Generic {{code}}"},
    }
    message = Message("ann@example.com", usage_type, {"code": "1", **({"locale": locale} if locale else {})})
    assert send_form(host, message, deliveries=deliveries)["text"] == text


def test_without_an_entry_that_fits_no_request_is_made(host: Host) -> None:
    deliveries = {usage_type: {"text": "{{code}}", "locale": "de"} for usage_type in CONFIG["deliveries"]}
    with WireServer(respond_json(ACCEPTED)) as server:
        mailgun = host["mailgun-email"].configure({**CONFIG, "endpoint": server.url, "deliveries": deliveries})
        with pytest.raises(TemplateNotFound) as raised:
            mailgun.send_message(MESSAGE)
    assert raised.value.outcome == "not_sent"
    assert server.connections == 0


# What slips in

EVIL = "x&bcc=eve@example.com&o:testmode=yes\r\nBcc: eve@example.com\r\n\r\n%0d%0aBcc:eve@example.com;to=eve"


@pytest.mark.parametrize("to", ["ann&bcc=eve@example.com", "ann%26bcc=eve@example.com", "ann+cc=eve#@example.com"])
def test_a_recipient_adds_no_field(host: Host, to: str) -> None:
    form = send_form(host, Message(to, "SignIn", {"code": "1"}))
    assert form["to"] == to
    assert form.keys() == {"from", "to", "subject", "text", "html"}


@pytest.mark.parametrize(
    "to", ["ann@example.com,eve@example.com", "Eve <eve@example.com>", "ann@example.com\nBcc: eve"]
)
def test_a_recipient_that_is_no_address_makes_no_request(host: Host, to: str) -> None:
    with WireServer(respond_json(ACCEPTED)) as server, pytest.raises(InvalidMessage):
        host["mailgun-email"].send_message({**CONFIG, "endpoint": server.url}, Message(to, "SignIn"))
    assert server.connections == 0


@pytest.mark.parametrize(
    "delivery",
    [
        {"subject": "{{code}}", "html": "{{code}}"},
        {"subject": "{{code}}", "text": "{{code}}"},
        {"subject": "{{code}}", "template": "sign-in"},
    ],
)
def test_a_payload_adds_no_field_and_no_header(host: Host, delivery: dict[str, str]) -> None:
    plain = send_form(host, delivery=delivery)
    form = send_form(host, Message("ann@example.com", "SignIn", {"code": EVIL, "to": "eve@example.com"}), delivery)
    assert form.keys() == plain.keys()
    assert (form["from"], form["to"]) == (plain["from"], plain["to"])
    assert not {"\r", "\n"} & set(form["subject"])


@pytest.mark.parametrize("name", ["x&bcc=eve@example.com", '\\"x&bcc=eve@example.com', "%26bcc=eve"])
def test_the_name_of_a_sender_adds_no_field(host: Host, name: str) -> None:
    settings: dict[str, Any] = {"from": f'"{name}" <noreply@mg.example.com>'}
    form = send_form(host, **settings)
    assert form.keys() == {"from", "to", "subject", "text", "html"}
    assert form["from"].endswith("<noreply@mg.example.com>")


def test_a_tag_and_the_name_of_a_template_add_no_field(host: Host) -> None:
    form = send_form(host, delivery={"template": "a&to=eve@example.com"}, tag="b&bcc=eve@example.com")
    assert form.keys() == {"from", "to", "o:tag", "template", "t:variables", "t:text"}
    assert (form["template"], form["o:tag"]) == ("a&to=eve@example.com", "b&bcc=eve@example.com")


def test_half_of_a_surrogate_pair_does_no_harm(host: Host) -> None:
    message = Message("ann@example.com", "SignIn", {"code": "a\ud800b"})
    assert send_form(host, message, {"template": "sign-in"})["t:variables"] == '{"code": "a\ufffdb"}'
    form = send_form(host, message, {"subject": "{{code}}", "html": "<p>{{code}}</p>"})
    assert (form["subject"], form["text"], form["html"]) == ("a\ufffdb", "a\ufffdb", "<p>a\ufffdb</p>")
