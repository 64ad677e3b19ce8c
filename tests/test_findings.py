"""Findings made of what a request raised: in words of a check, which sends nothing."""

from __future__ import annotations

import pytest
import requests

from connector_core import (
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidResponse,
    ProviderUnavailable,
    RateLimitExceeded,
    Response,
    SendError,
    explain_failure,
    make_refusal,
)
from connector_core.findings import restate_failure
from connector_core.http_failure import MALFORMED_REQUEST, diagnose_failure

ANSWERS = {
    401: ("authorization_failed", AuthorizationFailed),
    429: ("rate_limit_exceeded", RateLimitExceeded),
    503: ("provider_unavailable", ProviderUnavailable),
    500: ("no_answer", ProviderUnavailable),
    302: ("not_understood", InvalidResponse),
    404: ("general", SendError),
}


@pytest.mark.parametrize("status", ANSWERS)
def test_a_refusal_is_an_error_with_a_fix(status: int) -> None:
    finding = explain_failure(make_refusal(Response(status, {}, b""), "Acme"), "Acme", "$.apiUrl")

    assert (finding.level, finding.code, finding.path) == ("error", ANSWERS[status][0], "$.apiUrl")
    assert "Acme" in finding.message
    assert "sent" not in finding.message
    assert "send" not in f"{finding.message} {finding.fix}".partition("refuses")[0]
    assert finding.fix


@pytest.mark.parametrize("status", ANSWERS)
def test_a_restated_refusal_was_surely_not_sent(status: int) -> None:
    error = restate_failure(make_refusal(Response(status, {}, b""), "Acme"), "Acme")

    assert type(error) is ANSWERS[status][1]
    assert error.outcome == "not_sent"
    assert error.provider is not None
    assert error.provider.status == status


@pytest.mark.parametrize("sent", [True, False])
def test_a_broken_line_is_told_with_its_reason_and_without_a_message(*, sent: bool) -> None:
    error = diagnose_failure(ConnectionResetError(104, "reset"), sent=sent)

    finding = explain_failure(error, "Acme")

    assert finding.code == ("no_answer" if sent else "not_reached")
    assert error.reason is not None
    assert error.reason in finding.message
    assert "message" not in f"{finding.message} {finding.fix}"
    assert "sent" not in finding.message


def test_a_request_that_could_not_be_written_leads_to_the_config_and_not_to_the_provider() -> None:
    finding = explain_failure(SendError(MALFORMED_REQUEST), "Acme")

    assert "provider" not in finding.fix
    assert "config" in finding.fix


def test_a_proxy_that_can_not_be_used_is_named_as_the_reason() -> None:
    finding = explain_failure(diagnose_failure(requests.exceptions.InvalidProxyURL(), sent=None), "Acme")

    assert finding.code == "not_reached"
    assert "HTTPS_PROXY" in finding.message
    assert "sent" not in finding.message
    assert "status page" not in finding.fix


@pytest.mark.parametrize("error", [DeliveryUnknown("Lost."), InvalidResponse("What?"), ProviderUnavailable("Gone.")])
def test_an_error_without_details_still_makes_a_sentence(error: SendError) -> None:
    finding = explain_failure(error, "Acme")

    assert finding.message.endswith(".")
    assert finding.fix.endswith(".")
