"""Mailboxes: an address with or without a name, as they stand in a config and in the header of a mail."""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector_core.address import ascii_address, check_address
from connector_core.errors import InvalidMessage
from connector_core.rendering import clean_header

_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
_NO_TEXT = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
_NAME = re.compile(rf'([^",;@\\<>{_NO_TEXT}]|"(\\[^{_NO_TEXT}]|[^"\\{_NO_TEXT}])*")*')
_MAX_MAILBOX = 512


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


def check_mailbox(text: str, whose: str) -> None:
    """Check that a text is one mailbox, as the shared definition `mailbox` has it.

    Args:
        text: an address, or `Name <address>`, where a name with signs of punctuation stands in quotes.
        whose: whose address it is, for the sentence.

    Raises:
        InvalidMessage: it is not; the text is not repeated in the sentence.

    """
    name, bracket, rest = text.rpartition("<")
    if not bracket:
        check_address(text, whose)
        return
    if len(text) > _MAX_MAILBOX or not _NAME.fullmatch(name) or not rest.endswith(">"):
        raise InvalidMessage(
            f"{whose} is not one mailbox: write it as name@example.com, or Example <name@example.com>."
        )
    check_address(rest.removesuffix(">"), whose)
