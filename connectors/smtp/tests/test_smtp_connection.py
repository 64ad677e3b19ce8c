"""Mail servers that can't be reached, aren't any, or don't keep to time: what the caller gets, and what went out."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from connector_core import (
    Host,
    InvalidResponse,
    Limits,
    Message,
    ProviderUnavailable,
)

from .smtp_failures import MESSAGE, assert_nothing_was_sent, fail_to_send
from .smtp_server import (
    CA,
    PASSWORD,
    SYSTEM_AUTHORITY,
    ScriptedServer,
    config_for,
    drip_bytes,
    hang_up,
    make_context,
    stay_silent,
)
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .smtp_server import Behaviour, Connection

WITH_CA = {"tls": {"ca": CA}}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


@pytest.fixture(scope="module")
def hasty() -> Iterator[Host]:
    """Give a host that waits in vain only briefly."""
    with Host.discover(limits=Limits(connect=2, read=2, total=2)) as discovered:
        yield discovered


# Not reached, or no mail server


def test_a_closed_port_is_a_server_that_is_not_there(host: Host) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        error = fail_to_send(host, deaf.getsockname()[1])
    assert_nothing_was_sent(error)
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable
    assert "could not be reached (connection refused)" in str(error)


def test_a_name_that_nobody_has_is_said_to_be_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(*_arguments: Any, **_options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", find_nothing)  # the DNS is off this machine
    error = fail_to_send(host, 25, host="mail.nobody.invalid")
    assert_nothing_was_sent(error)
    assert "its name can't be resolved" in str(error)


def test_a_local_address_that_is_not_this_machines_is_said_to_be_so(host: Host) -> None:
    with ScriptedServer() as server:
        error = fail_to_send(host, server.port, localAddress="192.0.2.1")
    assert_nothing_was_sent(error, server)
    assert "could not be reached" in str(error)


def test_a_local_address_of_another_family_is_said_to_be_so(host: Host) -> None:
    with ScriptedServer() as server:
        error = fail_to_send(host, server.port, localAddress="::1")
    assert_nothing_was_sent(error, server)
    assert "address family" in str(error)


def test_a_connection_comes_from_the_local_address(host: Host) -> None:
    with (
        ScriptedServer() as server,
        host["simple-mail-transfer-protocol"].configure(config_for(server.port, localAddress="127.0.0.1")) as mail,
    ):
        assert mail.send_message(MESSAGE).status == "sent"


def test_something_else_than_a_mail_server_is_said_to_be_none(host: Host) -> None:
    with ScriptedServer({"GREETING": "HTTP/1.1 400 Bad Request\nServer: example\n"}) as server:
        error = fail_to_send(host, server.port)
    assert_nothing_was_sent(error)
    assert isinstance(error, InvalidResponse)
    assert not error.retryable
    assert "no mail server" in str(error)
    assert server.commands == []


@pytest.mark.parametrize("greeting", ["", "hello", "99 hello", "2 20", "22", "-20 x", "\uff11\uff12\uff13 x"])
def test_a_greeting_that_is_none_of_smtp_is_refused(host: Host, greeting: str) -> None:
    with ScriptedServer({"GREETING": greeting}) as server:
        error = fail_to_send(host, server.port)
    assert_nothing_was_sent(error)
    assert isinstance(error, InvalidResponse)
    assert server.commands == []


def test_a_server_that_says_nothing_gets_no_command(hasty: Host) -> None:
    with ScriptedServer({"GREETING": stay_silent}) as server:
        error = fail_to_send(hasty, server.port)
    assert_nothing_was_sent(error)
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable
    assert "did not greet (it took too long)" in str(error)
    assert "465" in str(error)
    assert server.commands == []


# TLS


def test_a_server_without_starttls_gets_no_credentials_where_tls_is_required(host: Host) -> None:
    with ScriptedServer() as server:
        error = fail_to_send(host, server.port, requireTLS=True)
    assert_nothing_was_sent(error)
    assert isinstance(error, ProviderUnavailable)
    assert not error.retryable
    assert "offers no STARTTLS" in str(error)
    assert server.verbs == ["EHLO"]


def test_a_server_elsewhere_gets_no_credentials_without_starttls(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    find = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: find("127.0.0.1", *rest, **more))
    with ScriptedServer() as server:
        error = fail_to_send(host, server.port, host="mail.example.com", requireTLS=False)
    assert "offers no STARTTLS" in str(error)
    assert server.verbs == ["EHLO"]


def test_a_server_that_offers_starttls_and_refuses_it_gets_no_credentials(host: Host) -> None:
    with ScriptedServer({"STARTTLS": "454 4.7.0 TLS not available"}, tls=make_context()) as server:
        error = fail_to_send(host, server.port)
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable
    assert server.verbs == ["EHLO", "STARTTLS"]


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(
    ("context", "reason"),
    [
        (make_context(authority=trustme.CA()), "unable to get local issuer certificate"),
        (make_context("mail.example.org"), "IP address mismatch"),
    ],
    ids=["of an unknown CA", "for another host"],
)
def test_a_bad_certificate_is_refused_and_no_credentials_go_out(
    host: Host, context: Any, reason: str, *, secure: bool
) -> None:
    with ScriptedServer(tls=context, implicit=secure) as server:
        error = fail_to_send(host, server.port, secure=secure, **WITH_CA)
    assert_nothing_was_sent(error)
    assert isinstance(error, ProviderUnavailable)
    assert not error.retryable
    assert "certificate was refused" in str(error)
    assert reason in str(error)
    assert not {"AUTH", "MAIL"} & set(server.verbs)


@pytest.mark.parametrize("tls", [{}, {"ca": CA}, {"minVersion": "TLSv1.3"}])
def test_a_certificate_that_the_system_trusts_is_taken_whatever_else_is_trusted(
    host: Host, tls: dict[str, str]
) -> None:
    with ScriptedServer(tls=make_context(authority=SYSTEM_AUTHORITY)) as server:
        host["simple-mail-transfer-protocol"].send_message(config_for(server.port, tls=tls), MESSAGE)
    assert len(server.mails) == 1
    assert server.connections[0].encrypted


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("settings", [{"servername": "mail.example.org"}, {"tls": {"servername": "mail.example.org"}}])
def test_a_certificate_may_be_for_the_name_that_the_config_says(
    host: Host, settings: dict[str, Any], *, secure: bool
) -> None:
    settings = {**settings, "tls": {**settings.get("tls", {}), "ca": CA, "minVersion": "TLSv1.3"}}
    with ScriptedServer(tls=make_context("mail.example.org"), implicit=secure) as server:
        config = config_for(server.port, secure=secure, **settings)
        host["simple-mail-transfer-protocol"].send_message(config, MESSAGE)
    assert len(server.mails) == 1
    assert server.connections[0].encrypted


def test_tls_from_the_start_on_a_port_without_it_names_the_setting(host: Host) -> None:
    with ScriptedServer() as server:
        error = fail_to_send(host, server.port, secure=True)
    assert_nothing_was_sent(error)
    assert not error.retryable
    assert "set secure to false" in str(error)
    assert server.commands == []


@pytest.mark.parametrize("behaviour", [stay_silent, hang_up])
def test_a_server_that_breaks_off_the_handshake_gets_no_credentials(hasty: Host, behaviour: Behaviour) -> None:
    def start(connection: Connection) -> None:
        connection.say("220 Go ahead")
        behaviour(connection)

    with ScriptedServer({"STARTTLS": start}, tls=make_context()) as server:
        error = fail_to_send(hasty, server.port, **WITH_CA)
    assert_nothing_was_sent(error)
    assert isinstance(error, ProviderUnavailable)
    assert "TLS with the mail server failed" in str(error)


def test_a_handshake_that_drips_in_ends_in_time(hasty: Host) -> None:
    record = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc" + bytes(100)  # the start of a ServerHello of 16 KB
    with ScriptedServer({"GREETING": drip_bytes(record)}) as server:
        error = fail_to_send(hasty, server.port, secure=True)
    assert_nothing_was_sent(error, server)
    assert "TLS with the mail server failed (it took too long)" in str(error)


def test_what_was_said_before_tls_is_not_believed(host: Host) -> None:
    def start(connection: Connection) -> None:
        connection.say("220 Go ahead\n250-mail.example.com\n250 AUTH PLAIN")
        connection.start_tls(context)

    context = make_context()
    with ScriptedServer({"STARTTLS": start}, tls=context, extensions=["SIZE"]) as server:
        error = fail_to_send(host, server.port, **WITH_CA)
    assert "credentials were kept back" in str(error)
    assert "AUTH" not in server.verbs


def test_on_loopback_tls_can_be_left_out(host: Host) -> None:
    with ScriptedServer(tls=make_context(authority=trustme.CA())) as server:
        config = config_for(server.port, ignoreTLS=True)
        host["simple-mail-transfer-protocol"].send_message(config, MESSAGE)
    assert len(server.mails) == 1
    assert "STARTTLS" not in server.verbs


# What is said


def test_the_password_of_the_config_goes_out_once_and_only_to_auth(host: Host) -> None:
    with ScriptedServer() as server:
        host["simple-mail-transfer-protocol"].send_message(config_for(server.port), MESSAGE)
    assert server.verbs == ["EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]
    assert not any(PASSWORD in command for command in server.commands)


def test_the_name_of_the_config_introduces_this_machine(host: Host) -> None:
    with ScriptedServer() as server:
        host["simple-mail-transfer-protocol"].send_message(config_for(server.port, name="app.example.com"), MESSAGE)
    assert server.commands[0] == "ehlo app.example.com"


@pytest.mark.parametrize(("name", "said"), [("app.example.com", "app.example.com"), ("laptop", "[127.0.0.1]")])
def test_without_a_name_this_machine_says_its_own_or_its_address(
    host: Host, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    with ScriptedServer() as server:
        host["simple-mail-transfer-protocol"].send_message(config_for(server.port), MESSAGE)
    assert server.commands[0] == f"ehlo {said}"


def test_a_line_of_a_mail_that_starts_with_a_dot_arrives_as_it_is(host: Host) -> None:
    with ScriptedServer() as server:
        message = Message("ann@example.com", "SignIn", {"code": "\n.\n..\n.x"})
        host["simple-mail-transfer-protocol"].send_message(config_for(server.port), message)
    assert b"It is\r\n..\r\n...\r\n..x" in server.mails[0].replace(b"It is \r\n", b"It is\r\n")
