"""What a router did with a message at one of its connectors: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["sent", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of a message's way through a router; it holds nothing of the message.

    Args:
        connector_id: the connector that the step is about.
        position: its place in the router, from 0, counted through all connectors from left to right, those of a router
            within the router included: it tells two configs of one connector apart.
        action: `sent`, `failed`, or `skipped` because the connector failed shortly before.
        code: the code of the error that it failed with, or that it is skipped for; None where it sent.

    """

    connector_id: str
    position: int
    action: Action
    code: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the decision as a JSON object in camelCase; `code` only where there is one."""
        found = {"connectorId": self.connector_id, "position": self.position, "action": self.action}
        return found if self.code is None else {**found, "code": self.code}
