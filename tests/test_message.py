from __future__ import annotations

import copy
import json
import pickle
from collections import OrderedDict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector_core import USAGE_TYPES, InvalidMessage, Message, SendResult, ascii_address
from connector_core.address import check_address

ADDRESSES = [
    "a@example.com",
    "a.b+tag@example.com",
    "o'brien@example.com",
    "a@localhost",
    "a@xn--mnchen-3ya.de",
    "a@münchen.de",
    "jörg@example.com",
    "!#$%&'*+-/=?^_`{|}~@example.com",
    f"{'a' * 64}@example.com",
    f"a@{'b' * 248}.com",
]

NOT_ADDRESSES = {
    "no at sign": "ann.example.net",
    "nothing before the at sign": "@example.net",
    "nothing after the at sign": "a@",
    "two at signs": "a@b@example.com",
    "two addresses with a comma": "a@example.com,b@example.com",
    "two addresses with a comma and a space": "a@example.com, b@example.com",
    "two addresses with a semicolon": "a@example.com;b@example.com",
    "two addresses with a space": "a@example.com b@example.com",
    "display name": "Ann <a@example.com>",
    "angle brackets": "<a@example.com>",
    "quoted display name": '"Ann" <a@example.com>',
    "comment": "a@example.com (Ann)",
    "mailto": "mailto:a@example.com",
    "leading space": " a@example.com",
    "trailing space": "a@example.com ",
    "non-breaking space": "a@exam\u00a0ple.com",
    "backslash": "a\\b@example.com",
    "empty label": "a@example..com",
    "trailing dot": "a@example.com.",
    "leading dot of the domain": "a@.example.com",
    "address literal": "a@[127.0.0.1]",
    "65 characters before the at sign": f"{'a' * 65}@example.com",
    "255 characters": f"a@{'b' * 249}.com",
    "a megabyte": f"{'a' * 1_000_000}@example.com",
    "half a surrogate pair": "a\ud800@example.com",
}

BREAKS = ["\r", "\n", "\r\n", "\0", "\t", "\x0b", "\x1b", "\x7f", "\u2028", "\u2029"]


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def circular(*, twice: bool = False) -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["a"] = value
    if twice:
        value["b"] = [value, value]
    return value


@pytest.mark.parametrize("address", ADDRESSES)
def test_one_address_is_accepted(address: str) -> None:
    check_address(address)
    assert Message(address, "SignIn").to == address


@pytest.mark.parametrize("text", NOT_ADDRESSES.values(), ids=NOT_ADDRESSES)
def test_what_is_not_one_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        check_address(text)
    assert caught.value.outcome == "not_sent"
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", BREAKS, ids=repr)
@pytest.mark.parametrize(
    "shape", ["{}a@example.com", "a@example.com{}", "a@exam{}ple.com", "a@example.com{}Bcc: b@c.d"]
)
def test_a_control_character_in_the_recipient_is_refused(shape: str, text: str) -> None:
    with pytest.raises(InvalidMessage):
        check_address(shape.format(text))
    with pytest.raises(InvalidMessage, match="control character"):
        Message(shape.format(text), "SignIn")


@pytest.mark.parametrize("to", ["", "   ", None, 5, b"a@example.com", ["a@example.com"]])
def test_a_message_without_a_recipient_is_refused(to: Any) -> None:
    with pytest.raises(InvalidMessage, match="no recipient"):
        Message(to, "SignIn")


@pytest.mark.parametrize("usage_type", ["", "  ", None, 5, ["SignIn"], "\n"])
def test_a_message_without_a_usage_type_is_refused(usage_type: Any) -> None:
    with pytest.raises(InvalidMessage, match="usage type"):
        Message("a@example.com", usage_type)


@pytest.mark.parametrize("text", BREAKS, ids=repr)
def test_a_control_character_in_the_usage_type_is_refused(text: str) -> None:
    with pytest.raises(InvalidMessage, match="usage type"):
        Message("a@example.com", f"Sign{text}In")


@pytest.mark.parametrize("payload", [None, "text", 5, [("code", "1")], [], {"code"}], ids=repr)
def test_a_payload_that_is_no_object_is_refused(payload: Any) -> None:
    with pytest.raises(InvalidMessage, match="not a JSON object"):
        Message("a@example.com", "SignIn", payload)


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({"a": {"b": [float("nan")]}}, "$.a.b[0]"),
        ({"a": float("inf")}, "$.a"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "$.at"),
        ({"price": Decimal("1.5")}, "$.price"),
        ({"raw": b"bytes"}, "$.raw"),
        ({"tags": {"a"}}, "$.tags"),
        ({1: "one"}, "$"),
        ({"a": {None: 1}}, "$.a"),
        (nested(65), "$.a.a"),
        (nested(5_000), "$.a.a"),
        (circular(), "$.a "),
        (circular(twice=True), "$.a "),
        ({"n": 10**5_000}, "$.n"),
    ],
    ids=[
        "NaN",
        "infinity",
        "datetime",
        "Decimal",
        "bytes",
        "set",
        "number as key",
        "null as key",
        "65 levels",
        "5000 levels",
        "circular",
        "circular twice",
        "more digits than Python writes",
    ],
)
def test_a_payload_that_is_no_json_is_refused_with_its_place(payload: Any, place: str) -> None:
    with pytest.raises(InvalidMessage, match="The payload can't be sent") as caught:
        Message("a@example.com", "SignIn", payload)
    assert place in str(caught.value)


def test_a_payload_of_64_levels_is_accepted() -> None:
    assert Message("a@example.com", "SignIn", nested(63)).payload == nested(63)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=15)


@given(st.dictionaries(st.text(), JSON))
def test_any_json_object_is_a_payload_and_stays_as_it_is(payload: dict[str, Any]) -> None:
    before = copy.deepcopy(payload)
    message = Message("a@example.com", "SignIn", payload)
    assert message.payload == payload == before
    assert json.loads(json.dumps(message.payload)) == payload


def test_changes_to_the_callers_payload_do_not_reach_the_message() -> None:
    payload: dict[str, Any] = OrderedDict(user={"name": "Ann"})
    message = Message("a@example.com", "SignIn", payload)
    payload["user"]["name"] = "Bob"
    assert message.payload == {"user": {"name": "Ann"}}


def test_a_copy_of_a_message_shares_nothing_with_it() -> None:
    message = Message("a@example.com", "SignIn", {"user": {"name": "Ann"}}, "192.0.2.1")
    other = message.copy()
    assert other == message
    other.payload["user"]["name"] = "Bob"
    other.to = "b@example.com"
    assert message == Message("a@example.com", "SignIn", {"user": {"name": "Ann"}}, "192.0.2.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [("to", ""), ("to", "a\nb"), ("type", ""), ("payload", [1]), ("payload", {"a": float("nan")}), ("ip", 5)],
)
def test_a_change_is_checked_like_a_new_message(name: str, value: Any) -> None:
    message = Message("a@example.com", "SignIn")
    with pytest.raises(InvalidMessage):
        setattr(message, name, value)
    assert message == Message("a@example.com", "SignIn")


def test_a_message_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Message("a@example.com", "SignIn").subject = "Hello"


@pytest.mark.parametrize("ip", [5, b"192.0.2.1", "192.0.2.1\r\nX: y"])
def test_an_ip_that_is_no_line_of_text_is_refused(ip: Any) -> None:
    with pytest.raises(InvalidMessage, match="ip"):
        Message("a@example.com", "SignIn", {}, ip)


@pytest.mark.parametrize("clone", [copy.deepcopy, copy.copy, lambda one: pickle.loads(pickle.dumps(one))])  # noqa: S301  our own
def test_a_message_can_be_cloned_and_pickled(clone: Any) -> None:
    message = Message("a@example.com", "SignIn", {"code": "1"}, "192.0.2.1")
    assert clone(message) == message


def test_a_message_shows_its_payload_in_no_repr() -> None:
    assert "123456" not in repr(Message("a@example.com", "SignIn", {"code": "123456"}))


@pytest.mark.parametrize("to", ["+15550100", "name of a channel"])
def test_a_recipient_need_not_be_an_address_until_an_email_connector_sends_it(to: str) -> None:
    assert Message(to, "SignIn").to == to


def test_the_nine_usage_types_are_those_of_logto() -> None:
    assert USAGE_TYPES == (
        "SignIn",
        "Register",
        "ForgotPassword",
        "OrganizationInvitation",
        "Generic",
        "UserPermissionValidation",
        "BindNewIdentifier",
        "MfaVerification",
        "BindMfa",
    )


@pytest.mark.parametrize(
    ("address", "ascii_form"),
    [
        ("a@example.com", "a@example.com"),
        ("A@Example.COM", "A@Example.COM"),
        ("a@münchen.de", "a@xn--mnchen-3ya.de"),
        ("a@MÜNCHEN.de", "a@xn--mnchen-3ya.de"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@例え。テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("jörg@münchen.de", "jörg@xn--mnchen-3ya.de"),
    ],
)
def test_the_domain_is_written_in_ascii_by_idna_2008(address: str, ascii_form: str) -> None:
    assert ascii_address(address) == ascii_form


@pytest.mark.parametrize("domain", ["ü..de", "☃.de", f"{'ü' * 64}.de", "\u00ad", "ü\ud800.de", "ü .de"], ids=ascii)
def test_a_domain_that_idna_refuses_is_an_invalid_message(domain: str) -> None:
    with pytest.raises(InvalidMessage):
        ascii_address(f"a@{domain}")


@given(st.text(), st.text())
@example("a", "\u0000ü")
def test_every_address_is_either_refused_or_has_an_ascii_domain(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    try:
        check_address(address)
        found = ascii_address(address)
    except InvalidMessage:
        return
    assert found.rpartition("@")[0] == local
    assert found.rpartition("@")[2].isascii()
    check_address(found)


def test_a_result_is_written_as_json_in_camel_case() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-5)))
    result = SendResult(message_id="m1", status="queued", recipients={"a@example.com": "queued"}, submitted_at=at)
    assert result.to_json() == {
        "messageId": "m1",
        "status": "queued",
        "recipients": {"a@example.com": "queued"},
        "submittedAt": "2026-01-02T03:04:05-05:00",
    }


def test_a_result_without_a_time_says_null() -> None:
    assert SendResult(message_id="m1").to_json()["submittedAt"] is None
