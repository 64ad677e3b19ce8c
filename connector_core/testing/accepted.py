"""What a sandbox shows of a message that it accepted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.sandbox.protocol import SandboxMessage

HEADERS_OF_OTHERS = frozenset({"bcc", "cc", "x-injected", "xinjected"})
"""Names of fields and headers that a mail has only where somebody wrote them into it."""


def show_accepted(accepted: SandboxMessage) -> str:
    """Return all that a provider got and a recipient sees, as one text."""
    request = json.dumps(accepted.request, ensure_ascii=False, default=str)
    return "\n".join([request, str(accepted.payload), accepted.subject, accepted.text, accepted.html])


def check_untouched(accepted: SandboxMessage) -> None:
    """Check that nothing of what a message says became a header or a field."""
    assert not set(accepted.subject) & {"\r", "\n"}, "The subject has a line break: put it through clean_header."
    added = sorted(HEADERS_OF_OTHERS & set(_list_names({**accepted.request, "payload": None})))
    assert not added, f"The mail got a header or field of somebody else's making: {', '.join(added)}."


def _list_names(value: Any) -> Iterator[str]:
    """Yield the names of all members of a JSON value, in lower case."""
    if isinstance(value, dict):
        for name, member in value.items():
            if member not in (None, "", [], ()):
                yield str(name).lower()
            yield from _list_names(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _list_names(member)
