"""Leaks: secrets that show in a text, in any notation in which software writes them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from connector_core.secrets import Redaction

if TYPE_CHECKING:
    from collections.abc import Iterable

_GROUP = 3
"""Bytes that base64 writes together (RFC 4648, section 4)."""


def find_leak(text: str, secrets: Iterable[str]) -> str | None:
    """Return how a secret shows in a text, without the secret, or None where none shows."""
    for secret in secrets:
        if Redaction([secret]).redact(text) != text:
            return "in clear"
        if any(notation in text for notation in _base64_notations(secret)):
            return "in base64"
        if secret.encode("utf-8", "surrogatepass").hex() in text.lower():
            return "in hexadecimal"
    return None


def _base64_notations(secret: str) -> Iterable[str]:
    """Yield what base64 makes of a secret wherever it begins in a longer text, such as `user:secret`."""
    for offset in range(_GROUP):
        data = secret.encode("utf-8", "surrogatepass")[(_GROUP - offset) % _GROUP :]
        whole = data[: len(data) // _GROUP * _GROUP]
        if whole:
            yield base64.b64encode(whole).decode()
            yield base64.urlsafe_b64encode(whole).decode()
