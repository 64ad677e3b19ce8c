"""What becomes of a message with options: each recipient in the result, each option in the sandbox's mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox
from network_environment import forget_network_environment

from connector_core import Attachment, Content, Host, Message, RecipientRejected, SendError, SendResult
from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG: dict[str, Any] = {
    "serverToken": "11111111-2222-3333-4444-555555555555",
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "templateAlias": "x"} for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}
COPIED = Message("ann@example.com", "SignIn", cc=["Bob@example.com"], bcc=["eve@example.com"])
EVERYBODY = ("ann@example.com", "Bob@example.com", "eve@example.com")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def send(host: Host, said: str, message: Message = COPIED, **answer: Any) -> SendResult:
    """Send a message to which Postmark says something."""
    body = {"To": message.to, "MessageID": "id-1", "ErrorCode": 0, "Message": said, **answer}
    with WireServer(respond_json(body)) as server:
        return host["postmark-mail"].send_message({**CONFIG, "apiUrl": server.url}, message)


def deliver_all_but(*addresses: str) -> str:
    return (
        f"Message OK, but will not deliver to these inactive addresses: {', '.join(addresses)}. Inactive recipients "
        "are ones that have generated a hard bounce, a spam complaint, or a manual suppression."
    )


def test_a_result_tells_of_the_readers_in_copy_whom_postmark_does_not_name(host: Host) -> None:
    assert send(host, "OK").recipients == dict.fromkeys(EVERYBODY, "sent")
    assert list(send(host, "OK").recipients) == list(EVERYBODY)


def test_a_late_message_is_late_for_all(host: Host) -> None:
    result = send(host, "Message accepted, but delivery may be delayed.")
    assert (result.status, result.recipients) == ("queued", dict.fromkeys(EVERYBODY, "queued"))


@pytest.mark.parametrize(
    "inactive",
    [["ann@example.com"], ["bob@example.com"], ["eve@example.com"], ["ann@example.com", "eve@example.com"]],
    ids=" ".join,
)
def test_a_mail_that_reaches_somebody_is_sent_and_says_whom_it_does_not_reach(host: Host, inactive: list[str]) -> None:
    recipients = send(host, deliver_all_but(*inactive)).recipients
    assert {address.lower(): status for address, status in recipients.items()} == {
        address.lower(): "rejected" if address.lower() in inactive else "sent" for address in EVERYBODY
    }


def test_a_mail_that_reaches_nobody_is_refused_with_all_its_recipients(host: Host) -> None:
    inactive = [address.lower() for address in EVERYBODY]
    with pytest.raises(RecipientRejected) as caught:
        send(host, deliver_all_but(*inactive))
    assert [address.lower() for address in caught.value.recipients] == inactive
    assert caught.value.outcome == "not_sent"


@pytest.mark.parametrize(
    ("message", "field", "address"),
    [
        (Message("ann@example.com", "SignIn", cc=["bob@exa_mple.com"]), "Cc", "bob@exa_mple.com"),
        (Message("ann@example.com", "SignIn", bcc=["bob@exa_mple.com"]), "Bcc", "bob@exa_mple.com"),
    ],
)
def test_a_reader_in_copy_whom_postmark_cannot_read_is_named(
    host: Host, message: Message, field: str, address: str
) -> None:
    with pytest.raises(RecipientRejected) as caught:
        send(host, f"Invalid '{field}' address: '{address}'.", message, ErrorCode=300)
    assert caught.value.recipients == (address,)


ALL: dict[str, Any] = {
    "cc": ["bob@example.com"],
    "bcc": ["eve@example.com"],
    "reply_to": "Help <help@example.com>",
    "headers": {"X-Case": "7"},
    "tags": ["orders"],
    "metadata": {"order": "4711"},
    "attachments": [Attachment(name="logo.png", content=b"\x89PNG", content_type="image/png", content_id="logo")],
}


@pytest.mark.parametrize("content", [None, Content("Your order", "Thank you", "<p>Thank you</p>")])
def test_a_message_with_each_option_is_taken_by_the_sandbox(host: Host, content: Content | None) -> None:
    with PostmarkSandbox() as sandbox:
        message = Message("ann@example.com", "SignIn", {"code": "123456"}, content=content, **ALL)
        result = host["postmark-mail"].send_message(sandbox.config, message)
        (mail,) = sandbox.messages
    assert result.recipients == dict.fromkeys(["ann@example.com", "bob@example.com", "eve@example.com"], "sent")
    assert (mail.payload is None) == (content is not None)
    assert mail.request["Attachments"][0]["ContentID"] == "cid:logo"
    assert ("Thank you" in mail.text) == (content is not None)


def test_each_option_is_one_that_the_connector_names(host: Host) -> None:
    message = Message("ann@example.com", "SignIn", content=Content("Hello", "Hi"), stream="receipts", **ALL)
    assert set(host["postmark-mail"].metadata.message_options) == set(message.used_options())


def test_a_stream_that_is_not_there_is_told_with_both_places_that_name_one(host: Host) -> None:
    with (
        PostmarkSandbox() as sandbox,
        pytest.raises(SendError, match="in the config, or the message's stream") as caught,
    ):
        host["postmark-mail"].send_message(sandbox.config, Message("ann@example.com", "SignIn", stream="nowhere"))
    assert caught.value.provider is not None
    assert caught.value.provider.code == 1235


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tags": ["a", "b"]}, "Of tags, Postmark Mail takes at most 1, and this message has 2"),
        ({"tags": ["a" * 1001]}, "takes at most 1,000, and this message has 1,001"),
        (
            {"bcc": [f"reader-{number}@example.com" for number in range(50)]},
            "takes at most 50, and this message has 51",
        ),
        ({"metadata": {"k" * 21: ""}}, "takes at most 20, and this message has 21"),
        ({"metadata": {"k": "v" * 81}}, "takes at most 80, and this message has 81"),
        (
            {"attachments": [Attachment(name="a", content=bytes(8_000_000))]},
            "Base64, Postmark Mail takes at most 10,485,760",
        ),
    ],
    ids=["tags", "tag", "recipients", "metadata name", "metadata", "bytes"],
)
def test_a_limit_of_postmark_is_told_before_a_request(host: Host, options: dict[str, Any], said: str) -> None:
    with WireServer(respond_json({})) as server, pytest.raises(SendError, match=said) as caught:
        host["postmark-mail"].send_message(
            {**CONFIG, "apiUrl": server.url}, Message("ann@example.com", "SignIn", **options)
        )
    assert (caught.value.code, server.connections) == ("invalid_message", 0)
