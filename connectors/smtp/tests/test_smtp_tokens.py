"""OAuth2 tokens: fetched when they are needed, kept until they expire, and replaced when they are refused."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import pytest
from network_environment import forget_network_environment

from connector_core import AuthorizationFailed, Host, Limits
from connector_core.testing.leaks import find_leak
from connector_core.testing.wire_server import WireServer

from .smtp_server import USER, ScriptedServer, config_for
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here
from .smtp_tokens import AUTH, MESSAGE, SECRETS, XOAUTH2, configure, echo, give

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(retries=0)) as discovered:
        yield discovered


def list_tokens(server: ScriptedServer) -> list[str]:
    """Return the tokens that a mail server got."""
    words = [command.rpartition(" ")[2] for command in server.commands if command.startswith("AUTH XOAUTH2 ")]
    said = [base64.b64decode(word).decode().split("\1") for word in words]
    assert all(user == f"user={USER}" for user, *_ in said)
    return [bearer.removeprefix("auth=Bearer ") for _, bearer, *_ in said]


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
