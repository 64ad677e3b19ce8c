"""The SendGrid sandbox: `POST /v3/mail/send` on this machine, with an outbox to look at.

Refusals are SendGrid's own, as people met them: see the issue threads that the tests of the connector name. What it
tells of the account is in sandbox_account.py.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from importlib import resources
from types import NoneType
from typing import TYPE_CHECKING, Any, NoReturn

from connector_core import Secret
from connector_core.sandbox import HttpSandbox, copy_config
from connector_sendgrid.sandbox_account import EVERY_SCOPE, AccountApi
from connector_sendgrid.sandbox_options import LARGEST_MAIL, describe_options, find_problems

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flask import Flask, Response

SENDER = "sandbox@example.com"
REFUSED_RECIPIENT = "refused@example.com"
"""The address that this sandbox always refuses. SendGrid refuses malformed ones only, and bounces later."""

_EXAMPLE = """curl {url}/v3/mail/send \\
  -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" \\
  -d '{"personalizations": [{"to": [{"email": "you@example.com"}]}], "from": {"email": "sandbox@example.com"},
       "subject": "Your code", "content": [{"type": "text/plain", "value": "Your code is 123456."}]}'"""
_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\.]+(\.[^\s@<>,;:\"()\[\]\\.]+)+")
_DYNAMIC_TEMPLATE = re.compile(r"d-[0-9a-f]{32}")
_NO_KEY = "Permission denied, wrong credentials"
_WRONG_KEY = "The provided authorization grant is invalid, expired, or revoked"
_WRONG_TYPE = "Content-Type should be application/json."
_NO_PERSONALIZATION = "The personalizations field is required and must have at least one personalization."
_NO_RECIPIENT = (
    "The to array is required for all personalization objects, and must have at least one email object with a valid "
    "email address."
)
_BAD_RECIPIENT = "Does not contain a valid address."
_NO_SENDER = (
    "The from object must be provided for every email send. It is an object that requires the email parameter, but may "
    'also contain a name parameter.  e.g. {"email" : "example@example.com"}  or {"email" : "example@example.com", '
    '"name" : "Example Recipient"}.'
)
_BAD_SENDER = "The from email does not contain a valid address."
_UNVERIFIED = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved. "
    "Visit https://sendgrid.com/docs/for-developers/sending-email/sender-identity/ to see the Sender Identity "
    "requirements"
)
_NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a subject defined or if "
    "every personalization has a subject defined."
)
_NO_CONTENT = (
    "Unless a valid template_id is provided, the content parameter is required. There must be at least one defined "
    "content block. We typically suggest both text/plain and text/html blocks are included, but only one block is "
    "required."
)
_NO_VALUE = "The content {} must be a string at least one character in length."
_WRONG_ORDER = (
    "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: text/plain needs "
    "to be first, followed by text/html, followed by any other content."
)
_BAD_TEMPLATE = "The template_id must be a valid GUID, you provided '{}'."
_TOO_LARGE = "Request Entity Too Large"  # its real words aren't documented
_BAD_MODE = "The sandbox mode enable param should be a boolean value."
_BAD_TYPE = "Invalid type. Expected: {}, given: {}."

_TYPES_OF_MAIL = {
    "subject": str,
    "reply_to": dict,
    "headers": dict,
    "categories": list,
    "custom_args": dict,
    "attachments": list,
    "mail_settings": dict,
}
_TYPES_OF_ENVELOPE = {"subject": str, "cc": list, "bcc": list, "dynamic_template_data": dict}
_TYPE_NAMES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    NoneType: "null",
}


class SendGridSandbox(HttpSandbox):
    """Serve SendGrid's mail/send on loopback while a `with` block runs.

    It refuses the recipient `refused@example.com`. A mail with SendGrid's own sandbox mode on is checked and gets the
    status 200; it is not in the outbox, as SendGrid would not deliver it. Dynamic templates are not filled in.

    Args:
        config: a config whose key, sender and dynamic templates shall exist. Without one, or where its key is kept
            elsewhere, the sandbox makes its own.
        port: the port to listen on; 0 takes a free one.
        unverified_senders: addresses that SendGrid would not send from, nor yet from their domains.
        scopes: what the key may do.
        missing_templates: ids of the config's dynamic templates that SendGrid shall not have.
        inactive_templates: ids of the config's dynamic templates that shall have no active version.
        keep_messages: how many messages stay in the outbox.

    Raises:
        ModuleNotFoundError: the extra `sandbox` is not installed; the sentence says how to install it.

    """

    distribution = "connector-sendgrid"

    def __init__(  # noqa: PLR0913  each of them is a fact about the account
        self,
        config: Mapping[str, Any] | None = None,
        *,
        port: int = 0,
        unverified_senders: Iterable[str] = (),
        scopes: Iterable[str] = EVERY_SCOPE,
        missing_templates: Iterable[str] = (),
        inactive_templates: Iterable[str] = (),
        keep_messages: int = 1000,
    ) -> None:
        super().__init__("SendGrid", "sendgrid-email-service", port=port, keep_messages=keep_messages, example=_EXAMPLE)
        self.unverified_senders = set(unverified_senders)
        self.scopes = set(scopes)
        self.missing_templates = set(missing_templates)
        self.inactive_templates = set(inactive_templates)
        self._config = _adopt(config)

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""
        return {**copy_config(self._config), "apiUrl": self.url}

    def add_routes(self, app: Flask) -> None:
        """Add SendGrid's mail/send, and what tells of the account."""
        app.add_url_rule("/v3/mail/send", "mail_send", self._send, methods=["POST"], provide_automatic_options=False)
        AccountApi(self, self._config, self._refuse_key).add_routes(app)

    def _refuse_key(self, *scopes: str) -> Response | None:
        """Return the refusal of a key that is wrong or has none of the scopes; None where it may go on."""
        from flask import request

        authorization = request.headers.get("Authorization")
        if authorization is None or not secrets.compare_digest(
            authorization.encode("latin-1"), f"Bearer {self._config['apiKey']}".encode()
        ):
            return _refuse(401, [_reason(_WRONG_KEY if authorization else _NO_KEY)])
        return None if not scopes or self.scopes & set(scopes) else _refuse(403, [_reason("access forbidden")])

    def _send(self) -> Response:
        from flask import request

        if refusal := self._refuse_key("mail.send"):
            return refusal
        if request.mimetype != "application/json":
            return _refuse(415, [_reason(_WRONG_TYPE)])
        if (request.content_length or 0) > LARGEST_MAIL:
            return _refuse(413, [_reason(_TOO_LARGE)])
        body = _read_body(request.get_data())
        if not isinstance(body, dict):
            return _refuse(400, [_reason("Bad Request")])
        if reasons := list(_find_reasons(body)):
            return _refuse(400, reasons)
        is_unverified = body["from"]["email"] in self.unverified_senders
        return _refuse(403, [_reason(_UNVERIFIED, "from")]) if is_unverified else self._take(body)

    def _take(self, body: dict[str, Any]) -> Response:
        from flask import Response

        if _sandbox_mode(body):
            return Response(status=200, content_type="text/plain; charset=utf-8")
        message_id = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        content = {part["type"]: part["value"] for part in body.get("content", ())}
        for envelope in body["personalizations"]:
            payload = envelope.get("dynamic_template_data") if "template_id" in body else None
            written = content if payload is None else {"text/plain": _describe(payload)}
            self.accept(
                to=[party["email"] for kind in ("to", "cc", "bcc") for party in envelope.get(kind, ())],
                sender=_write_party(body["from"]),
                subject=envelope.get("subject") or body.get("subject") or f"Dynamic template {body['template_id']}",
                text=written.get("text/plain", ""),
                html=written.get("text/html", ""),
                request=body,
                payload=payload,
                message_id=message_id,
                details={"template": body.get("template_id"), **describe_options(body, envelope)},
            )
        headers = {"X-Message-Id": message_id}
        return Response(status=202, content_type="text/plain; charset=utf-8", headers=headers)


def _read_body(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _find_reasons(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what SendGrid would find wrong with a mail."""
    yield from _check_types(body, _TYPES_OF_MAIL)
    envelopes = body.get("personalizations")
    if not isinstance(envelopes, list) or not envelopes:
        yield _reason(_NO_PERSONALIZATION, "personalizations", "#-Personalizations-Errors")
    for index, envelope in enumerate(envelopes if isinstance(envelopes, list) else ()):
        yield from _check_recipients(envelope, f"personalizations.{index}")
    sender = body.get("from")
    if not isinstance(sender, dict) or not sender.get("email"):
        yield _reason(_NO_SENDER, "from.email", "#message.from")
    elif not _is_address(sender["email"]):
        yield _reason(_BAD_SENDER, "from.email", "#message.from")
    else:
        yield from _check_types(sender, {"name": str}, "from.")
    template = body.get("template_id")
    if template is not None and not (isinstance(template, str) and _DYNAMIC_TEMPLATE.fullmatch(template)):
        yield _reason(_BAD_TEMPLATE.format(template), "template_id", "#message.template_id")
    yield from _check_content(body, required=template is None)
    for message, field in find_problems(body):
        yield _reason(message, field, f"#message.{re.sub(r'[.][0-9]+', '', field)}")
    if not isinstance(_sandbox_mode(body), bool):
        yield _reason(_BAD_MODE, "mail_settings.sandbox_mode.enable", "#message.mail_settings.sandbox_mode.enable")


def _check_recipients(envelope: Any, field: str) -> Iterator[dict[str, Any]]:
    to = envelope.get("to") if isinstance(envelope, dict) else None
    if not isinstance(to, list) or not to:
        yield _reason(_NO_RECIPIENT, f"{field}.to", "#message.personalizations.to")
        return
    yield from _check_types(envelope, _TYPES_OF_ENVELOPE, f"{field}.")
    for kind in ("to", "cc", "bcc"):
        parties = envelope.get(kind)
        for index, party in enumerate(parties if isinstance(parties, list) else ()):
            address = party.get("email") if isinstance(party, dict) else None
            if not _is_address(address) or address == REFUSED_RECIPIENT:
                yield _reason(_BAD_RECIPIENT, f"{field}.{kind}.{index}.email", f"#message.personalizations.{kind}")
            else:
                yield from _check_types(party, {"name": str}, f"{field}.{kind}.{index}.")


def _check_types(part: Mapping[str, Any], types: Mapping[str, type], place: str = "") -> Iterator[dict[str, Any]]:
    """Yield a reason for each member of an object that has another type; the sentence is SendGrid's for `from`."""
    for key, wanted in types.items():
        if key in part and not isinstance(part[key], wanted):
            yield _reason(_BAD_TYPE.format(_TYPE_NAMES[wanted], _TYPE_NAMES[type(part[key])]), f"{place}{key}")


def _check_content(body: Mapping[str, Any], *, required: bool) -> Iterator[dict[str, Any]]:
    if required and not body.get("subject", ""):
        yield _reason(_NO_SUBJECT, "subject", "#message.subject")
    parts = body.get("content", [])
    if not isinstance(parts, list) or (required and not parts):
        yield _reason(_NO_CONTENT, "content", "#message.content")
        return
    for index, part in enumerate(parts):
        for key in ("type", "value"):
            value = part.get(key) if isinstance(part, dict) else None
            if not isinstance(value, str) or not value:
                yield _reason(_NO_VALUE.format(key), f"content.{index}.{key}", f"#message.content.{key}")
    order = [part.get("type") for part in parts if isinstance(part, dict)]
    if order not in ([], ["text/plain"], ["text/html"], ["text/plain", "text/html"]):
        yield _reason(_WRONG_ORDER, "content")


def _is_address(value: object) -> bool:
    # SendGrid accepts accents before the @, and drops the mail afterwards: a sandbox shows it at once.
    return isinstance(value, str) and value.isascii() and _ADDRESS.fullmatch(value) is not None


def _sandbox_mode(body: Mapping[str, Any]) -> Any:
    settings = body.get("mail_settings", {})
    mode = settings.get("sandbox_mode", {}) if isinstance(settings, dict) else None
    return mode.get("enable", False) if isinstance(mode, dict) else None


def _reason(message: str, field: str | None = None, anchor: str | None = None) -> dict[str, Any]:
    return {"message": message, "field": field, "help": f"{_HELP}{anchor}" if anchor else None}


def _refuse(status: int, reasons: list[dict[str, Any]]) -> Response:
    from flask import Response

    return Response(json.dumps({"errors": reasons}), status, content_type="application/json")


def _describe(payload: Mapping[str, Any]) -> str:
    """Return what stands for the content of a dynamic template, which only SendGrid knows."""
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in payload.items()
    )


def _write_party(party: Mapping[str, Any]) -> str:
    return f"{party['name']} <{party['email']}>" if party.get("name") else str(party["email"])


def _adopt(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the config that the sandbox knows, with a key of its own where the config's can't be known here."""
    if config is None:
        schema = json.loads((resources.files("connector_sendgrid") / "config.schema.json").read_text("utf-8"))
        config = {"fromEmail": SENDER, "templates": schema["properties"]["templates"]["examples"][0]}
    adopted: dict[str, Any] = copy_config(config)
    key = adopted.get("apiKey")
    plain = key.reveal() if isinstance(key, Secret) else key
    adopted["apiKey"] = plain if isinstance(plain, str) and plain else f"SG.sandbox.{secrets.token_urlsafe(24)}"
    return adopted
