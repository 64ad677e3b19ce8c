"""The outbox: the page for people, JSON for programs, and no way in for other web pages."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import markupsafe
import pytest
import requests
from connector_postmark.sandbox import PostmarkSandbox

from connector_core.sandbox.outbox import Delivery, Outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., requests.Response]

MAIL = {"From": "Shop <sandbox@example.com>", "To": "ann@example.com", "Subject": "Hello", "TextBody": "Hi there"}


def test_the_page_tells_how_to_send_while_it_is_empty(call: Call, sandbox: PostmarkSandbox) -> None:
    page = call("GET", "/", token=None)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "No messages yet" in page.text
    assert f"{sandbox.url}/email/withTemplate" in page.text


def test_the_page_shows_the_newest_first(call: Call) -> None:
    for number in range(3):
        call("POST", "/email", {**MAIL, "Subject": f"Mail {number}"})
    page = call("GET", "/", token=None).text
    assert re.findall(r"<h2>(Mail \d)</h2>", page) == ["Mail 2", "Mail 1", "Mail 0"]
    assert "3 messages, newest first" in page


def test_the_page_escapes_what_a_mail_brings(call: Call) -> None:
    evil = "\"'></h2></pre><script>alert(1)</script>"
    attachment = {"Name": evil, "Content": "aGk=", "ContentType": "text/plain"}
    mail = {**MAIL, "Subject": evil, "TextBody": evil, "HtmlBody": evil, "Attachments": [attachment]}
    assert call("POST", "/email", mail).ok
    page = call("GET", "/", token=None).text
    assert "<script" not in page
    # Subject (as heading and as title of the frame), text, HTML and the name of the attachment.
    assert page.count(str(markupsafe.escape(evil))) == 5


def test_the_html_of_a_mail_is_locked_into_a_frame(call: Call) -> None:
    call("POST", "/email", {**MAIL, "HtmlBody": "<p onclick='x()'>Hi</p>"})
    page = call("GET", "/", token=None)
    (frame,) = re.findall(r"<iframe[^>]*>", page.text)
    assert re.search(r" sandbox ", frame)
    assert "allow-" not in frame
    assert html.unescape(re.findall(r'srcdoc="([^"]*)"', frame)[0]) == "<p onclick='x()'>Hi</p>"
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:; ")
    assert "script" not in policy


def test_the_page_is_readable_by_assistive_technology(call: Call) -> None:
    call("POST", "/email", {**MAIL, "HtmlBody": "<p>Hi</p>"})
    page = call("GET", "/", token=None).text
    assert '<html lang="en">' in page
    assert len(re.findall("<h1>", page)) == 1
    assert 'title="HTML of: Hello"' in page
    assert "prefers-color-scheme: dark" in page


def test_the_page_has_pages(call: Call) -> None:
    call("POST", "/email/batch", [{**MAIL, "Subject": f"Mail {number}"} for number in range(30)])
    first, second, beyond = (call("GET", f"/?page={number}", token=None).text for number in (1, 2, 99))
    assert re.findall(r"<h2>Mail (\d+)</h2>", first) == [str(number) for number in range(29, 4, -1)]
    assert re.findall(r"<h2>Mail (\d+)</h2>", second) == re.findall(r"<h2>Mail (\d+)</h2>", beyond)
    assert 'href="/?page=2"' in first
    assert 'href="/?page=1"' in second


def test_the_token_shows_on_no_page(call: Call, sandbox: PostmarkSandbox) -> None:
    token = sandbox.config["serverToken"]
    call("POST", "/email", MAIL)
    assert all(token not in call("GET", path, token=None).text for path in ("/", "/sandbox/messages"))
    assert token not in repr(sandbox) + repr(sandbox.account) + repr(sandbox.messages)


def test_messages_come_as_json(call: Call, sandbox: PostmarkSandbox) -> None:
    attachment = {"Name": "a.txt", "Content": "aGk=", "ContentType": "text/plain"}
    message_id = call("POST", "/email", {**MAIL, "Cc": "bob@example.com", "Attachments": [attachment]}).json()[
        "MessageID"
    ]
    (message,) = call("GET", "/sandbox/messages", token=None).json()
    assert message.pop("submittedAt").endswith("+00:00")
    assert message == {
        "id": message_id,
        "from": "Shop <sandbox@example.com>",
        "to": ["ann@example.com"],
        "cc": ["bob@example.com"],
        "bcc": [],
        "subject": "Hello",
        "text": "Hi there",
        "html": "",
        "template": None,
        "stream": "outbound",
        "replyTo": None,
        "tag": None,
        "metadata": [],
        "headers": [],
        "attachments": ["a.txt"],
        "payload": None,
        "request": {**MAIL, "Cc": "bob@example.com", "Attachments": [attachment]},
    }
    assert call("GET", f"/sandbox/messages/{message_id}", token=None).json()["id"] == message_id
    assert call("GET", "/sandbox/messages/nope", token=None).status_code == 404
    assert len(sandbox.messages) == 1


def test_the_page_and_the_json_tell_the_options_of_a_mail(call: Call) -> None:
    options = {
        "Cc": "bob@example.com",
        "Bcc": "eve@example.com, dan@example.com",
        "ReplyTo": "Help <help@example.com>",
        "Tag": "orders",
        "Metadata": {"order": "4711", "plan": ""},
        "Headers": [{"Name": "X-Case", "Value": "7"}],
        "Attachments": [
            {"Name": "a.txt", "Content": "aGk=", "ContentType": "text/plain"},
            {"Name": "logo.png", "Content": "aGk=", "ContentType": "image/png", "ContentID": "cid:logo"},
        ],
    }
    assert call("POST", "/email", {**MAIL, **options}).ok
    told = {
        "cc": ["bob@example.com"],
        "bcc": ["eve@example.com", "dan@example.com"],
        "replyTo": "Help <help@example.com>",
        "tag": "orders",
        "metadata": ["order: 4711", "plan: "],
        "headers": ["X-Case: 7"],
        "attachments": ["a.txt", "logo.png (cid:logo)"],
    }
    (message,) = call("GET", "/sandbox/messages", token=None).json()
    assert {name: message[name] for name in told} == told
    page = html.unescape(call("GET", "/", token=None).text)
    for value in told.values():
        assert (value if isinstance(value, str) else ", ".join(value)) in page


def test_messages_are_cleared_by_program_by_page_and_by_code(call: Call, sandbox: PostmarkSandbox) -> None:
    call("POST", "/email", MAIL)
    assert call("DELETE", "/sandbox/messages", token=None).ok
    assert sandbox.messages == []
    call("POST", "/email", MAIL)
    cleared = call("POST", "/sandbox/messages/clear", token=None, headers={"Origin": sandbox.url})
    assert (cleared.url, cleared.status_code) == (f"{sandbox.url}/", 200)
    assert sandbox.messages == []
    call("POST", "/email", MAIL)
    sandbox.clear()
    assert sandbox.messages == []


@pytest.mark.parametrize(
    "host", ["attacker.example", "127.0.0.1.attacker.example", "localhost.attacker.example:80", "[", ""]
)
@pytest.mark.parametrize("path", ["/", "/sandbox/messages", "/server"])
def test_a_rebound_host_name_is_refused(call: Call, host: str, path: str) -> None:
    assert call("GET", path, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1:80", "[::1]:1"])
def test_a_loopback_host_name_is_let_in(call: Call, host: str) -> None:
    assert call("GET", "/sandbox/messages", headers={"Host": host}).ok


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sandbox/messages"), ("DELETE", "/sandbox/messages"), ("POST", "/sandbox/messages/clear")],
)
def test_another_page_gets_nothing_and_clears_nothing(
    call: Call, sandbox: PostmarkSandbox, method: str, path: str, headers: dict[str, str]
) -> None:
    call("POST", "/email", MAIL)
    assert call(method, path, token=None, headers=headers).status_code == 403
    assert len(sandbox.messages) == 1


def test_no_answer_opens_the_sandbox_to_other_origins(call: Call) -> None:
    for method, path in (("GET", "/"), ("GET", "/sandbox/messages"), ("OPTIONS", "/email"), ("POST", "/email")):
        response = call(method, path, MAIL if method == "POST" else None)
        assert not [name for name in response.headers if name.startswith("Access-Control")]
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert response.headers["X-Frame-Options"] == "DENY"
    assert call("OPTIONS", "/email").status_code == 405
    assert call("POST", "/sandbox/messages/clear", token=None).status_code == 403


def test_only_the_newest_messages_are_kept() -> None:
    with PostmarkSandbox(keep_messages=3) as sandbox:
        headers = {"X-Postmark-Server-Token": sandbox.config["serverToken"]}
        mails = [{**MAIL, "Subject": str(number)} for number in range(5)]
        assert requests.post(f"{sandbox.url}/email/batch", json=mails, headers=headers, timeout=20).ok
        assert [message.subject for message in sandbox.messages] == ["2", "3", "4"]


def test_large_messages_push_older_ones_out(sandbox: PostmarkSandbox, call: Call) -> None:
    call("POST", "/email", MAIL)
    (message,) = sandbox.messages
    outbox = Outbox(keep=10, keep_bytes=100)
    now: Any = None
    kept = []
    for size in (90, 40, 41, 500, 60, 40):
        outbox.add(Delivery(message=message, submitted_at=now, sender="", size=size))
        kept.append([delivery.size for delivery in outbox.all()])
    assert kept == [[90], [40], [40, 41], [500], [60], [60, 40]]


def test_the_page_shows_a_mail_that_has_half_a_surrogate_pair(call: Call) -> None:
    assert call("POST", "/email", {**MAIL, "Subject": "Half \ud800 pair"}).ok
    page = call("GET", "/", token=None)
    assert page.ok
    assert "Half ? pair" in page.text
