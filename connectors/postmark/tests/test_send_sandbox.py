"""Sends through a host to the sandbox: what Postmark itself would say, and what the recipient would get."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox
from network_environment import forget_network_environment

from connector_core import (
    USAGE_TYPES,
    AccountRestricted,
    AuthorizationFailed,
    Host,
    Message,
    RecipientRejected,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UsageLimitExceeded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def fail_to_send(
    host: Host, sandbox: PostmarkSandbox, message: Message = MESSAGE, **settings: Any
) -> tuple[type[SendError], int | str | None, str]:
    """Send what Postmark refuses; return the kind of the error, Postmark's code and the outcome."""
    with pytest.raises(SendError) as caught:
        host["postmark-mail"].send_message({**sandbox.config, **settings}, message)
    assert sandbox.messages == []
    assert caught.value.provider is not None
    assert caught.value.provider.message
    return type(caught.value), caught.value.provider.code, caught.value.outcome


@pytest.mark.parametrize("usage_type", [*USAGE_TYPES, "HostsOwnType"])
def test_each_usage_type_arrives_with_its_code(host: Host, usage_type: str) -> None:
    with PostmarkSandbox() as sandbox:
        message = Message("ann@example.com", usage_type, {"code": "987654", "link": "https://example.com/x?a=1"})
        result = host["postmark-mail"].send_message(sandbox.config, message)
    (arrived,) = sandbox.messages
    assert (arrived.id, arrived.to) == (result.message_id, ("ann@example.com",))
    assert arrived.payload == message.payload
    assert "987654" in arrived.text or "https://example.com/x?a=1" in arrived.text
    assert result.recipients == {"ann@example.com": "sent"}
    assert result.submitted_at is not None
    assert result.submitted_at.utcoffset() is not None


def test_a_wrong_token_fails_to_authorize(host: Host) -> None:
    with PostmarkSandbox() as sandbox:
        assert fail_to_send(host, sandbox, serverToken="another-token") == (AuthorizationFailed, 10, "not_sent")


def test_an_unknown_template_is_not_found(host: Host) -> None:
    with PostmarkSandbox() as sandbox:
        templates = [{**entry, "templateAlias": "never-made"} for entry in sandbox.config["templates"]]
        assert fail_to_send(host, sandbox, templates=templates) == (TemplateNotFound, 1101, "not_sent")


def test_an_unknown_sender_is_rejected(host: Host) -> None:
    with PostmarkSandbox(senders=["example.com"]) as sandbox:
        assert fail_to_send(host, sandbox, fromEmail="a@other.example") == (SenderRejected, 400, "not_sent")


def test_an_unconfirmed_sender_is_rejected(host: Host) -> None:
    with PostmarkSandbox(unconfirmed_senders=["new@example.com"]) as sandbox:
        assert fail_to_send(host, sandbox, fromEmail="new@example.com") == (SenderRejected, 401, "not_sent")


def test_an_inactive_recipient_is_rejected_by_name(host: Host) -> None:
    bouncing = "hardbounce@bounce-testing.postmarkapp.com"
    with PostmarkSandbox() as sandbox, pytest.raises(RecipientRejected) as caught:
        host["postmark-mail"].send_message(sandbox.config, Message(bouncing, "SignIn"))
    assert caught.value.recipients == (bouncing,)
    assert caught.value.provider is not None
    assert (caught.value.provider.code, caught.value.provider.status) == (406, 422)


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [
        ("pending approval", AccountRestricted, 412),
        ("not allowed", AccountRestricted, 413),
        ("out of credits", UsageLimitExceeded, 405),
    ],
)
def test_an_account_that_may_not_send_is_told_apart(host: Host, state: str, kind: type[SendError], code: int) -> None:
    with PostmarkSandbox(account_state=state) as sandbox:
        assert fail_to_send(host, sandbox, fromEmail="a@other.example") == (kind, code, "not_sent")


def test_a_missing_stream_is_named_by_its_setting(host: Host) -> None:
    with PostmarkSandbox() as sandbox, pytest.raises(SendError, match="messageStream") as caught:
        host["postmark-mail"].send_message({**sandbox.config, "messageStream": "no-such"}, MESSAGE)
    assert caught.value.provider is not None
    assert caught.value.provider.code == 1235
    assert sandbox.messages == []


def test_the_test_token_is_accepted_and_delivers_nothing(host: Host) -> None:
    with PostmarkSandbox() as sandbox:
        result = host["postmark-mail"].send_message({**sandbox.config, "serverToken": "POSTMARK_API_TEST"}, MESSAGE)
    assert result.status == "sent"


def test_all_settings_together_are_accepted(host: Host) -> None:
    settings = {
        "messageStream": "outbound",
        "replyTo": "Help <help@example.com>",
        "tag": "sign-in",
        "trackOpens": True,
        "trackLinks": "HtmlOnly",
        "inlineCss": False,
        "metadata": {"customer": "7"},
        "headers": {"X-Trace": "abc"},
    }
    with PostmarkSandbox() as sandbox:
        host["postmark-mail"].send_message({**sandbox.config, **settings}, MESSAGE)
    (arrived,) = sandbox.messages
    assert arrived.request["Tag"] == "sign-in"
    assert arrived.request["Metadata"] == {"customer": "7"}


def test_eight_threads_lose_and_repeat_nothing(host: Host) -> None:
    with PostmarkSandbox() as sandbox, host["postmark-mail"].configure(sandbox.config) as postmark:

        def send(number: int) -> tuple[str, str]:
            result = postmark.send_message(Message(f"n{number}@example.com", "SignIn", {"code": str(number)}))
            return result.message_id, next(iter(result.recipients))

        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(send, range(200)))
    arrived = {message.id: message for message in sandbox.messages}
    assert len(arrived) == len(sandbox.messages) == 200
    assert Counter(message.to for message in sandbox.messages) == Counter((f"n{n}@example.com",) for n in range(200))
    for number, (message_id, recipient) in enumerate(results):
        assert recipient == f"n{number}@example.com"
        assert arrived[message_id].to == (recipient,)
        assert arrived[message_id].payload == {"code": str(number)}
