"""Mailboxes: an address with or without a name, as they stand in a config and in the header of a mail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector_core.message import ascii_address
from connector_core.rendering import clean_header

_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, its domain in ASCII, and the name that goes with it; `str(mailbox)` is how a header has it."""

    name: str
    address: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", clean_header(self.name))

    @classmethod
    def parse(cls, text: str) -> Mailbox:
        """Return the mailbox that a config names: `noreply@example.com`, or `Example <noreply@example.com>`.

        Args:
            text: what the shared definition `mailbox` accepts; a name, or a part of it, may be in quotes.

        Raises:
            InvalidMessage: the domain can't be written in ASCII.

        """
        name, bracket, rest = text.rpartition("<")
        if not bracket:
            return cls("", ascii_address(text))
        unquoted = _QUOTED.sub(lambda quoted: re.sub(r"\\(.)", r"\1", quoted[1]), name)
        return cls(unquoted, ascii_address(rest.removesuffix(">")))

    def __str__(self) -> str:
        if not self.name:
            return self.address
        from email.utils import formataddr

        if "=?" in self.name:  # would be read as an encoded word
            from email.header import Header

            return f"{Header(self.name, 'utf-8', maxlinelen=0).encode()} <{self.address}>"
        # The standard library quotes the name, or encodes it (RFC 2047), and refuses an accented address.
        return formataddr((self.name, "")).removesuffix("<>") + f"<{self.address}>"
