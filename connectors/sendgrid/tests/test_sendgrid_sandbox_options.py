"""Options in the SendGrid sandbox: it shows them, and refuses what SendGrid's page "Errors" and people tell of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_sendgrid.sandbox import SendGridSandbox

from connector_core import Attachment, Content, Host, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core import Connector

MAIL: dict[str, Any] = {
    "personalizations": [{"to": [{"email": "a@example.com"}]}],
    "from": {"email": "sandbox@example.com"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Text"}],
}
FILE = {"content": "aGVsbG8=", "filename": "a.txt", "type": "text/plain"}
TWICE = (
    "Each email address in the personalization block should be unique between to, cc, and bcc. We found the first "
    "duplicate instance of [A@example.com] in the personalizations.0.bcc field."
)


@pytest.fixture(scope="module")
def sendgrid() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["sendgrid-email-service"]


@pytest.fixture
def sandbox() -> Iterator[SendGridSandbox]:
    with SendGridSandbox() as running:
        yield running


def post(sandbox: SendGridSandbox, changes: dict[str, Any]) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {sandbox.config['apiKey']}"}
        return session.post(f"{sandbox.url}/v3/mail/send", json={**MAIL, **changes}, headers=headers, timeout=20)


def address(**kinds: list[str]) -> dict[str, Any]:
    """Return a change that sends the mail to these addresses."""
    return {"personalizations": [{kind: [{"email": one} for one in some] for kind, some in kinds.items()}]}


def test_the_options_of_a_message_are_in_the_outbox(sendgrid: Connector, sandbox: SendGridSandbox) -> None:
    message = Message(
        "ann@example.com",
        "SignIn",
        {"code": "123456"},
        cc=["b@example.com"],
        bcc=["c@example.com"],
        reply_to="Ann <d@example.com>",
        headers={"X-A": "b"},
        tags=["one"],
        metadata={"order": "42"},
        attachments=[
            Attachment(name="ä.pdf", content=b"%PDF", content_type="application/pdf"),
            Attachment(name="x.png", content=b"PNG", content_type="image/png", content_id="logo"),
        ],
        content=Content("Hi", "Text", '<img src="cid:logo">'),
    )
    sendgrid.send_message({**sandbox.config, "categories": ["codes"]}, message)
    (accepted,) = sandbox.messages
    assert accepted.to == ("ann@example.com", "b@example.com", "c@example.com")
    assert (accepted.subject, accepted.text, accepted.html) == ("Hi", "Text", '<img src="cid:logo">')
    (shown,) = requests.get(f"{sandbox.url}/sandbox/messages", timeout=20).json()
    names = ("cc", "bcc", "replyTo", "headers", "categories", "customArgs", "attachments")
    assert {name: shown[name] for name in names} == {
        "cc": ["b@example.com"],
        "bcc": ["c@example.com"],
        "replyTo": "d@example.com",
        "headers": ["X-A: b"],
        "categories": ["codes", "one"],
        "customArgs": ["order: 42"],
        "attachments": ["ä.pdf", "x.png (cid:logo)"],
    }
    page = requests.get(sandbox.url, timeout=20).text
    assert all(word in page for word in ("order: 42", "ä.pdf", "cid:logo", "codes, one"))


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        pytest.param(
            address(to=["a@example.com"], cc=["b@example.com"], bcc=["A@example.com"]),
            "personalizations.0.bcc",
            TWICE,
            id="symfony/symfony#33135 and sendgrid/sendgrid-ruby#461",
        ),
        pytest.param(
            address(to=["a@example.com"], cc=[f"a{number}@example.com" for number in range(1000)]),
            "personalizations",
            "There is a limit of 1000 total recipients (to + cc + bcc) per request.",
            id="recipients",
        ),
        pytest.param(
            address(to=["a@example.com"], cc=["nonsense"]),
            "personalizations.0.cc.0.email",
            "Does not contain a valid address.",
            id="cc",
        ),
        pytest.param({"headers": {"X-A": 1}}, "headers", "The header values must be strings.", id="headers"),
        pytest.param(
            {"headers": {"Subject": "x"}},
            "headers",
            "Header can not be one of the reserved keys.",
            id="reserved header",
        ),
        pytest.param(
            {"headers": {"X A": "x"}},
            "headers",
            "Header keys cannot contain non-ASCII characters and empty spaces.",
            id="name of a header",
        ),
        pytest.param(
            {"categories": [str(number) for number in range(11)]},
            "categories",
            "There is a limit of 10 categories for each email that is sent. You provided 11 categories.",
            id="categories",
        ),
        pytest.param(
            {"categories": [1]}, "categories", "Categories must be an array of strings.", id="type of a category"
        ),
        pytest.param(
            {"categories": ["x" * 256]},
            "categories",
            f"Each category must not be longer than 255 characters. {'x' * 256} exceeds this limit",
            id="length of a category",
        ),
        pytest.param(
            {"categories": ["größe"]}, "categories", "Categories can not contain non-ASCII characters.", id="accents"
        ),
        pytest.param(
            {"categories": ["x", "x"]},
            "categories",
            "The categories must be a unique list, and you have included x more than once.",
            id="a category twice",
        ),
        pytest.param(
            {"custom_args": {"a": 1}},
            "custom_args",
            "All values of custom arguments object must be strings",
            id="type of a custom argument",
        ),
        pytest.param(
            {"custom_args": {"a": "x" * 10_000}},
            "custom_args",
            "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes per "
            "personalization.",
            id="size of custom arguments",
        ),
        pytest.param(
            {"attachments": [{**FILE, "content": "ä"}]},
            "attachments.0.content",
            "The attachment content must be base64 encoded.",
            id="sendgrid/sendgrid-python#339",
        ),
        pytest.param(
            {"attachments": [FILE, {**FILE, "content": ""}]},
            "attachments.1.content",
            "The attachment content must be a string at least one character in length.",
            id="empty file",
        ),
        pytest.param(
            {"attachments": [{"content": "aGVsbG8="}]},
            "attachments.0.filename",
            "The filename of your attachment must be a string.",
            id="no file name",
        ),
        pytest.param(
            {"attachments": [{**FILE, "type": "a/b;c"}]},
            "attachments.0.type",
            "The type cannot contain ';', or CRLF characters.",
            id="type of a file",
        ),
        pytest.param(
            {"attachments": [{**FILE, "disposition": "x"}]},
            "attachments.0.disposition",
            'The disposition of your attachment can be either "inline" or "attachment". You provided x.',
            id="disposition",
        ),
        pytest.param(
            {"attachments": [{**FILE, "content_id": 1}]},
            "attachments.0.content_id",
            "The content ID of your attachment must be a string. You provided 1.",
            id="content id",
        ),
    ],
)
def test_what_sendgrid_refuses_is_refused(
    sandbox: SendGridSandbox, changes: dict[str, Any], field: str, said: str
) -> None:
    answer = post(sandbox, changes)
    assert answer.status_code == 400
    assert [(one["field"], one["message"]) for one in answer.json()["errors"]] == [(field, said)]
    assert sandbox.messages == []


@pytest.mark.parametrize(
    "changes",
    [
        address(to=["a@example.com"], bcc=[f"a{number}@example.com" for number in range(999)]),
        {"categories": [str(number) for number in range(10)]},
        {"categories": ["x" * 255]},
        {"custom_args": {"a": "x" * (10_000 - len('{"a":""}'))}},
        {"attachments": [FILE, {"content": "aGVsbG8=", "filename": "b"}]},
    ],
    ids=["recipients", "categories", "length of a category", "custom arguments", "attachments"],
)
def test_what_is_at_a_limit_is_taken(sandbox: SendGridSandbox, changes: dict[str, Any]) -> None:
    assert post(sandbox, changes).status_code == 202


@pytest.mark.parametrize("value", [None, 1, "x", [None, 1, "x", [], {}], {"a": None, "b": {}}], ids=json.dumps)
@pytest.mark.parametrize(
    "field", ["personalizations", "headers", "categories", "custom_args", "attachments", "reply_to"]
)
def test_nonsense_in_a_field_is_a_refusal_and_no_failure(sandbox: SendGridSandbox, field: str, value: Any) -> None:
    answer = post(sandbox, {field: value})
    assert answer.status_code == 400
    assert field in {one["field"].partition(".")[0] for one in answer.json()["errors"]}


def test_a_mail_of_more_than_30_mb_is_refused(sandbox: SendGridSandbox) -> None:
    """Source: Twilio SendGrid docs, "Mail Send", limitations."""
    assert post(sandbox, {"attachments": [{**FILE, "content": "aaaa" * (30 * 1024**2 // 4)}]}).status_code == 413
