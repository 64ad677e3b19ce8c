"""The server token in a send: in the request, and in nothing that anybody reads afterwards."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import network_environment
import pytest
from crash_report import format_everything

from connector_core import ConnectorError, Host, Limits, Message, hookimpl
from connector_core.testing import wire_behaviours, wire_server
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

TOKEN = "tok+5f2c/9a=Sec\"r'et\\"
CODE = "731904"
WRITTEN = {TOKEN, json.dumps(TOKEN)[1:-1], repr(TOKEN)[1:-1], "tok%2B5f2c%2F9a%3DSec%22r%27et%5C", "5f2c/9a"}


def config_for(url: str) -> dict[str, Any]:
    return {
        "serverToken": {"$env": "POSTMARK_TOKEN_OF_THE_TEST"},
        "fromEmail": "noreply@example.com",
        "templates": [
            {"usageType": name, "templateAlias": "x"} for name in ("SignIn", "Register", "ForgotPassword", "Generic")
        ],
        "apiUrl": url,
    }


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    network_environment.forget_network_environment(monkeypatch)
    monkeypatch.setenv("POSTMARK_TOKEN_OF_THE_TEST", TOKEN)
    for name in ("", "urllib3", "requests", "connector_core"):
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5)) as discovered:
        yield discovered


def find_token(text: str) -> list[str]:
    return [written for written in WRITTEN if written in text]


def test_the_token_arrives_as_it_is(host: Host) -> None:
    with WireServer(respond_json({"MessageID": "id"})) as server:
        host["postmark-mail"].send_message(config_for(server.url), Message("ann@example.com", "SignIn"))
    assert server.requests[0].headers["x-postmark-server-token"] == TOKEN


def test_a_send_logs_one_line_without_token_payload_or_recipient(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with WireServer(respond_json({"MessageID": "id"})) as server:
        host["postmark-mail"].send_message(config_for(server.url), Message("ann@example.com", "SignIn", {"code": CODE}))
    (line,) = [record.getMessage() for record in caplog.records if record.name == "connector_core"]
    assert line.startswith("postmark-mail SignIn sent ")
    assert find_token(caplog.text) == []
    assert CODE not in caplog.text
    assert "ann@example.com" not in caplog.text


def echo_the_token(line: wire_server.Line) -> None:
    token = line.request.headers["x-postmark-server-token"]
    respond_json({"ErrorCode": 10, "Message": f"The token {token} is bad.", token: token}, 401)(line)


def echo_the_token_in_html(line: wire_server.Line) -> None:
    respond(500, f"<html>{line.request.headers}</html>".encode())(line)


def echo_the_token_as_address(line: wire_server.Line) -> None:
    token = line.request.headers["x-postmark-server-token"]
    respond_json({"ErrorCode": 300, "Message": f"Invalid 'To' address: '{token}@x.y'."}, 422)(line)


ECHOES = [
    pytest.param(echo_the_token, id="says the token"),
    pytest.param(echo_the_token_in_html, id="says the request in HTML"),
    pytest.param(echo_the_token_as_address, id="says the token as an address"),
]
FAILURES = [
    pytest.param(respond_json({"ErrorCode": 406, "Message": "No."}, 422), id="refuses"),
    pytest.param(respond(500), id="fails"),
    pytest.param(wire_behaviours.hang_up, id="hangs up"),
    pytest.param(wire_behaviours.stay_silent, id="says nothing"),
    pytest.param(respond(302, headers=["Location: https://other.example/"]), id="redirects"),
    pytest.param(respond(200, b"<html>"), id="says HTML"),
    pytest.param(respond(503), id="is busy"),
    pytest.param(respond(200, b"x" * 1_500_000), id="sends too much"),
]


def fail_to_send(host: Host, url: str) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        host["postmark-mail"].send_message(config_for(url), Message("ann@example.com", "SignIn", {"code": CODE}))
    return caught.value


@pytest.mark.parametrize("behaviour", [*ECHOES, *FAILURES])
def test_a_failed_send_shows_no_token(host: Host, caplog: pytest.LogCaptureFixture, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert server.requests[0].headers["x-postmark-server-token"] == TOKEN  # so there was something to show
    assert find_token(format_everything(error, with_locals=False)) == []
    assert find_token(json.dumps(error.to_json())) == []
    assert find_token(caplog.text) == []
    assert CODE not in caplog.text
    (line,) = [record.getMessage() for record in caplog.records if record.name == "connector_core"]
    assert line.startswith("postmark-mail SignIn ")


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_failed_send_has_no_token_in_its_local_variables(host: Host, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert find_token(format_everything(error)) == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unreachable_provider_shows_no_token(host: Host, caplog: pytest.LogCaptureFixture, scheme: str) -> None:
    with wire_server.refuse_connections() as url:
        error = fail_to_send(host, url.replace("http", scheme))
    assert find_token(format_everything(error) + caplog.text) == []


class Careless:
    """A plugin of the host that fails, and says all it knows."""

    @hookimpl(wrapper=True)
    def send_message(self, config: Any) -> Iterator[None]:
        yield
        raise RuntimeError(f"{config['serverToken'].reveal()}, {config['serverToken'].reveal()!r}")


def test_a_plugin_that_says_the_token_in_an_exception_is_silenced(caplog: pytest.LogCaptureFixture) -> None:
    with WireServer(respond_json({"MessageID": "id"})) as server, Host.discover(plugins=[Careless()]) as host:
        error = fail_to_send(host, server.url)
    assert "RuntimeError" in str(error)
    assert find_token(format_everything(error, with_locals=False)) == []
    assert find_token(caplog.text) == []


def test_nothing_that_holds_the_config_shows_the_token(host: Host) -> None:
    configured = host["postmark-mail"].configure(config_for("http://127.0.0.1:1"))
    shown = [repr(each) for each in (configured, configured.config, configured.connector, vars(configured))]
    shown += [f"{configured.config}", json.dumps(host["postmark-mail"].redact_config(configured.config))]
    assert find_token(" ".join(shown)) == []
