"""The request that goes to Postmark, as it arrives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from network_environment import forget_network_environment

from connector_core import USAGE_TYPES, Host, InvalidMessage, Message, TemplateNotFound
from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Request

TOKEN = "11111111-2222-3333-4444-555555555555"
ACCEPTED = {"To": "ann@example.com", "MessageID": "id-1", "ErrorCode": 0, "Message": "OK"}
CONFIG: dict[str, Any] = {
    "serverToken": TOKEN,
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": "SignIn", "templateAlias": "logto-sign-in"},
        {"usageType": "Register", "templateAlias": "logto-register"},
        {"usageType": "ForgotPassword", "templateAlias": "logto-forgot-password"},
        {"usageType": "Generic", "templateAlias": "logto-generic"},
    ],
}
OF_HTTP_ITSELF = {"host", "content-length", "accept-encoding", "user-agent", "connection"}


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer(respond_json(ACCEPTED)) as running:
        yield running


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def send(host: Host, server: WireServer, message: Message | None = None, **settings: Any) -> Request:
    """Send a message with a config; return the one request that arrived."""
    config = {**CONFIG, "apiUrl": server.url, **settings}
    host["postmark-mail"].send_message(config, message or Message("ann@example.com", "SignIn", {"code": "123456"}))
    (request,) = server.requests
    return request


def test_with_logtos_keys_alone_the_request_is_the_one_of_logto(host: Host, server: WireServer) -> None:
    request = send(host, server)
    assert (request.method, request.target) == ("POST", "/email/withTemplate")
    assert request.json() == {
        "From": "noreply@example.com",
        "To": "ann@example.com",
        "TemplateAlias": "logto-sign-in",
        "TemplateModel": {"code": "123456"},
    }
    assert {name: value for name, value in request.headers.items() if name not in OF_HTTP_ITSELF} == {
        "x-postmark-server-token": TOKEN,
        "accept": "application/json",
        "content-type": "application/json",
    }
    assert len(request.fields) == len(request.headers)  # none is there twice


def test_the_payload_arrives_unchanged_and_in_its_order(host: Host, server: WireServer) -> None:
    payload = {
        "zeta": {"b": [1, 2.5, -0.0, {"deep": None}], "a": True},
        "alpha": "quotes \" ' \\ and\nlines\tand \u2028 é 漢字 😀 \x00",
        "code": "000123",
        "": "no name",
        "locale": "xx",
        "To": "eve@example.com",
        "{{x}}": "{{y}}",
        "big": 2**63,
    }
    request = send(host, server, Message("ann@example.com", "SignIn", payload))
    assert request.json()["TemplateModel"] == payload
    assert json.dumps(request.json()["TemplateModel"]) == json.dumps(payload)  # the order, too
    assert request.json()["To"] == "ann@example.com"


def test_an_empty_payload_is_an_empty_model(host: Host, server: WireServer) -> None:
    assert send(host, server, Message("ann@example.com", "SignIn")).json()["TemplateModel"] == {}


def test_the_network_address_of_the_person_stays_here(host: Host, server: WireServer) -> None:
    request = send(host, server, Message("ann@example.com", "SignIn", {}, ip="192.0.2.77"))
    assert b"192.0.2.77" not in request.body
    assert "192.0.2.77" not in str(request.fields)


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"messageStream": "outbound-2"}, {"MessageStream": "outbound-2"}),
        ({"replyTo": "Help <help@example.com>"}, {"ReplyTo": "Help <help@example.com>"}),
        ({"replyTo": "help@münchen.de"}, {"ReplyTo": "help@xn--mnchen-3ya.de"}),
        ({"tag": "sign-in mails"}, {"Tag": "sign-in mails"}),
        ({"trackOpens": True}, {"TrackOpens": True}),
        ({"trackOpens": False}, {"TrackOpens": False}),
        ({"trackLinks": "None"}, {"TrackLinks": "None"}),
        ({"trackLinks": "HtmlAndText"}, {"TrackLinks": "HtmlAndText"}),
        ({"inlineCss": False}, {"InlineCss": False}),
        ({"inlineCss": True}, {"InlineCss": True}),
        ({"metadata": {"customer": "7", "plan": ""}}, {"Metadata": {"customer": "7", "plan": ""}}),
        (
            {"headers": {"X-Two": "b", "X-One": "a"}},
            {"Headers": [{"Name": "X-Two", "Value": "b"}, {"Name": "X-One", "Value": "a"}]},
        ),
    ],
)
def test_a_setting_arrives_as_the_field_of_postmark(
    host: Host, server: WireServer, settings: dict[str, Any], fields: dict[str, Any]
) -> None:
    body = send(host, server, **settings).json()
    for field in ("From", "To", "TemplateAlias", "TemplateModel"):
        del body[field]
    assert json.dumps(body) == json.dumps(fields)  # as JSON, where 1 is not true


def test_a_template_is_named_by_its_id_instead_of_an_alias(host: Host, server: WireServer) -> None:
    templates = [*CONFIG["templates"][1:], {"usageType": "SignIn", "templateId": 4711}]
    body = send(host, server, templates=templates).json()
    assert body["TemplateId"] == 4711
    assert "TemplateAlias" not in body


@pytest.mark.parametrize("path", ["", "/", "//"])
def test_the_address_of_the_api_may_end_in_a_slash(host: Host, server: WireServer, path: str) -> None:
    assert send(host, server, apiUrl=server.url + path).target == "/email/withTemplate"


@pytest.mark.parametrize("path", ["/proxy/postmark", "/proxy/postmark/"])
def test_the_address_of_the_api_may_have_a_path(host: Host, server: WireServer, path: str) -> None:
    assert send(host, server, apiUrl=server.url + path).target == "/proxy/postmark/email/withTemplate"


@pytest.mark.parametrize(
    ("sender", "sent"),
    [
        ("noreply@münchen.de", "noreply@xn--mnchen-3ya.de"),
        ("Müller & Söhne <noreply@münchen.de>", "Müller & Söhne <noreply@xn--mnchen-3ya.de>"),
        ('"Ex, Inc." <noreply@example.com>', '"Ex, Inc." <noreply@example.com>'),
        ("<noreply@example.com>", "<noreply@example.com>"),
        ("漢字 <a@例え.jp>", "漢字 <a@xn--r8jz45g.jp>"),
    ],
)
def test_the_senders_domain_goes_out_in_ascii(host: Host, server: WireServer, sender: str, sent: str) -> None:
    assert send(host, server, fromEmail=sender).json()["From"] == sent


@pytest.mark.parametrize(
    ("to", "sent"),
    [
        ("ann@münchen.de", "ann@xn--mnchen-3ya.de"),
        ("ann@MÜNCHEN.de", "ann@xn--mnchen-3ya.de"),
        ("ann@straße.de", "ann@xn--strae-oqa.de"),
        ("Ann.O'Neil+tag@Example.COM", "Ann.O'Neil+tag@Example.COM"),
    ],
)
def test_the_recipients_domain_goes_out_in_ascii(host: Host, server: WireServer, to: str, sent: str) -> None:
    assert send(host, server, Message(to, "SignIn")).json()["To"] == sent


@pytest.mark.parametrize("to", ["ann@-ü-.de", "ann@ü..de", f"ann@{'ü' * 70}.de"])
def test_a_domain_that_has_no_ascii_form_is_an_invalid_message(host: Host, server: WireServer, to: str) -> None:
    with pytest.raises(InvalidMessage):
        send(host, server, Message(to, "SignIn"))
    assert server.connections == 0


LOCALIZED = [
    *CONFIG["templates"],
    {"usageType": "SignIn", "templateAlias": "de", "locale": "de"},
    {"usageType": "SignIn", "templateAlias": "de-ch", "locale": "de-CH"},
    {"usageType": "SignIn", "templateAlias": "zh-hant", "locale": "zh-Hant"},
    {"usageType": "Generic", "templateAlias": "generic-fr", "locale": "fr"},
    {"usageType": "BindMfa", "templateAlias": "mfa-es", "locale": "es"},
]


@pytest.mark.parametrize(
    ("usage_type", "locale", "alias"),
    [
        ("SignIn", None, "logto-sign-in"),
        ("SignIn", "de", "de"),
        ("SignIn", "de-CH", "de-ch"),
        ("SignIn", "DE_ch", "de-ch"),
        ("SignIn", "de-CH-1996", "de-ch"),
        ("SignIn", "de-AT", "de"),
        ("SignIn", "de-x-private", "de"),
        ("SignIn", "zh-Hant-TW", "zh-hant"),
        ("SignIn", "zh-TW", "logto-sign-in"),
        ("SignIn", "fr", "logto-sign-in"),
        ("SignIn", "", "logto-sign-in"),
        ("SignIn", "*", "logto-sign-in"),
        ("SignIn", 7, "logto-sign-in"),
        ("SignIn", ["de"], "logto-sign-in"),
        ("Register", "de", "logto-register"),
        ("BindMfa", "es-MX", "mfa-es"),
        ("BindMfa", "fr-CA", "generic-fr"),
        ("BindMfa", "it", "logto-generic"),
        ("MfaVerification", "fr", "generic-fr"),
        ("HostsOwnType", "de", "logto-generic"),
        ("HostsOwnType", None, "logto-generic"),
    ],
)
def test_the_locale_of_the_payload_chooses_the_template(
    host: Host, server: WireServer, usage_type: str, locale: Any, alias: str
) -> None:
    payload = {} if locale is None else {"locale": locale}
    body = send(host, server, Message("ann@example.com", usage_type, payload), templates=LOCALIZED).json()
    assert body["TemplateAlias"] == alias
    assert body["TemplateModel"] == payload


def test_without_a_fitting_template_nothing_is_sent(host: Host, server: WireServer) -> None:
    templates = [
        {**entry, "locale": "en"} if entry["usageType"] == "Generic" else entry for entry in CONFIG["templates"]
    ]
    with pytest.raises(TemplateNotFound) as caught:
        send(host, server, Message("ann@example.com", "BindMfa", {"locale": "de"}), templates=templates)
    assert caught.value.outcome == "not_sent"
    assert server.connections == 0


def test_each_usage_type_has_its_own_template(host: Host, server: WireServer) -> None:
    schema = host["postmark-mail"].config_schema
    config = {**CONFIG, "templates": schema["properties"]["templates"]["examples"][0], "apiUrl": server.url}
    with host["postmark-mail"].configure(config) as postmark:
        for usage_type in USAGE_TYPES:
            postmark.send_message(Message("ann@example.com", usage_type))
    assert [request.json()["TemplateAlias"] for request in server.requests] == [
        "logto-sign-in",
        "logto-register",
        "logto-forgot-password",
        "logto-organization-invitation",
        "logto-generic",
        "logto-user-permission-validation",
        "logto-bind-new-identifier",
        "logto-mfa-verification",
        "logto-bind-mfa",
    ]
