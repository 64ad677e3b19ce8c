"""An embedded queue whose sends a test sees."""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

from queue_site import make_message
from waiting import wait_for

from connector_core import Message, SendResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.queue import EmbeddedQueue, Entry


class Recording:
    """Sends nothing: keeps the keys that it was given, and does for each what a test says."""

    def __init__(self, act: Callable[[int], Any] = lambda _count: None) -> None:
        self.keys: list[str] = []
        self._act = act
        self._lock = threading.Lock()

    def send_message(self, message: Message) -> SendResult:
        with self._lock:
            self.keys.append(message.payload["key"])
            count = self.keys.count(message.payload["key"])
        found = self._act(count)
        if isinstance(found, BaseException):
            raise found
        return SendResult(message_id=f"id-{message.payload['key']}")


def enqueue(queue: EmbeddedQueue) -> str:
    key = str(uuid.uuid4())
    return queue.enqueue(make_message(key), key=key)


def wait_for_state(queue: EmbeddedQueue, key: str, *states: str) -> Entry:
    def look() -> Any:
        entry = queue.state(key)
        return entry if entry is not None and entry.state in states else None

    found: Entry = wait_for(look, f"{key} is {' or '.join(states)}")
    return found
