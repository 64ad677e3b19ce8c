"""Who may call the sandbox, and with what kind of request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge

from connector_postmark.sandbox.account import TEST_TOKEN
from connector_postmark.sandbox.refusals import Refusal, missing_token, unknown_token

if TYPE_CHECKING:
    from connector_postmark.sandbox.account import Account

# Postmark developer docs, Email API and Templates API: 10 MB a message, 50 MB a batch.
MAX_BODY, MAX_BATCH_BODY = 10_000_000, 50_000_000

_TOKEN_HEADER = "X-Postmark-Server-Token"  # noqa: S105 - the header's name


class Gate:
    """Check what every request has in common, before its view."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def check(self) -> None:
        """Let the request pass, or refuse it."""
        if request.path == "/" or request.path.startswith("/sandbox/"):
            return
        if request.url_rule is None:
            return  # the router says 404 or 405
        self._check_token()
        _check_headers()
        _check_size()

    def _check_token(self) -> None:
        token = request.headers.get(_TOKEN_HEADER, "").strip()
        if not token:
            raise missing_token()
        if not self._account.knows_token(token):
            raise unknown_token()
        g.token, g.deliver = token, token.upper() != TEST_TOKEN


def _check_headers() -> None:
    accepts_json = not request.accept_mimetypes or request.accept_mimetypes.accept_json
    brings_json = request.mimetype == "application/json" or not request.content_length
    if not (accepts_json and brings_json):
        raise Refusal(
            409,
            "Your HTTP request needs the headers Accept and Content-Type, both set to application/json.",
            status=415,
        )


def _check_size() -> None:
    limit = MAX_BATCH_BODY if request.path.startswith("/email/batch") else MAX_BODY
    if (request.content_length or 0) > limit:
        raise RequestEntityTooLarge(f"The request exceeds the limit of {limit // 1_000_000} MB.")


def presented_token() -> Any:
    """Return the token that the request came with."""
    return g.token


def is_to_be_delivered() -> bool:
    """Tell whether the request's token delivers; Postmark's test token doesn't."""
    return bool(g.deliver)
