from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_postmark.sandbox import PostmarkSandbox

from connector_core import Connector, Finding, Host, choose_template, starter_templates
from connector_core.testing.wire_behaviours import pass_on
from connector_core.testing.wire_server import Request, WireServer

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


@pytest.fixture(scope="session")
def write_subject() -> Callable[[str, str], str]:
    """Return what writes the subject that the starter template of a usage type gives a mail with a code."""

    def write(usage_type: str, code: str) -> str:
        starter = choose_template(starter_templates(), usage_type)
        assert starter is not None
        return starter.subject.replace("{{code}}", code)

    return write


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


@pytest.fixture
def check(postmark: Connector, sandbox: PostmarkSandbox) -> Callable[..., list[Finding]]:
    """Check a config at the sandbox, the sandbox's own with some settings changed; no request may be one that sends."""

    def run(**settings: Any) -> list[Finding]:
        with WireServer(pass_on(sandbox.url)) as server:
            findings = postmark.check_connection({**sandbox.config, **settings, "apiUrl": server.url})
            assert [request for request in server.requests if may_send(request)] == []
        assert sandbox.messages == []
        return findings

    return run


def may_send(request: Request) -> bool:
    """Return whether a request to Postmark might send something to somebody, or change something."""
    if request.method == "GET" or (request.method, request.target) == ("POST", "/templates/validate"):
        return False
    is_mail = (request.method, request.target) == ("POST", "/email")
    return not is_mail or bool({name.lower() for name in request.json()} & {"to", "cc", "bcc"})
