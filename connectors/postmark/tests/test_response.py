"""Postmark's refusals, as the parser understands them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from connector_postmark.response import parse_response
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
    SenderRejected,
    SendError,
    SendResult,
    TemplateNotFound,
    UsageLimitExceeded,
)

Fate = tuple[str, bool]
REFUSED: Fate = ("not_sent", False)
LATER: Fate = ("not_sent", True)
UNKNOWN: Fate = ("unknown", False)


def refuse(status: int, body: object, headers: dict[str, str] | None = None) -> SendError:
    """Return the error that an answer raises; `body` is bytes, or a JSON value."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(SendError) as caught:
        parse_response(status, headers or {}, content)
    return caught.value


@pytest.mark.parametrize(
    ("code", "status", "kind", "fate"),
    [
        (10, 401, AuthorizationFailed, REFUSED),
        (10, 422, AuthorizationFailed, REFUSED),
        (100, 422, ProviderUnavailable, LATER),
        (100, 503, ProviderUnavailable, LATER),
        (300, 422, InvalidMessage, REFUSED),
        (400, 422, SenderRejected, REFUSED),
        (401, 422, SenderRejected, REFUSED),
        (402, 422, InvalidMessage, REFUSED),
        (403, 422, InvalidMessage, REFUSED),
        (405, 422, UsageLimitExceeded, REFUSED),
        (406, 422, RecipientRejected, REFUSED),
        (409, 415, InvalidMessage, REFUSED),
        (410, 422, InvalidMessage, REFUSED),
        (411, 422, InvalidMessage, REFUSED),
        (412, 422, AccountRestricted, REFUSED),
        (413, 422, AccountRestricted, REFUSED),
        (429, 429, RateLimitExceeded, LATER),
        (1101, 422, TemplateNotFound, REFUSED),
        (1109, 422, InvalidMessage, REFUSED),
        (1120, 422, InvalidMessage, REFUSED),
        (1121, 422, InvalidMessage, REFUSED),
        (1122, 422, InvalidMessage, REFUSED),
        (1123, 422, InvalidMessage, REFUSED),
        (1235, 422, SendError, REFUSED),
        (1236, 422, SendError, REFUSED),
        (9999, 422, SendError, REFUSED),
        (9999, 400, SendError, REFUSED),
        (9999, 500, DeliveryUnknown, UNKNOWN),
        (9999, 503, ProviderUnavailable, LATER),
        (-1, 422, SendError, REFUSED),
    ],
)
def test_each_error_code_is_an_error_of_ours(code: int, status: int, kind: type[SendError], fate: Fate) -> None:
    error = refuse(status, {"ErrorCode": code, "Message": "What Postmark says."})
    assert type(error) is kind
    assert (error.outcome, error.retryable) == fate
    assert error.provider == ProviderReply(code=code, message="What Postmark says.", status=status)
    assert "What Postmark says." in str(error)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, 406, RecipientRejected),
        (500, 10, AuthorizationFailed),
        (500, 429, RateLimitExceeded),
        (500, 500, DeliveryUnknown),
        (502, 502, DeliveryUnknown),
        (422, 429, RateLimitExceeded),
        (422, 500, SendError),
        (422, 503, SendError),
        (401, 401, SenderRejected),
        (401, 412, AccountRestricted),
        (404, 404, SendError),
        (409, 409, InvalidMessage),
        (413, 413, AccountRestricted),
        (415, 422, SendError),
        (429, 405, UsageLimitExceeded),
        (503, 406, RecipientRejected),
        (200, 406, RecipientRejected),
        (200, 10, AuthorizationFailed),
        (302, 1101, TemplateNotFound),
    ],
)
def test_the_code_in_the_body_counts_before_the_status(status: int, code: int, kind: type[SendError]) -> None:
    error = refuse(status, {"ErrorCode": code, "Message": "No."})
    assert type(error) is kind
    assert error.provider == ProviderReply(code=code, message="No.", status=status)


BODIES_WITHOUT_A_CODE = [
    pytest.param(b"", id="empty"),
    pytest.param(b"<html><body>Bad gateway</body></html>", id="HTML"),
    pytest.param(b"\xff\xfe\x00binary", id="binary"),
    pytest.param(b'{"ErrorCode": 406, "Mess', id="truncated"),
    pytest.param(b"[]", id="list"),
    pytest.param(b'"text"', id="text"),
    pytest.param(b"null", id="null"),
    pytest.param(b'{"ErrorCode": "406"}', id="code as text"),
    pytest.param(b'{"ErrorCode": true}', id="code as boolean"),
    pytest.param(b'{"ErrorCode": 406.0}', id="code as fraction"),
    pytest.param(b'{"ErrorCode": null}', id="no code"),
    pytest.param(b"[" * 100_000, id="deep nesting"),
    pytest.param(b"9" * 10_000, id="huge number"),
]


@pytest.mark.parametrize("body", BODIES_WITHOUT_A_CODE)
@pytest.mark.parametrize(
    ("status", "kind", "fate"),
    [
        (400, SendError, REFUSED),
        (401, AuthorizationFailed, REFUSED),
        (403, SendError, REFUSED),
        (404, SendError, REFUSED),
        (408, DeliveryUnknown, UNKNOWN),
        (413, InvalidMessage, REFUSED),
        (415, InvalidMessage, REFUSED),
        (422, InvalidMessage, REFUSED),
        (429, RateLimitExceeded, LATER),
        (500, DeliveryUnknown, UNKNOWN),
        (502, DeliveryUnknown, UNKNOWN),
        (503, ProviderUnavailable, LATER),
        (504, DeliveryUnknown, UNKNOWN),
        (520, DeliveryUnknown, UNKNOWN),
        (599, DeliveryUnknown, UNKNOWN),
    ],
)
def test_without_a_code_the_status_tells(status: int, body: bytes, kind: type[SendError], fate: Fate) -> None:
    error = refuse(status, body)
    assert type(error) is kind
    assert (error.outcome, error.retryable) == fate
    assert error.provider == ProviderReply(status=status)


@pytest.mark.parametrize("body", BODIES_WITHOUT_A_CODE)
@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299, 300, 302, 304, 100, 0])
def test_what_is_no_answer_of_postmark_leaves_the_outcome_unknown(status: int, body: bytes) -> None:
    error = refuse(status, body)
    assert type(error) is InvalidResponse
    assert (error.outcome, error.retryable) == UNKNOWN
    assert error.provider == ProviderReply(status=status)


def test_a_code_without_words_keeps_its_code() -> None:
    assert refuse(422, {"ErrorCode": 406}).provider == ProviderReply(code=406, status=422)


def test_words_without_a_code_are_kept() -> None:
    error = refuse(500, {"Message": "Out of order."})
    assert error.provider == ProviderReply(message="Out of order.", status=500)
    assert "Out of order." in str(error)


@pytest.mark.parametrize("said", [None, 7, ["a"], {"a": 1}, True])
def test_words_that_are_no_text_are_left_out(said: object) -> None:
    error = refuse(422, {"ErrorCode": 402, "Message": said})
    assert error.provider == ProviderReply(code=402, status=422)


def test_the_words_are_put_on_one_line_of_bounded_length() -> None:
    error = refuse(422, {"ErrorCode": 402, "Message": "a\r\n b\t" + "ccc " * 30_000})
    assert error.provider is not None
    assert error.provider.message is not None
    assert error.provider.message.startswith("a b ccc")
    assert len(str(error)) < 1000


def test_a_word_is_quoted_whole_or_not_at_all() -> None:
    # A token that Postmark repeats would escape the redaction where it is cut in half.
    error = refuse(422, {"ErrorCode": 402, "Message": "a " + "b" * 490 + " token-that-is-repeated"})
    assert error.provider is not None
    assert error.provider.message == "a " + "b" * 490


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
@pytest.mark.parametrize(
    ("status", "body"),
    [(429, b""), (503, b"<html>"), (422, b'{"ErrorCode": 429, "Message": "Slow."}'), (500, b""), (401, b"")],
)
def test_the_wait_that_postmark_asks_for_is_passed_on(status: int, body: bytes, name: str) -> None:
    assert refuse(status, body, {name: "30"}).retry_after == 30.0


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": ""}])
def test_without_a_wait_there_is_none(headers: dict[str, str]) -> None:
    assert refuse(429, b"", headers).retry_after is None


@pytest.mark.parametrize("code", [1235, 1236])
def test_a_stream_that_cannot_send_is_named_by_its_setting(code: int) -> None:
    assert "messageStream" in str(refuse(422, {"ErrorCode": code, "Message": "The stream 'x' is archived."}))


def test_a_wrong_address_of_the_api_is_named_by_its_setting() -> None:
    assert "apiUrl" in str(refuse(404, b"<html>Not found</html>"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CODES = st.sampled_from([0, 10, 100, 300, 400, 401, 405, 406, 412, 429, 500, 1101, 1235]) | JSON
WORDS = (
    ["Invalid", "'To'", "'From'", "'Cc'", "address:", "a@b.c", "inactive addresses:", "Inactive recipients"],
    ["may be delayed", "OK", "'", '"', "<", ">", ", ", ".", "\n", " ", "(", ")", "\\", "@", ":", ";", "é", "\x00"],
)
SENTENCES = st.lists(st.sampled_from([*WORDS[0], *WORDS[1]]) | st.text(max_size=5)).map("".join)
ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "ErrorCode": CODES,
        "Message": SENTENCES | JSON,
        "MessageID": st.uuids().map(str) | JSON,
        "To": SENTENCES | JSON,
        "SubmittedAt": st.datetimes().map(lambda time: time.isoformat() + "7-05:00") | SENTENCES | JSON,
    },
)
BODIES = st.binary() | JSON.map(json.dumps).map(str.encode) | ANSWERS.map(json.dumps).map(str.encode)
STATUSES = st.sampled_from([200, 401, 404, 413, 415, 422, 429, 500, 503]) | st.integers(0, 999)
HEADERS = st.dictionaries(st.sampled_from(["Retry-After", "retry-after"]) | st.text(), st.text())


def read(status: int, headers: dict[str, str], body: bytes) -> SendResult | SendError:
    try:
        return parse_response(status, headers, body)
    except SendError as error:
        return error


@given(STATUSES, HEADERS, BODIES)
def test_any_answer_gives_a_result_or_an_error_of_ours(status: int, headers: dict[str, str], body: bytes) -> None:
    outcome = read(status, headers, body)
    json.dumps(outcome.to_json())
    if isinstance(outcome, SendResult):
        assert 200 <= status < 300
        assert outcome.message_id
        assert set(outcome.recipients.values()) <= {"sent", "queued", "rejected"}
    else:
        assert outcome.provider is not None
        assert outcome.provider.status == status
        assert "\n" not in str(outcome)


@given(STATUSES, st.integers().filter(bool), st.text())
def test_any_code_and_words_are_kept(status: int, code: int, said: str) -> None:
    error = refuse(status, {"ErrorCode": code, "Message": said})
    reply = error.provider
    assert reply is not None
    assert (reply.code, reply.status) == (code, status)
    assert (reply.message or "").split() == re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", said).split()


@given(st.text(alphabet="()<>@,;:\\\"[]. \r\nab'=?é", max_size=60), st.sampled_from([200, 202]))
def test_any_list_of_recipients_can_be_read(to: str, status: int) -> None:
    answer: dict[str, Any] = {"MessageID": "id", "ErrorCode": 0, "Message": "OK", "To": to}
    assert parse_response(status, {}, json.dumps(answer).encode()).message_id == "id"
