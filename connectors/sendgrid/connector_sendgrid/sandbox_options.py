"""Options of a mail as the SendGrid sandbox checks and shows them.

The sentences are those of Twilio's docs, "Mail Send", page "Errors"; that of a recipient who is there twice people met
(symfony/symfony#33135), and that of an attachment, too (sendgrid/sendgrid-python#339).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Problem = tuple[str, str]

LARGEST_MAIL = 31_457_280
"""Bytes: 30 MB, attachments included (Twilio docs, "Mail Send", limitations)."""

_NO_REPLY_ADDRESS = (
    "The reply_to object, when used, must at least have an email parameter with a valid email address and it may also "
    'contain a name parameter. e.g. {"email": "example@example.com"} or {"email": "example@example.com", "name": '
    '"Example Recipient"}'
)
_MOST_RECIPIENTS = 1000
_MOST_CATEGORIES = 10
_LONGEST_CATEGORY = 255
_MOST_CUSTOM_ARGS = 10_000
_RESERVED = frozenset(
    {
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    }
)


def find_problems(body: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what SendGrid refuses of the options of a mail: a sentence, and the field that it is about."""
    yield from _check_everybody(body.get("personalizations"))
    reply_to = body.get("reply_to")
    if isinstance(reply_to, dict) and not isinstance(reply_to.get("email"), str):
        yield _NO_REPLY_ADDRESS, "reply_to.email"
    yield from _check_headers(body.get("headers", {}))
    yield from _check_categories(body.get("categories", []))
    yield from _check_custom_args(body.get("custom_args", {}))
    attachments = body.get("attachments", [])
    for index, attachment in enumerate(attachments if isinstance(attachments, list) else ()):
        yield from _check_attachment(attachment, f"attachments.{index}")


def describe_options(body: Mapping[str, Any], envelope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the page shows besides."""
    reply_to = body.get("reply_to") or {}
    return {
        "cc": _list_addresses(envelope, "cc") or None,
        "bcc": _list_addresses(envelope, "bcc") or None,
        "replyTo": reply_to.get("email"),
        "headers": _describe(body.get("headers", {})),
        "categories": body.get("categories"),
        "customArgs": _describe(body.get("custom_args", {})),
        "attachments": [_name(one) for one in body.get("attachments", [])] or None,
    }


def _check_everybody(envelopes: Any) -> Iterator[Problem]:
    total = 0
    for index, envelope in enumerate(envelopes if isinstance(envelopes, list) else ()):
        seen: set[str] = set()
        for kind in ("to", "cc", "bcc"):
            for address in _list_addresses(envelope, kind):
                total += 1
                field = f"personalizations.{index}.{kind}"
                if address.lower() in seen:
                    sentence = (
                        "Each email address in the personalization block should be unique between to, cc, and bcc."
                    )
                    yield (
                        f"{sentence} We found the first duplicate instance of [{address}] in the {field} field.",
                        field,
                    )
                    return
                seen.add(address.lower())
    if total > _MOST_RECIPIENTS:
        yield (
            f"There is a limit of {_MOST_RECIPIENTS} total recipients (to + cc + bcc) per request.",
            "personalizations",
        )


def _check_headers(headers: Any) -> Iterator[Problem]:
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if not isinstance(value, str):
            yield "The header values must be strings.", "headers"
        elif not name.isascii() or " " in name:
            yield "Header keys cannot contain non-ASCII characters and empty spaces.", "headers"
        elif name.lower() in _RESERVED:
            yield "Header can not be one of the reserved keys.", "headers"


def _check_categories(categories: Any) -> Iterator[Problem]:
    if not isinstance(categories, list):
        return
    if not all(isinstance(one, str) for one in categories):
        yield "Categories must be an array of strings.", "categories"
        return
    if len(categories) > _MOST_CATEGORIES:
        limit = f"There is a limit of {_MOST_CATEGORIES} categories for each email that is sent."
        yield f"{limit} You provided {len(categories)} categories.", "categories"
    for one in categories:
        if len(one) > _LONGEST_CATEGORY:
            limit = f"Each category must not be longer than {_LONGEST_CATEGORY} characters."
            yield f"{limit} {one} exceeds this limit", "categories"
        if not one.isascii():
            yield "Categories can not contain non-ASCII characters.", "categories"
    if repeated := [one for one in dict.fromkeys(categories) if categories.count(one) > 1]:
        unique = "The categories must be a unique list, and you have included"
        yield f"{unique} {repeated[0]} more than once.", "categories"


def _check_custom_args(given: Any) -> Iterator[Problem]:
    values = given.values() if isinstance(given, dict) else ()
    if not all(isinstance(value, str) for value in values):
        yield "All values of custom arguments object must be strings", "custom_args"
    elif len(json.dumps(given, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")) > _MOST_CUSTOM_ARGS:
        what = "The combined size of both global and personalization custom arguments"
        yield f"{what} may not exceed {_MOST_CUSTOM_ARGS:,} bytes per personalization.", "custom_args"


def _check_attachment(attachment: Any, field: str) -> Iterator[Problem]:
    given = attachment if isinstance(attachment, dict) else {}
    content, disposition = given.get("content"), given.get("disposition", "attachment")
    if not isinstance(content, str) or not content:
        yield "The attachment content must be a string at least one character in length.", f"{field}.content"
    elif not _is_base64(content):
        yield "The attachment content must be base64 encoded.", f"{field}.content"
    if not isinstance(given.get("filename"), str):
        yield "The filename of your attachment must be a string.", f"{field}.filename"
    kind = given.get("type", "text/plain")
    if not isinstance(kind, str) or not kind:
        yield "The attachment type must be a string and at least one character in length.", f"{field}.type"
    elif set(kind) & {";", "\r", "\n"}:
        yield "The type cannot contain ';', or CRLF characters.", f"{field}.type"
    if disposition not in ("attachment", "inline"):
        kinds = 'The disposition of your attachment can be either "inline" or "attachment".'
        yield f"{kinds} You provided {disposition}.", f"{field}.disposition"
    if not isinstance(given.get("content_id", ""), str):
        said = f"You provided {given['content_id']}."
        yield f"The content ID of your attachment must be a string. {said}", f"{field}.content_id"


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def _list_addresses(envelope: Any, kind: str) -> list[str]:
    parties = envelope.get(kind) if isinstance(envelope, dict) else None
    found = [party.get("email") for party in (parties if isinstance(parties, list) else ()) if isinstance(party, dict)]
    return [address for address in found if isinstance(address, str)]


def _describe(pairs: Mapping[str, str]) -> list[str] | None:
    return [f"{name}: {text}" for name, text in pairs.items()] or None


def _name(attachment: Mapping[str, Any]) -> str:
    content_id = attachment.get("content_id")
    return f"{attachment['filename']} (cid:{content_id})" if content_id else str(attachment["filename"])
