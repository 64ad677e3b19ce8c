"""Host: the one facade that an application needs, typed, over the hooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from connector_core.config_issues import find_schema_issues
from connector_core.connector import Connector
from connector_core.errors import ConfigIssue, ConnectorNotFound, InvalidConnector, StoreError
from connector_core.hookspecs import CORE_PLUGIN, hookimpl
from connector_core.message_limits import check_message
from connector_core.plugins import (
    BLOCK_VARIABLE,
    ENTRY_POINT_GROUP,
    blocked_ids,
    load_connectors,
    make_manager,
    register_plugin,
)
from connector_core.stored_configs import StoredConfigs
from connector_core.transport import Limits, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pluggy
    import requests

    from connector_core.config import Config
    from connector_core.errors import SendError
    from connector_core.message import Message, SendResult
    from connector_core.metadata import ConnectorMetadata
    from connector_core.plugins import LoadedConnector, LoadFailure
    from connector_core.store.stored_config import Store


class Host(Mapping[str, Connector]):
    """The connectors of an application by id, and the plugins that the application adds.

    Safe to use from many threads. Make one and keep it: its connectors share one pool of connections.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        loaded: Mapping[str, LoadedConnector],
        failures: Iterable[LoadFailure],
        transport: Transport,
        store: Store | None = None,
    ) -> None:
        self._manager = manager
        self._transport = transport
        self.failures = tuple(failures)
        manager.register(_CoreChecks(loaded), CORE_PLUGIN)
        self._connectors = {name: Connector(manager, one, loaded, transport) for name, one in loaded.items()}
        self._configs = StoredConfigs(self, store) if store is not None else None

    @classmethod
    def discover(
        cls,
        *,
        plugins: Iterable[object] = (),
        session: requests.Session | None = None,
        limits: Limits | None = None,
        store: Store | None = None,
        group: str = ENTRY_POINT_GROUP,
    ) -> Self:
        """Load every connector that is installed.

        Args:
            plugins: plugins of the application, such as wrappers around `send_message`.
            session: a `requests.Session` to use in place of the transport's own.
            limits: time and size limits of a request.
            store: where configs live, such as `open_store("connectors.json")` of `connector_core.store`.
            group: the entry-point group to look in.

        Raises:
            InvalidConnector: a plugin of the application breaks the contract, or a connector does and
                `CONNECTOR_CORE_STRICT=1` is set. Without it, what failed is in `failures`.

        """
        manager = make_manager()
        loaded, failures = load_connectors(manager, group=group)
        host = cls(manager, loaded, failures, Transport(session, limits), store)
        for plugin in plugins:
            host.register(plugin)
        return host

    def register(self, plugin: object) -> None:
        """Add a plugin of the application; its hooks are called for every connector.

        Raises:
            InvalidConnector: it has no hook, or one that is misspelled or can't be called.

        """
        register_plugin(self._manager, plugin)
        if not self._manager.get_hookcallers(plugin):
            self._manager.unregister(plugin)
            raise InvalidConnector("The plugin has no hook: mark its functions with @hookimpl.")

    def unregister(self, plugin: object) -> None:
        """Take a plugin of the application out again.

        Raises:
            InvalidConnector: it is not registered.

        """
        if not self._manager.is_registered(plugin):
            raise InvalidConnector("The plugin is not registered.")
        self._manager.unregister(plugin)

    @property
    def configs(self) -> StoredConfigs:
        """Return the stored configs.

        Raises:
            StoreError: the host has no store.

        """
        if self._configs is None:
            raise StoreError(
                'The host has no store: give Host.discover a store=open_store("connectors.json"), of '
                "connector_core.store."
            )
        return self._configs

    def send_message(self, message: Message, *, connector_type: str = "Email") -> SendResult:
        """Send one message through the active connector of a type.

        The active config is looked up at each send, so that a change by anybody holds from the next send on.

        Raises:
            ConnectorNotFound: none is active, or its connector is not here; nothing was sent.
            InvalidConfig: the active config is not valid any more; nothing was sent.
            StoreError: the host has no store, or it can't be read; nothing was sent.
            SendError: the message was not sent, or nobody knows; see `outcome`.

        """
        return self.configs.find_configured(connector_type).send_message(message)

    def send_messages(
        self, messages: Iterable[Message], *, connector_type: str = "Email", in_flight: int | None = None
    ) -> Iterator[SendResult | SendError]:
        """Yield what becomes of each message through the active connector of a type, in order.

        Args:
            messages: the messages, taken as they are needed; see `ConfiguredConnector.send_messages`.
            connector_type: the type of the connector.
            in_flight: how many requests go out at the same time.

        Raises:
            ConnectorNotFound: none is active, or its connector is not here; nothing was sent.
            InvalidConfig: the active config is not valid any more; nothing was sent.
            StoreError: the host has no store, or it can't be read; nothing was sent.

        """
        return self.configs.find_configured(connector_type).send_messages(messages, in_flight=in_flight)

    def close(self) -> None:
        """Close the pooled connections, and what the active connectors keep."""
        if self._configs is not None:
            self._configs.close()
        self._transport.close()

    def __getitem__(self, connector_id: str) -> Connector:
        try:
            return self._connectors[connector_id]
        except KeyError:
            raise ConnectorNotFound(self._explain_absence(connector_id)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._connectors)

    def __len__(self) -> int:
        return len(self._connectors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _explain_absence(self, connector_id: str) -> str:
        for failure in self.failures:
            if failure.entry_point == connector_id:
                return f"The connector {connector_id} of {failure.distribution} failed to load: {failure.error}"
        installed = ", ".join(self._connectors) or "none"
        if connector_id in blocked_ids():
            return f"The connector {connector_id} is left out by {BLOCK_VARIABLE}. Installed besides: {installed}."
        return (
            f"There is no connector {connector_id}. Installed: {installed}. Install its distribution, or check the id."
        )


class _CoreChecks:
    """The core's own plugin: checks every config against its connector's schema, and every message."""

    def __init__(self, loaded: Mapping[str, LoadedConnector]) -> None:
        self._loaded = loaded

    @hookimpl
    def validate_config(self, config: Config, metadata: ConnectorMetadata) -> list[ConfigIssue]:
        return find_schema_issues(self._loaded[metadata.id].schema, config)

    @hookimpl(tryfirst=True)
    def send_message(self, message: Message, metadata: ConnectorMetadata) -> None:
        # Inside of all wrappers, which may have changed the message, and before the connector.
        check_message(message, metadata)
