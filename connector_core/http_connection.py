"""The session of the transport: connections that keep to a deadline and know whether a request has left.

requests passes no state of one call down to a connection, so `exchange` holds it for each thread.
Imports requests, and is itself imported only when a request is made.
"""

from __future__ import annotations

import http.client
import io
import logging
import math
import os
import re
import socket
import threading
import time
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from connector_core.errors import ProviderUnavailable

_POOLED_CONNECTIONS = 32
"""Connections kept for one provider; more threads than this open further ones for a single request."""


class _Exchange(threading.local):
    """One attempt of this thread: until when it may last, and whether the request has begun to leave."""

    deadline = float("inf")
    silence = float("inf")
    sent: bool | None = None
    is_own = False
    """Whether this thread is within a request of the transport's own session."""

    def begin(self, deadline: float, silence: float, *, tracked: bool) -> None:
        """Start an attempt; `sent` is None where the connections are not ours, so that nobody can tell."""
        self.deadline, self.silence, self.sent = deadline, silence, False if tracked else None
        self.is_own = tracked

    def remaining(self) -> float:
        """Return the seconds that the next step may take."""
        left = min(self.deadline - time.monotonic(), self.silence)
        if left <= 0:
            raise TimeoutError("the time limit of the request is over")
        return left


exchange = _Exchange()


def _is_not_ours(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG or not exchange.is_own


# At level DEBUG urllib3 logs path and query of each request, which may hold a token.
logging.getLogger("urllib3.connectionpool").addFilter(_is_not_ours)


class _DeadlineReader(io.RawIOBase):
    """Reads a socket until the deadline, however slowly the bytes drip in."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(exchange.remaining())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    """An answer whose status line, header fields and body are read until the deadline."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_DeadlineReader(self.fp.detach(), sock))


class _TrackedConnection(HTTPConnection):
    response_class = _DeadlineResponse

    def _new_conn(self) -> socket.socket:
        """Connect within the limit: urllib3 alone would give it to each address of the name anew."""
        limit = self.timeout
        with suppress(socket.gaierror):  # urllib3 asks again, and says so in its own words
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
            self.timeout = min(limit or math.inf, exchange.remaining()) / len(addresses)
        try:
            connected = super()._new_conn()
        finally:
            self.timeout = limit
        connected.settimeout(limit)
        return connected

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            exchange.sent = False  # what went out so far was for a proxy

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        if self.sock is not None:
            self.sock.settimeout(exchange.remaining())  # or the limit of the connection would hold for a large body
        exchange.sent = True
        super().send(data)


class _TrackedTLSConnection(_TrackedConnection, HTTPSConnection):
    """The same over TLS: `connect` includes the handshake."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _TrackedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TrackedTLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _Adapter(HTTPAdapter):
    """The adapter of requests with tracked connections; it retries nothing by itself."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if proxy.lower().startswith("socks"):
            exchange.sent = None  # the connections are PySocks' own
        else:
            manager.pool_classes_by_scheme = _POOLS
        return manager


def make_session() -> requests.Session:
    """Return a session that reads nothing from the environment, keeps no cookies and retries nothing by itself."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.trust_env = False  # no netrc; proxies and CA bundle are read once, by `read_environment`
    adapter = _Adapter(pool_connections=_POOLED_CONNECTIONS, pool_maxsize=_POOLED_CONNECTIONS)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def read_environment(url: str) -> dict[str, Any]:
    """Return the proxies and the CA bundle that the environment names for an address, as requests would.

    Raises:
        ProviderUnavailable: the CA bundle is not there.

    """
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if bundle and not Path(bundle).exists():
        raise ProviderUnavailable(
            "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE names a file that is not there, so nothing was sent: "
            "mend the variable.",
            retryable=False,
        )
    return {
        # What stays on this machine needs no proxy, and may go in clear.
        "proxies": {} if _is_loopback(url) else requests.utils.get_environ_proxies(url),
        "verify": bundle or True,
        "cert": None,
    }
