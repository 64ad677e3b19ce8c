"""One attempt to send a queued message, and what became of it."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any, Protocol

from connector_core.errors import ConnectorError, SendError
from connector_core.host import Host
from connector_core.log import logger
from connector_core.message import Message, SendResult
from connector_core.queue.policy import Report
from connector_core.rendering import clean_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.queue.policy import Settlement

_LEVELS = {"sent": logging.DEBUG, "waiting": logging.INFO, "dead": logging.WARNING, "unknown": logging.WARNING}
_FAILED = "The sender failed ({}), so nobody knows whether it sent: report it to its author."
ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a process; all else that is no `Exception`, such as a cancelled task of asyncio, ends a send alone."""
_NO_RESULT = "The sender returned no SendResult, so nobody knows whether it sent: report it to its author."


class Sender(Protocol):
    """Whatever sends a message, such as a configured connector or a router."""

    def send_message(self, message: Message) -> SendResult:
        """Send one message."""


def attempt(sender: Host | Sender, document: Any, connector_type: str) -> Report:
    """Send a message once, and return what became of it.

    Before the sender has the message, whatever goes wrong means that it was not sent: a config that is missing or
    invalid, and a store out of reach, may be there later. From then on, only a `SendError` says that it was not sent.
    Whatever a sender gives or raises, its report can be written down, so that the attempt is settled; only what ends
    the process is raised.

    Args:
        sender: a host, whose active connector is looked up now; or what sends.
        document: the message as JSON.
        connector_type: the type of the connector, for a host.

    """
    try:
        message = Message.from_json(document)
    except SendError as error:
        return _report(error)
    try:
        ready: Sender = sender.configs.find_configured(connector_type) if isinstance(sender, Host) else sender
    except ENDS:
        raise
    except BaseException as error:  # noqa: BLE001  a store may raise anything, and nothing was sent
        return report_unready(error)
    try:
        result = ready.send_message(message)
    except SendError as error:
        return _report(error)
    except ENDS:
        raise
    except BaseException as error:  # noqa: BLE001  a foreign sender may raise anything
        return report_unknown(error)
    if not isinstance(result, SendResult):
        return Report(outcome="unknown", code=ConnectorError.code, sentence=_NO_RESULT)
    return Report(outcome="sent", message_id=_read_text(lambda: result.message_id))


def report_unready(error: BaseException) -> Report:
    """Return the report of an attempt that ended before the sender had the message."""
    code, sentence = _read_error(error, "The sender is not ready ({}): see how it is made.")
    return Report(outcome="not_sent", retryable=True, code=code, sentence=sentence)


def report_unknown(error: BaseException) -> Report:
    """Return the report of an attempt that ended in an error which doesn't say whether the message was sent."""
    code, sentence = _read_error(error, _FAILED)
    return Report(outcome="unknown", code=code, sentence=sentence)


def log_settlement(key: str, settlement: Settlement) -> None:
    """Log what became of an attempt, without anything of the message."""
    level = _LEVELS[settlement.state]
    if settlement.state == "waiting":
        logger.log(level, "queue %s waiting %.1f s %s", key, settlement.delay, settlement.code)
    else:
        logger.log(level, "queue %s %s %s", key, settlement.state, settlement.code or "")


def _report(error: SendError) -> Report:
    code, sentence = _read_error(error, _FAILED)
    try:
        outcome, retryable, retry_after = error.outcome, bool(error.retryable), error.retry_after
    except Exception:  # noqa: BLE001  a class of its author's own may lack them
        return Report(outcome="unknown", code=code, sentence=sentence)
    return Report(
        outcome="not_sent" if outcome == "not_sent" else "unknown",
        retryable=retryable,
        retry_after=_read_seconds(retry_after),
        code=code,
        sentence=sentence,
    )


def _read_error(error: BaseException, foreign: str) -> tuple[str, str]:
    """Return the code and the sentence of an error; one that isn't ours has a sentence of ours, with its class."""
    name = type(error).__name__
    if isinstance(error, ConnectorError):
        return _read_text(lambda: error.code) or ConnectorError.code, _read_text(lambda: str(error)) or name
    return ConnectorError.code, foreign.format(name)


def _read_text(read: Callable[[], object]) -> str | None:
    """Return a text that JSON, SQLite and Redis can hold, None where there is none."""
    try:
        value = read()
        return None if value is None else clean_header(str(value))
    except Exception:  # noqa: BLE001  a class of its author's own may fail at it
        return None


def _read_seconds(value: object) -> float | None:
    """Return a time to wait, None where it is no number; what is too long to be one ends in a dead letter."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return math.inf
