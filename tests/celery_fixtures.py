"""Fixtures of the tests of Celery's queue: a desk where tasks are delivered by hand, with a ledger in a real Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from queue_desk import Desk


@pytest.fixture
def desk(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Give a desk whose clock is the test's own."""
    from queue_desk import Clock, Desk

    from connector_core.integrations import celery as integration

    clock = Clock()
    monkeypatch.setattr(integration, "time", clock)
    made = Desk(redis_url, clock)
    yield made
    made.close()
