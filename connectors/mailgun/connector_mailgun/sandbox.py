"""The Mailgun sandbox: the part of Mailgun's API that sends, on this machine.

It refuses what Mailgun refuses, in Mailgun's own words; the tests name where each was read.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from email.utils import getaddresses
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from connector_core import Secret
from connector_core.sandbox import HttpSandbox, copy_config

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flask.typing import ResponseReturnValue

SENDER = "Example <noreply@mg.example.com>"
REFUSED_RECIPIENT = "refused@example.com"
"""The address that the sandbox always refuses, as Mailgun does for a free account."""

LARGEST_REQUEST = 54_945_382
"""Bytes: the 52.4 MiB that Mailgun's refusal of a larger request names.

A message may have 25 MB (Mailgun's user manual, "Send via HTTP"); what Mailgun says of a larger one isn't documented.
"""

_CONTENT_FIELDS = ("text", "html", "amp-html", "template")
_RECIPIENT_FIELDS = ("to", "cc", "bcc")
_FIELD_OF_DETAIL = {"template": "template", "replyTo": "h:Reply-To", "tag": "o:tag", "testMode": "o:testmode"}
_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
"""Mailgun wants a dot in the domain (ParabolInc/parabol#2653) and no accented letter (mailgun/mailgun-php#211)."""


class MailgunSandbox(HttpSandbox):
    """Serve Mailgun's sending API on loopback while a `with` block runs.

    Args:
        config: a config whose key and domain shall be known. Without one, or where its key is kept elsewhere, the
            sandbox makes its own.
        port: the port to listen on; 0 takes a free one.

    Raises:
        ModuleNotFoundError: the extra `sandbox` is not installed; the sentence says how to install it.

    """

    distribution = "connector-mailgun"

    def __init__(self, config: Mapping[str, Any] | None = None, *, port: int = 0) -> None:
        super().__init__("Mailgun", "mailgun-email", port=port)
        self._config = _adopt(config)
        self._domain = str(self._config.get("domain", "")).lower()

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""
        return {**copy_config(self._config), "endpoint": self.url}

    def add_routes(self, app: Flask) -> None:
        """Add the paths of Mailgun's API."""
        app.config["MAX_FORM_MEMORY_SIZE"] = None  # the route has Mailgun's own limit
        app.add_url_rule("/v3/<domain>/messages", "messages", self._send, methods=["POST"])

    def _send(self, domain: str) -> ResponseReturnValue:
        if not self._is_authorized():
            return Response("Forbidden", 401, {"WWW-Authenticate": 'Basic realm="MG API"'}, mimetype="text/plain")
        if (request.content_length or 0) > LARGEST_REQUEST:
            return _refuse(413, "request size exceeds 52.4MiB limit")
        if domain.lower() != self._domain:
            return _refuse(404, f"Domain not found: {domain}")
        form = request.form.to_dict(flat=False)
        problem = _find_problem(form)
        if problem:
            return _refuse(400, problem)
        everybody = dict.fromkeys(
            address for field in _RECIPIENT_FIELDS for address in _read_addresses(form.get(field, []))
        )
        if REFUSED_RECIPIENT in everybody:
            return _refuse(
                403,
                f"Domain {domain} is not allowed to send: Free accounts are for test purposes only. Please upgrade or "
                "add the address to authorized recipients in Account Settings.",
            )
        return self._take(form, everybody)

    def _take(self, form: Mapping[str, list[str]], everybody: Iterable[str]) -> ResponseReturnValue:
        first = {field: values[0] for field, values in form.items()}
        variables = json.loads(first["t:variables"]) if "t:variables" in first else {}
        subject, text, html = _render(first, variables)
        accepted = self.accept(
            to=everybody,
            sender=first["from"],
            subject=subject,
            text=text,
            html=html,
            request={field: values[0] if len(values) == 1 else values for field, values in form.items()},
            payload=variables if "template" in first else None,
            message_id=f"<{datetime.now(UTC):%Y%m%d%H%M%S}.{secrets.token_hex(8)}@{self._domain}>",
            details={name: first.get(field) for name, field in _FIELD_OF_DETAIL.items()},
        )
        return jsonify(id=accepted.id, message="Queued. Thank you.")

    def _is_authorized(self) -> bool:
        given = request.authorization
        if given is None or given.type != "basic" or given.username != "api":
            return False
        return secrets.compare_digest((given.password or "").encode(), self._config["apiKey"].encode())


def _refuse(status: int, message: str) -> ResponseReturnValue:
    return jsonify(message=message), status


def _find_problem(form: Mapping[str, list[str]]) -> str | None:
    """Return what Mailgun says of a form that it refuses, None where it takes it."""
    for field in ("from", "to"):
        if not any(form.get(field, [])):
            return f"{field} parameter is missing"
    for field in ("from", *_RECIPIENT_FIELDS):
        if not all(_ADDRESS.fullmatch(address) for address in _read_addresses(form.get(field, []))):
            return f"{field} parameter is not a valid address. please check documentation"
    if not any(form.get(field, [""])[0] for field in _CONTENT_FIELDS):
        return "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified"
    if not all(_is_json_object(text) for text in form.get("t:variables", [])):
        # What Mailgun says of t:variables is not documented; this is what it says of recipient-variables.
        return "'t:variables' parameter is not a valid JSON"
    return None


def _read_addresses(values: list[str]) -> list[str]:
    """Return the address of each mailbox in comma-joined lists; an empty text stands for what is none."""
    return [address if value.isprintable() else "" for value in values for _, address in getaddresses([value])]


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _render(fields: Mapping[str, str], variables: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return subject, text and HTML; every template has a plain content of its own, which shows the variables."""
    subject = fields.get("subject", "")
    if "template" not in fields:
        return subject, fields.get("text", ""), fields.get("html", "")
    title = f"Template {fields['template']}"
    described = _describe(variables)
    text = f"{title}\n\n{described}" if fields.get("t:text") == "yes" else ""
    return subject or title, text, f"<h1>{escape(title)}</h1>\n<pre>{escape(described)}</pre>"


def _describe(payload: Mapping[str, Any]) -> str:
    """Return what stands for the content of a template, which only Mailgun knows."""
    return "\n".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in payload.items()
    )


def _adopt(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the config that the sandbox knows, with a key of its own where the config's can't be known here."""
    if config is None:
        schema = json.loads((resources.files("connector_mailgun") / "config.schema.json").read_text("utf-8"))
        deliveries = schema["properties"]["deliveries"]["examples"][0]
        config = {"domain": "mg.example.com", "from": SENDER, "deliveries": deliveries}
    adopted: dict[str, Any] = copy_config(config)
    key = adopted.get("apiKey")
    plain = key.reveal() if isinstance(key, Secret) else key
    adopted["apiKey"] = plain if isinstance(plain, str) and plain else secrets.token_hex(16)
    return adopted
