"""Postmark's error table, as far as a local server can produce it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from connector_postmark.sandbox import PostmarkSandbox

    Call = Callable[..., requests.Response]

BOUNCING = "hardbounce@bounce-testing.postmarkapp.com"
MAIL: dict[str, Any] = {
    "From": "sandbox@example.com",
    "To": "ann@example.com",
    "TemplateAlias": "logto-generic",
    "TemplateModel": {"code": "123456"},
}


def refused(response: requests.Response, status: int = 422) -> tuple[int, str]:
    body = response.json()
    assert response.status_code == status
    assert set(body) == {"ErrorCode", "Message"}
    assert response.headers["X-PM-ApiErrorCode"] == str(body["ErrorCode"])
    return body["ErrorCode"], body["Message"]


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"To": "nobody"}, 300, "Invalid 'To' address: 'nobody'."),
        (
            {"To": "ann@example.com, nobody"},
            300,
            "Error parsing 'To': Illegal email address 'nobody'. It must contain the '@' symbol.",
        ),
        (
            {"Cc": "ann@example.com."},
            300,
            "Error parsing 'Cc': Illegal email domain 'example.com.' in address 'ann@example.com.'.",
        ),
        (
            {"Bcc": "bücher@example.com"},
            300,
            "Error parsing 'Bcc': Illegal email mailbox 'bücher' in address 'bücher@example.com'.",
        ),
        ({"ReplyTo": "nobody"}, 300, "Invalid 'ReplyTo' address: 'nobody'."),
        ({"From": "nobody"}, 300, "Invalid 'From' address: 'nobody'."),
        ({"From": None}, 300, "Invalid 'From' address: ''."),
        ({"From": "a@example.com, b@example.com"}, 300, "Invalid 'From' address: 'a@example.com, b@example.com'."),
        ({"To": ""}, 300, "Zero recipients specified"),
        ({"To": ",".join(f"a{n}@example.com" for n in range(51))}, 300, "at most 50 recipients"),
        ({"Tag": "x" * 1001}, 300, "'Tag' field is limited to 1000"),
        ({"Metadata": {str(n): "x" for n in range(11)}}, 300, "limited to 10 metadata fields"),
        ({"Metadata": {"k" * 21: "x"}}, 300, f"The '{'k' * 21}' field in your metadata content exceeds these limits."),
        ({"Metadata": {"key": "x" * 81}}, 300, "The 'key' field in your metadata content exceeds these limits."),
        ({"Headers": [{"Name": "X-A", "Value": "b\r\nBcc: c@example.com"}]}, 300, "single line"),
        ({"Headers": [{"Name": "X A", "Value": "b"}]}, 300, "Invalid header name: 'X A'."),
        ({"Attachments": [{"Name": "a.txt", "Content": "aGk="}]}, 300, "'ContentType'"),
        ({"Attachments": [{"Name": "a.txt", "Content": "%", "ContentType": "text/plain"}]}, 300, "base64"),
        ({"Attachments": [{"Name": "A.EXE", "Content": "", "ContentType": "text/plain"}]}, 411, "not allowed"),
        ({"TemplateId": 5}, 300, "either 'TemplateId' or 'TemplateAlias'"),
        ({"TemplateId": "welcome"}, 403, "Invalid request field(s): 'TemplateId'."),
        ({"To": 5, "TrackOpens": "maybe"}, 403, "Invalid request field(s): 'To', 'TrackOpens'."),
        ({"TrackLinks": "All"}, 403, "Invalid request field(s): 'TrackLinks'."),
        ({"Attachments": [1]}, 403, "Invalid request field(s): 'Attachments'."),
        ({"To": BOUNCING}, 406, f"Found inactive addresses: {BOUNCING}. Inactive recipients are"),
        ({"TemplateAlias": "nope"}, 1101, "The Template's 'Alias' associated with this request is not valid"),
        ({"TemplateAlias": None, "TemplateId": 5}, 1101, "The 'TemplateId' associated with this request is not"),
        ({"TemplateAlias": None}, 1101, "was not found."),
        ({"TemplateModel": None}, 1120, "'TemplateModel'"),
        ({"TemplateModel": {"x": "y" * 5_000_000}}, 1121, "too large: 'TemplateModel'"),
        ({"TemplateModel": "code"}, 1122, "invalid: 'TemplateModel'"),
        ({"TemplateModel": ["code"]}, 1122, "invalid: 'TemplateModel'"),
        ({"HtmlBody": "<p>Hi</p>"}, 1123, "HtmlBody"),
        ({"Subject": "Hi"}, 1123, "Subject"),
        ({"MessageStream": "nope"}, 1235, "The stream provided: 'nope' does not exist on this server."),
        ({"MessageStream": "inbound"}, 1236, "Sending is not supported on the supplied 'MessageStream'."),
    ],
)
def test_a_template_mail_is_refused_with_postmarks_code(
    call: Call, sandbox: PostmarkSandbox, change: dict[str, Any], code: int, message: str
) -> None:
    found_code, found_message = refused(call("POST", "/email/withTemplate", {**MAIL, **change}))
    assert found_code == code
    assert message in found_message
    assert sandbox.messages == []


def test_a_plain_mail_needs_a_body(call: Call) -> None:
    mail = {"From": "sandbox@example.com", "To": "ann@example.com", "Subject": "Hi"}
    assert refused(call("POST", "/email", mail)) == (300, "Provide either email TextBody or HtmlBody or both.")


def test_a_request_without_a_token_is_unauthorized(call: Call) -> None:
    code, message = refused(call("GET", "/server", token=None), 401)
    assert code == 10
    assert "X-Postmark-Server-Token" in message


def test_an_unknown_token_is_unauthorized(call: Call) -> None:
    expected = (10, "Request does not contain a valid Server token.")
    assert refused(call("POST", "/email/withTemplate", MAIL, token="nobodys"), 401) == expected


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"To": NaN}', b"[" * 5000 + b"]" * 5000])
def test_a_body_that_is_no_json_is_refused(call: Call, body: bytes) -> None:
    response = call("POST", "/email", data=body, headers={"Content-Type": "application/json"})
    assert refused(response) == (402, "Received invalid JSON input.")


@pytest.mark.parametrize(
    ("path", "body"), [("/email", []), ("/email/batch", {}), ("/email/batchWithTemplates", {"Messages": 1})]
)
def test_json_of_another_shape_is_refused(call: Call, path: str, body: Any) -> None:
    assert refused(call("POST", path, body)) == (403, "Received valid, but incompatible JSON input.")


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {"Accept": "text/html"}])
def test_json_headers_are_required(call: Call, headers: dict[str, str]) -> None:
    assert refused(call("POST", "/email/withTemplate", MAIL, headers=headers), 415)[0] == 409


def test_a_batch_has_at_most_500_messages(call: Call) -> None:
    expected = (410, "You may only send up to 500 messages in a single batched request.")
    assert refused(call("POST", "/email/batch", [MAIL] * 501)) == expected


def test_a_sender_without_signature_is_refused(call: Call, sandbox: PostmarkSandbox) -> None:
    sandbox.account.senders = {"example.org", "Boss@example.com"}
    code, message = refused(call("POST", "/email/withTemplate", MAIL))
    assert code == 400
    assert "(sandbox@example.com) is not a Sender Signature" in message
    for sender in ("anyone@example.org", "Boss <boss@example.com>"):
        assert call("POST", "/email/withTemplate", {**MAIL, "From": sender}).ok


def test_an_unconfirmed_sender_is_refused(call: Call, sandbox: PostmarkSandbox) -> None:
    sandbox.account.unconfirmed_senders = {"sandbox@example.com"}
    assert refused(call("POST", "/email/withTemplate", MAIL))[0] == 401


@pytest.mark.parametrize(("state", "code"), [("out of credits", 405), ("not allowed", 413)])
def test_an_account_that_may_not_send_is_refused(call: Call, sandbox: PostmarkSandbox, state: str, code: int) -> None:
    sandbox.account.state = type(sandbox.account.state)(state)
    assert refused(call("POST", "/email/withTemplate", MAIL))[0] == code


def test_a_pending_account_sends_within_its_domain_only(call: Call, sandbox: PostmarkSandbox) -> None:
    sandbox.account.state = type(sandbox.account.state)("pending approval")
    code, message = refused(call("POST", "/email/withTemplate", {**MAIL, "Cc": "bob@elsewhere.example"}))
    assert code == 412
    assert "'elsewhere.example'" in message
    assert call("POST", "/email/withTemplate", MAIL).ok


def test_an_archived_stream_does_not_send(call: Call, sandbox: PostmarkSandbox) -> None:
    sandbox.account.add_stream("old", archived=True)
    assert refused(call("POST", "/email/withTemplate", {**MAIL, "MessageStream": "old"}))[0] == 1236


def test_the_other_recipients_get_a_mail_when_some_are_inactive(call: Call, sandbox: PostmarkSandbox) -> None:
    recipients = f"ann@example.com, {BOUNCING.upper()}"
    answer = call("POST", "/email/withTemplate", {**MAIL, "To": recipients}).json()
    assert answer["ErrorCode"] == 0
    assert answer["To"] == recipients
    assert answer["Message"].startswith(
        f"Message OK, but will not deliver to these inactive addresses: {BOUNCING}. Inactive recipients are"
    )
    assert [message.to for message in sandbox.messages] == [("ann@example.com",)]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nope", 404), ("GET", "/email", 405)])
def test_an_http_error_carries_no_error_code(call: Call, method: str, path: str, status: int) -> None:
    response = call(method, path)
    assert response.status_code == status
    assert list(response.json()) == ["Message"]


def test_a_message_over_10_mb_is_too_large(call: Call, sandbox: PostmarkSandbox) -> None:
    response = call("POST", "/email/withTemplate", {**MAIL, "Unknown": "x" * 10_000_000})
    assert response.status_code == 413
    assert "10 MB" in response.json()["Message"]
    assert sandbox.messages == []


def test_a_batch_may_be_larger_than_a_message(call: Call) -> None:
    response = call("POST", "/email/batchWithTemplates", {"Messages": [MAIL], "Unknown": "x" * 10_000_000})
    assert response.status_code == 200


def test_what_is_beyond_the_largest_batch_is_read_and_refused(call: Call) -> None:
    response = call("POST", "/email/batch", data=b"x" * 52_000_000, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert call("GET", "/server").ok
