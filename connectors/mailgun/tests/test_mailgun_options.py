"""What the options of a message become in the request to Mailgun (API reference, "Messages", "Send an email")."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import network_environment
import pytest
from connector_mailgun.options import encode_parts
from crash_report import format_everything
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from connector_core import (
    Attachment,
    Content,
    Host,
    InvalidMessage,
    Message,
    RecipientRejected,
    SendError,
    SendResult,
    UnsupportedOption,
)
from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour
    from connector_core.testing.wire_server import Request as Received

TAKEN = respond_json({"id": "<20160107220803.53710.46802@DOMAIN.TEST>", "message": "Queued. Thank you."})
LOCAL = {"subject": "Code {{code}}", "text": "Your code: {{code}}", "replyTo": "Support <support@example.com>"}
STORED = {"template": "sign-in"}
CONFIG: dict[str, Any] = {
    "domain": "mg.example.com",
    "apiKey": "made-up-key-5f2c",
    "from": "Example <noreply@mg.example.com>",
    "deliveries": dict.fromkeys(("Register", "SignIn", "ForgotPassword", "Generic"), LOCAL) | {"Stored": STORED},
}
PLAIN = {
    "from": "Example <noreply@mg.example.com>",
    "to": "ann@example.com",
    "h:Reply-To": "Support <support@example.com>",
    "subject": "Code 123456",
    "text": "Your code: 123456",
}
PAPER = Attachment(name="Prüfung.pdf", content=b"%PDF\r\n--\0\xff\r\n", content_type="application/pdf")
LOGO = Attachment(name="a picture.png", content=b"\x89PNG", content_type="image/png", content_id="logo.png")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def make_message(usage_type: str = "SignIn", **options: Any) -> Message:
    return Message("ann@example.com", usage_type, {"code": "123456"}, **options)


def make_copy(field: str, addresses: list[str]) -> Message:
    message = make_message()
    setattr(message, field, addresses)
    return message


def send(host: Host, message: Message, behaviour: Behaviour = TAKEN, **config: Any) -> tuple[SendResult, Received]:
    with WireServer(behaviour) as server:
        result = host["mailgun-email"].send_message({**CONFIG, "endpoint": server.url, **config}, message)
    (request,) = server.requests
    return result, request


def read_form(request: Received) -> dict[str, str | list[str]]:
    """Return the fields of a form, several values of one field as a list."""
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    fields: dict[str, str | list[str]] = {}
    for name, value in parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True):
        known = fields.get(name)
        fields[name] = value if known is None else [*([known] if isinstance(known, str) else known), value]
    return fields


def read_parts(request: Received) -> list[tuple[str, str | None, str, bytes]]:
    """Return the parts of a form as Python's own reader of mails finds them: name, file name, type and content."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    whole = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    assert whole.get_content_type() == "multipart/form-data"
    parts: list[tuple[str, str | None, str, bytes]] = []
    for part in whole.iter_parts():
        assert isinstance(part, EmailMessage)
        parameters, content = part["content-disposition"].params, part.get_payload(decode=True)
        assert isinstance(content, bytes)
        parts.append((parameters["name"], parameters.get("filename"), part.get_content_type(), content))
    return parts


def refuse(host: Host, message: Message, kind: type[Exception], **config: Any) -> Any:
    """Return the error for a message that is refused before anything goes out."""
    with WireServer(TAKEN) as server, pytest.raises(kind) as caught:
        host["mailgun-email"].send_message({**CONFIG, "endpoint": server.url, **config}, message)
    assert server.requests == []
    return caught.value


# The fields


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        pytest.param(
            {"cc": ["b@example.com", "c@exämple.com"]}, {"cc": "b@example.com, c@xn--exmple-cua.com"}, id="cc"
        ),
        pytest.param({"bcc": ["b@example.com"]}, {"bcc": "b@example.com"}, id="bcc"),
        pytest.param({"reply_to": "c@exämple.com"}, {"h:Reply-To": "c@xn--exmple-cua.com"}, id="reply_to"),
        pytest.param({"reply_to": '"C, D" <c@d.example>'}, {"h:Reply-To": '"C, D" <c@d.example>'}, id="with a name"),
        pytest.param({"headers": {"X-A": "ü & b", "x-b": ""}}, {"h:X-A": "ü & b", "h:x-b": ""}, id="headers"),
        pytest.param({"tags": ["one"]}, {"o:tag": "one"}, id="a tag"),
        pytest.param({"tags": ["one", "two", "one"]}, {"o:tag": ["one", "two"]}, id="tags"),
        pytest.param({"metadata": {"a b": "1&2=ü"}}, {"v:a b": "1&2=ü"}, id="metadata"),
    ],
)
def test_an_option_is_a_field_of_the_form(host: Host, options: dict[str, Any], fields: dict[str, Any]) -> None:
    _, request = send(host, make_message(**options))
    assert read_form(request) == {**PLAIN, **fields}


def test_a_message_without_options_is_the_same_request_as_ever(host: Host) -> None:
    _, request = send(host, make_message())
    assert read_form(request) == PLAIN


def test_tags_are_added_to_the_tag_of_the_config(host: Host) -> None:
    _, request = send(host, make_message(tags=["two", "codes"]), tag="codes")
    assert read_form(request)["o:tag"] == ["codes", "two"]


def test_options_go_along_with_a_template_at_mailgun(host: Host) -> None:
    _, request = send(host, make_message("Stored", tags=["one"], reply_to="c@d.example"))
    form = read_form(request)
    assert (form["template"], form["o:tag"], form["h:Reply-To"]) == ("sign-in", "one", "c@d.example")
    assert form["t:variables"] == '{"code": "123456"}'


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (
            Content("Hi {{code}}", "Text {{code}}", "<p>{{code}}</p>"),
            {"text": "Text {{code}}", "html": "<p>{{code}}</p>"},
        ),
        (Content("Hi {{code}}", "Text"), {"text": "Text"}),
        (Content("Hi {{code}}", html="<p>x</p>"), {"html": "<p>x</p>"}),
        (Content("Hi {{code}}", "a\ud800b"), {"text": "a\ufffdb"}),
    ],
    ids=["both", "text", "html", "half of a pair"],
)
def test_content_takes_the_place_of_the_delivery_as_it_is(host: Host, content: Content, fields: dict[str, str]) -> None:
    _, request = send(host, make_message("Stored", content=content), testMode=True)
    sender = {"from": PLAIN["from"], "to": PLAIN["to"], "o:testmode": "yes"}
    assert read_form(request) == {**sender, "subject": "Hi {{code}}", **fields}


# Files


def test_files_go_along_in_parts(host: Host) -> None:
    _, request = send(host, make_message(attachments=[PAPER, LOGO], tags=["one", "two"]), tag="codes")
    parts = read_parts(request)
    fields = [(name, content.decode()) for name, filename, _, content in parts if filename is None]
    assert fields == [
        ("from", PLAIN["from"]),
        ("o:tag", "codes"),
        ("o:tag", "one"),
        ("o:tag", "two"),
        ("to", PLAIN["to"]),
        ("h:Reply-To", PLAIN["h:Reply-To"]),
        ("subject", PLAIN["subject"]),
        ("text", PLAIN["text"]),
    ]
    raw = request.body
    assert b'name="attachment"; filename="' + "Prüfung.pdf".encode() + b'"\r\nContent-Type: application/pdf\r\n' in raw
    assert b"\r\n\r\n" + PAPER.content + b"\r\n--" in raw
    assert request.headers["authorization"].startswith("Basic ")


def test_the_content_id_is_the_file_name_by_which_mailgun_shows_a_file(host: Host) -> None:
    """Source: mailgun/mailgun-js-boland#103, the mail that Mailgun made of it: `Content-Id: <mailgun_logo.png>`."""
    _, request = send(host, make_message(attachments=[LOGO]))
    (part,) = [part for part in read_parts(request) if part[1] is not None]
    assert part == ("inline", "logo.png", "image/png", LOGO.content)


def test_each_message_has_files_of_its_own(host: Host) -> None:
    with WireServer(TAKEN) as server:
        config = {**CONFIG, "endpoint": server.url}
        with host["mailgun-email"].configure(config) as configured:
            for message in (make_message(attachments=[PAPER], cc=["b@example.com"]), make_message()):
                configured.send_message(message)
    assert read_form(server.requests[1]) == PLAIN


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"], exclude_characters='/\\"'), min_size=1
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), name=NAMES.filter(str.strip), value=NAMES.filter(str.strip))
def test_any_file_and_any_text_arrive_as_they_are(content: bytes, name: str, value: str) -> None:
    file = Attachment(name=name, content=content)
    body, content_type = encode_parts({"v:name": value, "o:tag": ["a", "b"]}, [file])
    environment = EnvironBuilder(method="POST", data=body, content_type=content_type).get_environ()
    with Request(environment) as request:
        assert request.form.to_dict(flat=False) == {"v:name": [value], "o:tag": ["a", "b"]}
        (read,) = request.files.getlist("attachment")
        assert (read.filename, read.read()) == (name, content)


# What becomes of it


def test_everybody_who_gets_the_mail_is_in_the_result(host: Host) -> None:
    result, _ = send(host, make_message(cc=["b@example.com"], bcc=["c@exämple.com"]))
    assert result.recipients == dict.fromkeys(["ann@example.com", "b@example.com", "c@exämple.com"], "queued")


@pytest.mark.parametrize("field", ["cc", "bcc"])
def test_a_copy_that_mailgun_cannot_read_is_told_without_naming_the_recipient(host: Host, field: str) -> None:
    said = f"{field} parameter is not a valid address. please check documentation"
    with pytest.raises(RecipientRejected) as caught:
        send(host, make_copy(field, ["b@localhost"]), respond_json({"message": said}, 400))
    assert caught.value.recipients == ()
    assert "cc or bcc" in str(caught.value)


# What is refused


@pytest.mark.parametrize("field", ["cc", "bcc"])
def test_a_copy_with_accented_letters_before_the_at_sign_is_refused_by_name(host: Host, field: str) -> None:
    error = refuse(host, make_copy(field, ["b@example.com", "jürgen@exämple.com"]), RecipientRejected)
    assert error.recipients == ("jürgen@exämple.com",)


def test_a_reply_address_with_accented_letters_before_the_at_sign_is_refused(host: Host) -> None:
    error = refuse(host, make_message(reply_to="Jürgen <jürgen@example.com>"), InvalidMessage)
    assert "jürgen" not in str(error)


def test_a_tag_with_accented_letters_is_refused(host: Host) -> None:
    """Source: user manual, "Tags": ASCII only. The config may not have one either."""
    assert "no accented letters in a tag" in str(refuse(host, make_message(tags=["größe"]), InvalidMessage))


@pytest.mark.parametrize(("tag", "count", "is_taken"), [(None, 10, True), ("codes", 9, True), ("codes", 10, False)])
def test_ten_tags_are_taken_with_that_of_the_config(host: Host, tag: str | None, count: int, is_taken: bool) -> None:  # noqa: FBT001  a fact of the case
    """Source: Mailgun help, "Tags", and mailgun/mailgun-go#409; an older page of the user manual still has 3."""
    config: dict[str, Any] = {} if tag is None else {"tag": tag}
    message = make_message(tags=[f"tag{number}" for number in range(count)])
    if is_taken:
        assert len(read_form(send(host, message, **config)[1])["o:tag"]) == 10
    else:
        assert "at most 10 tags, and this message has 11" in str(refuse(host, message, InvalidMessage, **config))


def test_options_of_more_than_16_kb_are_refused(host: Host) -> None:
    """Source: API reference, "Send an email": the options o:, h:, v: and t: are limited to 16KB total."""
    fixed = len(PLAIN["h:Reply-To"])
    message = make_message(metadata={"a": "x" * 8000, "b": "ü" * ((16_384 - 8000 - fixed) // 2)})
    send(host, message)
    message.headers = {"X-A": "abc"}
    assert "16,384 bytes, and this message has 16," in str(refuse(host, message, InvalidMessage))


@pytest.mark.parametrize(
    "options",
    [{"metadata": {"a": "x" * 20_000}}, {"tags": ["größe"]}, {"reply_to": "ü@example.com"}, {"cc": ["ü@example.com"]}],
    ids=["metadata", "tags", "reply_to", "cc"],
)
@pytest.mark.parametrize("content", [None, Content("731904", "731904")], ids=["delivery", "content"])
@pytest.mark.parametrize("usage_type", ["SignIn", "Stored"])
def test_a_crash_report_of_a_refusal_has_no_code(
    host: Host, usage_type: str, content: Content | None, options: dict[str, Any]
) -> None:
    message = make_message(usage_type, content=content, **options)
    message.payload = {"code": "731904"}  # the code of the others is in the guide
    assert "731904" not in format_everything(refuse(host, message, SendError))


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({"cc": [f"a{number}@example.com" for number in range(1000)]}, "1,000"),
        ({"tags": ["x" * 129]}, "128"),
        ({"tags": [f"tag{number}" for number in range(11)]}, "10"),
        ({"attachments": [Attachment(name="large.bin", content=bytes(25 * 1024**2 * 3 // 4))]}, "26,214,400"),
    ],
    ids=["recipients", "length of a tag", "tags", "size"],
)
def test_what_is_beyond_mailguns_limits_is_refused(host: Host, options: dict[str, Any], limit: str) -> None:
    """Sources: mailgun/mailgun-ruby, Mailgun::Chains; user manual, "Tags" and "Send via HTTP" (25MB)."""
    assert f"at most {limit}," in str(refuse(host, make_message(**options), InvalidMessage))


def test_a_stream_is_none_of_the_options(host: Host) -> None:
    error = refuse(host, make_message(stream="outbound"), UnsupportedOption)
    assert "can't send the option stream" in str(error)
