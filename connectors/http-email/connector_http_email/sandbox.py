"""The HTTP e-mail sandbox: an endpoint on this machine that takes messages and shows them."""

from __future__ import annotations

import hmac
import json
import re
import secrets
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from connector_core import ConnectorMetadata, InvalidMessage, Message
from connector_core.message_limits import check_message
from connector_core.sandbox import HttpSandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flask import Flask
    from flask.typing import ResponseReturnValue

    from connector_core import SandboxMessage, Secret

REFUSED_RECIPIENT = "refused@example.com"
"""The address that the sandbox always refuses, to try what then happens."""

SENDER = "sandbox@example.com"
"""Who mails come from: an endpoint chooses the sender itself."""

_EXAMPLE = """curl {url}/send -H 'Content-Type: application/json' \\
  -H 'Authorization: THE VALUE OF authorization' \\
  -d '{"to": "you@example.com", "type": "SignIn", "payload": {"code": "123456"}}'"""
"""A request as Logto makes it; the secret itself stays off the page."""

_KEY = re.compile(r"[0-9a-f-]{36}")


class HttpEmailSandbox(HttpSandbox):
    """Serve an endpoint on loopback while a `with` block runs.

    It takes every message that is valid, but those to `REFUSED_RECIPIENT`, and renders its usage type and variables. A
    repeat of a request, with the same `Idempotency-Key`, is answered again and not taken again.

    Args:
        config: a config whose secret shall be let in; without `authorization` in it, everybody is. Without a config,
            or where its secret is kept elsewhere, the sandbox makes a secret of its own.
        port: the port to listen on; 0 takes a free one.

    """

    distribution = "connector-http-email"

    def __init__(self, config: Mapping[str, Any] | None = None, *, port: int = 0) -> None:
        super().__init__("HTTP Email", "http-email", port=port, example=_EXAMPLE)
        self._config: dict[str, Any] = {"authorization": None} if config is None else dict(config)
        if "authorization" in self._config:
            self._config["authorization"] = _find_secret(self._config["authorization"])
        self._taking = threading.Lock()

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""
        return {**self._config, "endpoint": f"{self.url}/send"}

    def add_routes(self, app: Flask) -> None:
        """Add the endpoint, and what it answers to a live check."""
        app.add_url_rule("/send", "send", self._answer, methods=["POST"], provide_automatic_options=False)
        app.add_url_rule("/send", "allow", self._allow, methods=["OPTIONS"], provide_automatic_options=False)

    def _allow(self) -> ResponseReturnValue:
        if not self._lets_in():
            return _refuse_secret()
        return "", 204, {"Allow": "OPTIONS, POST"}

    def _answer(self) -> ResponseReturnValue:
        from flask import request

        if not self._lets_in():
            return _refuse_secret()
        if request.mimetype != "application/json":
            return _refuse(415, "unsupported_media_type", "The content type is not application/json.")
        try:
            message = json.loads(request.get_data())
        except (ValueError, RecursionError):
            return _refuse(400, "not_json", "The body is no JSON.")
        problem = find_problem(message)
        if problem:
            return _refuse(400, "invalid_message", problem)
        if message["to"].lower() == REFUSED_RECIPIENT:
            return _refuse(422, "recipient_refused", "This address is always refused.")
        return {"messageId": self._take(message, request.headers.get("Idempotency-Key", ""))}

    def _lets_in(self) -> bool:
        from flask import request

        given = request.headers.get(self._config.get("headerName", "Authorization"), "")
        wanted: str | None = self._config.get("authorization")
        return wanted is None or hmac.compare_digest(given.encode(), wanted.encode())

    def _take(self, message: dict[str, Any], key: str) -> str:
        """Put a message into the outbox unless it is there already; return its id."""
        message_id = key if _KEY.fullmatch(key) else None
        with self._taking:
            if message_id and self.outbox.find(message_id):
                return message_id
            taken = self._accept(message, message_id)
        return taken.id

    def _accept(self, message: dict[str, Any], message_id: str | None) -> SandboxMessage:
        content = message.get("content") or {
            "subject": f"{message['type']} message",
            "text": "\n".join(_render(message)),
        }
        return self.accept(
            to=[message["to"], *(message.get("cc") or ()), *(message.get("bcc") or ())],
            sender=SENDER,
            subject=content.get("subject") or "",
            text=content.get("text") or "",
            html=content.get("html") or "",
            request=message,
            payload=message["payload"],
            message_id=message_id,
            details={"type": message["type"], "ip": message.get("ip"), **dict(_list_options(message))},
        )


@cache
def _load_metadata() -> ConnectorMetadata:
    return ConnectorMetadata.load("connector_http_email")


def find_problem(body: object) -> str | None:
    """Return why a body is no message to e-mail addresses, None where it is one."""
    if not isinstance(body, dict):
        return "The body is not a JSON object."
    if body.get("payload") is None:
        return "payload is missing."
    try:
        check_message(Message.from_json(body), _load_metadata())
    except InvalidMessage as problem:
        return str(problem)
    return None


def _render(message: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the mail: the usage type, then each variable."""
    yield f"Usage type: {message['type']}"
    for name, value in message["payload"].items():
        yield f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"


def _list_options(message: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the options of a message as the page shows them; the files by their names."""
    for name in ("cc", "bcc", "replyTo", "tags", "stream"):
        yield name, message.get(name)
    for name in ("headers", "metadata"):
        yield name, [f"{key}: {value}" for key, value in (message.get(name) or {}).items()]
    yield "attachments", [one["name"] for one in message.get("attachments") or ()]


def _find_secret(given: str | Secret | Mapping[str, str] | None) -> str:
    """Return the secret of a config as text, a new one where it is kept elsewhere."""
    reveal = getattr(given, "reveal", None)
    plain = reveal() if callable(reveal) else given
    return plain if isinstance(plain, str) and plain else f"Bearer {secrets.token_urlsafe()}"


def _refuse_secret() -> ResponseReturnValue:
    return _refuse(401, "unauthorized", "The secret is missing or wrong.")


def _refuse(status: int, code: str, message: str) -> ResponseReturnValue:
    return {"code": code, "message": message}, status
