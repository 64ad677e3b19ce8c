"""A mail server on loopback, in a thread: aiosmtpd with TLS, and signing in by password or token."""

from __future__ import annotations

import asyncio
import base64
import binascii
import errno
import hmac
import logging
import socket
import threading
import weakref
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trustme
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword

from connector_core import ConnectorError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Sequence

    from aiosmtpd.smtp import Envelope, Session

LOOPBACK = "127.0.0.1"
_LONGEST_LINE = 12_288
"""Bytes of a line, since one may hold a token (RFC 4954, section 4)."""

_WRONG_BEARER = '{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'
"""What Gmail says of a token that is not valid (Google's documentation of XOAUTH2)."""

_REFUSED = "535 5.7.8 Username and password not accepted"


_THREAD = "smtp-sandbox"


def _is_not_ours(record: logging.LogRecord) -> bool:
    return record.threadName != _THREAD


# aiosmtpd logs all that it hears, passwords and codes among it; what other servers of the process log stays.
logging.getLogger("mail.log").addFilter(_is_not_ours)


@dataclass(slots=True)
class Account:
    """Who may sign in, and with what; texts in clear, since this is nobody's account."""

    user: str
    password: str | None
    tokens: set[str] = field(default_factory=set)


class Authority:
    """A CA of a sandbox's own, whose certificate a config names."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    @property
    def pem(self) -> str:
        """Return the certificate of the CA in PEM."""
        return self._authority.cert_pem.bytes().decode()

    def make_context(self) -> ssl.SSLContext:
        """Return what a server on loopback proves itself with."""
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(LOOPBACK, "localhost").configure_cert(context)
        return context


class Handler:
    """What the server does with commands.

    Args:
        account: who may sign in.
        is_refused: tells which recipients are refused.
        take: is called with the envelope of each mail.

    """

    def __init__(self, account: Account, is_refused: Callable[[str], bool], take: Callable[[Envelope], str]) -> None:
        self._account = account
        self._is_refused = is_refused
        self._take = take

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: LoginPassword
    ) -> AuthResult:
        """Say whether a password is the account's."""
        account = self._account
        known = account.password is not None and hmac.compare_digest(
            b"\0".join(given), f"{account.user}\0{account.password}".encode()
        )
        return AuthResult(success=known, handled=False, message=None if known else _REFUSED, auth_data=given)

    async def auth_XOAUTH2(self, server: SMTP, arguments: Sequence[str]) -> AuthResult:  # noqa: N802  aiosmtpd's way
        """Let in who brings a token of the account."""
        if len(arguments) > 1:
            try:
                said: Any = base64.b64decode(arguments[1], validate=True)
            except binascii.Error:
                return AuthResult(success=False, handled=False, message="501 5.5.2 Cannot decode response")
        else:
            said = await server.challenge_auth("")
            if said is MISSING:
                return AuthResult(success=False)
        known = [f"user={self._account.user}\1auth=Bearer {token}\1\1".encode() for token in self._account.tokens]
        if any(hmac.compare_digest(said, each) for each in known):
            return AuthResult(success=True)
        await server.challenge_auth(_WRONG_BEARER)
        return AuthResult(success=False, handled=False, message=_REFUSED)

    async def handle_MAIL(  # noqa: N802  aiosmtpd's way
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Begin a mail of somebody who is signed in."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802  aiosmtpd's way
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Add a recipient."""
        if self._is_refused(address):
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  the same
        """Take the mail."""
        return f"250 2.0.0 OK: queued as {self._take(envelope)}"

    async def handle_exception(self, error: Exception) -> str:
        """Answer what went wrong; a client that refuses the certificate, for one, is no error of the server."""
        return f"451 4.3.0 {type(error).__name__}"


class _Connection(SMTP):
    """aiosmtpd's side of a connection, for longer lines."""

    line_length_limit = _LONGEST_LINE


class MailServer:
    """Serve SMTP on loopback, in a thread with an event loop of its own.

    Args:
        handler: what is done with commands.
        context: what the server proves itself with.
        is_implicit_tls: whether connections are encrypted from the start; otherwise STARTTLS is required.
        port: the port; 0 takes a free one.

    """

    def __init__(self, handler: Handler, context: ssl.SSLContext, *, is_implicit_tls: bool, port: int) -> None:
        self._handler = handler
        self._context = context
        self._is_implicit_tls = is_implicit_tls
        self._listener = _listen(port)
        self.port: int = self._listener.getsockname()[1]
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()
        self._ready: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=self._run, name=_THREAD, daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """Close every connection, and end the thread."""
        loop, stopping = self._ready.result()
        loop.call_soon_threadsafe(stopping.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001  `start` raises it
            if not self._ready.done():
                self._ready.set_exception(error)

    async def _serve(self) -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _loop, _context: None)  # clients that go away are nobody's error
        server = await loop.create_server(
            self._connect, sock=self._listener, ssl=self._context if self._is_implicit_tls else None
        )
        self._ready.set_result((loop, stopping))
        await stopping.wait()
        server.close()
        for connection in list(self._connections):
            if connection.transport is not None:
                connection.transport.abort()  # type: ignore[attr-defined]  # it is a transport of sockets or of TLS
        await asyncio.sleep(0)  # lets the connections learn of it; asyncio.run ends what is left

    def _connect(self) -> _Connection:
        connection = _Connection(
            self._handler,
            hostname="sandbox",
            ident="SMTP sandbox",
            tls_context=None if self._is_implicit_tls else self._context,
            require_starttls=not self._is_implicit_tls,
            auth_require_tls=not self._is_implicit_tls,
            authenticator=self._handler.authenticate,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )
        self._connections.add(connection)
        return connection


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
    except OSError as cause:
        listener.close()
        why = "is taken" if cause.errno == errno.EADDRINUSE else f"can't be used ({cause.strerror})"
        raise ConnectorError(f"Port {port} {why}: choose another with --port.") from cause
    return listener
