"""The endpoint about statistics: Postmark developer docs, Stats API."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from flask import request

from connector_core.sandbox.page import Route
from connector_postmark.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_postmark.sandbox.account import Account

_NEVER_HAPPENS = (
    "Bounced",
    "SMTPApiErrors",
    "BounceRate",
    "SpamComplaints",
    "SpamComplaintsRate",
    "Opens",
    "UniqueOpens",
    "TotalClicks",
    "UniqueLinksClicked",
    "TotalTrackedLinksSent",
    "Tracked",
    "WithLinkTracking",
    "WithOpenTracking",
    "WithClientRecorded",
    "WithPlatformRecorded",
    "WithReadTimeRecorded",
)
"""What the overview counts besides what was sent: nobody receives the sandbox's mails, and it tracks none."""


class StatsApi:
    """Tell how many mails were sent."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        """Return the endpoint."""
        return [Route("GET", "/stats/outbound", self.overview)]

    def overview(self) -> dict[str, Any]:
        """Count what was sent in some days, both included, of a tag and a message stream."""
        query = {name.lower(): value for name, value in request.args.items() if value}
        sent = self._account.sent.count(
            since=_read_day(query, "fromdate"),
            until=_read_day(query, "todate"),
            stream=query.get("messagestream"),
            tag=query.get("tag"),
        )
        return {"Sent": sent, **dict.fromkeys(_NEVER_HAPPENS, 0)}


def _read_day(query: Mapping[str, str], name: str) -> date | None:
    if name not in query:
        return None
    try:
        return date.fromisoformat(query[name])
    except ValueError:
        raise Refusal(300, f"Invalid '{name}': it has to be a day such as 2026-01-31.") from None
