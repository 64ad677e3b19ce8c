"""Celery: messages that many workers on many machines send, each at most once (extra `celery`).

The broker (Redis or RabbitMQ) brings a message to a worker; a ledger in Redis tells whether it may be sent. So a task
that the broker delivers twice, as it does after a worker was killed, is sent once.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from celery.exceptions import Reject
from celery.signals import worker_ready

from connector_core.host import Host
from connector_core.log import logger
from connector_core.queue.delivery import ENDS, attempt, log_settlement, report_unready
from connector_core.queue.entry import (
    KEEP,
    LEASE,
    WINDOW,
    QueueError,
    check_connector_type,
    check_count,
    check_key,
    check_message,
    check_seconds,
    choose_key,
)
from connector_core.queue.policy import RetryPolicy
from connector_core.queue.redis_ledger import RedisLedger, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Celery

    from connector_core.message import Message
    from connector_core.queue.delivery import Sender
    from connector_core.queue.entry import Entry, State
    from connector_core.queue.policy import Report

OVERDUE = 300
"""How long, in seconds, a message waits for a worker before its task counts as lost."""
_LONGEST_WATCH_SECONDS = 60
"""How often a worker looks for lost tasks, at least."""
_MOST_FAILURES = 3
"""How many lost tasks in a row can't be made before a worker leaves the others for the next time."""
_PAUSE_SECONDS = 5
"""How long a task waits where the ledger can't be reached, before anything was sent."""


class CeleryQueue:
    """A `Queue` whose messages are sent by the workers of a Celery application.

    Make it where the application is made, so that producers and workers have the same: it adds its task to the
    application. No result backend is needed. The message goes through the broker as JSON, with its payload, and
    never with a config: that is looked up by the worker.

    Args:
        app: the Celery application.
        make_sender: makes what sends, in a worker, when it is first needed: a host with a store, whose active connector
            is looked up for each message; or anything with `send_message`.
        ledger: the URL of the Redis server that knows what was sent, whatever the broker is.
        name: names the queue's keys in that server, and its task (`NAME.send_message`).
        queue: the queue of the broker that the tasks go to; where none is given, as the application's routes say.
        retry: when a message that surely was not sent is tried again.
        window: for how many seconds the key of a sent message is known, so that it isn't sent again.
        keep: for how many seconds dead letters and messages of unknown outcome are kept.
        lease: for how many seconds a send may last before its worker counts as dead and the outcome as unknown.
        overdue: for how many seconds more than it should a message waits before its task counts as lost by the broker,
            and is made again; more than the longest time that tasks stand in line for a worker.

    Raises:
        QueueError: the URL is none.
        TypeError: a setting is no number.
        ValueError: a setting is out of range.

    """

    def __init__(  # noqa: PLR0913  each of them is a setting of its own
        self,
        app: Celery,
        make_sender: Callable[[], Host | Sender],
        ledger: str,
        *,
        name: str = "connector_core",
        queue: str | None = None,
        retry: RetryPolicy | None = None,
        window: float = WINDOW,
        keep: float = KEEP,
        lease: float = LEASE,
        overdue: float = OVERDUE,
    ) -> None:
        for setting, seconds in (("window", window), ("keep", keep), ("lease", lease), ("overdue", overdue)):
            check_seconds(setting, seconds)
        self._retry = RetryPolicy() if retry is None else retry
        self._ledger = RedisLedger(ledger, name, window=window, keep=keep, lease=lease, max_age=self._retry.max_age)
        self._queue = queue
        self._overdue = overdue
        self._make_sender = make_sender
        self._sender: tuple[int, Host | Sender] | None = None
        self._lock = threading.Lock()

        def send_message(key: str, turn: int, message: Any, connector_type: str, since: float) -> str:
            return self._handle(Task(key, turn, message, connector_type, since))

        self._task = app.task(
            send_message,
            name=f"{name}.send_message",
            shared=False,  # else every application of the process gets it
            acks_late=True,  # a task is there until its message is settled
            reject_on_worker_lost=True,
            ignore_result=True,
            serializer="json",
            max_retries=None,
        )
        worker_ready.connect(self._watch)

    def enqueue(self, message: Message, *, key: str | None = None, connector_type: str = "Email") -> str:
        """Have a message sent soon, and return its key; the broker has it then.

        A key that the queue knows changes nothing: a caller that doesn't know whether it has enqueued a message calls
        again with the same key. Choose one: after an error, the message may be queued all the same, and is sent later.

        Args:
            message: the message.
            key: what the application knows the message by, such as a UUID: 1 to 200 visible ASCII characters, which
                appear in logs and in the broker. A UUID is made where none is given.
            connector_type: the type of the connector to send through, where the workers send through a host.

        Raises:
            InvalidMessage: it is no message, or its payload is no JSON any more.
            QueueError: the key or the type is none; or nobody knows whether the message is queued, and the error names
                the key to enqueue it again with.

        """
        document, checked = check_message(message).to_json(), choose_key(key)
        kind = check_connector_type(connector_type)
        try:
            self._take_in(checked, document, kind)
        except QueueError as error:
            advice = f"The message may be queued: enqueue it again with the key {checked}."
            raise QueueError(f"{error} {advice}") from None
        return checked

    def state(self, key: str) -> Entry | None:
        """Return what is known of a message, None where nothing is (any more)."""
        return self._ledger.find(check_key(key), time.time())

    def count(self) -> dict[State, int]:
        """Return how many messages are in each state, of those that are known."""
        return self._ledger.count(time.time())

    def dead_letters(self, *, limit: int = 100) -> list[Entry]:
        """Return the messages that surely were not sent and won't be, the oldest first.

        Raises:
            TypeError: the limit is no whole number.
            ValueError: it is less than 0.

        """
        return self._ledger.list("dead", check_count("limit", limit, 0), time.time())

    def unknown(self, *, limit: int = 100) -> list[Entry]:
        """Return the messages of which nobody knows whether they were sent, the oldest first.

        Raises:
            TypeError: the limit is no whole number.
            ValueError: it is less than 0.

        """
        return self._ledger.list("unknown", check_count("limit", limit, 0), time.time())

    def requeue(self, key: str) -> None:
        """Send a dead or unknown message again, as if it were new; one that is unknown may arrive twice.

        Raises:
            QueueError: it is neither dead nor unknown, or the key is none.

        """
        self._publish(self._ledger.requeue(check_key(key), time.time()))

    def discard(self, key: str) -> None:
        """Forget a dead or unknown message.

        Raises:
            QueueError: it is neither dead nor unknown, or the key is none.

        """
        self._ledger.discard(check_key(key), time.time())

    def rescue(self) -> int:
        """Make the tasks again that the broker lost, and return how many; each worker does so every now and then.

        A worker that is killed at the wrong moment takes a task with it which Redis has handed out already. Where the
        task wasn't lost after all, the one that comes second does nothing.

        Raises:
            QueueError: the ledger can't be reached, or the broker takes nothing.

        """
        made = failures = 0
        failed: list[tuple[str, str]] = []
        now = time.time()
        try:
            for task, since in self._ledger.rescue(self._overdue, now):
                try:
                    self._publish(task)
                except QueueError as error:
                    failures += 1
                    failed.append((task.key, since))
                    if failures == _MOST_FAILURES:
                        raise
                    logger.error("queue %s %s", task.key, error)
                else:
                    made, failures = made + 1, 0
        finally:
            with suppress(QueueError):  # else they are put off
                for key, since in failed:  # at the end, so that each is tried once
                    self._ledger.put_back(key, since, now)
        return made

    def close(self) -> None:
        """Close the connections to the ledger, and the host that was made in this process."""
        worker_ready.disconnect(self._watch)
        if self._sender is not None and isinstance(self._sender[1], Host):
            self._sender[1].close()
        self._sender = None
        self._ledger.close()

    def _take_in(self, key: str, document: Any, connector_type: str) -> None:
        """Register a message and publish its task; withdraw it where the broker did not take that."""
        maker = uuid.uuid4().hex
        task = self._ledger.register(key, document, connector_type, maker, time.time())
        if task is None:
            return
        try:
            stands = self._publish(task)
        except QueueError:
            with suppress(QueueError):  # else it stays, and is rescued
                if self._ledger.withdraw(key, task.turn, maker, time.time()):
                    return  # only the broker's answer was lost, or another call was faster
            raise
        if not stands:
            raise QueueError("Another call withdrew the message.")

    def _watch(self, sender: Any, **_facts: Any) -> None:
        """Rescue now that a worker is ready, and every now and then by its timer."""

        def rescue() -> None:
            try:
                if count := self.rescue():
                    logger.warning("queue made %d lost tasks again", count)
            except QueueError as error:
                logger.error("queue %s", error)

        if sender.app is self._task.app:
            rescue()
            sender.timer.call_repeatedly(min(self._overdue / 2, _LONGEST_WATCH_SECONDS), rescue)

    def _handle(self, task: Task) -> str:
        """Do what a task asks for, in a worker, and return the state of its message; Celery's events tell that."""
        owner = uuid.uuid4().hex
        try:
            verdict = self._ledger.claim(task, owner, time.time())
        except QueueError as error:
            logger.error("queue %s %s", task.key, error)
            return self._hand_on(task, _PAUSE_SECONDS, is_new=False)
        if verdict.action == "publish":
            return self._hand_on(verdict.task, max(verdict.due - time.time(), 0))
        if verdict.action == "drop":
            if verdict.state is not None:
                logger.warning("queue %s %s", task.key, verdict.state)
            return verdict.state or "dropped"
        return self._send(verdict.task, owner, verdict.attempts)

    def _send(self, task: Task, owner: str, attempts: int) -> str:
        """Send a claimed message, and return its state."""
        report = self._attempt(task)
        now = time.time()
        settlement = self._retry.settle(report, attempts=attempts, age=now - task.since)
        try:
            is_ours = self._ledger.settle(task.key, owner, settlement, now)
        except QueueError as error:
            # The claim lapses, and the message is unknown then, as where the worker is killed.
            logger.error("queue %s %s %s", task.key, settlement.state, error)
            return "unknown"
        if is_ours:
            log_settlement(task.key, settlement)
            if settlement.state == "waiting":
                return self._hand_on(replace(task, turn=task.turn + 1), settlement.delay)
        return settlement.state

    def _attempt(self, task: Task) -> Report:
        try:
            sender = self._find_sender()
        except ENDS:
            raise
        except BaseException as error:  # noqa: BLE001  an application's own function, and nothing was sent
            return report_unready(error)
        return attempt(sender, task.document, task.connector_type)

    def _find_sender(self) -> Host | Sender:
        with self._lock:  # one for all threads of a worker
            if self._sender is None or self._sender[0] != os.getpid():  # made after a fork, not before
                self._sender = (os.getpid(), self._make_sender())
            return self._sender[1]

    def _hand_on(self, task: Task, delay: float, *, is_new: bool = True) -> str:
        """Make the task of a later turn before the one at hand is acknowledged, which is delivered again otherwise."""
        try:
            self._publish(task, delay, is_new=is_new)
        except QueueError as error:
            raise Reject(str(error), requeue=True) from None
        return "waiting"

    def _publish(self, task: Task, delay: float = 0, *, is_new: bool = True) -> bool:
        """Give a task to the broker, and return whether its message stands, as far as the ledger can be asked."""
        arguments = {
            "key": task.key,
            "turn": task.turn,
            "message": task.document,
            "connector_type": task.connector_type,
            "since": task.since,
        }
        try:
            self._task.apply_async(
                kwargs=arguments,
                task_id=f"{task.key}.{task.turn}",
                countdown=delay or None,
                queue=self._queue,
                argsrepr="()",
                kwargsrepr=repr({"key": task.key, "turn": task.turn}),  # Celery logs it, and sends it as an event
            )
        except Exception as cause:  # noqa: BLE001  the error of a broker is of whatever client it has
            problem = f"The broker did not take the message ({type(cause).__name__})"
            raise QueueError(f"{problem}: see that it runs.") from None
        if is_new:
            with suppress(QueueError):  # else a task more is made when this one is delivered again, and dropped
                return self._ledger.note_published(task.key, task.turn, time.time())
        return True
