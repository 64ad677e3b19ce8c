"""Mails as the composer makes them, and as a recipient's program reads them."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Any

from connector_smtp.content import Composer, Mail

from connector_core import Config, Message

from .smtp_server import config_for

if TYPE_CHECKING:
    from email.message import EmailMessage

ENCODED = "=?utf-8?q?x=0D=0ABcc=3A_evil=40attacker=2Eexample?="


def compose(
    payload: dict[str, Any] | None = None, to: str = "ann@example.com", entry: dict[str, Any] | None = None, **more: Any
) -> Mail:
    config = config_for(25, **more)
    if entry is not None:
        plain = {"usageType": "SignIn", "contentType": "text/plain", "subject": "Code", "content": "It is {{code}}"}
        config["templates"] = [{**plain, **entry}, *config["templates"][1:]]
    return Composer(Config(config)).compose(Message(to, "SignIn", payload or {"code": "123456"}))


def compose_message(message: Message, **settings: Any) -> Mail:
    return Composer(Config(config_for(25, **settings))).compose(message)


def read(mail: Mail) -> EmailMessage:
    """Read a mail as a recipient's program does, once it is sure that it keeps to the rules."""
    head, separator, _ = mail.data.partition(b"\r\n\r\n")
    assert separator
    assert b"\n" not in mail.data.replace(b"\r\n", b"")
    assert b"\r" not in mail.data.replace(b"\r\n", b"")
    assert all(len(line) <= 998 for line in mail.data.split(b"\r\n"))
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", mail.data)
    assert mail.is_international or mail.data.isascii()
    assert all(re.match(rb"[!-9;-~]+: |[ \t]+\S", line) for line in head.split(b"\r\n"))
    read: EmailMessage = message_from_bytes(mail.data, policy=policy.default)
    assert read.defects == []
    return read


def read_raw(mail: Mail, name: str) -> str:
    """Return a header as it came, on one line; Python's own reader of 3.11 follows encoded words too far."""
    value = next(value for key, value in read(mail).raw_items() if key == name)
    return re.sub(r"\r\n(?=[ \t])", "", value)


def decode(value: str) -> str:
    return str(make_header(decode_header(value)))


def read_text(mail: Mail, kind: str = "plain") -> str:
    part = read(mail).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n").removesuffix("\n")
