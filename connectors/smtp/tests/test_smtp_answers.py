"""What a server's refusal becomes, at each step of a send: the error, its outcome, and what the server said.

The texts are those of Postfix (postfix.org, "SMTPD_ACCESS_README" and its sources), Exim, Exchange Online ("Email
non-delivery reports"), Gmail ("Gmail SMTP errors and codes"), Amazon SES ("SMTP response codes") and SendGrid ("SMTP
Errors and Troubleshooting", and what its users report).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    Host,
    InvalidMessage,
    InvalidResponse,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
    UsageLimitExceeded,
)

from .smtp_server import ScriptedServer, config_for
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
STEPS = ["GREETING", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "CONTENT"]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def refuse(host: Host, step: str, answer: str) -> SendError:
    """Return the error of a send in which the server refuses one step, after all before it have succeeded."""
    with (
        ScriptedServer({step: answer}) as server,
        host["simple-mail-transfer-protocol"].configure(config_for(server.port)) as mail,
        pytest.raises(SendError) as raised,
    ):
        mail.send_message(MESSAGE)
    assert server.verbs.count("DATA") <= 1
    assert len(server.connections) == 1
    return raised.value


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("code", [421, 450, 451, 452, 454, 471])
def test_a_refusal_for_now_sends_nothing_and_may_pass(host: Host, step: str, code: int) -> None:
    error = refuse(host, step, f"{code} 4.3.2 Try again later")
    assert isinstance(error, ProviderUnavailable)
    assert (error.outcome, error.retryable) == ("not_sent", True)
    assert error.provider is not None
    assert error.provider.to_json() == {"code": "4.3.2", "message": "Try again later", "status": code}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "answer",
    [
        "421 4.7.0 Too many concurrent SMTP connections from this IP address; please try again later.",
        "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents delivery.",
        "451 4.7.1 Rate limited",
        "452 4.5.3 Too many recipients",
        "454 Throttling failure: Maximum sending rate exceeded.",
    ],
)
def test_a_refusal_of_so_many_mails_asks_to_slow_down(host: Host, step: str, answer: str) -> None:
    error = refuse(host, step, answer)
    assert isinstance(error, RateLimitExceeded)
    assert (error.outcome, error.retryable) == ("not_sent", True)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("code", [500, 501, 502, 503, 504, 550, 551, 552, 553, 554, 555, 571])
def test_a_refusal_for_good_sends_nothing_and_will_not_pass(host: Host, step: str, code: int) -> None:
    error = refuse(host, step, f"{code} No")
    assert (error.outcome, error.retryable) == ("not_sent", False)
    assert error.provider is not None
    assert error.provider.to_json() == {"code": code, "message": "No", "status": code}
    assert f"{code} No" in str(error)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_what_is_about_credentials_is_an_authorization_failure_at_any_step(host: Host, step: str, code: int) -> None:
    error = refuse(host, step, f"{code} 5.7.0 Authentication Required")
    assert isinstance(error, AuthorizationFailed)
    assert (error.outcome, error.retryable) == ("not_sent", False)


ANSWERS: list[tuple[str, str, type[SendError]]] = [
    # Before anybody is signed in
    ("GREETING", "554 5.7.1 You are not allowed to connect.", ProviderUnavailable),
    ("GREETING", "554 No SMTP service here", ProviderUnavailable),
    ("EHLO", "550 5.7.1 Access denied", ProviderUnavailable),
    ("EHLO", "502 5.5.2 Error: command not recognized", ProviderUnavailable),
    # Signing in
    ("AUTH", "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", AuthorizationFailed),
    ("AUTH", "535-5.7.8 Username and Password not accepted.\n535 5.7.8  support.google.com", AuthorizationFailed),
    ("AUTH", "534 5.7.9 Application-specific password required.", AuthorizationFailed),
    ("AUTH", "432 4.7.12 A password transition is needed", AuthorizationFailed),
    ("AUTH", "500 5.5.6 Authentication Exchange line is too long", AuthorizationFailed),
    ("AUTH", "454 4.7.0 Temporary authentication failure", ProviderUnavailable),
    # The sender
    ("MAIL", "550 5.7.1 Sender not allowed", SenderRejected),
    ("MAIL", "551 User not local", SenderRejected),
    ("MAIL", "553 5.1.8 Sender's domain does not exist", SenderRejected),
    ("MAIL", "501 5.1.7 Bad sender address syntax", SenderRejected),
    ("RCPT", "553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b", SenderRejected),
    ("RCPT", "550 5.1.8 <a@example.com>: Sender address rejected: Domain not found", SenderRejected),
    ("RCPT", "550-Unrouteable address\r\n550 Sender verify failed", SenderRejected),  # Exim
    ("CONTENT", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", SenderRejected),
    ("CONTENT", "554 5.2.252 SendAsDenied; ann@example.com not allowed to send as bob@example.com", SenderRejected),
    ("CONTENT", "554 Message rejected: Email address is not verified. The following identities failed", SenderRejected),
    ("CONTENT", "550 The from address does not match a verified Sender Identity.", SenderRejected),
    ("CONTENT", "550 Unauthenticated senders not allowed", SenderRejected),
    # The recipient
    ("RCPT", "550 5.1.1 <ann@example.com>: Recipient address rejected: User unknown", RecipientRejected),
    ("RCPT", "550-5.1.1 The email account that you tried to reach\n550-5.1.1 does not exist.\n550 5.1.1 gsmtp",
     RecipientRejected),
    ("RCPT", "550 No such user here", RecipientRejected),
    ("RCPT", "551 5.1.6 User has moved", RecipientRejected),
    ("RCPT", "553 5.1.3 Bad recipient address syntax", RecipientRejected),
    ("RCPT", "501 5.1.3 Bad recipient address syntax", RecipientRejected),
    ("RCPT", "552 5.2.2 The email account is over quota", RecipientRejected),
    ("RCPT", "550 5.2.1 The email account is disabled", RecipientRejected),
    ("RCPT", "554 5.7.1 <ann@example.com>: Recipient address rejected: Access denied", RecipientRejected),
    ("RCPT", "556 5.1.10 Recipient address has null MX", RecipientRejected),
    ("RCPT", "550 5.4.1 Recipient address rejected: Access denied", RecipientRejected),
    ("CONTENT", "550 5.1.1 User unknown", RecipientRejected),
    # The account
    ("RCPT", "554 5.7.1 <ann@example.org>: Relay access denied", AccountRestricted),
    ("RCPT", "550 relay not permitted", AccountRestricted),
    ("RCPT", "554 5.7.1 <client.example.com>: Client host rejected: Access denied", AccountRestricted),
    ("RCPT", "550 5.7.1 Service unavailable; client is listed on zen.spamhaus.org", AccountRestricted),
    ("MAIL", "552 5.2.2 Over quota", UsageLimitExceeded),
    ("CONTENT", "552 5.3.1 Mail system storage has been exceeded", UsageLimitExceeded),
    ("MAIL", "550 5.4.5 Daily user sending limit exceeded.", UsageLimitExceeded),
    ("CONTENT", "550 5.4.5 Daily user sending limit exceeded.", UsageLimitExceeded),
    ("MAIL", "454 4.7.0 Throttling failure: Daily message quota exceeded.", UsageLimitExceeded),
    ("AUTH", "451 Authentication failed: Maximum credits exceeded", UsageLimitExceeded),
    ("CONTENT", "451 You've exceeded your messaging limits", UsageLimitExceeded),
    # The mail
    ("MAIL", "552 5.3.4 Message size exceeds fixed limit", InvalidMessage),
    ("MAIL", "552 Message too big", InvalidMessage),
    ("CONTENT", "552 5.2.3 Your message exceeded the size limits.", InvalidMessage),
    ("CONTENT", "523 5.3.4 Too large", InvalidMessage),
    ("CONTENT", "554 5.7.1 Message rejected as spam", InvalidMessage),
    ("CONTENT", "550 5.6.0 Headers are not RFC compliant", InvalidMessage),
    ("CONTENT", "554 Transaction failed", InvalidMessage),
    # Anything else
    ("MAIL", "555 5.5.4 Unsupported option: SIZE=1", SendError),
    ("RCPT", "503 5.5.1 Error: need MAIL command", SendError),
    ("DATA", "503 5.5.1 Error: need RCPT command", SendError),
]  # fmt: skip  # one answer a line


@pytest.mark.parametrize(("step", "answer", "kind"), ANSWERS)
def test_an_answer_of_a_known_server_gives_the_error_that_it_means(
    host: Host, step: str, answer: str, kind: type[SendError]
) -> None:
    error = refuse(host, step, answer)
    assert type(error) is kind
    assert error.outcome == "not_sent"
    assert error.provider is not None
    assert error.provider.status == int(answer[:3])


@pytest.mark.parametrize(
    "answer", [answer for _, answer, kind in ANSWERS if kind is RecipientRejected] + ["450 4.2.0 Greylisted"]
)
def test_an_error_about_the_recipient_names_it(host: Host, answer: str) -> None:
    assert refuse(host, "RCPT", answer).recipients == ("ann@example.com",)


def test_an_error_names_the_recipient_as_the_message_does(host: Host) -> None:
    message = Message("ann@münchen.example", "SignIn", {"code": "123456"})
    with ScriptedServer({"RCPT": "550 5.1.1 No"}) as server, pytest.raises(RecipientRejected) as raised:
        host["simple-mail-transfer-protocol"].send_message(config_for(server.port), message)
    assert raised.value.recipients == ("ann@münchen.example",)


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "AUTH", "MAIL", "DATA"])
def test_an_error_about_something_else_names_no_recipient(host: Host, step: str) -> None:
    assert refuse(host, step, "550 5.7.1 No").recipients == ()


def test_lines_of_an_answer_are_joined_and_each_loses_its_enhanced_code(host: Host) -> None:
    error = refuse(host, "RCPT", "550-5.1.1 First line\n550-5.1.1  second\n550 5.1.1 third")
    assert error.provider is not None
    assert error.provider.to_json() == {"code": "5.1.1", "message": "First line second third", "status": 550}


def test_an_answer_that_would_steer_a_terminal_is_quoted_without(host: Host) -> None:
    error = refuse(host, "RCPT", "550 5.1.1 a\x1b[2Jb\x00c\x07\u2028d \udcff e")
    assert error.provider is not None
    assert error.provider.message == "a [2Jb c d � e"
    assert str(error).isprintable()


def test_a_long_answer_is_quoted_in_part(host: Host) -> None:
    error = refuse(host, "RCPT", "550 5.1.1 " + "words " * 800)
    assert error.provider is not None
    assert error.provider.message == " ".join(["words"] * 83)
    assert f"550 {error.provider.message})" in str(error)


def test_a_long_answer_is_not_cut_within_a_word_which_might_be_a_secret(host: Host) -> None:
    error = refuse(host, "RCPT", f"550 5.1.1 {'x' * 4000}")
    assert error.provider is not None
    assert error.provider.to_json() == {"code": "5.1.1", "status": 550}
    assert str(error).endswith("(Mail server: 550)")
    error = refuse(host, "RCPT", f"550 5.1.1 {'字' * 490}{'x' * 4000}")
    assert error.provider is not None
    assert error.provider.message == "字" * 490


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", ["334 ", "355 Go on", "199 x", "600 x", "lorem"])
def test_an_answer_that_makes_no_sense_before_the_content_sends_nothing(host: Host, step: str, answer: str) -> None:
    error = refuse(host, step, answer)
    assert type(error) is InvalidResponse
    assert error.to_json()["outcome"] == "not_sent"
    assert not error.retryable


@pytest.mark.parametrize("answer", ["354 Go on", "199 x", "600 x", "lorem", ""])
def test_an_answer_that_makes_no_sense_after_the_content_leaves_the_outcome_unknown(host: Host, answer: str) -> None:
    error = refuse(host, "CONTENT", answer)
    assert type(error) is InvalidResponse
    assert error.outcome == "unknown"
    assert not error.retryable


def test_data_is_not_sent_to_a_server_that_agrees_to_it_in_other_words(host: Host) -> None:
    with ScriptedServer({"DATA": "250 Ok"}) as server, pytest.raises(InvalidResponse) as raised:
        host["simple-mail-transfer-protocol"].send_message(config_for(server.port), MESSAGE)
    assert raised.value.to_json()["outcome"] == "not_sent"
    assert server.verbs[-1] == "DATA"


@pytest.mark.parametrize("answer", ["250 2.0.0 Ok", "250 Requested mail action okay", "251 2.1.5 Forwarding", "252 x"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "CONTENT"])
def test_every_consent_is_one(host: Host, step: str, answer: str) -> None:
    with ScriptedServer({step: answer}) as server:
        result = host["simple-mail-transfer-protocol"].send_message(config_for(server.port), MESSAGE)
    assert result.status == "sent"
    assert result.recipients == {"ann@example.com": "sent"}
    assert len(server.mails) == 1


def test_the_result_has_the_id_that_the_mail_has(host: Host) -> None:
    with ScriptedServer() as server:
        result: Any = host["simple-mail-transfer-protocol"].send_message(config_for(server.port), MESSAGE)
    assert f"Message-ID: {result.message_id}\r\n".encode() in server.mails[0]
    assert result.message_id.endswith("@example.com>")
