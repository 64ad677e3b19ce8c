"""A console that is served on loopback, and people who visit it without a browser."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests
    from fakes import FakeConnector
    from flask import Flask

    from connector_core import Host

EVERYTHING: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "token": {"type": "string", "writeOnly": True, "format": "password"},
        "note": {"type": "string", "format": "multiline"},
        "count": {"type": "integer", "default": 3},
        "share": {"type": "number"},
        "loud": {"type": "boolean", "default": True},
        "maybe": {"type": "boolean"},
        "shade": {"enum": ["dark", "light", 1, True]},
        "days": {"type": "array", "items": {"enum": ["mon", "tue", 3]}},
        "names": {"type": "array", "items": {"type": "string"}},
        "odd/key~with#marks": {"type": "string"},
        "accounts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "user/name": {"type": "string"},
                    "password": {"type": "string", "writeOnly": True, "format": "password"},
                },
                "required": ["password"],
                "additionalProperties": False,
            },
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "keys": {
            "type": "object",
            "additionalProperties": {"type": "string", "writeOnly": True, "format": "password"},
        },
        "anything": {"type": "object"},
    },
    "required": ["token"],
    "additionalProperties": False,
}
"""A schema with every kind of setting."""

ALPHA = "/connectors/alpha-mail"
_SECONDS = 20


class Visitor:
    """Somebody who visits a site, with the cookies of a browser; redirects are not followed."""

    def __init__(self, url: str) -> None:
        import requests  # the modules that need no console are not to wait for it

        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def get(self, path: str = "/", **options: Any) -> requests.Response:
        """Ask for a page."""
        return self.ask("GET", path, **options)

    def post(self, path: str, data: Any = (), *, page: str | None = None, **options: Any) -> requests.Response:
        """Send a form with the token of a page: that of the connector, unless another is named."""
        token = self.read_token(page or re.sub(r"(/connectors/[^/]+)/.*", r"\1", path))
        pairs = [*(data.items() if isinstance(data, dict) else data), ("csrf", token)]
        return self.ask("POST", path, data=pairs, **options)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request as it is."""
        return self._session.request(method, self.url + path, allow_redirects=False, timeout=_SECONDS, **options)

    def read_token(self, page: str) -> str:
        """Return the token in the forms of a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.get(page).text)
        assert found is not None
        return found[1]

    def sign_in(self, token: str) -> requests.Response:
        """Sign in with a token."""
        return self.post("/sign-in", {"token": token}, page="/sign-in")

    @property
    def cookies(self) -> requests.sessions.RequestsCookieJar:
        """Return the cookies that the visitor has."""
        return self._session.cookies

    def send_form(self, path: str, **changes: str) -> requests.Response:
        """Send the form of a connector's page with changes; a name with marks is written as it is in the page."""
        from submitted_form import read_form_data

        data = read_form_data(self.get(path).text)
        for name, value in changes.items():
            data[name] = value
        return self.ask("POST", path, data=[*data.items(multi=True)])


class Site:
    """A console of a host, served."""

    def __init__(self, host: Host, stack: ExitStack, **options: Any) -> None:
        from connector_core.console import ConsoleOptions, SignIn, make_app
        from connector_core.web_server import Server

        self.host = host
        self.tokens: list[str] = []
        self._stack = stack
        sign_in = None if "authenticate" in options else SignIn(self.tokens.append)
        self.app: Flask = make_app(host, ConsoleOptions(**options), sign_in)
        server = Server(self.app, 0, "console-in-test")
        server.start()
        stack.callback(server.stop)
        self.url = f"http://127.0.0.1:{server.port}"

    def visit(self, *, signed_in: bool = True) -> Visitor:
        """Return a new visitor, signed in where the site has a sign-in."""
        visitor = Visitor(self.url)
        self._stack.callback(visitor.close)
        if signed_in and self.tokens:
            assert visitor.sign_in(self.tokens[-1]).status_code == 303
        return visitor


@pytest.fixture
def serve_site(make_host: Callable[..., Host], tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Serve a console over connectors in memory, or over a host."""
    with ExitStack() as stack:

        def serve(*connectors: FakeConnector, host: Host | None = None, **options: Any) -> Site:
            from fakes import FakeConnector

            from connector_core.store import open_store

            given = connectors or (FakeConnector(schema=EVERYTHING),)
            made = host or make_host(*given, store=open_store(str(tmp_path / "configs.json")))
            return Site(made, stack, **{"private_addresses": True, **options})

        yield serve


@pytest.fixture
def site(serve_site: Callable[..., Site]) -> Site:
    """Serve a console over a connector with every kind of setting."""
    return serve_site()


@pytest.fixture
def ada(site: Site) -> Visitor:
    """Give somebody who is signed in."""
    return site.visit()
