"""Failures of a request: from an exception of requests or urllib3 to one of ours, in words that quote nothing.

Imports requests, and is itself imported only when a request is made.
"""

from __future__ import annotations

import os
import socket
import ssl
from typing import TYPE_CHECKING, Any

import requests
from urllib3.connection import CertificateError  # type: ignore[attr-defined]  # not in its list of public names
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

from connector_core.errors import DeliveryUnknown, ProviderUnavailable, SendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BEFORE_THE_REQUEST = (ConnectTimeoutError, NewConnectionError, ssl.SSLCertVerificationError, socket.gaierror)
"""What is only raised before a request leaves."""


MALFORMED_REQUEST = "The connector made a request that can't be written: its address or a header is malformed."


def diagnose_failure(error: Exception, *, sent: bool | None) -> SendError:
    """Return what an exception of requests or urllib3 means, in words that quote nothing of the request.

    Args:
        error: the exception.
        sent: whether the request had begun to leave; None where the connections are a host's own and don't tell.

    """
    no_socks = isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error)
    if no_socks or isinstance(error, requests.exceptions.InvalidProxyURL):
        return ProviderUnavailable(
            "The proxy that the environment names can't be used, so nothing was sent: check HTTPS_PROXY and ALL_PROXY; "
            "a SOCKS proxy needs PySocks (pip install pysocks).",
            retryable=False,
            reason="the proxy that HTTPS_PROXY or ALL_PROXY names can't be used; a SOCKS proxy needs PySocks",
        )
    causes = list(_causes(error))
    if isinstance(error, ValueError) and sent is False:
        return SendError(MALFORMED_REQUEST)
    if sent is None:
        sent = not any(isinstance(cause, _BEFORE_THE_REQUEST) for cause in causes)
    reason, transient = _find_reason(causes)
    if not sent:
        return ProviderUnavailable(
            f"The provider could not be reached ({reason}), so nothing was sent: check the network and the address, "
            "then send again.",
            retryable=transient,
            reason=reason,
        )
    return DeliveryUnknown(
        f"The message went out, but no answer came back ({reason}): look at the provider whether it was sent before "
        "you send it again.",
        reason=reason,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and what it was made from; libraries wrap causes as arguments, too."""
    seen: set[int] = set()
    pending = [error]
    while pending:
        found = pending.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        pending += [found.__context__, found.__cause__]
        pending += [part for part in (getattr(found, "reason", None), *found.args) if isinstance(part, BaseException)]


def _find_reason(causes: list[BaseException]) -> tuple[str, bool]:
    """Return in a few words why the line broke, and whether that may pass by itself."""
    # The most telling cause first, however deep it lies.
    for kind, explain, transient in _REASONS:
        for cause in causes:
            if isinstance(cause, kind) and (reason := explain(cause)):
                return reason, transient
    return "the connection was closed", True


_REASONS: list[tuple[type[BaseException], Callable[[Any], str | None], bool]] = [
    (ssl.SSLCertVerificationError, lambda cause: f"its certificate was refused: {cause.verify_message}", False),
    (CertificateError, lambda _: "its certificate is for another host", False),
    (ssl.SSLError, lambda cause: f"TLS failed: {(cause.reason or 'no details').lower().replace('_', ' ')}", False),
    (socket.gaierror, lambda _: "its name can't be resolved", True),
    (TimeoutError, lambda _: "it took too long", True),
    (ProxyError, lambda _: "its proxy made no connection", True),
    (OSError, lambda cause: cause.errno and os.strerror(cause.errno).lower(), True),
]
