"""What goes to Postmark: made once for a config, then filled in for each message."""

from __future__ import annotations

from typing import Any

from connector_core import Config, Message, TemplateIndex, ascii_address
from connector_postmark.api import make_base, make_headers

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


class PostmarkRequests:
    """The requests of one config: address, headers, and the body for a message."""

    def __init__(self, config: Config) -> None:
        self.url = f"{make_base(config)}/email/withTemplate"
        self.headers = make_headers(config)
        self._sender = ascii_mailbox(config["fromEmail"])
        self._templates = TemplateIndex(config["templates"])
        self._options = {field: config[setting] for setting, field in _FIELD_OF_SETTING.items() if setting in config}
        if "replyTo" in config:
            self._options["ReplyTo"] = ascii_mailbox(config["replyTo"])
        if "headers" in config:
            self._options["Headers"] = [{"Name": name, "Value": value} for name, value in config["headers"].items()]

    def make_body(self, message: Message) -> dict[str, Any]:
        """Return the JSON body for a message.

        Raises:
            TemplateNotFound: no template serves the usage type.
            InvalidMessage: the domain of the recipient can't be written in ASCII.

        """
        entry = self._templates.find(message.type, message.payload.get("locale"))
        template = (
            {"TemplateAlias": entry["templateAlias"]}
            if "templateAlias" in entry
            else {"TemplateId": int(entry["templateId"])}
        )
        return {
            "From": self._sender,
            "To": ascii_address(message.to),
            **template,
            "TemplateModel": message.payload,
            **self._options,
        }


def ascii_mailbox(mailbox: str) -> str:
    """Return a mailbox with the domain of its address in ASCII, as Postmark wants it.

    Raises:
        InvalidMessage: the domain can't be written so.

    """
    name, bracket, rest = mailbox.rpartition("<")
    return f"{name}<{ascii_address(rest.removesuffix('>'))}>" if bracket else ascii_address(mailbox)
