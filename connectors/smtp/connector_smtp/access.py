"""The way into a mail server: where it is, who signs in, and with what."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from connector_core import AuthorizationFailed, Config
from connector_smtp.checks import uses_password
from connector_smtp.login import Password, Token
from connector_smtp.server import Server
from connector_smtp.session import Session
from connector_smtp.tokens import AccessTokens

if TYPE_CHECKING:
    from connector_core import Limits, Transport
    from connector_smtp.server import Patience


class Access:
    """The way into the mail server of one config; safe in many threads."""

    def __init__(self, config: Config) -> None:
        auth = config["auth"]
        self._config = config
        self._server = Server(config)
        self._user: str = auth["user"]
        self._password = Password(self._user, auth["pass"]) if uses_password(auth) else None
        self._tokens = AccessTokens(auth, self._redact)

    @property
    def token_host(self) -> str:
        """Return where access tokens are fetched."""
        return self._tokens.host

    def patience(self, limits: Limits) -> Patience:
        """Return the limits of what begins now."""
        return self._server.patience(limits, time.monotonic())

    def find_credentials(self, transport: Transport, patience: Patience) -> Password | Token:
        """Return who signs in; an access token that has expired is fetched anew.

        Raises:
            SendError: there is no token to be had; nothing was sent.

        """
        if self._password is not None:
            return self._password
        token, is_new = self._tokens.current(transport, patience.deadline)
        return Token(self._user, token, is_new=is_new)

    def connect(self, patience: Patience) -> Session:
        """Return a new connection, on which nobody has signed in yet.

        Raises:
            SendError: there is none to be had; nothing was sent.

        """
        return Session(self._server, patience, self._redact)

    def replaces(self, credentials: Password | Token, refusal: AuthorizationFailed) -> bool:
        """Return whether credentials that were refused were a token before its time, which was dropped for another."""
        # Without a reply the token wasn't even tried.
        is_old_token = isinstance(credentials, Token) and not credentials.is_new and refusal.provider is not None
        return is_old_token and self._tokens.discard(credentials.secret)

    def open(self, transport: Transport, patience: Patience) -> Session:
        """Return a new connection that is signed in; a token that is refused before its time is replaced once.

        Raises:
            SendError: there is none to be had; nothing was sent.

        """
        for is_last in (False, True):
            credentials = self.find_credentials(transport, patience)
            session = self.connect(patience)
            try:
                session.sign_in(credentials)
                break
            except AuthorizationFailed as error:
                if is_last or not self.replaces(credentials, error):
                    raise
        return session

    def _redact(self, text: str) -> str:
        return self._config.redaction().redact(text)
