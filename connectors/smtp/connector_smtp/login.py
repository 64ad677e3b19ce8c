"""Signing in to a mail server (RFC 4954), with a password or with an OAuth2 token.

smtplib's own login keeps user and password on its object and takes no password beyond ASCII. Here every text that holds
a secret is a `Secret`, so that no local variable shows one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from connector_core import AuthorizationFailed, Secret
from connector_smtp.answers import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector_smtp.answers import Reply

    Response = Callable[[bytes], Secret]

_CHALLENGE = 334
_SUCCESS = 235
_OTHER_MECHANISM = frozenset({502, 504, 534})
"""Codes by which a server refuses a mechanism that it has offered (RFC 4954, section 6)."""

_WITH_INITIAL_RESPONSE = frozenset({"PLAIN", "XOAUTH2"})
_LONGEST_COMMAND = 512  # RFC 5321, section 4.5.3.1.4, with the end of the line
_CANCEL = Secret("*")


class Password:
    """A user name and a password, for PLAIN (RFC 4616), LOGIN and CRAM-MD5 (RFC 2195)."""

    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def __init__(self, user: str, password: Secret) -> None:
        self.secret = password
        self._user = user

    def responses(self, mechanism: str) -> Sequence[Response]:
        """Return what answers each challenge; the first one is empty for PLAIN."""
        if mechanism == "PLAIN":
            return (lambda _: _encode(f"\0{self._user}\0{self.secret.reveal()}"),)
        if mechanism == "LOGIN":
            return (lambda _: _encode(self._user), lambda _: _encode(self.secret.reveal()))
        return (self._sign,)

    def _sign(self, challenge: bytes) -> Secret:
        return _encode(f"{self._user} {hmac.new(self.secret.reveal().encode(), challenge, 'md5').hexdigest()}")


class Token:
    """A user name and an access token, for XOAUTH2 (Google's and Microsoft's documentation of it).

    Args:
        user: the user name.
        token: the token.
        is_new: whether the token was fetched just now.

    """

    mechanisms = ("XOAUTH2",)

    def __init__(self, user: str, token: Secret, *, is_new: bool) -> None:
        self.secret = token
        self.is_new = is_new
        self._user = user

    def responses(self, mechanism: str) -> Sequence[Response]:  # noqa: ARG002  there is just one
        """Return what answers each challenge: the token, and nothing at all to what is wrong with it."""
        return (
            lambda _: _encode(f"user={self._user}\1auth=Bearer {self.secret.reveal()}\1\1"),
            lambda _: Secret(""),
        )


def sign_in(credentials: Password | Token, offered: str, ask: Callable[[Secret], Reply]) -> None:
    """Sign in by the first mechanism that the server offers and takes.

    Args:
        credentials: who signs in.
        offered: the mechanisms that the server offers, with spaces between.
        ask: sends a line and returns the answer.

    Raises:
        SendError: the server refuses, or offers no mechanism that fits.

    """
    known = offered.upper().split()
    reply: Reply | None = None
    for mechanism in credentials.mechanisms:
        if mechanism in known:
            reply = _converse(mechanism, credentials.responses(mechanism), ask)
            if reply.code == _SUCCESS:
                return
            if reply.code not in _OTHER_MECHANISM:
                break
    if reply is not None:
        raise refuse(reply, "login")
    raise AuthorizationFailed(
        f"The mail server offers none of {', '.join(credentials.mechanisms)}, so the credentials were kept back: check "
        "host, port and the kind of credentials (auth.type) in the config."
    )


def _converse(mechanism: str, responses: Sequence[Response], ask: Callable[[Secret], Reply]) -> Reply:
    """Return the last answer of a conversation in one mechanism."""
    pending = list(responses)
    command = Secret(f"AUTH {mechanism}")
    if mechanism in _WITH_INITIAL_RESPONSE:
        whole = Secret(f"AUTH {mechanism} {pending[0](b'').reveal()}")
        if len(whole.reveal()) + len("\r\n") <= _LONGEST_COMMAND:
            command = whole
            pending.pop(0)
    reply = ask(command)
    while reply.code == _CHALLENGE and pending:
        reply = ask(pending.pop(0)(_decode(reply.words)))
    return ask(_CANCEL) if reply.code == _CHALLENGE else reply


def _encode(text: str) -> Secret:
    return Secret(base64.b64encode(text.encode()).decode())


def _decode(challenge: str) -> bytes:
    try:
        return base64.b64decode(challenge)
    except (binascii.Error, ValueError):  # of a server that doesn't keep to the rules, and will refuse what comes
        return b""
