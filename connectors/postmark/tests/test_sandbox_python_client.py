"""Postmark's own Python client (postmark-python) works against the sandbox."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import postmark.sync
import pytest
from postmark.exceptions import (
    InactiveRecipientException,
    InvalidAPIKeyException,
    PostmarkAPIException,
    ValidationException,
)
from postmark.models.streams import MessageStreamType
from postmark.models.templates import TemplateTypeFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector_postmark.sandbox import PostmarkSandbox

    WriteSubject = Callable[[str, str], str]

MAIL = {"sender": "Shop <sandbox@example.com>", "to": "ann@example.com"}
TEMPLATED = {**MAIL, "template_alias": "logto-sign-in", "template_model": {"code": "123456"}}


@pytest.fixture
def client(sandbox: PostmarkSandbox) -> Iterator[Any]:
    config = sandbox.config
    with postmark.sync.ServerClient(config["serverToken"], retries=0, base_url=config["apiUrl"]) as connected:
        yield connected


def test_it_sends_by_a_template(client: Any, sandbox: PostmarkSandbox, write_subject: WriteSubject) -> None:
    answer = client.outbound.send_with_template({**TEMPLATED, "metadata": {"user": "42"}, "tag": "sign-in"})
    assert answer.success
    assert (answer.to, answer.message, answer.message_id) == ("ann@example.com", "OK", sandbox.messages[0].id)
    assert sandbox.messages[0].subject == write_subject("SignIn", "123456")


def test_it_sends_by_a_templates_id(client: Any, sandbox: PostmarkSandbox, write_subject: WriteSubject) -> None:
    template = client.templates.get("logto-generic")
    assert client.outbound.send_with_template(
        {**MAIL, "template_id": template.template_id, "template_model": {"code": "9"}}
    ).success
    assert sandbox.messages[0].subject == write_subject("Generic", "9")


def test_it_sends_batches(client: Any, sandbox: PostmarkSandbox) -> None:
    recipients = ["a@example.com", "b@example.com", "c@example.com"]
    plain = [{**MAIL, "to": recipient, "subject": "Hi", "text_body": "Hi"} for recipient in recipients]
    templated = [{**TEMPLATED, "to": recipient} for recipient in recipients]
    assert [answer.to for answer in client.outbound.send_batch(plain)] == recipients
    assert [answer.to for answer in client.outbound.send_batch_with_template(templated)] == recipients
    assert [message.to[0] for message in sandbox.messages] == recipients * 2


def test_it_sends_content(client: Any, sandbox: PostmarkSandbox) -> None:
    attachment = {"name": "a.txt", "content": "aGk=", "content_type": "text/plain"}
    assert client.outbound.send(
        {**MAIL, "subject": "Hi", "html_body": "<b>Hi</b>", "attachments": [attachment]}
    ).success
    assert sandbox.messages[0].html == "<b>Hi</b>"


def test_it_reads_the_server(client: Any, sandbox: PostmarkSandbox) -> None:
    server = client.server.get()
    assert server.api_tokens == [sandbox.config["serverToken"]]
    assert server.delivery_type.value == "Live"


def test_it_keeps_templates(client: Any) -> None:
    frame = {"name": "Frame", "alias": "frame", "template_type": "Layout", "html_body": "<p>{{{@content}}}</p>"}
    hello = {"name": "Hi", "alias": "hi", "subject": "Hi", "html_body": "{{name}}", "layout_template": "frame"}
    client.templates.create(frame)
    created = client.templates.create(hello)
    assert (created.alias, created.layout_template, created.active) == ("hi", "frame", True)
    assert client.templates.edit("hi", {"subject": "Hello"}).template_id == created.template_id
    assert client.templates.get(created.template_id).subject == "Hello"
    layouts = client.templates.list(template_type=TemplateTypeFilter.LAYOUT)
    assert (layouts.total, layouts.items[0].alias) == (1, "frame")
    assert client.templates.list(count=4, offset=8).total == 11
    assert client.templates.delete("hi").error_code == 0


def test_it_validates_templates(client: Any) -> None:
    answer = client.templates.validate({"subject": "Hi {{name}}", "text_body": "{{#a}}"})
    assert not answer.all_content_is_valid
    assert answer.html_body is None
    assert answer.subject.rendered_content == "Hi name_Value"
    assert answer.text_body.validation_errors[0].line == 1
    assert answer.suggested_template_model["name"] == "name_Value"


def test_it_reads_streams(client: Any) -> None:
    streams = client.stream.list(message_stream_type=MessageStreamType.TRANSACTIONAL)
    assert [stream.id for stream in streams.items] == ["outbound"]
    assert client.stream.get("broadcast").message_stream_type is MessageStreamType.BROADCASTS


def test_it_reads_the_statistics(client: Any) -> None:
    client.outbound.send_with_template({**TEMPLATED, "tag": "sign-in"})
    overview = client.stats.overview(tag="sign-in", from_date=date(2026, 1, 31), message_stream="outbound")
    assert (overview.sent, overview.bounced, overview.bounce_rate) == (1, 0, 0)
    assert client.stats.overview(to_date=date(2026, 1, 31)).sent == 0


def test_it_understands_inactive_recipients(client: Any, sandbox: PostmarkSandbox) -> None:
    sandbox.account.inactive_recipients.add("gone@mail.example.com")
    to = "Gone@mail.example.com, HardBounce@bounce-testing.postmarkapp.com"
    with pytest.raises(InactiveRecipientException) as caught:
        client.outbound.send_with_template({**TEMPLATED, "to": to})
    assert caught.value.inactive_recipients == [
        "gone@mail.example.com",
        "hardbounce@bounce-testing.postmarkapp.com",
    ]


@pytest.mark.parametrize(
    ("change", "code", "kind"),
    [({"to": "nobody"}, 300, ValidationException), ({"template_alias": "nope"}, 1101, ValidationException)],
)
def test_it_understands_refusals(
    client: Any, change: dict[str, Any], code: int, kind: type[PostmarkAPIException]
) -> None:
    with pytest.raises(kind) as caught:
        client.outbound.send_with_template({**TEMPLATED, **change})
    assert (caught.value.error_code, caught.value.http_status) == (code, 422)


def test_it_understands_a_wrong_token(sandbox: PostmarkSandbox) -> None:
    with (
        postmark.sync.ServerClient("wrong", retries=0, base_url=sandbox.url) as client,
        pytest.raises(InvalidAPIKeyException),
    ):
        client.server.get()
