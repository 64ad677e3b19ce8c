"""The hooks of the HTTP e-mail connector: what is posted to an endpoint, and what its answers mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from connector_core import (
    Config,
    ConfigIssue,
    ConnectorMetadata,
    InvalidResponse,
    Message,
    Redaction,
    Response,
    Sandbox,
    Secret,
    SendError,
    SendResult,
    Transport,
    clean_header,
    hookimpl,
    make_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SUCCESSES: dict[int, Literal["sent", "queued"]] = {200: "sent", 201: "sent", 202: "queued", 204: "sent"}
"""What each success says of the message; 202 means that the work is still to be done (RFC 9110, section 15.3.3)."""

_FILLED_HEADER = re.compile(
    "accept(-.*)?|connection|content-.*|expect|host|idempotency-key|keep-alive|proxy-.*|te|trailer|transfer-encoding|"
    "upgrade|user-agent|x-message-id"
)
"""The headers that this connector or HTTP itself gives a value, or that a proxy on the way reads."""

_REFUSED = "The endpoint refuses the secret: check authorization and headerName in the config"
_NOBODY = "Nothing at this address takes messages: check endpoint in the config"
_TOO_LARGE = "The message is too large for the endpoint: make the payload smaller"
_ADVICE = {401: _REFUSED, 403: _REFUSED, 404: _NOBODY, 405: _NOBODY, 410: _NOBODY, 413: _TOO_LARGE}
_NOT_UNDERSTOOD = (
    "What answered is not the endpoint, or its answer is cut, so nobody knows whether it took the message: check "
    "endpoint in the config, and any proxy or login page before it"
)

_NO_PLAIN_TEXT = re.compile(
    r"\A</?[!?a-z][^\s@.>]*(?:[\s/>]|\Z)|<(?:!doctype|html|head|body)[\s>]|[\x00-\x08\x0e-\x1f\x7f]", re.IGNORECASE
)
"""A page, at the start (`<1@example.com>` is none) or after other words, or what no text has."""

_LONGEST_GUESSABLE = 3
"""Characters: striking out texts as short as these would garble every sentence."""

_MAX_ID = 1000
_MAX_READ = 20_000  # characters of a refusal; what is searched for secrets stays bounded


@hookimpl
def connector_metadata() -> ConnectorMetadata:
    """Say who the connector is."""
    return ConnectorMetadata.load("connector_http_email")


@hookimpl
def validate_config(config: Config) -> list[ConfigIssue]:
    """Return what the schema can't say: a header that is taken or has no value."""
    return list(_check_header(config))


@hookimpl
def send_message(config: Config, message: Message, transport: Transport) -> SendResult:
    """Post one message to the endpoint, in the body that Logto's HTTP e-mail connector posts."""
    from uuid import uuid4

    message_id = str(uuid4())
    headers: dict[str, str | Secret] = {"X-Message-Id": message_id, "Idempotency-Key": message_id}
    if "authorization" in config:
        headers[config["headerName"]] = config["authorization"]
    body = {"to": message.to, "type": message.type, "payload": message.payload}
    if message.ip:  # Logto leaves an unknown one out, too
        body["ip"] = message.ip
    answer = transport.request("POST", config["endpoint"], headers=headers, json=body)
    redact = config.keep(_make_redaction).redact
    status = _SUCCESSES.get(answer.status)
    if status is None:
        raise _read_refusal(answer, redact)
    if not _is_understood(answer):
        raise make_refusal(answer, "The endpoint", kind=InvalidResponse, advice=_NOT_UNDERSTOOD)
    found_id = _read_message_id(answer, redact)
    return SendResult(message_id=found_id or message_id, status=status, recipients={message.to: status})


@hookimpl
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox:
    """Return a local endpoint; it needs the extra `sandbox`."""
    from connector_http_email.sandbox import HttpEmailSandbox

    return HttpEmailSandbox(config, port=port)


def _check_header(config: Config) -> Iterator[ConfigIssue]:
    name = str(config.get("headerName")).lower()
    if _FILLED_HEADER.fullmatch(name):
        problem = "This header has a value of its own in a request: choose another one, such as X-Api-Key."
        yield ConfigIssue("$.headerName", "not_allowed", problem)
    elif name != "authorization" and "authorization" not in config:
        problem = "headerName names a header that would have no value: fill it in here, or leave headerName out."
        yield ConfigIssue("$.authorization", "required", problem)


def _make_redaction(config: Config) -> Redaction:
    """Return what strikes the secret, and what may be one in the endpoint's address, out of a text."""
    from urllib.parse import urlsplit

    address = urlsplit(config["endpoint"])
    target = f"{address.path}?{address.query}"
    # Words of a path, such as "messages", may stand in any sentence; a token has digits or is long.
    tokens = [part for part in re.split("[/?&=]", target) if re.search(r"\d|.{16}", part)]
    hidden = [target, address.path, address.query, *tokens]
    if "authorization" in config:
        # An endpoint may repeat the token alone, without the word Bearer before it.
        hidden += [config["authorization"].reveal(), *config["authorization"].reveal().split()[1:]]
    return Redaction(text for text in hidden if len(text) > _LONGEST_GUESSABLE)


def _is_understood(answer: Response) -> bool:
    """Return whether the body of a success is JSON, plain text or nothing, whatever its content type says."""
    text = _read_text(answer)
    return answer.json() is not None or not (text[:1] in {"{", "[", '"'} or _NO_PLAIN_TEXT.search(text))


def _read_message_id(answer: Response, redact: Callable[[str], str]) -> str | None:
    """Return the id that the endpoint gave the message; one that shows a secret is none."""
    body = answer.json()
    given = [body.get("messageId"), body.get("id")] if isinstance(body, dict) else []
    ids = [one for one in given if isinstance(one, str) and len(one) <= _MAX_ID and redact(one) == one]
    return next(filter(None, map(clean_header, ids)), None)


def _read_refusal(answer: Response, redact: Callable[[str], str]) -> SendError:
    """Return the error for an answer that is no success, with what the endpoint said freed of secrets."""
    body, text = answer.json(), _read_text(answer)
    fields = body if isinstance(body, dict) else {}
    if isinstance(fields.get("error"), dict):
        fields = {**fields, **fields["error"]}
    texts = [fields.get(key) for key in ("message", "error", "detail", "title")]  # RFC 9457 has the last two
    if not fields and not _NO_PLAIN_TEXT.search(text):
        texts = [text]
    said = next((redact(each[:_MAX_READ]) for each in texts if isinstance(each, str) and each), None)
    code = fields.get("code")
    code = redact(code) if isinstance(code, str) else code if type(code) is int else None
    return make_refusal(answer, "The endpoint", said=said, code=code, advice=_ADVICE.get(answer.status))


def _read_text(answer: Response) -> str:
    return answer.body.decode("utf-8", "replace").strip("\ufeff \t\r\n")
