"""Queues: messages that are sent later, by threads of this process or by the workers of Celery.

A name is imported when it is first used: a host without a queue needs neither SQLite nor Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.lazy_names import import_lazily

if TYPE_CHECKING:
    from connector_core.queue.delivery import Sender
    from connector_core.queue.embedded import EmbeddedQueue
    from connector_core.queue.entry import Entry, Queue, QueueError, State
    from connector_core.queue.policy import RetryPolicy

__all__ = ["EmbeddedQueue", "Entry", "Queue", "QueueError", "RetryPolicy", "Sender", "State"]

_HOMES = {
    "EmbeddedQueue": "embedded",
    "Entry": "entry",
    "Queue": "entry",
    "QueueError": "entry",
    "RetryPolicy": "policy",
    "Sender": "delivery",
    "State": "entry",
}
"""The module that each public name comes from."""

__getattr__, __dir__ = import_lazily(globals(), _HOMES)
