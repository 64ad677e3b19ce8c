"""What Postmark refuses about a message, whatever its content comes from."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_postmark.file_types import find_forbidden_type
from connector_postmark.sandbox import bodies
from connector_postmark.sandbox.account import DEFAULT_STREAM, AccountState, StreamType
from connector_postmark.sandbox.addresses import Mailbox, parse_list
from connector_postmark.sandbox.refusals import Refusal, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_postmark.sandbox.account import Account

MAX_RECIPIENTS = 50
MAX_METADATA, MAX_METADATA_KEY, MAX_METADATA_VALUE = 10, 20, 80
MAX_TAG, MAX_SUBJECT = 1000, 2000

ENVELOPE_FIELDS: bodies.Fields = {
    "From": bodies.text,
    "To": bodies.text,
    "Cc": bodies.text,
    "Bcc": bodies.text,
    "ReplyTo": bodies.text,
    "Tag": bodies.text,
    "Metadata": bodies.pairs,
    "Headers": bodies.items({"Name": bodies.text, "Value": bodies.text_or_empty}),
    "TrackOpens": bodies.switch,
    "TrackLinks": bodies.choice("None", "HtmlAndText", "HtmlOnly", "TextOnly"),
    "MessageStream": bodies.text,
    "Attachments": bodies.items(
        {
            "Name": bodies.text,
            "Content": bodies.text_or_empty,
            "ContentType": bodies.text,
            "ContentID": bodies.text,
        }
    ),
}

_HEADER_NAME = re.compile(r"[!-9;-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Who sends a message to whom, through which stream."""

    sender: Mailbox
    to: list[Mailbox]
    cc: list[Mailbox]
    bcc: list[Mailbox]
    stream: str
    inactive: list[str]

    def active(self, mailboxes: list[Mailbox]) -> tuple[str, ...]:
        """Return the addresses among `mailboxes` that get the message."""
        return tuple(each.address for each in mailboxes if each.address.lower() not in self.inactive)


def check_envelope(fields: Mapping[str, Any], account: Account) -> Envelope:
    """Return the envelope of a message, or refuse with the first thing wrong with it."""
    stream = _check_stream(fields.get("MessageStream", DEFAULT_STREAM), account)
    sender = _check_sender(fields.get("From", ""), account)
    to, cc, bcc = (parse_list(fields.get(name, ""), name) for name in ("To", "Cc", "Bcc"))
    parse_list(fields.get("ReplyTo", ""), "ReplyTo")
    recipients = [*to, *cc, *bcc]
    if not recipients:
        raise Refusal(300, "Zero recipients specified")
    if len(recipients) > MAX_RECIPIENTS:
        raise Refusal(
            300,
            f"A message can have at most {MAX_RECIPIENTS} recipients, and this one has {len(recipients)}.",
        )
    _check_metadata(fields.get("Metadata", {}))
    _check_length(fields, "Tag", MAX_TAG)
    _check_length(fields, "Subject", MAX_SUBJECT)
    _check_headers(fields.get("Headers", []))
    _check_attachments(fields.get("Attachments", []))
    inactive = account.inactive_among(recipients)
    return Envelope(sender=sender, to=to, cc=cc, bcc=bcc, stream=stream, inactive=inactive)


def check_account(envelope: Envelope, account: Account) -> None:
    """Refuse to send from an account that may not (405, 412, 413)."""
    if account.state == AccountState.OUT_OF_CREDITS:
        raise Refusal(405, "You are not allowed to send because you ran out of credits.")
    if account.state == AccountState.NOT_ALLOWED:
        raise Refusal(413, "This account is not approved to send email.")
    if account.state == AccountState.PENDING_APPROVAL:
        home = envelope.sender.domain
        everyone = [*envelope.to, *envelope.cc, *envelope.bcc]
        abroad = dict.fromkeys(each.domain for each in everyone if each.domain != home)
        if abroad:
            raise Refusal(
                412,
                "While your account is pending approval, all recipient addresses must share the same domain as the "
                f"'From' address. The domain of the 'From' address is '{home}', but you are attempting to send "
                f"email to the following domain(s): {', '.join(map(quoted, abroad))}.",
            )


def _check_stream(stream_id: str, account: Account) -> str:
    stream = account.find_stream(stream_id)
    if stream is None:
        raise Refusal(1235, f"The stream provided: '{stream_id}' does not exist on this server.")
    if stream.type == StreamType.INBOUND or stream.archived:
        raise Refusal(1236, "Sending is not supported on the supplied 'MessageStream'.")
    return stream.id


def _check_sender(value: str, account: Account) -> Mailbox:
    senders = parse_list(value, "From")
    if len(senders) != 1:
        raise Refusal(300, f"Invalid 'From' address: '{value}'.")
    account.check_sender(senders[0])
    return senders[0]


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if len(metadata) > MAX_METADATA:
        raise Refusal(300, f"Invalid metadata content. A message is limited to {MAX_METADATA} metadata fields.")
    for key, value in metadata.items():
        if len(key) > MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
            raise Refusal(
                300,
                f"Invalid metadata content. Field names are limited to {MAX_METADATA_KEY} characters and field "
                f"values are limited to {MAX_METADATA_VALUE} characters in length. The '{key}' field in your "
                "metadata content exceeds these limits.",
            )


def _check_length(fields: Mapping[str, Any], name: str, limit: int) -> None:
    if len(fields.get(name, "")) > limit:
        raise Refusal(300, f"The '{name}' field is limited to {limit} characters.")


def _check_headers(headers: list[dict[str, Any]]) -> None:
    for header in headers:
        name, value = header.get("Name", ""), header.get("Value", "")
        if not _HEADER_NAME.fullmatch(name):
            raise Refusal(300, f"Invalid header name: '{name}'.")
        if "\r" in value or "\n" in value:
            raise Refusal(300, f"The value of the header '{name}' has to be a single line.")


def _check_attachments(attachments: list[dict[str, Any]]) -> None:
    for attachment in attachments:
        missing = [key for key in ("Name", "Content", "ContentType") if key not in attachment]
        if missing:
            raise Refusal(300, f"An attachment lacks its '{missing[0]}'.")
        name = attachment["Name"]
        if find_forbidden_type(name) is not None:
            raise Refusal(411, f"Attachment file type not allowed: '{name}'.")
        try:
            base64.b64decode("".join(attachment["Content"].split()), validate=True)
        except (binascii.Error, ValueError):
            raise Refusal(300, f"The content of the attachment '{name}' is not valid base64.") from None
