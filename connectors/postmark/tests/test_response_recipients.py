"""The addresses that Postmark names in its refusals."""

from __future__ import annotations

import json

import pytest
from connector_postmark.refusals import find_inactive_addresses
from connector_postmark.response import parse_response
from hypothesis import given
from hypothesis import strategies as st

from connector_core import InvalidMessage, RecipientRejected, SenderRejected, SendError

INACTIVE = (
    "You tried to send to a recipient that has been marked as inactive.\n"
    "Found inactive addresses: {}.\n"
    "Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual suppression."
)


def refuse(code: int, said: str) -> SendError:
    with pytest.raises(SendError) as caught:
        parse_response(422, {}, json.dumps({"ErrorCode": code, "Message": said}).encode())
    return caught.value


@pytest.mark.parametrize(
    "addresses",
    [
        ["ann@example.com"],
        ["ann@example.com", "bob@example.com"],
        ["a@mail.example.co.uk", "b@x.y", "c@sub.sub.example.com"],
        ["ann+tag@example.com", "first.last@example.com", "_x-1@example.com"],
        ["o'neil@example.com"],
        ["a/b=c{d}@example.com"],
        ["ann@xn--mnchen-3ya.de"],
        ["ann@münchen.de"],
        ["Ann@Example.COM"],
        [f"recipient-{number}@subdomain.of.example.com" for number in range(50)],
    ],
)
def test_inactive_recipients_are_listed(addresses: list[str]) -> None:
    error = refuse(406, INACTIVE.format(", ".join(addresses)))
    assert type(error) is RecipientRejected
    assert list(error.recipients) == addresses


@pytest.mark.parametrize(
    "said",
    [
        INACTIVE.format(""),
        "You tried to send to a recipient that has been marked as inactive.",
        "",
        "Write to help@postmarkapp.com.",
    ],
)
def test_an_inactive_recipient_that_is_not_named_is_still_refused(said: str) -> None:
    error = refuse(406, said)
    assert type(error) is RecipientRejected
    assert error.recipients == ()


def test_an_address_in_the_explanation_is_not_taken_for_a_recipient() -> None:
    said = INACTIVE.format("ann@example.com") + " Write to help@postmarkapp.com."
    assert refuse(406, said).recipients == ("ann@example.com",)


@pytest.mark.parametrize("field", ["To", "Cc", "Bcc"])
@pytest.mark.parametrize(
    ("said", "recipients"),
    [
        ("Invalid '{}' address: 'ann@exa_mple'.", ("ann@exa_mple",)),
        ("Invalid '{}' address: 'nonsense'.", ("nonsense",)),
        ("Invalid '{}' address: 'Ann@Example.COM'.", ("Ann@Example.COM",)),
        ("Invalid '{}' address: 'o'neil@example.com'.", ("o'neil@example.com",)),
        ("Invalid '{}' address: 'a@mail.example.co.uk'.", ("a@mail.example.co.uk",)),
        ("Invalid '{}' address: ''.", ()),
        ("Invalid '{}' address.", ()),
        ("Error parsing '{}': Illegal email domain 'x_y.z' in address 'ann@x_y.z'.", ("ann@x_y.z",)),
    ],
)
def test_a_recipient_that_cannot_be_read_is_named(field: str, said: str, recipients: tuple[str, ...]) -> None:
    error = refuse(300, said.format(field))
    assert type(error) is RecipientRejected
    assert (error.outcome, error.retryable) == ("not_sent", False)
    assert error.recipients == recipients


@pytest.mark.parametrize(
    "said",
    [
        "Invalid 'From' address: 'nonsense'.",
        "Invalid 'From' address: 'Ann <ann@example>'.",
        "Error parsing 'From': Illegal email domain 'x' in address 'ann@x'.",
    ],
)
def test_a_sender_that_cannot_be_read_is_the_senders_fault(said: str) -> None:
    error = refuse(300, said)
    assert type(error) is SenderRejected
    assert error.recipients == ()
    assert "fromEmail" in str(error)


@pytest.mark.parametrize(
    "said",
    [
        "Invalid 'ReplyTo' address: 'nonsense'.",
        "Invalid 'Reply-To' address: 'ann@example'.",
        "Error parsing 'ReplyTo': Illegal email domain 'x' in address 'ann@x'.",
        "Invalid metadata: the key 'customer' is too long.",
        "Invalid metadata: the key 'To' is too long.",
        "Invalid 'Reply-To' address: 'From'.",
        "Metadata field value 'From' is too long.",
        "Zero recipients specified",
        "Provide either email TextBody or HtmlBody or both.",
        "Invalid email request",
        "",
    ],
)
def test_any_other_field_makes_the_message_invalid(said: str) -> None:
    error = refuse(300, said)
    assert type(error) is InvalidMessage
    assert error.recipients == ()


LOCAL_PARTS = st.text("abz019.!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=20)
DOMAINS = st.text("abz09-", min_size=1, max_size=12).map("{}.example.co.uk".format)
ADDRESSES = st.builds("{}@{}".format, LOCAL_PARTS, DOMAINS)


@given(st.lists(ADDRESSES, max_size=8))
def test_any_list_of_inactive_addresses_comes_back_whole(addresses: list[str]) -> None:
    assert find_inactive_addresses(INACTIVE.format(", ".join(addresses))) == addresses
