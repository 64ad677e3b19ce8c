"""Connections that are kept between sends: used again, replaced where they broke, never shared, closed at the end."""

from __future__ import annotations

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from connector_smtp import mailer

from connector_core import (
    ConfiguredConnector,
    DeliveryUnknown,
    Host,
    Limits,
    Message,
    ProviderUnavailable,
    RecipientRejected,
    SenderRejected,
    SendError,
)
from connector_core.testing.wire_server import HANG_GUARD, finish

from .smtp_server import CA, ScriptedServer, config_for, hang_up, make_context, stay_silent
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .smtp_server import Behaviour, Connection

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
FIRST = ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
NEXT = ["RSET", "MAIL", "RCPT", "DATA"]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def configure(host: Host, server: ScriptedServer, **settings: Any) -> ConfiguredConnector:
    return host["simple-mail-transfer-protocol"].configure(config_for(server.port, **settings))


def fail_to_send(mail: ConfiguredConnector) -> SendError:
    with pytest.raises(SendError) as raised:
        finish(lambda: mail.send_message(MESSAGE))
    return raised.value


# Used again


@pytest.mark.parametrize("secure", [True, False])
def test_mails_go_out_one_after_the_other_on_one_connection(host: Host, *, secure: bool) -> None:
    with ScriptedServer(tls=make_context(), implicit=secure) as server:
        with configure(host, server, secure=secure, tls={"ca": CA}) as mail:
            ids = {mail.send_message(MESSAGE).message_id for _ in range(3)}
        assert server.connections[0].closed.wait(10)
    assert len(ids) == len(server.mails) == 3
    assert len(server.connections) == 1
    started = [] if secure else ["EHLO", "STARTTLS"]
    assert server.verbs == [*started, *FIRST, *NEXT, *NEXT, "QUIT"]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
def test_after_a_refusal_for_good_the_connection_serves_the_next_mail(host: Host, step: str) -> None:
    usual = {"DATA": "354 Go on"}.get(step, "250 Ok")
    with ScriptedServer({step: ["550 5.3.0 Never", usual]}) as server, configure(host, server) as mail:
        assert fail_to_send(mail).outcome == "not_sent"
        assert mail.send_message(MESSAGE).status == "sent"
        assert len(server.connections) == 1


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "CONTENT"])
@pytest.mark.parametrize("answer", ["450 4.3.0 Later", "530 5.7.0 Not signed in any more"])
def test_after_a_refusal_that_may_be_about_the_connection_the_next_mail_gets_a_new_one(
    host: Host, step: str, answer: str
) -> None:
    usual = {"DATA": "354 Go on"}.get(step, "250 Ok")
    with ScriptedServer({step: [answer, usual]}) as server, configure(host, server) as mail:
        assert fail_to_send(mail).outcome == "not_sent"
        assert mail.send_message(MESSAGE).status == "sent"
        assert len(server.connections) == 2
        assert server.verbs.count("QUIT") == 1


def test_a_refused_recipient_does_not_get_the_mail_for_the_next_one(host: Host) -> None:
    with ScriptedServer({"RCPT": ["550 5.1.1 No", "250 Ok"]}) as server, configure(host, server) as mail:
        assert isinstance(fail_to_send(mail), RecipientRejected)
        mail.send_message(Message("bob@example.com", "SignIn", {"code": "654321"}))
        assert server.verbs == ["EHLO", "AUTH", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"]
    assert b"To: bob@example.com" in server.mails[0]


# Opened again


def test_a_connection_that_the_server_closed_is_replaced(host: Host) -> None:
    with ScriptedServer() as server, configure(host, server) as mail:
        mail.send_message(MESSAGE)
        server.hang_up()
        mail.send_message(MESSAGE)
        assert len(server.mails) == len(server.connections) == 2
        assert server.verbs == [*FIRST, *FIRST]


@pytest.mark.parametrize("says", ["421 4.4.2 Idle for too long", "500 What?", "lorem", hang_up, stay_silent])
def test_a_connection_that_does_not_answer_as_it_should_is_replaced(host: Host, says: str | Behaviour) -> None:
    with ScriptedServer({"RSET": says}) as server, configure(host, server, connectionTimeout=200) as mail:
        for _ in range(2):
            finish(lambda: mail.send_message(MESSAGE))
        assert len(server.mails) == len(server.connections) == 2


@pytest.mark.parametrize(
    "says",
    [
        "421 4.7.0 Too many messages in this session",
        "452 4.5.3 Too many messages in this session",
        "530 5.7.57 Client not authenticated",
        hang_up,
        "lorem",
    ],
)
def test_a_kept_connection_that_breaks_before_the_sender_is_taken_is_replaced_once(
    host: Host, says: str | Behaviour
) -> None:
    with ScriptedServer({"MAIL": ["250 Ok", says, "250 Ok"]}) as server, configure(host, server) as mail:
        for _ in range(2):
            mail.send_message(MESSAGE)
        assert len(server.mails) == len(server.connections) == 2
    with ScriptedServer({"MAIL": ["250 Ok", says]}) as server, configure(host, server) as mail:
        mail.send_message(MESSAGE)
        assert fail_to_send(mail).outcome == "not_sent"
        assert len(server.mails) == 1
        assert len(server.connections) == 2


def test_a_kept_connection_on_which_the_sender_is_refused_is_not_replaced(host: Host) -> None:
    with ScriptedServer({"MAIL": ["250 Ok", "550 5.7.1 No"]}) as server, configure(host, server) as mail:
        mail.send_message(MESSAGE)
        assert isinstance(fail_to_send(mail), SenderRejected)
        assert len(server.connections) == 1


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_kept_connection_that_breaks_later_is_not_replaced_within_the_send(host: Host, step: str) -> None:
    usual = {"DATA": "354 Go on"}.get(step, "250 Ok")
    with ScriptedServer({step: [usual, hang_up, usual]}) as server, configure(host, server) as mail:
        mail.send_message(MESSAGE)
        error = fail_to_send(mail)
        assert isinstance(error, ProviderUnavailable)
        assert error.retryable
        assert len(server.connections) == 1
        mail.send_message(MESSAGE)
        assert len(server.mails) == len(server.connections) == 2


def test_a_mail_whose_outcome_is_unknown_is_not_sent_again(host: Host) -> None:
    with ScriptedServer({"CONTENT": ["250 Ok", hang_up, "250 Ok"]}) as server, configure(host, server) as mail:
        mail.send_message(MESSAGE)
        assert isinstance(fail_to_send(mail), DeliveryUnknown)
        assert len(server.mails) == 2
        mail.send_message(MESSAGE)
        assert len(server.mails) == 3
        assert len(server.connections) == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "LONGEST_IDLE", 0.0)
    with ScriptedServer() as server, configure(host, server) as mail:
        for _ in range(2):
            mail.send_message(MESSAGE)
        assert server.verbs == [*FIRST, *FIRST]


# Never shared, and closed at the end


def test_two_configs_never_share_a_connection(host: Host) -> None:
    with ScriptedServer() as server, configure(host, server) as one, configure(host, server) as other:
        for mail in (one, other, one, other):
            mail.send_message(MESSAGE)
        assert len(server.connections) == 2


def test_a_closed_connector_takes_leave_and_opens_a_connection_for_the_next_send(host: Host) -> None:
    with ScriptedServer() as server:
        mail = configure(host, server)
        for _ in range(2):
            mail.send_message(MESSAGE)
            mail.close()
        assert server.verbs == [*FIRST, "QUIT", *FIRST, "QUIT"]


def test_closing_does_not_wait_for_a_server_that_says_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "_PARTING_SECONDS", 0.1)
    with ScriptedServer({"QUIT": stay_silent}) as server:
        mail = configure(host, server)
        mail.send_message(MESSAGE)
        finish(mail.close)
        assert server.connections[0].closed.wait(10)


def test_taking_leave_ends_with_the_total_of_the_send() -> None:
    with (
        ScriptedServer({"RCPT": "451 4.3.0 Later", "QUIT": stay_silent}) as server,
        Host.discover(limits=Limits(read=2 * HANG_GUARD, total=0.4)) as host,
        configure(host, server) as mail,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(mailer, "_PARTING_SECONDS", 2 * HANG_GUARD)  # `finish` would not wait for so long
        assert fail_to_send(mail).outcome == "not_sent"


def test_a_send_under_way_while_the_connector_closes_ends_with_its_connection_closed(host: Host) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def answer_when_told(connection: Connection) -> None:
        waiting.set()
        go_on.wait(20)
        connection.say("250 Ok")

    with ScriptedServer({"CONTENT": answer_when_told}) as server, ThreadPoolExecutor() as pool:
        mail = configure(host, server)
        sending = pool.submit(mail.send_message, MESSAGE)
        assert waiting.wait(20)
        mail.close()
        go_on.set()
        assert sending.result(20).status == "sent"
        assert server.connections[0].closed.wait(10)


# Threads and processes


def test_many_threads_send_each_mail_once_over_a_few_connections() -> None:
    messages = [Message(f"person{number}@example.com", "SignIn", {"code": str(number)}) for number in range(200)]
    with Host.discover() as host, ScriptedServer() as server:
        with configure(host, server) as mail, ThreadPoolExecutor(8) as pool:
            results = list(pool.map(mail.send_message, messages))
        assert len(server.connections) <= 8
    assert len({result.message_id for result in results}) == 200
    arrived = Counter(line for content in server.mails for line in content.split(b"\r\n") if line.startswith(b"To: "))
    assert arrived == {f"To: {message.to}".encode(): 1 for message in messages}


def test_more_threads_than_connections_wait_for_one() -> None:
    with Host.discover() as host, ScriptedServer() as server:
        with configure(host, server) as mail, ThreadPoolExecutor(24) as pool:
            list(pool.map(mail.send_message, [MESSAGE] * 96))
        assert len(server.connections) <= 8
        assert len(server.mails) == 96


def test_a_send_that_gets_no_connection_in_time_was_surely_not_sent() -> None:
    with (
        Host.discover(limits=Limits(total=4)) as host,
        ScriptedServer({"CONTENT": stay_silent}) as server,
        configure(host, server) as mail,
    ):

        def send(_number: int) -> SendError:
            return fail_to_send(mail)

        with ThreadPoolExecutor(12) as pool:
            errors = list(pool.map(send, range(12)))
        unknown = [error for error in errors if error.outcome == "unknown"]
        assert len(unknown) == len(server.mails)
        assert len(server.mails) >= 8
        assert all(error.retryable for error in errors if error.outcome == "not_sent")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_opens_a_connection_of_its_own(host: Host) -> None:
    with ScriptedServer() as server, configure(host, server) as mail:
        mail.send_message(MESSAGE)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                mail.send_message(MESSAGE)
                mail.close()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        mail.send_message(MESSAGE)
        assert len(server.connections) == 2
        assert server.verbs == [*FIRST, *FIRST, "QUIT", *NEXT]
        assert len(server.mails) == 3
