"""The live check: whether the mail server lets the config in and takes its sender; nothing is sent to anybody.

A server may keep what it has against a sender to itself until a recipient is named (Postfix does, unless
`smtpd_delay_reject` is off), so the check names one: the sender's own address. Without DATA no mail goes there
(RFC 5321, section 3.3).
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    Config,
    Finding,
    InvalidResponse,
    Mailbox,
    ProviderUnavailable,
    RateLimitExceeded,
    SenderRejected,
    SendError,
    Transport,
    UsageLimitExceeded,
    shorten_text,
)
from connector_smtp.access import Access
from connector_smtp.content import Mail
from connector_smtp.failures import NoConnection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_smtp.session import Session

    Step = Literal["token", "connection", "login", "sender"]
    """How far a check had come."""

_PARTING_SECONDS = 1.0
_MOST_QUOTED = 150
_WANTS_TLS = 530
_TLS_PORT = 465
_LATER = "Try again in a few minutes; if it stays so, ask whoever runs the mail server."
_ASK = "Act on what it says, or ask whoever runs the mail server."

_REFUSALS: dict[type[SendError], tuple[str, str, str]] = {
    AuthorizationFailed: (
        "$.auth",
        "refuses the credentials",
        "Check user and password or token in auth of the config; many providers want a password for applications.",
    ),
    SenderRejected: (
        "$.fromEmail",
        "takes no mail from this sender",
        "Confirm the address with the provider, or write one into fromEmail that the account may use.",
    ),
    AccountRestricted: ("$.host", "takes no mail from this account or this machine", _ASK),
    UsageLimitExceeded: ("$.auth", "has no allowance left for the account", "Raise it, or wait until it is renewed."),
    RateLimitExceeded: ("$.host", "asks to slow down", "Try again in a few minutes."),
    ProviderUnavailable: ("$.host", "takes nothing now", _LATER),
}
"""What an answer of the mail server means: the setting to look at, a sentence without its start, and what to do."""

_WHATEVER_RECIPIENT = (
    AccountRestricted,
    AuthorizationFailed,
    InvalidResponse,
    NoConnection,
    SenderRejected,
    UsageLimitExceeded,
)
"""What a server that is given a recipient may answer and would answer for any other recipient, too."""


def check(config: Config, transport: Transport) -> Iterator[Finding]:
    """Yield what the mail server says of a config, on a connection of the check's own."""
    access = config.keep(Access)
    patience = access.patience(transport.limits)
    session: Session | None = None
    step: Step = "token"
    try:
        for is_last in (False, True):
            step = "token"
            credentials = access.find_credentials(transport, patience)
            step = "connection"
            session = access.connect(patience)
            yield _describe_connection(session)
            step = "login"
            try:
                session.sign_in(credentials)
            except AuthorizationFailed as error:
                if is_last or not access.replaces(credentials, error):
                    raise
                continue
            yield Finding("ok", "credentials_accepted", "$.auth", "The mail server accepts the credentials.")
            step = "sender"
            yield from _try_sender(session, Mailbox.parse(config["fromEmail"]).address)
            break
    except SendError as error:
        yield _explain_token(error, access.token_host) if step == "token" else _explain(error, step, config)
    finally:
        if session is not None:
            deadline = min(patience.deadline, time.monotonic() + _PARTING_SECONDS)
            session.withdraw(deadline)
            session.close(deadline)


def _describe_connection(session: Session) -> Finding:
    spoken = (session.encryption or "").replace("TLSv", "TLS ")
    how = f"over {spoken}, with a certificate that is trusted" if spoken else "without TLS, on this machine"
    return Finding("ok", "reached", "$.host", f"The mail server answers {how}.")


def _try_sender(session: Session, sender: str) -> Iterator[Finding]:
    """Announce a mail from the sender to itself, which is then not sent."""
    mail = Mail(sender=sender, recipients={sender: sender}, message_id="", data=b"")
    session.begin(mail)
    refusal: SendError | None = None
    try:
        session.name_recipients(mail)
    except _WHATEVER_RECIPIENT:
        raise
    except SendError as error:
        refusal = error
    message = f"The mail server takes {sender} as the sender, as far as it says without a mail."
    yield Finding("ok", "sender_accepted", "$.fromEmail", message)
    if refusal is not None:
        yield Finding(
            "warning",
            "recipient_refused",
            "$.fromEmail",
            f"The mail server takes no mail to the sender's own address{_quote(refusal)}; it may take others.",
            "Send a test mail to an address of yours. Where nobody reads what comes to the sender, there is nothing "
            "else to do; else check that its mailbox exists.",
        )


def _explain(error: SendError, step: Step, config: Config) -> Finding:
    """Return the finding for what the mail server, or the way to it, failed of."""
    if isinstance(error, NoConnection):
        finding = error.finding
        if finding.path == "$.port" and config["port"] == _TLS_PORT and not config["secure"]:
            return replace(
                finding, path="$.secure", fix=f"Set secure to true: port {_TLS_PORT} has TLS from the start."
            )
        return finding
    if isinstance(error, InvalidResponse):
        path = "$.port" if step == "connection" else "$.host"
        fix = "Check host and port in the config: usually the port is 587, or 465 with secure."
        return Finding("error", "not_understood", path, f"What answers is no mail server{_quote(error)}.", fix)
    if error.provider is None:
        return _explain_what_is_missing(error)
    if isinstance(error, AuthorizationFailed) and error.provider.status == _WANTS_TLS and config.get("ignoreTLS"):
        message = f"The mail server wants TLS before it takes credentials{_quote(error)}."
        return Finding("error", error.code, "$.ignoreTLS", message, "Remove ignoreTLS from the config.")
    kind = type(error) if type(error) in _REFUSALS else SenderRejected  # whatever else it says, it says of the sender
    path, problem, fix = _REFUSALS[kind]
    if isinstance(error, ProviderUnavailable) and not error.retryable:
        problem, fix = "refuses connections from this machine", f"Check host and port in the config. {_ASK}"
    return Finding("error", kind.code, path, f"The mail server {problem}{_quote(error)}.", fix)


def _explain_what_is_missing(error: SendError) -> Finding:
    """Return the finding for what the mail server doesn't offer, so that it wasn't asked for it."""
    if isinstance(error, AuthorizationFailed):
        message = "The mail server offers no way to sign in that fits the credentials, so they were kept back."
        fix = "Check host and port, and auth.type: this server may want a token in place of a password, or a password."
        return Finding("error", error.code, "$.auth", message, fix)
    message = "The mail server takes no accented letters before the @ of the sender (it lacks SMTPUTF8)."
    fix = "Write fromEmail without them, or use a mail server that takes them."
    return Finding("error", SenderRejected.code, "$.fromEmail", message, fix)


def _explain_token(error: SendError, host: str) -> Finding:
    """Return the finding for an access token that could not be had (RFC 6749, section 5.2)."""
    if isinstance(error, NoConnection):
        return error.finding
    if isinstance(error, AuthorizationFailed):
        message = f"{host} gives no access token{_quote(error)}."
        fix = "Check clientId, clientSecret and refreshToken in auth of the config; one that has expired is made anew."
        return Finding("error", error.code, "$.auth", message, fix)
    if isinstance(error, InvalidResponse):
        fix = "Check auth.accessUrl in the config: it is the provider's token address."
        message = f"What answers at {host} gives no access tokens{_quote(error)}."
        return Finding("error", "not_understood", "$.auth.accessUrl", message, fix)
    fix = "Try again in a few minutes. If it stays so, look at the provider's status page."
    return Finding("error", error.code, "$.auth.accessUrl", f"{host} gives no access token now{_quote(error)}.", fix)


def _quote(error: SendError) -> str:
    """Return what was answered, for the end of a sentence: status, code and words, cut after a whole word."""
    reply = error.provider
    if reply is None:
        return ""
    known = dict.fromkeys(str(part) for part in (reply.status, reply.code) if part is not None)
    return f" ({shorten_text(' '.join([*known, reply.message or '']).strip(), _MOST_QUOTED)})"
