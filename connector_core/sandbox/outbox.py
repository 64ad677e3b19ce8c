"""The messages that a sandbox accepted."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connector_core.sandbox.protocol import SandboxMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An accepted message with what its envelope and the provider's own activity page would tell.

    `details` holds further facts by name, such as the template, for the page and for programs; `size` in bytes is what
    the outbox accounts for the message.
    """

    message: SandboxMessage
    submitted_at: datetime
    sender: str
    details: Mapping[str, Any] = field(default_factory=dict)
    size: int = 0

    @property
    def shown_details(self) -> dict[str, str]:
        """Return the details that say something, as the page shows them."""
        texts = {
            name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            for name, value in self.details.items()
            if value is not None
        }
        return {name[:1].upper() + name[1:]: text for name, text in texts.items() if text}

    def as_json(self) -> dict[str, Any]:
        """Return the message as /sandbox/messages shows it."""
        message = self.message
        return {
            **self.details,
            "id": message.id,
            "submittedAt": self.submitted_at.isoformat(),
            "from": self.sender,
            "to": list(message.to),
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
            "payload": message.payload,
            "request": message.request,
        }


class Outbox:
    """Keep the newest messages, bounded by number and by size in bytes; safe to use from many threads."""

    def __init__(self, *, keep: int = 1000, keep_bytes: int = 64_000_000) -> None:
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._bytes = 0
        self._deliveries: deque[Delivery] = deque()
        self._lock = threading.Lock()

    def add(self, delivery: Delivery) -> None:
        """Add a message and forget the oldest ones that no longer fit; the newest always stays."""
        with self._lock:
            self._deliveries.append(delivery)
            self._bytes += delivery.size
            while len(self._deliveries) > 1 and (len(self._deliveries) > self._keep or self._bytes > self._keep_bytes):
                self._bytes -= self._deliveries.popleft().size

    def all(self) -> list[Delivery]:
        """Return the messages, oldest first."""
        with self._lock:
            return list(self._deliveries)

    def find(self, message_id: str) -> Delivery | None:
        """Return the message of this id, or None."""
        return next((each for each in self.all() if each.message.id.lower() == message_id.lower()), None)

    def clear(self) -> None:
        """Forget every message."""
        with self._lock:
            self._deliveries.clear()
            self._bytes = 0
