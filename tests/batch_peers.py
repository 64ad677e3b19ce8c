"""What the tests of batches share: a connector in memory that takes such, and outcomes as short words."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fakes import FakeConnector

from connector_core import Config, Host, Message, SendError, SendResult, hookimpl
from connector_core.metadata import ConnectorMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from connector_core import ConfiguredConnector


class BatchConnector(FakeConnector):
    """A connector in memory that takes batches of three, and does with each what a test gives it to do."""

    def __init__(self, send_batch: Callable[[Sequence[Message]], Any] | None = None) -> None:
        super().__init__()
        limits = {"batchMessages": 3}
        self.metadata = ConnectorMetadata(
            **{name: getattr(self.metadata, name) for name in ("id", "type", "name", "description", "config_schema")},
            guide={"en": "# Guide"},
            message_options=("content", "tags"),
            message_limits=limits,
        )
        self.batches: list[list[str]] = []
        self._send_batch = send_batch
        self._lock = threading.Lock()

    @hookimpl
    def send_messages(self, config: Config, messages: Sequence[Message]) -> Any:  # noqa: ARG002  a hook's arguments
        with self._lock:
            self.batches.append([one.to for one in messages])
        return self._send_batch(messages) if self._send_batch else accept(messages)


def accept(messages: Sequence[Message]) -> list[SendResult | SendError]:
    return [SendResult(message_id=one.to, recipients={one.to: "sent"}) for one in messages]


def make_messages(count: int) -> list[Message]:
    return [Message(f"p{number}@example.com", "SignIn", {"code": str(number)}) for number in range(count)]


def configure_within(
    make_host: Callable[..., Host], connector: FakeConnector, *plugins: object, **settings: Any
) -> ConfiguredConnector:
    """Return a connector in a host of its own, behind plugins."""
    host = make_host(connector, plugins=plugins, **settings)
    return host["alpha-mail"].configure({"token": "made-up-token-1234"})


def ids(outcomes: Iterator[SendResult | SendError]) -> list[str]:
    return [one.message_id if isinstance(one, SendResult) else one.code for one in outcomes]
