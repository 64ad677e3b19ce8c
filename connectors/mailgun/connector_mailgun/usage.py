"""The usage: how many mails Mailgun took, as its Metrics API counts them.

Source: Mailgun API reference, "Metrics", which stands in for the deprecated "Stats"; user manual, "Metric Definitions".
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from connector_core import AuthorizationFailed, SendError, make_refusal
from connector_mailgun.live_check import misread
from connector_mailgun.plugin import MailgunRequests, read_text

if TYPE_CHECKING:
    from datetime import date

    from connector_core import Config, Transport

_ACCEPTED = "accepted_outgoing_count"
"""Mails to recipients that Mailgun accepted; `accepted_count` has incoming ones, too."""

_KEY = "Mailgun does not show its statistics to this key: check apiKey; a sending key may not read them"
_REFUSED = "Mailgun doesn't tell how many mails it took: act on what it says"


def count_accepted(config: Config, since: date, transport: Transport) -> int:
    """Return how many mails Mailgun took from the config's domain since a day.

    Args:
        config: its domain is what is counted.
        since: the first day, from midnight UTC; Mailgun keeps the counts of days for one year.
        transport: for the one request.

    Raises:
        SendError: Mailgun can't be reached, doesn't let the key read its statistics, or answers nonsense.

    """
    domain = config["domain"].lower()
    query = {
        "start": format_datetime(datetime(since.year, since.month, since.day, tzinfo=UTC)),
        "resolution": "day",
        "dimensions": ["time"],
        "metrics": [_ACCEPTED],
        "filter": {
            "AND": [{"attribute": "domain", "comparator": "=", "values": [{"label": domain, "value": domain}]}],
        },
        "include_aggregates": True,
    }
    url = f"{config['endpoint'].rstrip('/')}/v1/analytics/metrics"
    answer = transport.request("POST", url, headers=config.keep(MailgunRequests).headers, json=query)
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise make_refusal(answer, "Mailgun", kind=AuthorizationFailed, advice=_KEY)
    body = answer.json()
    if answer.status == HTTPStatus.OK and isinstance(body, dict):
        aggregates = body.get("aggregates")
        totals = aggregates.get("metrics") if isinstance(aggregates, dict) else None
        # What the total of nothing looks like isn't documented.
        count = totals.get(_ACCEPTED, None if body.get("items") else 0) if isinstance(totals, dict) else None
        if type(count) is int and count >= 0:
            return count
    if answer.status == HTTPStatus.BAD_REQUEST and (said := read_text(answer, "message")):
        raise make_refusal(answer, "Mailgun", said=said, kind=SendError, advice=_REFUSED)
    raise misread(answer)
