"""E-mail addresses as Postmark reads them in From, To, Cc, Bcc and ReplyTo."""

from __future__ import annotations

import re
from typing import NamedTuple

from connector_postmark.sandbox.refusals import Refusal

_NAME_AND_ADDRESS = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>", re.DOTALL)
_QUOTED_AND_ADDRESS = re.compile(r'"(?P<name>(?:[^"\\]|\\.)*)"\s*<(?P<address>[^<>]*)>', re.DOTALL)
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+|\"[ -!#-\[\]-~]*\"")
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?")


class Mailbox(NamedTuple):
    """An address with its display name, which may be empty."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """Return the domain in lower case."""
        return self.address.rpartition("@")[2].lower()


def split_list(value: str) -> list[str]:
    """Split a comma-joined list; commas inside quotes or angle brackets don't count, empty parts vanish."""
    parts, current = [], ""
    quoted = escaped = bracketed = False
    for character in value:
        if character == "," and not quoted and not bracketed:
            parts.append(current)
            current = ""
            continue
        current += character
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"' and not bracketed:
            quoted = not quoted
        elif not quoted:
            bracketed = (bracketed or character == "<") and character != ">"
    return [part.strip() for part in [*parts, current] if part.strip()]


def parse_list(value: str, field: str) -> list[Mailbox]:
    """Return the mailboxes of a comma-joined list; refuse with 300, naming `field` and the address.

    The sentences are Postmark's: "Invalid 'To' address: ..." for a lone value, "Error parsing 'To': ..." where
    it tells which part of a list or of an address is wrong.
    """
    parts = split_list(value)
    return [_parse(part, field, alone=len(parts) == 1) for part in parts]


def _parse(part: str, field: str, *, alone: bool) -> Mailbox:
    match = _QUOTED_AND_ADDRESS.fullmatch(part) or _NAME_AND_ADDRESS.fullmatch(part)
    name, address = (match["name"].strip(), match["address"].strip()) if match else ("", part)
    mailbox, at, domain = address.rpartition("@")
    if not at or any(ord(character) < ord(" ") for character in part):
        if alone:
            raise Refusal(300, f"Invalid '{field}' address: '{part}'.")
        raise Refusal(300, f"Error parsing '{field}': Illegal email address '{part}'. It must contain the '@' symbol.")
    if not _MAILBOX.fullmatch(mailbox):
        raise Refusal(300, f"Error parsing '{field}': Illegal email mailbox '{mailbox}' in address '{address}'.")
    if not all(_LABEL.fullmatch(label) for label in domain.split(".")):
        raise Refusal(300, f"Error parsing '{field}': Illegal email domain '{domain}' in address '{address}'.")
    return Mailbox(name, address)
