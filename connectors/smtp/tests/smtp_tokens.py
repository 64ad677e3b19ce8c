"""A mail server that is signed in to with OAuth2 tokens, and what an address that gives tokens answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import Message
from connector_core.testing.wire_behaviours import respond_json

from .smtp_server import USER, config_for

if TYPE_CHECKING:
    from connector_core import ConfiguredConnector, Host
    from connector_core.testing.wire_server import Behaviour, Line

    from .smtp_server import ScriptedServer

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
SECRETS = {"clientSecret": "made-up+client/s3cret", "refreshToken": "1//made-up=refresh&t0ken"}
AUTH = {"type": "oauth2", "user": USER, "clientId": "client-1", **SECRETS}
XOAUTH2 = ["AUTH XOAUTH2"]


def give(token: str, **more: Any) -> Behaviour:
    """Answer with a token."""
    return respond_json({"access_token": token, "token_type": "Bearer", **more})


def echo(line: Line) -> None:
    """Refuse in words that hold all that was sent, and every secret."""
    said = f"bad: {line.request.body.decode()} {' '.join(SECRETS.values())}"
    respond_json({"error": "invalid_grant", "error_description": said}, 400)(line)


def configure(host: Host, smtp: ScriptedServer, http: str, **auth: Any) -> ConfiguredConnector:
    """Configure the connector with a mail server and the origin of an address that gives tokens."""
    config = config_for(smtp.port, auth={**AUTH, "accessUrl": f"{http}/token", **auth})
    return host["simple-mail-transfer-protocol"].configure(config)
