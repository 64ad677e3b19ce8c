"""The API key in a send: in the request, and in nothing that anybody reads afterwards."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import network_environment
import pytest
from crash_report import format_everything

from connector_core import Host, Limits, Message, SendError
from connector_core.testing import wire_behaviours, wire_server
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

KEY = "SG.5f2c/9a+Sec\"r'et\\"
CODE = "731904"
WRITTEN = {KEY, json.dumps(KEY)[1:-1], repr(KEY)[1:-1], "5f2c/9a"}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    network_environment.forget_network_environment(monkeypatch)
    monkeypatch.setenv("SENDGRID_KEY_OF_THE_TEST", KEY)
    for name in ("", "urllib3", "requests", "connector_core"):
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5, retries=0)) as discovered:
        yield discovered


def config_for(url: str) -> dict[str, Any]:
    return {
        "apiKey": {"$env": "SENDGRID_KEY_OF_THE_TEST"},
        "fromEmail": "noreply@example.com",
        "templates": [
            {"usageType": name, "type": "text/plain", "subject": "Code", "content": "{{code}}"}
            for name in ("SignIn", "Register", "ForgotPassword", "Generic")
        ],
        "apiUrl": url,
    }


def find_key(text: str) -> list[str]:
    return [written for written in WRITTEN if written in text]


def echo_in_an_error(line: wire_server.Line) -> None:
    key = line.request.headers["authorization"]
    respond_json({"errors": [{"message": f"{key} is bad.", "field": key, "error_id": key, key: key}]}, 401)(line)


def echo_the_bare_key_as_field(line: wire_server.Line) -> None:
    respond_json({"errors": [{"message": "No.", "field": KEY}]}, 400)(line)


def echo_in_html(line: wire_server.Line) -> None:
    respond(500, f"<html>{line.request.headers}</html>".encode())(line)


ECHOES = [echo_in_an_error, echo_the_bare_key_as_field, echo_in_html]
FAILURES = [
    pytest.param(respond_json({"errors": [{"message": "No."}]}, 401), id="refuses"),
    pytest.param(respond(500), id="fails"),
    pytest.param(wire_behaviours.hang_up, id="hangs up"),
    pytest.param(wire_behaviours.stay_silent, id="says nothing"),
    pytest.param(respond(302, headers=["Location: https://other.example/"]), id="redirects"),
    pytest.param(respond(202), id="says 202 alone"),
    pytest.param(respond(429), id="is busy"),
]


def fail_to_send(host: Host, url: str) -> SendError:
    with pytest.raises(SendError) as caught:
        host["sendgrid-email-service"].send_message(
            config_for(url), Message("ann@example.com", "SignIn", {"code": CODE})
        )
    return caught.value


@pytest.mark.parametrize("behaviour", [*ECHOES, *FAILURES])
def test_a_failed_send_shows_no_key(host: Host, caplog: pytest.LogCaptureFixture, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"  # so there was something to show
    assert find_key(format_everything(error, with_locals=False)) == []
    assert find_key(json.dumps(error.to_json())) == []
    assert find_key(caplog.text) == []
    assert CODE not in caplog.text
    assert "ann@example.com" not in caplog.text


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_failed_send_has_no_key_in_its_local_variables(host: Host, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert find_key(format_everything(error)) == []


def test_a_send_logs_one_line_without_key_payload_or_recipient(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with WireServer(respond(202, headers=["X-Message-Id: abc"])) as server:
        host["sendgrid-email-service"].send_message(
            config_for(server.url), Message("ann@example.com", "SignIn", {"code": CODE})
        )
    (line,) = [record.getMessage() for record in caplog.records if record.name == "connector_core"]
    assert line.startswith("sendgrid-email-service SignIn queued ")
    assert find_key(caplog.text) == []
    assert CODE not in caplog.text


def test_the_key_never_goes_to_the_host_of_a_redirect(host: Host) -> None:
    with WireServer(respond(202)) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        with WireServer(respond(308, headers=[f"Location: {there}/v3/mail/send"])) as server:
            fail_to_send(host, server.url)
    assert other.connections == 0
