"""HTTP for connectors: pooled, within time limits, retried only where the request surely was not taken.

Nothing here puts a header, a body or an address with credentials into a log or an exception.
"""

from __future__ import annotations

import json as jsonlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from connector_core.errors import InvalidMessage, ProviderUnavailable, SendError
from connector_core.http_answer import Response, read_answer, unmark_redirect
from connector_core.secrets import Secret

if TYPE_CHECKING:
    import requests
    from urllib3.util import Retry

_REFUSING_STATUSES = frozenset({429, 503})
"""Too many requests, and unavailable: the provider took nothing."""

_LAST_PART = 0.1
"""The part of the total in which nothing goes out again: no answer in time would make a refusal an unknown outcome."""

_SHORTEST = 0.001
"""Seconds; a limit can't be 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a request may take and how large its answer may be.

    Args:
        connect: seconds for a connection, and again for its TLS handshake.
        read: seconds of silence from the provider.
        total: seconds for the whole request, with its retries. Resolving a name is left to the system's own limit, and
            with a host's own session an answer that drips in may take longer.
        retries: how often a request that surely was not taken goes out again.
        response_bytes: the size of an answer.

    Raises:
        ValueError: one of them can't be a limit.

    """

    connect: float = 5.0
    read: float = 15.0
    total: float = 18.0
    retries: int = 2
    response_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        if min(self.connect, self.read, self.total, self.response_bytes) <= 0 or self.retries < 0:
            raise ValueError("Limits are above zero; only retries may be 0.")


class _Call(NamedTuple):
    """What a connector asks for."""

    method: str
    url: str
    headers: Mapping[str, str | Secret]
    json: Any
    data: bytes | Mapping[str, Any] | None


class Transport:
    """The HTTP client that the core hands to every connector; safe in many threads and after a fork.

    Args:
        session: a `requests.Session` of the host's own; its adapters, proxies and TLS settings hold. Without one,
            a session is made when it is first needed, and again in a forked process.
        limits: how long a request may take and how large its answer may be.

    """

    def __init__(self, session: requests.Session | None = None, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._hosts_session = session
        self._own_session: requests.Session | None = None
        self._process = 0
        self._environment: dict[str, dict[str, Any]] = {}

    @property
    def limits(self) -> Limits:
        """Return how long a request may take and how large its answer may be."""
        return self._limits

    def within(self, seconds: float) -> Transport:
        """Return a transport over the same connections, all of whose requests are over in so many seconds from now."""
        return _BoundedTransport(self, time.monotonic() + seconds)

    def without_retries(self) -> Transport:
        """Return a transport over the same connections that sends no request again."""
        return _OnceTransport(self)

    def request(  # noqa: PLR0913  each of them is a part of a request
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str | Secret],
        json: Any = None,
        data: bytes | Mapping[str, Any] | None = None,
        limits: Limits | None = None,
    ) -> Response:
        """Send a request and return the whole answer, whatever its status.

        A request goes out again only after a failed connection, 429 or 503, and never in the last tenth of the total.

        Args:
            method: the HTTP method.
            url: where to.
            headers: the header fields; a `Secret` is revealed as late as possible.
            json: a JSON value to send, in which a `Secret` may stand; its content type is added. Or
            data: bytes, or the fields of a form, the same.
            limits: limits for this request alone, such as what a send has left; else those of the transport.

        Raises:
            ProviderUnavailable: no connection: surely not sent.
            DeliveryUnknown: the line broke, or the limit ran out, after the request had gone out.
            InvalidResponse: a redirect, or an answer over the size limit.
            InvalidMessage: the JSON value is none.
            SendError: the request itself can't be written.

        """
        call = _Call(method, url, headers, json, data)
        limits = limits or self.limits
        deadline = time.monotonic() + limits.total
        retry: Retry | None = None
        while True:
            result = self._attempt(call, limits, deadline)
            if not _surely_not_taken(result):
                break
            retry = retry or _first_retry(limits.retries)
            if not retry.total:
                break
            retry = retry.increment()
            wanted = None if isinstance(result, SendError) else parse_retry_after(result.headers)
            pause = retry.get_backoff_time() if wanted is None else wanted
            if time.monotonic() + pause >= deadline - limits.total * _LAST_PART:
                break
            time.sleep(pause)
        if isinstance(result, SendError):
            del call, json, data  # a crash report shows local variables, and these have the code of the message
            raise result
        return result

    def close(self) -> None:
        """Close the transport's own connections; the next request opens new ones."""
        session, self._own_session = self._own_session, None
        if session is not None and self._process == os.getpid():
            session.close()

    def _attempt(self, call: _Call, limits: Limits, deadline: float) -> Response | SendError:
        """Send a request once; what went wrong is returned, so that no exception that quotes the request lives on."""
        import requests
        from urllib3.exceptions import HTTPError

        from connector_core.http_connection import exchange
        from connector_core.http_failure import MALFORMED_REQUEST, diagnose_failure

        session = self._session()
        remaining = max(deadline - time.monotonic(), 0.001)
        timeout = (min(limits.connect, remaining), min(limits.read, remaining))
        exchange.begin(deadline, limits.read, tracked=session is not self._hosts_session)
        try:
            request = self._prepare(session, call)
        except InvalidMessage as problem:
            return problem.with_traceback(None)
        except ValueError:  # of requests, too
            return SendError(MALFORMED_REQUEST)
        try:
            request.register_hook("response", unmark_redirect)  # type: ignore[no-untyped-call]  # requests' own
            settings = self._settings(session, call.url)
            with session.send(request, stream=True, allow_redirects=False, timeout=timeout, **settings) as answer:
                return read_answer(answer, limits.response_bytes, deadline)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return diagnose_failure(error, sent=exchange.sent)
        finally:
            exchange.is_own = False

    def _session(self) -> requests.Session:
        if self._hosts_session is not None:
            return self._hosts_session
        if self._own_session is None or self._process != os.getpid():
            from connector_core.http_connection import make_session

            # Two threads may each make one here: one of them stays, the other serves a single request.
            self._own_session, self._process = make_session(), os.getpid()
        return self._own_session

    def _prepare(self, session: requests.Session, call: _Call) -> requests.PreparedRequest:
        import requests

        body: Any = call.data if call.json is None else _write_json(call.json)
        fields = {name: value.reveal() if isinstance(value, Secret) else value for name, value in call.headers.items()}
        given = {name.lower() for name in fields}
        if call.json is not None and "content-type" not in given:
            fields["Content-Type"] = "application/json"
        if "accept-encoding" not in given:
            fields["Accept-Encoding"] = "identity"  # a host's session may offer what isn't unpacked
        if isinstance(body, Mapping):
            body = {name: value.reveal() if isinstance(value, Secret) else value for name, value in body.items()}
        if session is self._hosts_session:
            # Without `auth`, requests would put what a .netrc has for this host in the place of the connector's header.
            auth = _leave_as_it_is if session.auth is None or "authorization" in given else session.auth
            request_to_prepare = requests.Request(call.method, call.url, headers=fields, data=body, auth=auth)
            return session.prepare_request(request_to_prepare)
        request = requests.PreparedRequest()
        request.prepare(method=call.method, url=call.url, headers=fields, data=body)
        return request

    def _settings(self, session: requests.Session, url: str) -> Mapping[str, Any]:
        if session is self._hosts_session:
            settings = session.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
            return {name: settings[name] for name in ("proxies", "verify", "cert")}
        origin = url.partition("://")[2].partition("/")[0]
        settings_of_origin = self._environment.get(origin)
        if settings_of_origin is None:
            from connector_core.http_connection import read_environment

            settings_of_origin = self._environment.setdefault(origin, read_environment(url))
        return settings_of_origin


class _BorrowingTransport(Transport):
    """A transport over the connections of another one, which goes on when this one is closed."""

    def __init__(self, whole: Transport) -> None:
        super().__init__(limits=whole.limits)
        self._whole = whole

    def close(self) -> None:
        """Leave the connections to the transport that they belong to."""


class _OnceTransport(_BorrowingTransport):
    """A transport that sends no request again."""

    @property
    def limits(self) -> Limits:
        return replace(self._whole.limits, retries=0)

    def request(self, method: str, url: str, *, limits: Limits | None = None, **parts: Any) -> Response:
        return self._whole.request(method, url, limits=replace(limits or self.limits, retries=0), **parts)


class _BoundedTransport(_BorrowingTransport):
    """A transport that ends with a deadline."""

    def __init__(self, whole: Transport, deadline: float) -> None:
        super().__init__(whole)
        self._deadline = deadline

    @property
    def limits(self) -> Limits:
        return self._cut(self._limits)

    def request(self, method: str, url: str, *, limits: Limits | None = None, **parts: Any) -> Response:
        if time.monotonic() >= self._deadline:
            raise ProviderUnavailable(
                "The time limit was over before the request could go out, so nothing was sent: try again.",
                reason="the time limit was over",
            )
        return self._whole.request(method, url, limits=self._cut(limits or self._limits), **parts)

    def _cut(self, limits: Limits) -> Limits:
        return replace(limits, total=min(limits.total, max(self._deadline - time.monotonic(), _SHORTEST)))


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a provider asks to wait, from `Retry-After` (RFC 9110, section 10.2.3), or None."""
    value = headers.get("retry-after")
    if value is None:
        return None
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return float(Retry().parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return None


def _leave_as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _write_json(value: Any) -> bytes:
    try:
        return jsonlib.dumps(value, allow_nan=False, separators=(",", ":"), default=_reveal).encode()
    except (ValueError, TypeError, RecursionError) as cause:
        problem = InvalidMessage(f"The message can't be written as JSON, so nothing was sent: {cause}.")
    raise problem  # outside of the except block, so that it has no context


def _reveal(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"a {type(value).__name__} is no JSON")


def _surely_not_taken(result: Response | SendError) -> bool:
    if isinstance(result, SendError):
        return result.outcome == "not_sent" and result.retryable
    return result.status in _REFUSING_STATUSES


def _first_retry(retries: int) -> Retry:
    from urllib3.util import Retry

    return Retry(total=retries, backoff_factor=0.25)
