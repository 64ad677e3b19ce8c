"""The options of a message in Mailgun's form (API reference, "Messages", "Send an email")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import InvalidMessage, Mailbox, RecipientRejected, ascii_address
from connector_mailgun.plugin import SURROGATES, MailgunRequests

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connector_core import Attachment, Content, Message, Response, Transport

    Fields = dict[str, str | list[str]]

_MOST_TAGS = 10
"""Mailgun help, "Tags"; mailgun/mailgun-go#409. An older page of the user manual still has 3."""

_MOST_OPTION_BYTES = 16_384
"""Of o:, h:, v: and t: in total: 16 kB ("Send an email", a note). How exactly Mailgun counts isn't documented."""

_ACCENTS = "Mailgun takes no address with accented letters before the @: ask for another address."


def send_with_options(requests: MailgunRequests, message: Message, transport: Transport) -> Response:
    """Send a message with options: as a form, or in parts where files go along.

    Raises:
        SendError: Mailgun can't be reached, or no whole answer came back.
        TemplateNotFound: no delivery serves the usage type.
        RecipientRejected: Mailgun can't write to an address.
        InvalidMessage: Mailgun doesn't take a tag, the reply address, or so much of the options.

    """
    return transport.request("POST", requests.url, **_make_request(requests, message))


def _make_request(requests: MailgunRequests, message: Message) -> dict[str, Any]:
    """Return the headers and the body."""
    options = _write_options(message, requests.fixed.get("o:tag"))
    if message.content is None:
        form: Fields = {**requests.make_form(message), **options}
    else:
        form = {**requests.fixed, "to": ascii_address(message.to), **_write_content(message.content), **options}
    if (size := _measure_options(form)) > _MOST_OPTION_BYTES:
        del form, options  # a crash report shows local variables, and these have the code of the message
        raise InvalidMessage(
            f"Of headers, tags, metadata and the variables of a template, Mailgun takes at most {_MOST_OPTION_BYTES:,} "
            f"bytes, and this message has {size:,}."
        )
    if not message.attachments:
        return {"headers": requests.headers, "data": form}
    body, content_type = encode_parts(form, message.attachments)
    return {"headers": {**requests.headers, "Content-Type": content_type}, "data": body}


def _write_content(content: Content) -> dict[str, str]:
    written = {"subject": content.subject, "text": content.text, "html": content.html}
    return {field: SURROGATES.sub("\ufffd", text) for field, text in written.items() if text}


def _write_options(message: Message, tag_of_config: str | None) -> Fields:
    """Return the fields of a message's options, which go before those of the config."""
    fields: Fields = {}
    if message.cc:
        fields["cc"] = _write_recipients(message.cc)
    if message.bcc:
        fields["bcc"] = _write_recipients(message.bcc)
    if message.reply_to is not None:
        fields["h:Reply-To"] = _write_reply_to(message.reply_to)
    fields |= {f"h:{name}": text for name, text in message.headers.items()}
    if message.tags:
        fields["o:tag"] = _join_tags(message.tags, tag_of_config)
    # Mailgun copies these into the header X-Mailgun-Variables of the mail; the guide says so.
    return fields | {f"v:{name}": text for name, text in message.metadata.items()}


def _write_recipients(addresses: Sequence[str]) -> str:
    written = {address: ascii_address(address) for address in addresses}
    if refused := [address for address, ascii_one in written.items() if not ascii_one.isascii()]:
        raise RecipientRejected(_ACCENTS, recipients=refused)
    return ", ".join(written.values())


def _write_reply_to(text: str) -> str:
    mailbox = Mailbox.parse(text)
    if not mailbox.address.isascii():
        raise InvalidMessage("Mailgun takes no accented letters before the @: give `reply_to` another address.")
    return str(mailbox)


def _join_tags(tags: Sequence[str], tag_of_config: str | None) -> list[str]:
    """Return the tag of the config and those of the message, each once."""
    joined = [*dict.fromkeys([*([tag_of_config] if tag_of_config else []), *tags])]
    if not all(tag.isascii() for tag in joined):
        raise InvalidMessage("Mailgun takes no accented letters in a tag: write it without them.")
    if len(joined) > _MOST_TAGS:
        raise InvalidMessage(
            f"Mailgun takes at most {_MOST_TAGS} tags, and this message has {len(joined)} with that of the config."
        )
    return joined


def _measure_options(form: Mapping[str, str | list[str]]) -> int:
    options = [value for field, value in form.items() if field[:2] in {"o:", "h:", "v:", "t:"}]
    texts = [text for value in options for text in ([value] if isinstance(value, str) else value)]
    return sum(len(text.encode()) for text in texts)


def encode_parts(form: Mapping[str, str | list[str]], attachments: Sequence[Attachment]) -> tuple[bytes, str]:
    """Return the parts of a form with files, and the content type that names what is between them (RFC 7578)."""
    from urllib3 import encode_multipart_formdata  # requests brings it

    parts: list[tuple[str, Any]] = []
    for field, value in form.items():
        parts += [(field, text.encode()) for text in ([value] if isinstance(value, str) else value)]
    for one in attachments:
        # Mailgun has no field for a content id: it is the name of the file (mailgun/mailgun-js-boland#103).
        field, name = ("attachment", one.name) if one.content_id is None else ("inline", one.content_id)
        parts.append((field, (name, one.content, one.content_type)))
    return encode_multipart_formdata(parts)
