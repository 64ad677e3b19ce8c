"""The hooks of the Mailgun connector, the request that it makes, and the answers that it understands."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from connector_core import (
    AccountRestricted,
    Config,
    ConfigIssue,
    ConnectorMetadata,
    Mailbox,
    Message,
    RateLimitExceeded,
    RecipientRejected,
    Response,
    Sandbox,
    Secret,
    SenderRejected,
    SendError,
    SendResult,
    TemplateIndex,
    Transport,
    ascii_address,
    clean_header,
    find_repeated_templates,
    hookimpl,
    make_refusal,
    render_content,
    render_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD_OF_SETTING = {
    "tag": "o:tag",
    "testMode": "o:testmode",
    "trackClicks": "o:tracking-clicks",
    "trackOpens": "o:tracking-opens",
}
"""Mailgun's field for each optional setting (API reference, "Messages", "Send an email")."""

_ERRORS: dict[str, tuple[type[SendError] | None, str | None]] = {
    "^4.. .*limit exceeded, try again after": (RateLimitExceeded, None),
    "^420": (RateLimitExceeded, None),
    "^4.. .*domain is unverified": (SenderRejected, "Create the DNS records that Mailgun shows for the domain"),
    "^4.. .*is not allowed to send": (AccountRestricted, "Mailgun does not let the account send this: do what it says"),
    "^400 '?from'? parameter is": (SenderRejected, "Mailgun can't read the sender: check from in the config"),
    "^400 '?to'? parameter is": (RecipientRejected, "Mailgun can't read the recipient: check the address"),
    "^401": (
        None,
        "Mailgun refuses the API key: check apiKey in the config, and that it is for domain and endpoint",
    ),
    "^404 Domain not found": (
        SenderRejected,
        "Mailgun doesn't know the domain: check domain and endpoint in the config",
    ),
    "^404": (None, "There is no such place at Mailgun: check endpoint in the config"),
}
"""The error and the advice, by the first pattern that fits status and sentence: Mailgun has no codes. None stands for
what the status alone says. The tests name the source of each sentence."""

_TRY_AGAIN = re.compile("try again after (.+)")
_MAX_READ = 1000


@hookimpl
def connector_metadata() -> ConnectorMetadata:
    """Say who the connector is."""
    return ConnectorMetadata.load("connector_mailgun")


@hookimpl
def validate_config(config: Config) -> list[ConfigIssue]:
    """Return what the schema can't say: repeated deliveries."""
    return find_repeated_templates(config, "deliveries")


@hookimpl
def send_message(config: Config, message: Message, transport: Transport) -> SendResult:
    """Send one mail (Mailgun API reference, "Messages", "Send an email")."""
    requests = config.keep(MailgunRequests)
    answer = transport.request("POST", requests.url, headers=requests.headers, data=requests.make_form(message))
    message_id = _read_text(answer, "id")
    if answer.status != HTTPStatus.OK or not message_id:
        raise read_refusal(answer, message.to)
    return SendResult(message_id=message_id, status="queued", recipients={message.to: "queued"})


@hookimpl
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox:
    """Return a local Mailgun; it needs the extra `sandbox`."""
    from connector_mailgun.sandbox import MailgunSandbox

    return MailgunSandbox(config, port=port)


class MailgunRequests:
    """The requests of one config: address, headers, and the form for a message."""

    def __init__(self, config: Config) -> None:
        from base64 import b64encode

        key: Secret = config["apiKey"]
        self.url: str = f"{config['endpoint'].rstrip('/')}/v3/{config['domain']}/messages"
        self.headers = {"Authorization": Secret(f"Basic {b64encode(b'api:' + key.reveal().encode()).decode()}")}
        self._deliveries = TemplateIndex(config["deliveries"])
        self._fixed: dict[str, str] = {"from": str(Mailbox.parse(config["from"]))}
        for setting, field in _FIELD_OF_SETTING.items():
            if setting in config:
                self._fixed[field] = {True: "yes", False: "no"}.get(config[setting], config[setting])

    def make_form(self, message: Message) -> dict[str, str]:
        """Return the form for a message.

        Raises:
            TemplateNotFound: no delivery serves the usage type.
            InvalidMessage: the domain of the recipient can't be written in ASCII.

        """
        entry = self._deliveries.find(message.type, message.payload.get("locale"))
        variables = {**entry.get("variables", {}), **message.payload}
        form = {**self._fixed, "to": ascii_address(message.to)}
        if "replyTo" in entry:
            form["h:Reply-To"] = str(Mailbox.parse(entry["replyTo"]))
        subject = entry.get("subject", "")
        if "template" in entry:
            # Not h:X-Mailgun-Variables, as Logto has it: what stands there is visible in the source of the mail.
            form |= {"template": entry["template"], "t:variables": json.dumps(variables), "t:text": "yes"}
            form["subject"] = clean_header(render_text(subject, variables))
        else:
            content = render_content(variables, subject=subject, html=entry.get("html"), text=entry.get("text"))
            form |= {"subject": content.subject, "text": content.text, "html": content.html}
        # One half of a surrogate pair, which a payload may hold, has no bytes in a form.
        return {field: value.encode(errors="replace").decode() for field, value in form.items() if value}


def read_refusal(answer: Response, recipient: str) -> SendError:
    """Return the error for an answer that confirms no message to a recipient."""
    # A word such as "Forbidden" is worth quoting, a page is not.
    said = _read_text(answer, "message") or ("" if b"<" in answer.body else answer.body.decode(errors="replace"))
    seen = f"{answer.status} {said[:_MAX_READ]}"
    kind, advice = next((error for pattern, error in _ERRORS.items() if re.search(pattern, seen)), (None, None))
    wait = _TRY_AGAIN.search(seen)
    if wait and kind is RateLimitExceeded:
        answer = replace(answer, headers={"retry-after": wait[1], **answer.headers})
    recipients = [recipient] if kind is RecipientRejected else []
    return make_refusal(answer, "Mailgun", said=said, kind=kind, advice=advice, recipients=recipients)


def _read_text(answer: Response, key: str) -> str | None:
    body = answer.json()
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) else None
