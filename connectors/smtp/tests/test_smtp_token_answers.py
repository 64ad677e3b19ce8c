"""What an address that gives OAuth2 tokens may answer, and that no answer shows a token or a secret."""

from __future__ import annotations

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from crash_report import format_everything
from network_environment import forget_network_environment

from connector_core import (
    AuthorizationFailed,
    ConnectorError,
    Host,
    InvalidResponse,
    Limits,
    ProviderUnavailable,
    SendError,
)
from connector_core.testing.wire_behaviours import drip, hang_up, respond, respond_json, stay_silent
from connector_core.testing.wire_server import WireServer, finish, refuse_connections

from .smtp_server import ScriptedServer
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here
from .smtp_tokens import MESSAGE, SECRETS, XOAUTH2, configure, echo, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour, Line

TOKEN = "ya29.made-up_t0ken"
TRACES = {*SECRETS.values(), TOKEN, *(base64.b64encode(text.encode()).decode() for text in [*SECRETS.values(), TOKEN])}


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(retries=0)) as discovered:
        yield discovered


@pytest.fixture(scope="module")
def hasty() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=2)) as discovered:
        yield discovered


def fail_to_send(host: Host, behaviour: Behaviour) -> SendError:
    with WireServer(behaviour) as http, ScriptedServer(extensions=XOAUTH2) as smtp:
        with configure(host, smtp, http.url) as mail, pytest.raises(SendError) as raised:
            finish(lambda: mail.send_message(MESSAGE))
        assert smtp.connections == []
    assert raised.value.outcome == "not_sent"
    return raised.value


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
        (401, {"error": "invalid_client", "error_description": "The OAuth client was not found."}),
        (200, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}),
        (403, {"error": "unauthorized_client"}),
    ],
)
def test_refused_credentials_are_an_authorization_failure(host: Host, status: int, body: dict[str, str]) -> None:
    error = fail_to_send(host, respond_json(body, status))
    assert isinstance(error, AuthorizationFailed)
    assert error.provider is not None
    said = body.get("error_description", body["error"])
    assert error.provider.to_json() == {"code": body["error"], "message": said, "status": status}
    assert "refreshToken" in str(error)
    assert said in str(error)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_token_address_that_fails_may_work_later(host: Host, status: int) -> None:
    error = fail_to_send(host, respond(status, b"<html>"))
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable


@pytest.mark.parametrize(
    "behaviour", [hang_up, stay_silent, drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b" ")]
)
def test_a_token_address_that_does_not_answer_may_work_later(hasty: Host, behaviour: Behaviour) -> None:
    error = fail_to_send(hasty, behaviour)
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable


def test_a_token_address_that_is_not_there_is_said_to_be_so(host: Host) -> None:
    with (
        refuse_connections() as url,
        ScriptedServer(extensions=XOAUTH2) as smtp,
        configure(host, smtp, url) as mail,
        pytest.raises(ProviderUnavailable) as raised,
    ):
        mail.send_message(MESSAGE)
    assert raised.value.outcome == "not_sent"
    assert "auth.accessUrl" in str(raised.value)


@pytest.mark.parametrize(
    "behaviour",
    [
        respond(200, b"<html>"),
        respond(204),
        respond_json([]),
        respond_json({}),
        respond_json({"access_token": None}),
        respond_json({"access_token": ""}),
        respond_json({"access_token": ["made-up-t0ken"]}),
        respond_json({"access_token": "made\r\nup"}),
        respond_json({"access_token": "made\ud800up"}),
        respond(404, b"not found"),
    ],
)
def test_an_answer_without_a_token_is_none_of_a_token_address(host: Host, behaviour: Behaviour) -> None:
    error = fail_to_send(host, behaviour)
    assert isinstance(error, InvalidResponse)
    assert not error.retryable
    assert "auth.accessUrl" in str(error)


def test_what_such_an_answer_says_is_quoted_on_one_short_line(host: Host) -> None:
    error = fail_to_send(host, respond_json({"error": "no\x1b[2J", "error_description": "a\nb " * 5000}, 404))
    assert isinstance(error, InvalidResponse)
    assert error.provider is not None
    assert error.provider.code == "no [2J"
    assert error.provider.message is not None
    assert len(error.provider.message) <= 500
    assert error.provider.message.isprintable()


def test_a_redirect_is_not_followed(host: Host) -> None:
    with WireServer(give("token-1")) as other:
        error = fail_to_send(host, respond(302, b"", [f"Location: {other.url}/token"]))
        assert other.requests == []
    assert isinstance(error, ProviderUnavailable)
    assert not error.retryable


def test_fetching_and_sending_together_keep_to_the_total(hasty: Host) -> None:
    def answer_late(line: Line) -> None:
        if line.pause(0.8):
            give("token-1", expires_in=3600)(line)

    slow = {verb: [lambda connection: connection.pause(0.8) and connection.say("250 x")] for verb in ("MAIL", "RCPT")}
    with (
        WireServer(answer_late) as http,
        ScriptedServer(slow, extensions=XOAUTH2) as smtp,
        configure(hasty, smtp, http.url) as mail,
        pytest.raises(ProviderUnavailable) as raised,
    ):
        finish(lambda: mail.send_message(MESSAGE))
    assert "it took too long" in str(raised.value)
    assert smtp.mails == []


def test_many_threads_that_wait_for_a_fetch_share_its_failure(hasty: Host) -> None:
    with (
        WireServer(stay_silent) as http,
        ScriptedServer(extensions=XOAUTH2) as smtp,
        configure(hasty, smtp, http.url) as mail,
        ThreadPoolExecutor(4) as pool,
    ):

        def send(_number: int) -> SendError:
            with pytest.raises(SendError) as raised:
                mail.send_message(MESSAGE)
            return raised.value

        errors = list(pool.map(send, range(4)))
    assert all(isinstance(error, ProviderUnavailable) for error in errors)
    assert len({id(error) for error in errors}) == 4


def echo_late(line: Line) -> None:
    respond_json({"error": "invalid_grant", "error_description": f"{'x' * 490}{''.join(SECRETS.values())}"}, 400)(line)


@pytest.mark.parametrize("script", [{"AUTH": "535 5.7.8 No"}, {"MAIL": f"550 5.7.1 {TOKEN}"}, {}])
@pytest.mark.parametrize("behaviour", [give(TOKEN), echo, echo_late, hang_up, respond_json({"access_token": [TOKEN]})])
def test_no_error_and_no_log_shows_a_token_or_secret(
    host: Host, behaviour: Behaviour, script: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = ""
    with (
        WireServer(behaviour) as http,
        ScriptedServer(script, extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url) as mail,
    ):
        try:
            mail.send_message(MESSAGE)
        except ConnectorError as error:
            trace = error.__traceback__
            shown = format_everything(error.with_traceback(trace and trace.tb_next)) + json.dumps(error.to_json())
    assert [trace for trace in TRACES if trace in shown + caplog.text] == []
