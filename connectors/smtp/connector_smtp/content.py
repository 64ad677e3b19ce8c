"""The mail itself: headers and MIME parts as RFC 5322, 2045 and 2047 have them, in ASCII unless an address is not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from connector_core import Config, InvalidMessage, Mailbox, Message, TemplateIndex, ascii_address, render_content

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector_core import Content

_POLICY = SMTP.clone(cte_type="7bit")
"""Not every server takes 8-bit content (RFC 6152), and none that takes it minds the other."""

_ADDRESS = re.compile(r'[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f]{1,255}')
_MAX_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
_PLAIN_WORDS = re.compile(r"(?!.*=\?)[!-~]{1,60}( [!-~]{1,60})*")
"""Text that a header has as it is: no line gets too long, and nothing is taken for an encoded word."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, ready to send: its envelope, its id, and its bytes; `to` is the recipient as the message has it."""

    to: str
    sender: str
    recipient: str
    message_id: str
    data: bytes

    @property
    def is_international(self) -> bool:
        """Return whether an address has accented letters, which needs SMTPUTF8 (RFC 6531)."""
        return not (self.sender.isascii() and self.recipient.isascii())


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
        taken = {name.lower() for name in own}
        self._headers = {**{name: value for name, value in headers.items() if name.lower() not in taken}, **own}

    def compose(self, message: Message) -> Mail:
        """Return the mail for a message.

        Raises:
            TemplateNotFound: no template serves the usage type.
            InvalidMessage: the recipient is not one e-mail address.

        """
        recipient = ascii_address(message.to)
        if len(recipient) > _MAX_ADDRESS or not _ADDRESS.fullmatch(recipient):
            raise InvalidMessage(
                "The recipient is not one e-mail address: write it as name@example.com, without a name."
            )
        entry = self._templates.find(message.type, message.payload.get("locale"))
        is_html = entry["contentType"] == "text/html"
        content = render_content(
            message.payload,
            subject=entry["subject"],
            html=entry["content"] if is_html else None,
            text=entry.get("text") if is_html else entry["content"],
        )
        message_id = f"<{uuid4()}@{self._domain}>"
        headers = {
            "From": _write_mailbox("From", self._sender),
            "To": recipient,
            "Subject": _write_text("Subject", content.subject),
            "Date": format_datetime(datetime.now(UTC)),
            "Message-ID": message_id,
            **self._headers,
        }
        data = _write_headers(headers.items()) + _write_parts(content)
        return Mail(message.to, self._sender.address, recipient, message_id, data)


def _write_headers(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return header lines.

    EmailMessage would read each value before it writes it: in a subject it decodes what looks like an encoded word, a
    line break and all, and Pythons before 3.12.5 write that line break out (CVE-2024-6923).
    """
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode()


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


def _write_parts(content: Content) -> bytes:
    """Return the content with its MIME headers: plain text, and HTML as its alternative."""
    part = EmailMessage(_POLICY)
    part.set_content(_clean(content.text), cte=_find_encoding(content.text))
    if content.html:
        part.add_alternative(_clean(content.html), subtype="html", cte=_find_encoding(content.html))
    data = part.as_bytes()
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def _clean(text: str) -> str:
    """Return a text that UTF-8 has bytes for: a payload may hold one half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def _find_encoding(text: str) -> str | None:
    """Return the transfer encoding that a text needs; None leaves the choice to EmailMessage."""
    return "quoted-printable" if _CONTROL.search(text) else None
