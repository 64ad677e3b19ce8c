"""What a queue knows of a message, and what every queue can do: plain data."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from connector_core.errors import ConnectorError, InvalidMessage
from connector_core.message import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

State = Literal["waiting", "sending", "sent", "dead", "unknown"]
STATES: tuple[State, ...] = ("waiting", "sending", "sent", "dead", "unknown")

DAY = 86_400
WINDOW = DAY
"""For how long, in seconds, the key of a message that was sent is known."""

KEEP = 7 * DAY
"""For how long, in seconds, dead letters and messages of unknown outcome are kept."""

LEASE = 60
"""How long, in seconds, a send may take before its worker counts as dead: three times what the transport allows."""

UNKNOWN_CODE = "delivery_unknown"
UNKNOWN_SENTENCE = (
    "The worker that sent this message ended before it told the outcome: look at the provider whether the message was "
    "sent, and requeue it if it wasn't."
)
EXPIRED_CODE = "expired"
EXPIRED_SENTENCE = "The message waited longer than it may and was not sent: requeue it if it is still wanted."

_KEY = re.compile(r"[!-~]{1,200}")
_LONGEST_SECONDS = 36_525 * DAY


class QueueError(ConnectorError):
    """The queue can't be used, or not so.

    Whoever enqueued a message and got one enqueues it again with the same key: it may be queued.
    """

    code = "queue_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a queue knows of a message.

    Args:
        key: the message's key.
        state: `waiting` until `due`, `sending`, `sent`, `dead` (surely not sent, given up), or `unknown`: it may have
            been sent, and is never sent again unless somebody asks.
        connector_type: the type of the connector that it goes through.
        attempts: how many times a send was begun.
        since: when it was enqueued, or requeued; seconds of `time.time()`, as all times here.
        due: when it is sent next, while it waits; by when the outcome has to be told, while it is sent.
        changed: when the state last changed.
        code: the code of the last error.
        sentence: what the last error says.
        message_id: the provider's id of a message that was sent.
        message: the message as JSON, while it is kept: until it was sent.

    """

    key: str
    state: State
    connector_type: str
    attempts: int
    since: float
    due: float | None
    changed: float
    code: str | None = None
    sentence: str | None = None
    message_id: str | None = None
    message: Mapping[str, Any] | None = field(default=None, repr=False)


class Queue(Protocol):
    """A queue of messages.

    A message is sent at most once for a key. Every method raises a `QueueError` where what the queue is kept in can't
    be reached.
    """

    def enqueue(self, message: Message, *, key: str | None = None, connector_type: str = "Email") -> str:
        """Have a message sent soon, and return its key.

        A key that the queue knows changes nothing: a caller that doesn't know whether it has enqueued a message calls
        again with the same key.

        Args:
            message: the message.
            key: what the application knows the message by, such as a UUID: 1 to 200 visible ASCII characters, which
                appear in logs. A UUID is made where none is given.
            connector_type: the type of the connector to send through.

        Raises:
            InvalidMessage: it is no message, or its payload is no JSON any more.
            QueueError: the key or the type is none, or nobody knows whether the message is queued.

        """

    def state(self, key: str) -> Entry | None:
        """Return what is known of a message, None where nothing is (any more)."""

    def count(self) -> dict[State, int]:
        """Return how many messages are in each state, of those that are known."""

    def dead_letters(self, *, limit: int = 100) -> list[Entry]:
        """Return the messages that surely were not sent and won't be, the oldest first.

        Args:
            limit: how many at most.

        Raises:
            TypeError: the limit is no whole number.
            ValueError: it is less than 0.

        """

    def unknown(self, *, limit: int = 100) -> list[Entry]:
        """Return the messages of which nobody knows whether they were sent, the oldest first.

        Args:
            limit: how many at most.

        Raises:
            TypeError: the limit is no whole number.
            ValueError: it is less than 0.

        """

    def requeue(self, key: str) -> None:
        """Send a dead or unknown message again, as if it were new; one that is unknown may arrive twice.

        Raises:
            QueueError: it is neither dead nor unknown, or the key is none.

        """

    def discard(self, key: str) -> None:
        """Forget a dead or unknown message.

        Raises:
            QueueError: it is neither dead nor unknown, or the key is none.

        """


def check_message(message: object) -> Message:
    """Return a message that can be queued.

    Raises:
        InvalidMessage: it is none, or its payload is no JSON any more.

    """
    if not isinstance(message, Message):
        raise InvalidMessage("What is to be sent is no Message: give Message(to=..., type=..., payload=...).")
    message.check_payload()
    return message


def choose_key(key: object) -> str:
    """Return a key as it was given, or a new one for None.

    Raises:
        QueueError: it is none.

    """
    return str(uuid.uuid4()) if key is None else check_key(key)


def check_key(key: object) -> str:
    """Return a key as it was given.

    Raises:
        QueueError: it is none.

    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise QueueError("The key of a message has 1 to 200 visible ASCII characters: give a UUID, for example.")
    return key


def check_connector_type(connector_type: object) -> str:
    """Return the type of a connector as it was given.

    Raises:
        QueueError: it is none.

    """
    if not isinstance(connector_type, str) or not _KEY.fullmatch(connector_type):
        raise QueueError("The type of a connector is a word of its metadata: give Email or Sms.")
    return connector_type


def check_seconds(name: str, seconds: object) -> float:
    """Return a setting that is a time in seconds, longer than nothing and no longer than a century.

    Raises:
        TypeError: it is no number.
        ValueError: it is out of range.

    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name} is {type(seconds).__name__}: give a number of seconds.")
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise ValueError(f"{name} is {seconds}: give seconds above 0 and up to {_LONGEST_SECONDS}, a century.")
    return seconds


def check_count(name: str, count: object, least: int) -> int:
    """Return a setting that counts something.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is less than the least.

    """
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{name} is {type(count).__name__}: give a whole number.")
    if count < least:
        raise ValueError(f"{name} is {count}: give {least} or more.")
    return count


def refuse_unsettled(key: str) -> QueueError:
    """Return the error of who requeues or discards what is neither dead nor unknown."""
    return QueueError(f"The queue knows no dead or unknown message {key}: look at its state.")
