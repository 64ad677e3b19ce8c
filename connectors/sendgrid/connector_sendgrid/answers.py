"""What SendGrid answers to requests that read: a list, a refusal of the key, or nothing that it documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import InvalidResponse
from connector_sendgrid.plugin import read_refusal

if TYPE_CHECKING:
    from connector_core import Response, SendError

OK, NOT_FOUND = 200, 404
MAY_NOT = frozenset({401, 403})
"""Statuses for a key that may not read what it asked for."""

_FAILED = {408, 429, 451, *range(500, 600)}


def read_list(answer: Response, key: str = "") -> list[Any]:
    """Return the list that an answer holds under a key; without a key, the list that it is.

    Raises:
        SendError: there is none.

    """
    found = answer.json()
    if key:
        found = found.get(key) if isinstance(found, dict) else None
    if answer.status != OK or not isinstance(found, list):
        raise misread(answer)
    return found


def misread(answer: Response) -> SendError:
    """Return the error for an answer of another status or shape than those that SendGrid documents."""
    if answer.status in _FAILED:
        return read_refusal(answer, "")
    return InvalidResponse("That is no answer of SendGrid.", reason=f"HTTP {answer.status}")
