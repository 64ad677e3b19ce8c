"""Usage: how many mails Postmark sent for a config (Postmark developer docs, "Stats API")."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from connector_postmark.api import PostmarkApi
from connector_postmark.refusals import refuse_foreign

if TYPE_CHECKING:
    from datetime import date

    from connector_core import Config, Transport


def count_sent(config: Config, since: date, transport: Transport) -> int:
    """Return how many mails the server sent since a day, through the config's message stream where it names one.

    A day begins at midnight of Eastern Standard Time (UTC-5), in which Postmark keeps all its statistics. Without
    `messageStream` the mails of all the server's streams count, which is what Postmark tells where none is named.

    Raises:
        SendError: Postmark can't be reached, refuses, or answers nonsense.

    """
    query = {"fromdate": f"{since:%Y-%m-%d}"}
    if "messageStream" in config:
        query["messagestream"] = config["messageStream"]
    sent = PostmarkApi(config, transport).request("GET", f"/stats/outbound?{urlencode(query)}").get("Sent")
    if type(sent) is not int or sent < 0:
        raise refuse_foreign()
    return sent
