"""A console without a server: its pages, and what a browser would make of them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from console_site import EVERYTHING
from fakes import FakeConnector
from flask import g
from submitted_form import read_form_data
from werkzeug.datastructures import MultiDict

from connector_core import Host
from connector_core.console import ConsoleOptions, make_app
from connector_core.console.application import EXTENSION
from connector_core.console.connector_page import ConnectorPage, render_page
from connector_core.console.draft import list_secrets
from connector_core.console.texts import choose_texts
from connector_core.plugins import LoadedConnector, make_manager, register_plugin
from connector_core.schema import ConfigSchema
from connector_core.store import StoredConfig, open_store
from connector_core.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector_core import Connector
    from connector_core.console.console import Console
    from connector_core.console.draft import Draft


class Desk:
    """The page of one connector in a console, made without a server."""

    def __init__(self, host: Host, connector_id: str) -> None:
        self.app = make_app(
            host, ConsoleOptions(authenticate=lambda _request: "ada", references=True, private_addresses=True)
        )
        self.console: Console = self.app.extensions[EXTENSION]
        self.connector: Connector = host[connector_id]

    def render(self, draft: Draft, stored: StoredConfig | None = None, view: str = "form") -> str:
        """Return the page of a draft; no secret of the draft is on it."""
        with self.app.test_request_context(f"/connectors/{self.connector.id}"):
            g.texts = choose_texts()
            page = ConnectorPage(self.connector, stored, draft, view=view)
            html = self.app.make_response(render_page(self.console, page)).get_data(as_text=True)
        assert not [secret for secret in self.list_secrets(draft.config) if secret in html]
        return html

    def read(self, sent: str | Iterable[tuple[str, str]], stored: StoredConfig | None = None, **changes: str) -> Draft:
        """Return the draft that the console reads of a page sent as it is, or of names with their values."""
        data = read_form_data(sent) if isinstance(sent, str) else MultiDict(sent)
        for name, value in changes.items():
            data[name] = value
        return self.console.read_draft(self.connector, stored, data, choose_texts())

    def list_secrets(self, config: dict[str, Any]) -> list[str]:
        """Return the texts of the secrets that a config has in clear."""
        found = list_secrets(config, self.connector.find_secrets(config)).values()
        return [secret for secret in found if isinstance(secret, str) and secret]

    def store(self, config: dict[str, Any]) -> StoredConfig:
        """Return a config as a store would give it."""
        return StoredConfig(
            connector_id=self.connector.id,
            type="Email",
            config=config,
            secrets=self.connector.find_secrets(config),
            revision="made-up",
            changed_at=datetime.now(UTC),
            changed_by="ada",
        )


@cache
def make_desk(connector_id: str) -> Desk:
    """Return the desk of a connector of this repository; what the tests do with it changes nothing."""
    return Desk(Host.discover(store=open_store("/nonexistent/configs.json")), connector_id)


def make_fake_desk(schema: dict[str, Any], store: str = "/nonexistent/configs.json") -> Desk:
    """Return the desk of a connector in memory with this schema of its config."""
    plugin, manager = FakeConnector(schema=schema), make_manager()
    name = plugin.metadata.id
    register_plugin(manager, plugin, name)
    loaded = LoadedConnector(
        plugin=plugin, metadata=plugin.metadata, schema=ConfigSchema(schema), distribution="alpha", version="1"
    )
    return Desk(Host(manager, {name: loaded}, (), Transport(), open_store(store)), name)


EVERYTHING_DESK = make_fake_desk(EVERYTHING)
