"""OAuth2 access tokens for a mail server: given in the config, or fetched with a refresh token (RFC 6749)."""

from __future__ import annotations

import copy
import math
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connector_core import (
    AuthorizationFailed,
    InvalidResponse,
    ProviderUnavailable,
    Redaction,
    Secret,
    SendError,
    make_refusal,
)
from connector_smtp.failures import explain_no_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connector_core import Response, Transport

_LIFE_WITHOUT_WORD = 300.0
"""Seconds that a token is kept where nothing was said of its life (RFC 6749, section 5.1 leaves that open)."""

_MARGIN = 60.0
_REFUSALS = frozenset({400, 401, 403})  # RFC 6749, section 5.2
_PLACE = "Token address"


class AccessTokens:
    """The access tokens of one config, each used until it expires; many threads share one fetch.

    Args:
        auth: the setting `auth` of the config.
        redact: strikes the config's secrets out of a text.

    """

    def __init__(self, auth: Mapping[str, Any], redact: Callable[[str], str]) -> None:
        self._auth = auth
        self._redact = redact
        self._token: Secret | None = auth.get("accessToken")
        self._refresh_token: Secret | None = auth.get("refreshToken")
        self._expires: float = auth["expires"] / 1000 if "expires" in auth else math.inf
        self._lock = threading.Lock()
        self._fetching: Future[Secret | SendError] | None = None

    @property
    def host(self) -> str:
        """Return where tokens are fetched."""
        return urlsplit(self._auth["accessUrl"]).hostname or "The token address"

    def current(self, transport: Transport, deadline: float) -> tuple[Secret, bool]:
        """Return a token, and whether it has just been fetched.

        Args:
            transport: fetches a new one.
            deadline: the time (`time.monotonic`) until which that may take.

        Raises:
            SendError: none could be fetched; nothing was sent.

        """
        with self._lock:
            if self._token is not None and (time.time() < self._expires or self._refresh_token is None):
                return self._token, False
            fetching, is_mine = self._fetching, self._fetching is None
            if fetching is None:
                fetching = self._fetching = Future()
        if is_mine:
            self._fetch(transport, deadline, fetching)
        try:
            found = fetching.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            found = explain_no_token("it took too long", self.host)
        if isinstance(found, SendError):
            raise copy.copy(found)  # each thread that waited has a traceback of its own
        return found, True

    def discard(self, token: Secret) -> bool:
        """Forget a token that the mail server refuses, and return whether another one can be had."""
        with self._lock:
            if self._refresh_token is not None and self._token == token:
                self._token = None
            return self._refresh_token is not None

    def _fetch(self, transport: Transport, deadline: float, fetching: Future[Secret | SendError]) -> None:
        found: Secret | SendError = explain_no_token("it was interrupted", self.host)
        life = 0.0
        try:
            found, life = self._request(transport, deadline)
        finally:
            with self._lock:
                if isinstance(found, Secret):
                    self._token, self._expires = found, time.time() + life
                self._fetching = None
            fetching.set_result(found)

    def _request(self, transport: Transport, deadline: float) -> tuple[Secret | SendError, float]:
        """Return a new token and the seconds that it lives, or why there is none."""
        left = deadline - time.monotonic()
        if left <= 0:
            return explain_no_token("it took too long", self.host), 0
        fields = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        fields["client_id"] = self._auth["clientId"]
        if "clientSecret" in self._auth:
            fields["client_secret"] = self._auth["clientSecret"]
        headers = {"Accept": "application/json"}
        limits = replace(transport.limits, total=left)
        try:
            answer = transport.request("POST", self._auth["accessUrl"], headers=headers, data=fields, limits=limits)
        except SendError as error:
            return explain_no_token(error, self.host), 0
        return self._read(answer)

    def _read(self, answer: Response) -> tuple[Secret | SendError, float]:
        body = answer.json()
        body = body if isinstance(body, dict) else {}
        token = _read_token(body, "access_token")
        if answer.status not in range(200, 300) or token is None:
            return self._refuse(answer, body), 0
        # A new refresh token takes the place of the old one (RFC 6749, section 6), which may not live as long.
        self._refresh_token = _read_token(body, "refresh_token") or self._refresh_token
        return token, _read_life(body.get("expires_in"))

    def _refuse(self, answer: Response, body: Mapping[str, Any]) -> SendError:
        code = body.get("error")
        code = self._strike(code) if isinstance(code, str) else None
        said = body.get("error_description", code)
        said = self._strike(said) if isinstance(said, str) else None
        if answer.status in _REFUSALS or (code is not None and answer.status < 400):  # noqa: PLR2004  no refusal by itself
            advice = "No access token could be had, so nothing was sent: check clientId, clientSecret and refreshToken"
            advice += " in auth of the config"
            return make_refusal(answer, _PLACE, said=said, code=code, kind=AuthorizationFailed, advice=advice)
        if answer.status >= 500 or answer.status in {408, 429}:  # noqa: PLR2004  failures of the server
            advice = "No access token could be had for now, so nothing was sent: send again later"
            return make_refusal(answer, _PLACE, said=said, code=code, kind=ProviderUnavailable, advice=advice)
        advice = "What answered gives no access tokens, so nothing was sent: check auth.accessUrl in the config"
        error = make_refusal(answer, _PLACE, said=said, code=code, kind=InvalidResponse, advice=advice)
        error.outcome = "not_sent"
        return error

    def _strike(self, text: str) -> str:
        """Return a text without secrets, the refresh token that is no longer the config's among them."""
        secret = self._refresh_token
        return self._redact(Redaction([secret.reveal()] if secret is not None else []).redact(text))


def _read_token(body: Mapping[str, Any], key: str) -> Secret | None:
    token = body.get(key)
    if isinstance(token, str) and token and token.isascii() and token.isprintable():
        return Secret(token)
    return None


def _read_life(seconds: object) -> float:
    try:
        life = float(seconds) if isinstance(seconds, int | float | str) else _LIFE_WITHOUT_WORD
    except (ValueError, OverflowError):
        life = _LIFE_WITHOUT_WORD
    return max(life - _MARGIN, life / 2)
