"""Routing: a message goes through the first of several configured connectors that takes it; see `docs/routing.md`."""

from __future__ import annotations

from connector_core.routing.backoff import Backoff
from connector_core.routing.decision import Decision
from connector_core.routing.router import Failover, RoundRobin
from connector_core.routing.sender import RoutedSender

__all__ = ["Backoff", "Decision", "Failover", "RoundRobin", "RoutedSender"]
