"""Postmark's refusals: from its numbers and sentences to the errors that a host gets.

The codes are those of Postmark developer docs, "API error codes"; the sentences of 300 and 406 name addresses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidMessage,
    InvalidResponse,
    ProviderReply,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    RecipientStatus,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UsageLimitExceeded,
    shorten_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CREDENTIALS = "Postmark refuses the server token: copy it again from the server's tab API Tokens."
_SENDER = "Postmark does not accept the sender: confirm its sender signature or its domain in Postmark."
_RECIPIENT = "Postmark does not deliver to this recipient: reactivate the address in Postmark, or use another one."
_MESSAGE = "Postmark refuses the message: mend what it names, then send again."
_TEMPLATE = "Postmark does not know the template: check its alias or id in the config, and the server it belongs to."
_STREAM = "Postmark can't send through the message stream: check messageStream in the config, or the message's stream."
_CREDITS = "The Postmark account may not send, since its credits are used up: check its billing."
_PENDING = "The Postmark account waits for approval and may only send to the sender's own domain until then."
_BARRED = "The Postmark account may not send: ask Postmark's support why."
_RATE = "Postmark asks to slow down: send again later."
_CLOSED = "Postmark is not available, so nothing was sent: send again later."
_LOST = "Postmark failed while it had the message, so nobody knows whether it was sent: look at its activity page."
_OTHER = "Postmark refuses to send: act on what it says, or ask its support."
_TOO_LARGE = "The message is too large for Postmark: make its payload or its attachments smaller."
_FOREIGN = (
    "The answer is not one of Postmark's, so nobody knows whether the message was sent: check apiUrl in the "
    "config, and Postmark's activity page."
)

WITHOUT_MESSAGE = {
    _MESSAGE: "Postmark refuses the request: mend what it names, then try again.",
    _RATE: "Postmark asks to slow down: try again later.",
    _CLOSED: "Postmark is not available: try again later.",
    _LOST: "Postmark failed at the request: try again later.",
    _OTHER: "Postmark refuses the request: act on what it says, or ask its support.",
    _TOO_LARGE: "The request is too large for Postmark: make the template smaller.",
    _FOREIGN: "The answer is not one of Postmark's: check apiUrl in the config, and any proxy before it.",
}
"""What takes the place of a sentence where a request sends nothing."""

_ERROR_OF_CODE: dict[int, tuple[type[SendError], str]] = {
    10: (AuthorizationFailed, _CREDENTIALS),
    100: (ProviderUnavailable, _CLOSED),
    400: (SenderRejected, _SENDER),
    401: (SenderRejected, _SENDER),
    402: (InvalidMessage, _MESSAGE),
    403: (InvalidMessage, _MESSAGE),
    405: (UsageLimitExceeded, _CREDITS),
    406: (RecipientRejected, _RECIPIENT),
    409: (InvalidMessage, _MESSAGE),
    410: (InvalidMessage, _MESSAGE),
    411: (InvalidMessage, _MESSAGE),
    412: (AccountRestricted, _PENDING),
    413: (AccountRestricted, _BARRED),
    429: (RateLimitExceeded, _RATE),
    1101: (TemplateNotFound, _TEMPLATE),
    1109: (InvalidMessage, _MESSAGE),
    1120: (InvalidMessage, _MESSAGE),
    1121: (InvalidMessage, _MESSAGE),
    1122: (InvalidMessage, _MESSAGE),
    1123: (InvalidMessage, _MESSAGE),
    1235: (SendError, _STREAM),
    1236: (SendError, _STREAM),
}
_ERROR_OF_STATUS: dict[int, tuple[type[SendError], str]] = {
    401: (AuthorizationFailed, _CREDENTIALS),
    404: (SendError, "There is no Postmark at this address: check apiUrl in the config."),
    408: (DeliveryUnknown, _LOST),
    413: (InvalidMessage, _TOO_LARGE),
    415: (InvalidMessage, _MESSAGE),
    422: (InvalidMessage, _MESSAGE),
    429: (RateLimitExceeded, _RATE),
    503: (ProviderUnavailable, _CLOSED),
}

_INVALID_REQUEST = 300
_MAX_QUOTED = 500
_MAX_READ = 20_000  # fifty addresses, the most that a message has, fit in; what is searched for them stays bounded
_BAD_FIELD = re.compile(r"(?:Invalid '(To|Cc|Bcc|From)' address|Error parsing '(To|Cc|Bcc|From)')\W*(.*)", re.DOTALL)
_ADDRESS = re.compile(r"[^\s\"<>,;:()]{1,64}@[^\s\"<>,;:()]{1,255}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def raise_for_code(
    code: int, said: str | None, status: int, retry_after: float | None, sentences: Mapping[str, str]
) -> NoReturn:
    """Raise the error for an answer with one of Postmark's codes.

    Args:
        code: the code.
        said: Postmark's words.
        status: the HTTP status.
        retry_after: the seconds that it asks to wait.
        sentences: what takes the place of some of our sentences.

    """
    recipients: list[str] = []
    if code == _INVALID_REQUEST:
        kind, advice, recipients = _read_invalid_request(said or "")
    elif code in _ERROR_OF_CODE:
        kind, advice = _ERROR_OF_CODE[code]
        if kind is RecipientRejected:
            recipients = find_inactive_addresses(said or "")
    elif status >= 500:  # noqa: PLR2004  a failure of the server, whatever its code
        kind, advice = _ERROR_OF_STATUS.get(status, (DeliveryUnknown, _LOST))
    else:
        kind, advice = SendError, _OTHER
    raise kind(
        _sentence(sentences.get(advice, advice), said),
        provider=ProviderReply(code=code, message=_shortened(said), status=status),
        retry_after=retry_after,
        recipients=recipients,
    )


def raise_for_status(
    status: int, said: str | None, retry_after: float | None, sentences: Mapping[str, str]
) -> NoReturn:
    """Raise the error for an HTTP status that is no success, of an answer without a code; the same arguments."""
    if status < 400:  # noqa: PLR2004  neither a success nor a refusal
        raise not_understood(status, sentences)
    fallback = (DeliveryUnknown, _LOST) if status >= 500 else (SendError, _OTHER)  # noqa: PLR2004  the server's failure
    kind, advice = _ERROR_OF_STATUS.get(status, fallback)
    raise kind(
        _sentence(sentences.get(advice, advice), said or f"HTTP {status}"),
        provider=ProviderReply(message=_shortened(said), status=status),
        retry_after=retry_after,
    )


def refuse_foreign(status: int = 200) -> InvalidResponse:
    """Return the error for an answer that is none of Postmark's, to a request that sends nothing."""
    return not_understood(status, WITHOUT_MESSAGE)


def refuse_undelivered(recipients: Mapping[str, RecipientStatus], status: int, said: str | None = None) -> None:
    """Raise RecipientRejected when Postmark took a message that it delivers to none of its recipients."""
    if {*recipients.values()} == {"rejected"}:
        reply = ProviderReply(code=0, message=_shortened(said), status=status)
        raise RecipientRejected(_sentence(_RECIPIENT, said), provider=reply, recipients=list(recipients))


def not_understood(status: int, sentences: Mapping[str, str]) -> InvalidResponse:
    """Return the error for an answer that is none of Postmark's."""
    return InvalidResponse(sentences.get(_FOREIGN, _FOREIGN), provider=ProviderReply(status=status))


def find_inactive_addresses(said: str) -> list[str]:
    """Return the addresses that Postmark lists as inactive in a sentence, of error 406 or of a partial success."""
    _, _, rest = said.partition("inactive addresses:")
    return [address.rstrip(".") for address in _ADDRESS.findall(rest.partition("Inactive recipients")[0])]


def read_words(value: object) -> str | None:
    """Return what Postmark said on one line, without what would steer a terminal or is half of a character."""
    if isinstance(value, str) and len(value) <= _MAX_READ and " " not in value and value.isprintable():
        return value  # what most are: an id, an address, OK
    return " ".join(_CONTROL.sub(" ", value[:_MAX_READ]).split()) if isinstance(value, str) else None


def _read_invalid_request(said: str) -> tuple[type[SendError], str, list[str]]:
    """Return what error 300 is about: a recipient, the sender, or another field."""
    found = _BAD_FIELD.match(said)
    if found is None:
        return InvalidMessage, _MESSAGE, []
    if "From" in found.groups():
        return SenderRejected, "Postmark can't read the sender: check fromEmail in the config.", []
    value = found[3]
    quoted = value.rstrip(".").removesuffix("'") if found[1] else ""
    # Around an address stand quotes and a full stop; within it an apostrophe may.
    named = [address.strip("'.") for address in _ADDRESS.findall(value)] or ([quoted] if quoted else [])
    return RecipientRejected, "Postmark can't read the recipient: check the address.", named


def _shortened(said: str | None) -> str | None:
    return None if said is None else shorten_text(said, _MAX_QUOTED)


def _sentence(advice: str, said: str | None) -> str:
    return f"{advice} (Postmark: {_shortened(said)})" if said else advice
