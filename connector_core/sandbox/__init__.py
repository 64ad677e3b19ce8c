"""Sandboxes: the shape that they have, and the base of those that connectors ship (extra `sandbox`).

The base is imported when it is first used: a host that knows the shape alone needs nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core.sandbox.protocol import Sandbox, SandboxMessage

if TYPE_CHECKING:
    from connector_core.sandbox.http_sandbox import HttpSandbox, OutboxServer, copy_config

__all__ = ["HttpSandbox", "OutboxServer", "Sandbox", "SandboxMessage", "copy_config"]


def __getattr__(name: str) -> Any:
    """Import the base of sandboxes (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from connector_core.sandbox import http_sandbox

    return getattr(http_sandbox, name)
