"""A queue of Celery whose tasks a test delivers itself, and whose processes it kills at the moment that it likes."""

from __future__ import annotations

import uuid
from contextlib import ExitStack, suppress
from typing import Any

from brokers import delete_queue
from celery import Celery
from celery.exceptions import Reject
from celery.signals import after_task_publish, before_task_publish

from connector_core import DeliveryUnknown, Message, ProviderUnavailable, RecipientRejected, SendError, SendResult
from connector_core.integrations.celery import CeleryQueue
from connector_core.queue import RetryPolicy

LEASE, MAX_AGE = 10, 1000
ERRORS = {
    "later": ProviderUnavailable("Later."),
    "refused": RecipientRejected("No."),
    "odd": SendError("Half a character: \ud83d", retry_after="\ud83d"),  # type: ignore[arg-type]  # a mistake
    "unknown": DeliveryUnknown("Who knows."),
}


class Killed(SystemExit):
    """What ends a worker or a producer at once, as SIGKILL does."""


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


class Desk:
    """A queue whose tasks a test delivers itself."""

    def __init__(self, ledger: str, clock: Clock) -> None:
        self.ledger = ledger
        self.name = f"test-{uuid.uuid4().hex}"
        self.clock = clock
        self.app = Celery(self.name, broker="memory://")
        self.app.conf.update(task_default_queue=self.name)
        self.act = "sent"
        self.asked: dict[str, int] = {}
        self.accepted: dict[str, int] = {}
        self.dies = ""
        """At which moment of a publication its process is killed."""
        self.failures: list[str] = []
        """What the next publications fail of: the task is `refused`, or taken and the `answer lost`."""
        retry = RetryPolicy(attempts=3, max_age=MAX_AGE)
        self.queue = CeleryQueue(
            self.app, lambda: self, ledger, name=self.name, retry=retry, window=10**6, keep=10**6, lease=LEASE
        )
        self._task = self.app.tasks[f"{self.name}.send_message"]
        self._publish, self._task.apply_async = self._task.apply_async, self.publish
        self.stack = ExitStack()
        for signal, moment in ((before_task_publish, "before"), (after_task_publish, "after")):
            self._die_at(signal, moment)
        self.tasks: list[dict[str, Any]] = []
        """What the broker has: tasks that it still has to deliver, or may deliver again."""

    def _die_at(self, signal: Any, moment: str) -> None:
        def die(**_facts: Any) -> None:
            if self.dies == moment:
                self.dies = ""
                raise Killed

        signal.connect(die, weak=False)
        self.stack.callback(signal.disconnect, die)

    def publish(self, **options: Any) -> None:
        failure = self.failures.pop(0) if self.failures else ""
        if failure != "refused":
            self._publish(**options)
        if failure:
            raise ConnectionResetError

    def send_message(self, message: Message) -> SendResult:
        key = message.payload["key"]
        self.asked[key] = self.asked.get(key, 0) + 1
        if self.act in {"sent", "unknown", "sent and killed"}:
            self.accepted[key] = self.accepted.get(key, 0) + 1
        if "killed" in self.act:
            raise Killed
        if self.act in ERRORS:
            raise ERRORS[self.act]
        return SendResult(message_id=key)

    def collect(self) -> list[dict[str, Any]]:
        """Take what was published into `tasks`, and return that."""
        found = []
        with (
            self.app.connection_for_read() as connection,
            connection.SimpleQueue(self.name) as waiting,
            suppress(waiting.Empty),
        ):
            while True:
                message = waiting.get_nowait()
                message.ack()
                found.append({"headers": message.headers, "kwargs": message.payload[1]})
        self.tasks += found
        return found

    def deliver(self, task: dict[str, Any], act: str = "sent") -> Any:
        """Have a worker handle a task; it stays in `tasks` where the worker does not acknowledge it."""
        self.act = act
        try:
            found = self._task.run(**task["kwargs"])
        except (Killed, Reject):
            self.collect()
            return None
        self.tasks.remove(task)
        self.collect()
        return found

    def deliver_lost(self, task: dict[str, Any]) -> Any:
        """Deliver a task that the broker doesn't have any more."""
        self.tasks.append(task)
        return self.deliver(task)

    def close(self) -> None:
        self.stack.close()
        self.queue.close()
        self.app.close()
        delete_queue(self.ledger, self.name)
