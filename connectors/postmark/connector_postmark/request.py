"""What goes to Postmark: made once for a config, then filled in for each message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import Attachment, Config, Content, InvalidMessage, Message, TemplateIndex, ascii_address
from connector_postmark.api import make_base, make_headers
from connector_postmark.file_types import find_forbidden_type

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD_OF_SETTING = {
    "messageStream": "MessageStream",
    "replyTo": "ReplyTo",
    "tag": "Tag",
    "trackOpens": "TrackOpens",
    "trackLinks": "TrackLinks",
    "inlineCss": "InlineCss",
    "metadata": "Metadata",
}
"""Postmark's field for each setting that goes along as it is ("Send email with template", request body)."""


_MOST_METADATA = 10
"""Postmark developer docs, "Metadata": of the config and of the message, put together."""


class PostmarkRequests:
    """The requests of one config: addresses, headers, and the body for a message."""

    def __init__(self, config: Config) -> None:
        self._base = make_base(config)
        self.headers = make_headers(config)
        self._sender = ascii_mailbox(config["fromEmail"])
        self._templates = TemplateIndex(config["templates"])
        self._settings = {field: config[setting] for setting, field in _FIELD_OF_SETTING.items() if setting in config}
        if "replyTo" in config:
            self._settings["ReplyTo"] = ascii_mailbox(config["replyTo"])
        self._metadata = config.get("metadata", {})
        self._headers = dict(config.get("headers", {}))
        if self._headers:
            self._settings["Headers"] = _write_headers(self._headers)

    def find_url(self, message: Message) -> str:
        """Return where one message goes."""
        return f"{self._base}/email" if message.content is not None else f"{self._base}/email/withTemplate"

    def find_batch_url(self, *, templated: bool) -> str:
        """Return where many messages go, which either all have a template or all have content of their own."""
        return f"{self._base}/email/batchWithTemplates" if templated else f"{self._base}/email/batch"

    def make_body(self, message: Message) -> dict[str, Any]:
        """Return the JSON body for a message.

        Raises:
            TemplateNotFound: no template serves the usage type.
            InvalidMessage: a domain can't be written in ASCII, there is too much metadata, or an attachment is of a
                forbidden type.

        """
        # What may fail comes first: a crash report shows local variables, and the body will have the code.
        options = {} if message.is_plain else self._write_options(message)
        body: dict[str, Any] = {"From": self._sender, "To": ascii_address(message.to)}
        if message.content is None:
            entry = self._templates.find(message.type, message.payload.get("locale"))
            if "templateAlias" in entry:
                body["TemplateAlias"] = entry["templateAlias"]
            else:
                body["TemplateId"] = int(entry["templateId"])
            body["TemplateModel"] = message.payload
        else:
            body.update(_write_content(message.content))
        body.update(self._settings)
        if message.content is not None:
            body.pop("InlineCss", None)  # of templates alone
        return {**body, **options} if options else body

    def _write_options(self, message: Message) -> dict[str, Any]:
        """Return the fields of a message's options, which go before those of the config."""
        for one in message.attachments:
            _check_type(one)
        self._check_metadata(message)
        fields: dict[str, Any] = _write_addresses(message)
        if message.headers:
            own = {name.lower() for name in message.headers}
            kept = {name: value for name, value in self._headers.items() if name.lower() not in own}
            fields["Headers"] = _write_headers({**kept, **message.headers})
        if message.tags:
            fields["Tag"] = message.tags[0]
        if message.metadata:
            fields["Metadata"] = {**self._metadata, **message.metadata}
        if message.stream is not None:
            fields["MessageStream"] = message.stream
        if message.attachments:
            fields["Attachments"] = [_write_attachment(one) for one in message.attachments]
        return fields

    def _check_metadata(self, message: Message) -> None:
        count = len({*self._metadata, *message.metadata})
        if count > _MOST_METADATA:
            raise InvalidMessage(
                f"Postmark takes at most {_MOST_METADATA} texts in metadata, and this message has {count} with those "
                "of the config: leave some out."
            )


def _write_addresses(message: Message) -> dict[str, str]:
    fields = {}
    if message.reply_to is not None:
        fields["ReplyTo"] = ascii_mailbox(message.reply_to)
    if message.cc:
        fields["Cc"] = ",".join(map(ascii_address, message.cc))
    if message.bcc:
        fields["Bcc"] = ",".join(map(ascii_address, message.bcc))
    return fields


def _write_content(content: Content) -> dict[str, str]:
    parts = {"Subject": content.subject, "TextBody": content.text, "HtmlBody": content.html}
    return {field: text for field, text in parts.items() if text or field == "Subject"}


def _check_type(attachment: Attachment) -> None:
    if forbidden := find_forbidden_type(attachment.name):
        raise InvalidMessage(
            f"Postmark takes no .{forbidden} files: pack the file into an archive, or send a link to it."
        )


def _write_headers(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in headers.items()]


def _write_attachment(attachment: Attachment) -> dict[str, str]:
    fields = {"Name": attachment.name, "Content": attachment.encoded, "ContentType": attachment.content_type}
    return fields if attachment.content_id is None else {**fields, "ContentID": f"cid:{attachment.content_id}"}


def ascii_mailbox(mailbox: str) -> str:
    """Return a mailbox with the domain of its address in ASCII, as Postmark wants it.

    Raises:
        InvalidMessage: the domain can't be written so.

    """
    name, bracket, rest = mailbox.rpartition("<")
    return f"{name}<{ascii_address(rest.removesuffix('>'))}>" if bracket else ascii_address(mailbox)
