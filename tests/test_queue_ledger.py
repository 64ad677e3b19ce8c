"""The ledger of an embedded queue keeps its promise, whatever happens in whatever order."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from connector_core.queue import QueueError, RetryPolicy
from connector_core.queue.policy import Report
from connector_core.queue.sqlite_ledger import SqliteLedger

if TYPE_CHECKING:
    from connector_core.queue.sqlite_ledger import Claim

LEASE, MAX_AGE = 10.0, 1000.0
POLICY = RetryPolicy(attempts=3, max_age=MAX_AGE)
KEYS = ["a", "b", "c"]


class EmbeddedLedger(RuleBasedStateMachine):
    """Two processes with a ledger, of which each may be killed, and a provider that counts what it was given."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = 1_000_000.0
        self.ledgers = [self.open(), self.open()]
        self.allowed: dict[str, int] = {}
        """How many times each key may have been sent: once, and once more each time that somebody asked for it."""
        self.sent: dict[str, int] = {}
        self.known: set[str] = set()

    def open(self) -> SqliteLedger:
        return SqliteLedger(str(self.folder / "queue.db"), window=1e6, keep=1e6, lease=LEASE)

    def teardown(self) -> None:
        try:
            self.finish()
        finally:
            for ledger in self.ledgers:
                ledger.close()
            shutil.rmtree(self.folder)

    @rule(key=st.sampled_from(KEYS), which=st.integers(0, 1))
    def enqueue(self, key: str, which: int) -> None:
        is_new = self.ledgers[which].register(key, {"key": key}, "Email", self.now)

        assert is_new == (key not in self.known)
        self.known.add(key)
        self.allowed.setdefault(key, 1)

    @rule(target=claims, which=st.integers(0, 1))
    def claim(self, which: int) -> tuple[int, Claim] | None:
        found = self.ledgers[which].claim(uuid.uuid4().hex, self.now, MAX_AGE)
        return None if found is None else (which, found)

    @rule(
        claimed=consumes(claims),
        outcome=st.sampled_from(["sent", "not_sent", "unknown", "killed", "killed and sent"]),
        retryable=st.booleans(),
    )
    def send(self, claimed: tuple[int, Claim] | None, outcome: Any, retryable: bool) -> None:  # noqa: FBT001  drawn
        if claimed is None:
            return
        which, claim = claimed
        if outcome in {"sent", "unknown", "killed and sent"}:
            self.sent[claim.key] = self.sent.get(claim.key, 0) + 1
        if outcome.startswith("killed"):
            self.ledgers[which].close()
            self.ledgers[which] = self.open()
            return
        report = Report(outcome=outcome, retryable=retryable)
        settlement = POLICY.settle(report, attempts=claim.attempts, age=self.now - claim.since)
        self.ledgers[which].settle(claim.key, claim.owner, settlement, self.now)

    @rule(key=st.sampled_from(KEYS))
    def requeue(self, key: str) -> None:
        try:
            self.ledgers[0].requeue(key, self.now)
        except QueueError:
            return
        self.allowed[key] += 1

    @rule(seconds=st.sampled_from([0.5, 5, 11, 200, 1100]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def nothing_is_sent_more_often_than_allowed(self) -> None:
        assert all(count <= self.allowed[key] for key, count in self.sent.items())

    @invariant()
    def every_message_is_in_one_state(self) -> None:
        assert sum(self.ledgers[1].count(self.now).values()) == len(self.known)

    def finish(self) -> None:
        """Let everything come to its end: nothing waits for ever, and what was sent is sent or unknown."""
        for _ in range(50):
            self.now += LEASE + 1
            while (found := self.ledgers[0].claim("last", self.now, MAX_AGE)) is not None:
                self.sent[found.key] = self.sent.get(found.key, 0) + 1
                settlement = POLICY.settle(Report(outcome="sent"), attempts=found.attempts, age=0)
                assert self.ledgers[0].settle(found.key, "last", settlement, self.now)
        self.nothing_is_sent_more_often_than_allowed()
        for key in self.known:
            entry = self.ledgers[0].find(key, self.now)
            assert entry is not None
            assert entry.state in {"sent", "dead", "unknown"}
            assert (entry.message is None) == (entry.state == "sent")
            if self.allowed[key] == 1:
                assert (entry.state == "dead") <= (self.sent.get(key, 0) == 0)


TestEmbeddedLedger = EmbeddedLedger.TestCase
TestEmbeddedLedger.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
