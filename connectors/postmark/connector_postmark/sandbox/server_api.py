"""The endpoints about the server itself and its message streams.

(Postmark developer docs, Server API and Message Streams API)
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import request

from connector_core.sandbox.page import Route
from connector_postmark.sandbox.account import SERVER_ID, MessageStream, StreamType
from connector_postmark.sandbox.gate import presented_token
from connector_postmark.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from connector_postmark.sandbox.account import Account

_PURGED_AFTER = timedelta(days=45)


class ServerApi:
    """Tell about the server; nothing of it can be changed here."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("GET", "/server", self.server),
            Route("GET", "/message-streams", self.streams),
            Route("GET", "/message-streams/<stream_id>", self.stream),
        ]

    def server(self) -> dict[str, Any]:
        """Tell the server's settings; of its tokens only the one that the request came with."""
        return {
            "ID": SERVER_ID,
            "Name": "Sandbox",
            "ApiTokens": [presented_token()],
            "Color": "Blue",
            "SmtpApiActivated": False,
            "RawEmailEnabled": False,
            "DeliveryType": self._account.delivery_type.value,
            "ServerLink": request.host_url,
            "InboundAddress": "sandbox@inbound.example.com",
            "InboundHookUrl": "",
            "BounceHookUrl": "",
            "OpenHookUrl": "",
            "DeliveryHookUrl": "",
            "ClickHookUrl": "",
            "PostFirstOpenOnly": False,
            "InboundDomain": "",
            "InboundHash": "sandbox",
            "InboundSpamThreshold": 0,
            "TrackOpens": False,
            "TrackLinks": "None",
            "IncludeBounceContentInHook": False,
            "EnableSmtpApiErrorHooks": False,
        }

    def streams(self) -> dict[str, Any]:
        """List the message streams, archived ones only where the query asks for them."""
        query = {name.lower(): value for name, value in request.args.items()}
        wanted = query.get("messagestreamtype", "all").lower()
        archived_too = query.get("includearchivedstreams", "").lower() == "true"
        streams = [
            stream
            for stream in self._account.streams
            if wanted in ("all", stream.type.lower()) and (archived_too or not stream.archived)
        ]
        return {"MessageStreams": [_as_json(stream) for stream in streams], "TotalCount": len(streams)}

    def stream(self, stream_id: str) -> dict[str, Any]:
        """Tell about one message stream."""
        stream = self._account.find_stream(stream_id)
        if stream is None:
            raise Refusal(1226, "The message stream for the provided 'ID' was not found.")
        return _as_json(stream)


def _as_json(stream: MessageStream) -> dict[str, Any]:
    created = stream.created_at
    return {
        "ID": stream.id,
        "ServerID": SERVER_ID,
        "Name": stream.name,
        "Description": None,
        "MessageStreamType": stream.type.value,
        "CreatedAt": created.isoformat(),
        "UpdatedAt": None,
        "ArchivedAt": created.isoformat() if stream.archived else None,
        "ExpectedPurgeDate": (created + _PURGED_AFTER).isoformat() if stream.archived else None,
        "SubscriptionManagementConfiguration": {
            "UnsubscribeHandlingType": "Postmark" if stream.type == StreamType.BROADCASTS else "None"
        },
    }
