"""Tries of a config: live checks, test messages within a rate, and what became of them."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from connector_core.errors import ConnectorError, SendError, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core.connector import Connector
    from connector_core.errors import ProviderReply
    from connector_core.findings import Finding
    from connector_core.message import Message, SendResult

MINUTES = 10
IN_ALL = 6
KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of a test message: a result, or the error in words."""

    at: datetime
    to: str = field(repr=False)
    usage_type: str
    result: SendResult | None = None
    code: str = ""
    message: str = ""
    outcome: str = ""
    provider: ProviderReply | None = None


class TrialRate:
    """Bounds how many test messages go out: to one address, and in all.

    Args:
        per_recipient: how many may go to one address in ten minutes; six times as many in all.

    """

    def __init__(self, per_recipient: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._one = RateLimitItemPerMinute(per_recipient, MINUTES)
        self._all = RateLimitItemPerMinute(per_recipient * IN_ALL, MINUTES)

    def take(self, recipient: str) -> bool:
        """Return whether another message may go to an address now, and count it if so."""
        key = recipient.strip().lower()
        return self._limiter.test(self._all) and self._limiter.hit(self._one, key) and self._limiter.hit(self._all)


class TrialHistory:
    """The newest test messages of each connector, as long as the process lives."""

    def __init__(self) -> None:
        self._trials: dict[str, deque[Trial]] = {}
        self._lock = threading.Lock()

    def add(self, connector_id: str, trial: Trial) -> None:
        """Keep a trial, and forget the oldest of those that are too many."""
        with self._lock:
            self._trials.setdefault(connector_id, deque(maxlen=KEPT)).appendleft(trial)

    def list(self, connector_id: str) -> list[Trial]:
        """Return the trials of a connector, newest first."""
        with self._lock:
            return [*self._trials.get(connector_id, ())]


def send_trial(connector: Connector, config: Mapping[str, Any], message: Message, *, references: bool) -> Trial:
    """Send one message with a config that isn't stored, and tell what became of it.

    Raises:
        InvalidConfig: with every issue; nothing was sent.

    """
    trial = Trial(at=datetime.now(UTC), to=message.to, usage_type=message.type)
    with connector.configure(config, resolve_references=references) as configured:
        try:
            result = configured.send_message(message)
        except ConnectorError as error:
            provider = error.provider if isinstance(error, SendError) else None
            outcome = error.outcome if isinstance(error, SendError) else "not_sent"
            return replace(trial, code=error.code, message=str(error), outcome=outcome, provider=provider)
    return replace(trial, result=result, outcome=result.status)


def check_trial(connector: Connector, config: Mapping[str, Any], *, references: bool) -> list[Finding] | None:
    """Return what a live check finds, with a config that isn't stored; None where the connector has none.

    Raises:
        InvalidConfig: with every issue; the provider was not asked.

    """
    try:
        return connector.check_connection(config, resolve_references=references)
    except UnsupportedFeature:
        return None
