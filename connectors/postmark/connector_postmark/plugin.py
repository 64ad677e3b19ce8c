"""The hooks of the Postmark connector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import (
    Config,
    ConfigIssue,
    ConnectorMetadata,
    Finding,
    Message,
    Sandbox,
    SendError,
    SendResult,
    Template,
    TemplateChange,
    Transport,
    find_repeated_templates,
    format_path,
    hookimpl,
)
from connector_postmark.request import PostmarkRequests
from connector_postmark.response import complete, parse_response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

_SETTING_OF_HEADER = {"from": "fromEmail", "reply-to": "replyTo", "to": None, "cc": None, "bcc": None, "subject": None}
"""Headers that Postmark takes from fields of its own, by the setting that fills the field."""


@hookimpl
def connector_metadata() -> ConnectorMetadata:
    """Say who the connector is."""
    return ConnectorMetadata.load("connector_postmark")


@hookimpl
def validate_config(config: Config) -> list[ConfigIssue]:
    """Return what the schema can't say: repeated templates, mailboxes and headers that Postmark would refuse."""
    return [
        *find_repeated_templates(config),
        *_check_mailboxes(config),
        *_check_headers(config),
    ]


@hookimpl
def send_message(config: Config, message: Message, transport: Transport) -> SendResult:
    """Send one mail (Postmark developer docs, "Send email with template" and "Send a single email")."""
    requests = config.keep(PostmarkRequests)
    url, body = requests.find_url(message), requests.make_body(message)
    answer = transport.request("POST", url, headers=requests.headers, json=body)
    del body  # a crash report shows local variables, and this one has the code of the message
    only_to = not (message.cc or message.bcc)
    result = parse_response(answer.status, answer.headers, answer.body, only_to=only_to)
    return complete(result, message, answer.status)


@hookimpl
def send_messages(config: Config, messages: Sequence[Message], transport: Transport) -> list[SendResult | SendError]:
    """Send many mails at once."""
    from connector_postmark.batch import send_batch

    return send_batch(config, messages, transport)


@hookimpl
def check_connection(config: Config, transport: Transport) -> Iterator[Finding]:
    """Say whether the config works at Postmark."""
    from connector_postmark.live_check import check

    return check(config, transport)


@hookimpl
def provision_templates(config: Config, templates: Sequence[Template], transport: Transport) -> list[TemplateChange]:
    """Say what has to change at Postmark so that the templates which the config names are there."""
    from connector_postmark.provisioning import plan_changes

    return plan_changes(config, templates, transport)


@hookimpl
def get_usage(config: Config, since: date, transport: Transport) -> int:
    """Return how many mails Postmark sent for the config since a day."""
    from connector_postmark.usage import count_sent

    return count_sent(config, since, transport)


@hookimpl
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox:
    """Return a local Postmark; it needs the extra `sandbox`."""
    from connector_postmark.sandbox import PostmarkSandbox

    return PostmarkSandbox(config, port=port)


def _check_mailboxes(config: Config) -> Iterator[ConfigIssue]:
    for key in ("fromEmail", "replyTo"):
        mailbox = config.get(key)
        if not isinstance(mailbox, str):
            continue
        if not mailbox.rpartition("@")[0].rpartition("<")[2].isascii():
            problem = "Postmark takes no accented letters before the @: write the address without them."
            yield ConfigIssue(f"$.{key}", "bad_format", problem)


def _check_headers(config: Config) -> Iterator[ConfigIssue]:
    headers = config.get("headers")
    seen: set[str] = set()
    for name in headers if isinstance(headers, dict) else ():
        lower = name.lower()
        if lower in _SETTING_OF_HEADER:
            setting = _SETTING_OF_HEADER[lower]
            problem = f"Use the setting {setting} instead." if setting else "Postmark fills this header in: remove it."
            yield ConfigIssue(format_path(["headers", name]), "not_allowed", problem)
        elif lower in seen:
            problem = "This header is there already, in other letters: keep one of them."
            yield ConfigIssue(format_path(["headers", name]), "repeated", problem)
        seen.add(lower)
