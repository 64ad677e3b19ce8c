"""The hooks of the SendGrid connector, with the request and the answers of `POST /v3/mail/send`."""

# Source: Twilio SendGrid docs, "Mail Send" and "Errors". The bodies of refusals are in the tests, with their sources.

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    ConnectorMetadata,
    Mailbox,
    RecipientRejected,
    Secret,
    SenderRejected,
    SendError,
    SendResult,
    TemplateIndex,
    TemplateNotFound,
    UsageLimitExceeded,
    ascii_address,
    find_repeated_templates,
    hookimpl,
    make_refusal,
    render_content,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import date

    from connector_core import Config, ConfigIssue, Finding, Message, Response, Sandbox, Transport


class _Rule(NamedTuple):
    """What a refusal means that has one of the statuses, and a reason `<field> message` that the pattern finds."""

    statuses: Collection[int]
    words: str = ""
    kind: type[SendError] | None = None
    advice: str | None = None

    def fits(self, status: int, said: str) -> bool:
        return status in self.statuses and re.search(self.words, said, re.IGNORECASE | re.MULTILINE) is not None


_CHECKED, _ACCEPTED, _TOO_MANY = 200, 202, 429
_REFUSED = {400, 401, 403, 413}  # SendGrid surely has not taken the mail, so that its words may say why

ACCENTS = "SendGrid does not deliver to an address with accented letters before the @: ask for another address."
_SENDER = "SendGrid does not accept the sender: verify fromEmail in SendGrid, or authenticate its domain"
_TEMPLATE = "SendGrid does not know the template: compare templateId in the config with SendGrid"
_CREDITS = "The SendGrid account has no credits left: look at its plan and usage in SendGrid"
_ACCOUNT = "The SendGrid account may not send: answer the notice that SendGrid sent by mail, or ask SendGrid's support"
_BARRED = r"\baccount\b.{0,99}\b(suspended|deactivated|disabled|banned|under review)|temporarily blocked"
_KEY = "SendGrid refuses the API key: check that it exists, may use Mail Send, and belongs to the region of apiUrl"
_REGION = "SendGrid does not serve this account in the region of apiUrl: check apiUrl in the config"

# The first that fits is what a refusal means: a reason with a field goes before one about the account, without any.
_RULES = (
    _Rule(_REFUSED, r"^<from\b|verified sender identity", SenderRejected, _SENDER),
    _Rule(_REFUSED, r"^<personalizations\.0\.(to|b?cc)", RecipientRejected, "SendGrid can't read an address: check it"),
    _Rule(_REFUSED, r"^<template_id\b", TemplateNotFound, _TEMPLATE),
    _Rule(_REFUSED, "^<> .*(maximum credits|exceeded your messaging limits)", UsageLimitExceeded, _CREDITS),
    _Rule(_REFUSED, f"^<> .*({_BARRED})", AccountRestricted, _ACCOUNT),
    _Rule({401, 403}, "", AuthorizationFailed, _KEY),
    _Rule({404}, "", SendError, "There is no SendGrid API at this address: check apiUrl in the config"),
    _Rule({451}, "", SendError, _REGION),
)


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
    requests = config.keep(SendGridRequests)
    answer = transport.request("POST", requests.url, headers=requests.headers, json=requests.make_body(message))
    everybody = (message.to, *message.cc, *message.bcc)
    message_id = answer.headers.get("x-message-id", "")
    if answer.status == _ACCEPTED and re.fullmatch(r"[!-~]{1,200}", message_id):
        return SendResult(message_id=message_id, status="queued", recipients=dict.fromkeys(everybody, "queued"))
    if answer.status == _CHECKED and config["sandboxMode"] and not answer.body.strip():
        return SendResult(message_id="sandbox-mode", status="queued", recipients=dict.fromkeys(everybody, "unknown"))
    raise read_refusal(answer, message.to)


@hookimpl
def check_connection(config: Config, transport: Transport) -> Iterator[Finding]:
    """Say whether the config works at SendGrid."""
    from connector_sendgrid.live_check import check

    return check(config, transport)


@hookimpl
def get_usage(config: Config, since: date, transport: Transport) -> int:
    """Return how many mails SendGrid took from the config's account since a day."""
    from connector_sendgrid.usage import count_requests

    return count_requests(config, since, transport)


@hookimpl
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox:
    """Return a local SendGrid; it needs the extra `sandbox`."""
    from connector_sendgrid.sandbox import SendGridSandbox

    return SendGridSandbox(config, port=port)


class SendGridRequests:
    """The requests of one config: address, headers, and the body for a message."""

    def __init__(self, config: Config) -> None:
        self.url: str = f"{config['apiUrl'].rstrip('/')}/v3/mail/send"
        self.headers: dict[str, str | Secret] = {"Accept": "application/json"}
        self.headers["Authorization"] = Secret(f"Bearer {config['apiKey'].reveal()}")
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
        """Return the body for one message."""
        to = ascii_address(message.to)
        if not to.isascii():  # SendGrid accepts such a mail and drops it: sendgrid/sendgrid-csharp, issues 255 and 656
            raise RecipientRejected(ACCENTS, recipients=[message.to])
        body = {"personalizations": [{"to": [{"email": to}]}], **self._settings}
        if not message.is_plain:
            from connector_sendgrid.options import add_options

            add_options(body, message)
        content = message.content
        if content is None:
            entry = self._templates.find(message.type, message.payload.get("locale"))
            if "templateId" in entry:
                body["personalizations"][0]["dynamic_template_data"] = message.payload
                return {**body, "template_id": entry["templateId"]}
            is_html = entry["type"] == "text/html"
            parts = {"html": entry["content"], "text": entry.get("text")} if is_html else {"text": entry["content"]}
            content = render_content(message.payload, subject=entry["subject"], **parts)
        written = {"text/plain": content.text, "text/html": content.html}  # SendGrid refuses the other order
        values = [{"type": kind, "value": value} for kind, value in written.items() if value]
        return {**body, "subject": content.subject, "content": values}


def read_refusal(answer: Response, to: str) -> SendError:
    """Return the error for an answer that is no success; as SendGrid has no numbers, its code is the field."""
    body = answer.json()
    found = body.get("errors") if isinstance(body, dict) else None
    errors = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    reasons = "\n".join(f"<{_read_text(one, 'field')}> {_read_text(one, 'message')}" for one in errors)
    said = " ".join(filter(None, (_read_text(one, "message") for one in errors)))
    field = (_read_text(errors[0], "field") or _read_text(errors[0], "error_id")) if errors else ""
    code = field if re.fullmatch(r"[\w.-]{1,100}", field) else None
    rule = next((rule for rule in _RULES if rule.fits(answer.status, reasons[:10_000])), _Rule(()))
    bad = [to] if rule.kind is RecipientRejected and ".to" in field else []
    error = make_refusal(answer, "SendGrid", said=said, code=code, kind=rule.kind, advice=rule.advice, recipients=bad)
    reset = answer.headers.get("x-ratelimit-reset", "")  # the end of the period (SendGrid docs, "Rate Limits")
    if answer.status == _TOO_MANY and error.retry_after is None and re.fullmatch("[0-9]{1,11}", reset):
        error.retry_after = max(0.0, int(reset) - time.time())
    return error


def _read_text(error: Mapping[str, Any], key: str) -> str:
    """Return a text of one of the `errors`; SendGrid's API description has `"null"` for a field that isn't there."""
    value = error.get(key)
    return value if isinstance(value, str) and value != "null" else ""


def _write_mailbox(mailbox: Mailbox) -> dict[str, str]:
    return {"email": mailbox.address, **({"name": mailbox.name} if mailbox.name else {})}
