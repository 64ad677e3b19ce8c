"""One connection to a mail server, signed in, on which one mail after the other can be sent.

The server may have a mail from the moment at which its final dot is handed to the system; a failure before that means
that surely nothing was sent (RFC 5321, sections 4.1.1.4 and 6.1).
"""

from __future__ import annotations

import re
import smtplib
import socket
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from connector_core import (
    AuthorizationFailed,
    InvalidMessage,
    RecipientRejected,
    Secret,
    SenderRejected,
    SendError,
)
from connector_smtp.answers import Reply, explain_loss, refuse
from connector_smtp.failures import explain_no_starttls
from connector_smtp.login import sign_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connector_smtp.answers import Stage
    from connector_smtp.content import Mail
    from connector_smtp.login import Password, Token
    from connector_smtp.server import Patience, Server

    Step = Callable[[], tuple[int, bytes]]

_GO_ON = 354
_CHALLENGE = 334
_CLOSING = 421
_NOT_SIGNED_IN = 530
_CONSENT = range(200, 300)
_LONGEST_NAME = len("CRAM-MD5")  # of a mechanism, which may stay in an answer
_ABOUT_EVERYBODY = (AuthorizationFailed, SenderRejected)
"""What a server may answer to a recipient that has nothing to do with who that is."""

_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


class Session:
    """A connection that is encrypted where it has to be; once signed in, it is ready for a mail.

    Args:
        server: the server to connect to.
        patience: how long the steps may take.
        redact: strikes the config's secrets out of a text.

    Raises:
        SendError: the server could not be reached, or refuses; nothing was sent.

    """

    def __init__(self, server: Server, patience: Patience, redact: Callable[[str], str]) -> None:
        self.usable = False
        """Whether another mail can follow on this connection."""
        self._is_in_step = False
        self._redact = redact
        self._said: list[Secret] = []
        self._line = server.connect(patience)
        # With a name of this machine, smtplib has no need to ask the DNS for one.
        self._client = smtplib.SMTP(local_hostname=server.client_name or _name_machine(self._line.local_address()))
        self._client.sock = self._line  # type: ignore[assignment]  # it has all that smtplib asks of a socket
        ready = False
        try:
            self._line.deadline, self._line.silence = patience.deadline, patience.greeting
            self._ask("greeting", self._client.getreply)
            self._line.silence = patience.silence
            self._ask("hello", self._client.ehlo)
            if not server.is_implicit_tls:
                self._encrypt(server, patience)
            ready = True
        finally:
            if not ready:
                self.abandon()

    @property
    def encryption(self) -> str | None:
        """Return the version of TLS that is spoken, such as `TLSv1.3`, or None."""
        return self._line.encryption

    def sign_in(self, credentials: Password | Token) -> None:
        """Sign in; a failure closes the connection.

        Raises:
            SendError: the server refuses, or is gone; nothing was sent.

        """
        self._said.append(credentials.secret)
        is_in = False
        try:
            sign_in(credentials, self._client.esmtp_features.get("auth", ""), self._confide)
            is_in = True
        finally:
            if not is_in:
                self.abandon()

    def resume(self, patience: Patience) -> bool:
        """Return whether the server is still there for another mail, as after a while it may not be."""
        self._line.deadline = min(patience.deadline, time.monotonic() + patience.connect)
        self._line.silence = patience.silence
        reply = self._attempt(self._client.rset)
        self._line.deadline = patience.deadline
        return reply is not None and reply.code in _CONSENT

    def begin(self, mail: Mail) -> None:
        """Announce a mail and its sender.

        Raises:
            SendError: the server refuses, or is gone; nothing was sent.

        """
        features = self._client.esmtp_features
        most = features.get("size", "")
        if most.isdecimal() and 0 < int(most) < len(mail.data):  # RFC 1870, section 4: 0 is no limit
            raise InvalidMessage(
                f"The mail has {len(mail.data):,} bytes, and the mail server takes at most {int(most):,}: make its "
                "attachments or its content smaller."
            )
        command = f"MAIL FROM:<{mail.sender}>"
        if "size" in features and mail.data:
            command += f" SIZE={len(mail.data)}"
        if mail.is_international:
            if "smtputf8" not in features:
                raise _refuse_international(mail)
            command += " BODY=8BITMIME SMTPUTF8"  # RFC 6531, section 3.1: who has the one has the other
        self._client.command_encoding = "utf-8" if mail.is_international else "ascii"
        self._ask("sender", lambda: self._client.docmd(command))

    def name_recipients(self, mail: Mail) -> dict[str, SendError]:
        """Say whom the mail that was announced is for; return what the server has against some of them.

        Raises:
            SendError: the server takes the mail for nobody, or is gone; nothing was sent.

        """
        refused: dict[str, SendError] = {}
        for named, address in mail.recipients.items():
            step = partial(self._client.docmd, f"RCPT TO:<{address}>")
            try:
                self._ask("recipient", step, about=[named])
            except SendError as error:
                if not self._is_in_step or isinstance(error, _ABOUT_EVERYBODY):
                    raise
                refused[named] = error
        if len(refused) == len(mail.recipients):
            raise _join(refused)
        return refused

    def finish(self, mail: Mail) -> dict[str, SendError]:
        """Send the mail that was announced; return what the server has against some of its recipients.

        Raises:
            SendError: the server refuses, or is gone; the outcome says whether anything may have been sent.

        """
        refused = self.name_recipients(mail)
        taken = [named for named in mail.recipients if named not in refused]
        self._ask("data", lambda: self._client.docmd("DATA"), wanted=range(_GO_ON, _GO_ON + 1), about=taken)
        content = _LEADING_DOT.sub(b"..", mail.data)  # RFC 5321, section 4.5.2
        if self._attempt(lambda: self._say(content)) is None:
            raise self._lose("data")
        # The final dot goes out by itself, so that it is known whether it did.
        writes = self._line.writes
        reply = self._attempt(lambda: self._client.docmd("."))
        if reply is None:
            raise self._lose("content", complete=self._line.writes > writes)
        if reply.code not in _CONSENT:
            raise self._refuse(reply, "content", taken)
        return refused

    def withdraw(self, deadline: float) -> None:
        """Take back the mail that was announced; the server may answer until a time (`time.monotonic`)."""
        if self._is_in_step:
            self._line.deadline = deadline
            self._attempt(self._client.rset)

    def close(self, deadline: float) -> None:
        """Take leave of the server, which may answer until a time (`time.monotonic`), and close the connection."""
        if self._is_in_step:
            self._line.deadline = deadline
            self._attempt(lambda: self._client.docmd("QUIT"))
        self.abandon()

    def abandon(self) -> None:
        """Close the connection at once."""
        self.usable = self._is_in_step = False
        self._client.close()
        self._line.close()

    def _encrypt(self, server: Server, patience: Patience) -> None:
        """Turn the connection to TLS (RFC 3207), unless it need not be and can't."""
        if server.may_encrypt and "starttls" in self._client.esmtp_features:
            self._ask("tls", lambda: self._client.docmd("STARTTLS"))
            self._client.file = None  # what was read ahead came without TLS, from anybody
            server.encrypt(self._line, patience)
            self._line.silence = patience.silence
            self._ask("hello", self._client.ehlo)
        elif server.must_encrypt:
            raise explain_no_starttls()

    def _confide(self, command: Secret) -> Reply:
        """Return the answer to a line that holds a secret."""
        self._said.append(_last_word(command))
        reply = self._attempt(lambda: self._client.docmd(command.reveal()))
        if reply is None:
            raise self._lose("login")
        return reply

    def _ask(self, stage: Stage, step: Step, *, wanted: range = _CONSENT, about: Sequence[str] = ()) -> None:
        """Do a step, which the server has to consent to."""
        reply = self._attempt(step)
        if reply is None:
            raise self._lose(stage)
        if reply.code not in wanted:
            raise self._refuse(reply, stage, about)

    def _attempt(self, step: Step) -> Reply | None:
        """Do a step and return the answer, or None where the line broke; no exception that quotes a secret lives on."""
        self.usable = self._is_in_step = False
        try:
            code, content = step()
        except smtplib.SMTPResponseException:  # smtplib's word for a line that is too long
            self._line.failure = "its answer has no end"
            return None
        except (smtplib.SMTPException, OSError):
            return None
        self.usable = self._is_in_step = True
        reply = Reply.parse(code, content)
        return reply if reply.code in _CONSENT or reply.code == _CHALLENGE else self._without_secrets(reply)

    def _say(self, content: bytes) -> tuple[int, bytes]:
        """Send what the server answers to only later."""
        self._client.send(content)
        return _GO_ON, b""

    def _without_secrets(self, reply: Reply) -> Reply:
        """Return an answer without what was said to get in, which a server might repeat."""
        words = reply.words
        for secret in self._said:
            if len(secret.reveal()) > _LONGEST_NAME:
                words = words.replace(secret.reveal(), "***")
        return replace(reply, words=self._redact(words))

    def _refuse(self, reply: Reply, stage: Stage, recipients: Sequence[str]) -> SendError:
        self._is_in_step = reply.is_refusal and reply.code != _CLOSING
        # A refusal for now may be about this connection, which has lasted too long or carried too much.
        self.usable = reply.is_lasting_refusal and reply.code != _NOT_SIGNED_IN
        return refuse(reply, stage, recipients)

    def _lose(self, stage: Stage, *, complete: bool = False) -> SendError:
        return explain_loss(stage, self._line.failure or "the server closed the connection", complete=complete)


def _last_word(command: Secret) -> Secret:
    return Secret(command.reveal().rpartition(" ")[2])


def _join(refused: Mapping[str, SendError]) -> SendError:
    """Return the error for a mail that nobody gets: one that may go away, where there is such."""
    error = next((one for one in refused.values() if one.retryable), next(iter(refused.values())))
    error.recipients = tuple(refused)
    return error


def _refuse_international(mail: Mail) -> SendError:
    recipients = [named for named, address in mail.recipients.items() if not address.isascii()]
    if mail.sender.isascii() and recipients:
        return RecipientRejected(
            "The mail server takes no accented letters before the @ of a recipient (it lacks SMTPUTF8): use an address "
            "without them.",
            recipients=recipients,
        )
    whose = (
        "the address for answers: write it" if mail.sender.isascii() else "the sender: write fromEmail in the config"
    )
    return InvalidMessage(
        f"The mail server takes no accented letters before the @ (it lacks SMTPUTF8) of {whose} without them."
    )


def _name_machine(address: str) -> str:
    """Return how this machine introduces itself: by its full name, else by its address (RFC 5321, section 4.1.3)."""
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    return f"[IPv6:{address.partition('%')[0]}]" if ":" in address else f"[{address}]"
