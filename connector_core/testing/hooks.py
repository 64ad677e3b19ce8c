"""The optional hooks that a connector has, and whether they do anything for it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from connector_core.errors import ConnectorError, UnsupportedFeature
from connector_core.plugins import ENTRY_POINT_GROUP, make_manager, register_plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connector_core.configured_connector import ConfiguredConnector

CHECK, PROVISION, USAGE = "check_connection", "provision_templates", "get_usage"
BATCH = "send_messages"

_ASKS: Mapping[str, Callable[[ConfiguredConnector], object]] = {
    CHECK: lambda configured: configured.check_connection(),
    PROVISION: lambda configured: configured.plan_templates(),
    USAGE: lambda configured: configured.get_usage(datetime.now(UTC).date()),
}


def list_hooks(connector_id: str, group: str = ENTRY_POINT_GROUP) -> set[str]:
    """Return the names of the hooks that a connector implements, read off its plugin."""
    (entry,) = entry_points(group=group, name=connector_id)
    plugin = entry.load()
    manager = make_manager()
    register_plugin(manager, plugin)
    return {caller.name for caller in manager.get_hookcallers(plugin) or ()}


def is_answered(hook: str, configured: ConfiguredConnector) -> bool:
    """Return whether a hook does anything for a connector; a plugin of several may have it for another one of them."""
    if hook not in _ASKS:
        return True
    try:
        _ASKS[hook](configured)
    except UnsupportedFeature:
        return False
    except ConnectorError:
        return True  # what is wrong with the answer is another matter
    return True
