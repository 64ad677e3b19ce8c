"""The hooks of the SendGrid connector, with the request and the answers of `POST /v3/mail/send`.

Source: Twilio SendGrid docs, "Mail Send" and "Errors". The bodies of refusals are in the tests, with their sources.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from connector_core import (
    AccountRestricted,
    Config,
    ConfigIssue,
    ConnectorMetadata,
    Mailbox,
    Message,
    RecipientRejected,
    Response,
    Sandbox,
    Secret,
    SenderRejected,
    SendError,
    SendResult,
    TemplateIndex,
    TemplateNotFound,
    Transport,
    UsageLimitExceeded,
    ascii_address,
    find_repeated_templates,
    hookimpl,
    make_refusal,
    render_content,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHECKED, _ACCEPTED, _TOO_MANY = 200, 202, 429
_REFUSED = range(400, 500)
_KINDS: dict[type[SendError], str] = {
    UsageLimitExceeded: r"maximum credits|exceeded your messaging limits",
    SenderRejected: r"^<from\b|verified sender identity",
    RecipientRejected: r"^<personalizations\.\d+\.to\b",
    TemplateNotFound: r"^<template_id\b",
    AccountRestricted: r"\baccount\b.{0,99}\b(suspended|deactivated|disabled|banned|under review)|temporarily blocked",
}
"""How `<field> message` of a reason looks. An account without credits has the status 401, a wrong sender 403."""
_ADVICE: dict[type[SendError] | int, str] = {
    UsageLimitExceeded: "The SendGrid account has no credits left: look at its plan and usage in SendGrid",
    SenderRejected: "SendGrid does not accept the sender: verify fromEmail in SendGrid, or authenticate its domain",
    RecipientRejected: "SendGrid does not accept the recipient: check the address",
    TemplateNotFound: "SendGrid does not know the template: compare templateId in the config with SendGrid",
    AccountRestricted: "The SendGrid account may not send: answer SendGrid's notice by mail, or ask its support",
    401: "SendGrid refuses the API key: check that it exists, may use Mail Send, and belongs to the region of apiUrl",
    403: "SendGrid forbids this API key to send: give it the permission Mail Send, or use another key",
    404: "There is no SendGrid API at this address: check apiUrl in the config",
}


@hookimpl
def connector_metadata() -> ConnectorMetadata:
    """Say who the connector is."""
    return ConnectorMetadata.load("connector_sendgrid")


@hookimpl
def validate_config(config: Config) -> list[ConfigIssue]:
    """Return what the schema can't say: repeated templates."""
    return find_repeated_templates(config)


@hookimpl
def send_message(config: Config, message: Message, transport: Transport) -> SendResult:
    """Send one mail."""
    requests = config.keep(_Requests)
    answer = transport.request("POST", requests.url, headers=requests.headers, json=requests.make_body(message))
    message_id = answer.headers.get("x-message-id", "")
    if answer.status == _ACCEPTED and re.fullmatch(r"[!-~]{1,200}", message_id):
        return SendResult(message_id=message_id, status="queued", recipients={message.to: "queued"})
    if answer.status == _CHECKED and config["sandboxMode"] and not answer.body.strip():
        return SendResult(message_id="sandbox-mode", status="queued", recipients={message.to: "unknown"})
    raise _make_error(answer, message.to)


@hookimpl
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox:
    """Return a local SendGrid; it needs the extra `sandbox`."""
    from connector_sendgrid.sandbox import SendGridSandbox

    return SendGridSandbox(config, port=port)


class _Requests:
    """The requests of one config: address, headers, and the body for a message."""

    def __init__(self, config: Config) -> None:
        self.url: str = f"{config['apiUrl'].rstrip('/')}/v3/mail/send"
        self.headers: dict[str, str | Secret] = {
            "Accept": "application/json",
            "Authorization": Secret(f"Bearer {config['apiKey'].reveal()}"),
        }
        self._templates = TemplateIndex(config["templates"])
        sender = Mailbox(config.get("fromName", ""), ascii_address(config["fromEmail"]))
        self._settings: dict[str, Any] = {"from": _write_mailbox(sender)}
        if "replyTo" in config:
            self._settings["reply_to"] = _write_mailbox(Mailbox.parse(config["replyTo"]))
        if "categories" in config:
            self._settings["categories"] = config["categories"]
        if config["sandboxMode"]:
            self._settings["mail_settings"] = {"sandbox_mode": {"enable": True}}

    def make_body(self, message: Message) -> dict[str, Any]:
        entry = self._templates.find(message.type, message.payload.get("locale"))
        envelope: dict[str, Any] = {"to": [{"email": ascii_address(message.to)}]}
        body = {"personalizations": [envelope], **self._settings}
        if "templateId" in entry:
            envelope["dynamic_template_data"] = message.payload
            return {**body, "template_id": entry["templateId"]}
        is_html = entry["type"] == "text/html"
        parts = {"html": entry["content"], "text": entry.get("text")} if is_html else {"text": entry["content"]}
        content = render_content(message.payload, subject=entry["subject"], **parts)
        written = {"text/plain": content.text, "text/html": content.html}  # SendGrid refuses the other order
        body["subject"] = content.subject
        body["content"] = [{"type": kind, "value": value} for kind, value in written.items() if value]
        return body


def _make_error(answer: Response, to: str) -> SendError:
    """Return the error for an answer that is no success; as SendGrid has no numbers, its code is the field."""
    body = answer.json()
    found = body.get("errors") if isinstance(body, dict) else None
    errors = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    reasons = [f"<{_read(one, 'field')}> {_read(one, 'message')}" for one in errors]
    code = (_read(errors[0], "field") or _read(errors[0], "error_id")) if errors else ""
    kinds = [kind for reason in reasons for kind, words in _KINDS.items() if re.search(words, reason, re.IGNORECASE)]
    kind = kinds[0] if kinds and answer.status in _REFUSED else None
    error = make_refusal(
        answer,
        "SendGrid",
        said=" ".join(filter(None, (_read(one, "message") for one in errors))),
        code=code if re.fullmatch(r"[\w.-]{1,100}", code) else None,
        kind=kind,
        advice=_ADVICE.get(kind or answer.status),
        recipients=[to] if kind is RecipientRejected else (),
    )
    reset = answer.headers.get("x-ratelimit-reset", "")  # the end of the period (SendGrid docs, "Rate Limits")
    if answer.status == _TOO_MANY and error.retry_after is None and re.fullmatch("[0-9]{1,11}", reset):
        error.retry_after = max(0.0, int(reset) - time.time())
    return error


def _read(error: Mapping[str, Any], key: str) -> str:
    """Return a text of one of the `errors`; SendGrid's API description has `"null"` for a field that isn't there."""
    value = error.get(key)
    return value if isinstance(value, str) and value != "null" else ""


def _write_mailbox(mailbox: Mailbox) -> dict[str, str]:
    return {"email": mailbox.address, **({"name": mailbox.name} if mailbox.name else {})}
