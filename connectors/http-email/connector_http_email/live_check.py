"""The live check: whether the endpoint answers, takes messages and knows the secret; no message is posted.

It asks by OPTIONS (RFC 9110, section 9.3.7), which changes nothing. An endpoint need not answer that, and frameworks
and gateways often do so by themselves: Express and Flask list the methods without a look at the secret, Fastify and
Rails answer 404 where POST is all there is, Amazon API Gateway 403. What such an answer leaves open is a warning, and
so is a secret of which nothing is told. That it is known shows where the same question without it is refused.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from connector_core import Config, Finding, InvalidResponse, Response, SendError, Transport, explain_failure
from connector_http_email.plugin import is_understood, make_redaction, read_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDPOINT, _SECRET = "$.endpoint", "$.authorization"
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE, _TOO_MANY, _NOT_IMPLEMENTED = 401, 403, 404, 410, 429, 501
_UNAVAILABLE = 503
_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_MOST_QUOTED = 150  # characters
_TRY = "Send a test mail to be sure"
_TELL = f"{_TRY}; the guide shows how an endpoint answers a live check."
_LOOK_BETWEEN = "Check endpoint in the config, and any proxy or login page before it."


def check(config: Config, transport: Transport) -> Iterator[Finding]:
    """Yield what the endpoint says of a config."""
    url = config["endpoint"]
    secret = {config["headerName"]: config["authorization"]} if "authorization" in config else {}
    try:
        answer = transport.request("OPTIONS", url, headers=secret)
        trouble = _find_failure(answer, config) or _find_refusal(answer, config) or _find_doubt(answer, config)
        if trouble is not None:
            yield trouble
            return
        takes = " and takes messages" if _list_methods(answer) else ""
        yield Finding("ok", "reached", _ENDPOINT, f"The endpoint answers{takes} (HTTP {answer.status}).")
        if secret:
            anonymous = _ask_anonymously(transport, url)
            yield (anonymous and _find_failure(anonymous, config)) or _judge_secret(anonymous)
    except SendError as error:
        yield explain_failure(error, urlsplit(url).hostname or "The endpoint", _ENDPOINT)


def _ask_anonymously(transport: Transport, url: str) -> Response | None:
    """Return the answer to the same question without the secret, None where it leads elsewhere, as to a login page."""
    try:
        return transport.request("OPTIONS", url, headers={})
    except InvalidResponse as error:
        if error.provider is None or (error.provider.status or 0) // 100 != 3:  # noqa: PLR2004  the redirects
            raise
        return None


def _find_failure(answer: Response, config: Config) -> Finding | None:
    """Return that the endpoint failed, or None."""
    status, said = answer.status, _quote(answer, config)
    if status == _TOO_MANY:
        message = f"The endpoint asks to slow down ({said})."
        return Finding("error", "rate_limit_exceeded", _ENDPOINT, message, "Try again in a few minutes.")
    if status // 100 == 5 and status != _NOT_IMPLEMENTED:  # noqa: PLR2004  the server's failures
        code = "provider_unavailable" if status == _UNAVAILABLE else "no_answer"
        # A function behind a gateway often gets every method, and fails at a body that isn't there.
        fix = f"Look at its log, and at any proxy before it. It may fail only at what is no message. {_TRY}."
        return Finding("error", code, _ENDPOINT, f"The endpoint failed ({said}).", fix)
    return None


def _find_refusal(answer: Response, config: Config) -> Finding | None:
    """Return that the endpoint refuses the secret, or isn't there, or None."""
    status, said = answer.status, _quote(answer, config)
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        return _explain_secret(status, said, has_secret="authorization" in config)
    return _explain_absence(status, said) if status in {_NOT_FOUND, _GONE} else None


def _find_doubt(answer: Response, config: Config) -> Finding | None:
    """Return why messages are not taken, or may not be, by an endpoint that is there; None where all is well."""
    status, methods = answer.status, _list_methods(answer)
    if methods is not None:
        return None if "POST" in methods else _explain_methods(methods)
    if status // 100 == 2 and is_understood(answer):  # noqa: PLR2004  the successes
        return None
    if status // 100 == 4 or status == _NOT_IMPLEMENTED:  # noqa: PLR2004  the refusals
        said = _quote(answer, config)
        message = f"The endpoint answers, but not this question ({said}), so whether it takes messages isn't known."
        return Finding("warning", "endpoint_unknown", _ENDPOINT, message, _TELL)
    message = f"What answers is no endpoint, but perhaps a login page or a proxy (HTTP {status})."
    return Finding("error", "not_understood", _ENDPOINT, message, _LOOK_BETWEEN)


def _explain_secret(status: int, said: str, *, has_secret: bool) -> Finding:
    """Return the finding for 401, which is about the secret, or 403, which need not be (RFC 9110, section 15.5.4)."""
    fix = "Fill in authorization: the whole value of the header by which the endpoint knows this sender."
    if has_secret:
        fix = "Compare authorization with the endpoint's, with the word Bearer where it has one, and check headerName."
    if status == _UNAUTHORIZED:
        message = f"The endpoint {'refuses the secret' if has_secret else 'wants a secret'} ({said})."
        return Finding("error", "authorization_failed", _SECRET, message, fix)
    message = f"The endpoint refuses the check ({said}): because of the secret, or because it is no message."
    return Finding("warning", "authorization_failed", _SECRET, message, f"{fix} {_TRY}.")


def _explain_absence(status: int, said: str) -> Finding:
    """Return the finding for 404, by which some frameworks mean the method alone, or 410, by which none does."""
    fix = "Compare endpoint in the config with the address at which your service takes messages, letter by letter."
    if status == _GONE:
        return Finding("error", "endpoint_not_found", _ENDPOINT, f"There is no endpoint here any more ({said}).", fix)
    message = f"There may be no endpoint at this address ({said}); but some answer so to whatever is no message."
    return Finding("warning", "endpoint_not_found", _ENDPOINT, message, f"{fix} {_TRY}.")


def _explain_methods(methods: set[str]) -> Finding:
    listed = f"{', '.join(sorted(methods))} and not POST" if methods else "nothing at all"
    message = f"What is at this address takes no messages: it allows {listed}."
    fix = "Check endpoint in the config: a part of its path may be missing, or wrong."
    return Finding("error", "post_not_allowed", _ENDPOINT, message, fix)


def _judge_secret(anonymous: Response | None) -> Finding:
    """Return what follows from the answer to the same question without the secret."""
    if anonymous is None or anonymous.status in {_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND}:
        return Finding("ok", "credentials_accepted", _SECRET, "The endpoint accepts the secret, and nobody without it.")
    message = "The endpoint answers a live check without the secret, too, so whether it is the right one isn't known."
    return Finding("warning", "credentials_unknown", _SECRET, message, _TELL)


def _list_methods(answer: Response) -> set[str] | None:
    """Return the methods that an answer allows (RFC 9110, section 10.2.1), or None where it doesn't say."""
    allowed = answer.headers.get("allow")
    return None if allowed is None else {name.strip().upper() for name in allowed.split(",")} & _METHODS


def _quote(answer: Response, config: Config) -> str:
    """Return the status and what the endpoint said, cut after a whole word so that no half of a secret stays."""
    reply = read_refusal(answer, config.keep(make_redaction).redact).provider
    words = textwrap.shorten((reply and reply.message) or "", _MOST_QUOTED, placeholder="...")
    return f"HTTP {answer.status}: {words}" if words else f"HTTP {answer.status}"
