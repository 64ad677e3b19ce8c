"""The options of a message in the body of `POST /v3/mail/send` (Twilio SendGrid docs, "Mail Send", request body)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connector_core import InvalidMessage, Mailbox, RecipientRejected, ascii_address
from connector_sendgrid.plugin import ACCENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connector_core import Attachment, Message

_MOST_CATEGORIES = 10
MOST_METADATA_BYTES = 10_000
"""Of custom_args (docs, "Mail Send", limitations). The page "Errors" has 50,000 in one place, all others this."""


def add_options(body: dict[str, Any], message: Message) -> None:
    """Add the options of a message to its body, where they go before what the config has; its content is added later.

    Raises:
        RecipientRejected: SendGrid can't write to an address.
        InvalidMessage: SendGrid doesn't take the reply address, or so many tags or so much metadata.

    """
    body["personalizations"][0] |= _write_copies(message)
    if message.reply_to is not None:
        body["reply_to"] = _write_reply_to(message.reply_to)
    if message.headers:
        body["headers"] = {name: encode_header(text) for name, text in message.headers.items()}
    if message.tags:
        body["categories"] = _join_tags(message.tags, body.get("categories", ()))
    if message.metadata:
        body["custom_args"] = _write_metadata(message.metadata)
    if message.attachments:
        body["attachments"] = [_write_attachment(one) for one in message.attachments]


def _write_copies(message: Message) -> dict[str, Any]:
    """Return cc and bcc without those who get the message anyway: SendGrid refuses an address that is there twice."""
    seen = {ascii_address(message.to).lower()}
    copies: dict[str, Any] = {}
    for field, addresses in (("cc", message.cc), ("bcc", message.bcc)):
        for given in addresses:
            address = ascii_address(given)
            if not address.isascii():
                raise RecipientRejected(ACCENTS, recipients=[given])
            if address.lower() not in seen:
                copies.setdefault(field, []).append({"email": address})
            seen.add(address.lower())
    return copies


def _write_reply_to(text: str) -> dict[str, str]:
    mailbox = Mailbox.parse(text)
    if not mailbox.address.isascii():
        raise InvalidMessage("SendGrid takes no accented letters before the @: give `reply_to` another address.")
    return {"email": mailbox.address, **({"name": mailbox.name} if mailbox.name else {})}


def encode_header(text: str) -> str:
    """Return the text of a header in ASCII, for SendGrid leaves that to its callers ("Mail Send", `headers`)."""
    from email.header import Header

    return text if text.isascii() else Header(text, "utf-8", maxlinelen=75).encode(linesep="")


def _join_tags(tags: Sequence[str], categories: Sequence[str]) -> list[str]:
    """Return the categories of the config and the tags of the message, each once, as SendGrid wants them."""
    joined = [*dict.fromkeys([*categories, *tags])]
    if len(joined) > _MOST_CATEGORIES:
        raise InvalidMessage(
            f"SendGrid takes at most {_MOST_CATEGORIES} tags, and this message has {len(joined)} with the categories "
            "of the config."
        )
    return joined


def _write_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    size = len(json.dumps({**metadata}, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MOST_METADATA_BYTES:
        raise InvalidMessage(
            f"Of metadata, SendGrid takes at most {MOST_METADATA_BYTES:,} bytes, and this message has {size:,}."
        )
    return {**metadata}


def _write_attachment(attachment: Attachment) -> dict[str, str]:
    fields = {"content": attachment.encoded, "type": attachment.content_type, "filename": attachment.name}
    if attachment.content_id is None:
        return {**fields, "disposition": "attachment"}
    return {**fields, "disposition": "inline", "content_id": attachment.content_id}
