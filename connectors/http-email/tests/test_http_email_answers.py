"""What an endpoint answers, and what the caller gets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector_core import (
    AuthorizationFailed,
    DeliveryUnknown,
    Host,
    InvalidMessage,
    InvalidResponse,
    Limits,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
    SendResult,
)
from connector_core.testing import wire_behaviours
from connector_core.testing.wire_behaviours import respond, respond_json, say_and_close
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Welcome</body></html>"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5)) as discovered:
        yield discovered


def send(host: Host, behaviour: Behaviour) -> tuple[SendResult, str]:
    """Return the result of a send, and the id that the request had."""
    with WireServer(behaviour) as server:
        result = host["http-email"].send_message({"endpoint": server.url}, MESSAGE)
    return result, server.requests[0].headers["x-message-id"]


def fail_to_send(host: Host, behaviour: Behaviour) -> SendError:
    with WireServer(behaviour) as server, pytest.raises(SendError) as caught:
        host["http-email"].send_message({"endpoint": server.url}, MESSAGE)
    return caught.value


# Successes

TAKEN = [
    pytest.param(b"", id="empty"),
    pytest.param(b" \r\n", id="white space"),
    pytest.param(b"\xef\xbb\xbf", id="byte order mark"),
    pytest.param(b"OK", id="plain text"),
    pytest.param("Envoyé à 5 < 6 & 7 > 3".encode(), id="accented text"),
    pytest.param("Envoyé".encode("latin-1"), id="text in Latin-1"),
    pytest.param(b"<20261122.1@example.com>", id="a mail's id that starts with a digit"),
    pytest.param(b"<abc-1@mail.example.com> queued", id="a mail's id"),
    pytest.param(b"<3 sent", id="a heart"),
    pytest.param(b"{}", id="object"),
    pytest.param(b"[]", id="list"),
    pytest.param(b"null", id="null"),
    pytest.param(b"true", id="true"),
    pytest.param(b"0", id="number"),
    pytest.param(b'"<html>"', id="JSON text with HTML"),
    pytest.param(b'{"html": "<html><body>"}', id="HTML in JSON"),
    pytest.param(b'\xef\xbb\xbf{"ok": true}', id="JSON with a byte order mark"),
    pytest.param('{"ok": true}'.encode("utf-16"), id="JSON in UTF-16"),
]
NOT_UNDERSTOOD = [
    pytest.param(HTML, id="HTML page"),
    pytest.param(b"\xef\xbb\xbf \n" + HTML.lower(), id="HTML after a byte order mark"),
    pytest.param(b"<html>", id="HTML tag"),
    pytest.param(b"<p>Please sign in</p>", id="HTML fragment"),
    pytest.param(b"<!-- proxy --> OK", id="comment"),
    pytest.param(b"Notice: undefined index in mail.php\n<HTML >", id="HTML after words"),
    pytest.param(b'<?xml version="1.0"?><ok/>', id="XML"),
    pytest.param(b'{"messageId": "abc', id="cut object"),
    pytest.param(b'[{"id": 1}', id="cut list"),
    pytest.param(b'"id', id="cut text"),
    pytest.param(b'{"messageId": "abc"} {"messageId": "abc"}', id="two objects"),
    pytest.param(b"[" * 200_000, id="nested too deeply"),
    pytest.param(b"\x1f\x8b\x08\x00\x00\x00", id="binary"),
    pytest.param("OK".encode("utf-16-le"), id="text in UTF-16"),
]
TYPES = ["application/json", "text/plain", "text/html; charset=utf-8", "nonsense"]


@pytest.mark.parametrize(("status", "said"), [(200, "sent"), (201, "sent"), (202, "queued"), (204, "sent")])
def test_a_success_without_a_body_confirms_the_message(host: Host, status: int, said: str) -> None:
    result, message_id = send(host, respond(status))

    assert result.to_json() == {
        "messageId": message_id,
        "status": said,
        "recipients": {"ann@example.com": said},
        "submittedAt": None,
    }


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("body", TAKEN)
def test_json_plain_text_and_nothing_confirm_the_message_whatever_the_content_type_says(
    host: Host, body: bytes, content_type: str
) -> None:
    result, message_id = send(host, respond(200, body, [f"Content-Type: {content_type}"]))

    assert (result.message_id, result.status) == (message_id, "sent")


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("body", NOT_UNDERSTOOD)
def test_a_page_or_a_cut_answer_confirms_nothing_whatever_the_content_type_says(
    host: Host, body: bytes, content_type: str
) -> None:
    error = fail_to_send(host, respond(200, body, [f"Content-Type: {content_type}"]))

    assert type(error) is InvalidResponse
    assert (error.outcome, error.retryable) == ("unknown", False)
    assert error.to_json()["provider"] == {"status": 200}
    assert "check endpoint" in str(error)


@pytest.mark.parametrize("status", [201, 202])
def test_a_page_confirms_nothing_with_any_success(host: Host, status: int) -> None:
    assert type(fail_to_send(host, respond(status, HTML))) is InvalidResponse


@pytest.mark.parametrize("status", [203, 205, 206, 207, 226, 299, 300, 304])
def test_a_status_that_confirms_nothing_leaves_the_outcome_unknown(host: Host, status: int) -> None:
    error = fail_to_send(host, respond(status))

    assert (type(error), error.outcome) == (InvalidResponse, "unknown")


@pytest.mark.parametrize(
    ("answer", "message_id"),
    [
        ({"messageId": "m-1"}, "m-1"),
        ({"id": "m-2"}, "m-2"),
        ({"messageId": "m-1", "id": "m-2"}, "m-1"),
        ({"messageId": "", "id": "m-2"}, "m-2"),
        ({"messageId": 7, "id": "m-2"}, "m-2"),
        ({"messageId": " \u2028m-1\r\nX: y "}, "m-1 X: y"),
        ({"id": "<1@example.com>", "error": None}, "<1@example.com>"),
    ],
)
def test_an_id_in_the_answer_is_the_messages_id(host: Host, answer: Any, message_id: str) -> None:
    assert send(host, respond_json(answer))[0].message_id == message_id
    assert send(host, respond_json(answer, 202))[0].message_id == message_id


@pytest.mark.parametrize(
    "answer",
    [
        {"messageId": " \n"},
        {"id": 7},
        {"id": None},
        {"id": ["m-1"]},
        {"id": "x" * 1001},
        {"data": {"id": "m-1"}},
        ["m-1"],
        "m-1",
    ],
)
def test_an_answer_without_an_id_leaves_the_one_of_the_request(host: Host, answer: Any) -> None:
    result, message_id = send(host, respond_json(answer))

    assert result.message_id == message_id


# Refusals


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        pytest.param(respond(400), InvalidMessage, id="400"),
        pytest.param(respond(401), AuthorizationFailed, id="401"),
        pytest.param(respond(402), SendError, id="402"),
        pytest.param(respond(403, HTML), AuthorizationFailed, id="403 with a page"),
        pytest.param(respond(404), SendError, id="404"),
        pytest.param(respond(405), SendError, id="405"),
        pytest.param(respond(408), DeliveryUnknown, id="408"),
        pytest.param(respond(409), DeliveryUnknown, id="409"),
        pytest.param(respond(413), InvalidMessage, id="413"),
        pytest.param(respond(415), InvalidMessage, id="415"),
        pytest.param(respond(422), InvalidMessage, id="422"),
        pytest.param(respond(425), DeliveryUnknown, id="425"),
        pytest.param(respond(499), DeliveryUnknown, id="499"),
        pytest.param(respond(500), DeliveryUnknown, id="500"),
        pytest.param(respond(502, HTML), DeliveryUnknown, id="502"),
        pytest.param(respond(504), DeliveryUnknown, id="504"),
        pytest.param(respond(302, headers=["Location: /login"]), InvalidResponse, id="302"),
        pytest.param(respond(307, headers=["Location: https://other.example/"]), InvalidResponse, id="307"),
        pytest.param(wire_behaviours.hang_up, DeliveryUnknown, id="closes"),
        pytest.param(wire_behaviours.stay_silent, DeliveryUnknown, id="says nothing"),
        pytest.param(
            say_and_close(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"id'), DeliveryUnknown, id="closes mid-body"
        ),
        pytest.param(respond(200, b"x" * 1_500_000), InvalidResponse, id="too large"),
    ],
)
def test_what_was_refused_or_may_be_taken_is_sent_once_only(
    host: Host, behaviour: Behaviour, kind: type[SendError]
) -> None:
    with WireServer(behaviour) as server, pytest.raises(SendError) as caught:
        host["http-email"].send_message({"endpoint": server.url}, MESSAGE)

    error = caught.value
    assert type(error) is kind
    assert error.outcome == ("unknown" if kind in {DeliveryUnknown, InvalidResponse} else "not_sent")
    assert not error.retryable
    assert len(server.requests) == 1


def test_a_repeat_that_finds_the_first_request_at_work_is_not_reported_as_not_sent(host: Host) -> None:
    with WireServer(respond(503, HTML), respond_json({"title": "Still being processed."}, 409)) as server:
        with pytest.raises(DeliveryUnknown) as caught:
            host["http-email"].send_message({"endpoint": server.url}, MESSAGE)
        keys = [request.headers["idempotency-key"] for request in server.requests]

    assert (caught.value.outcome, caught.value.retryable) == ("unknown", False)
    assert "has this message already and may have sent it: look at its log" in str(caught.value)
    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimitExceeded), (503, ProviderUnavailable)])
def test_an_endpoint_that_stays_busy_is_reported_with_its_wait(host: Host, status: int, kind: type[SendError]) -> None:
    error = fail_to_send(host, respond_json({"message": "Slow down."}, status, ["Retry-After: 3600"]))

    assert type(error) is kind
    assert (error.outcome, error.retryable, error.retry_after) == ("not_sent", True, 3600.0)
    assert error.provider is not None
    assert error.provider.message == "Slow down."


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check authorization"),
        (403, "check authorization"),
        (404, "check endpoint"),
        (405, "check endpoint"),
        (410, "check endpoint"),
        (413, "make its payload or its attachments smaller"),
    ],
)
def test_an_error_names_the_setting_to_check(host: Host, status: int, advice: str) -> None:
    assert advice in str(fail_to_send(host, respond(status)))


@pytest.mark.parametrize(
    "status", [203, 304, 400, 402, 406, 407, 408, 409, 415, 418, 422, 425, 429, 451, 499, 500, 501, 503, 530, 600]
)
def test_each_error_says_what_to_do_with_an_endpoint_of_ones_own(host: Host, status: int) -> None:
    sentence, _, said = str(fail_to_send(host, respond(status))).partition(". (")

    assert said == f"The endpoint answered HTTP {status})"
    assert any(advice in sentence for advice in ("look at its log", "check endpoint", "send again later"))
    assert "support" not in sentence
    assert "The endpoint" not in sentence[1:]


def test_the_secret_never_goes_to_the_host_of_a_redirect(host: Host) -> None:
    with WireServer(respond(204)) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        error = fail_to_send(host, respond(308, headers=[f"Location: {there}/send"]))
    assert type(error) is InvalidResponse
    assert other.connections == 0
