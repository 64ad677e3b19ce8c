"""The test panel: what its buttons do with a draft that is stored nowhere yet."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import g

from connector_core.address import ascii_address, check_address
from connector_core.console.trial import check_trial, send_trial
from connector_core.errors import InvalidConfig, InvalidMessage
from connector_core.message import Message
from connector_core.payloads import sample_payload
from connector_core.templates import GENERIC

if TYPE_CHECKING:
    from werkzeug.datastructures import MultiDict

    from connector_core.console.connector_page import ConnectorPage
    from connector_core.console.console import Console


def run_trial(console: Console, page: ConnectorPage, action: str, data: MultiDict[str, str]) -> None:
    """Check the draft of a page at the provider, or send a message with it, and note on the page what came of it.

    Args:
        console: the console.
        page: the page; its draft has no issues.
        action: `check` or `send`.
        data: what the browser sent: `to`, `usage_type`, `locale`, `payload`.

    """
    references = console.follows_references(page.stored, page.draft)
    try:
        if action == "check":
            page.findings = check_trial(page.connector, page.draft.config, references=references)
            page.was_checked = True
            return
        message = _read_message(data, is_mail=page.connector.metadata.type == "Email")
        if not console.trial_rate.take(message.to):
            page.trial_problem = g.texts("Those were many test messages in a short time: wait a few minutes.")
            return
        page.trial = send_trial(page.connector, page.draft.config, message, references=references)
        console.trials.add(page.connector.id, page.trial)
    except (InvalidMessage, InvalidConfig) as error:
        page.trial_problem = str(error)


def _read_message(data: MultiDict[str, str], *, is_mail: bool) -> Message:
    """Return the message that the panel describes.

    Raises:
        InvalidMessage: a part is missing or malformed; the sentence names it.

    """
    usage_type = data.get("usage_type", "").strip() or GENERIC
    locale = data.get("locale", "").strip() or None
    message = Message(
        to=data.get("to", "").strip(),
        type=usage_type,
        payload=_read_payload(data.get("payload", ""), sample_payload(usage_type, locale)),
    )
    if locale is not None:
        message.payload = {**message.payload, "locale": locale}
    if is_mail:
        check_address(message.to)
        ascii_address(message.to)
    return message


def _read_payload(text: str, sample: dict[str, Any]) -> Any:
    if not text.strip():
        return sample
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidMessage(g.texts('The payload is no JSON: write an object such as {"code": "123456"}.')) from None
