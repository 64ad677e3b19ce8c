"""What a router needs of a member, and is itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connector_core.errors import SendError
    from connector_core.message import Message, SendResult


@runtime_checkable
class RoutedSender(Protocol):
    """Something that sends messages: a configured connector, a router, or a host's own."""

    def send_message(self, message: Message) -> SendResult:
        """Send one message, or raise a `SendError`."""

    def send_messages(
        self, messages: Iterable[Message], *, in_flight: int | None = None
    ) -> Iterator[SendResult | SendError]:
        """Yield what becomes of each message, in order."""

    def close(self) -> None:
        """Close what is kept between sends; the next send opens it anew."""
