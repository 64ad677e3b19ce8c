"""What a connector can't send: checked of every message, after the wrappers and before the connector."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from connector_core.address import check_address
from connector_core.errors import InvalidMessage, UnsupportedOption

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connector_core.message import Message
    from connector_core.metadata import ConnectorMetadata

MESSAGE_BYTES = "messageBytes"

_LEAST_BYTES = 2000
"""What a message has besides what is counted: the names of its fields, its recipient, its sender, its template."""

_ADDRESS_BYTES = 1100
"""More than any address has in JSON: 64 characters before the @, twelve bytes each, and a domain in ASCII."""

_PAIR_BYTES = 30
"""What stands around a name and a text, such as `{"Name": "", "Value": ""}`."""

_CHARACTER_BYTES = 12
"""The most that JSON in ASCII has for one character: an escaped pair of surrogates."""

_SHORT = 1_000
"""Characters of a payload that is not worth counting exactly."""


def check_message(message: Message, metadata: ConnectorMetadata) -> None:
    """Check that a connector can send a message: its addresses, its options, and the provider's limits.

    Raises:
        InvalidMessage: an address is none, or a limit is exceeded; the sentence counts, and names the limit.
        UnsupportedOption: the message has an option that the connector can't send.

    """
    if metadata.type == "Email":
        check_address(message.to)
    if message.is_plain:
        most_bytes = metadata.message_limits.get(MESSAGE_BYTES)
        if most_bytes is not None and _LEAST_BYTES + _measure_payload(message.payload) > most_bytes:
            _check_limits(message, metadata)
        return
    if metadata.type == "Email":
        _check_further_addresses(message)
    lacking = [option for option in message.used_options() if option not in metadata.message_options]
    if lacking:
        able = f"it can send {', '.join(metadata.message_options)}" if metadata.message_options else "it can send none"
        raise UnsupportedOption(
            f"The connector {metadata.id} can't send the option {lacking[0]}, and {able}: leave the option out, or "
            "send through another connector. Nothing was sent."
        )
    _check_limits(message, metadata)


def measure_message(message: Message) -> int:
    """Return about how many bytes a message has in a request, attachments in Base64: rather too many than too few.

    What a config adds to each message, such as headers of its own, is not among them.
    """
    size = _LEAST_BYTES + _measure_payload(message.payload)
    if message.is_plain:
        return size
    if message.content is not None:
        size += len(json.dumps([message.content.subject, message.content.text, message.content.html]))
    size += _ADDRESS_BYTES * (len(message.cc) + len(message.bcc))
    texts = [*message.tags, message.reply_to or "", message.stream or ""]
    for pairs in (message.headers, message.metadata):
        size += _PAIR_BYTES * len(pairs)
        texts += [*pairs, *pairs.values()]
    size += len(json.dumps(texts))
    return size + sum(one.encoded_size + len(json.dumps(one.name)) + _LEAST_BYTES for one in message.attachments)


def _measure_payload(payload: Mapping[str, Any]) -> int:
    characters = len(payload)
    for name, text in payload.items():
        if type(name) is not str or type(text) is not str:
            break
        characters += len(name) + len(text)
    else:  # characters are counted several times faster than JSON is written
        if characters < _SHORT:
            return _CHARACTER_BYTES * characters
    try:
        return len(json.dumps(payload))
    except (TypeError, ValueError, RecursionError):
        return 0  # it was changed since it was checked, and is refused where it is checked again


def _check_further_addresses(message: Message) -> None:
    for name, addresses in (("cc", message.cc), ("bcc", message.bcc)):
        for address in addresses:
            check_address(address, f"A recipient in `{name}`")
    if message.reply_to is not None:
        from connector_core.mailbox import check_mailbox

        check_mailbox(message.reply_to, "The mailbox in `reply_to`")


def _check_limits(message: Message, metadata: ConnectorMetadata) -> None:
    from connector_core.metadata import choose_language

    for limit, count, what in _count(message, metadata.message_limits):
        allowed = metadata.message_limits.get(limit)
        if allowed is not None and count > allowed:
            provider = choose_language(metadata.name)
            raise InvalidMessage(f"Of {what}, {provider} takes at most {allowed:,}, and this message has {count:,}.")


def _count(message: Message, limits: Mapping[str, int]) -> Iterator[tuple[str, int, str]]:
    """Yield each limit, what a message has of it, and what that is."""
    yield "recipients", 1 + len(message.cc) + len(message.bcc), "recipients in to, cc and bcc"
    yield "attachments", len(message.attachments), "attachments"
    yield "tags", len(message.tags), "tags"
    yield "tagLength", max(map(len, message.tags), default=0), "characters in a tag"
    yield "metadata", len(message.metadata), "texts in metadata"
    yield "metadataKeyLength", max(map(len, message.metadata), default=0), "characters in a name of metadata"
    yield "metadataValueLength", max(map(len, message.metadata.values()), default=0), "characters in a text of metadata"
    if MESSAGE_BYTES in limits:
        yield MESSAGE_BYTES, measure_message(message), "bytes, attachments in Base64"
