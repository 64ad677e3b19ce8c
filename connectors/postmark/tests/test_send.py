"""Sends through a host to a server that does everything wrong: what the caller gets, and how often it was sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import network_environment
import pytest

from connector_core import (
    AuthorizationFailed,
    DeliveryUnknown,
    Host,
    InvalidConfig,
    InvalidMessage,
    InvalidResponse,
    Limits,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
    TemplateNotFound,
)
from connector_core.testing import wire_behaviours, wire_server
from connector_core.testing.wire_behaviours import respond, respond_json, say_and_close, stay_silent
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

ACCEPTED = {"To": "ann@example.com", "MessageID": "id-1", "ErrorCode": 0, "Message": "OK"}
CONFIG: dict[str, Any] = {
    "serverToken": "11111111-2222-3333-4444-555555555555",
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "templateAlias": "x"} for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5)) as discovered:
        yield discovered


def fail_to_send(host: Host, url: str, message: Message = MESSAGE, **settings: Any) -> SendError:
    with (
        host["postmark-mail"].configure({**CONFIG, "apiUrl": url, **settings}) as postmark,
        pytest.raises(SendError) as caught,
    ):
        postmark.send_message(message)
    return caught.value


def refusal(code: int, status: int = 422) -> Behaviour:
    return respond_json({"ErrorCode": code, "Message": "No."}, status)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        pytest.param(refusal(10, 401), AuthorizationFailed, id="bad token"),
        pytest.param(refusal(400), SenderRejected, id="unknown sender"),
        pytest.param(refusal(406), RecipientRejected, id="inactive recipient"),
        pytest.param(refusal(1101), TemplateNotFound, id="unknown template"),
        pytest.param(refusal(406, 500), RecipientRejected, id="code counts before status"),
        pytest.param(respond(500), DeliveryUnknown, id="500"),
        pytest.param(respond(502, b"<html>Bad gateway</html>"), DeliveryUnknown, id="502"),
        pytest.param(respond(504), DeliveryUnknown, id="504"),
        pytest.param(wire_behaviours.hang_up, DeliveryUnknown, id="closes after the request"),
        pytest.param(say_and_close(OK + b'Content-Length: 90\r\n\r\n{"Mess'), DeliveryUnknown, id="closes mid-body"),
        pytest.param(stay_silent, DeliveryUnknown, id="answers after the limit"),
        pytest.param(say_and_close(OK + b"Content-Le"), InvalidResponse, id="closes mid-header"),
        pytest.param(respond(200, b"<html>Welcome to the hotel's network</html>"), InvalidResponse, id="HTML"),
        pytest.param(respond(200), InvalidResponse, id="empty"),
        pytest.param(respond(204), InvalidResponse, id="no content"),
        pytest.param(respond(200, b'{"MessageID": "id-1", "Err'), InvalidResponse, id="truncated JSON"),
        pytest.param(respond_json([ACCEPTED]), InvalidResponse, id="list"),
        pytest.param(respond_json({"ErrorCode": 0, "Message": "OK"}), InvalidResponse, id="no id"),
        pytest.param(wire_behaviours.flood(OK + b"\r\n", b"x" * 65_536, 1600), InvalidResponse, id="100 MB"),
        pytest.param(respond(301, headers=["Location: https://other.example/"]), InvalidResponse, id="redirect"),
        pytest.param(respond(307, headers=["Location: /email"]), InvalidResponse, id="redirect to the same host"),
    ],
)
def test_a_request_that_was_or_may_be_taken_is_sent_once_only(
    host: Host, behaviour: Behaviour, kind: type[SendError]
) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert type(error) is kind
    assert (error.outcome == "unknown") == (kind in {DeliveryUnknown, InvalidResponse})
    assert not error.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        pytest.param(respond(429, headers=["Retry-After: 1"]), RateLimitExceeded, id="429"),
        pytest.param(respond(503, headers=["Retry-After: 1"]), ProviderUnavailable, id="503"),
    ],
)
def test_a_provider_that_stays_busy_is_asked_again_then_reported_with_its_wait(
    behaviour: Behaviour, kind: type[SendError]
) -> None:
    with WireServer(behaviour) as server, Host.discover() as host:
        error = fail_to_send(host, server.url)
    assert type(error) is kind
    assert (error.outcome, error.retryable, error.retry_after) == ("not_sent", True, 1.0)
    assert len(server.requests) == 3
    assert len({request.body for request in server.requests}) == 1


def test_a_provider_that_was_busy_for_a_moment_takes_the_message(host: Host) -> None:
    with WireServer(respond(503), respond_json(ACCEPTED)) as server:
        result = host["postmark-mail"].send_message({**CONFIG, "apiUrl": server.url}, MESSAGE)
    assert result.message_id == "id-1"
    assert len(server.requests) == 2


def test_a_wait_longer_than_the_limit_is_passed_on_at_once(host: Host) -> None:
    with WireServer(respond(429, headers=["Retry-After: 3600"])) as server:
        assert fail_to_send(host, server.url).retry_after == 3600.0
    assert len(server.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_provider_that_cannot_be_reached_is_unavailable(host: Host, scheme: str) -> None:
    with wire_server.refuse_connections() as url:
        error = fail_to_send(host, url.replace("http", scheme))
    assert type(error) is ProviderUnavailable
    assert (error.outcome, error.retryable) == ("not_sent", True)


def test_a_provider_without_tls_is_unavailable(host: Host) -> None:
    plain = say_and_close(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with WireServer(respond_json(ACCEPTED), greeting=plain) as server:
        error = fail_to_send(host, server.url.replace("http:", "https:"))
    assert type(error) is ProviderUnavailable
    assert error.outcome == "not_sent"
    assert server.requests == []


def test_the_token_never_goes_to_the_host_of_a_redirect(host: Host) -> None:
    with WireServer(respond_json(ACCEPTED)) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        with WireServer(respond(308, headers=[f"Location: {there}/email/withTemplate"])) as server:
            assert type(fail_to_send(host, server.url)) is InvalidResponse
    assert other.connections == 0


@pytest.mark.parametrize(
    "to",
    [
        "nonsense",
        "@example.com",
        "ann@",
        "ann@@example.com",
        "ann@example.com,bob@example.com",
        "ann@example.com bob@example.com",
        "Ann <ann@example.com>",
        "ann@exa mple.com",
        f"{'a' * 300}@example.com",
    ],
)
def test_what_is_not_one_address_is_an_invalid_message_and_no_request(host: Host, to: str) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        error = fail_to_send(host, server.url, Message(to, "SignIn"))
    assert type(error) is InvalidMessage
    assert error.outcome == "not_sent"
    assert server.connections == 0


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"number": 10**5000}, id="a number too long for JSON"),
        pytest.param({"number": float("nan")}, id="NaN"),
        pytest.param({"deep": [float("-inf")]}, id="infinity"),
        pytest.param({"time": datetime(2026, 11, 22, tzinfo=UTC)}, id="a time"),
        pytest.param({"bytes": b"x"}, id="bytes"),
        pytest.param({1: "key"}, id="a key that is a number"),
        pytest.param([], id="a list"),
        pytest.param("text", id="a text"),
        pytest.param(None, id="nothing"),
    ],
)
def test_a_payload_that_is_no_json_object_is_an_invalid_message_and_no_request(host: Host, payload: Any) -> None:
    with WireServer(respond_json(ACCEPTED)) as server, pytest.raises(InvalidMessage) as caught:
        host["postmark-mail"].send_message(
            {**CONFIG, "apiUrl": server.url}, Message("ann@example.com", "SignIn", payload)
        )
    assert caught.value.outcome == "not_sent"
    assert server.connections == 0


@pytest.mark.parametrize(
    ("to", "usage_type"),
    [
        ("ann@example.com\r\nBcc: eve@example.com", "SignIn"),
        ("ann@example.com\n", "SignIn"),
        ("ann\0@example.com", "SignIn"),
        ("", "SignIn"),
        ("ann@example.com", ""),
        ("ann@example.com", "Sign\nIn"),
    ],
)
def test_a_message_that_is_none_is_invalid_and_no_request(host: Host, to: str, usage_type: str) -> None:
    with WireServer(respond_json(ACCEPTED)) as server, pytest.raises(InvalidMessage):
        host["postmark-mail"].send_message({**CONFIG, "apiUrl": server.url}, Message(to, usage_type))
    assert server.connections == 0


@pytest.mark.parametrize("settings", [{"serverToken": ""}, {"fromEmail": 7}, {"templates": []}, {"unknown": 1}])
def test_a_wrong_config_makes_no_request(host: Host, settings: dict[str, Any]) -> None:
    with WireServer(respond_json(ACCEPTED)) as server, pytest.raises(InvalidConfig):
        host["postmark-mail"].send_message({**CONFIG, "apiUrl": server.url, **settings}, MESSAGE)
    assert server.connections == 0


def test_a_result_says_what_became_of_the_recipient(host: Host) -> None:
    answer = {**ACCEPTED, "SubmittedAt": "2026-11-22T12:54:00.4747614Z"}
    with WireServer(respond_json(answer)) as server:
        result = host["postmark-mail"].send_message({**CONFIG, "apiUrl": server.url}, MESSAGE)
    assert json.loads(json.dumps(result.to_json())) == {
        "messageId": "id-1",
        "status": "sent",
        "recipients": {"ann@example.com": "sent"},
        "submittedAt": "2026-11-22T12:54:00.474761+00:00",
    }


def test_a_result_names_the_recipient_even_where_postmark_does_not(host: Host) -> None:
    answer = {"MessageID": "id-1", "Message": "Message accepted, but delivery may be delayed."}
    with WireServer(respond_json(answer)) as server:
        result = host["postmark-mail"].send_message({**CONFIG, "apiUrl": server.url}, MESSAGE)
    assert (result.status, result.recipients) == ("queued", {"ann@example.com": "queued"})


def test_an_inactive_recipient_is_never_called_sent(host: Host) -> None:
    said = "Message OK, but will not deliver to these inactive addresses: ann@example.com. Inactive recipients are ..."
    answer = {"MessageID": "id-1", "ErrorCode": 0, "Message": said}
    with WireServer(respond_json(answer)) as server:
        error = fail_to_send(host, server.url)
    assert type(error) is RecipientRejected
    assert error.recipients == ("ann@example.com",)
