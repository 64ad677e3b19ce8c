"""Refusals: from a provider's HTTP answer that is no success to the error that a host gets."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from connector_core.errors import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidMessage,
    InvalidResponse,
    ProviderReply,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UsageLimitExceeded,
)
from connector_core.rendering import shorten_text
from connector_core.transport import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core.http_answer import Response

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MAX_QUOTED = 500

_ERROR_OF_STATUS: dict[int, type[SendError]] = {
    400: InvalidMessage,
    401: AuthorizationFailed,
    403: AuthorizationFailed,
    408: DeliveryUnknown,
    413: InvalidMessage,
    415: InvalidMessage,
    422: InvalidMessage,
    429: RateLimitExceeded,
    503: ProviderUnavailable,
}
_ADVICE: dict[type[SendError], str] = {
    AccountRestricted: "{0} does not let the account send: ask the support of {0} why",
    AuthorizationFailed: "{0} refuses the credentials: check them in the config",
    DeliveryUnknown: "{0} failed while it had the message, so nobody knows whether it was sent: look at {0} before you "
    "send it again",
    InvalidMessage: "{0} refuses the message: mend what it names, then send again",
    InvalidResponse: "{0} gave an answer that can't be understood: check the address in the config, and look at {0} "
    "whether the message was sent",
    ProviderUnavailable: "{0} is not available, so nothing was sent: send again later",
    RateLimitExceeded: "{0} asks to slow down: send again later",
    RecipientRejected: "{0} does not deliver to this recipient: ask the person for another address",
    SenderRejected: "{0} does not accept the sender: confirm it at {0}, or mend it in the config",
    SendError: "{0} refuses to send: act on what it says, or ask the support of {0}",
    TemplateNotFound: "{0} does not know the template: compare the config with the templates at {0}",
    UsageLimitExceeded: "{0} lets the account send no more, since its credits are used up: check its billing",
}


def make_refusal(  # noqa: PLR0913  each of them is a fact about one refusal
    answer: Response,
    provider: str,
    *,
    said: str | None = None,
    code: int | str | None = None,
    kind: type[SendError] | None = None,
    advice: str | None = None,
    recipients: Sequence[str] = (),
) -> SendError:
    """Return the error for an answer that is no success.

    Args:
        answer: the provider's answer.
        provider: the provider's name, for the sentence.
        said: what the provider said in its own words; it is quoted, of a longer one the words within 500 characters.
        code: the provider's own code.
        kind: the class of the error; without it the HTTP status decides (RFC 9110, section 15): 401 and 403 are
            about the credentials, 400, 413, 415 and 422 about the message, 429 and 503 say that nothing was taken,
            408 and every other 5xx leave the outcome unknown, and what is below 400 can't be understood.
        advice: what to do, a whole sentence without its full stop, in place of the usual one.
        recipients: the addresses that the refusal is about.

    """
    quote = _quote(said)
    kind = kind or _find_kind(answer.status)
    sentence = advice or _ADVICE.get(kind, _ADVICE[SendError]).format(provider)
    words = f"said: {quote}" if quote else f"answered HTTP {answer.status}"
    return kind(
        f"{sentence}. ({provider} {words})",
        provider=ProviderReply(
            code=code if type(code) is int else _quote(code) or None, message=quote or None, status=answer.status
        ),
        retry_after=parse_retry_after({name.lower(): value for name, value in answer.headers.items()}),
        recipients=recipients,
    )


def _quote(said: object) -> str:
    """Return a text on one line; what is no text, as JSON may hold it, becomes one."""
    text = "" if said is None else said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return shorten_text(_CONTROL.sub(" ", text).strip(), _MAX_QUOTED)


def _find_kind(status: int) -> type[SendError]:
    if status < 400:  # noqa: PLR2004  no refusal at all
        return InvalidResponse
    return _ERROR_OF_STATUS.get(status, DeliveryUnknown if status >= 500 else SendError)  # noqa: PLR2004  its failure
