"""What the options of a message become in the request to SendGrid (Twilio SendGrid docs, "Mail Send", request body)."""

from __future__ import annotations

import base64
import json
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Any

import network_environment
import pytest
from connector_sendgrid.options import encode_header
from crash_report import format_everything
from hypothesis import given
from hypothesis import strategies as st

from connector_core import (
    Attachment,
    Content,
    Host,
    InvalidMessage,
    Limits,
    Message,
    RecipientRejected,
    SendError,
    SendResult,
    UnsupportedOption,
)
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

TEXT = {"usageType": "SignIn", "type": "text/plain", "subject": "Code", "content": "Your code is {{code}}."}
TEMPLATE_ID = "d-0123456789abcdef0123456789abcdef"
CONFIG: dict[str, Any] = {
    "apiKey": "SG.made-up-key-4Xq.9-_7Zt",
    "fromEmail": "noreply@example.com",
    "templates": [
        *({**TEXT, "usageType": name} for name in ("SignIn", "Register", "ForgotPassword", "Generic")),
        {"usageType": "Stored", "templateId": TEMPLATE_ID},
    ],
}
TO = {"to": [{"email": "ann@example.com"}]}
PLAIN = {
    "personalizations": [TO],
    "from": {"email": "noreply@example.com"},
    "subject": "Code",
    "content": [{"type": "text/plain", "value": "Your code is 483920."}],
}
TAKEN = respond(202, b"", ["X-Message-Id: LrnZRsWQTPy-ItZ3IJR2vQ", "Content-Type: text/plain; charset=utf-8"])
PAPER = Attachment(name="Prüfung.pdf", content=b"%PDF\0\xff", content_type="application/pdf")
LOGO = Attachment(name="a picture.png", content=b"\x89PNG", content_type="image/png", content_id="logo")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=4, retries=0)) as discovered:
        yield discovered


def make_message(usage_type: str = "SignIn", **options: Any) -> Message:
    return Message("ann@example.com", usage_type, {"code": "483920"}, **options)


def make_copy(field: str, addresses: list[str]) -> Message:
    message = make_message()
    setattr(message, field, addresses)
    return message


def send(
    host: Host, message: Message, behaviour: Behaviour = TAKEN, **config: Any
) -> tuple[SendResult, dict[str, Any]]:
    """Return what becomes of a message, and the body of its one request."""
    with WireServer(behaviour) as server:
        connector = host["sendgrid-email-service"]
        result = connector.send_message({**CONFIG, "apiUrl": server.url, **config}, message)
    (request,) = server.requests
    return result, json.loads(request.body)


def refuse(host: Host, message: Message, kind: type[Exception], **config: Any) -> Any:
    """Return the error for a message that is refused before anything goes out."""
    with WireServer(TAKEN) as server, pytest.raises(kind) as caught:
        host["sendgrid-email-service"].send_message({**CONFIG, "apiUrl": server.url, **config}, message)
    assert server.requests == []
    return caught.value


# The body


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        pytest.param(
            {"cc": ["b@exämple.com"]},
            {"personalizations": [{**TO, "cc": [{"email": "b@xn--exmple-cua.com"}]}]},
            id="cc",
        ),
        pytest.param(
            {"bcc": ["b@example.com", "c@example.com"]},
            {"personalizations": [{**TO, "bcc": [{"email": "b@example.com"}, {"email": "c@example.com"}]}]},
            id="bcc",
        ),
        pytest.param({"reply_to": "c@exämple.com"}, {"reply_to": {"email": "c@xn--exmple-cua.com"}}, id="reply_to"),
        pytest.param(
            {"reply_to": '"Ä, B" <c@d.example>'},
            {"reply_to": {"email": "c@d.example", "name": "Ä, B"}},
            id="with a name",
        ),
        pytest.param({"headers": {"X-A": "b & c", "x-b": ""}}, {"headers": {"X-A": "b & c", "x-b": ""}}, id="headers"),
        pytest.param({"tags": ["one", "two", "one"]}, {"categories": ["one", "two"]}, id="tags"),
        pytest.param({"metadata": {"a b": "ü"}}, {"custom_args": {"a b": "ü"}}, id="metadata"),
        pytest.param(
            {"attachments": [PAPER]},
            {
                "attachments": [
                    {
                        "content": base64.b64encode(PAPER.content).decode(),
                        "type": "application/pdf",
                        "filename": "Prüfung.pdf",
                        "disposition": "attachment",
                    }
                ]
            },
            id="attachments",
        ),
        pytest.param(
            {"attachments": [LOGO]},
            {
                "attachments": [
                    {
                        "content": base64.b64encode(LOGO.content).decode(),
                        "type": "image/png",
                        "filename": "a picture.png",
                        "disposition": "inline",
                        "content_id": "logo",
                    }
                ]
            },
            id="inline attachments",
        ),
    ],
)
def test_an_option_is_a_field_of_the_body(host: Host, options: dict[str, Any], fields: dict[str, Any]) -> None:
    _, body = send(host, make_message(**options))
    assert body == {**PLAIN, **fields}


def test_a_message_without_options_is_the_same_request_as_ever(host: Host) -> None:
    assert send(host, make_message())[1] == PLAIN


def test_what_a_message_has_goes_before_the_config(host: Host) -> None:
    config: dict[str, Any] = {"replyTo": "Support <support@example.com>", "categories": ["codes", "two"]}
    _, body = send(host, make_message(reply_to="c@d.example", tags=["two", "three"]), **config)
    assert body["reply_to"] == {"email": "c@d.example"}
    assert body["categories"] == ["codes", "two", "three"]


def test_options_go_along_with_a_dynamic_template(host: Host) -> None:
    _, body = send(host, make_message("Stored", cc=["b@example.com"], tags=["one"]))
    envelope = {**TO, "cc": [{"email": "b@example.com"}], "dynamic_template_data": {"code": "483920"}}
    assert body["personalizations"] == [envelope]
    assert (body["template_id"], body["categories"]) == (TEMPLATE_ID, ["one"])


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (
            Content("Hi {{code}}", "T {{code}}", "<p>{{code}}</p>"),
            {"text/plain": "T {{code}}", "text/html": "<p>{{code}}</p>"},
        ),
        (Content("Hi {{code}}", "Text"), {"text/plain": "Text"}),
        (Content("Hi {{code}}", html="<p>x</p>"), {"text/html": "<p>x</p>"}),
    ],
    ids=["both", "text", "html"],
)
def test_content_takes_the_place_of_the_template_as_it_is(host: Host, content: Content, parts: dict[str, str]) -> None:
    _, body = send(host, make_message("Stored", content=content))
    values = [{"type": kind, "value": value} for kind, value in parts.items()]
    assert body == {**PLAIN, "subject": "Hi {{code}}", "content": values}


def test_the_next_message_has_nothing_of_the_options(host: Host) -> None:
    with WireServer(TAKEN) as server:
        config = {**CONFIG, "apiUrl": server.url, "categories": ["codes"]}
        with host["sendgrid-email-service"].configure(config) as configured:
            for message in (make_message(cc=["b@example.com"], tags=["one"], attachments=[PAPER]), make_message()):
                configured.send_message(message)
    assert json.loads(server.requests[1].body) == {**PLAIN, "categories": ["codes"]}


def test_an_address_is_named_once_as_sendgrid_wants_it(host: Host) -> None:
    """Sources: symfony/symfony#33135; sendgrid/sendgrid-ruby#461, capitals make no difference."""
    result, body = send(
        host,
        make_message(cc=["ANN@example.com", "b@example.com"], bcc=["B@example.com", "c@example.com", "c@example.com"]),
    )
    assert body["personalizations"] == [{**TO, "cc": [{"email": "b@example.com"}], "bcc": [{"email": "c@example.com"}]}]
    assert {"ann@example.com", "b@example.com", "c@example.com"} <= set(result.recipients)


# Headers


def test_the_text_of_a_header_is_encoded_since_sendgrid_does_not(host: Host) -> None:
    """Sources: docs, "Mail Send", `headers`: callers encode them. RFC 2047, section 2: a word has 75 characters."""
    text = "Größe " * 40
    encoded = send(host, make_message(headers={"X-A": text}))[1]["headers"]["X-A"]
    assert encoded.isascii()
    assert max(map(len, encoded.split(" "))) <= 75
    assert str(make_header(decode_header(encoded))) == text


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])))
def test_any_header_is_one_line_of_ascii_that_says_the_same(text: str) -> None:
    encoded = encode_header(text)
    assert encoded.isascii()
    assert not set(encoded) & {"\r", "\n"}
    if not text.isascii():
        assert str(make_header(decode_header(encoded))) == text


# What becomes of it


@pytest.mark.parametrize("sandbox_mode", [False, True])
def test_everybody_who_gets_the_mail_is_in_the_result(host: Host, sandbox_mode: bool) -> None:  # noqa: FBT001  a setting
    taken = respond(200) if sandbox_mode else TAKEN
    message = make_message(cc=["b@example.com"], bcc=["c@exämple.com"])
    result, _ = send(host, message, taken, sandboxMode=sandbox_mode)
    state = "unknown" if sandbox_mode else "queued"
    assert result.recipients == dict.fromkeys(["ann@example.com", "b@example.com", "c@exämple.com"], state)


@pytest.mark.parametrize("field", ["cc", "bcc"])
def test_a_copy_that_sendgrid_cannot_read_is_told_without_naming_the_recipient(host: Host, field: str) -> None:
    place = f"personalizations.0.{field}.0.email"
    refusal = respond_json({"errors": [{"message": "Does not contain a valid address.", "field": place}]}, 400)
    with pytest.raises(RecipientRejected) as caught:
        send(host, make_copy(field, ["b@localhost"]), refusal)
    assert caught.value.recipients == ()
    assert caught.value.provider is not None
    assert caught.value.provider.code == place


# What is refused


@pytest.mark.parametrize("field", ["cc", "bcc"])
def test_a_copy_with_accented_letters_before_the_at_sign_is_refused_by_name(host: Host, field: str) -> None:
    error = refuse(host, make_copy(field, ["b@example.com", "jürgen@exämple.com"]), RecipientRejected)
    assert error.recipients == ("jürgen@exämple.com",)


def test_a_reply_address_with_accented_letters_before_the_at_sign_is_refused(host: Host) -> None:
    assert "jürgen" not in str(refuse(host, make_message(reply_to="jürgen@example.com"), InvalidMessage))


def test_ten_tags_are_taken_with_the_categories_of_the_config(host: Host) -> None:
    tags = [f"tag{number}" for number in range(9)]
    assert len(send(host, make_message(tags=tags), categories=["codes"])[1]["categories"]) == 10
    error = refuse(host, make_message(tags=tags), InvalidMessage, categories=["codes", "more"])
    assert "at most 10 tags, and this message has 11" in str(error)


def test_ten_thousand_bytes_of_metadata_are_taken(host: Host) -> None:
    """Source: docs, "Mail Send", limitations."""
    assert send(host, make_message(metadata={"a": "ü" * 4996}))[1]["custom_args"] == {"a": "ü" * 4996}
    error = refuse(host, make_message(metadata={"a": "ü" * 4997}), InvalidMessage)
    assert "10,000 bytes, and this message has 10,002" in str(error)


@pytest.mark.parametrize(
    "options",
    [{"metadata": {"a": "x" * 20_000}}, {"reply_to": "ü@example.com"}, {"cc": ["ü@example.com"]}],
    ids=["metadata", "reply_to", "cc"],
)
@pytest.mark.parametrize("content", [None, Content("483920", "483920")], ids=["template", "content"])
@pytest.mark.parametrize("usage_type", ["SignIn", "Stored"])
def test_a_crash_report_of_a_refusal_has_no_code(
    host: Host, usage_type: str, content: Content | None, options: dict[str, Any]
) -> None:
    error = refuse(host, make_message(usage_type, content=content, **options), SendError)
    assert "483920" not in format_everything(error)


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ({"cc": [f"a{number}@example.com" for number in range(1000)]}, "1,000"),
        ({"tags": ["x" * 256]}, "255"),
        ({"tags": [f"tag{number}" for number in range(11)]}, "10"),
        ({"attachments": [Attachment(name="large.bin", content=bytes(30 * 1024**2 * 3 // 4))]}, "31,457,280"),
    ],
    ids=["recipients", "length of a tag", "tags", "size"],
)
def test_what_is_beyond_sendgrids_limits_is_refused(host: Host, options: dict[str, Any], limit: str) -> None:
    """Sources: docs, "Mail Send", limitations and the page "Errors" (categories)."""
    assert f"at most {limit}," in str(refuse(host, make_message(**options), InvalidMessage))


def test_a_stream_is_none_of_the_options(host: Host) -> None:
    error = refuse(host, make_message(stream="outbound"), UnsupportedOption)
    assert "can't send the option stream" in str(error)
