"""The mail itself: headers as RFC 5322 and 2047 have them, in ASCII unless an address is not; mime.py has its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from connector_core import Config, InvalidMessage, Mailbox, Message, TemplateIndex, ascii_address, render_content
from connector_smtp.mime import write_body, write_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core import Content

_ADDRESS = re.compile(r'[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f]{1,255}')
_MAX_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
_PLAIN_WORDS = re.compile(r"(?!.*=\?)[!-~]{1,60}( [!-~]{1,60})*")
"""Text that a header has as it is: no line gets too long, and nothing is taken for an encoded word."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to send: its envelope, its id, and its bytes.

    `recipients` has the addresses as the envelope has them, by the address as the message has it.
    """

    sender: str
    recipients: Mapping[str, str]
    message_id: str
    data: bytes

    @property
    def is_international(self) -> bool:
        """Return whether an address has accented letters, which needs SMTPUTF8 (RFC 6531)."""
        addresses = (self.sender, *self.recipients.values())
        return not (self.data.isascii() and all(address.isascii() for address in addresses))


class Composer:
    """Makes mails from the templates of one config."""

    def __init__(self, config: Config) -> None:
        self._sender = Mailbox.parse(config["fromEmail"])
        self._templates = TemplateIndex(config["templates"])
        self._domain = self._sender.address.rpartition("@")[2].lower()
        headers = {"Auto-Submitted": "auto-generated"}
        if "replyTo" in config:
            headers["Reply-To"] = _write_mailbox("Reply-To", Mailbox.parse(config["replyTo"]))
        own = {name: _write_text(name, value) for name, value in config.get("customHeaders", {}).items()}
        self._headers = _merge(headers, own)

    def compose(self, message: Message) -> Mail:
        """Return the mail for a message.

        Raises:
            TemplateNotFound: no template serves the usage type.
            InvalidMessage: a recipient is not one e-mail address, or a part can't be written.

        """
        recipients = {address: _check(ascii_address(address)) for address in (message.to, *message.cc, *message.bcc)}
        content = self._render(message) if message.content is None else message.content
        message_id = f"<{uuid4()}@{self._domain}>"
        headers = {
            "From": _write_mailbox("From", self._sender),
            "To": recipients[message.to],
            "Subject": _write_text("Subject", content.subject),
            "Date": format_datetime(datetime.now(UTC)),
            "Message-ID": message_id,
            **self._headers,
        }
        if message.used_options():
            headers = _merge(headers, _write_options(message, recipients))
        # What a message says by itself is sent as it is; the text of a template belongs to its HTML, even an empty one.
        text = content.text if content.text or message.content is None else None
        body = write_body(text, content.html or None, message.attachments)
        data = write_headers(headers.items()) + body
        return Mail(self._sender.address, recipients, message_id, data)

    def _render(self, message: Message) -> Content:
        entry = self._templates.find(message.type, message.payload.get("locale"))
        is_html = entry["contentType"] == "text/html"
        return render_content(
            message.payload,
            subject=entry["subject"],
            html=entry["content"] if is_html else None,
            text=entry.get("text") if is_html else entry["content"],
        )


def _check(recipient: str) -> str:
    if len(recipient) > _MAX_ADDRESS or not _ADDRESS.fullmatch(recipient):
        raise InvalidMessage("A recipient is not one e-mail address: write it as name@example.com, without a name.")
    return recipient


def _write_options(message: Message, recipients: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a message's options; those in `bcc` are in none."""
    headers = {name: _write_text(name, value) for name, value in message.headers.items()}
    if message.cc:
        headers["Cc"] = ",\r\n ".join(recipients[address] for address in message.cc)
    if message.reply_to is not None:
        headers["Reply-To"] = _write_mailbox("Reply-To", Mailbox.parse(message.reply_to))
    return headers


def _merge(headers: dict[str, str], more: dict[str, str]) -> dict[str, str]:
    """Return headers with others, which take the place of those of the same name, in whatever letters."""
    taken = {name.lower() for name in more}
    return {**{name: value for name, value in headers.items() if name.lower() not in taken}, **more}


def _write_text(name: str, text: str) -> str:
    """Return a text as the value of a header, folded."""
    charset = "us-ascii" if _PLAIN_WORDS.fullmatch(text) else "utf-8"
    return Header(text, charset, header_name=name).encode(linesep="\r\n")


def _write_mailbox(header: str, mailbox: Mailbox) -> str:
    """Return a mailbox as the value of a header; a name that is no ASCII becomes encoded words, folded."""
    name = mailbox.name
    if not name or (name.isascii() and "=?" not in name):
        return str(mailbox)
    words = Header(name, "utf-8", header_name=header).encode(linesep="\r\n")
    return f"{words}\r\n <{mailbox.address}>"
