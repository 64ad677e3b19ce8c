"""E-mail addresses: what is one, and how providers want it written."""

from __future__ import annotations

import re

from connector_core.errors import InvalidMessage

_ADDRESS = re.compile(
    r"""[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,64}
        @[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f-\x9f\ud800-\udfff.]+(\.[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f-\x9f\ud800-\udfff.]+)*""",
    re.VERBOSE,
)
_MAX_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets


def check_address(address: str, who: str = "The recipient") -> None:
    """Check that a text is one e-mail address and nothing else.

    Args:
        address: the text.
        who: whose address it is, for the sentence.

    Raises:
        InvalidMessage: it is not; the address is not repeated in the sentence.

    """
    if len(address) > _MAX_ADDRESS or not _ADDRESS.fullmatch(address):
        raise InvalidMessage(f"{who} is not one e-mail address: write it as name@example.com, without a name.")


def ascii_address(address: str) -> str:
    """Return an address with its domain in ASCII (IDNA 2008), as providers want it: `a@münchen.de` becomes `a@xn--...`.

    Raises:
        InvalidMessage: the domain can't be written so.

    """
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    import idna  # requests brings it

    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as cause:
        raise InvalidMessage("The domain of an address is not valid: check its spelling.") from cause
