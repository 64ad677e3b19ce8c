"""What a Postmark account and its server know: tokens, senders, templates, streams, inactive recipients."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from connector_postmark.sandbox.refusals import Refusal
from connector_postmark.sandbox.sent_counts import SentCounts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector_postmark.sandbox.addresses import Mailbox

TEST_TOKEN = "POSTMARK_API_TEST"  # noqa: S105 - Postmark's public name for "validate, don't deliver"
SERVER_ID = 1
DEFAULT_STREAM = "outbound"

_NOBODYS_DOMAIN = ".invalid"
"""RFC 6761, section 6.4: nobody has a name under it, so nobody can confirm one."""


class AccountState(StrEnum):
    """Whether the account may send."""

    ACTIVE = "active"
    PENDING_APPROVAL = "pending approval"
    NOT_ALLOWED = "not allowed"
    OUT_OF_CREDITS = "out of credits"


class DeliveryType(StrEnum):
    """Whether the server delivers what it takes."""

    LIVE = "Live"
    SANDBOX = "Sandbox"


class TemplateType(StrEnum):
    """A template that can be sent, or one that wraps others."""

    STANDARD = "Standard"
    LAYOUT = "Layout"


class StreamType(StrEnum):
    """What a message stream carries."""

    TRANSACTIONAL = "Transactional"
    BROADCASTS = "Broadcasts"
    INBOUND = "Inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template of the server; `layout_id` names the layout that wraps it, `active` says whether it may be sent."""

    id: int
    name: str
    alias: str | None = None
    subject: str = ""
    html: str = ""
    text: str = ""
    type: TemplateType = TemplateType.STANDARD
    layout_id: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageStream:
    """A message stream of the server; an archived one doesn't send."""

    id: str
    type: StreamType = StreamType.TRANSACTIONAL
    name: str = ""
    archived: bool = False
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Account:
    """The state behind the API; everything may be used and changed from any thread while the sandbox runs.

    `senders` holds the confirmed addresses and domains, or None where every sender is confirmed that somebody can
    confirm; `unconfirmed_senders` those that exist without being confirmed.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._tokens: set[str] = set()
        self._templates: dict[int, Template] = {}
        self._streams: dict[str, MessageStream] = {}
        self._template_ids = itertools.count(1001)
        self.state = AccountState.ACTIVE
        self.delivery_type = DeliveryType.LIVE
        self.senders: set[str] | None = None
        self.unconfirmed_senders: set[str] = set()
        self.inactive_recipients: set[str] = set()
        self.sent = SentCounts()

    def add_token(self, token: str) -> None:
        """Let a server token in."""
        self._tokens.add(token.lower())

    def knows_token(self, token: str) -> bool:
        """Tell whether a token is let in; its case doesn't matter, says Postmark's API overview."""
        return token.lower() in self._tokens or token.upper() == TEST_TOKEN

    # Templates

    @property
    def templates(self) -> list[Template]:
        """Return the templates in the order of their ids."""
        with self._lock:
            return [template for _, template in sorted(self._templates.items())]

    def find_template(self, id_or_alias: int | str) -> Template | None:
        """Return a template by its id, or by its alias without regard to case."""
        if isinstance(id_or_alias, int):
            return self._templates.get(id_or_alias)
        alias = id_or_alias.lower()
        return next((each for each in self.templates if each.alias and each.alias.lower() == alias), None)

    def add_template(self, *, template_id: int | None = None, **content: Any) -> Template:
        """Add a template; `content` is what `Template` takes, and an id is made where none is given."""
        with self._lock:
            if template_id is None:
                template_id = next(number for number in self._template_ids if number not in self._templates)
            template = Template(id=template_id, **content)
            self._refuse_taken_alias(template)
            self._templates[template.id] = template
            return template

    def change_template(self, template_id: int, **content: Any) -> Template:
        """Change some content of a template."""
        with self._lock:
            template = replace(self._templates[template_id], **content)
            self._refuse_taken_alias(template)
            self._templates[template_id] = template
            return template

    def remove_template(self, template: Template) -> None:
        """Remove a template; a layout in use stays."""
        with self._lock:
            if any(each.layout_id == template.id for each in self._templates.values()):
                raise Refusal(
                    1130, "The layout template cannot be deleted because it has dependent templates using it."
                )
            self._templates.pop(template.id, None)

    def _refuse_taken_alias(self, template: Template) -> None:
        other = self.find_template(template.alias) if template.alias else None
        if other and other.id != template.id:
            raise Refusal(1122, f"The alias '{template.alias}' is taken by another template of this server.")

    # Message streams

    @property
    def streams(self) -> list[MessageStream]:
        """Return the message streams in the order in which they were added."""
        with self._lock:
            return list(self._streams.values())

    def add_stream(
        self,
        stream_id: str,
        *,
        stream_type: StreamType | str = StreamType.TRANSACTIONAL,
        archived: bool = False,
    ) -> None:
        """Add a message stream, or replace the one of this id."""
        stream = MessageStream(id=stream_id, type=StreamType(stream_type), name=stream_id, archived=archived)
        with self._lock:
            self._streams[stream_id.lower()] = stream

    def find_stream(self, stream_id: str) -> MessageStream | None:
        """Return the message stream of this id, or None."""
        return self._streams.get(stream_id.lower())

    # Senders and recipients

    def check_sender(self, sender: Mailbox) -> None:
        """Refuse a sender that has no confirmed sender signature (400, 401)."""
        if _matches(sender, tuple(self.unconfirmed_senders)):
            raise Refusal(
                401,
                f"The Sender Signature for the 'From' address you supplied ({sender.address}) is not confirmed. "
                "Please confirm it in order to be able to use it in the 'From' field of your messages.",
            )
        if not self._confirms(sender):
            raise Refusal(
                400,
                f"The 'From' address you supplied ({sender.address}) is not a Sender Signature on your account. "
                "Please add and confirm this address in order to be able to use it in the 'From' field of your "
                "messages.",
            )

    def _confirms(self, sender: Mailbox) -> bool:
        if f".{sender.domain}".endswith(_NOBODYS_DOMAIN):
            return False
        return self.senders is None or _matches(sender, tuple(self.senders))

    def inactive_among(self, recipients: Iterable[Mailbox]) -> list[str]:
        """Return the inactive ones among the recipients, in lower case and each once."""
        inactive = {address.lower() for address in tuple(self.inactive_recipients)}
        return [each for each in dict.fromkeys(one.address.lower() for one in recipients) if each in inactive]


def _matches(sender: Mailbox, known: tuple[str, ...]) -> bool:
    names = {name.lower().removeprefix("@") for name in known}
    return sender.address.lower() in names or sender.domain in names
