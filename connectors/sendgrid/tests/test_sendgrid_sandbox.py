"""The sandbox answers as SendGrid does, and keeps what SendGrid would deliver."""

from __future__ import annotations

import copy
import html
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_sendgrid.sandbox import REFUSED_RECIPIENT, SendGridSandbox

from connector_core import Connector, Host, Message, RecipientRejected, Secret, SenderRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
TEMPLATE_ID = "d-0123456789abcdef0123456789abcdef"
MAIL: dict[str, Any] = {
    "personalizations": [{"to": [{"email": "ann@example.com"}]}],
    "from": {"email": "noreply@example.com", "name": "Example"},
    "subject": "Code",
    "content": [{"type": "text/plain", "value": "1"}, {"type": "text/html", "value": "<p>1</p>"}],
}


TO = {"to": [{"email": "ann@example.com"}]}


@pytest.fixture(autouse=True)
def _no_proxy_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")


@pytest.fixture
def sandbox() -> Iterator[SendGridSandbox]:
    with SendGridSandbox(unverified_senders=["stranger@example.com"]) as running:
        yield running


@pytest.fixture(scope="module")
def sendgrid() -> Connector:
    return Host.discover()["sendgrid-email-service"]


def post(sandbox: SendGridSandbox, body: Any, **headers: str) -> requests.Response:
    sent = {"Authorization": f"Bearer {sandbox.config['apiKey']}", **headers}
    return requests.post(f"{sandbox.url}/v3/mail/send", json=body, headers=sent, timeout=20)


def find_refusal(answer: requests.Response) -> list[tuple[str | None, str]]:
    return [(error["field"], error["message"]) for error in answer.json()["errors"]]


def changed(**parts: Any) -> dict[str, Any]:
    """Return a mail with other parts; None takes a part away."""
    return {name: part for name, part in {**copy.deepcopy(MAIL), **parts}.items() if part is not None}


def test_a_mail_is_taken_with_an_empty_202_and_an_id(sandbox: SendGridSandbox) -> None:
    answer = post(sandbox, MAIL)
    assert (answer.status_code, answer.content) == (202, b"")
    (message,) = sandbox.messages
    assert answer.headers["X-Message-Id"] == message.id
    assert (message.to, message.subject, message.text, message.html) == (("ann@example.com",), "Code", "1", "<p>1</p>")
    assert (message.payload, message.request) == (None, MAIL)


def test_every_recipient_of_every_envelope_is_in_the_outbox(sandbox: SendGridSandbox) -> None:
    envelopes = [
        {"to": [{"email": "a@example.com"}], "cc": [{"email": "b@example.com"}], "bcc": [{"email": "c@example.com"}]},
        {"to": [{"email": "d@example.com"}], "subject": "Another"},
    ]
    post(sandbox, changed(personalizations=envelopes))
    assert [(message.to, message.subject) for message in sandbox.messages] == [
        (("a@example.com", "b@example.com", "c@example.com"), "Code"),
        (("d@example.com",), "Another"),
    ]


def test_a_dynamic_template_shows_its_data(sandbox: SendGridSandbox) -> None:
    envelope = {"to": [{"email": "ann@example.com"}], "dynamic_template_data": {"code": "1", "tags": ["ü"]}}
    mail = changed(personalizations=[envelope], subject=None, content=None, template_id=TEMPLATE_ID)
    assert post(sandbox, mail).status_code == 202
    (message,) = sandbox.messages
    assert message.payload == {"code": "1", "tags": ["ü"]}
    assert (message.subject, message.text) == (f"Dynamic template {TEMPLATE_ID}", 'code: 1\ntags: ["ü"]')


def test_a_mail_in_sandbox_mode_is_checked_and_not_kept(sandbox: SendGridSandbox) -> None:
    mode = {"sandbox_mode": {"enable": True}}
    answer = post(sandbox, changed(mail_settings=mode))
    assert (answer.status_code, answer.content, sandbox.messages) == (200, b"", [])
    assert "X-Message-Id" not in answer.headers
    assert post(sandbox, changed(mail_settings=mode, subject="")).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Authorization": ""}, 401, "Permission denied, wrong credentials"),
        ({"Authorization": "Bearer x"}, 401, "The provided authorization grant is invalid, expired, or revoked"),
        ({"Authorization": "Bearer \xe9"}, 401, "The provided authorization grant is invalid, expired, or revoked"),
        ({"Content-Type": "text/plain"}, 415, "Content-Type should be application/json."),
    ],
)
def test_a_wrong_header_is_refused(
    sandbox: SendGridSandbox, headers: dict[str, str], status: int, message: str
) -> None:
    answer = post(sandbox, MAIL, **headers)
    assert (answer.status_code, find_refusal(answer), sandbox.messages) == (status, [(None, message)], [])
    assert answer.json()["errors"][0]["help"] is None


def test_a_key_in_another_scheme_is_refused(sandbox: SendGridSandbox) -> None:
    answer = requests.post(
        f"{sandbox.url}/v3/mail/send", json=MAIL, auth=("apikey", sandbox.config["apiKey"]), timeout=20
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("body", [[], "text", None, 7])
def test_what_is_no_json_object_is_a_bad_request(sandbox: SendGridSandbox, body: Any) -> None:
    answer = post(sandbox, body, **{"Content-Type": "application/json"})
    assert (answer.status_code, find_refusal(answer)) == (400, [(None, "Bad Request")])


@pytest.mark.parametrize("body", ['{"subject": NaN}', '{"subject": -Infinity}', "{", "[" * 100_000])
def test_what_is_no_json_is_a_bad_request(sandbox: SendGridSandbox, body: str) -> None:
    headers = {"Authorization": f"Bearer {sandbox.config['apiKey']}", "Content-Type": "application/json"}
    answer = requests.post(f"{sandbox.url}/v3/mail/send", data=body, headers=headers, timeout=20)
    assert (answer.status_code, find_refusal(answer)) == (400, [(None, "Bad Request")])


@pytest.mark.parametrize(
    "parts", [{"mail_settings": None}, {"categories": None}, {"mail_settings": {"sandbox_mode": None}}]
)
def test_null_is_no_list_and_no_object(sandbox: SendGridSandbox, parts: dict[str, Any]) -> None:
    assert post(sandbox, {**MAIL, **parts}).status_code == 400


@pytest.mark.parametrize(
    ("parts", "field", "start"),
    [
        ({"personalizations": None}, "personalizations", "The personalizations field is required"),
        ({"personalizations": {}}, "personalizations", "The personalizations field is required"),
        ({"personalizations": []}, "personalizations", "The personalizations field is required"),
        ({"personalizations": [{}]}, "personalizations.0.to", "The to array is required"),
        ({"personalizations": ["x"]}, "personalizations.0.to", "The to array is required"),
        ({"personalizations": [{"to": {"email": "a@b.c"}}]}, "personalizations.0.to", "The to array is required"),
        ({"personalizations": [{"to": ["a@b.c"]}]}, "personalizations.0.to.0.email", "Does not contain"),
        ({"personalizations": [{"to": [{"email": "x"}]}]}, "personalizations.0.to.0.email", "Does not contain"),
        ({"personalizations": [{"to": [{"email": "a@b"}]}]}, "personalizations.0.to.0.email", "Does not contain"),
        ({"personalizations": [{"to": [{"email": "é@b.c"}]}]}, "personalizations.0.to.0.email", "Does not contain"),
        (
            {"personalizations": [{**TO, "cc": None}]},
            "personalizations.0.cc",
            "Invalid type. Expected: array, given: null",
        ),
        ({"personalizations": [{**TO, "bcc": 3}]}, "personalizations.0.bcc", "Invalid type. Expected: array"),
        (
            {"personalizations": [{**TO, "subject": {"a": 1}}]},
            "personalizations.0.subject",
            "Invalid type. Expected: str",
        ),
        (
            {"personalizations": [{"to": [{"email": "a@b.c", "name": 5}]}]},
            "personalizations.0.to.0.name",
            "Invalid type.",
        ),
        ({"subject": 5}, "subject", "Invalid type. Expected: string, given: integer."),
        ({"from": {"email": "a@b.c", "name": 5}}, "from.name", "Invalid type. Expected: string, given: integer."),
        ({"reply_to": "a@b.c"}, "reply_to", "Invalid type. Expected: object, given: string."),
        ({"categories": "x"}, "categories", "Invalid type. Expected: array, given: string."),
        ({"mail_settings": []}, "mail_settings", "Invalid type. Expected: object, given: array."),
        ({"template_id": TEMPLATE_ID, "content": [1]}, "content.0.type", "The content type must be a string"),
        ({"template_id": TEMPLATE_ID, "content": [{}]}, "content.0.type", "The content type must be a string"),
        ({"template_id": TEMPLATE_ID, "subject": 5}, "subject", "Invalid type. Expected: string, given: integer."),
        (
            {"template_id": TEMPLATE_ID, "personalizations": [{**TO, "dynamic_template_data": [1]}]},
            "personalizations.0.dynamic_template_data",
            "Invalid type. Expected: object, given: array.",
        ),
        ({"from": None}, "from.email", "The from object must be provided for every email send."),
        ({"from": "noreply@example.com"}, "from.email", "The from object must be provided for every email send."),
        ({"from": {"email": "nonsense"}}, "from.email", "The from email does not contain a valid address."),
        ({"subject": None}, "subject", "The subject is required."),
        ({"subject": ""}, "subject", "The subject is required."),
        ({"content": None}, "content", "Unless a valid template_id is provided"),
        ({"content": []}, "content", "Unless a valid template_id is provided"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value", "The content value must be a string"),
        ({"content": [{"value": "x", "type": 7}]}, "content.0.type", "The content type must be a string"),
        ({"content": MAIL["content"][::-1]}, "content", "Following RFC 1341, section 7.2"),
        ({"content": MAIL["content"][:1] * 2}, "content", "Following RFC 1341, section 7.2"),
        ({"template_id": "nonsense"}, "template_id", "The template_id must be a valid GUID, you provided 'nonsense'."),
        ({"mail_settings": {"sandbox_mode": {"enable": "true"}}}, "mail_settings.sandbox_mode.enable", "The sandbox"),
        ({"mail_settings": {"sandbox_mode": 1}}, "mail_settings.sandbox_mode.enable", "The sandbox"),
    ],
)
def test_a_mail_that_is_wrong_is_refused_with_its_field(
    sandbox: SendGridSandbox, parts: dict[str, Any], field: str, start: str
) -> None:
    answer = post(sandbox, changed(**parts))
    assert answer.status_code == 400
    found, message = find_refusal(answer)[0]
    assert found == field
    assert message.startswith(start)
    assert sandbox.messages == []


def test_all_that_is_wrong_with_a_mail_is_said_at_once(sandbox: SendGridSandbox) -> None:
    fields = [field for field, _ in find_refusal(post(sandbox, {}))]
    assert fields == ["personalizations", "from.email", "subject", "content"]


def test_a_refusal_leads_to_the_docs(sandbox: SendGridSandbox) -> None:
    (error,) = post(sandbox, changed(subject="")).json()["errors"]
    assert error["help"] == f"{HELP}#message.subject"


def test_an_unverified_sender_is_forbidden(sandbox: SendGridSandbox) -> None:
    answer = post(sandbox, changed(**{"from": {"email": "stranger@example.com"}}))
    ((field, message),) = find_refusal(answer)
    assert (answer.status_code, field) == (403, "from")
    assert message.startswith("The from address does not match a verified Sender Identity.")


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS"])
def test_mail_send_is_there_for_post_alone(sandbox: SendGridSandbox, method: str) -> None:
    assert requests.request(method, f"{sandbox.url}/v3/mail/send", timeout=20).status_code == 405


def test_the_example_on_the_empty_page_works(sandbox: SendGridSandbox) -> None:
    page = html.unescape(requests.get(sandbox.url, timeout=20).text)
    address, body = re.search(r"curl (\S+) .*?-d '(.+?)'", page, re.DOTALL).groups()  # type: ignore[union-attr]  # it is there
    assert address == f"{sandbox.url}/v3/mail/send"
    assert post(sandbox, json.loads(body)).status_code == 202


# With the connector


def test_the_connector_sends_to_it(sendgrid: Connector) -> None:
    with sendgrid.create_sandbox() as sandbox:
        assert sendgrid.validate_config(sandbox.config) == []
        message = Message("ann@example.com", "OrganizationInvitation", {"link": "https://x.example/?a=1&b=2"})
        result = sendgrid.send_message(sandbox.config, message)
        assert [sent.id for sent in sandbox.messages] == [result.message_id]
        assert "https://x.example/?a=1&b=2" in sandbox.messages[0].text


def test_the_connector_learns_who_is_refused(sendgrid: Connector) -> None:
    with SendGridSandbox(unverified_senders=["stranger@example.com"]) as sandbox:
        with pytest.raises(RecipientRejected) as refused:
            sendgrid.send_message(sandbox.config, Message(REFUSED_RECIPIENT, "SignIn", {"code": "1"}))
        assert refused.value.recipients == (REFUSED_RECIPIENT,)
        with pytest.raises(SenderRejected):
            sendgrid.send_message(
                {**sandbox.config, "fromEmail": "stranger@example.com"}, Message("ann@example.com", "SignIn")
            )


@pytest.mark.parametrize("key", ["SG.own-key", Secret("SG.own-key")])
def test_the_key_of_a_given_config_opens_it(key: str | Secret) -> None:
    config: dict[str, Any] = {"apiKey": key, "fromEmail": "noreply@example.com", "templates": []}
    with SendGridSandbox(config) as sandbox:
        assert post(sandbox, MAIL, Authorization="Bearer SG.own-key").status_code == 202
        assert sandbox.config == {**config, "apiKey": "SG.own-key", "apiUrl": sandbox.url}


def test_it_knows_the_key_of_a_config_that_was_read(sendgrid: Connector) -> None:
    with sendgrid.create_sandbox() as first:
        config = {**first.config, "apiKey": "SG.own-key"}
    with sendgrid.configure(config) as configured, sendgrid.create_sandbox(configured.config) as sandbox:
        assert sandbox.config == {**config, "sandboxMode": False, "apiUrl": sandbox.config["apiUrl"]}
        assert sendgrid.send_message(sandbox.config, Message("ann@example.com", "SignIn")).status == "queued"


def test_a_key_that_is_kept_elsewhere_is_replaced() -> None:
    with SendGridSandbox({"apiKey": {"$env": "NOT_HERE"}, "templates": []}) as sandbox:
        assert post(sandbox, MAIL).status_code == 202


def test_two_sandboxes_have_keys_of_their_own() -> None:
    with SendGridSandbox() as first, SendGridSandbox() as second:
        assert post(first, MAIL, Authorization=f"Bearer {second.config['apiKey']}").status_code == 401
        assert (first.messages, second.messages) == ([], [])
