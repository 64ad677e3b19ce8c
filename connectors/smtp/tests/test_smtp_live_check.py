"""The live check of a config at a mail server: what each refusal is called, and that no mail is ever on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from network_environment import forget_network_environment

from connector_core import Host, Limits, Message, live
from connector_core.testing.wire_server import finish

from .smtp_live_checks import ALL_OK, assert_no_mail, check, fail_to_check, find_trouble
from .smtp_server import (
    USER,
    ScriptedServer,
    config_for,
    drip,
    drip_bytes,
    flood,
    hang_up,
    make_context,
    reset,
    stay_silent,
)
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .smtp_server import Behaviour

SENDER = "noreply@example.com"
QUIET_END = ["RSET", "QUIT"]
SIGNED_IN = ["EHLO", "AUTH", "MAIL", "RCPT"]


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


# What works


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(
    "auth",
    [
        {"user": USER, "pass": "made-up-pässw0rd"},
        {"type": "oauth2", "user": USER, "accessToken": "made-up-t0ken"},
        {"type": "oauth2", "user": USER, "clientId": "id", "clientSecret": "made-up", "refreshToken": "made-up-2"},
    ],
)
def test_the_sandbox_with_its_own_config_is_all_right_and_gets_no_mail(
    host: Host, auth: dict[str, str], *, secure: bool
) -> None:
    connector = host["simple-mail-transfer-protocol"]
    with connector.create_sandbox(config_for(25, auth=auth, secure=secure)) as sandbox:
        findings = connector.check_connection(sandbox.config)
        assert sandbox.messages == []
    assert [(one.level, one.code, one.path, one.fix) for one in findings] == [
        ("ok", "reached", "$.host", ""),
        ("ok", "credentials_accepted", "$.auth", ""),
        ("ok", "sender_accepted", "$.fromEmail", ""),
    ]
    assert "over TLS 1." in findings[0].message
    assert SENDER in findings[2].message


def test_a_mail_from_the_sender_to_itself_is_announced_and_taken_back(host: Host) -> None:
    with ScriptedServer() as server:
        findings = check(host, server.port)
        assert server.connections[0].closed.wait(30)
    assert [one.code for one in findings] == ALL_OK
    assert "without TLS" in findings[0].message
    assert server.verbs == SIGNED_IN + QUIET_END
    assert server.commands[2:4] == [f"MAIL FROM:<{SENDER}>", f"RCPT TO:<{SENDER}>"]
    assert_no_mail(server)


def test_a_check_has_a_connection_of_its_own_and_leaves_the_kept_one_alone(host: Host) -> None:
    message = Message("ann@example.com", "SignIn", {"code": "123456"})
    with (
        ScriptedServer() as server,
        host["simple-mail-transfer-protocol"].configure(config_for(server.port)) as mail,
    ):
        mail.send_message(message)
        assert [one.code for one in mail.check_connection()] == ALL_OK
        mail.send_message(message)
        assert len(server.connections) == 2
        assert server.connections[1].heard[-1].upper() == "QUIT"
    assert len(server.mails) == 2


def test_a_sender_with_accented_letters_is_asked_for_as_in_a_send(host: Host) -> None:
    with ScriptedServer() as server:
        findings = check(host, server.port, fromEmail="jürgen@exämple.com")
    assert [one.code for one in findings] == ALL_OK
    assert server.commands[2] == "MAIL FROM:<jürgen@xn--exmple-cua.com> BODY=8BITMIME SMTPUTF8"


@pytest.mark.parametrize("behaviour", [hang_up, reset, stay_silent, "lorem", "500 5.5.1 What?"])
@pytest.mark.parametrize("verb", QUIET_END)
def test_a_server_that_takes_no_leave_is_all_right(hasty: Host, verb: str, behaviour: Behaviour | str) -> None:
    with ScriptedServer({verb: behaviour}) as server:
        assert [one.code for one in check(hasty, server.port)] == ALL_OK
    assert_no_mail(server)


# Credentials


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("535 5.7.8 Wrong", ("error", "authorization_failed", "$.auth")),
        ("534 5.7.9 Please use an application password", ("error", "authorization_failed", "$.auth")),
        ("432 4.7.12 A password transition is needed", ("error", "authorization_failed", "$.auth")),
        ("454 4.7.0 Temporary authentication failure", ("error", "provider_unavailable", "$.host")),
        ("421 4.7.0 Too many login attempts", ("error", "rate_limit_exceeded", "$.host")),
        ("lorem ipsum", ("error", "not_understood", "$.host")),
    ],
)
def test_refused_credentials_end_the_check_with_the_words_of_the_server(
    host: Host, answer: str, found: tuple[str, str, str]
) -> None:
    with ScriptedServer({"AUTH": answer}) as server:
        findings = check(host, server.port)
    trouble = find_trouble(findings)
    assert [one.code for one in findings[:-1]] == ["reached"]
    assert (trouble.level, trouble.code, trouble.path) == found
    assert answer in trouble.message or answer == "lorem ipsum"
    assert "MAIL" not in server.verbs


@pytest.mark.parametrize("offered", [[], ["AUTH GSSAPI"], ["AUTH XOAUTH2"]])
def test_a_server_that_takes_no_password_is_told_as_such(host: Host, offered: list[str]) -> None:
    server = ScriptedServer(extensions=offered)
    assert fail_to_check(host, server) == (["reached"], "error", "authorization_failed", "$.auth")
    assert "AUTH" not in server.verbs


def test_a_server_on_this_machine_that_wants_tls_first_is_told_with_the_setting_that_left_it_out(host: Host) -> None:
    server = ScriptedServer({"AUTH": "530 5.7.0 Must issue a STARTTLS command first"}, tls=make_context())
    found = fail_to_check(host, server, ignoreTLS=True)
    assert found == (["reached"], "error", "authorization_failed", "$.ignoreTLS")


# The sender


@pytest.mark.parametrize(
    ("verb", "answer", "code", "path"),
    [
        ("MAIL", "550 5.7.1 You may not send as this sender", "sender_rejected", "$.fromEmail"),
        ("MAIL", "553 5.1.8 Sender domain not found", "sender_rejected", "$.fromEmail"),
        ("MAIL", "501 5.1.7 Bad sender address syntax", "sender_rejected", "$.fromEmail"),
        ("MAIL", "500 5.5.2 What?", "sender_rejected", "$.fromEmail"),
        ("MAIL", "552 5.3.4 Too large", "sender_rejected", "$.fromEmail"),
        ("MAIL", "530 5.7.0 Authentication required", "authorization_failed", "$.auth"),
        ("MAIL", "451 4.3.0 Try again later", "provider_unavailable", "$.host"),
        ("MAIL", "450 4.7.1 Too much mail from you", "rate_limit_exceeded", "$.host"),
        ("MAIL", "550 5.4.5 Daily sending quota exceeded", "usage_limit_exceeded", "$.auth"),
        ("MAIL", "lorem ipsum", "not_understood", "$.host"),
        # What a server has kept to itself until a recipient was named.
        ("RCPT", f"553 5.7.1 <{SENDER}>: Sender address rejected: not owned by user", "sender_rejected", "$.fromEmail"),
        ("RCPT", "550-Unrouteable address\r\n550 Sender verify failed", "sender_rejected", "$.fromEmail"),  # Exim
        ("RCPT", "554 5.7.1 <host>: Client host rejected: Access denied", "account_restricted", "$.host"),
        ("RCPT", f"554 5.7.1 <{SENDER}>: Relay access denied", "account_restricted", "$.host"),
        ("RCPT", "550 5.4.5 Daily sending quota exceeded", "usage_limit_exceeded", "$.auth"),
        ("RCPT", "530 5.7.0 Authentication required", "authorization_failed", "$.auth"),
        ("RCPT", "lorem ipsum", "not_understood", "$.host"),
    ],
)
def test_a_refused_sender_is_told_whenever_the_server_says_so(
    host: Host, verb: str, answer: str, code: str, path: str
) -> None:
    server = ScriptedServer({verb: answer})
    assert fail_to_check(host, server) == (["reached", "credentials_accepted"], "error", code, path)


def test_an_accented_sender_is_told_where_the_server_takes_none(host: Host) -> None:
    server = ScriptedServer(extensions=["AUTH PLAIN"])
    found = fail_to_check(host, server, fromEmail="jürgen@example.com")
    assert found == (["reached", "credentials_accepted"], "error", "sender_rejected", "$.fromEmail")
    assert "MAIL" not in server.verbs


@pytest.mark.parametrize(
    "answer",
    [
        "550 5.1.1 User unknown",
        "550 5.2.1 Mailbox disabled",
        "553 5.1.3 Bad recipient",
        "450 4.2.0 Greylisted, come back later",
        "452 4.5.3 Too many recipients",
        "500 What?",
    ],
)
def test_a_sender_that_gets_no_mail_itself_is_a_warning(host: Host, answer: str) -> None:
    with ScriptedServer({"RCPT": answer}) as server:
        findings = check(host, server.port)
    trouble = find_trouble(findings)
    assert [one.code for one in findings[:-1]] == ALL_OK
    assert (trouble.level, trouble.code, trouble.path) == ("warning", "recipient_refused", "$.fromEmail")
    assert answer in trouble.message
    assert server.verbs == SIGNED_IN + QUIET_END


# Lines that break, and servers that take their time

BREAKS = [
    pytest.param(hang_up, id="hangs up"),
    pytest.param(reset, id="resets"),
    pytest.param(flood("250-x"), id="floods lines"),
    pytest.param(flood("250 " + "x" * 20_000), id="floods a line"),
    pytest.param(stay_silent, id="silent"),
    pytest.param(drip("250-x"), id="drips lines"),
    pytest.param(drip_bytes(b"250 ok never ends "), id="drips bytes"),
]
WORKS_BEFORE = {"EHLO": 0, "AUTH": 1, "MAIL": 2, "RCPT": 2}


@pytest.mark.parametrize("verb", WORKS_BEFORE)
@pytest.mark.parametrize("behaviour", BREAKS)
def test_a_line_that_breaks_is_one_finding_and_what_was_found_before_stays(
    hasty: Host, verb: str, behaviour: Behaviour
) -> None:
    found = fail_to_check(hasty, ScriptedServer({verb: behaviour}))
    assert found == (ALL_OK[: WORKS_BEFORE[verb]], "error", "no_answer", "$.host")


def test_a_hang_ends_in_the_time_of_the_check_with_a_finding_that_says_where(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REQUESTS_SHARE", 0.1)  # long before the check is over
    with (
        ScriptedServer({"RCPT": stay_silent}) as server,
        host["simple-mail-transfer-protocol"].configure(config_for(server.port)) as mail,
    ):
        findings = finish(lambda: mail.check_connection(seconds=20))
    assert find_trouble(findings).message == "The mail server gave no whole answer (it took too long)."
    assert_no_mail(server)
