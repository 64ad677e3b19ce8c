"""Postmark's good news, in all its variants."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from connector_postmark.response import parse_response

from connector_core import InvalidResponse, ProviderReply, RecipientRejected, SendError, SendResult
from connector_core.testing.wire_server import HANG_GUARD

ID = "0a129aee-e1cd-480d-b08d-4f48548ff48d"
SUCCESS = {
    "To": "ann@example.com",
    "SubmittedAt": "2026-11-22T12:54:00.4747614Z",
    "MessageID": ID,
    "ErrorCode": 0,
    "Message": "OK",
}
DELAYED = "Message accepted, but delivery may be delayed."
INACTIVE = (
    "Message OK, but will not deliver to these inactive addresses: {}. Inactive recipients are ones that have "
    "generated a hard bounce, a spam complaint, or a manual suppression."
)


def accept(status: int = 200, /, **changes: Any) -> SendResult:
    """Parse a success with some keys changed; None takes one away."""
    answer = {key: value for key, value in {**SUCCESS, **changes}.items() if value is not None}
    return parse_response(status, {}, json.dumps(answer).encode())


def test_a_success_has_id_recipient_and_time() -> None:
    assert accept() == SendResult(
        message_id=ID,
        status="sent",
        recipients={"ann@example.com": "sent"},
        submitted_at=datetime(2026, 11, 22, 12, 54, 0, 474761, tzinfo=UTC),
    )


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_successful_status_is_a_success(status: int) -> None:
    assert accept(status).message_id == ID


def test_a_job_of_the_test_token_is_a_success() -> None:
    assert accept(Message="Test job accepted").status == "sent"


def test_a_message_that_may_be_late_is_queued() -> None:
    result = accept(ErrorCode=None, Message=DELAYED)
    assert (result.status, result.recipients) == ("queued", {"ann@example.com": "queued"})


def test_a_success_without_a_code_is_a_success() -> None:
    assert accept(ErrorCode=None).status == "sent"


def test_without_a_recipient_none_is_made_up() -> None:
    assert accept(To=None).recipients == {}


@pytest.mark.parametrize(
    ("to", "addresses"),
    [
        ("ann@example.com", ["ann@example.com"]),
        (" ann@example.com ", ["ann@example.com"]),
        ("Ann <ann@example.com>", ["ann@example.com"]),
        ("ann@example.com,bob@example.com", ["ann@example.com", "bob@example.com"]),
        ("Ann <ann@example.com>, bob@example.com", ["ann@example.com", "bob@example.com"]),
        ('"Smith, Ann" <ann@example.com>, bob@example.com', ["ann@example.com", "bob@example.com"]),
        ("o'neil@example.com", ["o'neil@example.com"]),
        ("", []),
        ("  ", []),
        (7, []),
        (["ann@example.com"], []),
    ],
)
def test_each_recipient_is_told_apart(to: object, addresses: list[str]) -> None:
    assert list(accept(To=to).recipients) == addresses


READING = """
import json, sys
from connector_core import SendError
from connector_postmark.response import parse_response
key, start, part, status, code = json.loads(sys.argv[1])
answer = {"MessageID": "id", "ErrorCode": code, key: start + part * (900_000 // len(part))}
try:
    print(parse_response(status, {}, json.dumps(answer).encode()).message_id)
except SendError as error:
    print(error.provider.code)
"""


@pytest.mark.parametrize(
    ("key", "start", "part", "status", "code"),
    [
        ("To", "<", "(", 200, 0),
        ("To", '<"', '\\"', 200, 0),
        ("To", "<", "a@b.c, ", 200, 0),
        ("To", ",", "[", 200, 0),
        ("Message", "inactive addresses: ", "a", 200, 0),
        ("Message", "inactive addresses: ", "a@", 200, 0),
        ("Message", "inactive addresses: ", "a", 422, 406),
        ("Message", "Invalid 'To' address: '", "a", 422, 300),
        ("Message", "Invalid 'To' address: ", "'", 422, 300),
        ("Message", "Error parsing 'Cc': ", "-a", 422, 300),
        ("Message", "", " ", 422, 300),
        ("SubmittedAt", "2026-11-22T12:54:00.", "1", 200, 0),
    ],
)
def test_a_monstrous_answer_does_not_hang(*, key: str, start: str, part: str, status: int, code: int) -> None:
    command = [sys.executable, "-c", READING, json.dumps([key, start, part, status, code])]
    done = subprocess.run(  # noqa: S603  the interpreter that runs the tests
        command, capture_output=True, text=True, timeout=HANG_GUARD, check=False
    )
    assert (done.stdout.strip(), done.stderr) == (str(code) if code else "id", "")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T12:54:00.4747614Z", datetime(2026, 11, 22, 12, 54, 0, 474761, UTC)),
        (
            "2026-11-22T12:54:00.4747614-05:00",
            datetime(2026, 11, 22, 12, 54, 0, 474761, timezone(-timedelta(hours=5))),
        ),
        ("2026-11-22T12:54:00.47Z", datetime(2026, 11, 22, 12, 54, 0, 470000, UTC)),
        ("2026-11-22T12:54:00+01:00", datetime(2026, 11, 22, 12, 54, 0, 0, timezone(timedelta(hours=1)))),
        ("2026-11-22T12:54:00Z", datetime(2026, 11, 22, 12, 54, 0, 0, UTC)),
    ],
)
def test_the_time_is_read_with_up_to_seven_fractional_digits(text: str, time: datetime) -> None:
    result = accept(SubmittedAt=text)
    assert result.submitted_at == time
    assert result.submitted_at is not None
    assert result.submitted_at.utcoffset() == time.utcoffset()


@pytest.mark.parametrize("text", [None, "", "yesterday", "0001-13-01T00:00:00Z", 1763816040, ["2026-11-22"]])
def test_a_time_that_cannot_be_read_takes_nothing_from_the_success(text: object) -> None:
    result = accept(SubmittedAt=text)
    assert (result.message_id, result.submitted_at) == (ID, None)


@pytest.mark.parametrize("message_id", [None, "", 7, ["id"], False])
def test_a_success_without_an_id_leaves_the_outcome_unknown(message_id: object) -> None:
    with pytest.raises(InvalidResponse) as caught:
        accept(MessageID=message_id)
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("code", ["0", "OK", 0.0, False, True, [], {}])
def test_a_code_that_is_no_number_leaves_the_outcome_unknown(code: object) -> None:
    with pytest.raises(InvalidResponse):
        accept(ErrorCode=code)


@pytest.mark.parametrize("said", [None, 7, ["OK"], ""])
def test_a_success_needs_no_words(said: object) -> None:
    assert accept(Message=said).status == "sent"


def test_of_several_recipients_the_inactive_ones_are_rejected() -> None:
    result = accept(To="ann@example.com, Bob@Example.com, eve@a.b.co.uk", Message=INACTIVE.format("bob@example.com"))
    assert result.status == "sent"
    assert result.recipients == {"ann@example.com": "sent", "Bob@Example.com": "rejected", "eve@a.b.co.uk": "sent"}


def test_several_inactive_recipients_are_rejected() -> None:
    result = accept(To="a@x.co.uk, b@x.co.uk, c@x.co.uk", Message=INACTIVE.format("a@x.co.uk, c@x.co.uk"))
    assert result.recipients == {"a@x.co.uk": "rejected", "b@x.co.uk": "sent", "c@x.co.uk": "rejected"}


def test_an_inactive_address_that_is_part_of_another_rejects_only_itself() -> None:
    result = accept(To="ann@example.com, joann@example.com", Message=INACTIVE.format("joann@example.com"))
    assert result.recipients == {"ann@example.com": "sent", "joann@example.com": "rejected"}


def test_a_message_that_goes_to_nobody_is_an_error_naming_the_recipients() -> None:
    with pytest.raises(RecipientRejected) as caught:
        accept(Message=INACTIVE.format("ann@example.com"))
    assert caught.value.recipients == ("ann@example.com",)
    assert caught.value.outcome == "not_sent"


def test_an_inactive_recipient_that_the_answer_does_not_repeat_is_not_called_sent() -> None:
    result = accept(To=None, Message=INACTIVE.format("ann@example.com"))
    assert result.recipients == {"ann@example.com": "rejected"}


def test_half_a_surrogate_pair_in_what_postmark_says_becomes_a_space() -> None:
    with pytest.raises(SendError) as caught:
        parse_response(422, {}, b'{"ErrorCode": 1, "Message": "Half \\ud83d of it"}')
    assert caught.value.provider == ProviderReply(code=1, message="Half of it", status=422)


def test_what_postmark_says_steers_no_terminal() -> None:
    answer = json.dumps({"ErrorCode": 1, "Message": "Bad\x1b[2J\x9b1m\r\nthing"}).encode()
    with pytest.raises(SendError) as caught:
        parse_response(422, {}, answer)
    assert caught.value.provider == ProviderReply(code=1, message="Bad [2J 1m thing", status=422)
