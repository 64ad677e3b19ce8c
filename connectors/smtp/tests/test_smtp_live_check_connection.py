"""The live check of a config that leads to no mail server, or to one that can't be trusted."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from network_environment import forget_network_environment

from connector_core import Host, Limits

from .smtp_live_checks import ALL_OK, check, fail_to_check, find_trouble
from .smtp_server import CA, ScriptedServer, flood, hang_up, make_context, stay_silent
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .smtp_server import Behaviour, Connection

WITH_CA = {"tls": {"ca": CA}}


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


@pytest.fixture(scope="module")
def hasty() -> Iterator[Host]:
    """Give a host that waits in vain only briefly."""
    with Host.discover(limits=Limits(connect=2, read=2, total=2)) as discovered:
        yield discovered


# Not reached


def test_a_closed_port_is_told_with_the_port(host: Host) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        (trouble,) = check(host, deaf.getsockname()[1])
    assert (trouble.level, trouble.code, trouble.path) == ("error", "not_reached", "$.port")
    assert trouble.message == "The mail server could not be reached (connection refused)."
    assert trouble.fix == "Check the network, and host and port in the config, then try again."


def test_a_name_that_nobody_has_is_told_with_the_host(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(*_arguments: Any, **_options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)  # the DNS is off this machine
    trouble = find_trouble(check(host, 25, host="mail.nobody.invalid"))
    assert (trouble.code, trouble.path) == ("not_reached", "$.host")
    assert "its name can't be resolved" in trouble.message


@pytest.mark.parametrize("address", ["192.0.2.1", "::1"])
def test_a_local_address_that_can_not_be_used_is_told_as_such(host: Host, address: str) -> None:
    found = fail_to_check(host, ScriptedServer(), localAddress=address)
    assert found == ([], "error", "not_reached", "$.localAddress")


@pytest.mark.parametrize("greeting", ["HTTP/1.1 400 Bad Request\nServer: example\n", "", "hello", "99 hello"])
def test_something_else_than_a_mail_server_is_not_understood(host: Host, greeting: str) -> None:
    server = ScriptedServer({"GREETING": greeting})
    assert fail_to_check(host, server) == ([], "error", "not_understood", "$.port")
    assert server.commands == []


@pytest.mark.parametrize(
    ("behaviour", "reason"), [(stay_silent, "took too long"), (hang_up, "closed"), (flood("220-x"), "has no end")]
)
def test_a_server_that_does_not_greet_gives_the_port_and_names_secure(
    hasty: Host, behaviour: Behaviour, reason: str
) -> None:
    with ScriptedServer({"GREETING": behaviour}) as server:
        trouble = find_trouble(check(hasty, server.port))
    assert (trouble.level, trouble.code, trouble.path) == ("error", "no_answer", "$.port")
    assert reason in trouble.message
    assert "465" in trouble.fix
    assert "secure" in trouble.fix


@pytest.mark.parametrize(("secure", "path"), [(False, "$.secure"), (True, "$.port")])
def test_silence_on_the_port_that_has_tls_from_the_start_is_told_with_secure(
    hasty: Host, monkeypatch: pytest.MonkeyPatch, path: str, *, secure: bool
) -> None:
    with ScriptedServer({"GREETING": stay_silent}) as server:
        find, port = socket.getaddrinfo, server.port
        monkeypatch.setattr(socket, "getaddrinfo", lambda name, _port, *rest, **more: find(name, port, *rest, **more))
        trouble = find_trouble(check(hasty, 465, secure=secure))
    assert (trouble.level, trouble.code, trouble.path) == ("error", "no_answer", path)
    assert "secure" in trouble.fix


@pytest.mark.parametrize("verb", ["GREETING", "EHLO"])
@pytest.mark.parametrize(("answer", "words"), [("554 5.7.1 Blocked", "from this machine"), ("421 Busy", "nothing now")])
def test_a_server_that_turns_this_machine_away_is_told_with_its_words(
    host: Host, verb: str, answer: str, words: str
) -> None:
    with ScriptedServer({verb: answer}) as server:
        trouble = find_trouble(check(host, server.port))
    assert (trouble.level, trouble.code, trouble.path) == ("error", "provider_unavailable", "$.host")
    assert words in trouble.message
    assert answer in trouble.message


# TLS


@pytest.mark.parametrize("secure", [True, False])
def test_the_version_of_tls_is_told(host: Host, *, secure: bool) -> None:
    context = make_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with ScriptedServer(tls=context, implicit=secure) as server:
        findings = check(host, server.port, secure=secure, **WITH_CA)
    assert [one.code for one in findings] == ALL_OK
    assert "over TLS 1.2" in findings[0].message


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(
    ("context", "path"),
    [(make_context(authority=trustme.CA()), "$.tls"), (make_context("mail.example.org"), "$.host")],
    ids=["of an unknown CA", "for another host"],
)
def test_a_bad_certificate_is_told_before_any_credentials_go_out(
    host: Host, context: ssl.SSLContext, path: str, *, secure: bool
) -> None:
    with ScriptedServer(tls=context, implicit=secure) as server:
        trouble = find_trouble(check(host, server.port, secure=secure, **WITH_CA))
    assert (trouble.level, trouble.code, trouble.path) == ("error", "not_reached", path)
    assert "certificate was refused" in trouble.message
    assert "tls.ca" in trouble.fix
    assert not {"AUTH", "MAIL"} & set(server.verbs)


def test_a_server_without_starttls_is_told_before_any_credentials_go_out(host: Host) -> None:
    server = ScriptedServer()
    assert fail_to_check(host, server, requireTLS=True) == ([], "error", "not_reached", "$.port")
    assert server.verbs == ["EHLO"]


def test_tls_from_the_start_on_a_port_without_it_is_told_with_secure(host: Host) -> None:
    with ScriptedServer() as server:
        trouble = find_trouble(check(host, server.port, secure=True))
    assert (trouble.code, trouble.path) == ("not_reached", "$.secure")
    assert "set secure to false" in trouble.fix
    assert server.commands == []


@pytest.mark.parametrize("secure", [True, False])
def test_a_server_whose_tls_is_too_old_is_told_with_tls(host: Host, *, secure: bool) -> None:
    context = make_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = ScriptedServer(tls=context, implicit=secure)
    found = fail_to_check(host, server, secure=secure, tls={"ca": CA, "minVersion": "TLSv1.3"})
    assert found == ([], "error", "not_reached", "$.tls")


@pytest.mark.parametrize("behaviour", [stay_silent, hang_up])
def test_a_handshake_that_breaks_off_is_no_answer(hasty: Host, behaviour: Behaviour) -> None:
    def start(connection: Connection) -> None:
        connection.say("220 Go ahead")
        behaviour(connection)

    server = ScriptedServer({"STARTTLS": start}, tls=make_context())
    assert fail_to_check(hasty, server, **WITH_CA) == ([], "error", "no_answer", "$.port")


@pytest.mark.parametrize("behaviour", [stay_silent, hang_up])
def test_a_handshake_from_the_start_that_breaks_off_is_no_answer(hasty: Host, behaviour: Behaviour) -> None:
    server = ScriptedServer({"GREETING": behaviour})
    assert fail_to_check(hasty, server, secure=True) == ([], "error", "no_answer", "$.port")


def test_starttls_that_is_offered_and_refused_keeps_the_credentials_back(host: Host) -> None:
    server = ScriptedServer({"STARTTLS": "454 4.7.0 TLS not available"}, tls=make_context())
    assert fail_to_check(host, server) == ([], "error", "provider_unavailable", "$.host")
    assert "AUTH" not in server.verbs
