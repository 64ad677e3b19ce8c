from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_postmark.sandbox import PostmarkSandbox

from connector_core import Connector, Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def no_proxy_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")


@pytest.fixture(scope="module")
def postmark() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["postmark-mail"]


@pytest.fixture(scope="module")
def schema(postmark: Connector) -> dict[str, Any]:
    return postmark.config_schema


@pytest.fixture
def sandbox() -> Iterator[PostmarkSandbox]:
    with PostmarkSandbox() as running:
        yield running


@pytest.fixture
def call(sandbox: PostmarkSandbox) -> Iterator[Callable[..., requests.Response]]:
    """Call the sandbox over HTTP, with its token unless a test brings another one (None for no token)."""
    with requests.Session() as session:

        def send(
            method: str, path: str, body: Any = None, *, token: str | None = "", **arguments: Any
        ) -> requests.Response:
            headers = {"Accept": "application/json", **arguments.pop("headers", {})}
            if token is not None:
                headers["X-Postmark-Server-Token"] = token or sandbox.config["serverToken"]
            return session.request(method, sandbox.url + path, json=body, headers=headers, timeout=20, **arguments)

        yield send
