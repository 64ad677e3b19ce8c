"""Mailboxes: what the shared definition `mailbox` accepts, and how a header has it."""

from __future__ import annotations

import json
import re
from email import policy
from email.header import decode_header, make_header
from email.headerregistry import Address, HeaderRegistry
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from connector_core import InvalidMessage, Mailbox
from connector_core.mailbox import check_mailbox
from connector_core.schema_words import compile_pattern

DEFINITIONS = json.loads((files("connector_core") / "schemas" / "email.schema.json").read_text("utf-8"))["$defs"]
DEFINITION = DEFINITIONS["mailbox"]
PATTERN = compile_pattern(DEFINITION["pattern"])


def is_accepted(text: str) -> bool:
    return len(text) <= DEFINITION["maxLength"] and PATTERN.search(text) is not None


def read_header(value: str) -> tuple[Address, ...]:
    header: Any = HeaderRegistry()("From", value)
    addresses: tuple[Address, ...] = header.addresses
    return addresses


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("a@b.example", "", "a@b.example"),
        ("<a@b.example>", "", "a@b.example"),
        (' "" <a@b.example>', "", "a@b.example"),
        ("Example <a@b.example>", "Example", "a@b.example"),
        ("Example<a@b.example>", "Example", "a@b.example"),
        ("Example (mail) <a@b.example>", "Example (mail)", "a@b.example"),
        ('"Example, Inc." <a@b.example>', "Example, Inc.", "a@b.example"),
        ('"Say \\"hi\\" \\\\ <x@y>" <a@b.example>', 'Say "hi" \\ <x@y>', "a@b.example"),
        ('The "Example, Inc." team <a@b.example>', "The Example, Inc. team", "a@b.example"),
        ('"One, " "two" <a@b.example>', "One,  two", "a@b.example"),
        ("O'Neil: [x] <a@b.example>", "O'Neil: [x]", "a@b.example"),
        ("Zoë 日本 <a@b.example>", "Zoë 日本", "a@b.example"),
        ("Zoë <zoë@münchen.example>", "Zoë", "zoë@xn--mnchen-3ya.example"),
        ("a@MÜNCHEN.example", "", "a@xn--mnchen-3ya.example"),
        ("A.B+tag@Example.COM", "", "A.B+tag@Example.COM"),
    ],
)
def test_name_and_address_are_read(text: str, name: str, address: str) -> None:
    assert is_accepted(text)
    assert Mailbox.parse(text) == Mailbox(name, address)


@pytest.mark.parametrize(
    ("mailbox", "written"),
    [
        (Mailbox("", "a@b.example"), "a@b.example"),
        (Mailbox("Example", "a@b.example"), "Example <a@b.example>"),
        (Mailbox("Example, Inc.", "a@b.example"), '"Example, Inc." <a@b.example>'),
        (Mailbox('Say "hi" \\', "a@b.example"), '"Say \\"hi\\" \\\\" <a@b.example>'),
        (Mailbox("Eve <eve@b.example>,", "a@b.example"), '"Eve <eve@b.example>," <a@b.example>'),
        (Mailbox("Zoë", "a@b.example"), "=?utf-8?q?Zo=C3=AB?= <a@b.example>"),
        (Mailbox("Zoë", "zoë@b.example"), "=?utf-8?q?Zo=C3=AB?= <zoë@b.example>"),
    ],
)
def test_a_header_has_the_name_quoted_or_encoded(mailbox: Mailbox, written: str) -> None:
    assert str(mailbox) == written


@pytest.mark.parametrize(
    "domain", ["bücher-.example", "a..ü", "。", "ü" * 70 + ".example", "\uff20.example", "a\u200dü.example"]
)
def test_a_domain_that_ascii_cannot_write_is_refused(domain: str) -> None:
    with pytest.raises(InvalidMessage, match="domain"):
        Mailbox.parse(f"Example <a@{domain}>")


def test_a_domain_in_ascii_is_left_alone_beside_an_accented_local_part() -> None:
    assert Mailbox.parse("zoë@my_host.Example").address == "zoë@my_host.Example"


def test_the_sentence_about_a_sender_does_not_speak_of_the_recipient() -> None:
    with pytest.raises(InvalidMessage) as caught:
        Mailbox.parse("Example <a@bücher-.example>")
    assert "recipient" not in str(caught.value)


@pytest.mark.parametrize("name", ["Example\r\nBcc: eve@b.example", "Example\n", "a\0b", "half \ud83d pair"])
def test_a_mailbox_made_of_any_name_is_one_line(name: str) -> None:
    written = str(Mailbox(name, "a@b.example"))
    assert re.search(r"[\0\r\n]", written) is None
    assert written.encode()


PLAIN_NAMES = st.text(st.characters(exclude_characters='",;@\\<>\u2028\u2029', exclude_categories=["Cc", "Cs"]))
QUOTED_NAMES = st.text(st.characters(exclude_characters="\u2028\u2029", exclude_categories=["Cc", "Cs"])).map(
    lambda name: '"{}"'.format(re.sub(r'(["\\])', r"\\\1", name))
)
NAMES = st.lists(PLAIN_NAMES | QUOTED_NAMES, max_size=4).map("".join)
LOCAL_PARTS = st.text(st.sampled_from("abcXYZ019.!#$%&'*+-/=?^_`{|}~ëß"), min_size=1, max_size=64)
DOMAINS = st.sampled_from(
    ["b", "b.example", "Mail.B.example", "münchen.example", "xn--mnchen-3ya.example", "例え.example"]
)
MAILBOXES = (
    st.builds("{}<{}@{}>".format, NAMES, LOCAL_PARTS, DOMAINS)
    | st.builds("{}@{}".format, LOCAL_PARTS, DOMAINS)
    | st.from_regex(PATTERN)
    | st.from_regex(compile_pattern(DEFINITIONS["address"]["pattern"]))
)


@given(MAILBOXES)
@example("@ <a@b>")
@example("x <a@b>\n")
@example("日" * 480 + " <a@b>")
@example("0  )<a@b>")
def test_each_mailbox_that_the_schema_accepts_is_one_that_a_header_gives_back(text: str) -> None:
    assume(is_accepted(text))
    try:
        mailbox = Mailbox.parse(text)
    except InvalidMessage:
        assert not text.isascii()  # its domain has letters that IDNA refuses
        return
    written = str(mailbox)
    assert len(written.splitlines()) == 1
    assert mailbox.address.rpartition("@")[2].isascii()
    ((name, address),) = getaddresses([written])
    assert address == mailbox.address
    # A phrase outside of quotes doesn't count its spaces (RFC 5322, section 3.2.2); in quotes they stay.
    assert re.sub(" +", " ", str(make_header(decode_header(name)))) == re.sub(" +", " ", mailbox.name)


NEAR_MAILBOXES = (
    MAILBOXES
    | st.builds("{}<{}@{}>".format, st.text(max_size=8), LOCAL_PARTS, DOMAINS)
    | st.text(st.sampled_from('ab@.<>,;: "\\\t\n\0\x85\u2028\ud800ü()'), max_size=16)
    | st.text(st.sampled_from('ab@.<>,;: "\\\t\n\0\x85\u2028\ud800ü()'), max_size=12).map("{}<a@b.example>".format)
)


@given(NEAR_MAILBOXES)
@example("<a@b.example>")
@example("Example <a@b.example> ")
@example("Example <a@b.example")
@example("Example, Inc. <a@b.example>")
@example("One <a@b.example>, Two <c@d.example>")
@example("Example <a@b.example>\n")
@example(f"{'x' * 497} <a@b.example>")
@example(f"{'x' * 498} <a@b.example>")
@example(f"Example <{'a' * 64}@{'b' * 200}>")
def test_the_check_of_a_mailbox_takes_what_the_shared_definition_does(text: str) -> None:
    try:
        check_mailbox(text, "The mailbox")
        said = ""
    except InvalidMessage as error:
        said = str(error)
    too_long = len(text.rpartition("<")[2].removesuffix(">")) > DEFINITIONS["address"]["maxLength"]
    assert (said == "") == (is_accepted(text) and not too_long)
    assert said.startswith("The mailbox is not one ") or not said


def test_a_mailbox_that_is_none_is_not_repeated() -> None:
    with pytest.raises(InvalidMessage, match="not one mailbox: write it as") as caught:
        check_mailbox("Ann, Ltd <ann@b.example>", "The mailbox")
    assert "Ann" not in str(caught.value)
    assert "b.example" not in str(caught.value)


def test_an_address_has_no_control_characters() -> None:
    assert not is_accepted("a\x9bb@b.example")
    assert not is_accepted("Example <a\x80b@b.example>")


@given(NAMES, st.sampled_from(["a@b.example", "o'neil+tag@b.example", "a.b@münchen.example"]))
@example("日本 " * 60, "a@b.example")
def test_a_mail_from_a_mailbox_tells_its_name_and_address(name: str, address: str) -> None:
    text = f"{name} <{address}>"
    assume(is_accepted(text))
    mailbox = Mailbox.parse(text)
    (read,) = read_header(str(mailbox))
    assert (read.display_name, read.addr_spec) == (re.sub(" +", " ", mailbox.name), mailbox.address)


@pytest.mark.parametrize("name", ["Example", "Example, Inc.", "Zoë", 'Say "hi"', "日本", ""])
def test_a_mailbox_goes_through_a_mail_on_the_wire(name: str) -> None:
    mail = EmailMessage()
    mail["From"] = str(Mailbox(name, "a@b.example"))
    read = BytesParser(policy=policy.default).parsebytes(mail.as_bytes())
    (sender,) = read["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "a@b.example")
    assert read.keys() == ["From"]


def test_a_name_that_looks_encoded_is_read_as_it_is() -> None:
    mailbox = Mailbox.parse("=?utf-8?q?x?= <a@b.example>")
    (read,) = read_header(str(mailbox))
    assert read.display_name == mailbox.name


def test_a_mailbox_is_a_value() -> None:
    assert Mailbox("A", "a@b.example") == Mailbox.parse("A <a@b.example>")
    assert len({Mailbox("A", "a@b.example"), Mailbox.parse("A <a@b.example>")}) == 1
    with pytest.raises(AttributeError):
        Mailbox("A", "a@b.example").name = "B"  # type: ignore[misc]
