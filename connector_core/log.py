"""The logger of the core: one line a send, with connector, usage type, outcome and time, and nothing of the message."""

from __future__ import annotations

import logging

logger = logging.getLogger("connector_core")
logger.addHandler(logging.NullHandler())  # a host that sets up no logging sees nothing


def is_logged(outcome: str) -> bool:
    """Return whether somebody wants to know of sends with an outcome."""
    return logger.isEnabledFor(_find_level(outcome))


def log_send(connector_id: str, usage_type: str, outcome: str, seconds: float) -> None:
    """Log a send: what was sent or queued as information, everything else as a warning."""
    logger.log(_find_level(outcome), "%s %s %s %.3f s", connector_id, usage_type, outcome, seconds)


def _find_level(outcome: str) -> int:
    return logging.INFO if outcome in {"sent", "queued"} else logging.WARNING
