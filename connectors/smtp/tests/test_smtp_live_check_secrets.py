"""The live check of a config with OAuth2, and what becomes of passwords and tokens in any check."""

from __future__ import annotations

import base64
import json
import logging
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from connector_smtp.live_check import check
from network_environment import forget_network_environment

from connector_core import ConfiguredConnector, Finding, Host, Limits, Message, Transport
from connector_core.testing.wire_behaviours import hang_up, respond, respond_json, stay_silent
from connector_core.testing.wire_server import WireServer, finish, refuse_connections

from .smtp_server import PASSWORD, USER, ScriptedServer, config_for
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour, Line

    from .smtp_server import Connection

SECRETS = {"clientSecret": "made-up+client/s3cret", "refreshToken": "1//made-up=refresh&t0ken"}
AUTH = {"type": "oauth2", "user": USER, "clientId": "client-1", **SECRETS}
XOAUTH2 = ["AUTH XOAUTH2"]
TOKEN = "ya29.made-up_t0ken"
GIVE = respond_json({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})
ALL_OK = ["reached", "credentials_accepted", "sender_accepted"]


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5, retries=0)) as discovered:
        yield discovered


def configure(host: Host, smtp: ScriptedServer, http: str, **auth: Any) -> ConfiguredConnector:
    config = config_for(smtp.port, auth={**AUTH, "accessUrl": f"{http}/token", **auth})
    return host["simple-mail-transfer-protocol"].configure(config)


# Tokens


def test_a_token_is_fetched_for_a_check_and_kept_for_the_mails(host: Host) -> None:
    with (
        WireServer(GIVE) as http,
        ScriptedServer(extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url) as mail,
    ):
        assert [one.code for one in mail.check_connection()] == ALL_OK
        mail.send_message(Message("ann@example.com", "SignIn", {"code": "123456"}))
        assert len(http.requests) == 1
    assert smtp.verbs.count("DATA") == 1


def test_a_token_that_is_refused_before_its_time_is_replaced_once(host: Host) -> None:
    with (
        WireServer(GIVE) as http,
        ScriptedServer({"AUTH": ["535 5.7.8 Expired", "235 Welcome"]}, extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url, accessToken="given") as mail,
    ):
        assert [one.code for one in mail.check_connection()] == ALL_OK
        assert len(http.requests) == 1
    assert len(smtp.connections) == 2
    assert smtp.mails == []


def test_a_new_token_that_is_refused_is_the_finding(host: Host) -> None:
    with (
        WireServer(GIVE) as http,
        ScriptedServer({"AUTH": "535 5.7.8 No"}, extensions=XOAUTH2) as smtp,
        configure(host, smtp, http.url, accessToken="given") as mail,
    ):
        reached, trouble = mail.check_connection()
        assert len(http.requests) == 1
    assert reached.code == "reached"
    assert (trouble.level, trouble.code, trouble.path) == ("error", "authorization_failed", "$.auth")


def fail_to_fetch(host: Host, http: str) -> Finding:
    with ScriptedServer(extensions=XOAUTH2) as smtp, configure(host, smtp, http) as mail:
        (trouble,) = finish(mail.check_connection)
        assert smtp.connections == []
    assert trouble.level == "error"
    assert trouble.fix
    assert "nothing was sent" not in trouble.message + trouble.fix
    assert len(trouble.message) < 300
    return trouble


@pytest.mark.parametrize(
    ("behaviour", "code", "path"),
    [
        (respond_json({"error": "invalid_grant"}, 400), "authorization_failed", "$.auth"),
        (respond_json({"error": "invalid_client"}, 401), "authorization_failed", "$.auth"),
        (respond_json({"error": "invalid_grant"}), "authorization_failed", "$.auth"),
        (respond(404, b"not found"), "not_understood", "$.auth.accessUrl"),
        (respond(200, b"<html>"), "not_understood", "$.auth.accessUrl"),
        (respond_json([]), "not_understood", "$.auth.accessUrl"),
        (respond_json({"access_token": 7}), "not_understood", "$.auth.accessUrl"),
        (respond(302, b"", ["Location: https://other.example/"]), "not_understood", "$.auth.accessUrl"),
        (respond(503, b"<html>"), "provider_unavailable", "$.auth.accessUrl"),
        (respond(500, b"<html>"), "provider_unavailable", "$.auth.accessUrl"),
        (hang_up, "no_answer", "$.auth.accessUrl"),
        (stay_silent, "no_answer", "$.auth.accessUrl"),
    ],
)
def test_a_token_that_can_not_be_had_is_the_finding(host: Host, behaviour: Behaviour, code: str, path: str) -> None:
    with WireServer(behaviour) as http:
        trouble = fail_to_fetch(host, http.url)
    assert (trouble.code, trouble.path) == (code, path)


def test_a_token_address_that_is_not_there_is_told_by_its_host(host: Host) -> None:
    with refuse_connections() as url:
        trouble = fail_to_fetch(host, url)
    assert (trouble.code, trouble.path) == ("not_reached", "$.auth.accessUrl")
    assert trouble.message == "127.0.0.1 could not be reached (connection refused)."


# Nothing of it shows


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


TRACES = {
    *(PASSWORD, PASSWORD[2:], encode(PASSWORD), encode(f"\0{USER}\0{PASSWORD}"), encode(f"{USER}\0{PASSWORD}")),
    *(TOKEN, encode(TOKEN), encode(f"user={USER}\1auth=Bearer {TOKEN}\1\1"), *SECRETS.values()),
}


def say_everything(code: str, lead: str = "") -> Any:
    """Refuse with all that the client has said, as it came and decoded."""

    def behave(connection: Connection) -> None:
        words = [line.rpartition(" ")[2] for line in connection.heard[1:] if ":" not in line]
        decoded = [base64.b64decode(word).decode() for word in words if len(word) > 8]
        said = " ".join([*connection.heard, *decoded]).replace("\0", " ").replace("\1", " ")
        connection.say(f"{code} {lead}{said}")

    return behave


def echo(line: Line) -> None:
    said = f"bad: {line.request.body.decode()} {' '.join(SECRETS.values())}"
    respond_json({"error": "invalid_grant", "error_description": said}, 400)(line)


@pytest.mark.parametrize("auth", [{"user": USER, "pass": PASSWORD}, AUTH], ids=["password", "token"])
@pytest.mark.parametrize("lead", ["", "x " * 60, "x" * 140])
@pytest.mark.parametrize(("verb", "code"), [("AUTH", "535 5.7.8"), ("MAIL", "550 5.7.1"), ("RCPT", "550 5.1.1")])
def test_a_server_that_repeats_what_was_said_is_quoted_briefly_and_without_secrets(  # noqa: PLR0913, PLR0917  parameters
    host: Host, verb: str, code: str, lead: str, auth: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        WireServer(GIVE) as http,
        ScriptedServer({verb: say_everything(code, lead)}, extensions=["AUTH PLAIN XOAUTH2"]) as smtp,
    ):
        url = {"accessUrl": http.url} if auth is AUTH else {}
        config = config_for(smtp.port, auth={**auth, **url})
        with closing(Transport()) as transport, host["simple-mail-transfer-protocol"].configure(config) as mail:
            findings = list(check(mail.config, transport))  # before the core strikes secrets out
    shown = json.dumps([one.to_json() for one in findings], ensure_ascii=False) + caplog.text
    assert findings[-1].level != "ok"
    assert [trace for trace in TRACES if trace in shown] == []
    assert code in findings[-1].message
    assert all(len(one.message) < 300 and one.message.isprintable() for one in findings)


def test_a_token_address_that_repeats_what_was_said_is_quoted_without_secrets(host: Host) -> None:
    with (
        closing(Transport()) as transport,
        WireServer(echo) as http,
        ScriptedServer() as smtp,
        configure(host, smtp, http.url) as mail,
    ):
        (trouble,) = check(mail.config, transport)
    assert "invalid_grant" in trouble.message
    assert [trace for trace in TRACES if trace in trouble.message] == []
