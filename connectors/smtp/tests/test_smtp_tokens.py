"""OAuth2 tokens: fetched when they are needed, kept until they expire, and what a token address may answer."""

from __future__ import annotations

import base64
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from crash_report import format_everything
from network_environment import forget_network_environment

from connector_core import (
    AuthorizationFailed,
    ConfiguredConnector,
    ConnectorError,
    Host,
    InvalidResponse,
    Limits,
    Message,
    ProviderUnavailable,
    SendError,
)
from connector_core.testing.leaks import find_leak
from connector_core.testing.wire_behaviours import drip, hang_up, respond, respond_json, stay_silent
from connector_core.testing.wire_server import WireServer, finish, refuse_connections

from .smtp_server import USER, ScriptedServer, config_for
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour, Line

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
SECRETS = {"clientSecret": "made-up+client/s3cret", "refreshToken": "1//made-up=refresh&t0ken"}
AUTH = {"type": "oauth2", "user": USER, "clientId": "client-1", **SECRETS}
XOAUTH2 = ["AUTH XOAUTH2"]


def give(token: str, **more: Any) -> Behaviour:
    return respond_json({"access_token": token, "token_type": "Bearer", **more})


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(retries=0)) as discovered:
        yield discovered


@pytest.fixture(scope="module")
def hasty() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=0.3, read=0.3, total=0.4)) as discovered:
        yield discovered


def configure(host: Host, smtp: ScriptedServer, http: str, **auth: Any) -> ConfiguredConnector:
    config = config_for(smtp.port, auth={**AUTH, "accessUrl": f"{http}/token", **auth})
    return host["simple-mail-transfer-protocol"].configure(config)


def list_tokens(server: ScriptedServer) -> list[str]:
    """Return the tokens that a mail server got."""
    words = [command.rpartition(" ")[2] for command in server.commands if command.startswith("AUTH XOAUTH2 ")]
    said = [base64.b64decode(word).decode().split("\1") for word in words]
    assert all(user == f"user={USER}" for user, *_ in said)
    return [bearer.removeprefix("auth=Bearer ") for _, bearer, *_ in said]


# Fetched and kept


def test_a_token_is_fetched_with_the_refresh_token_and_signs_in(host: Host) -> None:
    with WireServer(give("token-1")) as http, ScriptedServer(extensions=XOAUTH2) as smtp:
        with configure(host, smtp, http.url) as mail:
            mail.send_message(MESSAGE)
        (request,) = http.requests
    assert (request.method, request.target) == ("POST", "/token")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(request.body.decode())) == {
        "grant_type": "refresh_token",
        "client_id": "client-1",
        "client_secret": SECRETS["clientSecret"],
        "refresh_token": SECRETS["refreshToken"],
    }
    assert list_tokens(smtp) == ["token-1"]


def test_a_public_client_has_no_secret(host: Host) -> None:
    with WireServer(give("token-1")) as http, ScriptedServer(extensions=XOAUTH2) as smtp:
        config = config_for(smtp.port, auth={**AUTH, "accessUrl": http.url})
        del config["auth"]["clientSecret"]
        host["simple-mail-transfer-protocol"].send_message(config, MESSAGE)
    assert b"client_secret" not in http.requests[0].body


def test_a_token_is_kept_while_it_lives(host: Host) -> None:
    with WireServer(give("token-1", expires_in=3600), give("token-2")) as http:
        with ScriptedServer(extensions=XOAUTH2) as smtp, configure(host, smtp, http.url) as mail:
            for _ in range(3):
                mail.send_message(MESSAGE)
                smtp.hang_up()
        assert list_tokens(smtp) == ["token-1"] * 3
        assert len(http.requests) == 1


@pytest.mark.parametrize("life", [10**400, "1e400", "soon", None, [], {}, "nan"])
def test_a_life_that_makes_no_sense_stops_no_mail(host: Host, life: object) -> None:
    with WireServer(give("token-1", expires_in=life)) as http, ScriptedServer(extensions=XOAUTH2) as smtp:
        with configure(host, smtp, http.url) as mail:
            assert mail.send_message(MESSAGE).status == "sent"
        assert list_tokens(smtp) == ["token-1"]


@pytest.mark.parametrize("life", [0, -5, "0", 0.001])
def test_a_token_that_has_expired_is_replaced_for_the_next_connection(host: Host, life: float | str) -> None:
    with WireServer(give("token-1", expires_in=life), give("token-2", expires_in="3599")) as http:
        with ScriptedServer(extensions=XOAUTH2) as smtp, configure(host, smtp, http.url) as mail:
            for _ in range(3):
                mail.send_message(MESSAGE)
                smtp.hang_up()
        assert list_tokens(smtp) == ["token-1", "token-2", "token-2"]


def test_a_connection_that_is_signed_in_needs_no_further_token(host: Host) -> None:
    with WireServer(give("token-1", expires_in=0)) as http, ScriptedServer(extensions=XOAUTH2) as smtp:
        with configure(host, smtp, http.url) as mail:
            for _ in range(3):
                mail.send_message(MESSAGE)
        assert len(http.requests) == 1


@pytest.mark.parametrize(("expires", "wanted"), [(None, "given"), (1e15, "given"), (1000, "token-1")])
def test_a_token_of_the_config_serves_until_it_expires(host: Host, expires: float | None, wanted: str) -> None:
    more = {} if expires is None else {"expires": expires}
    with (
        WireServer(give("token-1")) as http,
        ScriptedServer(extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url, accessToken="given", **more) as mail,
    ):
        mail.send_message(MESSAGE)
    assert list_tokens(smtp) == [wanted]


def test_a_token_that_is_refused_before_its_time_is_replaced_once(host: Host) -> None:
    script = {"AUTH": ["535 5.7.8 Expired", "235 Welcome"]}
    with (
        WireServer(give("token-1", expires_in=3600)) as http,
        ScriptedServer(script, extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url, accessToken="given") as mail,
    ):
        assert mail.send_message(MESSAGE).status == "sent"
    assert list_tokens(smtp) == ["given", "token-1"]
    assert len(smtp.mails) == 1


def test_a_new_token_that_is_refused_is_not_replaced(host: Host) -> None:
    script = {"AUTH": "535 5.7.8 No"}
    with (
        WireServer(give("token-1", expires_in=3600)) as http,
        ScriptedServer(script, extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url) as mail,
        pytest.raises(AuthorizationFailed),
    ):
        mail.send_message(MESSAGE)
    assert list_tokens(smtp) == ["token-1"]


def test_a_token_is_not_replaced_for_a_server_that_takes_none(host: Host) -> None:
    with (
        WireServer(give("token-1", expires_in=3600)) as http,
        ScriptedServer(extensions=["AUTH PLAIN"]) as smtp,
        configure(host, smtp, http.url, accessToken="given") as mail,
        pytest.raises(AuthorizationFailed),
    ):
        mail.send_message(MESSAGE)
    assert http.requests == []


def test_a_given_token_alone_is_not_replaced(host: Host) -> None:
    with ScriptedServer({"AUTH": "535 5.7.8 No"}, extensions=XOAUTH2) as smtp:
        config = config_for(smtp.port, auth={"type": "oauth2", "user": USER, "accessToken": "given", "expires": 1})
        with pytest.raises(AuthorizationFailed):
            host["simple-mail-transfer-protocol"].send_message(config, MESSAGE)
    assert list_tokens(smtp) == ["given"]


def test_a_new_refresh_token_takes_the_place_of_the_old_one(host: Host) -> None:
    answers = [
        give("token-1", expires_in=0, refresh_token="made-up-refresh-2"),
        give("token-2", expires_in=0),
        give("token-3", expires_in=0, refresh_token=""),
        give("token-4"),
    ]
    with WireServer(*answers) as http:
        with ScriptedServer(extensions=XOAUTH2) as smtp, configure(host, smtp, http.url) as mail:
            for _ in range(4):
                mail.send_message(MESSAGE)
                smtp.hang_up()
        used = [dict(parse_qsl(request.body.decode()))["refresh_token"] for request in http.requests]
    assert used == [SECRETS["refreshToken"], *["made-up-refresh-2"] * 3]


def test_a_new_refresh_token_shows_in_no_error(host: Host) -> None:
    refresh_token = "made-up/refresh+t0ken-2"
    with (
        WireServer(give("token-1", expires_in=0, refresh_token=refresh_token), echo) as http,
        ScriptedServer(extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url) as mail,
    ):
        mail.send_message(MESSAGE)
        smtp.hang_up()
        with pytest.raises(AuthorizationFailed) as raised:
            mail.send_message(MESSAGE)
    shown = json.dumps(raised.value.to_json())
    assert "grant_type" in shown
    assert find_leak(shown, [refresh_token, *SECRETS.values()]) is None


def test_many_threads_share_one_fetch() -> None:
    with Host.discover() as host, WireServer(give("token-1", expires_in=3600)) as http:
        with ScriptedServer(extensions=XOAUTH2) as smtp, configure(host, smtp, http.url) as mail:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(mail.send_message, [MESSAGE] * 64))
            assert len(smtp.mails) == 64
        assert len(http.requests) == 1


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


# What a token address may answer


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
        if line.pause(0.15):
            give("token-1", expires_in=3600)(line)

    slow = {verb: [lambda connection: connection.pause(0.15) and connection.say("250 x")] for verb in ("MAIL", "RCPT")}
    with (
        WireServer(answer_late) as http,
        ScriptedServer(slow, extensions=XOAUTH2) as smtp,
        configure(hasty, smtp, http.url) as mail,
        pytest.raises(ProviderUnavailable) as raised,
    ):
        finish(lambda: mail.send_message(MESSAGE))
    assert "it took too long" in str(raised.value)
    assert smtp.mails == []


TOKEN = "ya29.made-up_t0ken"
TRACES = {*SECRETS.values(), TOKEN, *(base64.b64encode(text.encode()).decode() for text in [*SECRETS.values(), TOKEN])}


def echo(line: Line) -> None:
    said = f"bad: {line.request.body.decode()} {' '.join(SECRETS.values())}"
    respond_json({"error": "invalid_grant", "error_description": said}, 400)(line)


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
