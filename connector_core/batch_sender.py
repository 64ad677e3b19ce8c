"""Batches through the hook `send_messages` of a connector."""

from __future__ import annotations

import random
import time
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from connector_core.configured_connector import NO_MESSAGE
from connector_core.errors import ConnectorError, InvalidMessage, Outcome, SendError
from connector_core.hookspecs import CORE_PLUGIN
from connector_core.message import Message, SendResult
from connector_core.message_limits import check_message
from connector_core.passage import Passage, Plugin, PluginPassage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pluggy

    from connector_core.metadata import ConnectorMetadata

    SendOutcome = SendResult | SendError

_OUTCOMES = (SendResult, SendError)
_SUCCESSES = range(200, 300)
_PAUSE = 0.25
"""Seconds before the first repetition; each further pause is twice as long, and all are drawn up to twice as long."""

_REPORT = "report it to its author"


class BatchSender:
    """Sends batches through the hook `send_messages` of a connector, past no plugin; safe in many threads.

    Args:
        settle: logs outcomes and returns them without secrets, given the messages and the seconds that they took.
        send_hook: the hook `send_message`, around which the plugins are.
        batch_hook: the hook `send_messages`.
        arguments: what both are called with, but for the messages.

    """

    def __init__(
        self,
        settle: Callable[[Sequence[Message], Sequence[SendOutcome], float], list[SendOutcome]],
        send_hook: pluggy.HookCaller,
        batch_hook: pluggy.HookCaller,
        arguments: dict[str, Any],
    ) -> None:
        self._settle = settle
        self._batch_hook = batch_hook
        self._arguments = arguments
        self._metadata: ConnectorMetadata = arguments["metadata"]
        senders = {one.plugin for one in batch_hook.get_hookimpls() if not _is_wrapper(one)}
        around = takewhile(
            lambda one: one.plugin not in senders or _is_wrapper(one), reversed(send_hook.get_hookimpls())
        )
        self._plugins = [Plugin(one, arguments) for one in around]
        self._has_plugins = any(one.name != CORE_PLUGIN for one in self._plugins)

    def send(self, messages: Sequence[Message]) -> list[SendOutcome]:
        """Send messages at once; return what became of each, in their order."""
        started = time.perf_counter()
        if not all(isinstance(one, Message) for one in messages):
            return [InvalidMessage(NO_MESSAGE) for _ in messages]
        passages = [self._begin(one) for one in messages]
        self._send_waiting([one for one in passages if one.outcome is None])
        outcomes = [_finish(one) for one in passages]
        return self._settle(messages, outcomes, time.perf_counter() - started)

    def _begin(self, message: Message) -> Passage:
        """Let the plugins see a message first; without any, what the core checks is checked, and nothing is copied."""
        passage = Passage(message)
        try:
            if self._has_plugins:
                return PluginPassage(self._plugins, message.copy())
            message.check_payload()
            check_message(message, self._metadata)
        except SendError as error:
            passage.outcome = error
        return passage

    def _send_waiting(self, passages: list[Passage]) -> None:
        """Send what no plugin has answered.

        What the provider took no part of goes out again while the time of one request isn't over; each has its own.
        """
        transport = self._arguments["transport"]
        if not passages:
            return
        deadline = time.monotonic() + transport.limits.total
        for left in range(transport.limits.retries, -1, -1):
            self._ask(passages)
            waiting = [one for one in passages if _may_go_again(one.outcome)]
            pause = max((one.outcome.retry_after or 0.0 for one in waiting), default=0.0)  # type: ignore[union-attr]  # errors, as was asked
            pause = pause or _PAUSE * 2 ** (transport.limits.retries - left) * (1 + random.random())  # noqa: S311  spreads load
            if not waiting or not left or time.monotonic() + pause >= deadline:
                return
            time.sleep(pause)
            passages = waiting

    def _ask(self, passages: list[Passage]) -> None:
        """Send messages once and note what became of each."""
        failure: SendError
        try:
            found = self._batch_hook(messages=[one.message for one in passages], **self._arguments)
            if isinstance(found, list | tuple) and len(found) == len(passages):
                for passage, outcome in zip(passages, found, strict=True):
                    passage.was_sent, passage.outcome = True, self._check(outcome)
                return
            failure = self._refuse("returned no outcome for each message")
        except SendError as error:
            failure = error
        except Exception as cause:  # noqa: BLE001  a foreign connector may raise anything
            failure = self._refuse(f"failed ({type(cause).__name__})")
            failure.__cause__ = cause
        for passage in passages:
            passage.was_sent, passage.outcome = True, failure

    def _check(self, outcome: object) -> SendOutcome:
        if isinstance(outcome, _OUTCOMES):
            return outcome
        return self._refuse("returned no outcome for a message")

    def _refuse(self, what: str) -> SendError:
        problem = f"The connector {self._metadata.id} {what}, so nobody knows whether it sent: {_REPORT}."
        return SendError(problem, outcome="unknown")


def can_send_batches(batch_hook: pluggy.HookCaller) -> bool:
    """Return whether a plugin implements the hook `send_messages`."""
    return any(not _is_wrapper(one) for one in batch_hook.get_hookimpls())


def as_send_error(error: ConnectorError, outcome: Outcome) -> SendError:
    """Return an error of a plugin that is no `SendError` as one, so that every outcome of a message is."""
    if isinstance(error, SendError):
        return error
    failure = SendError(str(error), outcome=outcome)
    failure.__cause__ = error
    return failure


def _finish(passage: Passage) -> SendOutcome:
    found = passage.leave()
    if isinstance(found, SendResult):
        return found
    error = as_send_error(found, "unknown" if passage.was_sent else "not_sent")
    # One that is about a whole batch is the same for all its messages. A connector's own class may take what it likes.
    own = error.__class__.__new__(error.__class__, *error.args)
    own.args = error.args
    own.__dict__.update(error.__dict__)
    own.__cause__ = error.__cause__
    return own


def _may_go_again(outcome: object) -> bool:
    """Return whether an answered request says of one of its messages that it wasn't taken, and may be later.

    A request that failed as a whole was repeated by the transport already.
    """
    if not isinstance(outcome, SendError) or outcome.outcome != "not_sent" or not outcome.retryable:
        return False
    return outcome.provider is not None and outcome.provider.status in _SUCCESSES


def _is_wrapper(plugin: pluggy.HookImpl) -> bool:
    return plugin.wrapper or plugin.hookwrapper
