"""Connectors that the middleware is tried around, and the ways to send through them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fakes import FakeConnector

from connector_core import ConnectorError, Host, Message, SendError, SendResult, hookimpl
from connector_core.metadata import ConnectorMetadata

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from connector_core import Config, ConfiguredConnector

    Send = Callable[[ConfiguredConnector, Sequence[Message]], list[SendResult | ConnectorError]]

CONFIG = {"token": "made-up-token-1234"}
KEY = "a made-up key of thirty-two signs"
OPTIONS = ("cc", "bcc", "replyTo", "headers", "tags", "metadata", "content")


class RecordingConnector(FakeConnector):
    """A connector in memory that takes the options which matter to middleware."""

    def __init__(self, connector_id: str = "alpha-mail", *, act: Callable[[Message], Any] | None = None) -> None:
        self._act = act or accept
        super().__init__(connector_id, send=lambda _config, message: self._act(message))
        about = self.metadata
        self.metadata = ConnectorMetadata(
            id=about.id,
            type=about.type,
            name=about.name,
            description=about.description,
            config_schema=about.config_schema,
            guide=about.guide,
            message_options=OPTIONS,
        )


class BatchingConnector(RecordingConnector):
    """The same, which takes batches."""

    _lock = threading.Lock()

    @hookimpl
    def send_messages(self, config: Config, messages: Sequence[Message]) -> list[SendResult | SendError]:  # noqa: ARG002  a hook's arguments
        with self._lock:
            self.sent += messages
        return [self._try(message) for message in messages]

    def _try(self, message: Message) -> SendResult | SendError:
        try:
            result: SendResult = self._act(message)
        except SendError as error:
            return error
        return result


def accept(message: Message) -> SendResult:
    return SendResult(message_id=f"id of {message.type}", recipients={message.to: "sent"})


def send_singly(mail: ConfiguredConnector, messages: Sequence[Message]) -> list[SendResult | ConnectorError]:
    outcomes: list[SendResult | ConnectorError] = []
    for message in messages:
        try:
            outcomes.append(mail.send_message(message))
        except ConnectorError as error:
            outcomes.append(error)
    return outcomes


def send_together(mail: ConfiguredConnector, messages: Sequence[Message]) -> list[SendResult | ConnectorError]:
    return list(mail.send_messages(messages))


WAYS: dict[str, tuple[type[RecordingConnector], Send]] = {
    "singly": (RecordingConnector, send_singly),
    "in threads": (RecordingConnector, send_together),
    "in a batch": (BatchingConnector, send_together),
}

SENDS: dict[str, Send] = {"singly": send_singly, "in a batch": send_together}


@contextmanager
def run_postmark(*plugins: object) -> Iterator[tuple[ConfiguredConnector, Any]]:
    """Yield the Postmark connector behind plugins, and its sandbox."""
    with Host.discover(plugins=plugins) as host, host["postmark-mail"].create_sandbox() as sandbox:
        yield host["postmark-mail"].configure(sandbox.config), sandbox


def make_messages(count: int, to: str = "ada@example.com") -> list[Message]:
    return [Message(to, "SignIn", {"code": f"31{number:04}"}) for number in range(count)]


def codes(outcomes: Sequence[SendResult | ConnectorError]) -> list[str]:
    return ["sent" if isinstance(one, SendResult) else one.code for one in outcomes]
