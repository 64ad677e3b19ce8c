"""A connector with a valid config, ready to send; whatever the connector does wrong is made one error."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Self

from connector_core.errors import ConnectorError, InvalidMessage, SendError
from connector_core.message import Message, SendResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import date

    import pluggy

    from connector_core.config import Config
    from connector_core.connector import Connector
    from connector_core.findings import Finding
    from connector_core.metadata import ConnectorMetadata
    from connector_core.provisioning import Template, TemplateChange
    from connector_core.transport import Transport

NO_MESSAGE = "That is no message: give Message(to=..., type=..., payload={...})."

_REPORT = "report it to its author"
_LONGEST_ID = 1000


class ConfiguredConnector:
    """A connector with a valid config, ready to send; safe in many threads and after a fork."""

    def __init__(
        self,
        connector: Connector,
        config: Config,
        transport: Transport,
        send_hook: pluggy.HookCaller,
        find_hook: Callable[[str], pluggy.HookCaller],
    ) -> None:
        self.connector = connector
        self.config = config
        self._metadata: ConnectorMetadata = connector.metadata
        self._transport = transport
        self._send_hook = send_hook
        self._find_hook = find_hook
        self._arguments = {"config": config, "transport": transport, "metadata": self._metadata}

    def __repr__(self) -> str:
        return f"<ConfiguredConnector {self._metadata.id}>"

    @property
    def sends_batches(self) -> bool:
        """Return whether `send_messages` sends many messages in one request."""
        from connector_core.batch_sender import can_send_batches

        return can_send_batches(self._find_hook("send_messages"))

    def without_retries(self) -> ConfiguredConnector:
        """Return the same, with what it keeps, over a transport that sends no request again."""
        transport = self._transport.without_retries()
        return ConfiguredConnector(self.connector, self.config, transport, self._send_hook, self._find_hook)

    def send_message(self, message: Message) -> SendResult:
        """Send one message.

        Raises:
            SendError: the message was not sent, or nobody knows: `outcome` tells, `retryable` says whether it makes
                sense to try again, `provider` keeps what the provider said.

        """
        if not isinstance(message, Message):
            raise InvalidMessage(NO_MESSAGE)
        started = time.perf_counter()
        failure: ConnectorError
        try:
            result: SendResult | None = self._send_hook(message=message.copy(), **self._arguments)
            if not isinstance(result, SendResult):
                raise SendError(
                    f"The connector {self._metadata.id} returned no result, so nobody knows if it sent: {_REPORT}.",
                    outcome="unknown",
                )
        except ConnectorError as error:
            failure = error
        except Exception as cause:  # noqa: BLE001  a foreign connector may raise anything
            problem = f"The connector {self._metadata.id} failed ({type(cause).__name__})"
            failure = SendError(f"{problem}, so nobody knows whether it sent: {_REPORT}.", outcome="unknown")
            failure.__cause__ = cause
        else:
            self._log(message, result.status, started)
            return _clean(result)
        # Outside of the except block: Python would link the cause once more, after the redaction.
        self._log(message, getattr(failure, "outcome", failure.code), started)
        self.config.redaction().redact_exception(failure)
        raise failure

    def send_messages(
        self, messages: Iterable[Message], *, in_flight: int | None = None
    ) -> Iterator[SendResult | SendError]:
        """Yield what becomes of each message, in order: a `SendResult`, or the `SendError` of a message that failed.

        Messages are taken from the iterable as they are needed, so that a million of them need no more memory than a
        few batches. Where the provider takes batches, they are sent in such. Take the outcomes to the end: when you
        stop before, what is in flight is still sent, and its outcomes are lost.

        Args:
            messages: the messages. An error that it raises comes after the outcomes of all messages before.
            in_flight: how many requests go out at the same time; 4 batches or 8 single messages where nothing is said.

        Raises:
            ValueError: `in_flight` is less than 1.

        """
        from connector_core import batch
        from connector_core.batch_sender import BatchSender

        if in_flight is not None and in_flight < 1:
            raise ValueError("in_flight is at least 1.")
        hook = self._find_hook("send_messages")
        if self.sends_batches:
            send = BatchSender(self._settle, self._send_hook, hook, self._arguments).send
            threads, ahead = in_flight or batch.BATCHES_IN_FLIGHT, 1
            batches: Iterable[list[Message]] = batch.cut_batches(messages, self._metadata)
        else:
            send = partial(batch.send_each, self.send_message)
            threads, ahead = in_flight or batch.MESSAGES_IN_FLIGHT, batch.AHEAD
            batches = ([message] for message in messages)
        return batch.send_in_order(send, batches, threads=threads, ahead=threads * ahead)

    def check_connection(self, *, seconds: float | None = None) -> list[Finding]:
        """Return what the provider says of the config: what works, what doesn't and what to do; nothing is sent.

        A provider that can't be reached, or answers nonsense, is a finding, too.

        Args:
            seconds: how long it may take; 10 where nothing is said. What is found by then is returned.

        Raises:
            UnsupportedFeature: the connector has no live check.

        """
        from connector_core import live

        hook, limit = self._find_hook("check_connection"), live.CHECK_SECONDS if seconds is None else seconds
        transport = self._transport.within(limit * live.REQUESTS_SHARE)
        ask = partial(hook, config=self.config, transport=transport, metadata=self._metadata)
        return live.collect_findings(ask, self._metadata, self.config.redaction(), limit)

    def plan_templates(self, templates: Iterable[Template] = ()) -> list[TemplateChange]:
        """Return what has to change at the provider so that the templates which the config names are there.

        Nothing is changed before `apply()` of a change is called; that raises a `SendError` where it can't be done.

        Args:
            templates: what the templates shall say. Without any, the changes only tell what is there (`before`).

        Raises:
            UnsupportedFeature: the provider stores no templates, or the connector can't reach them.
            SendError: the provider can't be reached or refuses.

        """
        from connector_core import live

        hook, given, redaction = self._find_hook("provision_templates"), tuple(templates), self.config.redaction()

        def ask() -> list[TemplateChange]:
            changes = hook(config=self.config, templates=given, transport=self._transport, metadata=self._metadata)
            if changes is None:
                instead = "its templates are in the config, or you keep them at the provider yourself"
                raise live.refuse_unsupported(self._metadata, "provision templates", instead)
            return live.check_changes(changes, given, redaction)

        return [
            replace(change, apply=partial(live.call, change.apply, self._metadata, redaction))
            for change in live.call(ask, self._metadata, redaction)
        ]

    def get_usage(self, since: date, *, seconds: float | None = None) -> int:
        """Return how many messages the provider took from the config's account since a day, that day included.

        Args:
            since: the day.
            seconds: how long it may take; 3 where nothing is said.

        Raises:
            UnsupportedFeature: the provider doesn't tell.
            SendError: the provider can't be reached or refuses.

        """
        from connector_core import live

        hook, limit = self._find_hook("get_usage"), live.USAGE_SECONDS if seconds is None else seconds
        transport = self._transport.within(limit * live.REQUESTS_SHARE)

        def ask() -> int:
            count = hook(config=self.config, since=since, transport=transport, metadata=self._metadata)
            if count is None:
                raise live.refuse_unsupported(self._metadata, "tell the usage", "look at the provider's own statistics")
            return live.check_count(count)

        return live.call(ask, self._metadata, self.config.redaction(), limit)

    def close(self) -> None:
        """Close what the connector keeps between sends; the next send opens it anew."""
        self.config.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _settle(
        self, messages: Sequence[Message], outcomes: Sequence[SendResult | SendError], seconds: float
    ) -> list[SendResult | SendError]:
        """Log what became of messages, and return it without a secret and with ids of one line."""
        from connector_core.log import is_logged, log_send  # logging is slow to import, and not every host sends

        logs_successes = is_logged("sent")
        settled: list[SendResult | SendError] = []
        for message, outcome in zip(messages, outcomes, strict=True):
            if isinstance(outcome, SendResult):
                if logs_successes:
                    log_send(self._metadata.id, message.type, outcome.status, seconds)
                settled.append(_clean(outcome))
            else:
                log_send(self._metadata.id, message.type, outcome.outcome, seconds)
                self.config.redaction().redact_exception(outcome)
                settled.append(outcome)
        return settled

    def _log(self, message: Message, outcome: str, started: float) -> None:
        from connector_core.log import log_send  # the same

        log_send(self._metadata.id, message.type, outcome, time.perf_counter() - started)


def _clean(result: SendResult) -> SendResult:
    """Return a result whose message id is one line that a log or a column of a database can take."""
    message_id: object = result.message_id  # a foreign connector may give anything, and has sent
    if isinstance(message_id, str) and message_id.isprintable() and len(message_id) <= _LONGEST_ID:
        return result
    from connector_core.rendering import clean_header

    return replace(result, message_id=clean_header(str(message_id))[:_LONGEST_ID])
