"""Messages and what becomes of them: plain data, checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from connector_core.attachment import Attachment
from connector_core.errors import InvalidMessage
from connector_core.jsonvalue import FrozenDict
from connector_core.message_values import CHECKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from connector_core.rendering import Content
    from connector_core.routing.decision import Decision

USAGE_TYPES = (
    "SignIn",
    "Register",
    "ForgotPassword",
    "OrganizationInvitation",
    "Generic",
    "UserPermissionValidation",
    "BindNewIdentifier",
    "MfaVerification",
    "BindMfa",
)
"""The usage types that every host shares; a host may have its own besides."""

RecipientStatus = Literal["sent", "queued", "rejected", "invalid", "unknown"]

_KEY_OF_OPTION = {
    "cc": "cc",
    "bcc": "bcc",
    "reply_to": "replyTo",
    "headers": "headers",
    "tags": "tags",
    "metadata": "metadata",
    "attachments": "attachments",
    "stream": "stream",
    "content": "content",
}
"""The options of a message, and what JSON calls them."""

_IMMUTABLE = ("to", "type", "ip", *_KEY_OF_OPTION)
"""What messages can share: only a payload can be changed in place."""

INLINE_ATTACHMENTS = "inlineAttachments"
"""What metadata calls it that a connector can send attachments with a content id."""


@dataclass(slots=True)
class Message:
    """One message to one recipient.

    Args:
        to: the recipient: one address.
        type: the usage type, one of `USAGE_TYPES` or the host's own.
        payload: the variables of the message, a JSON object; it is copied.
        ip: the network address of the person who asked for the message, if known.

    Options, of which a connector says in its metadata (`message_options`) which it can send:
        cc: further recipients, named in the message: addresses.
        bcc: further recipients whom nobody sees: addresses.
        reply_to: where answers go: an address, or `Name <address>`.
        headers: header fields of the mail besides those that it gets anyway.
        tags: words by which the provider groups its statistics.
        metadata: what the provider keeps with the message and gives back in its events: texts by name.
        attachments: files; one with a content id is shown within the HTML.
        stream: the provider's channel for the message, where it has several.
        content: what the message says, in the place of a template.

    A change is checked like a new message. A send works on its own copy: a wrapper around `send_message` may change
    the message it is given (redirect it in staging), and the caller's stays as it was.

    Raises:
        InvalidMessage: a part is missing, malformed or no JSON; the sentence names it.

    """

    to: str
    type: str
    payload: dict[str, Any] = field(default_factory=dict, repr=False)  # codes are no matter for logs
    ip: str | None = None
    cc: Sequence[str] = field(default=(), kw_only=True)
    bcc: Sequence[str] = field(default=(), kw_only=True, repr=False)  # a log is no place for whom nobody sees
    reply_to: str | None = field(default=None, kw_only=True)
    headers: Mapping[str, str] = field(default_factory=FrozenDict, kw_only=True, repr=False)
    tags: Sequence[str] = field(default=(), kw_only=True)
    metadata: Mapping[str, str] = field(default_factory=FrozenDict, kw_only=True, repr=False)
    attachments: Sequence[Attachment] = field(default=(), kw_only=True, repr=False)
    stream: str | None = field(default=None, kw_only=True)
    content: Content | None = field(default=None, kw_only=True, repr=False)

    def __setattr__(self, name: str, value: Any) -> None:
        check = CHECKS.get(name)
        object.__setattr__(self, name, value if check is None else check(value))

    def copy(self) -> Message:
        """Return a message of the same values that shares nothing with this one that could change."""
        copied = object.__new__(Message)
        for set_part, value in zip(_SETTERS, _read_parts(self), strict=True):
            set_part(copied, value)
        copied.payload = self.payload
        return copied

    def check_payload(self) -> None:
        """Check the payload once more, the one part that can be changed in place.

        Raises:
            InvalidMessage: it is no JSON any more.

        """
        CHECKS["payload"](self.payload)

    @property
    def is_plain(self) -> bool:
        """Return whether the message has no option."""
        named = self.cc or self.bcc or self.reply_to or self.headers or self.stream
        return not (named or self.tags or self.metadata or self.attachments or self.content)

    def used_options(self) -> list[str]:
        """Return the options that the message has, by the names that metadata has for them."""
        used = [key for name, key in _KEY_OF_OPTION.items() if getattr(self, name)]
        if any(one.content_id is not None for one in self.attachments):
            used.append(INLINE_ATTACHMENTS)
        return used

    def to_json(self) -> dict[str, Any]:
        """Return the message as a JSON object, in the shape of `schemas/message.schema.json`."""
        document: dict[str, Any] = {"to": self.to, "type": self.type, "payload": self.payload}
        if self.ip is not None:
            document["ip"] = self.ip
        for name, key in _KEY_OF_OPTION.items():
            if value := getattr(self, name):
                document[key] = _thaw(value)
        if self.attachments:
            document["attachments"] = [one.to_json() for one in self.attachments]
        if self.content is not None:
            document["content"] = {"subject": self.content.subject, "text": self.content.text}
            document["content"]["html"] = self.content.html
        return document

    @classmethod
    def from_json(cls, document: object) -> Message:
        """Return the message that a JSON object describes, in the shape of `schemas/message.schema.json`.

        Raises:
            InvalidMessage: it describes none; the sentence names the part.

        """
        if not isinstance(document, dict):
            raise InvalidMessage('The message is not a JSON object: {"to": ..., "type": ..., "payload": {...}}.')
        known = {"to": "to", "type": "type", "payload": "payload", "ip": "ip"}
        known |= {key: name for name, key in _KEY_OF_OPTION.items()}
        if unknown := [key for key in document if key not in known]:
            raise InvalidMessage(_explain_unknown(str(unknown[0]), [*known]))
        parts = {known[key]: value for key, value in document.items() if value is not None}
        if isinstance(parts.get("attachments"), list):
            parts["attachments"] = [Attachment.from_json(one) for one in parts["attachments"]]
        if "content" in parts:
            parts["content"] = _read_content(parts["content"])
        return cls(**{"to": "", "type": "", **parts})


_read_parts = attrgetter(*_IMMUTABLE)
_SETTERS = [getattr(Message, name).__set__ for name in _IMMUTABLE]
"""What sets a part without checking it once more."""


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class SendResult:
    """What the provider said of a message that it took.

    Args:
        message_id: the provider's id of the message.
        status: `sent`, or `queued` where the provider took it and says it will be late.
        recipients: what became of each address.
        submitted_at: when the provider took it, where it said so.
        route: what a router did before and then, connector by connector; empty without a router.

    """

    message_id: str
    status: Literal["sent", "queued"] = "sent"
    recipients: dict[str, RecipientStatus] = field(default_factory=dict)
    submitted_at: datetime | None = None
    route: tuple[Decision, ...] = ()

    def __init__(
        self,
        *,
        message_id: str,
        status: Literal["sent", "queued"] = "sent",
        recipients: dict[str, RecipientStatus] | None = None,
        submitted_at: datetime | None = None,
        route: tuple[Decision, ...] = (),
    ) -> None:
        # What dataclass writes for a frozen class takes several times as long, and a batch makes one for each message.
        _set_message_id(self, message_id)
        _set_status(self, status)
        _set_recipients(self, {} if recipients is None else recipients)
        _set_submitted_at(self, submitted_at)
        _set_route(self, route)

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object in camelCase; `route` only where a router sent it."""
        found: dict[str, Any] = {
            "messageId": self.message_id,
            "status": self.status,
            "recipients": dict(self.recipients),
            "submittedAt": None if self.submitted_at is None else self.submitted_at.isoformat(),
        }
        if self.route:
            found["route"] = [decision.to_json() for decision in self.route]
        return found


_set_message_id, _set_status, _set_recipients, _set_submitted_at, _set_route = (
    getattr(SendResult, name).__set__ for name in ("message_id", "status", "recipients", "submitted_at", "route")
)


def _thaw(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, dict) else value


def _read_content(document: object) -> Content:
    from connector_core.rendering import Content

    allowed = {"subject", "text", "html"}
    if not isinstance(document, dict) or not set(document) <= allowed:
        raise InvalidMessage("`content` of the message is an object of subject, text and html, and of nothing else.")
    given = {key: value for key, value in document.items() if value is not None}
    return Content(**{"subject": "", **given})


def _explain_unknown(key: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, known, n=1)
    return f"A message has no {key!r}: " + (f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}.")
