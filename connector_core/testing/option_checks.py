"""Checks of the options of messages: what metadata declares arrives, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from connector_core.errors import InvalidMessage, SendError, UnsupportedFeature
from connector_core.message_limits import MESSAGE_BYTES
from connector_core.testing.accepted import check_untouched, show_accepted
from connector_core.testing.option_samples import (
    Sample,
    list_hostile,
    make_samples,
    put_into,
    with_count,
    with_samples,
)
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connector_core.message import Message, SendResult
    from connector_core.sandbox.protocol import SandboxMessage
    from connector_core.testing.subject import Subject

_MOST_SENT = 2_000_000
"""Bytes of the largest message that is sent: a larger one would take its time."""

_MARGIN = 10
"""Bytes by which a message is measured too many at most, when it is made to have a certain number."""


class OptionChecks(SubjectChecks):
    """The options and limits that the metadata declares (`message_options`, `message_limits`)."""

    stream: ClassVar[str] = "outbound"

    def show(self, accepted: SandboxMessage) -> str:
        """Return all that the provider got of a message; override it where the sandbox shows something elsewhere."""
        return show_accepted(accepted)

    def test_each_option_that_is_declared_reaches_the_provider(self, subject: Subject) -> None:
        """Guards hosts that look into the metadata: what is declared is sent, alone and with all others.

        To mend: send the option, tell in `recipients` of the result of everybody in copy, and let the sandbox show the
        whole request; or leave the option out of `messageOptions` in connector.json.
        """
        sandbox = subject.start_sandbox()
        declared, _ = self._split(subject)
        with subject.sending(sandbox.config) as send:
            for samples in (*({option: sample} for option, sample in declared.items()), declared):
                message = with_samples(self.message, samples.values())
                before = len(sandbox.messages)
                self._check_options(message, samples, send(message), sandbox.messages[before:])

    def test_an_option_goes_with_its_message_alone(self, subject: Subject) -> None:
        """Guards against attachments and recipients of one message that the next one has, too.

        To mend: make the request anew for each message; what `config.keep` holds is only read.
        """
        sandbox = subject.start_sandbox()
        declared, _ = self._split(subject)
        rich = with_samples(self.message, declared.values())
        with subject.sending(sandbox.config) as send:
            for message in (self.message, rich, self.message):
                outcome = send(message)
                assert not isinstance(outcome, SendError), f"A message should have been sent, but failed: {outcome}"
        for accepted in (sandbox.messages[0], sandbox.messages[-1]):
            assert accepted.to == (self.message.to,), f"A message without cc and bcc went to {accepted.to}."
            shown = self.show(accepted)
            kept = [mark for option in declared.values() for mark in option.find_shown(shown)]
            assert not kept, f"A message without options has something of them: {', '.join(kept)}."

    def test_each_option_that_is_not_declared_is_refused(self, subject: Subject) -> None:
        """Guards against copies, files and headers that get lost without a word.

        To mend: leave the refusal to the core, which raises `UnsupportedOption` before the connector is asked.
        """
        sandbox = subject.start_sandbox()
        _, undeclared = self._split(subject)
        messages = [with_samples(self.message, [sample]) for sample in undeclared.values()]
        with subject.sending(sandbox.config) as send:
            outcomes = [send(message) for message in messages]
        together = subject.send_batch(sandbox.config, messages)
        for option, *both in zip(undeclared, outcomes, together, strict=True):
            for outcome in both:
                assert isinstance(outcome, UnsupportedFeature), (
                    f"The option {option} is not declared, and a message with it gave {outcome!r}."
                )
        assert list(sandbox.messages) == [], "A message with an option that is not declared was sent."

    def test_the_limits_of_a_message_are_kept(self, subject: Subject) -> None:
        """Guards hosts that rely on the limits: up to them a message is taken, beyond it is refused with the number.

        To mend: give `messageLimits` in connector.json the numbers that the provider documents.
        """
        sandbox = subject.start_sandbox()
        declared, _ = self._split(subject)
        with subject.sending(sandbox.config) as send:
            for limit, most in subject.connector.metadata.message_limits.items():
                is_size = limit == MESSAGE_BYTES
                above = with_count(self.message, [*declared], limit, most + 1)
                if above is None or (is_size and not above.attachments and most > _MOST_SENT):
                    continue
                before = len(sandbox.messages)
                _check_refused(send(above), limit, most)
                assert len(sandbox.messages) == before, f"A message beyond {limit} was sent."
                below = with_count(self.message, [*declared], limit, max(1, most - (_MARGIN if is_size else 1)))
                if below is not None and not (is_size and most > _MOST_SENT):
                    outcome = send(below)
                    self._check_taken(below, outcome, sandbox.messages[before:], f"{limit} is {most:,}")

    def test_an_option_injects_nothing(self, subject: Subject) -> None:
        """Guards against names, tags and texts that turn into recipients, fields or headers.

        To mend: give `data=` a dict or `json=` a value instead of pasting texts; what goes into a mail's header is
        encoded (RFC 2047 and 2231). What has a line break the core refuses already.
        """
        sandbox = subject.start_sandbox()
        declared, _ = self._split(subject)
        tried: list[tuple[str, Message]] = []
        for option, part, value in list_hostile(declared):
            try:
                tried.append((option, put_into(self.message, part, value)))
            except InvalidMessage:
                continue
        with subject.sending(sandbox.config) as send:
            for option, message in tried:
                before = len(sandbox.messages)
                outcome = send(message)
                assert not isinstance(outcome, SendError) or outcome.outcome == "not_sent"
                for accepted in sandbox.messages[before:]:
                    _check_clean(option, message, accepted)

    def _split(self, subject: Subject) -> tuple[dict[str, Sample], dict[str, Sample]]:
        """Return a sample for each option that is declared, and for each that is not."""
        declared = subject.connector.metadata.message_options
        samples = make_samples(self.stream)
        return (
            {option: sample for option, sample in samples.items() if option in declared},
            {option: sample for option, sample in samples.items() if option not in declared},
        )

    def _check_options(
        self,
        message: Message,
        samples: dict[str, Sample],
        outcome: SendResult | SendError,
        arrived: Sequence[SandboxMessage],
    ) -> None:
        what = f"with {', '.join(samples)}" if samples else "without options"
        if isinstance(outcome, SendError):
            pytest.fail(f"A message {what} should have been sent, but the send failed: {outcome}")
        shown = self._check_recipients(message, arrived, what)
        untold = [address for address in _list_everybody(message) if address not in outcome.recipients]
        assert not untold, f"The result of a message {what} lacks the recipient {untold[0]}."
        for option, sample in samples.items():
            lost = sample.find_lost(shown)
            assert not lost, f"The option {option} is declared, and of a message {what} this was lost: {lost[0]}."

    def _check_taken(
        self, message: Message, outcome: SendResult | SendError, arrived: Sequence[SandboxMessage], limit: str
    ) -> None:
        if isinstance(outcome, SendError):
            pytest.fail(f"{limit}, and a message of less was refused: {outcome}")
        shown = self._check_recipients(message, arrived, "within the limits")
        lost = [text for text in _list_texts(message) if text not in shown]
        assert not lost, f"{limit}, and of a message of less this was lost: {lost[0][:40]}."

    def _check_recipients(self, message: Message, arrived: Sequence[SandboxMessage], what: str) -> str:
        """Check that a message went to everybody whom it names, and to nobody else; return all that arrived shows."""
        everybody, shown = _list_everybody(message), "\n".join(map(self.show, arrived))
        got = {address for accepted in arrived for address in accepted.to}
        others = got - set(everybody)
        assert not others, f"A message {what} went to {', '.join(sorted(others))}, too."
        lost = [address for address in everybody if address not in got and address not in shown]
        assert not lost, f"A message {what} did not go to {lost[0]}."
        return shown


def _check_refused(outcome: SendResult | SendError, limit: str, most: int) -> None:
    assert isinstance(outcome, InvalidMessage), f"Beyond {limit} ({most:,}) a message gave {outcome!r}."
    assert outcome.outcome == "not_sent"
    numbers = {f"{most:,}", str(most)}
    assert any(number in str(outcome) for number in numbers), f"The refusal doesn't name {limit}, {most:,}."


def _check_clean(option: str, message: Message, accepted: SandboxMessage) -> None:
    added = set(accepted.to) - set(_list_everybody(message))
    assert not added, f"The option {option} adds recipients: {', '.join(sorted(added))}."
    if option not in {"cc", "bcc"}:
        check_untouched(accepted)


def _list_everybody(message: Message) -> list[str]:
    """Return all recipients of a message."""
    return [message.to, *message.cc, *message.bcc]


def _list_texts(message: Message) -> Iterator[str]:
    """Yield what must arrive of a message that comes near to a limit."""
    yield from message.tags
    yield from message.metadata
    yield from message.metadata.values()
    yield from (one.name for one in message.attachments)
