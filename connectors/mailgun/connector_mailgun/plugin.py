"""The hooks of the Mailgun connector, the request that it makes, and the answers that it understands."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from connector_core import (
    AccountRestricted,
    AuthorizationFailed,
    ConnectorMetadata,
    Mailbox,
    RateLimitExceeded,
    RecipientRejected,
    Secret,
    SenderRejected,
    SendError,
    SendResult,
    TemplateIndex,
    ascii_address,
    clean_header,
    find_repeated_templates,
    hookimpl,
    make_refusal,
    render_content,
    render_text,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import date

    from connector_core import Config, ConfigIssue, Finding, Message, Response, Sandbox, Transport

_FIELD_OF_SETTING = {
    "tag": "o:tag",
    "testMode": "o:testmode",
    "trackClicks": "o:tracking-clicks",
    "trackOpens": "o:tracking-opens",
}
"""Mailgun's field for each optional setting (API reference, "Messages", "Send an email")."""


class _Rule(NamedTuple):
    """What a refusal means that has one of the statuses, and words that the pattern finds."""

    statuses: Collection[int]
    words: str = ""
    kind: type[SendError] | None = None
    advice: str | None = None

    def fits(self, status: int, said: str) -> bool:
        return status in self.statuses and re.search(self.words, said) is not None


_REFUSED = {400, 401, 402, 403, 420, 429}
"""Statuses with which Mailgun surely has not taken a message, so that its words may say why."""

_TO = "Mailgun can't read the recipient: check the address"
_RESTRICTED = "Mailgun does not let the account send this: do what it says"
_KEY = "Mailgun refuses the API key: check apiKey in the config, and that it is for domain and endpoint"
_DOMAIN = "Mailgun doesn't know the domain: check domain and endpoint in the config"
_PLACE = "Mailgun doesn't find this: check endpoint in the config, and the name of the template if there is one"

_RULES = (
    _Rule(_REFUSED, "limit exceeded, try again after", RateLimitExceeded),
    _Rule(_REFUSED, "domain is unverified", SenderRejected, "Create the DNS records that Mailgun shows for the domain"),
    _Rule(_REFUSED, "is not allowed to send|are for test purposes only", AccountRestricted, _RESTRICTED),
    _Rule({400}, "^'?from'? parameter is", SenderRejected, "Mailgun can't read the sender: check from in the config"),
    _Rule({400}, "^'?to'? parameter is", RecipientRejected, _TO),
    _Rule({400}, "^'?b?cc'? parameter is", RecipientRejected, "Mailgun can't read cc or bcc: check the addresses"),
    _Rule({401, 403}, "", AuthorizationFailed, _KEY),
    _Rule({404}, "^Domain not found", SenderRejected, _DOMAIN),
    _Rule({404}, "", SendError, _PLACE),
    _Rule({420}, "", RateLimitExceeded),
)
"""The first that fits is what a refusal means, for Mailgun has no codes. The tests name the source of each sentence."""

SURROGATES = re.compile("[\ud800-\udfff]")
"""Halves of pairs, which a message may hold: alone they have no bytes in a form."""

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
    if not message.is_plain:
        from connector_mailgun.options import send_with_options

        answer = send_with_options(requests, message, transport)
    else:
        answer = transport.request("POST", requests.url, headers=requests.headers, data=requests.make_form(message))
    message_id = read_text(answer, "id")
    if answer.status != HTTPStatus.OK or not message_id:
        raise read_refusal(answer, message.to)
    everybody = (message.to, *message.cc, *message.bcc)
    return SendResult(message_id=message_id, status="queued", recipients=dict.fromkeys(everybody, "queued"))


@hookimpl
def check_connection(config: Config, transport: Transport) -> Iterator[Finding]:
    """Say whether the config works at Mailgun."""
    from connector_mailgun.live_check import check

    return check(config, transport)


@hookimpl
def get_usage(config: Config, since: date, transport: Transport) -> int:
    """Return how many mails Mailgun took from the config's domain since a day."""
    from connector_mailgun.usage import count_accepted

    return count_accepted(config, since, transport)


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
        self.fixed: dict[str, str] = {"from": str(Mailbox.parse(config["from"]))}
        settings = {field: config[setting] for setting, field in _FIELD_OF_SETTING.items() if setting in config}
        self.fixed |= {field: {True: "yes", False: "no"}.get(value, value) for field, value in settings.items()}

    def make_form(self, message: Message) -> dict[str, str]:
        """Return the fields for a message, without its options."""
        entry = self._deliveries.find(message.type, message.payload.get("locale"))
        variables = {**entry.get("variables", {}), **message.payload}
        form = {**self.fixed, "to": ascii_address(message.to)}
        if "replyTo" in entry:
            form["h:Reply-To"] = str(Mailbox.parse(entry["replyTo"]))
        subject = entry.get("subject", "")
        if "template" in entry:
            # Not h:X-Mailgun-Variables, as Logto has it: what stands there is visible in the source of the mail.
            form |= {"template": entry["template"], "t:text": "yes"}
            form["t:variables"] = json.dumps(variables, ensure_ascii=False)
            form["subject"] = clean_header(render_text(subject, variables))
        else:
            content = render_content(variables, subject=subject, html=entry.get("html"), text=entry.get("text"))
            form |= {"subject": content.subject, "text": content.text, "html": content.html}
        return {field: SURROGATES.sub("\ufffd", value) for field, value in form.items() if value}


def read_refusal(answer: Response, to: str) -> SendError:
    """Return the error for an answer that confirms no message."""
    # A word such as "Forbidden" is worth quoting, a page is not.
    said = read_text(answer, "message") or ("" if b"<" in answer.body else answer.body.decode(errors="replace"))
    words = said[:_MAX_READ]
    rule = next((rule for rule in _RULES if rule.fits(answer.status, words)), _Rule(()))
    wait = _TRY_AGAIN.search(words)
    if wait and rule.kind is RateLimitExceeded:
        answer = replace(answer, headers={"retry-after": wait[1], **answer.headers})
    recipients = [to] if rule.advice is _TO else []
    return make_refusal(answer, "Mailgun", said=said, kind=rule.kind, advice=rule.advice, recipients=recipients)


def read_text(answer: Response, key: str) -> str | None:
    """Return a text of the object that an answer holds."""
    body = answer.json()
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) else None
