"""Several recipients in one transaction, those that the server refuses among them; and mails too large for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector_core import (
    Attachment,
    ConfiguredConnector,
    Content,
    Host,
    InvalidMessage,
    Message,
    ProviderUnavailable,
    RecipientRejected,
    SenderRejected,
    SendResult,
)

from .smtp_failures import assert_nothing_was_sent, fail_to_send
from .smtp_server import ScriptedServer, config_for, hang_up
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .smtp_server import Part

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
MESSAGE = Message(ANN, "SignIn", {"code": "123456"}, cc=[BOB], bcc=[EVE])
YES, NO, LATER = "250 2.1.5 Ok", "550 5.1.1 User unknown", "450 4.2.0 Greylisted"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def configure(host: Host, server: ScriptedServer, **settings: Any) -> ConfiguredConnector:
    return host["simple-mail-transfer-protocol"].configure(config_for(server.port, **settings))


def test_everybody_is_named_in_one_transaction_and_the_mail_goes_out_once(host: Host) -> None:
    with ScriptedServer() as server, configure(host, server) as mail:
        result = mail.send_message(MESSAGE)
        assert server.commands[3:] == [f"RCPT TO:<{ANN}>", f"RCPT TO:<{BOB}>", f"RCPT TO:<{EVE}>", "DATA"]
    assert result.recipients == {ANN: "sent", BOB: "sent", EVE: "sent"}
    assert len(server.mails) == 1
    assert b"eve@" not in server.mails[0]


@pytest.mark.parametrize(
    ("answers", "rejected"),
    [
        ([NO, YES, YES], {ANN}),
        ([YES, NO, YES], {BOB}),
        ([YES, YES, LATER], {EVE}),
        ([YES, "452 4.5.3 Too many recipients", "452 4.5.3 Too many recipients"], {BOB, EVE}),
        ([NO, LATER, YES], {ANN, BOB}),
    ],
)
def test_a_refused_recipient_is_rejected_and_the_others_get_the_mail(
    host: Host, answers: list[Part], rejected: set[str]
) -> None:
    with ScriptedServer({"RCPT": answers}) as server, configure(host, server) as mail:
        result = mail.send_message(MESSAGE)
    assert result.recipients == {one: "rejected" if one in rejected else "sent" for one in (ANN, BOB, EVE)}
    assert len(server.mails) == 1


def test_after_a_refused_recipient_the_connection_serves_the_next_mail(host: Host) -> None:
    with ScriptedServer({"RCPT": [NO, YES]}) as server, configure(host, server) as mail:
        for _ in range(2):
            mail.send_message(MESSAGE)
        assert len(server.connections) == 1
    assert len(server.mails) == 2


def test_where_all_are_refused_nothing_is_sent_and_all_are_named(host: Host) -> None:
    with ScriptedServer({"RCPT": NO}) as server:
        error = fail_to_send(host, server.port, MESSAGE)
    assert isinstance(error, RecipientRejected)
    assert error.recipients == (ANN, BOB, EVE)
    assert_nothing_was_sent(error, server)
    assert "DATA" not in server.verbs


def test_where_all_are_refused_and_one_only_for_now_it_makes_sense_to_try_again(host: Host) -> None:
    with ScriptedServer({"RCPT": [NO, LATER, NO]}) as server:
        error = fail_to_send(host, server.port, MESSAGE)
    assert isinstance(error, ProviderUnavailable)
    assert (error.retryable, error.recipients) == (True, (ANN, BOB, EVE))
    assert_nothing_was_sent(error, server)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("421 4.3.2 Shutting down", ProviderUnavailable),
        ("550 Sender verify failed", SenderRejected),
        (hang_up, ProviderUnavailable),
    ],
)
def test_what_is_about_no_recipient_ends_the_send(host: Host, answer: Part, kind: type[Exception]) -> None:
    with ScriptedServer({"RCPT": [YES, answer, YES]}) as server:
        error = fail_to_send(host, server.port, MESSAGE)
    assert isinstance(error, kind)
    assert_nothing_was_sent(error, server)
    assert server.verbs.count("RCPT") == 2


def test_a_refusal_of_the_content_is_about_those_who_were_not_refused_before(host: Host) -> None:
    with ScriptedServer({"RCPT": [YES, NO, YES], "CONTENT": "550 5.1.1 No"}) as server:
        error = fail_to_send(host, server.port, MESSAGE)
    assert isinstance(error, RecipientRejected)
    assert error.recipients == (ANN, EVE)


def test_accented_copies_are_refused_where_the_server_takes_none(host: Host) -> None:
    message = Message(ANN, "SignIn", {}, cc=["zoë@example.com", BOB], bcc=["jürgen@example.com"])
    with ScriptedServer(extensions=["AUTH PLAIN"]) as server:
        error = fail_to_send(host, server.port, message)
    assert isinstance(error, RecipientRejected)
    assert error.recipients == ("zoë@example.com", "jürgen@example.com")
    assert_nothing_was_sent(error, server)


def test_an_accented_address_for_answers_is_refused_where_the_server_takes_none(host: Host) -> None:
    message = Message(ANN, "SignIn", {}, reply_to="Zoë <zoë@example.com>")
    with ScriptedServer(extensions=["AUTH PLAIN"]) as server:
        error = fail_to_send(host, server.port, message)
    assert isinstance(error, InvalidMessage)
    assert "address for answers" in str(error)
    assert_nothing_was_sent(error, server)


# The server's limit


LARGE = Message(
    ANN, "SignIn", content=Content("S", "Hello"), attachments=[Attachment(name="large", content=bytes(75_000))]
)


def test_a_mail_beyond_the_servers_limit_is_refused_with_the_number_before_it_is_announced(host: Host) -> None:
    with ScriptedServer(extensions=["SIZE 100000", "AUTH PLAIN"]) as server, configure(host, server) as mail:
        with pytest.raises(InvalidMessage, match="takes at most 100,000") as raised:
            mail.send_message(LARGE)
        mail.send_message(MESSAGE)
        assert server.verbs == ["EHLO", "AUTH", "RSET", "MAIL", "RCPT", "RCPT", "RCPT", "DATA"]
    assert raised.value.outcome == "not_sent"
    assert len(server.mails) == len(server.connections) == 1


@pytest.mark.parametrize("offers", [["SIZE 0"], ["SIZE"], ["SIZE many"], [], ["SIZE 200000"]])
def test_a_server_without_a_limit_gets_the_mail(host: Host, offers: Sequence[str]) -> None:
    with ScriptedServer(extensions=[*offers, "AUTH PLAIN"]) as server, configure(host, server) as mail:
        mail.send_message(LARGE)
    assert len(server.mails[0]) > 100_000


# Many messages


def test_many_messages_share_a_few_connections_and_each_has_its_own_outcome(host: Host) -> None:
    messages = [Message(f"person{number}@example.com", "SignIn", {"code": f"{number:06}"}) for number in range(40)]
    messages[20] = Message("nobody", "SignIn", {"code": "000020"})
    with ScriptedServer() as server, configure(host, server) as mail:
        outcomes = list(mail.send_messages(messages))
        assert len(server.connections) <= 8
    for number, (message, outcome) in enumerate(zip(messages, outcomes, strict=True)):
        if number == 20:
            assert isinstance(outcome, InvalidMessage)
            continue
        assert isinstance(outcome, SendResult)
        assert outcome.recipients == {message.to: "sent"}
        (found,) = (one for one in server.mails if outcome.message_id.encode() in one)
        assert f"To: {message.to}".encode() in found
        assert message.payload["code"].encode() in found
