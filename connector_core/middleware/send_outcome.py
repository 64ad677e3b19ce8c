"""What became of a message, in words that logs and metrics share."""

from __future__ import annotations

from connector_core.errors import ConnectorError, SendError
from connector_core.message import SendResult

UNKNOWN = "unknown"


def name_outcome(found: object) -> str:
    """Return `sent` or `queued` of a result, `not_sent` or `unknown` of an error, and `unknown` of anything else."""
    if isinstance(found, SendResult):
        return found.status
    return found.outcome if isinstance(found, SendError) else UNKNOWN


def name_error(found: object) -> str | None:
    """Return the stable code of an error, the class of one that isn't the core's, and None of a result."""
    if isinstance(found, SendResult):
        return None
    return found.code if isinstance(found, ConnectorError) else type(found).__qualname__
