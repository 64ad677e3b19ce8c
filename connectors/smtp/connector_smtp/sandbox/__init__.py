"""The SMTP sandbox: a mail server on this machine, with an outbox to look at."""

from __future__ import annotations

import copy
import json
import re
import secrets
from base64 import b64encode
from email import message_from_bytes, policy
from email.utils import getaddresses
from importlib import resources
from typing import TYPE_CHECKING, Any, Self

from connector_core.sandbox import OutboxServer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import EmailMessage
    from types import TracebackType

    from aiosmtpd.smtp import Envelope
    from flask import Flask
    from flask.typing import ResponseReturnValue

    from connector_smtp.sandbox.server import MailServer

SENDER = "sandbox@example.com"
REFUSED_LOCAL_PART = "rejected"
"""The sandbox refuses every recipient whose address has this before the @, as one that it doesn't know."""

_REPLACED = ("servername", "requireTLS", "ignoreTLS", "localAddress")
"""Settings that could keep a config from reaching loopback."""

_TOKEN_LIFE = 3600


class SmtpSandbox(OutboxServer):
    """Serve a mail server on loopback while a `with` block runs, and on another port the page with its outbox.

    Args:
        config: a config whose credentials, sender and templates shall work. Without one, or where its credentials
            are kept elsewhere, the sandbox makes its own.
        port: the port of the mail server; 0 takes a free one.
        keep_messages: how many messages stay in the outbox.

    Raises:
        ModuleNotFoundError: the extra `sandbox` is not installed; the sentence says how to install it.

    """

    distribution = "connector-smtp"
    needs = ("cheroot", "flask", "aiosmtpd", "trustme")

    def __init__(self, config: Mapping[str, Any] | None = None, *, port: int = 0, keep_messages: int = 1000) -> None:
        super().__init__("SMTP", "simple-mail-transfer-protocol", keep_messages=keep_messages)
        from connector_smtp.sandbox.server import Account, Authority

        self._mail_port = port
        self._config = _adopt(config)
        self._auth = self._config["auth"]
        token = self._auth.get("accessToken")
        self.account = Account(self._auth["user"], self._auth.get("pass"), {token} if token else set())
        self._authority = Authority()
        self._mail_server: MailServer | None = None

    def __enter__(self) -> Self:
        from connector_smtp.sandbox.server import Handler, MailServer

        super().__enter__()
        try:
            self._mail_server = MailServer(
                Handler(self.account, _is_refused, self._take),
                self._authority.make_context(),
                is_implicit_tls=bool(self._config.get("secure")),
                port=self._mail_port,
            )
            self._mail_server.start()
        except BaseException:
            super().__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        server, self._mail_server = self._mail_server, None
        if server is not None:
            server.stop()
        super().__exit__(kind, error, trace)

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""
        if self._mail_server is None:
            raise RuntimeError("The sandbox has a config only while its `with` block runs.")
        config = {key: copy.deepcopy(value) for key, value in self._config.items() if key not in _REPLACED}
        if "refreshToken" in self._auth:
            config["auth"]["accessUrl"] = f"{self.url}/token"
        tls = {"ca": self._authority.pem}
        if not config.get("secure"):
            config["requireTLS"] = True
        return {**config, "host": "127.0.0.1", "port": self._mail_server.port, "tls": tls}

    def add_routes(self, app: Flask) -> None:
        """Add the address where access tokens are fetched."""
        app.add_url_rule("/token", "token", self.give_token, methods=["POST"])

    def give_token(self) -> ResponseReturnValue:
        """Answer a request for an access token (RFC 6749, sections 5 and 6)."""
        from flask import request

        known = {"grant_type": "refresh_token", "refresh_token": self._auth.get("refreshToken")}
        known |= {"client_id": self._auth.get("clientId"), "client_secret": self._auth.get("clientSecret")}
        if request.form.get("grant_type") != "refresh_token":
            return {"error": "unsupported_grant_type"}, 400
        if any(request.form.get(name) != known[name] for name in ("client_id", "client_secret")):
            return {"error": "invalid_client", "error_description": "The client is not known."}, 401
        if known["refresh_token"] is None or request.form.get("refresh_token") != known["refresh_token"]:
            return {"error": "invalid_grant", "error_description": "The refresh token is not valid."}, 400
        token = secrets.token_urlsafe(32)
        self.account.tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": _TOKEN_LIFE}

    def _take(self, envelope: Envelope) -> str:
        """Put a mail into the outbox, as its recipients would see it."""
        content = envelope.content or b""
        mail: EmailMessage = message_from_bytes(
            content if isinstance(content, bytes) else content.encode(), policy=policy.default
        )
        headers = {name: _unfold(value) for name, value in mail.raw_items()}
        named = getaddresses([value for name, value in headers.items() if name.lower() in {"to", "cc", "bcc"}])
        everybody = dict.fromkeys([*envelope.rcpt_tos, *(address for _, address in named if address)])
        message = self.accept(
            to=everybody,
            sender=str(mail["From"] or envelope.mail_from),
            subject=str(mail["Subject"] or ""),
            text=_read_part(mail, "plain"),
            html=_read_part(mail, "html"),
            request={
                "envelope": {
                    "from": envelope.mail_from,
                    "to": list(envelope.rcpt_tos),
                    "options": list(envelope.mail_options),
                },
                "headers": headers,
                "attachments": [_read_file(part) for part in mail.walk() if _is_file(part)],
            },
            message_id=headers.get("Message-ID"),
        )
        return message.id.strip("<>").partition("@")[0]


def _read_part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    return "" if part is None else str(part.get_content()).replace("\r\n", "\n").removesuffix("\n")


def _is_file(part: EmailMessage) -> bool:
    return not part.is_multipart() and (_read_name(part) is not None or "Content-ID" in part)


def _read_name(part: EmailMessage) -> str | None:
    """Return the name of a file as it came; `get_filename` would take quotes and angle brackets off both its ends."""
    for header, parameter in (("Content-Disposition", "filename"), ("Content-Type", "name")):
        if header in part and parameter in part[header].params:
            return str(part[header].params[parameter])
    return None


def _read_file(part: EmailMessage) -> dict[str, str]:
    """Return a file that came with a mail, its content in Base64."""
    file = {"name": _read_name(part) or "", "contentType": part.get_content_type()}
    if "Content-ID" in part:
        file["contentId"] = str(part["Content-ID"]).strip("<> ")
    content = part.get_payload(decode=True)
    return {**file, "content": b64encode(content if isinstance(content, bytes) else b"").decode()}


def _unfold(value: str) -> str:
    """Return the value of a header on one line, as it came but for its folds."""
    return re.sub(r"\r?\n(?=[ \t])", "", value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_refused(address: str) -> bool:
    return address.rpartition("@")[0].lower() == REFUSED_LOCAL_PART


def _adopt(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a config as plain JSON, with credentials that can be known here."""
    adopted: dict[str, Any] = dict(config) if config is not None else _make_config()
    auth = {name: _reveal(value) for name, value in adopted.get("auth", {}).items()}
    auth.setdefault("user", SENDER)
    hidden = [name for name, value in auth.items() if isinstance(value, dict)]
    adopted["auth"] = {**auth, **{name: secrets.token_urlsafe(24) for name in hidden}}
    return adopted


def _reveal(value: Any) -> Any:
    reveal = getattr(value, "reveal", None)
    return reveal() if callable(reveal) else value


def _make_config() -> dict[str, Any]:
    schema = json.loads((resources.files("connector_smtp") / "config.schema.json").read_text("utf-8"))
    return {
        "auth": {"user": SENDER, "pass": secrets.token_urlsafe(24)},
        "fromEmail": SENDER,
        "templates": schema["properties"]["templates"]["examples"][0],
    }
