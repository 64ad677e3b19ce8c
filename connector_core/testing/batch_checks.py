"""Checks of many messages at once: through the hook `send_messages`, or one by one where a connector lacks it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from connector_core.errors import AuthorizationFailed, InvalidMessage
from connector_core.message import Message, SendResult
from connector_core.rendering import Content
from connector_core.testing.accepted import show_accepted
from connector_core.testing.hooks import BATCH
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core.sandbox.protocol import SandboxMessage
    from connector_core.testing.subject import Subject

_MESSAGES = 7
_INVALID = 3
_OF_THEIR_OWN = (1, 4)
"""The places of messages with content of their own, which some providers take by another request."""


class BatchChecks(SubjectChecks):
    """What becomes of many messages."""

    def test_a_batch_tells_of_each_message_in_order(self, subject: Subject) -> None:
        """Guards hosts that send to many: each learns of its own message, and one that is invalid stops no other.

        To mend: return from `send_messages` what became of each message, in their order, with the provider's own id;
        a refusal of one is its outcome, and nothing is raised for it.
        """
        sandbox = subject.start_sandbox()
        messages = _make_messages(subject)
        outcomes = subject.send_batch(sandbox.config, messages)
        assert len(outcomes) == _MESSAGES, f"Of {_MESSAGES} messages there are {len(outcomes)} outcomes."
        shown = {accepted.id: accepted.to for accepted in sandbox.messages}
        for place, (message, outcome) in enumerate(zip(messages, outcomes, strict=True)):
            if place == _INVALID:
                assert isinstance(outcome, InvalidMessage), f"The invalid message has the outcome {outcome!r}."
                continue
            assert isinstance(outcome, SendResult), f"Message {place} of the batch failed: {outcome}"
            assert list(outcome.recipients) == [message.to], f"The outcome at {place} is of another message."
            arrived = shown.get(outcome.message_id, (message.to,))
            assert arrived == (message.to,), f"The outcome at {place} has the id of another message."
        _check_arrived(messages, sandbox.messages)

    def test_a_batch_with_wrong_credentials_is_an_authorization_failure_for_each(self, subject: Subject) -> None:
        """Guards against a batch of which half counts as sent where nobody was let in; for connectors that send such.

        To mend: raise `AuthorizationFailed` with the provider's reply, or return it for each message.
        """
        if not subject.has(BATCH):
            return
        sandbox = subject.start_sandbox()
        for where, wrong in self.break_credentials(subject, sandbox.config).items():
            for outcome in subject.send_batch(wrong, _make_messages(subject)[:_INVALID]):
                assert isinstance(outcome, AuthorizationFailed), f"With a wrong {where} an outcome is {outcome!r}."
                assert outcome.outcome == "not_sent", f"With a wrong {where} an outcome is {outcome.outcome}."
        assert list(sandbox.messages) == [], "The sandbox took messages with wrong credentials."


def _make_messages(subject: Subject) -> list[Message]:
    messages = [
        subject.make_message(to=f"person{place}@example.com", code=f"7{place}4{place}92") for place in range(_MESSAGES)
    ]
    messages[_INVALID] = subject.make_message(to="nobody")
    if "content" in subject.connector.metadata.message_options:
        for place in _OF_THEIR_OWN:
            code = messages[place].payload["code"]
            messages[place].content = Content("Kit", f"Your code is {code}", f"<p>Your code is {code}</p>")
    return messages


def _check_arrived(messages: list[Message], accepted: Sequence[SandboxMessage]) -> None:
    valid = [message for place, message in enumerate(messages) if place != _INVALID]
    counts = Counter(address for one in accepted for address in one.to)
    assert counts == {message.to: 1 for message in valid}, "A message of the batch is lost, or arrived twice."
    codes = {message.to: message.payload["code"] for message in valid}
    mixed = [one.to[0] for one in accepted if codes[one.to[0]] not in show_accepted(one)]
    assert not mixed, f"Some got the code of somebody else: {mixed[:3]}."
