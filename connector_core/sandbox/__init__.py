"""Sandboxes: the shape that they have, and the base of those that connectors ship (extra `sandbox`)."""

from connector_core.sandbox.http_sandbox import HttpSandbox, OutboxServer
from connector_core.sandbox.protocol import Sandbox, SandboxMessage

__all__ = ["HttpSandbox", "OutboxServer", "Sandbox", "SandboxMessage"]
