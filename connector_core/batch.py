"""Many messages through one configured connector: lazily, in order, with a bounded number of requests in flight."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from connector_core.batch_sender import as_send_error
from connector_core.errors import ConnectorError
from connector_core.message import Message
from connector_core.message_limits import measure_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from connector_core.batch_sender import SendOutcome
    from connector_core.message import SendResult
    from connector_core.metadata import ConnectorMetadata

BATCHES_IN_FLIGHT = 4
MESSAGES_IN_FLIGHT = 8
"""Requests at the same time where nothing is said: of a connector that sends batches, and of one that doesn't."""

AHEAD = 4
"""Single messages that are taken for each thread, so that a slow one doesn't keep the others waiting."""

_TOLD_AT_ONCE = 2
"""Batches whose outcomes are told before another batch is taken: more than one, so that fewer and fewer wait."""

_LOOK_SECONDS = 0.5

_BATCH_MESSAGES = 100
_BATCH_BYTES = 10_000_000
"""How a batch is cut where the connector's metadata doesn't say."""


def find_most_messages(metadata: ConnectorMetadata) -> int:
    """Return how many messages a batch of a connector has at most."""
    return metadata.message_limits.get("batchMessages", _BATCH_MESSAGES)


def cut_batches(messages: Iterable[object], metadata: ConnectorMetadata) -> Iterator[list[Any]]:
    """Yield messages in lists that the provider takes in one request; what is no message stands alone."""
    most_messages = find_most_messages(metadata)
    most_bytes = metadata.message_limits.get("batchBytes", _BATCH_BYTES)
    batch: list[object] = []
    size = 0
    problem: Exception | None = None
    try:
        for message in messages:
            added = measure_message(message) if isinstance(message, Message) else most_bytes
            if batch and size + added > most_bytes:
                yield batch
                batch, size = [], 0
            batch.append(message)
            size += added
            if len(batch) >= most_messages:  # without a look at the next message, which may take its time
                yield batch
                batch, size = [], 0
    except Exception as error:  # noqa: BLE001  the caller's own: what was taken before it is sent first
        problem = error
    if batch:
        yield batch
    if problem is not None:
        raise problem


def send_in_order(
    send: Callable[[list[Message]], list[SendOutcome]], batches: Iterable[list[Message]], *, threads: int, ahead: int
) -> Iterator[SendOutcome]:
    """Yield what becomes of each message, in order, while so many threads send batches.

    No more batches are taken than are in flight or ahead. Outcomes that are there go before the next batch is taken,
    since the iterable may take its time; those of two batches at most, since the caller may take its time, too, and the
    threads shall have work meanwhile. When nobody wants more outcomes, no other batch is begun; an error of the
    iterable is raised after the outcomes of all that came before it.

    Args:
        send: sends a batch; it raises nothing.
        batches: the messages, taken in the caller's thread as they are needed.
        threads: how many batches are sent at the same time.
        ahead: how many batches are taken at most whose outcomes were not yet yielded.

    """
    pending: deque[Future[list[SendOutcome]]] = deque()
    source = iter(batches)
    problem: BaseException | None = None
    told = 0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="connector-core-batch")
    try:
        while pending or problem is None:
            is_there = bool(pending) and pending[0].done() and told < _TOLD_AT_ONCE
            if pending and (is_there or problem is not None or len(pending) >= ahead):
                told += 1
                yield from _wait_for(pending.popleft())
                continue
            told = 0
            try:
                batch = next(source)
            except Exception as error:  # noqa: BLE001  the caller's own, and what was sent before it is told first
                problem = error
            else:
                # With the caller's context, which a host's plugin may need, such as for tracing.
                pending.append(pool.submit(copy_context().run, send, batch))
        if not isinstance(problem, StopIteration):
            raise problem
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _wait_for(future: Future[list[SendOutcome]]) -> list[SendOutcome]:
    """Return what became of a batch.

    It looks now and then, since Python handles a signal (Ctrl+C) once this thread wakes, and neither one to another
    thread wakes it, nor one that came just before the wait, nor any on Windows.
    """
    while not wait([future], _LOOK_SECONDS).done:
        continue
    return future.result()


def send_each(send: Callable[[Message], SendResult], messages: Sequence[Message]) -> list[SendOutcome]:
    """Send messages one after the other; return what became of each, whatever `send` raises."""
    outcomes: list[SendOutcome] = []
    for message in messages:
        try:
            outcomes.append(send(message))
        except ConnectorError as error:
            outcomes.append(as_send_error(error, "unknown"))  # a plugin may have raised it after the send
    return outcomes
