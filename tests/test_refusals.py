"""Refusals: what a provider's answer that is no success becomes, and answers as JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidMessage,
    InvalidResponse,
    ProviderReply,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    Response,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UsageLimitExceeded,
    make_refusal,
)


def answer(status: int = 400, body: bytes = b"", **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


BY_STATUS: list[tuple[int, type[SendError], str, bool]] = [
    (100, InvalidResponse, "unknown", False),
    (200, InvalidResponse, "unknown", False),
    (202, InvalidResponse, "unknown", False),
    (204, InvalidResponse, "unknown", False),
    (302, InvalidResponse, "unknown", False),
    (399, InvalidResponse, "unknown", False),
    (400, InvalidMessage, "not_sent", False),
    (401, AuthorizationFailed, "not_sent", False),
    (402, SendError, "not_sent", False),
    (403, AuthorizationFailed, "not_sent", False),
    (404, SendError, "not_sent", False),
    (408, DeliveryUnknown, "unknown", False),
    (409, SendError, "not_sent", False),
    (413, InvalidMessage, "not_sent", False),
    (415, InvalidMessage, "not_sent", False),
    (418, SendError, "not_sent", False),
    (422, InvalidMessage, "not_sent", False),
    (429, RateLimitExceeded, "not_sent", True),
    (499, SendError, "not_sent", False),
    (500, DeliveryUnknown, "unknown", False),
    (502, DeliveryUnknown, "unknown", False),
    (503, ProviderUnavailable, "not_sent", True),
    (504, DeliveryUnknown, "unknown", False),
    (599, DeliveryUnknown, "unknown", False),
]


@pytest.mark.parametrize(("status", "kind", "outcome", "retryable"), BY_STATUS)
def test_the_status_decides_what_a_refusal_is(
    status: int, kind: type[SendError], outcome: str, *, retryable: bool
) -> None:
    error = make_refusal(answer(status), "Example")
    assert type(error) is kind
    assert (error.outcome, error.retryable, error.retry_after) == (outcome, retryable, None)
    assert error.provider == ProviderReply(status=status)
    assert f"Example answered HTTP {status}" in str(error)


KINDS: list[type[SendError]] = [
    SendError,
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidMessage,
    InvalidResponse,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    TemplateNotFound,
    UsageLimitExceeded,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 400, 503])
def test_a_kind_that_is_given_decides_instead_of_the_status(kind: type[SendError], status: int) -> None:
    error = make_refusal(answer(status), "Example", said="No.", kind=kind)
    assert type(error) is kind
    assert (error.outcome, error.retryable) == (kind.outcome, kind.retryable)
    assert error.provider == ProviderReply(message="No.", status=status)


@pytest.mark.parametrize("kind", KINDS)
def test_the_sentence_names_the_provider_and_what_to_do_and_quotes_it(kind: type[SendError]) -> None:
    sentence = str(make_refusal(answer(), "Example", said="The field is missing.", kind=kind))
    assert re.fullmatch(r"Example [a-z][^:]+: [a-z][^:]+[a-z]\. \(Example said: The field is missing\.\)", sentence)


def test_advice_takes_the_place_of_the_usual_sentence() -> None:
    error = make_refusal(answer(401), "Example", said="No.", advice="Make the key one that may send")
    assert str(error) == "Make the key one that may send. (Example said: No.)"
    assert type(error) is AuthorizationFailed


def test_a_kind_of_a_connectors_own_has_a_sentence() -> None:
    class QuotaExceeded(UsageLimitExceeded):
        code = "quota_exceeded"

    error = make_refusal(answer(), "Example", kind=QuotaExceeded)
    assert error.to_json()["code"] == "quota_exceeded"
    assert re.match("Example [a-z]", str(error))


@pytest.mark.parametrize("code", [5, 0, "E-5"])
def test_the_providers_code_and_the_recipients_are_kept(code: int | str) -> None:
    error = make_refusal(answer(422), "Example", said="Bad.", code=code, recipients=["a@b.example", "c@d.example"])
    assert error.provider == ProviderReply(code=code, message="Bad.", status=422)
    assert error.recipients == ("a@b.example", "c@d.example")
    assert error.to_json() == {
        "code": "invalid_message",
        "message": str(error),
        "outcome": "not_sent",
        "retryable": False,
        "provider": {"code": code, "message": "Bad.", "status": 422},
        "recipients": ["a@b.example", "c@d.example"],
    }


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_the_wait_that_a_provider_asks_for_is_kept(status: int) -> None:
    assert make_refusal(answer(status, retry_after="17"), "Example").retry_after == 17
    later = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    wait = make_refusal(answer(status, retry_after=later), "Example").retry_after
    assert wait is not None
    assert 3600 < wait <= 7200


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5.2", "9" * 5000, "Fri, 31 Feb 9999 99:99:99 GMT", "\u0661"])
def test_a_wait_that_says_nothing_is_none_or_a_number(value: str) -> None:
    wait = make_refusal(answer(429, retry_after=value), "Example").retry_after
    assert wait is None or wait >= 0


@pytest.mark.parametrize(
    ("said", "quote"),
    [
        ("  No.\n", "No."),
        ("one\r\ntwo\x1b[31m\x00three\x85four\u2028five", "one two [31m three four five"),
        ("half \ud83d pair", "half   pair"),
        ("«é» 日本", "«é» 日本"),
        ("word " * 100, ("word " * 100).strip()),
        ("x" * 500, "x" * 500),
        ("four " * 101, ("four " * 100).strip()),
        ("a" * 490 + " " + "b" * 30, "a" * 490),
    ],
)
def test_the_quote_is_one_line_of_whole_words(said: str, quote: str) -> None:
    error = make_refusal(answer(), "Example", said=said)
    assert error.provider is not None
    assert error.provider.message == quote
    assert str(error).endswith(f"(Example said: {quote})")


@given(st.text() | st.text(st.sampled_from("ab \n\0\x1b\x9b\u2028\ud800")))
def test_whatever_a_provider_says_is_quoted_without_control_characters(said: str) -> None:
    error = make_refusal(answer(), "Example", said=said)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", str(error))
    assert str(error).encode()
    assert len(str(error)) < 1000


@pytest.mark.parametrize("said", [None, "", " \n\t "])
def test_a_provider_that_says_nothing_is_quoted_with_the_status(said: str | None) -> None:
    error = make_refusal(answer(422), "Example", said=said)
    assert error.provider == ProviderReply(status=422)
    assert str(error).endswith("(Example answered HTTP 422)")


def test_a_long_text_in_a_language_without_spaces_is_quoted_in_part() -> None:
    said = "送信できません。" * 100
    error = make_refusal(answer(), "Example", said=said)
    assert error.provider is not None
    assert error.provider.message
    assert said.startswith(error.provider.message.rstrip("…"))


@pytest.mark.parametrize("odd", [["one", "two"], {"a": 1}, 5, True])
def test_words_that_are_no_text_hide_no_refusal(odd: Any) -> None:
    assert type(make_refusal(answer(401), "Example", said=odd)) is AuthorizationFailed


@pytest.mark.parametrize("odd", [["one"], {"a": 1}, "x" * 10_000, "a\x1b[31m\n", "\ud83d"])
def test_a_code_is_a_number_or_a_short_line(odd: Any) -> None:
    provider = make_refusal(answer(), "Example", code=odd).provider
    assert provider is not None
    assert provider.code is None or (isinstance(provider.code, str) and len(provider.code) <= 500)
    assert not re.search(r"[\x00-\x1f\ud800-\udfff]", str(provider.code))


def test_nothing_but_what_is_handed_over_gets_into_the_error() -> None:
    secret = "key-5d41402abc4b2a76"  # what a provider may echo
    refused = answer(401, f'{{"key": "{secret}"}}'.encode(), x_api_key=secret, authorization=f"Bearer {secret}")
    error = make_refusal(refused, "Example", said="Unknown key.", code=5)
    assert secret not in f"{error}{error!r}{error.__dict__}{error.to_json()}"
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": [1, null]}', {"a": [1, None]}),
        (b' "text"\n', "text"),
        (b"0", 0),
        (b"false", False),
        ('{"é": "日本"}'.encode(), {"é": "日本"}),
        ('{"a": 1}'.encode("utf-8-sig"), {"a": 1}),
        ('{"a": 1}'.encode("utf-16"), {"a": 1}),
        (b'"\\ud83d"', "\ud83d"),
    ],
)
def test_an_answer_in_json_is_read(body: bytes, value: Any) -> None:
    assert answer(200, body).json() == value


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"<html>", b"{", b"{'a': 1}", b'{"a": 1} x', b'"\xff"', b"\xff\xfe\x00", b"\x00", b"\x1f\x8b"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"1" * 10_000,
    ],
    ids=lambda body: repr(body[:8]),
)
def test_an_answer_that_is_no_json_is_none(body: bytes) -> None:
    assert answer(200, body).json() is None


@pytest.mark.parametrize("body", [b"NaN", b'{"a": Infinity}', b"-Infinity"])
def test_numbers_that_json_has_not_are_no_json(body: bytes) -> None:
    assert answer(200, body).json() is None


@given(st.binary() | st.text().map(str.encode))
def test_no_body_is_too_odd_to_be_read(body: bytes) -> None:
    found = answer(200, body).json()
    assert found is None or json.loads(body) == found
