"""Who gets a message: its addresses, and hashes that stand for them where no address may be kept."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from connector_core.address import ascii_address
from connector_core.errors import InvalidMessage

if TYPE_CHECKING:
    from connector_core.message import Message

KEY_BYTES = 32
"""A key has so many bytes at least: who could guess it could try addresses."""


class AddressHash:
    """Turns addresses into hashes: HMAC-SHA-256 with a key, else SHA-256; the key itself is not kept.

    Args:
        key: at least 32 random bytes, or a text of as many.

    Raises:
        ValueError: the key is shorter.

    """

    def __init__(self, key: str | bytes | None) -> None:
        secret = key.encode() if isinstance(key, str) else key
        if secret is not None and len(secret) < KEY_BYTES:
            raise ValueError(f"The key for hashes of addresses is too short: give it {KEY_BYTES} random bytes or more.")
        self._begun = hashlib.sha256() if secret is None else hmac.new(secret, digestmod="sha256")

    def __call__(self, address: str) -> str:
        """Return the hash of an address, in hexadecimal, the same for every spelling of it."""
        begun = self._begun.copy()
        begun.update(normalize_address(address).encode("utf-8", "surrogatepass"))
        return begun.hexdigest()


def normalize_address(address: str) -> str:
    """Return what all spellings of an address share: letters are folded, and its domain is in ASCII.

    What stands before the `@` keeps its tag (`ada+news`): not every provider of mailboxes drops it.
    """
    local, at, domain = address.strip().rpartition("@")
    return f"{local.casefold()}{at}{find_domain(f'x@{domain}') or domain.casefold()}"


def find_domain(address: str) -> str | None:
    """Return the domain of an address as the DNS knows it, or None where it can't be one."""
    try:
        # Not folded before: straße.example and strasse.example are two domains.
        return ascii_address(address).rpartition("@")[2].lower()
    except InvalidMessage:
        return None


def list_addresses(message: Message) -> list[str]:
    """Return everybody who gets a message, each spelling once."""
    return list(dict.fromkeys([message.to, *message.cc, *message.bcc]))
