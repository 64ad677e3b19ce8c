"""Postmark's answers, understood: a pure function from status, headers and body to a result or an error.

The codes are those of Postmark developer docs, "API error codes"; the sentences of 300 and 406 name addresses.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn

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
    SendResult,
    TemplateNotFound,
    UsageLimitExceeded,
    parse_retry_after,
    shorten_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CREDENTIALS = "Postmark refuses the server token: copy it again from the server's tab API Tokens."
_SENDER = "Postmark does not accept the sender: confirm its sender signature or its domain in Postmark."
_RECIPIENT = "Postmark does not deliver to this recipient: reactivate the address in Postmark, or use another one."
_MESSAGE = "Postmark refuses the message: mend what it names, then send again."
_TEMPLATE = "Postmark does not know the template: check its alias or id in the config, and the server it belongs to."
_STREAM = "Postmark can't send through the message stream: check messageStream in the config."
_CREDITS = "The Postmark account may not send, since its credits are used up: check its billing."
_PENDING = "The Postmark account waits for approval and may only send to the sender's own domain until then."
_BARRED = "The Postmark account may not send: ask Postmark's support why."
_RATE = "Postmark asks to slow down: send again later."
_CLOSED = "Postmark is not available, so nothing was sent: send again later."
_LOST = "Postmark failed while it had the message, so nobody knows whether it was sent: look at its activity page."
_OTHER = "Postmark refuses to send: act on what it says, or ask its support."
_TOO_LARGE = "The message is too large for Postmark: make the payload smaller."
_FOREIGN = (
    "The answer is not one of Postmark's, so nobody knows whether the message was sent: check apiUrl in the "
    "config, and Postmark's activity page."
)

_WITHOUT_MESSAGE = {
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
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DELAYED = re.compile(r"\bmay be delayed\b", re.IGNORECASE)


def parse_response(status: int, headers: Mapping[str, str], body: bytes) -> SendResult:
    """Return what Postmark's answer to one message says.

    Args:
        status: the HTTP status.
        headers: the header fields, in any case.
        body: the body as it came.

    Raises:
        SendError: Postmark refused the message, or what it said can't be understood.

    """
    return parse_success(_parse_object(status, headers, body, {}), status)


def parse_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the JSON object with which Postmark answers a request that sends nothing.

    Args:
        status: the HTTP status.
        headers: the header fields, in any case.
        body: the body as it came.

    Raises:
        SendError: Postmark refused, with its number in `provider.code`, or what it said can't be understood.

    """
    return _parse_object(status, headers, body, _WITHOUT_MESSAGE)


def parse_success(answer: Mapping[str, Any], status: int = 200) -> SendResult:
    """Return what an answer without an error code says of its message.

    Raises:
        RecipientRejected: it took the message and delivers it to nobody.
        InvalidResponse: it has no message id.

    """
    message_id = _words(answer.get("MessageID"))
    if not message_id:
        raise _not_understood(status, {})
    said = _words(answer.get("Message")) or ""
    delivery: Literal["sent", "queued"] = "queued" if _DELAYED.search(said) else "sent"
    recipients: dict[str, RecipientStatus] = dict.fromkeys(_split_recipients(_words(answer.get("To"))), delivery)
    spelled = {address.lower(): address for address in recipients}
    for inactive in find_inactive_addresses(said):
        recipients[spelled.get(inactive.lower(), inactive)] = "rejected"
    if spelled:  # without `To`, there were recipients that the answer doesn't name
        refuse_undelivered(recipients, status, said)
    return SendResult(
        message_id=message_id,
        status=delivery,
        recipients=recipients,
        submitted_at=_parse_time(answer.get("SubmittedAt")),
    )


def refuse_undelivered(recipients: Mapping[str, RecipientStatus], status: int, said: str | None = None) -> None:
    """Raise RecipientRejected when Postmark took a message that it delivers to none of its recipients."""
    if all(delivery == "rejected" for delivery in recipients.values()):
        reply = ProviderReply(code=0, message=_shortened(said), status=status)
        raise RecipientRejected(_sentence(_RECIPIENT, said), provider=reply, recipients=list(recipients))


def find_inactive_addresses(said: str) -> list[str]:
    """Return the addresses that Postmark lists as inactive in a sentence, of error 406 or of a partial success."""
    _, _, rest = said.partition("inactive addresses:")
    return [address.rstrip(".") for address in _ADDRESS.findall(rest.partition("Inactive recipients")[0])]


def refuse_foreign(status: int = 200) -> InvalidResponse:
    """Return the error for an answer that is none of Postmark's, to a request that sends nothing."""
    return _not_understood(status, _WITHOUT_MESSAGE)


def _parse_object(status: int, headers: Mapping[str, str], body: bytes, sentences: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON object of a success, or raise what else an answer says, with `sentences` in the place of some."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    answer: dict[str, Any] | None = read if isinstance(read, dict) else None
    retry_after = parse_retry_after({name.lower(): value for name, value in headers.items()})
    code = None if answer is None else answer.get("ErrorCode")
    if answer is not None and type(code) is int and code != 0:
        _raise_for_code(code, _words(answer.get("Message")), status, retry_after, sentences)
    if 200 <= status < 300:  # noqa: PLR2004  the successful ones
        if answer is None or (code is not None and type(code) is not int):
            raise _not_understood(status, sentences)
        return answer
    said = None if answer is None else _words(answer.get("Message"))
    return _raise_for_status(status, said, retry_after, sentences)


def _raise_for_code(
    code: int, said: str | None, status: int, retry_after: float | None, sentences: Mapping[str, str]
) -> NoReturn:
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


def _raise_for_status(
    status: int, said: str | None, retry_after: float | None, sentences: Mapping[str, str]
) -> NoReturn:
    if status < 400:  # noqa: PLR2004  neither a success nor a refusal
        raise _not_understood(status, sentences)
    fallback = (DeliveryUnknown, _LOST) if status >= 500 else (SendError, _OTHER)  # noqa: PLR2004  the server's failure
    kind, advice = _ERROR_OF_STATUS.get(status, fallback)
    raise kind(
        _sentence(sentences.get(advice, advice), said or f"HTTP {status}"),
        provider=ProviderReply(message=_shortened(said), status=status),
        retry_after=retry_after,
    )


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


def _split_recipients(to: str | None) -> list[str]:
    """Return the addresses of a comma-joined list of mailboxes."""
    if not to:
        return []
    if "," not in to and "<" not in to:
        return [to]
    from email.utils import getaddresses

    try:
        return [address for _, address in getaddresses([to]) if address]
    except RecursionError:  # brackets without end
        return []


def _parse_time(value: object) -> datetime | None:
    """Return the time of an ISO 8601 text with up to seven fractional digits, None where it is none."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _words(value: object) -> str | None:
    """Return what Postmark said on one line, without what would steer a terminal."""
    return " ".join(_CONTROL.sub(" ", value[:_MAX_READ]).split()) if isinstance(value, str) else None


def _shortened(said: str | None) -> str | None:
    return None if said is None else shorten_text(said, _MAX_QUOTED)


def _sentence(advice: str, said: str | None) -> str:
    return f"{advice} (Postmark: {_shortened(said)})" if said else advice


def _not_understood(status: int, sentences: Mapping[str, str]) -> InvalidResponse:
    return InvalidResponse(sentences.get(_FOREIGN, _FOREIGN), provider=ProviderReply(status=status))
