"""Options in the Mailgun sandbox: it shows them, and refuses what is beyond the limits that Mailgun documents."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_mailgun.sandbox import MailgunSandbox

from connector_core import Attachment, Content, Host, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core import Connector

FORM = {"from": "a@mg.example.com", "to": "bob@example.com", "subject": "Hello", "text": "Text"}
LARGE = "x" * 26_214_401


@pytest.fixture(scope="module")
def mailgun() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["mailgun-email"]


@pytest.fixture
def sandbox() -> Iterator[MailgunSandbox]:
    with MailgunSandbox() as running:
        yield running


def post(sandbox: MailgunSandbox, fields: Any, **arguments: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        url, auth = f"{sandbox.url}/v3/mg.example.com/messages", ("api", sandbox.config["apiKey"])
        return session.post(url, data=fields, auth=auth, timeout=20, **arguments)


def test_the_options_of_a_message_are_in_the_outbox(mailgun: Connector, sandbox: MailgunSandbox) -> None:
    message = Message(
        "ann@example.com",
        "SignIn",
        {"code": "123456"},
        cc=["b@example.com"],
        bcc=["c@example.com"],
        reply_to="Ann <d@example.com>",
        headers={"X-A": "ü"},
        tags=["one", "two"],
        metadata={"order": "42"},
        attachments=[
            Attachment(name="ä.pdf", content=b"%PDF", content_type="application/pdf"),
            Attachment(name="x.png", content=b"PNG", content_type="image/png", content_id="logo.png"),
        ],
        content=Content("Hi", "Text", '<img src="cid:logo.png">'),
    )
    mailgun.send_message({**sandbox.config, "tag": "codes"}, message)
    (accepted,) = sandbox.messages
    assert accepted.to == ("ann@example.com", "b@example.com", "c@example.com")
    assert (accepted.subject, accepted.text, accepted.html) == ("Hi", "Text", '<img src="cid:logo.png">')
    assert accepted.request["o:tag"] == ["codes", "one", "two"]
    assert accepted.request["v:order"] == "42"
    paper = {"filename": "ä.pdf", "contentType": "application/pdf", "content": b64encode(b"%PDF").decode()}
    assert accepted.request["attachment"] == [paper]
    logo = {"filename": "logo.png", "contentType": "image/png", "content": b64encode(b"PNG").decode()}
    assert accepted.request["inline"] == [logo]
    (shown,) = requests.get(f"{sandbox.url}/sandbox/messages", timeout=20).json()
    details = {name: shown[name] for name in ("cc", "bcc", "replyTo", "tag", "headers", "metadata", "attachments")}
    assert details == {
        "cc": ["b@example.com"],
        "bcc": ["c@example.com"],
        "replyTo": "Ann <d@example.com>",
        "tag": ["codes", "one", "two"],
        "headers": ["X-A: ü"],
        "metadata": ["order: 42"],
        "attachments": ["ä.pdf"],
    }
    assert shown["inline"] == ["cid:logo.png"]
    page = requests.get(sandbox.url, timeout=20).text
    assert all(word in page for word in ("order: 42", "ä.pdf", "cid:logo.png", "codes, one, two"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("cc", f"a{number}@example.com") for number in range(1000)], "a message has at most 1000 recipients"),
        ([("o:tag", f"tag{number}") for number in range(11)], "'o:tag' parameter is there more than 10 times"),
        ([("o:tag", "x" * 129)], "'o:tag' parameter is not 128 ASCII characters at most"),
        ([("o:tag", "größe")], "'o:tag' parameter is not 128 ASCII characters at most"),
        ([("v:a", "x" * 9000), ("h:X-A", "x" * 9000)], "send options are limited to 16KB total"),
        ([("html", LARGE)], "message size exceeds 25MB limit"),
    ],
    ids=["recipients", "tags", "length of a tag", "accents in a tag", "size of options", "size"],
)
def test_what_is_beyond_a_limit_is_refused(sandbox: MailgunSandbox, fields: list[tuple[str, str]], said: str) -> None:
    answer = post(sandbox, [*FORM.items(), *fields])
    assert (answer.status_code, answer.json()) == (400, {"message": said})
    assert sandbox.messages == []


@pytest.mark.parametrize(
    "fields",
    [
        [("cc", ", ".join(f"a{number}@example.com" for number in range(999)))],
        [("o:tag", f"tag{number}") for number in range(10)],
        [("o:tag", "x" * 128)],
        [("v:a", "x" * 8192), ("h:X-A", "x" * 8192)],
    ],
    ids=["recipients", "tags", "length of a tag", "size of options"],
)
def test_what_is_at_a_limit_is_taken(sandbox: MailgunSandbox, fields: list[tuple[str, str]]) -> None:
    assert post(sandbox, [*FORM.items(), *fields]).status_code == 200


def test_files_count_as_they_are_sent_in_base64(sandbox: MailgunSandbox) -> None:
    answer = post(sandbox, FORM, files=[("attachment", ("a.bin", bytes(20_000_000)))])
    assert answer.json() == {"message": "message size exceeds 25MB limit"}
