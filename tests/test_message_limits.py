"""What a connector can't send is refused after the wrappers and before the connector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector

from connector_core import (
    Attachment,
    Content,
    InvalidMessage,
    Message,
    SendError,
    UnsupportedFeature,
    UnsupportedOption,
    hookimpl,
)
from connector_core.message_limits import check_message

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from connector_core import Host

    Make = Callable[..., Host]

CONFIG = {"token": "t"}
FILE = Attachment(name="a.txt", content=b"a")
INLINE = replace(FILE, content_id="logo")
OPTIONS: dict[str, dict[str, Any]] = {
    "cc": {"cc": ["bob@example.com"]},
    "bcc": {"bcc": ["bob@example.com"]},
    "replyTo": {"reply_to": "Help <help@example.com>"},
    "headers": {"headers": {"X-One": "a"}},
    "tags": {"tags": ["one"]},
    "metadata": {"metadata": {"a": "b"}},
    "attachments": {"attachments": [FILE]},
    "inlineAttachments": {"attachments": [FILE, INLINE]},
    "stream": {"stream": "receipts"},
    "content": {"content": Content("Hello", "text")},
}


def connector(*options: str, kind: Any = "Email", **limits: int) -> FakeConnector:
    made = FakeConnector(kind=kind)
    made.metadata = replace(made.metadata, name={"en": "Alpha"}, message_options=options, message_limits=limits)
    return made


def message(**options: Any) -> Message:
    return Message("ann@example.com", "SignIn", {"code": "123456"}, **options)


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_the_connector_names_reaches_it(option: str, make_host: Make) -> None:
    alpha = connector(*dict.fromkeys([option, "attachments"]))
    make_host(alpha)["alpha-mail"].send_message(CONFIG, message(**OPTIONS[option]))
    assert alpha.sent == [message(**OPTIONS[option])]


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_the_connector_does_not_name_is_refused_before_it(option: str, make_host: Make) -> None:
    alpha = connector(*(other for other in OPTIONS if other != option))
    with pytest.raises(
        UnsupportedOption, match=f"alpha-mail can't send the option {option}, and it can send "
    ) as caught:
        make_host(alpha)["alpha-mail"].send_message(CONFIG, message(**OPTIONS[option]))
    assert isinstance(caught.value, SendError)
    assert isinstance(caught.value, UnsupportedFeature)
    assert (caught.value.outcome, caught.value.code) == ("not_sent", "not_implemented")
    assert alpha.sent == []


def test_a_connector_that_names_none_refuses_each_option_and_sends_a_plain_message(make_host: Make) -> None:
    alpha = connector()
    host = make_host(alpha)
    with pytest.raises(UnsupportedOption, match="it can send none"):
        host["alpha-mail"].send_message(CONFIG, message(tags=["one"]))
    host["alpha-mail"].send_message(CONFIG, message())
    assert alpha.sent == [message()]


class _Adding:
    """A plugin of a host that gives each message an option."""

    def __init__(self, **options: Any) -> None:
        self._options = options
        self.seen: list[BaseException] = []

    @hookimpl(wrapper=True)
    def send_message(self, message: Message) -> Generator[None, Any, Any]:
        for name, value in self._options.items():
            setattr(message, name, value)
        try:
            return (yield)
        except SendError as error:
            self.seen.append(error)
            raise


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"stream": "receipts"}, UnsupportedOption),
        ({"bcc": ["no address"]}, InvalidMessage),
        ({"tags": ["one", "two"]}, InvalidMessage),
        ({"to": "no address"}, InvalidMessage),
    ],
    ids=["unsupported", "no address", "beyond a limit", "no recipient"],
)
def test_what_a_wrapper_adds_is_checked_too_and_the_wrapper_sees_the_refusal(
    options: dict[str, Any], kind: type[SendError], make_host: Make
) -> None:
    alpha, adding, given = connector("bcc", "tags", tags=1), _Adding(**options), message()
    with pytest.raises(kind) as caught:
        make_host(alpha, plugins=[adding])["alpha-mail"].send_message(CONFIG, given)
    assert alpha.sent == []
    assert adding.seen == [caught.value]
    assert given == message()


def test_what_a_wrapper_adds_reaches_the_connector_and_not_the_callers_message(make_host: Make) -> None:
    alpha, given = connector("bcc"), message()
    make_host(alpha, plugins=[_Adding(bcc=["audit@example.com"])])["alpha-mail"].send_message(CONFIG, given)
    assert [one.bcc for one in alpha.sent] == [("audit@example.com",)]
    assert given == message()


FURTHER = [f"reader{number}@example.com" for number in range(50)]

LIMITS: dict[str, tuple[int, int, dict[str, Any], dict[str, Any]]] = {
    "recipients": (50, 51, {"cc": FURTHER[:25], "bcc": FURTHER[25:49]}, {"cc": FURTHER[:25], "bcc": FURTHER[25:]}),
    "attachments": (2, 3, {"attachments": [FILE] * 2}, {"attachments": [FILE] * 3}),
    "tags": (1, 2, {"tags": ["a"]}, {"tags": ["a", "b"]}),
    "tagLength": (1000, 1001, {"tags": ["a" * 1000]}, {"tags": ["b", "a" * 1001]}),
    "metadata": (10, 11, {"metadata": dict.fromkeys("abcdefghij", "")}, {"metadata": dict.fromkeys("abcdefghijk", "")}),
    "metadataKeyLength": (20, 21, {"metadata": {"k" * 20: "v"}}, {"metadata": {"a": "v", "k" * 21: "v"}}),
    "metadataValueLength": (80, 81, {"metadata": {"k": "v" * 80}}, {"metadata": {"a": "v", "k": "v" * 81}}),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_message_up_to_a_limit_is_sent_and_one_beyond_is_told_both_numbers(limit: str) -> None:
    most, too_many, fitting, exceeding = LIMITS[limit]
    metadata = connector(*OPTIONS, **{limit: most}).metadata
    check_message(message(**fitting), metadata)
    with pytest.raises(InvalidMessage, match=rf"Alpha takes at most {most:,}, and this message has {too_many:,}\."):
        check_message(message(**exceeding), metadata)
    check_message(message(**exceeding), connector(*OPTIONS).metadata)


@pytest.mark.parametrize(
    "large",
    [
        Message("ann@example.com", "SignIn", {"text": "a" * 100_000}),
        Message("ann@example.com", "SignIn", {"texts": ["a" * 100_000]}),
        message(attachments=[replace(FILE, content=b"a" * 75_000)]),
        message(content=Content("Hello", html="a" * 100_000)),
        message(headers={f"X-{number}": "a" * 10_000 for number in range(10)}),
    ],
    ids=["payload", "nested payload", "attachment", "content", "headers"],
)
def test_a_message_of_too_many_bytes_is_refused_with_the_limit(large: Message) -> None:
    check_message(large, connector(*OPTIONS, messageBytes=110_000).metadata)
    with pytest.raises(InvalidMessage, match="bytes, attachments in Base64, Alpha takes at most 99,999") as caught:
        check_message(large, connector(*OPTIONS, messageBytes=99_999).metadata)
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cc": ["bob@example.com", "Bob <bob@example.com>"]}, "A recipient in `cc` is not one e-mail address"),
        ({"bcc": ["a@b.example,c@d.example"]}, "A recipient in `bcc` is not one e-mail address"),
        ({"reply_to": "Bob, Ltd <bob@example.com>"}, "The mailbox in `reply_to` is not one mailbox"),
        ({"reply_to": "nobody"}, "The mailbox in `reply_to` is not one e-mail address"),
    ],
)
def test_each_further_address_of_a_mail_is_checked_and_never_repeated(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidMessage, match=said) as caught:
        check_message(message(**options), connector(*OPTIONS).metadata)
    assert "bob@" not in str(caught.value)


def test_a_recipient_that_is_there_twice_is_left_to_the_provider() -> None:
    again = message(cc=["ann@example.com", "bob@example.com"], bcc=["bob@example.com"])
    check_message(again, connector(*OPTIONS).metadata)


def test_a_text_message_has_no_mail_addresses() -> None:
    check_message(Message("+15550100", "SignIn", cc=["+15550101"]), connector("cc", kind="Sms").metadata)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"message_options": ("cc", "ccc")}, r"\$\.messageOptions\[1\]: 'ccc' is not one of \['cc', "),
        ({"message_options": ("reply_to",)}, r"\$\.messageOptions\[0\]: 'reply_to' is not one of"),
        ({"message_options": ("cc", "cc")}, r"\$\.messageOptions: "),
        ({"message_options": "cc"}, r"\$\.messageOptions: 'cc' is not of type 'array'"),
        ({"message_options": None}, r"\$\.messageOptions: None is not of type 'array'"),
        (
            {"message_limits": {"recipient": 50}},
            r"\$\.messageLimits: .*'recipient' is unknown, did you mean 'recipients'",
        ),
        ({"message_limits": {"tags": 0}}, r"\$\.messageLimits\.tags: 0 is less than the minimum of 1"),
        ({"message_limits": {"tags": "1"}}, r"\$\.messageLimits\.tags: '1' is not of type 'integer'"),
        ({"message_limits": None}, r"\$\.messageLimits: None is not of type 'object'"),
    ],
    ids=[
        "unknown",
        "in Python's spelling",
        "twice",
        "a text",
        "null",
        "limit unknown",
        "zero",
        "no number",
        "no limits",
    ],
)
def test_metadata_with_options_or_limits_that_there_are_not_fails_at_load(
    changes: dict[str, Any], said: str, make_host: Make
) -> None:
    alpha = FakeConnector()
    alpha.metadata = replace(alpha.metadata, **changes)
    host = make_host(alpha)
    assert [*host] == []
    (failure,) = host.failures
    with pytest.raises(type(failure.cause), match=f"The metadata is invalid at {said}"):
        raise failure.cause
