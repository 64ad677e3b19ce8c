"""Connections to a mail server that don't come about, or break: each an error for a send, and a finding for a check."""

from __future__ import annotations

import ssl

from connector_core import DeliveryUnknown, Finding, ProviderUnavailable, SendError, explain_failure
from connector_smtp.line import describe_failure

_TOKEN_PATH = "$.auth.accessUrl"  # noqa: S105  no token, a path
_LATER = "Try again in a few minutes; if it stays so, ask whoever runs the mail server."
_MISMATCHES = frozenset({62, 64})
"""OpenSSL's codes for a certificate that is for another name, and for another network address."""

_SPOKEN_TLS = ("ALERT", "UNSUPPORTED")
"""Words in OpenSSL's reasons for a failure that a server which speaks TLS has a part in."""


class NoConnection(ProviderUnavailable):
    """There is no connection on which a mail could go, or it broke before the server had the mail."""

    finding = Finding("error", "not_reached", "$.host", "The mail server could not be reached.", _LATER)
    """What a live check says of it: no mail is in its words."""


def explain_no_way(reason: str, path: str) -> NoConnection:
    """Return the error for a server that could not be reached.

    Args:
        reason: why, in a few words.
        path: the setting to look at.

    """
    problem, advice = f"The mail server could not be reached ({reason})", "check the network, and host and port"
    return _make(path, "not_reached", problem, f"{advice} in the config, then try again")


def explain_no_starttls() -> NoConnection:
    """Return the error for a server that offers no STARTTLS, without which the credentials stay here."""
    return _make(
        "$.port",
        "not_reached",
        "The mail server offers no STARTTLS, without which no credentials go out",
        "check host and port in the config; a port with TLS from the start, such as 465, needs secure",
        retryable=False,
    )


def explain_tls_failure(failure: OSError, *, is_implicit: bool) -> NoConnection:
    """Return the error for a TLS handshake that failed.

    Args:
        failure: what was raised.
        is_implicit: whether TLS was to be there from the start.

    """
    reason = describe_failure(failure)
    if isinstance(failure, ssl.SSLCertVerificationError):
        return _make(
            "$.host" if failure.verify_code in _MISMATCHES else "$.tls",
            "not_reached",
            f"The mail server's certificate was refused ({reason})",
            "check host in the config; for a CA of your own put its certificate into tls.ca, for another name in the "
            "certificate set servername",
            retryable=False,
        )
    hint = "; where the port starts without TLS, such as 587, set secure to false" if is_implicit else ""
    problem, advice = f"TLS with the mail server failed ({reason})", f"check host and port in the config{hint}"
    if not isinstance(failure, ssl.SSLError):
        return _make("$.port", "no_answer", problem, advice)
    if isinstance(failure, ssl.SSLEOFError):
        return _make("$.port", "no_answer", problem, advice, retryable=False)
    speaks_tls = not is_implicit or any(word in (failure.reason or "") for word in _SPOKEN_TLS)
    return _make("$.tls" if speaks_tls else "$.secure", "not_reached", problem, advice, retryable=False)


def explain_silence(reason: str) -> NoConnection:
    """Return the error for a server that took the connection and did not greet."""
    return _make(
        "$.port",
        "no_answer",
        f"The mail server did not greet ({reason})",
        "check host and port in the config; a port with TLS from the start, such as 465, needs secure",
    )


def explain_break(reason: str) -> NoConnection:
    """Return the error for a line that broke before the server had the mail."""
    error = NoConnection(
        f"The connection to the mail server broke before it had the mail ({reason}), so nothing was sent: send again "
        "later."
    )
    error.finding = Finding("error", "no_answer", "$.host", f"The mail server gave no whole answer ({reason}).", _LATER)
    return error


def explain_no_token(cause: SendError | str, host: str) -> NoConnection:
    """Return the error for an access token that could not be fetched.

    Args:
        cause: what the request for it failed of, or why there was none, in a few words.
        host: where tokens are fetched.

    """
    if isinstance(cause, str):
        problem, fix = f"{host} gave no access token ({cause}).", "Check the network from this machine, then try again."
        finding, reason, is_lasting = Finding("error", "no_answer", _TOKEN_PATH, problem, fix), cause, False
    else:
        # Whatever became of the request, it was not the mail.
        finding = explain_failure(cause, host, _TOKEN_PATH)
        reason = str(cause) if cause.outcome == "not_sent" else "no clear answer came back"
        is_lasting = not (cause.retryable or isinstance(cause, DeliveryUnknown))
    error = NoConnection(
        "No access token could be fetched, so nothing was sent: check auth.accessUrl in the config, then send again. "
        f"({reason})",
        retryable=not is_lasting,
    )
    error.finding = finding
    return error


def _make(path: str, code: str, problem: str, advice: str, *, retryable: bool | None = None) -> NoConnection:
    error = NoConnection(f"{problem}, so nothing was sent: {advice}.", retryable=retryable)
    error.finding = Finding("error", code, path, f"{problem}.", f"{advice[0].upper()}{advice[1:]}.")
    return error
