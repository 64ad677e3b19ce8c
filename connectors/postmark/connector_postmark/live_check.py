"""The live check: whether a config works at Postmark, told without sending anything to anybody."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from connector_core import Config, Finding, Transport

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(config: Config, transport: Transport) -> Iterator[Finding]:
    """Yield what Postmark says of a config (Postmark developer docs, "Server API")."""
    headers = {"Accept": "application/json", "X-Postmark-Server-Token": config["serverToken"]}
    answer = transport.request("GET", f"{config['apiUrl'].rstrip('/')}/server", headers=headers)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        fix = "Copy it again from the tab API Tokens of the server in Postmark."
        yield Finding("error", "authorization_failed", "$.serverToken", "Postmark refuses the server token.", fix)
    else:
        yield Finding("ok", "credentials_accepted", "$.serverToken", "Postmark accepts the server token.")
