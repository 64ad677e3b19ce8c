"""Options of messages that the kit tries: a value for each, and what a provider that got it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_core.attachment import Attachment
from connector_core.message_limits import MESSAGE_BYTES, measure_message
from connector_core.rendering import Content

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connector_core.message import Message

_EVIL = "evil@attacker.example"
_LINES = f"\r\nBcc: {_EVIL}\r\nX-Injected: yes"
_FIELDS = "&bcc=evil%40attacker.example&xinjected=1"
_HOSTILE = (
    f"kit{_LINES}",
    f"kit{_LINES}".replace("\r\n", "\n"),
    f"kit{_FIELDS}",
    "kit%0d%0aBcc%3a%20evil%40attacker.example",
    "=?utf-8?q?kit=0D=0ABcc=3A_evil=40attacker=2Eexample=0D=0AX-Injected=3A_yes?=",
    'kit"; bcc="evil@attacker.example"; xinjected="yes',
)
"""Texts that end up as headers or fields where they are pasted into a request or a mail."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A value of an option.

    Args:
        part: the part of a message that holds the option.
        value: the value.
        marks: what a provider that got the value shows; of several notations of one thing, one is enough.

    """

    part: str
    value: Any
    marks: tuple[tuple[str, ...], ...]

    def find_lost(self, shown: str) -> list[str]:
        """Return what is not in what a provider shows; of names of headers, capitals are nobody's business."""
        lower = shown.lower()
        return [notations[0] for notations in self.marks if not any(one.lower() in lower for one in notations)]

    def find_shown(self, shown: str) -> list[str]:
        """Return what is in what a provider shows."""
        lost = self.find_lost(shown)
        return [notations[0] for notations in self.marks if notations[0] not in lost]


def make_samples(stream: str) -> dict[str, Sample]:
    """Return a sample for each option, by the names that metadata has for them."""
    file = Attachment(name="kit-file.pdf", content=b"what the kit attaches", content_type="application/pdf")
    picture = Attachment(
        name="kit-picture.gif", content=b"GIF89a what the kit shows", content_type="image/gif", content_id="kit-shown"
    )
    # A placeholder stays what it is: it is no template.
    content = Content("Kit subject {{code}}", "Kit text {{code}}", "<p>Kit markup {{code}}</p>")
    return {
        "cc": Sample("cc", ["kit-cc-1@example.com", "kit-cc-2@example.com"], ()),
        "bcc": Sample("bcc", ["kit-bcc-1@example.com", "kit-bcc-2@example.com"], ()),
        "replyTo": Sample("reply_to", "Kit answers <kit-answers@example.com>", _mark("kit-answers@example.com")),
        "headers": Sample(
            "headers",
            {"X-Kit-One": "kit-first", "X-Kit-Two": "kit-second"},
            _mark("X-Kit-One", "kit-first", "X-Kit-Two"),
        ),
        "tags": Sample("tags", ["kit-tag"], _mark("kit-tag")),
        "metadata": Sample("metadata", {"kit-name": "kit-value"}, _mark("kit-name", "kit-value")),
        "attachments": Sample("attachments", [file], _mark("kit-file.pdf", "application/pdf", _show_content(file))),
        "inlineAttachments": Sample("attachments", [picture], _mark("kit-shown", "image/gif", _show_content(picture))),
        "stream": Sample("stream", stream, _mark(stream)),
        "content": Sample("content", content, _mark(content.subject, content.text, "Kit markup {{code}}")),
    }


def with_samples(message: Message, samples: Iterable[Sample]) -> Message:
    """Return a message that has all these options."""
    changed = message.copy()
    for sample in samples:
        both = [*changed.attachments, *sample.value] if sample.part == "attachments" else sample.value
        setattr(changed, sample.part, both)
    return changed


def list_hostile(options: Iterable[str]) -> list[tuple[str, str, Any]]:
    """Return values of options that shall become nothing else: the option, the part of a message, and the value."""
    return [(*place, value) for text in _HOSTILE for place, value in _place(text).items() if place[0] in options]


def _place(text: str) -> dict[tuple[str, str], Any]:
    """Return where a text may stand in a message."""
    address = text.replace("@", "").replace('"', "").replace(";", "").replace(" ", "") + "@example.com"
    quoted = text.replace("\\", "").replace('"', '\\"')
    return {
        ("cc", "cc"): [address],
        ("bcc", "bcc"): [address],
        ("replyTo", "reply_to"): f'"{quoted}" <answers@example.com>',
        ("headers", "headers"): {"X-Kit": text},
        ("tags", "tags"): [text],
        ("metadata", "metadata"): {"kit": text},
        ("attachments", "attachments"): _FileOf(text, None),
        ("inlineAttachments", "attachments"): _FileOf("kit.gif", text),
        ("stream", "stream"): text,
        ("content", "content"): Content(text, "Kit text"),
    }


@dataclass(frozen=True, slots=True)
class _FileOf:
    """An attachment that is made when a message gets it, since its name alone may be refused."""

    name: str
    content_id: str | None

    def make(self) -> list[Attachment]:
        return [Attachment(name=self.name, content=b"kit", content_id=self.content_id)]


def put_into(message: Message, part: str, value: Any) -> Message:
    """Return a message with one part changed.

    Raises:
        InvalidMessage: a message can't have it.

    """
    changed = message.copy()
    setattr(changed, part, value.make() if isinstance(value, _FileOf) else value)
    return changed


_PART_OF_LIMIT: Mapping[str, tuple[str, ...]] = {
    "recipients": ("cc", "bcc"),
    "attachments": ("attachments",),
    "tags": ("tags",),
    "tagLength": ("tags",),
    "metadata": ("metadata",),
    "metadataKeyLength": ("metadata",),
    "metadataValueLength": ("metadata",),
    MESSAGE_BYTES: ("attachments", "payload"),
}
"""The parts of a message by which a limit can be reached, the one first that takes the least time."""


def with_count(message: Message, options: Sequence[str], limit: str, count: int) -> Message | None:
    """Return a message that has so much of what is limited, None where the connector sends nothing of it."""
    part = next((one for one in _PART_OF_LIMIT.get(limit, ()) if one in (*options, "payload")), None)
    return None if part is None else put_into(message, part, _fill(message, part, limit, count))


def _fill(message: Message, part: str, limit: str, count: int) -> Any:
    if limit == MESSAGE_BYTES:
        return _fill_bytes(message, part, count)
    return {
        "recipients": [f"kit{number}@example.com" for number in range(count - 1)],
        "attachments": [Attachment(name=f"kit{number}.txt", content=b"kit") for number in range(count)],
        "tags": [f"kit{number}" for number in range(count)],
        "tagLength": ["k" * count],
        "metadata": {f"kit{number}": "kit" for number in range(count)},
        "metadataKeyLength": {"k" * count: "kit"},
        "metadataValueLength": {"kit": "k" * count},
    }[limit]


def _fill_bytes(message: Message, part: str, count: int) -> Any:
    """Return a payload or an attachment with which a message has at least so many bytes, and hardly more."""
    if part == "attachments":
        empty = put_into(message, part, [Attachment(name="kit.bin", content=b"k")])
        missing = max(0, count - measure_message(empty))
        return [Attachment(name="kit.bin", content=bytes(1 + -(-missing // 4) * 3))]

    def measure(length: int) -> int:
        return measure_message(put_into(message, part, {**message.payload, "kit": "k" * length}))

    each = measure(1) - measure(0)  # a letter may count for as many bytes as JSON ever has for one
    return {**message.payload, "kit": "k" * -(-max(0, count - measure(0)) // each)}


def _mark(*marks: str | tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(mark if isinstance(mark, tuple) else (mark,) for mark in marks)


def _show_content(file: Attachment) -> tuple[str, ...]:
    """Return how a request may show what a file has."""
    return file.encoded, file.content.decode()
