"""The options of a message: checked when they are set, shared with no other message, shown in no log."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector
from hypothesis import given
from hypothesis import strategies as st

from connector_core import Attachment, Content, InvalidMessage, Message, SendError, SendResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core import Config, Host

LINES = st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029"), max_size=12)
WORDS = LINES.filter(lambda text: bool(text.strip()))
HEADER_NAMES = st.text(st.sampled_from("abcXYZ-_.!~019"), min_size=1, max_size=20).map("X-".__add__)
ATTACHMENTS = st.builds(
    Attachment,
    name=WORDS.filter(lambda text: "/" not in text and "\\" not in text),
    content=st.binary(max_size=20),
    content_type=st.sampled_from(["application/pdf", "image/svg+xml", "text/plain"]),
    content_id=st.none() | st.sampled_from(["logo", "part1.2@example.com"]),
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "cc": st.lists(WORDS, max_size=3),
        "bcc": st.lists(WORDS, max_size=3),
        "reply_to": st.none() | WORDS,
        "headers": st.dictionaries(HEADER_NAMES.map(str.lower), LINES, max_size=3),
        "tags": st.lists(WORDS, max_size=3),
        "metadata": st.dictionaries(WORDS, LINES, max_size=3),
        "attachments": st.lists(ATTACHMENTS, max_size=2),
        "stream": st.none() | WORDS,
        "content": st.none() | st.builds(Content, LINES, st.text(min_size=1), st.text()),
    },
)

FULL: dict[str, Any] = {
    "cc": ["bob@example.com"],
    "bcc": ["secret-reader@example.com"],
    "reply_to": "Help <help@example.com>",
    "headers": {"X-Case": "header-value"},
    "tags": ["orders"],
    "metadata": {"order": "metadata-value"},
    "attachments": [Attachment(name="payslip.pdf", content=b"attached-bytes", content_id="logo")],
    "stream": "receipts",
    "content": Content("subject-words", "text-words", "<p>html-words</p>"),
}
NEVER_SHOWN = (
    *("123456", "secret-reader", "X-Case", "header-value", "metadata-value", "payslip", "attached-bytes"),
    *("YXR0YWNoZWQtYnl0ZXM=", "subject-words", "text-words", "html-words"),
)


def make_full(**changes: Any) -> Message:
    return Message("ann@example.com", "Generic", {"code": "123456"}, **{**FULL, **changes})


@given(OPTIONS)
def test_a_message_comes_back_from_its_json(options: dict[str, Any]) -> None:
    message = Message("ann@example.com", "SignIn", {"code": "1"}, "192.0.2.1", **options)
    document = json.loads(json.dumps(message.to_json()))
    assert Message.from_json(document) == message
    assert Message.from_json(document).to_json() == document


@given(OPTIONS)
def test_a_copy_has_the_same_options(options: dict[str, Any]) -> None:
    message = Message("ann@example.com", "SignIn", **options)
    for other in (message.copy(), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):  # noqa: S301  our own
        assert other == message
        assert other.used_options() == message.used_options()


def test_an_option_that_says_nothing_is_none_that_the_message_has() -> None:
    message = Message("ann@example.com", "SignIn", cc=[], bcc=(), headers={}, tags=[], metadata={}, attachments=[])
    assert message.is_plain
    assert message.used_options() == []
    assert message.to_json() == {"to": "ann@example.com", "type": "SignIn", "payload": {}}


def test_a_message_names_its_options_as_metadata_does() -> None:
    assert make_full().used_options() == [
        *("cc", "bcc", "replyTo", "headers", "tags", "metadata", "attachments", "stream", "content"),
        "inlineAttachments",
    ]
    plain = Attachment(name="a.txt", content=b"")
    assert "inlineAttachments" not in make_full(attachments=[plain]).used_options()


@pytest.mark.parametrize("option", FULL)
def test_each_option_alone_makes_a_message_one_that_is_not_plain(option: str) -> None:
    assert not Message("ann@example.com", "SignIn", **{option: FULL[option]}).is_plain


def test_changes_to_the_callers_values_reach_no_message() -> None:
    given_values = copy.deepcopy(FULL)
    message = Message("ann@example.com", "Generic", {"code": "123456"}, **given_values)
    for name in ("cc", "bcc", "tags", "attachments"):
        given_values[name].clear()
    for name in ("headers", "metadata"):
        given_values[name]["More"] = "later"
    assert message == make_full()


@pytest.mark.parametrize("name", ["headers", "metadata"])
def test_an_option_is_changed_by_setting_it_and_never_within(name: str) -> None:
    message = make_full()
    other = message.copy()
    with pytest.raises(TypeError):
        getattr(other, name)["More"] = "later"
    setattr(other, name, {**getattr(other, name), "More": "later"})
    assert message == make_full()
    assert getattr(other, name)["More"] == "later"


@pytest.mark.parametrize("kind", [list, tuple])
def test_addresses_and_tags_may_be_any_sequence(kind: Callable[[list[str]], Any]) -> None:
    message = Message("a@b.example", "T", cc=kind(["c@b.example"]), bcc=kind(["d@b.example"]), tags=kind(["one"]))
    assert (message.cc, message.bcc, message.tags) == (("c@b.example",), ("d@b.example",), ("one",))


def test_headers_and_metadata_may_be_any_mapping() -> None:
    pairs = MappingProxyType({"X-One": "a"})
    message = Message("a@b.example", "T", headers=pairs, metadata=pairs)
    assert message.headers == message.metadata == {"X-One": "a"}


@pytest.mark.parametrize("name", ["cc", "bcc", "tags"])
def test_a_lone_text_in_the_place_of_a_list_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage, match=f"`{name}` of the message is not a list of texts: give a list, even for"):
        Message("ann@example.com", "SignIn", **dict[str, Any]({name: "bob@example.com"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("cc", "bcc", "tags")
            for value in (None, 5, [5], [None], [""], [" "], b"ab", {"a"})
        ),
        *((name, value) for name in ("reply_to", "stream") for value in (5, "", "  ", b"a", ["a"])),
        *((name, value) for name in ("headers", "metadata") for value in (None, [("a", "b")], {1: "a"}, {"a": 1})),
        *((name, value) for name in ("headers", "metadata") for value in ({"a": None}, {"": "a"}, {" ": "a"})),
        *(("attachments", value) for value in (None, 5, "text", b"bytes", [b"bytes"], [{"name": "a"}], [None])),
        *(("content", value) for value in ("text", {"text": "a"}, Content("s"), Content("s", "", ""))),
        ("content", Content(5, "text")),  # type: ignore[arg-type]  # that is the point
        ("content", Content("s", b"text")),  # type: ignore[arg-type]  # the same
    ],
    ids=repr,
)
def test_an_option_of_a_wrong_kind_is_refused_when_it_is_set_and_the_message_stays(name: str, value: Any) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message("ann@example.com", "SignIn", **{name: value})
    assert caught.value.outcome == "not_sent"
    message = make_full()
    with pytest.raises(InvalidMessage):
        setattr(message, name, value)
    assert message == make_full()


BREAKS = ["\r", "\n", "\r\nBcc: eve@example.com", "\0", "\x0b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]


@pytest.mark.parametrize("text", BREAKS, ids=ascii)
@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("cc", lambda text: [f"a@example.com{text}"]),
        ("bcc", lambda text: [f"a@example.com{text}"]),
        ("reply_to", lambda text: f"A{text} <a@example.com>"),
        ("headers", lambda text: {"X-One": f"a{text}"}),
        ("headers", lambda text: {f"X-One{text}": "a"}),
        ("tags", lambda text: [f"a{text}"]),
        ("metadata", lambda text: {"a": f"a{text}"}),
        ("metadata", lambda text: {f"a{text}": "a"}),
        ("stream", lambda text: f"a{text}"),
        ("content", lambda text: Content(f"a{text}", "text")),
    ],
    ids=["cc", "bcc", "reply_to", "header", "header name", "tag", "metadata", "metadata name", "stream", "subject"],
)
def test_no_option_smuggles_a_second_line_into_a_mail(name: str, write: Callable[[str], Any], text: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        Message("ann@example.com", "SignIn", **{name: write(text)})
    assert "eve@example.com" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("To", "`to`"),
        ("CC", "`cc`"),
        ("bcc", "`bcc`"),
        ("Reply-To", "`reply_to`"),
        ("SUBJECT", "`content`"),
        *((name, "leave it out") for name in ("From", "Sender", "Return-Path", "Date", "Message-ID", "MIME-Version")),
        *((name, "leave it out") for name in ("Received", "DKIM-Signature", "Content-Type", "content-id")),
        *((name, "leave it out") for name in ("Content-Transfer-Encoding", "Content-Disposition")),
        *((name, "leave it out") for name in ("Resent-To", "resent-bcc", "Resent-From", "Resent-Date")),
    ],
)
def test_a_header_that_a_mail_gets_anyway_is_refused_with_what_to_do_instead(name: str, advice: str) -> None:
    with pytest.raises(InvalidMessage, match="can't be set") as caught:
        Message("ann@example.com", "SignIn", headers={"X-Fine": "a", name: "x"})
    assert name in str(caught.value)
    assert advice in str(caught.value)


@pytest.mark.parametrize("name", ["X One", "X:One", "Ä", "x" * 77, "X-One:"])
def test_a_header_name_that_no_mail_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage, match="none that a mail can have"):
        Message("ann@example.com", "SignIn", headers={name: "a"})


def test_a_header_has_at_most_10000_characters() -> None:
    assert Message("a@b.example", "T", headers={"X-One": "a" * 10_000}).headers["X-One"]
    with pytest.raises(InvalidMessage, match="at most 10000 characters"):
        Message("a@b.example", "T", headers={"X-One": "a" * 10_001})


def test_a_header_in_two_spellings_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="twice"):
        Message("a@b.example", "T", headers={"X-One": "a", "x-one": "b"})


GOOD = {"to": "ann@example.com", "type": "SignIn", "payload": {}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "not a JSON object"),
        ({**GOOD, "reply_to": "a@b.example"}, "did you mean replyTo"),
        ({**GOOD, "subject": "a"}, "it has to, type"),
        ({**GOOD, "content": "text"}, "an object of subject, text and html"),
        ({**GOOD, "content": {"text": "a", "body": "b"}}, "an object of subject, text and html"),
        ({**GOOD, "content": {"subject": "a"}}, "says nothing"),
        ({**GOOD, "content": {"text": "a", "html": False}}, "says nothing"),
        ({**GOOD, "attachments": {"name": "a"}}, "`attachments`"),
        ({**GOOD, "attachments": ["a"]}, "An attachment is malformed"),
        ({**GOOD, "cc": "b@b.example"}, "`cc`"),
        ({"type": "SignIn"}, "no recipient"),
        ({"to": "ann@example.com"}, "usage type"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict | list) else "",
)
def test_json_that_describes_no_message_is_refused_with_its_fault(document: Any, said: str) -> None:
    with pytest.raises(InvalidMessage, match=said):
        Message.from_json(document)


def test_null_in_the_json_of_a_message_is_the_same_as_nothing() -> None:
    nulls = dict.fromkeys(["ip", "cc", "replyTo", "headers", "attachments", "stream", "content"])
    assert Message.from_json({**GOOD, **nulls}) == Message("ann@example.com", "SignIn")
    content = {"subject": None, "text": "a", "html": None}
    assert Message.from_json({**GOOD, "content": content}).content == Content("", "a", "")


def test_a_repr_shows_what_a_reader_of_the_mail_sees_of_its_envelope_and_nothing_else() -> None:
    shown = repr(make_full())
    assert [text for text in NEVER_SHOWN if text in shown] == []
    # The recipients that each reader sees tell a developer which message this is.
    assert all(text in shown for text in ("ann@example.com", "bob@example.com", "help@example.com", "receipts"))


@pytest.mark.parametrize("lacks", ["sent", "refused", "failed"])
def test_no_log_and_no_error_of_a_send_holds_anything_of_the_options(
    lacks: str, make_host: Callable[..., Host], caplog: pytest.LogCaptureFixture
) -> None:
    def send(_config: Config, _message: Message) -> SendResult:
        if lacks == "failed":
            raise ValueError("No.")
        return SendResult(message_id="m1")

    connector = FakeConnector(send=send)
    options = () if lacks == "refused" else make_full().used_options()
    connector.metadata = replace(connector.metadata, message_options=options)
    host = make_host(connector)
    caplog.set_level(logging.DEBUG)
    said = ""
    try:
        host["alpha-mail"].send_message({"token": "t"}, make_full())
    except SendError as error:
        said = f"{error} {error!r} {error.to_json()}"
    assert (said == "") == (lacks == "sent")
    assert len(caplog.records) == 1
    shown = caplog.text + said
    assert [text for text in (*NEVER_SHOWN, "bob@example.com", "help@example.com") if text in shown] == []
