"""Attachments of a message."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connector_core.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN_TYPE = "application/octet-stream"
"""The media type of a file of which nothing is known (RFC 2046, section 4.5.1)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_MEDIA_TYPE = re.compile(r"[\w.+!#$&^-]{1,127}/[\w.+!#$&^-]{1,127}", re.ASCII)  # RFC 6838, section 4.2
_CONTENT_ID = re.compile(r"(?![Cc][Ii][Dd]:)[!#-;=?-\[\]-~]{1,200}")  # in ASCII without spaces (RFC 2392)
_LONGEST_NAME = 255

_KEYS = {"name", "content", "contentType", "contentId"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes along with a message.

    Args:
        name: the file's name, without a path.
        content: its bytes.
        content_type: its media type, such as `application/pdf`.
        content_id: what the HTML of the message names it by (`<img src="cid:logo">` for `logo`): an inline attachment.

    Raises:
        InvalidMessage: a part is missing or malformed; the sentence names it.

    """

    name: str
    content: bytes = field(repr=False)
    content_type: str = UNKNOWN_TYPE
    content_id: str | None = None

    def __post_init__(self) -> None:
        name, content_type, content_id = _values(self)
        if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
            raise InvalidMessage(f"An attachment has no name: give it one of up to {_LONGEST_NAME} characters.")
        if _CONTROL.search(name) or "/" in name or "\\" in name:
            raise InvalidMessage("The name of an attachment has a slash or a control character: give the bare name.")
        if type(self.content) is not bytes:
            raise InvalidMessage(f"The content of the attachment {name} is not bytes.")
        if not isinstance(content_type, str) or not _MEDIA_TYPE.fullmatch(content_type):
            raise InvalidMessage(f"The attachment {name} has no media type such as application/pdf.")
        if content_id is not None and not (isinstance(content_id, str) and _CONTENT_ID.fullmatch(content_id)):
            problem = "has no content id such as logo: letters, digits and signs, without cid: and angle brackets"
            raise InvalidMessage(f"The attachment {name} {problem}.")

    @property
    def encoded(self) -> str:
        """Return the content in Base64, as JSON and mails have it."""
        return b64encode(self.content).decode()

    @property
    def encoded_size(self) -> int:
        """Return the bytes that the content has in Base64."""
        return -(-len(self.content) // 3) * 4

    def to_json(self) -> dict[str, Any]:
        """Return the attachment as a JSON object in camelCase, its content in Base64."""
        document = {"name": self.name, "content": self.encoded, "contentType": self.content_type}
        return document if self.content_id is None else {**document, "contentId": self.content_id}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Attachment:
        """Return the attachment that a JSON object describes.

        Raises:
            InvalidMessage: it describes none.

        """
        if isinstance(document, dict) and (unknown := set(document) - _KEYS):
            raise InvalidMessage(f"An attachment has no {min(map(str, unknown))!r}: it has {', '.join(sorted(_KEYS))}.")
        try:
            content = b64decode(document["content"], validate=True)
            return cls(
                name=document["name"],
                content=content,
                content_type=document.get("contentType", UNKNOWN_TYPE),
                content_id=document.get("contentId"),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            pass
        raise InvalidMessage("An attachment is malformed: give it a name, and its content in Base64.")


def _values(attachment: Attachment) -> tuple[object, object, object]:
    """Return what a caller gave, of which nothing is known."""
    return attachment.name, attachment.content_type, attachment.content_id
