"""The sandbox: an endpoint that takes what Logto and this connector post, and refuses the rest."""

from __future__ import annotations

import json
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_http_email.sandbox import REFUSED_RECIPIENT, HttpEmailSandbox, find_problem

from connector_core import (
    Attachment,
    AuthorizationFailed,
    Connector,
    Content,
    Host,
    InvalidMessage,
    Message,
    Secret,
)
from connector_core.schema import MESSAGE, public_validator

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY: dict[str, Any] = {"to": "foo@example.com", "type": "SignIn", "payload": {"code": "123456"}}
OPEN = {"endpoint": "https://mail.example.com/send"}
SECRET = "Bearer made-up-token"


@pytest.fixture
def connector() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["http-email"]


@pytest.fixture
def anybodys() -> Iterator[HttpEmailSandbox]:
    with HttpEmailSandbox(OPEN) as sandbox:
        yield sandbox


def post(sandbox: HttpEmailSandbox, body: Any = None, **headers: str) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(BODY if body is None else body).encode()
    fields = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return requests.post(sandbox.config["endpoint"], data=data, headers=fields, timeout=20)


def test_its_own_config_works_and_the_message_shows_type_and_variables(connector: Connector) -> None:
    payload = {"code": "123456", "application": {"name": "Zoë's App"}, "link": "https://a.example/?x=1&y=<2>"}
    with connector.create_sandbox() as sandbox:
        assert connector.validate_config(sandbox.config) == []
        result = connector.send_message(sandbox.config, Message("ann@example.com", "Register", payload, "192.0.2.1"))
        (taken,) = sandbox.messages
        shown = requests.get(f"{sandbox.url}/sandbox/messages/{taken.id}", timeout=20).json()
        page = requests.get(sandbox.url, timeout=20).text

    assert taken.id == result.message_id
    assert taken.to == ("ann@example.com",)
    assert (taken.subject, taken.html) == ("Register message", "")
    assert taken.text.splitlines() == [
        "Usage type: Register",
        "code: 123456",
        'application: {"name": "Zoë\'s App"}',
        "link: https://a.example/?x=1&y=<2>",
    ]
    assert taken.payload == payload
    assert taken.request == {"to": "ann@example.com", "type": "Register", "payload": payload, "ip": "192.0.2.1"}
    assert (shown["type"], shown["ip"]) == ("Register", "192.0.2.1")
    assert "Register message" in page


def test_the_options_of_a_message_show(connector: Connector) -> None:
    message = Message(
        "ann@example.com",
        "SignIn",
        {"code": "123456"},
        cc=["bob@example.com"],
        bcc=["eve@example.com"],
        tags=["sign-in"],
        headers={"X-Team": "ours"},
        attachments=[Attachment(name="bill.pdf", content=b"PDF")],
        content=Content("Your code", html="<p>It is {{code}}</p>"),
    )
    with connector.create_sandbox() as sandbox:
        connector.send_message(sandbox.config, message)
        (taken,) = sandbox.messages
        page = requests.get(f"{sandbox.url}/sandbox/messages/{taken.id}", timeout=20).json()

    assert taken.to == ("ann@example.com", "bob@example.com", "eve@example.com")
    assert (taken.subject, taken.text, taken.html) == ("Your code", "", "<p>It is {{code}}</p>")
    assert taken.request == message.to_json()
    shown = {name: page[name] for name in ("cc", "bcc", "tags", "headers", "attachments")}
    assert shown == {
        "cc": ["bob@example.com"],
        "bcc": ["eve@example.com"],
        "tags": ["sign-in"],
        "headers": ["X-Team: ours"],
        "attachments": ["bill.pdf"],
    }


def test_what_logto_posts_is_taken(anybodys: HttpEmailSandbox) -> None:
    answer = post(anybodys)

    assert answer.status_code == 200
    (taken,) = anybodys.messages
    assert answer.json() == {"messageId": taken.id}
    assert taken.request == BODY


@pytest.mark.parametrize(
    ("secret", "header"), [(SECRET, "Authorization"), ("made-up-key", "X-Api-Key"), (Secret(SECRET), "Authorization")]
)
def test_the_secret_of_a_config_is_let_in_and_no_other(secret: Any, header: str) -> None:
    plain = secret.reveal() if isinstance(secret, Secret) else secret
    with HttpEmailSandbox({**OPEN, "authorization": secret, "headerName": header}) as sandbox:
        assert sandbox.config["authorization"] == plain
        assert post(sandbox, None, **{header: plain}).status_code == 200
        wrong: list[dict[str, str]] = [
            {},
            {header: f"{plain}x"},
            {header: ""},
            {header: plain.upper()},
            {"X-Other": plain},
        ]
        for headers in wrong:
            answer = post(sandbox, None, **headers)
            assert answer.status_code == 401
            assert answer.json() == {"code": "unauthorized", "message": "The secret is missing or wrong."}
        assert len(sandbox.messages) == 1


@pytest.mark.parametrize("header", ["Authorization", "AUTHORIZATION", "X-Api-Key", "X_Token", "Cookie"])
def test_a_config_works_against_the_sandbox_that_knows_it(connector: Connector, header: str) -> None:
    config = {**OPEN, "authorization": SECRET, "headerName": header}
    with connector.create_sandbox(config) as sandbox:
        assert sandbox.config == {**config, "endpoint": f"{sandbox.url}/send"}
        connector.send_message(sandbox.config, Message("ann@example.com", "SignIn"))
        assert len(sandbox.messages) == 1


def test_without_a_secret_in_the_config_anybody_is_let_in(anybodys: HttpEmailSandbox) -> None:
    assert "authorization" not in anybodys.config
    assert post(anybodys, None, Authorization="whatever").status_code == 200


@pytest.mark.parametrize("config", [None, {**OPEN, "authorization": {"$env": "NOT_SET"}}])
def test_a_secret_that_is_not_known_here_is_made_up(config: dict[str, Any] | None) -> None:
    with HttpEmailSandbox(config) as one, HttpEmailSandbox(config) as two:
        assert one.config["authorization"] != two.config["authorization"]
        assert post(one, None, Authorization=one.config["authorization"]).status_code == 200
        assert post(two, None, Authorization=one.config["authorization"]).status_code == 401


def test_a_wrong_secret_is_an_authorization_failure(connector: Connector) -> None:
    with connector.create_sandbox() as sandbox, pytest.raises(AuthorizationFailed) as caught:
        connector.send_message({**sandbox.config, "authorization": SECRET}, Message("ann@example.com", "SignIn"))

    assert caught.value.to_json()["provider"] == {
        "code": "unauthorized",
        "message": "The secret is missing or wrong.",
        "status": 401,
    }


@pytest.mark.parametrize("to", [REFUSED_RECIPIENT, "Refused@Example.com"])
def test_one_address_is_always_refused(connector: Connector, to: str) -> None:
    with connector.create_sandbox() as sandbox:
        with pytest.raises(InvalidMessage) as caught:
            connector.send_message(sandbox.config, Message(to, "SignIn"))
        assert list(sandbox.messages) == []

    assert caught.value.to_json()["provider"] == {
        "code": "recipient_refused",
        "message": "This address is always refused.",
        "status": 422,
    }


NO_ADDRESSES = ["nonsense", "a@b.c, d@e.f", "Ann <a@b.c>", "+4915112345678"]
"""What the public schema of a message lets through, since a message may also go to a telephone."""
BAD: list[Any] = [
    [],
    "text",
    None,
    {},
    {**BODY, "to": ""},
    {**BODY, "to": 7},
    {**BODY, "to": "a@b.c\nX: y"},
    *({**BODY, "to": to} for to in NO_ADDRESSES),
    {**BODY, "type": ""},
    {**BODY, "type": "Sign\nIn"},
    {**BODY, "type": "Sign\x9bIn"},
    {**BODY, "payload": []},
    {**BODY, "payload": None},
    {**BODY, "ip": 7},
    {**BODY, "extra": 1},
    {**BODY, "cc": "bob@example.com"},
    {**BODY, "tags": ["a\nb"]},
    {**BODY, "metadata": {"a": 1}},
    {**BODY, "headers": {"X-Team": "a\r\nBcc: eve@example.com"}},
    {**BODY, "attachments": [{"name": "bill.pdf"}]},
    {**BODY, "content": {"subject": "a", "body": "b"}},
    {key: value for key, value in BODY.items() if key != "to"},
    {key: value for key, value in BODY.items() if key != "type"},
    {key: value for key, value in BODY.items() if key != "payload"},
]
NO_JSON = [
    b"",
    b"{",
    b'{"to"',
    b"\xff\xfe",
    b"[" * 100_000,
    *(
        b'{"to": "a@b.c", "type": "SignIn", "payload": {"code": %s}}' % value
        for value in (b"NaN", b"-Infinity", b"1e999", b"[" * 200 + b"]" * 200)
    ),
]
GOOD: list[Any] = [
    BODY,
    {**BODY, "ip": "192.0.2.1"},
    {**BODY, "ip": None},
    {**BODY, "payload": {}},
    {**BODY, "type": "OfOurOwn"},
    {**BODY, "to": "zoë@münchen.example"},
    {**BODY, "cc": ["bob@example.com"], "bcc": None, "replyTo": "Help desk <help@example.com>"},
    {**BODY, "headers": {"X-Team": "ours"}, "metadata": {"user": "7"}, "tags": [], "stream": "news"},
    {**BODY, "attachments": [{"name": "bill.pdf", "content": "AP8=", "contentId": "bill"}]},
    {**BODY, "content": {"subject": None, "text": "It is 123456"}},
]


@pytest.mark.parametrize("body", [*BAD, *GOOD])
def test_a_message_is_what_the_public_schema_says(body: Any) -> None:
    is_addressed = not isinstance(body, dict) or body.get("to") not in NO_ADDRESSES
    assert (find_problem(body) is None) == (public_validator(MESSAGE).is_valid(body) and is_addressed) == (body in GOOD)


@pytest.mark.parametrize(
    "option", [{"cc": ["nobody"]}, {"bcc": ["a@b.c, d@e.f"]}, {"replyTo": "nobody"}, {"headers": {"Subject": "mine"}}]
)
def test_a_further_address_that_is_none_is_refused(option: dict[str, Any]) -> None:
    assert find_problem({**BODY, **option}) is not None


@pytest.mark.parametrize("body", [*BAD, *NO_JSON])
def test_what_is_no_message_is_refused_in_json(anybodys: HttpEmailSandbox, body: Any) -> None:
    answer = post(anybodys, body if isinstance(body, bytes) else json.dumps(body).encode())

    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message"}
    assert anybodys.messages == []


def test_another_content_type_is_refused(anybodys: HttpEmailSandbox) -> None:
    assert post(anybodys, None, Content_Type="text/plain").status_code == 415
    assert post(anybodys, None, Content_Type="application/json; charset=utf-8").status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_posts_are_taken(anybodys: HttpEmailSandbox, method: str) -> None:
    assert requests.request(method, anybodys.config["endpoint"], timeout=20).status_code == 405


@pytest.mark.parametrize(("secret", "status"), [(SECRET, 204), ("Bearer other", 401), ("", 401)])
def test_the_sandbox_answers_a_live_check_with_its_methods_to_those_it_knows(secret: str, status: int) -> None:
    with HttpEmailSandbox({**OPEN, "authorization": SECRET}) as sandbox:
        headers = {"Authorization": secret}
        answer = requests.options(sandbox.config["endpoint"], headers=headers, timeout=20)
        foreign = requests.options(
            sandbox.config["endpoint"], headers={**headers, "Origin": "https://other.example"}, timeout=20
        )
        assert sandbox.messages == []
    assert answer.status_code == status
    assert ("POST" in answer.headers.get("Allow", "")) == (status == 204)
    assert foreign.status_code == 403


def test_another_origin_is_refused(anybodys: HttpEmailSandbox) -> None:
    assert post(anybodys, None, Origin="https://other.example").status_code == 403
    assert anybodys.messages == []


def test_a_repeated_request_is_answered_again_and_taken_once(anybodys: HttpEmailSandbox) -> None:
    key = str(uuid.uuid4())
    answers = [post(anybodys, None, Idempotency_Key=key).json() for _ in range(3)]
    post(anybodys, None, Idempotency_Key=str(uuid.uuid4()))

    assert answers == [{"messageId": key}] * 3
    assert len(anybodys.messages) == 2


def test_simultaneous_repeats_are_taken_once(anybodys: HttpEmailSandbox) -> None:
    key = str(uuid.uuid4())
    threads = [threading.Thread(target=post, args=(anybodys,), kwargs={"Idempotency_Key": key}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [message.id for message in anybodys.messages] == [key]


@pytest.mark.parametrize("key", ["", "short", "../x", "x" * 5000])
def test_a_key_of_another_kind_is_no_id(anybodys: HttpEmailSandbox, key: str) -> None:
    ids = {post(anybodys, None, Idempotency_Key=key).json()["messageId"] for _ in range(2)}

    assert len(ids) == 2
    assert key not in ids


def test_it_serves_on_the_port_that_is_asked_for() -> None:
    with HttpEmailSandbox(OPEN) as first:
        port = int(first.url.rpartition(":")[2])
    with HttpEmailSandbox(OPEN, port=port) as second:
        assert second.config["endpoint"] == f"http://127.0.0.1:{port}/send"
