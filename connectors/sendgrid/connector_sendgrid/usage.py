"""The usage: how many mails SendGrid was handed, as its statistics count them.

Source: Twilio SendGrid docs, "Retrieve global email statistics". Of its numbers `requests` are the mails that SendGrid
was asked to deliver, one for each recipient; `processed` lacks those that it dropped, such as for an earlier bounce.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from connector_core import AuthorizationFailed, make_refusal
from connector_sendgrid.answers import MAY_NOT, OK, misread
from connector_sendgrid.plugin import SendGridRequests

if TYPE_CHECKING:
    from datetime import date

    from connector_core import Config, Response, Transport

_KEY = "SendGrid does not show its statistics to this key: check apiKey, and give it read access to Stats (stats.read)"


def count_requests(config: Config, since: date, transport: Transport) -> int:
    """Return how many mails SendGrid took since a day, those of the whole account.

    Args:
        config: its key belongs to the account, or to the subuser, that is counted.
        since: the first day, in the time zone of the account.
        transport: for one request, or two where the first month is asked for in part: whole months come in few numbers.

    Raises:
        SendError: SendGrid can't be reached, doesn't let the key read its statistics, or answers nonsense.

    """
    headers, base = config.keep(SendGridRequests).headers, config["apiUrl"].rstrip("/")

    def count(query: str) -> int:
        return _add_up(transport.request("GET", f"{base}/v3/stats?{query}", headers=headers))

    if since.day == 1:
        return count(f"aggregated_by=month&start_date={since}")
    today = datetime.now(UTC).date()
    if since >= today or (following := _first_of_next_month(since)) >= today:
        return count(f"aggregated_by=day&start_date={since}")
    first = count(f"aggregated_by=day&start_date={since}&end_date={following - timedelta(days=1)}")
    return first + count(f"aggregated_by=month&start_date={following}")


def _first_of_next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def _add_up(answer: Response) -> int:
    """Return the sum of the requests of all days or months."""
    if answer.status in MAY_NOT:
        raise make_refusal(answer, "SendGrid", kind=AuthorizationFailed, advice=_KEY)
    periods = answer.json()
    if answer.status != OK or not isinstance(periods, list):
        raise misread(answer)
    total = 0
    for period in periods:
        stats = period.get("stats") if isinstance(period, dict) else None
        for stat in stats if isinstance(stats, list) else [None]:
            metrics = stat.get("metrics") if isinstance(stat, dict) else None
            number = metrics.get("requests") if isinstance(metrics, dict) else None
            if type(number) is not int or number < 0:
                raise misread(answer)
            total += number
    return total
