"""A queue within the application: an SQLite file and some threads, and nothing to install or run besides."""

from __future__ import annotations

import atexit
import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Self

from connector_core.log import logger
from connector_core.queue.delivery import attempt, log_settlement, report_unknown
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
from connector_core.queue.sqlite_ledger import SqliteLedger

if TYPE_CHECKING:
    from connector_core.host import Host
    from connector_core.message import Message
    from connector_core.queue.delivery import Sender
    from connector_core.queue.entry import Entry, State
    from connector_core.queue.sqlite_ledger import Claim

_LOOK_SECONDS = 1.0
"""How often a thread without work looks for what other processes have put in, or left behind."""


class EmbeddedQueue:
    """A `Queue` whose messages are in an SQLite file and are sent by threads of this process.

    Several processes may share a file: each message is sent by one of them. Make the queue in the process that uses it,
    after a fork and not before.
    At the end of the process, a send that was begun is waited for, and what waits stays in the file.

    Args:
        path: the file, on a local disk; it is made where there is none, readable for its owner alone. It holds the
            messages, with their payloads, until they were sent.
        sender: a host, whose active connector is looked up for each message; or anything with `send_message`.
        workers: how many threads send; with 0, this process only enqueues and looks.
        retry: when a message that surely was not sent is tried again.
        window: for how many seconds the key of a sent message is known, so that it isn't sent again.
        keep: for how many seconds dead letters and messages of unknown outcome are kept.
        lease: for how many seconds a send may last before its process counts as dead and the outcome as unknown.

    Raises:
        QueueError: the file can't be used, or was open when this process was forked.
        TypeError: a setting is no number, or `workers` no whole one.
        ValueError: a setting is out of range.

    """

    def __init__(  # noqa: PLR0913  each of them is a setting of its own
        self,
        path: str | os.PathLike[str],
        sender: Host | Sender,
        *,
        workers: int = 4,
        retry: RetryPolicy | None = None,
        window: float = WINDOW,
        keep: float = KEEP,
        lease: float = LEASE,
    ) -> None:
        check_count("workers", workers, 0)
        for name, seconds in (("window", window), ("keep", keep), ("lease", lease)):
            check_seconds(name, seconds)
        self._sender = sender
        self._retry = RetryPolicy() if retry is None else retry
        self._ledger = SqliteLedger(os.fspath(path), window=window, keep=keep, lease=lease)
        self._process = os.getpid()
        self._arrived, self._settled = threading.Condition(), threading.Condition()
        self._arrivals = 0
        self._is_open = True
        self._threads = [
            threading.Thread(target=self._work, name=f"queue-{number}", daemon=True) for number in range(workers)
        ]
        atexit.register(self.close)  # daemon threads would be cut off in the middle of a send
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def enqueue(self, message: Message, *, key: str | None = None, connector_type: str = "Email") -> str:
        """Have a message sent soon, and return its key; it is on the disk then.

        A key that the queue knows changes nothing: a caller that doesn't know whether it has enqueued a message calls
        again with the same key.

        Args:
            message: the message.
            key: what the application knows the message by, such as a UUID: 1 to 200 visible ASCII characters, which
                appear in logs. A UUID is made where none is given.
            connector_type: the type of the connector to send through, where the sender is a host.

        Raises:
            InvalidMessage: it is no message, or its payload is no JSON any more.
            QueueError: the key or the type is none, or the message was not queued.

        """
        document, checked = check_message(message).to_json(), choose_key(key)
        if self._open_ledger().register(checked, document, check_connector_type(connector_type), time.time()):
            self._wake()
        return checked

    def state(self, key: str) -> Entry | None:
        """Return what is known of a message, None where nothing is (any more)."""
        return self._open_ledger().find(check_key(key), time.time())

    def count(self) -> dict[State, int]:
        """Return how many messages are in each state, of those that are known."""
        return self._open_ledger().count(time.time())

    def dead_letters(self, *, limit: int = 100) -> list[Entry]:
        """Return the messages that surely were not sent and won't be, the oldest first.

        Raises:
            TypeError: the limit is no whole number.
            ValueError: it is less than 0.

        """
        return self._open_ledger().list("dead", check_count("limit", limit, 0), time.time())

    def unknown(self, *, limit: int = 100) -> list[Entry]:
        """Return the messages of which nobody knows whether they were sent, the oldest first.

        Raises:
            TypeError: the limit is no whole number.
            ValueError: it is less than 0.

        """
        return self._open_ledger().list("unknown", check_count("limit", limit, 0), time.time())

    def requeue(self, key: str) -> None:
        """Send a dead or unknown message again, as if it were new; one that is unknown may arrive twice.

        Raises:
            QueueError: it is neither dead nor unknown, or the key is none.

        """
        self._open_ledger().requeue(check_key(key), time.time())
        self._wake()

    def discard(self, key: str) -> None:
        """Forget a dead or unknown message.

        Raises:
            QueueError: it is neither dead nor unknown, or the key is none.

        """
        self._open_ledger().discard(check_key(key), time.time())

    def drain(self, seconds: float) -> bool:
        """Wait until no message waits or is being sent, retries included, and return whether it came to that.

        Args:
            seconds: how long to wait at most.

        """
        deadline = time.monotonic() + seconds
        while True:
            counted = self.count()
            if not counted["waiting"] + counted["sending"]:
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._settled:
                self._settled.wait(min(left, _LOOK_SECONDS))

    def close(self) -> None:
        """End the threads once they have settled what they are sending; what waits stays in the file."""
        if self._process != os.getpid():
            return  # the threads and the file are those of the process that was forked
        with self._arrived:
            was_open, self._is_open = self._is_open, False
            self._arrived.notify_all()
        if not was_open:
            return
        for thread in self._threads:
            thread.join()
        atexit.unregister(self.close)
        self._ledger.close()

    def _open_ledger(self) -> SqliteLedger:
        if self._process != os.getpid():
            raise QueueError("This queue was opened before the process forked: make it after the fork.")
        if not self._is_open:
            raise QueueError("This queue is closed: make a new one.")
        return self._ledger

    def _wake(self) -> None:
        with self._arrived:
            self._arrivals += 1
            self._arrived.notify()

    def _work(self) -> None:
        while self._is_open:
            arrivals = self._arrivals
            try:
                claim = self._ledger.claim(uuid.uuid4().hex, time.time(), self._retry.max_age)
                if claim is None:
                    if self._rest(self._ledger.find_due(), arrivals):
                        self._ledger.empty_log()
                    continue
                self._send(claim)
            except QueueError as error:
                # A send that can't be settled becomes unknown, as after a crash.
                logger.error("queue %s", error)
                self._rest(None, arrivals)
            except BaseException as error:  # noqa: BLE001  a sender may give anything, and the thread goes on
                logger.error("queue failed (%s)", type(error).__name__)
                self._rest(None, arrivals)

    def _send(self, claim: Claim) -> None:
        try:
            report = attempt(self._sender, claim.document, claim.connector_type)
        except BaseException as error:  # noqa: BLE001  what ends a process elsewhere would end this thread alone
            report = report_unknown(error)
        now = time.time()
        settlement = self._retry.settle(report, attempts=claim.attempts, age=now - claim.since)
        if self._ledger.settle(claim.key, claim.owner, settlement, now):
            log_settlement(claim.key, settlement)
        with self._settled:
            self._settled.notify_all()

    def _rest(self, due: float | None, arrivals: int) -> bool:
        """Wait for a message, at most until one is due, and return whether none arrived since so many had."""
        seconds = _LOOK_SECONDS if due is None else min(max(due - time.time(), 0), _LOOK_SECONDS)
        with self._arrived:
            if self._is_open and self._arrivals == arrivals:
                return not self._arrived.wait(seconds)
        return False
