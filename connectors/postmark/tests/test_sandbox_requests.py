"""How the sandbox reads a request: what Postmark tolerates, it tolerates."""

from __future__ import annotations

import http.client
import json
import re
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests
    from connector_postmark.sandbox import PostmarkSandbox

    Call = Callable[..., requests.Response]

MAIL: dict[str, Any] = {
    "From": "sandbox@example.com",
    "To": "ann@example.com",
    "TemplateAlias": "logto-generic",
    "TemplateModel": {"code": "123456"},
}


def test_an_accepted_mail_is_answered_in_postmarks_shape(
    call: Call, sandbox: PostmarkSandbox, write_subject: Callable[[str, str], str]
) -> None:
    response = call("POST", "/email/withTemplate", {**MAIL, "To": "Ann <ann@example.com>"})
    answer = response.json()
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert list(answer) == ["To", "SubmittedAt", "MessageID", "ErrorCode", "Message"]
    assert (answer["To"], answer["ErrorCode"], answer["Message"]) == ("Ann <ann@example.com>", 0, "OK")
    assert str(uuid.UUID(answer["MessageID"])) == answer["MessageID"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z", answer["SubmittedAt"])
    assert datetime.fromisoformat(answer["SubmittedAt"]).tzinfo is not None
    (message,) = sandbox.messages
    assert message.id == answer["MessageID"]
    assert message.to == ("ann@example.com",)
    assert message.subject == write_subject("Generic", "123456")
    assert "123456" in message.text
    assert "123456" in message.html
    assert message.payload == {"code": "123456"}
    assert message.request == {**MAIL, "To": "Ann <ann@example.com>"}


@pytest.mark.parametrize(
    "path", ["/email/withtemplate", "/EMAIL/WITHTEMPLATE/", "/Email/WithTemplate", "/email//withTemplate"]
)
def test_the_case_of_a_path_and_its_last_slash_do_not_matter(call: Call, path: str) -> None:
    assert call("POST", path, MAIL).status_code == 200


def test_the_case_of_keys_does_not_matter(call: Call, sandbox: PostmarkSandbox) -> None:
    mail = {key.swapcase(): value for key, value in MAIL.items()}
    mail["headers"] = [{"NAME": "X-A", "value": "b"}]
    mail["attachments"] = [{"name": "a.txt", "CONTENT": "aGk=", "contentType": "text/plain"}]
    assert call("POST", "/email/withTemplate", mail).status_code == 200
    assert sandbox.messages[0].payload == {"code": "123456"}


def test_the_case_of_a_payloads_keys_stays(call: Call, sandbox: PostmarkSandbox) -> None:
    call("POST", "/email/withTemplate", {**MAIL, "TemplateModel": {"CODE": "1", "code": "2"}})
    assert sandbox.messages[0].payload == {"CODE": "1", "code": "2"}


def test_null_and_empty_count_as_absent(call: Call) -> None:
    absent = {
        **dict.fromkeys(("Cc", "Bcc", "ReplyTo", "Tag", "MessageStream", "TrackLinks", "Subject", "HtmlBody"), ""),
        **dict.fromkeys(("TrackOpens", "InlineCss", "Metadata", "Headers", "Attachments", "TextBody")),
        "TemplateId": 0,
    }
    assert call("POST", "/email/withTemplate", {**MAIL, **absent}).json()["Message"] == "OK"


def test_an_empty_array_is_an_empty_payload(call: Call, sandbox: PostmarkSandbox) -> None:
    assert call("POST", "/email/withTemplate", {**MAIL, "TemplateModel": []}).ok
    assert sandbox.messages[0].payload == {}


def test_unknown_keys_and_headers_are_ignored(call: Call) -> None:
    headers = {"X-Postmark-Client": "something", "X-Whatever": "else"}
    assert call("POST", "/email/withTemplate", {**MAIL, "Unknown": {"deep": [1]}}, headers=headers).ok


def test_base64_may_have_line_breaks(call: Call) -> None:
    attachment = {"Name": "a.txt", "Content": "aGVs\r\nbG8h\r\n", "ContentType": "text/plain", "ContentID": "cid:a"}
    assert call("POST", "/email/withTemplate", {**MAIL, "Attachments": [attachment]}).ok


def test_every_field_of_a_mail_is_understood(call: Call) -> None:
    mail = {
        **MAIL,
        "From": '"Shop, the best" <sandbox@example.com>',
        "Cc": "Bob <bob@example.com>, carol@example.org",
        "Bcc": "dave@xn--bcher-kva.example",
        "ReplyTo": "help@example.com, sales@example.com",
        "Tag": "welcome",
        "Metadata": {"user": "42", "retries": 3},
        "Headers": [{"Name": "X-A", "Value": ""}],
        "TrackOpens": "true",
        "TrackLinks": "htmlandtext",
        "InlineCss": False,
        "MessageStream": "broadcast",
    }
    assert call("POST", "/email/withTemplate", mail).json()["ErrorCode"] == 0


def test_the_token_has_no_case(call: Call, sandbox: PostmarkSandbox) -> None:
    assert call("GET", "/server", token=sandbox.config["serverToken"].upper()).ok


def test_the_test_token_checks_and_does_not_deliver(call: Call, sandbox: PostmarkSandbox) -> None:
    answer = call("POST", "/email/withTemplate", MAIL, token="POSTMARK_API_TEST").json()
    assert (answer["ErrorCode"], answer["Message"]) == (0, "Test job accepted")
    assert call("POST", "/email/withTemplate", {**MAIL, "To": "x"}, token="POSTMARK_API_TEST").status_code == 422
    assert sandbox.messages == []


def test_a_mail_to_cc_and_bcc_alone_is_answered_without_to(call: Call, sandbox: PostmarkSandbox) -> None:
    answer = call("POST", "/email/withTemplate", {**MAIL, "To": None, "Bcc": "ann@example.com"}).json()
    assert list(answer) == ["SubmittedAt", "MessageID", "ErrorCode", "Message"]
    assert sandbox.messages[0].to == ()


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_batch_answers_in_order_whatever_fails(call: Call, sandbox: PostmarkSandbox, *, wrapped: bool) -> None:
    recipients = ["a@example.com", "nobody", "b@example.com", 7, "c@example.com"]
    plain = {"From": "sandbox@example.com", "TextBody": "Hi"}
    mails: list[Any] = [{**(MAIL if wrapped else plain), "To": recipient} for recipient in recipients]
    mails.append("no object")
    if wrapped:
        response = call("POST", "/email/batchWithTemplates", {"messages": mails})
    else:
        response = call("POST", "/email/batch", mails)
    assert response.status_code == 200
    assert [item["ErrorCode"] for item in response.json()] == [0, 300, 0, 403, 0, 403]
    assert [item.get("To") for item in response.json()] == [
        "a@example.com", None, "b@example.com", None, "c@example.com", None,
    ]  # fmt: skip
    assert all(set(item) == {"ErrorCode", "Message"} for item in response.json()[1::2])
    assert [message.to[0] for message in sandbox.messages] == ["a@example.com", "b@example.com", "c@example.com"]


def test_a_plain_mail_keeps_its_content(call: Call, sandbox: PostmarkSandbox) -> None:
    mail = {"From": "sandbox@example.com", "To": "a@example.com", "HtmlBody": "<p>{{x}}</p>", "TextBody": "{{x}}"}
    assert call("POST", "/email", mail).ok
    (message,) = sandbox.messages
    assert (message.subject, message.html, message.text, message.payload) == ("", "<p>{{x}}</p>", "{{x}}", None)


def test_a_connection_stays_open_even_after_a_refusal(sandbox: PostmarkSandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=20)
    connection.connect()
    socket = connection.sock
    body = json.dumps(MAIL)
    for token, status in (("wrong", 401), (sandbox.config["serverToken"], 200), ("", 401)):
        headers = {"X-Postmark-Server-Token": token, "Content-Type": "application/json"}
        connection.request("POST", "/email/withTemplate", body, headers)
        response = connection.getresponse()
        response.read()
        assert response.status == status
        assert connection.sock is socket
    connection.close()


def test_a_body_may_come_in_chunks(call: Call, sandbox: PostmarkSandbox) -> None:
    def chunks() -> Iterator[bytes]:
        data = json.dumps(MAIL).encode()
        yield from (data[start : start + 7] for start in range(0, len(data), 7))

    headers = {"Content-Type": "application/json"}
    for _ in range(2):
        response = call("POST", "/email/withTemplate", data=chunks(), headers=headers)
        assert response.request.headers["Transfer-Encoding"] == "chunked"
        assert response.status_code == 200
    assert len(sandbox.messages) == 2


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ("Content-Length: many", b"", b"400"),
        ("Content-Length: -1", b"", b"400"),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked", b"0\r\n\r\n", b"400"),
        ("Transfer-Encoding: gzip", b"", b"501"),
        ("Transfer-Encoding: chunked", b"zz\r\n", b"400"),
        ("Transfer-Encoding: chunked", b"5f5e101\r\n", b"400"),
        ("Content-Length: 100000001", b"", b"413"),
    ],
)
def test_a_malformed_body_ends_the_connection(
    sandbox: PostmarkSandbox, headers: str, body: bytes, status: bytes
) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=20) as connection:
        connection.sendall(f"POST /email HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n".encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 " + status)


def test_a_body_that_ends_early_is_refused(sandbox: PostmarkSandbox) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=20) as connection:
        connection.sendall(b"POST /email HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_what_follows_a_chunked_body_is_the_next_request(sandbox: PostmarkSandbox) -> None:
    import socket

    head = b" HTTP/1.1\r\nHost: localhost\r\n"
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=20) as connection:
        connection.sendall(
            b"POST /email" + head + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX-A: b\r\n\r\n"
        )
        connection.sendall(b"GET /sandbox/messages" + head + b"Connection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"HTTP/1.1 200 " in answer
    assert answer.endswith(b"\r\n\r\n[]")


def test_head_answers_without_a_body(sandbox: PostmarkSandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=20)
    for method in ("HEAD", "GET"):
        # A body after HEAD would be read as the beginning of the next answer.
        connection.request(method, "/sandbox/messages")
        response = connection.getresponse()
        assert (response.status, response.getheader("Content-Length")) == (200, "2")
        assert response.read() == (b"" if method == "HEAD" else b"[]")
    connection.close()
