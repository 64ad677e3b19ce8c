"""What many workers know of the messages in a broker: one ledger in Redis (extra `redis`)."""

from __future__ import annotations

import json
import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from connector_core.queue import redis_scripts
from connector_core.queue.entry import (
    EXPIRED_CODE,
    EXPIRED_SENTENCE,
    STATES,
    UNKNOWN_CODE,
    UNKNOWN_SENTENCE,
    Entry,
    QueueError,
    refuse_unsettled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.queue.entry import State
    from connector_core.queue.policy import Settlement

_TIMEOUT_SECONDS = 5
_TRIES = 3
_AT_ONCE = 1000
_GRACE_SECONDS = 60
_TEXTS = (UNKNOWN_CODE, UNKNOWN_SENTENCE, EXPIRED_CODE, EXPIRED_SENTENCE)


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is given: the message as JSON, and which turn of it this is."""

    key: str
    turn: int
    document: Any
    connector_type: str
    since: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a worker has to do with a task.

    Args:
        action: `send` a message; `publish` the task of a later turn, which was never made; or `drop` it.
        task: what to send or to publish, as the ledger knows it.
        attempts: how many sends were begun, this one included.
        due: when what is published is due.
        state: the state that a dropped task's message has got by it, if any.

    """

    action: Literal["send", "publish", "drop"]
    task: Task
    attempts: int = 0
    due: float = 0
    state: Literal["dead", "unknown"] | None = None


class RedisLedger:
    """What is known of the messages of a queue; the same contract as that of an embedded queue.

    A message is claimed before it is sent. A claim that nobody settled in time makes the message unknown; who had
    it may still settle it then, since he knows better.

    Args:
        url: of the Redis server, such as `rediss://:password@host:6379/0`.
        name: what all its keys begin with.
        window: for how many seconds the key of a sent message is known.
        keep: for how many seconds dead letters and messages of unknown outcome are kept.
        lease: for how many seconds a claim holds.
        max_age: for how many seconds after it was enqueued a message may be sent.

    Raises:
        QueueError: the URL is none.

    """

    def __init__(  # noqa: PLR0913  each of them is a setting of its own
        self, url: str, name: str, *, window: float, keep: float, lease: float, max_age: float
    ) -> None:
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry

        self._window, self._keep, self._lease, self._max_age = math.ceil(window), math.ceil(keep), lease, max_age
        # Every script may be called again when its answer was lost.
        errors = (redis.ConnectionError, redis.TimeoutError)
        try:
            self._client = redis.Redis.from_url(
                url,
                decode_responses=True,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(ExponentialBackoff(cap=1, base=0.1), _TRIES),
                retry_on_error=[*errors],
            )
        except ValueError:
            raise QueueError("That is no URL of a Redis server: write redis://:password@host:6379/0.") from None
        self._error = redis.RedisError
        self._prefix = "{" + name + "}"  # in a cluster, all keys of a queue are on one node
        self._sets = [f"{self._prefix}:{state}" for state in STATES]
        self._scripts = {
            script: self._client.register_script(script)
            for name, script in vars(redis_scripts).items()
            if name.isupper() and not name.startswith("_")
        }

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def register(self, key: str, document: Any, connector_type: str, maker: str, now: float) -> Task | None:
        """Take a message in, and return the task to publish; None where the key is known and there is a task for it."""
        message = json.dumps(document, separators=(",", ":"))
        found, *more = self._run(redis_scripts.REGISTER, key, now, connector_type, message, maker)
        return None if found == "known" else Task(key, int(more[0]), document, connector_type, float(more[1]))

    def note_published(self, key: str, turn: int, now: float) -> bool:
        """Note that the broker has the task of a turn, and return whether its message was not withdrawn meanwhile."""
        return bool(self._run(redis_scripts.NOTE_PUBLISHED, key, now, turn))

    def withdraw(self, key: str, turn: int, maker: str, now: float) -> bool:
        """Undo what a maker registered and could not publish, and return whether its message is queued nevertheless.

        Where it isn't, a task that the broker has all the same does nothing.
        """
        return bool(self._run(redis_scripts.WITHDRAW, key, now, turn, maker, self._keep))

    def claim(self, task: Task, owner: str, now: float) -> Verdict:
        """Return what a worker has to do with a task; it alone may send a message that it is given to send."""
        message = json.dumps(task.document, separators=(",", ":"))
        facts = (task.turn, owner, message, task.connector_type, task.since, self._lease, self._max_age, self._keep)
        found, *more = self._run(redis_scripts.CLAIM, task.key, now, *facts, *_TEXTS)
        if not more:
            return Verdict("drop", task, state=found if found in {"dead", "unknown"} else None)
        turn, text, connector_type, since, number = more
        known = Task(task.key, int(turn), json.loads(text), connector_type, float(since))
        if found == "claimed":
            return Verdict("send", known, attempts=int(number))
        return Verdict("publish", known, due=float(number))

    def settle(self, key: str, owner: str, settlement: Settlement, now: float) -> bool:
        """Note what became of a claimed message, and return whether the claim was still its owner's."""
        due = now + settlement.delay if settlement.state == "waiting" else ""
        seconds = self._window if settlement.state == "sent" else self._keep
        texts = [text or "" for text in (settlement.code, settlement.sentence, settlement.message_id)]
        return bool(self._run(redis_scripts.SETTLE, key, now, owner, settlement.state, due, seconds, *texts))

    def requeue(self, key: str, now: float) -> Task:
        """Make a dead or unknown message wait again, and return the task to publish for it."""
        self._lapse(key, now)
        found, *more = self._run(redis_scripts.REQUEUE, key, now)
        if found != "requeued":
            raise refuse_unsettled(key)
        return Task(key, int(more[0]), json.loads(more[1]), more[2], now)

    def rescue(self, overdue: float, now: float) -> Iterator[tuple[Task, str]]:
        """Yield the tasks to publish again of messages that wait so many seconds longer than they should.

        Each comes with what `put_back` needs, and is yielded once in that time unless it is put back.
        """
        self._sweep(now)
        kept = 0
        while keys := self._list_overdue(now - overdue, kept, now):
            for key in keys:
                found = self._run(redis_scripts.RESCUE, key, now, overdue, self._max_age)
                if found:
                    yield Task(key, int(found[0]), json.loads(found[1]), found[2], float(found[3])), found[4]
                else:
                    kept += 1

    def put_back(self, key: str, since: str, rescued: float) -> None:
        """Have a message that waits since then, and was yielded at that time, rescued again the next time."""
        self._run(redis_scripts.PUT_BACK, key, rescued, since)

    def discard(self, key: str, now: float) -> None:
        """Forget a dead or unknown message."""
        self._lapse(key, now)
        if not self._run(redis_scripts.DISCARD, key, now):
            raise refuse_unsettled(key)

    def find(self, key: str, now: float) -> Entry | None:
        """Return what is known of a message."""
        self._lapse(key, now)
        with self._explained():
            record: Any = self._client.hgetall(self._name_record(key))
        return _read_entry(key, record) if record and record["state"] in STATES else None

    def list(self, state: State, limit: int, now: float) -> list[Entry]:
        """Return the messages of a state, those first that have been in it the longest."""
        self._sweep(now)
        with self._explained():
            keys: Any = self._client.zrange(f"{self._prefix}:{state}", 0, limit - 1) if limit > 0 else []
        entries = [self.find(key, now) for key in keys]
        return [entry for entry in entries if entry is not None and entry.state == state]

    def count(self, now: float) -> dict[State, int]:
        """Return how many messages are in each state."""
        self._sweep(now)
        with self._explained(), self._client.pipeline(transaction=True) as pipe:
            for name in self._sets:
                pipe.zcard(name)
            return dict(zip(STATES, pipe.execute(), strict=True))

    def _list_overdue(self, latest: float, first: int, now: float) -> Any:
        """Return the keys of messages that should have been sent, but for those that a sweep makes dead letters."""
        oldest = f"({now - self._max_age - _GRACE_SECONDS}"
        with self._explained():
            return self._client.zrangebyscore(f"{self._prefix}:waiting", oldest, latest, start=first, num=_AT_ONCE)

    def _sweep(self, now: float) -> None:
        """Tell what nobody settled and what no task is left for, and forget what was kept long enough."""
        with self._explained(), self._client.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(f"{self._prefix}:sending", "-inf", now, start=0, num=_AT_ONCE)
            oldest = now - self._max_age - _GRACE_SECONDS
            pipe.zrangebyscore(f"{self._prefix}:waiting", "-inf", oldest, start=0, num=_AT_ONCE)
            pipe.zremrangebyscore(f"{self._prefix}:sent", "-inf", now - self._window)
            for state in ("dead", "unknown"):
                pipe.zremrangebyscore(f"{self._prefix}:{state}", "-inf", now - self._keep)
            sending, waiting, *_ = pipe.execute()
        for key in [*sending, *waiting]:
            self._lapse(key, now)

    def _lapse(self, key: str, now: float) -> None:
        self._run(redis_scripts.LAPSE, key, now, self._max_age, self._keep, *_TEXTS, _GRACE_SECONDS)

    def _run(self, script: str, key: str, now: float, *arguments: Any) -> Any:
        with self._explained():
            return self._scripts[script](keys=[self._name_record(key), *self._sets], args=[key, now, *arguments])

    def _name_record(self, key: str) -> str:
        return f"{self._prefix}:message:{key}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise a QueueError, which doesn't show the URL, for an error of Redis."""
        try:
            yield
        except self._error as cause:
            problem = f"The queue's Redis server can't be used ({type(cause).__name__})"
            raise QueueError(f"{problem}: see that it runs, and what its URL is.") from None


def _read_entry(key: str, record: dict[str, str]) -> Entry:
    state: Any = record["state"]
    return Entry(
        key=key,
        state=state,
        connector_type=record["connector_type"],
        attempts=int(record["attempts"]),
        since=float(record["since"]),
        due=float(record["due"]) if record.get("due") else None,
        changed=float(record["changed"]),
        code=record.get("code") or None,
        sentence=record.get("sentence") or None,
        message_id=record.get("message_id") or None,
        message=json.loads(record["message"]) if record.get("message") else None,
    )
