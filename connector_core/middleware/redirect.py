"""A plugin for staging: whatever the application sends, no real person gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.address import check_address
from connector_core.errors import InvalidMessage
from connector_core.hookspecs import hookimpl
from connector_core.message_limits import check_message
from connector_core.middleware.recipients import find_domain, list_addresses, normalize_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connector_core.message import Message
    from connector_core.metadata import ConnectorMetadata

ORIGINAL_TO = "X-Original-To"

_LONGEST_LIST = 900
"""Characters of the original addresses: a line of a mail has 998 at most (RFC 5322, section 2.1.1)."""


class RedirectRecipients:
    """Send all messages to one mailbox: each address in to, cc and bcc is replaced, whatever connector sends.

    It sees a message after all wrappers, wherever it was registered, so that they have the real recipients and can't
    bring any back. Header fields of the message that hold an address are left out, since some providers take recipients
    from such. What the config of a connector adds, such as a copy to an archive, is not of the message and stays.

    Args:
        to: the address that gets everything.
        allow_domains: domains whose addresses get their mail all the same, such as the team's own. A domain holds for
            itself and not for those below it.
        show_original: whether the mail says in a header `X-Original-To` whom it was for, which tells addresses of real
            people to everybody who reads the mailbox; only where the connector can send headers.

    Raises:
        TypeError: `allow_domains` is one text, whose letters would be the domains.
        ValueError: `to` is no address, or one of `allow_domains` no domain.

    """

    def __init__(self, *, to: str, allow_domains: Iterable[str] = (), show_original: bool = False) -> None:
        if isinstance(allow_domains, str):
            raise TypeError("`allow_domains` is a text: give a list of domains, even for one.")
        if not _is_address(to):
            raise ValueError("`to` is not one e-mail address: write it as staging@example.com, without a name.")
        self._to = to
        self._allowed = frozenset(map(_normalize_domain, allow_domains))
        self._shows_original = show_original

    # No wrapper, so that every wrapper is around it; first of the others, so that the core checks what it made.
    @hookimpl(tryfirst=True)
    def send_message(self, message: Message, metadata: ConnectorMetadata) -> None:
        """Replace the recipients of a message, and leave it to the connector."""
        check_message(message, metadata)  # what is refused in production is refused here, too
        original = list_addresses(message)
        is_for_real = not all(map(self._may_get_mail, original))
        headers = {name: text for name, text in message.headers.items() if self._may_stay(name, text)}
        if is_for_real and self._shows_original and "headers" in metadata.message_options:
            headers = {name: text for name, text in headers.items() if name.lower() != ORIGINAL_TO.lower()}
            headers[ORIGINAL_TO] = _shorten_list(original)
        if headers != message.headers:
            message.headers = headers
        if is_for_real:
            message.to = self._replace(message.to)
            seen = {normalize_address(message.to)}
            message.cc = tuple(self._replace_others(message.cc, seen))
            message.bcc = tuple(self._replace_others(message.bcc, seen))

    def _may_stay(self, header: str, text: str) -> bool:
        return "@" not in text or (self._shows_original and header.lower() == ORIGINAL_TO.lower())

    def _replace(self, address: str) -> str:
        return address if self._may_get_mail(address) else self._to

    def _replace_others(self, addresses: Iterable[str], seen: set[str]) -> Iterator[str]:
        """Yield addresses after the replacement, but for those that get the mail already."""
        for address in map(self._replace, addresses):
            if (same := normalize_address(address)) not in seen:
                seen.add(same)
                yield address

    def _may_get_mail(self, address: str) -> bool:
        return address == self._to or (_is_address(address) and find_domain(address) in self._allowed)


def _is_address(found: object) -> bool:
    if not isinstance(found, str):
        return False
    try:
        check_address(found)
    except InvalidMessage:
        return False
    return True


def _normalize_domain(domain: str) -> str:
    address = f"someone@{domain.strip().removeprefix('@')}"
    found = find_domain(address) if _is_address(address) and "*" not in domain else None
    if found is None:
        raise ValueError(f"{domain!r} in `allow_domains` is no domain: write it as example.com.")
    return found


def _shorten_list(addresses: list[str]) -> str:
    """Return addresses in one line; of those that would make it too long, how many they are."""
    shown: list[str] = []
    for address in addresses:
        if sum(map(len, shown)) + 2 * len(shown) + len(address) > _LONGEST_LIST:
            return ", ".join([*shown, f"and {len(addresses) - len(shown)} more"])
        shown.append(address)
    return ", ".join(shown)
