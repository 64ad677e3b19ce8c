"""What of an endpoint's refusal reaches the caller: its code and its sentences, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Host, InvalidMessage, Message, SendError
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Welcome</body></html>"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def fail_to_send(host: Host, behaviour: Behaviour) -> SendError:
    with WireServer(behaviour) as server, pytest.raises(SendError) as caught:
        host["http-email"].send_message(
            {"endpoint": server.url}, Message("ann@example.com", "SignIn", {"code": "123456"})
        )
    return caught.value


TWO = "to must be an email; code is empty"
SAID = [
    # What Express, NestJS, FastAPI, Spring Boot, Rails and RFC 9457 answer by themselves, and what people write.
    ({"code": "blocked", "message": "No."}, "blocked", "No."),
    ({"code": 17, "message": "No."}, 17, "No."),
    ({"error": "No."}, None, "No."),
    ({"error": {"code": "blocked", "message": "No."}}, "blocked", "No."),
    ({"statusCode": 422, "message": "No.", "error": "Unprocessable Entity"}, None, "No."),
    ({"timestamp": "2026-11-22", "status": 422, "error": "No."}, None, "No."),
    ({"detail": "No."}, None, "No."),
    ({"type": "about:blank", "title": "No."}, None, "No."),
    ({"message": "", "error": "No."}, None, "No."),
    ({"code": True, "message": ["No."]}, None, "No."),
    ({"code": 1.5, "error": []}, None, None),
    ({"error": {"code": None}}, None, None),
    ("No.", None, "No."),
    (["No."], None, "No."),
    ({"message": ["to must be an email", "code is empty"], "error": "Bad Request"}, None, TWO),
    ({"detail": [{"loc": ["body", "ip", 0], "msg": "No.", "type": "missing"}]}, None, "body.ip.0: No."),
    ({"Message": "No."}, None, "No."),
    ({"title": "Invalid", "errors": {"to": ["No.", "Never."]}}, None, "Invalid; to: No.; Never."),
    ({"errors": [{"field": "to", "message": "No."}, {"field": None, "message": "Never."}]}, None, "to: No.; Never."),
    ({"errors": ["No.", 7, None, {}]}, None, "No."),
    ({"error": {"code": 3, "errors": [{"message": "No."}]}, "code": 422}, 3, "No."),
    ({"code": "x" * 1001, "message": "No."}, None, "No."),
    ([[[[["No."]]]]], None, "No."),
]
NESTED = ["[" * 900 + '"No."' + "]" * 900, '{"errors":' * 400 + '"No."' + "}" * 400]


@pytest.mark.parametrize(("answer", "code", "said"), SAID)
def test_the_endpoints_code_and_sentence_are_kept(host: Host, answer: Any, code: object, said: str | None) -> None:
    error = fail_to_send(host, respond_json(answer, 422))

    assert type(error) is InvalidMessage
    assert error.provider is not None
    assert (error.provider.code, error.provider.message, error.provider.status) == (code, said, 422)
    assert (said or "HTTP 422") in str(error)
    assert json.dumps(error.to_json())


@pytest.mark.parametrize("body", NESTED)
def test_what_is_nested_too_deeply_is_not_quoted(host: Host, body: str) -> None:
    error = fail_to_send(host, respond(422, body.encode()))

    assert type(error) is InvalidMessage
    assert error.provider is not None
    assert error.provider.message is None


@pytest.mark.parametrize(
    "answer",
    [
        # FastAPI, express-validator and Laravel in turn repeat what they got.
        {"detail": [{"loc": ["body", "ip"], "msg": "No.", "input": {"payload": {"code": "123456"}}}]},
        {"errors": [{"msg": "No.", "value": "123456", "path": "code"}]},
        {"message": "No.", "exception": "TypeError", "trace": [{"args": ["123456"]}]},
        {"message": "No.", "request": {"message": "123456"}},
    ],
)
def test_what_an_endpoint_repeats_of_the_message_is_not_quoted(host: Host, answer: Any) -> None:
    error = fail_to_send(host, respond_json(answer, 422))

    assert "No." in str(error)
    assert "123456" not in f"{error} {error.to_json()}"


def test_plain_text_is_quoted_on_one_line_and_shortened(host: Host) -> None:
    error = fail_to_send(host, respond(400, b"No\r\n\tway. " + b"No. " * 30_000))

    assert error.provider is not None
    assert error.provider.message is not None
    assert error.provider.message.startswith("No way. No. No.")
    assert len(error.provider.message) <= 500


@pytest.mark.parametrize("body", [PAGE, b"<h1>No.</h1>", b"\x00\x01", b""])
def test_a_page_is_not_quoted(host: Host, body: bytes) -> None:
    error = fail_to_send(host, respond(403, body))

    assert error.provider is not None
    assert error.provider.message is None
