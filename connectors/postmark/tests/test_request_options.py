"""The options of a message in the request that goes to Postmark."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.file_types import find_forbidden_type
from connector_postmark.request import PostmarkRequests
from crash_report import format_everything
from hypothesis import example, given
from hypothesis import strategies as st
from network_environment import forget_network_environment

from connector_core import Attachment, Content, Host, InvalidMessage, Message, TemplateNotFound
from connector_core.message_limits import measure_message
from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core import Connector

ACCEPTED = {"To": "ann@example.com", "MessageID": "id-1", "ErrorCode": 0, "Message": "OK"}
CONFIG: dict[str, Any] = {
    "serverToken": "11111111-2222-3333-4444-555555555555",
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "templateAlias": f"alias-{name}"}
        for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}
PLAIN: dict[str, Any] = {
    "From": "noreply@example.com",
    "To": "ann@example.com",
    "TemplateAlias": "alias-SignIn",
    "TemplateModel": {"code": "123456"},
}
FILE = Attachment(name="a.txt", content=b"hi", content_type="text/plain")
LOGO = Attachment(name="logo.png", content=b"\x89PNG", content_type="image/png", content_id="logo")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


@cache
def find_postmark() -> Connector:
    return Host.discover()["postmark-mail"]


def make_requests(**settings: Any) -> PostmarkRequests:
    return PostmarkRequests(find_postmark().configure({**CONFIG, **settings}).config)


def write(settings: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Return the body of the request for a message with options."""
    return make_requests(**settings or {}).make_body(
        Message("ann@example.com", "SignIn", {"code": "123456"}, **options)
    )


def write_own(settings: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Return the fields that the request has besides those of a plain message."""
    body = write(settings, **options)
    assert PLAIN.items() <= body.items()
    return {name: value for name, value in body.items() if name not in PLAIN}


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"cc": ["bob@example.com", "eve@example.com"]}, {"Cc": "bob@example.com,eve@example.com"}),
        ({"bcc": ["bob@example.com", "eve@example.com"]}, {"Bcc": "bob@example.com,eve@example.com"}),
        ({"reply_to": '"Ex, Inc." <help@example.com>'}, {"ReplyTo": '"Ex, Inc." <help@example.com>'}),
        (
            {"headers": {"X-B": "2", "X-A": ""}},
            {"Headers": [{"Name": "X-B", "Value": "2"}, {"Name": "X-A", "Value": ""}]},
        ),
        ({"tags": ["order mails"]}, {"Tag": "order mails"}),
        ({"metadata": {"order": "4711", "plan": ""}}, {"Metadata": {"order": "4711", "plan": ""}}),
        ({"stream": "receipts"}, {"MessageStream": "receipts"}),
        (
            {"attachments": [FILE, LOGO]},
            {
                "Attachments": [
                    {"Name": "a.txt", "Content": "aGk=", "ContentType": "text/plain"},
                    {"Name": "logo.png", "Content": "iVBORw==", "ContentType": "image/png", "ContentID": "cid:logo"},
                ]
            },
        ),
    ],
    ids=lambda value: next(iter(value)),
)
def test_an_option_is_the_field_of_postmark(options: dict[str, Any], fields: dict[str, Any]) -> None:
    assert json.dumps(write_own(**options)) == json.dumps(fields)


@pytest.mark.parametrize(
    ("settings", "options", "fields"),
    [
        ({"replyTo": "a@example.com"}, {"reply_to": "b@example.com"}, {"ReplyTo": "b@example.com"}),
        ({"tag": "all"}, {"tags": ["one"]}, {"Tag": "one"}),
        ({"messageStream": "outbound"}, {"stream": "receipts"}, {"MessageStream": "receipts"}),
        (
            {"metadata": {"a": "1", "b": "2"}},
            {"metadata": {"b": "3", "c": "4"}},
            {"Metadata": {"a": "1", "b": "3", "c": "4"}},
        ),
        (
            {"headers": {"X-One": "1", "X-Two": "2"}},
            {"headers": {"x-two": "3", "X-Three": "4"}},
            {
                "Headers": [
                    {"Name": "X-One", "Value": "1"},
                    {"Name": "x-two", "Value": "3"},
                    {"Name": "X-Three", "Value": "4"},
                ]
            },
        ),
    ],
    ids=["reply_to", "tags", "stream", "metadata", "headers"],
)
def test_an_option_goes_before_the_config_and_joins_its_metadata_and_headers(
    settings: dict[str, Any], options: dict[str, Any], fields: dict[str, Any]
) -> None:
    requests = make_requests(**settings)
    message = Message("ann@example.com", "SignIn", {"code": "123456"}, **options)
    assert requests.make_body(message) == {**PLAIN, **fields}
    # Nothing of one message is left for the next.
    of_config = {name: value for name, value in write_own(settings).items() if name in fields}
    assert requests.make_body(Message("ann@example.com", "SignIn", {"code": "123456"})) == {**PLAIN, **of_config}


def test_content_of_its_own_takes_the_place_of_the_template() -> None:
    settings = {"inlineCss": True, "trackOpens": True, "tag": "all"}
    assert write(settings, content=Content("Hello", "Hi there", "<p>Hi there</p>")) == {
        "From": "noreply@example.com",
        "To": "ann@example.com",
        "Subject": "Hello",
        "TextBody": "Hi there",
        "HtmlBody": "<p>Hi there</p>",
        "TrackOpens": True,
        "Tag": "all",
    }
    assert write_own(settings)["InlineCss"] is True


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (Content("Hello", "Hi"), {"Subject": "Hello", "TextBody": "Hi"}),
        (Content("Hello", html="<p>Hi</p>"), {"Subject": "Hello", "HtmlBody": "<p>Hi</p>"}),
        (Content("", "Hi"), {"Subject": "", "TextBody": "Hi"}),
    ],
)
def test_a_part_that_the_content_lacks_is_left_out(content: Content, fields: dict[str, str]) -> None:
    body = write(content=content)
    assert {name: body[name] for name in body if name not in {"From", "To"}} == fields


def test_a_message_with_content_needs_no_template() -> None:
    templates = [{**entry, "locale": "en"} for entry in CONFIG["templates"]]
    requests = make_requests(templates=templates)
    with pytest.raises(TemplateNotFound):
        requests.make_body(Message("ann@example.com", "HostsOwnType"))
    body = requests.make_body(Message("ann@example.com", "HostsOwnType", content=Content("Hello", "Hi")))
    assert "TemplateAlias" not in body


@pytest.mark.parametrize(("content", "target"), [(None, "/email/withTemplate"), (Content("Hello", "Hi"), "/email")])
def test_content_goes_to_the_address_for_mails_without_a_template(host: Host, content: Any, target: str) -> None:
    message = Message("ann@example.com", "SignIn", cc=["bob@example.com"], content=content)
    with WireServer(respond_json(ACCEPTED)) as server:
        host["postmark-mail"].send_message({**CONFIG, "apiUrl": server.url}, message)
    (request,) = server.requests
    assert (request.target, request.json()["Cc"]) == (target, "bob@example.com")


def test_domains_of_all_addresses_go_out_in_ascii() -> None:
    fields = write_own(cc=["a@münchen.de", "b@example.com"], bcc=["c@straße.de"], reply_to="Jörg <d@例え.jp>")
    assert fields == {
        "Cc": "a@xn--mnchen-3ya.de,b@example.com",
        "Bcc": "c@xn--strae-oqa.de",
        "ReplyTo": "Jörg <d@xn--r8jz45g.jp>",
    }


FILES_REFUSED = ["virus.exe", "VIRUS.EXE", "a.b.vbs", "setup.msi", ".bat", "a.wsl"]


def secret_message(**options: Any) -> Message:
    content, headers = Content("secret-subject", "secret-text"), {"X-One": "secret-header"}
    payload = {"code": "secret-code"}
    return Message("ann@example.com", "SignIn", payload, **{"content": content, "headers": headers, **options})


@pytest.mark.parametrize(
    "message",
    [
        secret_message(cc=["a@-ü-.de"], bcc=["secret-reader@example.com"], metadata={"a": "secret-metadata"}),
        secret_message(bcc=["a@-ü-.de"], metadata={"a": "secret-metadata"}),
        secret_message(reply_to="A <a@-ü-.de>", bcc=["secret-reader@example.com"]),
        secret_message(metadata={f"name-{number}": "secret-metadata" for number in range(9)}),
        secret_message(reply_to="A <a@-ü-.de>", content=None),
        *(secret_message(attachments=[FILE, Attachment(name=name, content=b"secret-file")]) for name in FILES_REFUSED),
    ],
    ids=["cc", "bcc", "reply_to", "metadata", "without content", *FILES_REFUSED],
)
def test_what_postmark_would_refuse_is_no_request_and_shows_nothing_in_a_crash_report(
    host: Host, message: Message
) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        settings = {**CONFIG, "metadata": {"name-0": "", "a": "", "b": ""}, "apiUrl": server.url}
        mail = host["postmark-mail"].configure(settings)
        with pytest.raises(InvalidMessage) as caught:
            mail.send_message(message)
    assert caught.value.outcome == "not_sent"
    assert server.connections == 0
    report = format_everything(caught.value)
    assert "secret-" not in report


def test_metadata_of_config_and_message_is_counted_together() -> None:
    settings = {"metadata": {"a": "", "b": ""}}
    nine = {"b": "", **{f"name-{number}": "" for number in range(8)}}
    assert len(write_own(settings, metadata=nine)["Metadata"]) == 10
    with pytest.raises(InvalidMessage, match="at most 10 texts in metadata, and this message has 11 with those of the"):
        write(settings, metadata={**nine, "one-more": ""})


def test_the_sentence_about_a_forbidden_file_names_its_type_and_not_the_file() -> None:
    with pytest.raises(InvalidMessage, match=r"Postmark takes no \.exe files: ") as caught:
        write(attachments=[Attachment(name="payslip-of-ann.EXE", content=b"MZ")])
    assert "ann" not in str(caught.value)


@pytest.mark.parametrize("name", ["report.pdf", "exe", "a.exe.zip", "exe.txt", "a.com.html", "logo", "a."])
def test_other_files_are_allowed(name: str) -> None:
    assert find_forbidden_type(name) is None
    assert write_own(attachments=[Attachment(name=name, content=b"a")])["Attachments"][0]["Name"] == name


@cache
def find_requests() -> PostmarkRequests:
    return make_requests()


TEXTS = st.text(max_size=30)
LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=15).map("x".__add__)
LOCAL_PARTS = st.text(st.sampled_from("ab.+é漢\U0001f600"), min_size=1, max_size=64)
DOMAINS = st.sampled_from(["b.example", "münchen.example", "例え.example", f"{'ü' * 40}.{'ü' * 40}.{'ü' * 40}.example"])
ADDRESSES = st.builds("{}@{}".format, LOCAL_PARTS, DOMAINS)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "cc": st.lists(ADDRESSES, max_size=4),
        "bcc": st.lists(ADDRESSES, max_size=4),
        "reply_to": st.builds("{} <{}>".format, st.text(st.sampled_from("aé漢\U0001f600"), max_size=200), ADDRESSES),
        "headers": st.dictionaries(st.integers(0, 99).map("X-{}".format), LINES, max_size=8),
        "tags": st.lists(LINES, max_size=1),
        "metadata": st.dictionaries(LINES, LINES, max_size=10),
        "attachments": st.lists(
            st.builds(
                Attachment,
                name=st.text(st.sampled_from('aé"\U0001f600'), min_size=1, max_size=255),
                content=st.binary(max_size=50),
                content_type=st.just(f"{'a' * 127}/{'b' * 127}"),
                content_id=st.none() | st.just("c" * 200),
            ),
            max_size=3,
        ),
        "stream": LINES,
        "content": st.builds(Content, LINES, st.text(min_size=1), TEXTS),
    },
)
PAYLOADS = st.dictionaries(
    TEXTS, TEXTS | st.integers() | st.none() | st.lists(TEXTS, max_size=3) | st.dictionaries(TEXTS, TEXTS, max_size=3)
)


@given(ADDRESSES, PAYLOADS, OPTIONS)
@example("a@b.example", {"\U0001f600" * 500: "\U0001f600" * 300}, {})
@example("a@b.example", {"": "\0" * 800}, {})
@example("a@b.example", {}, {"headers": {f"X-{number}": "\U0001f600" * 100 for number in range(50)}})
@example("a@b.example", {}, {"content": Content("x" * 200, "\U0001f600" * 5000)})
@example("\U0001f600" * 64 + "@b.example", {}, {"cc": ["\U0001f600" * 64 + "@b.example"] * 49})
def test_a_message_is_measured_as_no_less_than_its_request_has(
    to: str, payload: dict[str, Any], options: dict[str, Any]
) -> None:
    message = Message(to, "SignIn", payload, **options)
    body = find_requests().make_body(message)
    assert measure_message(message) >= len(json.dumps(body).encode())
