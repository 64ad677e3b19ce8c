"""A connector with a valid config, ready to send; whatever the connector does wrong is made one error."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from connector_core.errors import ConnectorError, InvalidMessage, SendError
from connector_core.message import Message, SendResult

if TYPE_CHECKING:
    import pluggy

    from connector_core.config import Config
    from connector_core.connector import Connector
    from connector_core.metadata import ConnectorMetadata
    from connector_core.transport import Transport

_REPORT = "report it to its author"
_LONGEST_ID = 1000


class ConfiguredConnector:
    """A connector with a valid config, ready to send; safe in many threads and after a fork."""

    def __init__(
        self, connector: Connector, config: Config, transport: Transport, send_hook: pluggy.HookCaller
    ) -> None:
        self.connector = connector
        self.config = config
        self._metadata: ConnectorMetadata = connector.metadata
        self._transport = transport
        self._send_hook = send_hook

    def __repr__(self) -> str:
        return f"<ConfiguredConnector {self._metadata.id}>"

    def send_message(self, message: Message) -> SendResult:
        """Send one message.

        Raises:
            SendError: the message was not sent, or nobody knows: `outcome` tells, `retryable` says whether it makes
                sense to try again, `provider` keeps what the provider said.

        """
        if not isinstance(message, Message):
            raise InvalidMessage("That is no message: give Message(to=..., type=..., payload={...}).")
        started = time.perf_counter()
        failure: ConnectorError
        try:
            result: SendResult | None = self._send_hook(
                config=self.config, message=message.copy(), transport=self._transport, metadata=self._metadata
            )
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

    def close(self) -> None:
        """Close what the connector keeps between sends; the next send opens it anew."""
        self.config.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _log(self, message: Message, outcome: str, started: float) -> None:
        from connector_core.log import log_send  # logging is slow to import, and a host that only lists needs none

        log_send(self._metadata.id, message.type, outcome, time.perf_counter() - started)


def _clean(result: SendResult) -> SendResult:
    """Return a result whose message id is one line that a log or a column of a database can take."""
    message_id: object = result.message_id  # a foreign connector may give anything, and has sent
    if isinstance(message_id, str) and message_id.isprintable() and len(message_id) <= _LONGEST_ID:
        return result
    from connector_core.rendering import clean_header

    return replace(result, message_id=clean_header(str(message_id))[:_LONGEST_ID])
