"""The Mailgun sandbox: the parts of Mailgun's API that send, and that tell of the domain, on this machine.

It refuses what Mailgun refuses, in Mailgun's own words; the tests name where each was read. The shapes of what it tells
are those of Mailgun's OpenAPI file, and of mailgun/mailgun-ruby, folder vcr_cassettes: domains.yml, templates.yml and
metrics.yml.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from email.utils import format_datetime, getaddresses, parsedate_to_datetime
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from flask import Flask, Response, jsonify, request

from connector_core import Secret
from connector_core.sandbox import HttpSandbox, copy_config
from connector_mailgun.sandbox_options import Files, describe_options, find_excess, read_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flask.typing import ResponseReturnValue

    State = Literal["active", "unverified", "disabled"]

SENDER = "Example <noreply@mg.example.com>"
REFUSED_RECIPIENT = "refused@example.com"
"""The address that the sandbox always refuses, as Mailgun does for a free account."""

LARGEST_REQUEST = 54_945_382
"""Bytes: the 52.4 MiB that Mailgun's refusal of a larger request names.

A message may have 25 MB (Mailgun's user manual, "Send via HTTP"); what Mailgun says of a larger one isn't documented.
"""

_WHY_NOT: dict[State, str | None] = {
    "active": None,
    "unverified": "Domain DOMAIN is not allowed to send: The domain is unverified and requires DNS configuration. Log "
    "in to your control panel to view required DNS records.",
    "disabled": "Domain DOMAIN is not allowed to send: The domain is disabled.",  # its real words aren't documented
}
_IDS = ("b6894275-acd8-49da-ae60-04ea61f860e0", "2eb9b5cf-2a5d-4b12-a3bb-74bd4ef946aa")
_CONTENT_FIELDS = ("text", "html", "amp-html", "template")
_RECIPIENT_FIELDS = ("to", "cc", "bcc")
_FIELD_OF_DETAIL = {"template": "template", "replyTo": "h:Reply-To", "testMode": "o:testmode"}
_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+")
"""Mailgun wants a dot in the domain (ParabolInc/parabol#2653) and no accented letter (mailgun/mailgun-php#211)."""


class MailgunSandbox(HttpSandbox):
    """Serve Mailgun's sending API on loopback while a `with` block runs.

    Args:
        config: a config whose key, domain and templates shall be known. Without one, or where its key is kept
            elsewhere, the sandbox makes its own.
        port: the port to listen on; 0 takes a free one.
        is_sending_key: whether the key is a domain sending key, which may do nothing but send.
        domain_state: the state of the domain; it only sends while it is active.
        domain_type: `sandbox` for the domain that comes with each account.
        missing_templates: names of the config's templates that Mailgun shall not have.
        account_templates: names of the config's templates that shall be the account's, not the domain's.
        empty_templates: names of the config's templates that shall have no active version.

    Raises:
        ModuleNotFoundError: the extra `sandbox` is not installed; the sentence says how to install it.

    """

    distribution = "connector-mailgun"

    def __init__(  # noqa: PLR0913  each of them is a fact about the account
        self,
        config: Mapping[str, Any] | None = None,
        *,
        port: int = 0,
        is_sending_key: bool = False,
        domain_state: State = "active",
        domain_type: Literal["custom", "sandbox"] = "custom",
        missing_templates: Iterable[str] = (),
        account_templates: Iterable[str] = (),
        empty_templates: Iterable[str] = (),
    ) -> None:
        super().__init__("Mailgun", "mailgun-email", port=port)
        self._config = _adopt(config)
        self._domain = str(self._config.get("domain", "")).lower()
        self._is_sending_key = is_sending_key
        self._state = domain_state
        self._type = domain_type
        named = _find_templates(self._config.get("deliveries")) - set(missing_templates)
        self._has_version = {name: name not in set(empty_templates) for name in named}
        self._of_account = frozenset(account_templates)

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""
        return {**copy_config(self._config), "endpoint": self.url}

    def add_routes(self, app: Flask) -> None:
        """Add the paths of Mailgun's API."""
        app.config["MAX_FORM_MEMORY_SIZE"] = None  # the route has Mailgun's own limit
        app.add_url_rule("/v3/<domain>/messages", "messages", self._send, methods=["POST"])
        app.add_url_rule("/v4/domains/<domain>", "domain", self._show_domain)
        app.add_url_rule("/v3/<domain>/templates/<path:name>", "template", self._show_template)
        app.add_url_rule("/v4/templates/<path:name>", "account template", self._show_account_template)
        app.add_url_rule("/v1/analytics/metrics", "metrics", self._count, methods=["POST"])

    def _send(self, domain: str) -> ResponseReturnValue:
        if not self._has_key():
            return _forbid()
        if (request.content_length or 0) > LARGEST_REQUEST:
            return _refuse(413, "request size exceeds 52.4MiB limit")
        if domain.lower() != self._domain:
            return _refuse(404, f"Domain not found: {domain}")
        form = request.form.to_dict(flat=False)
        files = read_files(request.files.items(multi=True))
        everybody = dict.fromkeys(
            address for field in _RECIPIENT_FIELDS for address in _read_addresses(form.get(field, []))
        )
        problem = _find_problem(form) or find_excess(form, files, len(everybody)) or _WHY_NOT[self._state]
        if problem:
            return _refuse(400, problem.replace("DOMAIN", domain))
        if REFUSED_RECIPIENT in everybody:
            return _refuse(
                403,
                f"Domain {domain} is not allowed to send: Free accounts are for test purposes only. Please upgrade or "
                "add the address to authorized recipients in Account Settings.",
            )
        return self._take(form, files, everybody)

    def _take(self, form: Mapping[str, list[str]], files: Files, everybody: Iterable[str]) -> ResponseReturnValue:
        first = {field: values[0] for field, values in form.items()}
        variables = json.loads(first["t:variables"]) if "t:variables" in first else {}
        subject, text, html = _render(first, variables)
        accepted = self.accept(
            to=everybody,
            sender=first["from"],
            subject=subject,
            text=text,
            html=html,
            request={**{field: values[0] if len(values) == 1 else values for field, values in form.items()}, **files},
            payload=variables if "template" in first else None,
            message_id=f"<{datetime.now(UTC):%Y%m%d%H%M%S}.{secrets.token_hex(8)}@{self._domain}>",
            details={name: first.get(field) for name, field in _FIELD_OF_DETAIL.items()}
            | describe_options(form, files),
        )
        return jsonify(id=accepted.id, message="Queued. Thank you.")

    def _show_domain(self, domain: str) -> ResponseReturnValue:
        if self._is_sending_key or not self._has_key():
            return _forbid()
        if domain.lower() != self._domain:
            return _refuse(404, "Domain not found")
        shown: dict[str, Any] = {
            "created_at": "Mon, 24 Feb 2025 22:44:03 GMT",
            "id": "67bcf63306fcfd2fb4b7e056",
            "is_disabled": self._state == "disabled",
            "name": self._domain,
            "require_tls": False,
            "skip_verification": False,
            "smtp_login": f"postmaster@{self._domain}",
            "spam_action": "disabled",
            "state": self._state,
            "type": self._type,
            "use_automatic_sender_security": False,
            "web_prefix": "email",
            "web_scheme": "http",
            "wildcard": False,
        }
        if self._state == "disabled":
            shown["disabled"] = {"code": "blacklisted", "note": "", "permanently": False, "reason": "too many bounces"}
        return jsonify(domain=shown, receiving_dns_records=[], sending_dns_records=[])

    def _show_template(self, domain: str, name: str) -> ResponseReturnValue:
        if self._is_sending_key or not self._has_key():
            return _forbid()
        if domain.lower() != self._domain:
            return _refuse(404, "Domain not found")
        return self._find_template(name, of_account=False)

    def _show_account_template(self, name: str) -> ResponseReturnValue:
        if self._is_sending_key or not self._has_key():
            return _forbid()
        return self._find_template(name, of_account=True)

    def _find_template(self, name: str, *, of_account: bool) -> ResponseReturnValue:
        name = name.replace("%2F", "/")  # cheroot leaves a slash in a name as it came
        if name not in self._has_version or (name in self._of_account) is not of_account:
            return _refuse(404, "template not found")
        stamp = "Sun, 15 Oct 2023 15:33:22 UTC"
        shown: dict[str, Any] = {"name": name, "description": "", "createdAt": stamp, "createdBy": "", "id": _IDS[0]}
        if request.args.get("active") == "yes" and self._has_version[name]:
            version = {"tag": "initial", "template": "<p>{{code}} {{link}}</p>", "engine": "handlebars", "mjml": ""}
            shown["version"] = {**version, "createdAt": stamp, "comment": "", "active": True, "id": _IDS[1]}
        return jsonify(template=shown)

    def _count(self) -> ResponseReturnValue:
        """Count what the outbox has, in days, whatever the resolution that is asked for."""
        if self._is_sending_key or not self._has_key():
            return _forbid()
        query: Any = request.get_json(silent=True)
        try:
            start = parsedate_to_datetime(query["start"]).astimezone(UTC)
            domains = [value["value"] for one in query["filter"]["AND"] for value in one["values"]]
            metrics = list(query["metrics"])
        except (KeyError, TypeError, ValueError):
            return _refuse(400, "Invalid format for parameter start")  # the words for the others aren't documented
        days: dict[datetime, int] = {}
        for delivery in self.outbox.all() if self._domain in domains else ():
            if delivery.submitted_at >= start:
                day = delivery.submitted_at.replace(hour=0, minute=0, second=0, microsecond=0)
                days[day] = days.get(day, 0) + len(delivery.message.to)
        items = []
        for day, number in days.items():
            shown = format_datetime(day)
            place = {"dimension": "time", "value": shown, "display_value": shown}
            items.append({"dimensions": [place], "metrics": dict.fromkeys(metrics, number)})
        return jsonify(
            start=format_datetime(start),
            end=format_datetime(datetime.now(UTC)),
            resolution="day",
            duration="",
            dimensions=["time"],
            pagination={"sort": "", "skip": 0, "limit": 1500, "total": len(items)},
            items=items,
            aggregates={"metrics": dict.fromkeys(metrics, sum(days.values()))},
        )

    def _has_key(self) -> bool:
        given = request.authorization
        if given is None or given.type != "basic" or given.username != "api":
            return False
        return secrets.compare_digest((given.password or "").encode(), self._config["apiKey"].encode())


def _forbid() -> ResponseReturnValue:
    return Response("Forbidden", 401, {"WWW-Authenticate": 'Basic realm="MG API"'}, mimetype="text/plain")


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


def _find_templates(deliveries: Any) -> set[str]:
    """Return the names of the templates at Mailgun that deliveries have."""
    lists = [value if isinstance(value, list) else [value] for value in deliveries.values()] if deliveries else []
    return {str(entry["template"]) for entries in lists for entry in entries if "template" in entry}


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
