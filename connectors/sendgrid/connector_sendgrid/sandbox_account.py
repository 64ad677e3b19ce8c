"""What the SendGrid sandbox tells of its account: scopes, senders, domains, dynamic templates and statistics.

The shapes are those of the examples in Twilio's OpenAPI files (twilio/sendgrid-oai, folder spec), the words of a 403
those that people met, and of a template that isn't there, too (sendgrid/docs#3626, sendgrid/sendgrid-java#443).
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from connector_core import ascii_address

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from flask import Flask, Response

    from connector_sendgrid.sandbox import SendGridSandbox

EVERY_SCOPE = (
    "mail.send",
    "stats.global.read",
    "stats.read",
    "templates.read",
    "whitelabel.read",
    "2fa_required",
    "sender_verification_eligible",
)
"""The scopes that the sandbox asks for, and the two that SendGrid gives to every key."""

_SENDERS_SCOPE = "whitelabel.read"
"""Which scope lets a key read the verified senders isn't documented: here it is that of the domains."""

_METRICS = (
    "blocks",
    "bounce_drops",
    "bounces",
    "clicks",
    "deferred",
    "delivered",
    "invalid_emails",
    "opens",
    "processed",
    "requests",
    "spam_report_drops",
    "spam_reports",
    "unique_clicks",
    "unique_opens",
    "unsubscribe_drops",
    "unsubscribes",
)
_COUNTED = {"delivered", "processed", "requests"}
_LONGEST_PAGE = 500
_LONGEST_STATISTICS = 500


class AccountApi:
    """The paths that tell of an account.

    Args:
        sandbox: knows what is the matter with the account, and what it took.
        config: the config whose sender and templates it has.
        refuse_key: returns the refusal for a key that is wrong or has none of the scopes, else None.

    """

    def __init__(
        self, sandbox: SendGridSandbox, config: Mapping[str, Any], refuse_key: Callable[..., Response | None]
    ) -> None:
        self._sandbox = sandbox
        self._refuse_key = refuse_key
        self._sender = ascii_address(str(config.get("fromEmail", ""))).lower()
        self._templates = {entry["templateId"] for entry in config.get("templates", ()) if "templateId" in entry}

    def add_routes(self, app: Flask) -> None:
        """Add the paths."""
        app.add_url_rule("/v3/scopes", "scopes", self._list_scopes)
        app.add_url_rule("/v3/verified_senders", "verified_senders", self._list_senders)
        app.add_url_rule("/v3/whitelabel/domains", "domains", self._list_domains)
        app.add_url_rule("/v3/templates/<template_id>", "template", self._show_template)
        app.add_url_rule("/v3/stats", "stats", self._count)

    def _list_scopes(self) -> Response:
        return self._refuse_key() or _answer({"scopes": sorted(self._sandbox.scopes)})

    def _list_senders(self) -> Response:
        from flask import request

        addresses = list(dict.fromkeys([self._sender, *sorted(self._sandbox.unverified_senders)]))
        senders = [
            {
                "id": number,
                "nickname": address,
                "from_email": address,
                "from_name": "Example",
                "reply_to": address,
                "reply_to_name": "Example",
                "address": "1234 Fake St.",
                "address2": "",
                "state": "CA",
                "city": "San Francisco",
                "country": "USA",
                "zip": "94105",
                "verified": address not in self._sandbox.unverified_senders,
                "locked": False,
            }
            for number, address in enumerate(addresses, start=1)
            if number > request.args.get("lastSeenID", 0, type=int)
        ]
        limit = request.args.get("limit", _LONGEST_PAGE, type=int)
        return self._refuse_key(_SENDERS_SCOPE) or _answer({"results": senders[:limit]})

    def _list_domains(self) -> Response:
        from flask import request

        waiting = {address.rpartition("@")[2] for address in self._sandbox.unverified_senders}
        names = sorted(waiting | {self._sender.rpartition("@")[2]})
        domains = [
            {
                "id": number,
                "user_id": 7,
                "subdomain": "em1234",
                "domain": name,
                "username": "sandbox",
                "ips": [],
                "custom_spf": False,
                "default": number == 1,
                "legacy": False,
                "automatic_security": True,
                "valid": name not in waiting,
                "dns": {
                    "mail_cname": _describe_record(f"em1234.{name}", "u7.wl.sendgrid.net", valid=name not in waiting),
                },
            }
            for number, name in enumerate(names, start=1)
            if request.args.get("domain", name) == name
        ]
        offset = request.args.get("offset", 0, type=int)
        limit = request.args.get("limit", _LONGEST_PAGE, type=int)
        return self._refuse_key("whitelabel.read") or _answer(domains[offset : offset + limit])

    def _show_template(self, template_id: str) -> Response:
        if refusal := self._refuse_key("templates.read"):
            return refusal
        if template_id not in self._templates or template_id in self._sandbox.missing_templates:
            return _answer({"error": "Resource not found"}, 404)
        stamp = "2021-04-28 13:12:46"
        version = {
            "id": "8aefe0ee-f12b-4575-b5b7-c97e21cb36f3",
            "template_id": template_id,
            "active": int(template_id not in self._sandbox.inactive_templates),
            "name": "example_version_name",
            "subject": "{{subject}}",
            "updated_at": stamp,
            "generate_plain_content": True,
            "html_content": "<p>{{code}} {{link}}</p>",
            "plain_content": "{{code}} {{link}}",
            "editor": "code",
        }
        shown = {"id": template_id, "name": "example_name", "generation": "dynamic", "updated_at": stamp}
        return _answer({**shown, "versions": [version]})

    def _count(self) -> Response:
        from flask import request

        if refusal := self._refuse_key("stats.read", "stats.global.read"):
            return refusal
        today = datetime.now(UTC).date()
        try:
            start = date.fromisoformat(request.args["start_date"])
            end = min(date.fromisoformat(request.args.get("end_date", f"{today}")), today)
        except (KeyError, ValueError):
            # What SendGrid says of a malformed date isn't documented.
            return _answer({"errors": [{"field": "start_date", "message": "start_date is invalid"}]}, 400)
        by_month = request.args.get("aggregated_by") == "month"
        numbers: dict[date, int] = {}
        for day in _list_days(start, end):
            numbers.setdefault(day.replace(day=1) if by_month else day, 0)
        for delivery in self._sandbox.outbox.all():
            day = delivery.submitted_at.date()
            if start <= day <= end:
                numbers[day.replace(day=1) if by_month else day] += len(delivery.message.to)
        found = [
            {"date": f"{day}", "stats": [{"metrics": {name: n if name in _COUNTED else 0 for name in _METRICS}}]}
            for day, n in numbers.items()
        ]
        return _answer(found[:_LONGEST_STATISTICS])


def _list_days(start: date, end: date) -> Iterator[date]:
    for number in range((end - start).days + 1):
        yield start + timedelta(days=number)


def _describe_record(host: str, data: str, *, valid: bool) -> dict[str, Any]:
    return {"valid": valid, "type": "cname", "host": host, "data": data}


def _answer(value: Any, status: int = 200) -> Response:
    from flask import Response

    return Response(json.dumps(value), status, content_type="application/json")
