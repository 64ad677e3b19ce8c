"""What an endpoint gets: the payload as it is, and the headers around it."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Attachment, Content, Host, InvalidMessage, Limits, Message, ProviderUnavailable
from connector_core.schema import MESSAGE, public_validator
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Request

PAYLOAD: dict[str, Any] = {
    "code": "123456",
    "link": "https://app.example.com/?a=1&b=<2>",
    "locale": "de-CH",
    "uiLocales": "de en",
    "application": {"id": "app1", "name": 'Zoë\'s "App" 🙂', "branding": {"logoUrl": None}},
    "organization": {"name": "Ünal & Söhne", "customData": {"seats": 12, "share": 0.5, "open": True, "tags": []}},
    "text": "line\r\nline\t</script>\u2028",
    "": "an empty name",
    "to": "eve@example.com",
}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=4)) as discovered:
        yield discovered


def post(host: Host, message: Message, path: str = "", **settings: Any) -> Request:
    """Send one message to an endpoint and return the request that it got."""
    with WireServer(respond(204)) as server:
        host["http-email"].send_message({"endpoint": server.url + path, **settings}, message)
    (request,) = server.requests
    return request


@pytest.mark.parametrize("usage_type", ["SignIn", "Generic", "OrganizationInvitation", "NewsOfOurOwn"])
def test_the_body_is_the_message_and_nothing_else(host: Host, usage_type: str) -> None:
    request = post(host, Message("ann@example.com", usage_type, PAYLOAD, "192.0.2.1"))

    assert request.method == "POST"
    assert request.json() == {"to": "ann@example.com", "type": usage_type, "payload": PAYLOAD, "ip": "192.0.2.1"}
    assert list(request.json()) == ["to", "type", "payload", "ip"]


OPTIONS: dict[str, Any] = {
    "cc": ["bob@example.com", "zoë@münchen.example"],
    "bcc": ["eve@example.com"],
    "reply_to": "Help desk <help@example.com>",
    "headers": {"X-Team": "Grüße"},
    "tags": ["sign-in", "web"],
    "metadata": {"user": "7"},
    "attachments": [
        Attachment(name="bill.pdf", content=b"\x00\xff", content_type="application/pdf"),
        Attachment(name="logo.gif", content=b"GIF89a", content_type="image/gif", content_id="logo"),
    ],
    "stream": "news",
    "content": Content("Your code", "It is {{code}}", "<p>It is {{code}}</p>"),
}


def test_options_stand_beside_the_message_in_the_shape_of_the_public_schema(host: Host) -> None:
    message = Message("ann@example.com", "SignIn", PAYLOAD, "192.0.2.1", **OPTIONS)
    request = post(host, message)

    assert request.json() == {
        "to": "ann@example.com",
        "type": "SignIn",
        "payload": PAYLOAD,
        "ip": "192.0.2.1",
        "cc": ["bob@example.com", "zoë@münchen.example"],
        "bcc": ["eve@example.com"],
        "replyTo": "Help desk <help@example.com>",
        "headers": {"X-Team": "Grüße"},
        "tags": ["sign-in", "web"],
        "metadata": {"user": "7"},
        "attachments": [
            {"name": "bill.pdf", "content": "AP8=", "contentType": "application/pdf"},
            {"name": "logo.gif", "content": "R0lGODlh", "contentType": "image/gif", "contentId": "logo"},
        ],
        "stream": "news",
        "content": {"subject": "Your code", "text": "It is {{code}}", "html": "<p>It is {{code}}</p>"},
    }
    assert public_validator(MESSAGE).is_valid(request.json())
    assert Message.from_json(request.json()) == message


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_adds_its_own_key_and_no_other(host: Host, option: str) -> None:
    alone: dict[str, Any] = {option: OPTIONS[option]}
    keys = [*post(host, Message("ann@example.com", "SignIn", {}, **alone)).json()]

    assert keys == ["to", "type", "payload", {"reply_to": "replyTo"}.get(option, option)]


def test_the_result_tells_of_everybody_in_copy(host: Host) -> None:
    message = Message("ann@example.com", "SignIn", cc=["bob@example.com"], bcc=["eve@example.com"])
    with WireServer(respond(202)) as server:
        result = host["http-email"].send_message({"endpoint": server.url}, message)

    assert result.recipients == dict.fromkeys(["ann@example.com", "bob@example.com", "eve@example.com"], "queued")


def test_many_messages_go_out_in_a_request_each(host: Host) -> None:
    messages = [Message(f"person{number}@example.com", "SignIn", {"code": str(number)}) for number in range(20)]
    with WireServer(respond(204)) as server, host["http-email"].configure({"endpoint": server.url}) as mail:
        outcomes = list(mail.send_messages([*messages, Message("nobody", "SignIn")]))

    assert [getattr(one, "recipients", None) for one in outcomes[:-1]] == [{one.to: "sent"} for one in messages]
    assert isinstance(outcomes[-1], InvalidMessage)
    assert sorted(request.json()["to"] for request in server.requests) == sorted(one.to for one in messages)


@pytest.mark.parametrize("ip", [None, ""])
def test_an_unknown_ip_is_left_out_as_logto_does(host: Host, ip: str | None) -> None:
    assert post(host, Message("ann@example.com", "SignIn", {}, ip)).json() == {
        "to": "ann@example.com",
        "type": "SignIn",
        "payload": {},
    }


def test_half_a_surrogate_pair_becomes_a_replacement_character_and_a_pair_becomes_one_character(host: Host) -> None:
    payload = {"code": "a\ud800b", "\udfff": ["\ud83d\ude42", {"n": "\udc00"}], "seats": 12}
    request = post(host, Message("ann@example.com", "Sign\ud800In", payload, "\ud800"))

    assert request.json() == {
        "to": "ann@example.com",
        "type": "Sign\ufffdIn",
        "payload": {"code": "a\ufffdb", "\ufffd": ["🙂", {"n": "\ufffd"}], "seats": 12},
        "ip": "\ufffd",
    }


def test_an_accented_recipient_reaches_the_endpoint_as_it_is(host: Host) -> None:
    assert post(host, Message("zoë@münchen.example", "SignIn")).json()["to"] == "zoë@münchen.example"


def test_the_headers_are_these_and_no_others(host: Host) -> None:
    request = post(host, Message("ann@example.com", "SignIn"), authorization="Bearer made-up-token")

    message_id = request.headers["x-message-id"]
    assert uuid.UUID(message_id).version == 4
    assert str(uuid.UUID(message_id)) == message_id
    transport = {"host", "user-agent", "accept-encoding", "content-length"}
    assert {name: value for name, value in request.headers.items() if name not in transport} == {
        "content-type": "application/json",
        "authorization": "Bearer made-up-token",
        "x-message-id": message_id,
        "idempotency-key": message_id,
    }
    assert len(request.fields) == len(request.headers)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer abc",
        "made-up-token",
        "Basic dXNlcjpwYXNzd29yZA==",
        'Digest username="ann", nonce="1"',
        "a  b",
        "Bearer ***",
    ],
)
def test_the_secret_is_the_value_of_the_header_to_the_letter(host: Host, value: str) -> None:
    assert post(host, Message("ann@example.com", "SignIn"), authorization=value).headers["authorization"] == value


@pytest.mark.parametrize("name", ["X-Api-Key", "x-functions-key", "AUTHORIZATION", "Cookie", "X_Token"])
def test_the_secret_goes_into_the_header_that_is_named(host: Host, name: str) -> None:
    request = post(host, Message("ann@example.com", "SignIn"), authorization="made-up-token", headerName=name)

    assert (name, "made-up-token") in request.fields
    assert [field for field, value in request.fields if "made-up-token" in value] == [name]


def test_without_a_secret_there_is_no_header_for_it(host: Host) -> None:
    request = post(host, Message("ann@example.com", "SignIn"))

    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("/send", "/send"),
        ("/send/", "/send/"),
        ("/hooks/made-up-token?tenant=7&mode=a%20b", "/hooks/made-up-token?tenant=7&mode=a%20b"),
        ("?key=made-up", "/?key=made-up"),
        ("/a/b;c=1/@x:y?x=[é]", "/a/b;c=1/@x:y?x=%5B%C3%A9%5D"),
    ],
)
def test_the_whole_address_is_asked_for(host: Host, path: str, target: str) -> None:
    assert post(host, Message("ann@example.com", "SignIn"), path).target == target


def test_each_message_has_an_id_of_its_own(host: Host) -> None:
    with WireServer(respond(204)) as server, host["http-email"].configure({"endpoint": server.url}) as mail:
        results = [mail.send_message(Message("ann@example.com", "SignIn")) for _ in range(3)]

    ids = [request.headers["idempotency-key"] for request in server.requests]
    assert len(set(ids)) == 3
    assert [result.message_id for result in results] == ids


def test_a_request_that_was_not_taken_goes_out_again_with_the_same_key_and_body(host: Host) -> None:
    with WireServer(respond(503), respond(429), respond_json({"ok": True})) as server:
        result = host["http-email"].send_message(
            {"endpoint": server.url}, Message("ann@example.com", "SignIn", PAYLOAD)
        )

    assert len(server.requests) == 3
    assert {request.headers["idempotency-key"] for request in server.requests} == {result.message_id}
    assert len({request.body for request in server.requests}) == 1


def test_the_callers_message_stays_as_it_was(host: Host) -> None:
    message = Message("ann@example.com", "SignIn", PAYLOAD)
    post(host, message)

    assert message == Message("ann@example.com", "SignIn", PAYLOAD)


@pytest.mark.parametrize("to", ["nonsense", "Ann <ann@example.com>", "ann@example.com,bob@example.com"])
def test_what_is_not_one_address_makes_no_request(host: Host, to: str) -> None:
    with WireServer(respond(204)) as server, pytest.raises(InvalidMessage) as caught:
        host["http-email"].send_message({"endpoint": server.url}, Message(to, "SignIn"))
    assert caught.value.outcome == "not_sent"
    assert server.connections == 0


def test_an_endpoint_that_cannot_be_reached_is_unavailable(host: Host) -> None:
    with refuse_connections() as url, pytest.raises(ProviderUnavailable) as caught:
        host["http-email"].send_message({"endpoint": url}, Message("ann@example.com", "SignIn"))
    assert caught.value.outcome == "not_sent"


def test_a_config_of_logto_makes_logtos_request(host: Host) -> None:
    config = {"authorization": "Bearer your-own-token"}  # with `endpoint` all that Logto's form has
    request = post(host, Message("foo@example.com", "SignIn", {"code": "123456"}), "/mails", **config)

    assert json.loads(request.body) == {"to": "foo@example.com", "type": "SignIn", "payload": {"code": "123456"}}
    assert (request.target, request.headers["authorization"]) == ("/mails", "Bearer your-own-token")
