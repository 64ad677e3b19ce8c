"""The parts of a message, each checked when it is set, whatever connector the message is for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from connector_core.attachment import Attachment
from connector_core.errors import InvalidMessage
from connector_core.jsonvalue import FrozenDict, copy_json, format_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.rendering import Content

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_LINE = re.compile(rf"{_CONTROL.pattern}|[\ud800-\udfff]")  # half a character can't be written into a mail
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")  # RFC 5322, section 2.2
_LONGEST_HEADER = 10_000

_FIELD_OF_HEADER = {
    "to": "to",
    "cc": "cc",
    "bcc": "bcc",
    "reply-to": "reply_to",
    "subject": "content",
    **dict.fromkeys(("from", "sender", "return-path"), ""),
    **dict.fromkeys(("date", "message-id", "mime-version", "received", "dkim-signature"), ""),
    **dict.fromkeys(("resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc"), ""),
    **dict.fromkeys(("resent-date", "resent-message-id"), ""),
    **dict.fromkeys(("content-type", "content-transfer-encoding", "content-disposition", "content-id"), ""),
}
"""Headers that aren't given as such: from which part of the message they come, or nothing where it is not from any."""


def _check_to(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidMessage("The message has no recipient: give `to` an address.")
    if _CONTROL.search(value):
        raise InvalidMessage("The recipient has a line break or another control character: give one address.")
    return value


def _check_type(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidMessage("The message has no usage type: give `type` one, such as SignIn or Generic.")
    if _CONTROL.search(value):
        raise InvalidMessage("The usage type has a line break or another control character.")
    return value


def _check_payload(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidMessage("The payload is not a JSON object: give a dict of variables.")
    copied: dict[str, Any] = copy_json(value, _refuse_payload)
    return copied


def _refuse_payload(path: tuple[str | int, ...], reason: str) -> NoReturn:
    raise InvalidMessage(f"The payload can't be sent: {format_path(path)} {reason}.")


def _check_ip(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or _CONTROL.search(value)):
        raise InvalidMessage("The ip of the message is not a network address.")
    return value


def _read_texts(name: str, value: object) -> tuple[str, ...]:
    if type(value) is tuple and not value:
        return value
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidMessage(f"`{name}` of the message is not a list of texts: give a list, even for one.")
    for text in value:
        _check_line(f"`{name}` of the message", text)
    return tuple(value)


def _check_line(what: str, text: object, *, may_be_empty: bool = False) -> None:
    if not isinstance(text, str) or _NO_LINE.search(text) or not (may_be_empty or text.strip()):
        raise InvalidMessage(f"{what} has something that is not one line of text.")


def _read_pairs(name: str, value: object) -> FrozenDict:
    if type(value) is FrozenDict and not value:
        return value
    if not isinstance(value, Mapping):
        raise InvalidMessage(f"`{name}` of the message is not an object of texts.")
    for key, text in value.items():
        _check_line(f"A name in `{name}` of the message", key)
        _check_line(f"`{name}` of the message", text, may_be_empty=True)
    return FrozenDict(value)


def _check_headers(value: object) -> FrozenDict:
    headers = _read_pairs("headers", value)
    seen: set[str] = set()
    for name, text in headers.items():
        lower = name.lower()
        if not _HEADER_NAME.fullmatch(name) or len(text) > _LONGEST_HEADER:
            problem = f"is none that a mail can have: letters, digits and dashes, at most {_LONGEST_HEADER} characters"
            raise InvalidMessage(f"A header of the message {problem}.")
        if lower in _FIELD_OF_HEADER:
            field = _FIELD_OF_HEADER[lower]
            advice = f"give the message `{field}` instead" if field else "leave it out, since the mail gets its own"
            raise InvalidMessage(f"The header {name} can't be set: {advice}.")
        if lower in seen:
            raise InvalidMessage(f"The header {name} is there twice, in other letters: keep one of them.")
        seen.add(lower)
    return headers


def _check_attachments(value: object) -> tuple[Attachment, ...]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise InvalidMessage("`attachments` of the message is not a list.")
    if not all(isinstance(one, Attachment) for one in value):
        raise InvalidMessage("`attachments` of the message has something else than an Attachment.")
    return tuple(value)


def _check_optional_line(name: str, value: object) -> str | None:
    if value is not None:
        _check_line(f"`{name}` of the message", value)
    return value  # type: ignore[return-value]  # a text, as was checked


def _check_content(value: object) -> Content | None:
    if value is None:
        return None
    from connector_core.rendering import Content

    if not isinstance(value, Content):
        raise InvalidMessage("`content` of the message is no Content: give Content(subject=..., text=..., html=...).")
    _check_line("The subject of the message", value.subject, may_be_empty=True)
    texts: tuple[object, ...] = (value.text, value.html)
    if not all(isinstance(text, str) for text in texts) or not any(texts):
        raise InvalidMessage("The content of the message says nothing: give its text, its html, or both.")
    return value


CHECKS: dict[str, Callable[[object], object]] = {
    "to": _check_to,
    "type": _check_type,
    "payload": _check_payload,
    "ip": _check_ip,
    "cc": lambda value: _read_texts("cc", value),
    "bcc": lambda value: _read_texts("bcc", value),
    "reply_to": lambda value: _check_optional_line("reply_to", value),
    "headers": _check_headers,
    "tags": lambda value: _read_texts("tags", value),
    "metadata": lambda value: _read_pairs("metadata", value),
    "attachments": _check_attachments,
    "stream": lambda value: _check_optional_line("stream", value),
    "content": _check_content,
}
"""For each part of a message what checks it and returns what is kept.

Raises:
    InvalidMessage: the part is missing, malformed or no JSON; the sentence names it.

"""
