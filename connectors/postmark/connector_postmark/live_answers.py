"""Questions of a live check to Postmark, and its answers, of which no shape is trusted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from connector_core import (
    AuthorizationFailed,
    DeliveryUnknown,
    Finding,
    InvalidResponse,
    ProviderReply,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
    clean_header,
    explain_failure,
    shorten_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_postmark.api import PostmarkApi

_LONGEST_QUOTE = 200
_SAYS_NOTHING = (AuthorizationFailed, DeliveryUnknown, InvalidResponse, ProviderUnavailable, RateLimitExceeded)
"""What tells of Postmark as a whole, and nothing of what it was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Postmark answers: a JSON object, or with a `code` a refusal and what it said, on one line."""

    content: Mapping[str, Any] = field(default_factory=dict)
    code: int = 0
    said: str = ""


def ask(api: PostmarkApi, method: str, path: str, json: Any = None) -> Answer:
    """Return what Postmark answers to a request that sends nothing.

    Args:
        api: Postmark's API with the token of the config.
        method: the HTTP method.
        path: the path; what is put into it is quoted.
        json: the JSON value to send.

    Raises:
        SendError: no answer came, it is none of Postmark's, or Postmark answers nothing at present.

    """
    try:
        return Answer(api.request(method, path, json))
    except SendError as error:
        reply = error.provider
        if reply is None or isinstance(error, _SAYS_NOTHING):
            raise
        if type(reply.code) is int:
            return Answer({}, reply.code, shorten(reply.message))
    # Outside of the except block: what a proxy says in Postmark's place is of no use to anybody.
    raise InvalidResponse("That is no answer of Postmark.", provider=ProviderReply(status=reply.status))


def misshapen(what: str) -> InvalidResponse:
    """Return the error for an object that doesn't have the members which Postmark's has."""
    return InvalidResponse("That is no answer of Postmark.", reason=f"it is not what Postmark tells of {what}")


def explain(error: SendError) -> Finding:
    """Return the finding for a question that Postmark left without an answer."""
    if isinstance(error, AuthorizationFailed):
        fix = "Copy the Server API token again, from the tab API Tokens of the server; the account token won't do."
        return Finding("error", error.code, "$.serverToken", "Postmark refuses the server token.", fix)
    finding = explain_failure(error, "Postmark", "$.apiUrl")
    return replace(finding, message=shorten_text(finding.message, _LONGEST_QUOTE))


def shorten(text: object, longest: int = _LONGEST_QUOTE) -> str:
    """Return a text of Postmark's on one line, empty where it is none."""
    return shorten_text(clean_header(text), longest) if isinstance(text, str) else ""
