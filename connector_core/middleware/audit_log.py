"""A plugin that notes each send: who can't see the mail can see that there was one, and what became of it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from connector_core.hookspecs import hookimpl
from connector_core.log import logger
from connector_core.message import SendResult
from connector_core.middleware.recipients import AddressHash, list_addresses
from connector_core.middleware.send_outcome import name_error, name_outcome

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Generator

    from connector_core.message import Message
    from connector_core.metadata import ConnectorMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """What is noted of a send: nothing of what the message says, and no address.

    Args:
        at: when it began.
        connector_id: the connector.
        usage_type: the usage type.
        outcome: `sent`, `queued`, `not_sent` or `unknown`.
        code: the code of the error, or the class of one that isn't the core's; None of a message that was taken.
        message_id: the provider's id of the message, where it was taken.
        seconds: how long it took; of a message of a batch, how long the batch took.
        recipients: hashes of the addresses in to, cc and bcc, where there is a key.

    """

    at: datetime
    connector_id: str
    usage_type: str
    outcome: str
    code: str | None
    message_id: str | None
    seconds: float
    recipients: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object in camelCase."""
        document = {_to_camel(name): value for name, value in asdict(self).items()}
        return document | {"at": self.at.isoformat(), "recipients": list(self.recipients)}


class AuditLog:
    """Note one record for each send, also for those that other plugins refuse where it is around them.

    A record that can't be written is told to the logger `connector_core`; the message takes its way.

    Args:
        write: what is called with each record, or a logger that gets it as a line of JSON: as information where the
            message was taken, else as a warning.
        key: at least 32 random bytes, or a text of as many. With it, records have hashes of the addresses
            (HMAC-SHA-256), so that whoever has the key can find the messages to somebody.

    Raises:
        TypeError: `write` is neither.
        ValueError: the key is shorter.

    """

    def __init__(
        self, write: Callable[[AuditRecord], object] | logging.Logger, *, key: str | bytes | None = None
    ) -> None:
        self._write = write if callable(write) else _LogWriter(write)
        self._hash = None if key is None else AddressHash(key)

    @hookimpl(wrapper=True)
    def send_message(self, message: Message, metadata: ConnectorMetadata) -> Generator[None, Any, Any]:
        """Let the message pass, and note what became of it."""
        noted = _Begun(metadata.id, message.type, self._hash_recipients(message))
        try:
            found = yield
        except BaseException as error:
            self._note(noted.finish(error))
            raise
        self._note(noted.finish(found))
        return found

    def _hash_recipients(self, message: Message) -> tuple[str, ...]:
        if self._hash is None:
            return ()
        return tuple(dict.fromkeys(map(self._hash, list_addresses(message))))

    def _note(self, record: AuditRecord) -> None:
        try:
            self._write(record)
        except Exception as error:  # noqa: BLE001  the message is sent by now: an error would have it sent again
            logger.error("A send was not noted, since the audit log failed (%s): mend it.", type(error).__name__)


class _LogWriter:
    """Writes records to a logger."""

    def __init__(self, target: logging.Logger) -> None:
        if not all(callable(getattr(target, name, None)) for name in ("info", "warning")):
            raise TypeError(f"A {type(target).__name__} can't write an audit log: give a callable, or a logger.")
        self._target = target

    def __call__(self, record: AuditRecord) -> None:
        write = self._target.info if record.code is None else self._target.warning
        write("%s", json.dumps(record.to_json()))


class _Begun:
    """What is known of a send before it happens; other plugins may change the message after."""

    def __init__(self, connector_id: str, usage_type: str, recipients: tuple[str, ...]) -> None:
        self._known = {"connector_id": connector_id, "usage_type": usage_type, "recipients": recipients}
        self._at = datetime.now(UTC)
        self._started = time.perf_counter()

    def finish(self, found: object) -> AuditRecord:
        """Return the record, now that it is known what became of the message."""
        return AuditRecord(
            at=self._at,
            outcome=name_outcome(found),
            code=name_error(found),
            message_id=str(found.message_id) if isinstance(found, SendResult) else None,
            seconds=time.perf_counter() - self._started,
            **self._known,  # type: ignore[arg-type]  # each of its own type
        )


def _to_camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))
