"""Who may use the console: sign-in, the cookie that remembers it, and proof that a form is the console's own."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from itsdangerous import BadData, URLSafeTimedSerializer
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import Forbidden, TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request, Response

COOKIE = "connectors_console"
CSRF_FIELD = "csrf"

SESSION_SECONDS = 12 * 3600
_TRIES = RateLimitItemPerMinute(10)
_SAFE_METHODS = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class BrowserSession:
    """What the cookie of a browser says: an id that its forms are bound to, and whether it signed in."""

    id: str
    signed_in: bool = False


class SignIn:
    """Lets in whoever has the token that was announced last; each token works once.

    Args:
        announce: shows a new token to whoever started the console, and to nobody else.

    """

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._lock = threading.Lock()
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._token = ""
        self._renew()

    def redeem(self, candidate: str) -> bool:
        """Return whether a text is the token, which is replaced by another then.

        Raises:
            TooManyRequests: more than ten tries in a minute.

        """
        if not self._limiter.hit(_TRIES):
            raise TooManyRequests
        with self._lock:
            matches = hmac.compare_digest(candidate.strip().encode(), self._token.encode())
            if matches:
                self._renew()
        return matches

    def _renew(self) -> None:
        self._token = secrets.token_urlsafe(24)
        self._announce(self._token)


class Sessions:
    """Reads and writes the cookie of a browser, and the tokens that its forms carry.

    Args:
        key: the console's own key.

    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._serializer = URLSafeTimedSerializer(key, salt="connectors-console-session")
        self._ended: set[str] = set()

    def read(self, request: Request) -> BrowserSession:
        """Return the session of a browser; a new one where it has none, or one that is too old or ended."""
        try:
            known = self._serializer.loads(request.cookies.get(COOKIE, ""), max_age=SESSION_SECONDS)
            session = BrowserSession(str(known["id"]), bool(known["in"]))
        except (BadData, KeyError, TypeError):
            return self.begin()
        return self.begin() if session.id in self._ended else session

    @staticmethod
    def begin(*, signed_in: bool = False) -> BrowserSession:
        """Return a new session, whose id nobody knew before it was signed in."""
        return BrowserSession(secrets.token_urlsafe(18), signed_in)

    def write(self, session: BrowserSession, request: Request, response: Response, path: str) -> None:
        """Have the browser keep a session, for the pages below a path."""
        response.set_cookie(
            COOKIE,
            str(self._serializer.dumps({"id": session.id, "in": session.signed_in})),
            max_age=SESSION_SECONDS,
            path=path,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )

    def end(self, session: BrowserSession) -> None:
        """Let nobody use a session any more, not even with a copy of its cookie."""
        self._ended.add(session.id)

    def form_token(self, session: BrowserSession) -> str:
        """Return the token that a form of this session carries."""
        return hmac.new(self._key, f"form {session.id}".encode(), hashlib.sha256).hexdigest()

    def check_form(self, request: Request, session: BrowserSession) -> None:
        """Refuse a request that changes something and doesn't come from a page of this session.

        Raises:
            Forbidden: it comes from another site, or without the session's token.

        """
        if request.method in _SAFE_METHODS:
            return
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise Forbidden("other_origin")
        if request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}:
            raise Forbidden("other_origin")
        given = request.form.get(CSRF_FIELD, "")
        if not hmac.compare_digest(given.encode(), self.form_token(session).encode()):
            raise Forbidden("stale_form")


def check_host(request: Request, names: frozenset[str] | None) -> None:
    """Refuse requests that are addressed to another name: a page may point a name of its own at this machine.

    Raises:
        Forbidden: the name is none of those that are let in.

    """
    if names is None:
        return
    try:
        name = urlsplit(f"//{request.host}").hostname
    except ValueError:
        name = None
    if name not in {one.lower() for one in names}:
        raise Forbidden("other_host")
