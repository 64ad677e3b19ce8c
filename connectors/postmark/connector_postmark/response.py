"""Postmark's answers, understood: a pure function from status, headers and body to a result or an error."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from connector_core import Message, RecipientStatus, SendResult, ascii_address, parse_retry_after
from connector_postmark.refusals import (
    WITHOUT_MESSAGE,
    find_inactive_addresses,
    not_understood,
    raise_for_code,
    raise_for_status,
    read_words,
    refuse_undelivered,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ACCEPTED = "OK"
_DELAYED = re.compile(r"\bmay be delayed\b", re.IGNORECASE)


def parse_response(status: int, headers: Mapping[str, str], body: bytes, *, only_to: bool = True) -> SendResult:
    """Return what Postmark's answer to one message says.

    Args:
        status: the HTTP status.
        headers: the header fields, in any case.
        body: the body as it came.
        only_to: whether the message has no recipients in Cc and Bcc, of whom the answer would not tell.

    Raises:
        SendError: Postmark refused the message, or what it said can't be understood.

    """
    return parse_success(_parse_object(status, headers, body, {}), status, only_to=only_to)


def parse_answer(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the JSON object with which Postmark answers a request that sends nothing.

    Args:
        status: the HTTP status.
        headers: the header fields, in any case.
        body: the body as it came.

    Raises:
        SendError: Postmark refused, with its number in `provider.code`, or what it said can't be understood.

    """
    return _parse_object(status, headers, body, WITHOUT_MESSAGE)


def parse_success(answer: Mapping[str, Any], status: int = 200, *, only_to: bool = True) -> SendResult:
    """Return what an answer without an error code says of its message.

    Args:
        answer: the answer.
        status: the HTTP status.
        only_to: whether the message has no recipients in Cc and Bcc, of whom the answer would not tell.

    Raises:
        RecipientRejected: it took the message and delivers it to nobody.
        InvalidResponse: it has no message id.

    """
    message_id = read_words(answer.get("MessageID"))
    if not message_id:
        raise not_understood(status, {})
    said = answer.get("Message")
    addresses = _split_recipients(read_words(answer.get("To")))
    delivery: Literal["sent", "queued"] = "sent"
    recipients: dict[str, RecipientStatus]
    if said == _ACCEPTED:
        recipients = dict.fromkeys(addresses, delivery)
    else:
        said = read_words(said) or ""
        delivery = "queued" if _DELAYED.search(said) else "sent"
        recipients = {**dict.fromkeys(addresses, delivery), **_find_rejected(said, addresses)}
        if addresses and only_to:  # else there were recipients that the answer doesn't name
            refuse_undelivered(recipients, status, said)
    return SendResult(
        message_id=message_id,
        status=delivery,
        recipients=recipients,
        submitted_at=_parse_time(answer.get("SubmittedAt")),
    )


def complete(result: SendResult, message: Message, status: int) -> SendResult:
    """Return what Postmark said of a message, with the recipients that it didn't name: it names those of To alone.

    Raises:
        RecipientRejected: it delivers the message to none of its recipients.

    """
    if result.recipients and not (message.cc or message.bcc):
        refuse_undelivered(result.recipients, status)  # the one recipient, named in the answer or not
        return result
    everybody = (message.to, *message.cc, *message.bcc)
    known = {address.lower() for address in result.recipients}
    # Postmark names domains in ASCII, as they went out.
    unnamed = [address for address in map(ascii_address, everybody) if address.lower() not in known]
    recipients: dict[str, RecipientStatus] = {**result.recipients, **dict.fromkeys(unnamed, result.status)}
    refuse_undelivered(recipients, status)
    return replace(result, recipients=recipients)


def parse_item(item: object, status: int, *, only_to: bool = True) -> SendResult:
    """Return what Postmark says of one message of a batch.

    Raises:
        SendError: Postmark refused the message, or what it said can't be understood.

    """
    if not isinstance(item, dict):
        raise not_understood(status, {})
    code = item.get("ErrorCode")
    if code is not None and type(code) is not int:
        raise not_understood(status, {})
    if code:
        raise_for_code(code, read_words(item.get("Message")), status, None, {})
    return parse_success(item, status, only_to=only_to)


def parse_items(status: int, headers: Mapping[str, str], body: bytes, count: int) -> list[Any]:
    """Return what Postmark answers to a batch: an item for each message, in their order.

    Args:
        status: the HTTP status.
        headers: the header fields, in any case.
        body: the body as it came.
        count: the number of messages.

    Raises:
        SendError: Postmark refused the whole batch, or what it said can't be understood.

    """
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        read = None
    if 200 <= status < 300 and isinstance(read, list):  # noqa: PLR2004  the successful ones
        if len(read) != count:  # nobody knows which item is of which message
            raise not_understood(status, {})
        return read
    if 200 <= status < 300 and isinstance(read, dict) and not read.get("ErrorCode"):  # noqa: PLR2004  the same
        raise not_understood(status, {})
    _parse_object(status, headers, body, {})
    raise not_understood(status, {})


def _find_rejected(said: str, addresses: Iterable[str]) -> dict[str, RecipientStatus]:
    """Return the addresses to which Postmark doesn't deliver, spelled as among `addresses`."""
    spelled = {address.lower(): address for address in addresses}
    return {spelled.get(one.lower(), one): "rejected" for one in find_inactive_addresses(said)}


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
        raise_for_code(code, read_words(answer.get("Message")), status, retry_after, sentences)
    if 200 <= status < 300:  # noqa: PLR2004  the successful ones
        if answer is None or (code is not None and type(code) is not int):
            raise not_understood(status, sentences)
        return answer
    said = None if answer is None else read_words(answer.get("Message"))
    return raise_for_status(status, said, retry_after, sentences)


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
