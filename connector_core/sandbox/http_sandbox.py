"""The base of sandboxes: a local server with an outbox, to which a connector adds its provider's API."""

from __future__ import annotations

import importlib
import json
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from connector_core.sandbox.outbox import Delivery, Outbox
from connector_core.sandbox.protocol import SandboxMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from flask import Flask

    from connector_core.web_server import Server


class OutboxServer:
    """Serve an outbox on loopback while a `with` block runs: a page for people, JSON for programs.

    Args:
        provider: the name of the provider that the sandbox stands in for.
        connector_id: the id of its connector.
        port: the port to listen on; 0 takes a free one.
        keep_messages: how many messages stay in the outbox.
        example: a request that works, for the empty page; `{url}` stands for the address.

    Raises:
        ModuleNotFoundError: the extra `sandbox` is not installed; the sentence says how to install it.

    """

    distribution = "connector-core"
    """The distribution whose extra `sandbox` brings what the sandbox needs."""

    needs: tuple[str, ...] = ("cheroot", "flask")
    """The modules that the extra brings."""

    def __init__(
        self, provider: str, connector_id: str, *, port: int = 0, keep_messages: int = 1000, example: str = ""
    ) -> None:
        _require_modules(provider, self.needs, self.distribution)
        self.outbox = Outbox(keep=keep_messages)
        self._provider = provider
        self._connector_id = connector_id
        self._port = port
        self._example = example
        self._server: Server | None = None

    def __repr__(self) -> str:
        where = self.url if self._server else "not running"
        return f"<{type(self).__name__} {where}, {len(self.messages)} messages>"

    def __enter__(self) -> Self:
        if self._server is not None:
            raise RuntimeError("This sandbox is running already.")
        from connector_core.sandbox.application import make_application
        from connector_core.sandbox.page import OutboxPage
        from connector_core.web_server import Server

        app = make_application(OutboxPage(self.outbox, self._provider, self._connector_id, self._example))
        self.add_routes(app)
        server = Server(app, self._port, f"{self._connector_id}-sandbox")
        server.start()
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    @property
    def url(self) -> str:
        """Return the address of the server, which is that of the page with the outbox."""
        if self._server is None:
            raise RuntimeError("The sandbox has an address only while its `with` block runs.")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def messages(self) -> list[SandboxMessage]:
        """Return the accepted messages, oldest first."""
        return [delivery.message for delivery in self.outbox.all()]

    def clear(self) -> None:
        """Forget the messages."""
        self.outbox.clear()

    def add_routes(self, app: Flask) -> None:
        """Add routes besides those of the outbox; there are none unless a subclass adds them."""

    def accept(  # noqa: PLR0913  each of them is a part of a mail
        self,
        *,
        to: Iterable[str],
        sender: str,
        subject: str,
        text: str,
        html: str,
        request: Mapping[str, Any],
        payload: Mapping[str, Any] | None = None,
        message_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> SandboxMessage:
        """Put a message into the outbox.

        Args:
            to: everybody who would get the mail, those in copy included.
            sender: the sender as the provider got it.
            subject: the subject that a recipient would see; `text` and `html` the same for the content.
            text: see `subject`.
            html: see `subject`.
            request: the provider's request in the shape of JSON.
            payload: the variables, where the provider fills them in.
            message_id: the provider's id; without it one is made up.
            details: further facts by name, in the shape of JSON.

        """
        if isinstance(to, str):
            raise TypeError("`to` is a list of addresses, even where there is one")
        message = SandboxMessage(
            id=message_id or str(uuid.uuid4()),
            to=tuple(to),
            subject=subject,
            text=text,
            html=html,
            payload=payload,
            request=request,
        )
        size = len(json.dumps(request)) + len(text) + len(html)
        self.outbox.add(
            Delivery(message=message, submitted_at=datetime.now(UTC), sender=sender, details=details or {}, size=size)
        )
        return message


class HttpSandbox(OutboxServer, ABC):
    """Serve a provider's HTTP API on loopback while a `with` block runs.

    A connector's sandbox adds the routes of the API (`add_routes`), calls `accept` for each message that the provider
    would take, and returns a config that works against it.
    """

    @property
    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox, with its `url` as the provider's address."""


def copy_config(value: Any) -> Any:
    """Return a copy of a config or a part of it, of plain objects and lists; secrets stay the objects that they are."""
    if isinstance(value, dict):
        return {key: copy_config(member) for key, member in value.items()}
    return [copy_config(member) for member in value] if isinstance(value, list | tuple) else value


def _require_modules(provider: str, names: Iterable[str], distribution: str) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f'The {provider} sandbox needs {name}. Install it with: pip install "{distribution}[sandbox]"',
                name=error.name,
            ) from error
