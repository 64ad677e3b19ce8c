"""Answers that say nothing of themselves, or too much, and how long SendGrid asks to wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import network_environment
import pytest

from connector_core import (
    AuthorizationFailed,
    DeliveryUnknown,
    Host,
    InvalidMessage,
    Limits,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
)
from connector_core.testing.wire_behaviours import respond, respond_json

from .sendgrid_failures import fail_to_send

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=4, retries=0)) as discovered:
        yield discovered


def reason(message: str, field: object = None) -> dict[str, Any]:
    return {"message": message, "field": field, "help": None}


# A body that says nothing, or too much


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><head><title>Request Entity Too Large</title></head></html>",  # sendgrid/sendgrid-nodejs issue 370
        b'{"errors": null}',
        b'{"errors": "No."}',
        b'{"errors": 7}',
        b'{"errors": {"message": "No."}}',
        b'{"errors": []}',
        b'{"errors": [7, null, "No.", [], {}]}',
        b'{"errors": [{"message": 7, "field": ["from"], "error_id": {}}]}',
        b'{"errors": [{"message": null, "field": null}]}',
        b'["errors"]',
        b'{"errors": [{"message": "No."',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidMessage),
        (401, AuthorizationFailed),
        (403, AuthorizationFailed),
        (404, SendError),
        (413, InvalidMessage),
        (429, RateLimitExceeded),
        (451, SendError),
        (500, DeliveryUnknown),
        (502, DeliveryUnknown),
        (503, ProviderUnavailable),
        (504, DeliveryUnknown),
    ],
)
def test_without_words_the_status_decides(host: Host, status: int, kind: type[SendError], body: bytes) -> None:
    error = fail_to_send(host, respond(status, body))
    assert type(error) is kind
    assert error.provider is not None
    assert (error.provider.code, error.provider.status) == (None, status)


@pytest.mark.parametrize("status", [500, 502])
def test_a_failing_server_leaves_the_outcome_unknown_whatever_it_says(host: Host, status: int) -> None:
    error = fail_to_send(host, respond_json({"errors": [reason("No.", "personalizations.0.to.0.email")]}, status))
    assert type(error) is DeliveryUnknown
    assert error.outcome == "unknown"


@pytest.mark.parametrize("field", ["from\nfield", "x" * 101, "two words", "", 7, None])
def test_a_field_that_is_none_is_no_code(host: Host, field: object) -> None:
    error = fail_to_send(host, respond_json({"errors": [reason("No.", field)]}, 400))
    assert error.provider is not None
    assert error.provider.code is None


@pytest.mark.parametrize(
    "message", ["account " * 100_000, "x" * 900_000, " " * 900_000, "\x1b[2J\r\nFrom: eve@example.com"]
)
def test_a_monstrous_sentence_is_cut_to_one_line(host: Host, message: str) -> None:
    error = fail_to_send(host, respond_json({"errors": [reason(message)]}, 400))
    assert type(error) is InvalidMessage
    assert len(str(error)) < 1000
    assert str(error).isprintable()


# How long to wait


def test_the_end_of_the_period_tells_how_long_to_wait(host: Host) -> None:
    """Source: SendGrid docs, "Rate Limits": X-RateLimit-Reset is a Unix time."""
    reset = int(time.time()) + 3600
    before = time.time()
    error = fail_to_send(host, respond(429, headers=["X-RateLimit-Remaining: 0", f"X-RateLimit-Reset: {reset}"]))
    assert error.retry_after is not None
    assert reset - time.time() <= error.retry_after <= reset - before


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ([], None),
        (["Retry-After: 7", "X-RateLimit-Reset: 4102444800"], 7.0),
        (["X-RateLimit-Reset: 1392815263"], 0.0),
        (["X-RateLimit-Reset: soon"], None),
        (["X-RateLimit-Reset: -1"], None),
        (["X-RateLimit-Reset: " + "9" * 12], None),
    ],
)
def test_a_wait_is_what_sendgrid_asks_for(host: Host, headers: list[str], wait: float | None) -> None:
    error = fail_to_send(host, respond(429, headers=headers))
    assert type(error) is RateLimitExceeded
    assert (error.outcome, error.retryable, error.retry_after) == ("not_sent", True, wait)


def test_the_period_of_another_refusal_says_nothing(host: Host) -> None:
    """Source: SendGrid docs, "Rate Limits": every answer has the header."""
    assert fail_to_send(host, respond(400, headers=["X-RateLimit-Reset: 4102444800"])).retry_after is None
