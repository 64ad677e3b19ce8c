"""The hooks of the HTTP e-mail connector: what is posted to an endpoint, and what its answers mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from connector_core import (
    ConfigIssue,
    ConnectorMetadata,
    DeliveryUnknown,
    InvalidResponse,
    Redaction,
    SendResult,
    clean_header,
    hookimpl,
    make_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from connector_core import Config, Finding, Message, Response, Sandbox, Secret, SendError, Transport

# 202 means that the work is still to be done (RFC 9110, section 15.3.3).
_SUCCESSES: dict[int, Literal["sent", "queued"]] = {200: "sent", 201: "sent", 202: "queued", 204: "sent"}

# The headers that this connector or HTTP itself gives a value, or that a server or a proxy on the way acts on.
_TAKEN_HEADER = re.compile(
    "(accept|access-control|content|if|proxy|sec|x-(forwarded|http-method|method|original|rewrite))(-.*)?|"
    "(cache-control|connection|date|early-data|expect|forwarded|host|idempotency-key|keep-alive|max-forwards|origin)|"
    "(pragma|range|referer|te|trailer|transfer-encoding|upgrade|user-agent|via|x-message-id|x-real-ip)"
)

_ADVICE = {
    **dict.fromkeys((401, 403), "The endpoint refuses the secret: check authorization and headerName in the config"),
    **dict.fromkeys((404, 405, 410), "Nothing at this address takes messages: check endpoint in the config"),
    **dict.fromkeys((409, 425), "The endpoint has this message already and may have sent it: look at its log first"),
    **dict.fromkeys((5, 408, 499), "The endpoint or a proxy failed midway and may have sent it: look at its log first"),
    4: "The endpoint refuses the message: mend what it names, or look at its log, then send again",
    413: "The message is too large for the endpoint: make its payload or its attachments smaller",
    429: "The endpoint asks to slow down: send again later",
    503: "The endpoint takes nothing now, so nothing was sent: send again later",
}
"""What to do, by status or by its first digit: an endpoint is somebody's own, and has a log rather than a support."""

# What tells of a request that is still being worked on (draft-ietf-httpapi-idempotency-key-header, section 2.7, has 409
# for a repeat, others 425), and a proxy that lost its client.
_UNKNOWN = {409, 425, 499}

_NOT_UNDERSTOOD = (
    "What answered is not the endpoint, or not all of it, and it may have sent the message: check endpoint in the "
    "config, and any proxy or login page before it"
)

_NO_PLAIN_TEXT = re.compile(
    r"\A</?[!?a-z][^\s@.>]*(?:[\s/>]|\Z)|<(?:!doctype|html|head|body)[\s>]|[\x00-\x08\x0e-\x1f\x7f]", re.IGNORECASE
)
"""A page, at the start (`<1@example.com>` is none) or after other words, or what no text has."""

_LONGEST_GUESSABLE = 3  # characters: striking out texts as short as these would garble every sentence

# No other key of a refusal is read: some frameworks repeat the message there, codes and all.
_REASONS = ("message", "Message", "msg", "error", "detail", "title")  # RFC 9457 has the last two
_MAX_ID = 1000
_MAX_READ = 20_000  # characters of a refusal; what is searched for secrets stays bounded


@hookimpl
def connector_metadata() -> ConnectorMetadata:
    """Say who the connector is."""
    return ConnectorMetadata.load("connector_http_email")


@hookimpl
def validate_config(config: Config) -> list[ConfigIssue]:
    """Return what the schema can't say: a header that is taken or has no value."""
    name = str(config.get("headerName")).lower()
    if _TAKEN_HEADER.fullmatch(name.replace("_", "-")):  # many servers read both as one (RFC 3875, section 4.1.18)
        problem = "A request or a proxy has its own use for this header: choose another one, such as X-Api-Key."
        return [ConfigIssue("$.headerName", "not_allowed", problem)]
    if name == "authorization" or "authorization" in config:
        return []
    problem = "headerName names a header that would have no value: fill it in here, or leave headerName out."
    return [ConfigIssue("$.authorization", "required", problem)]


@hookimpl
def send_message(config: Config, message: Message, transport: Transport) -> SendResult:
    """Post one message to the endpoint, in the body that Logto's HTTP e-mail connector posts; options are beside it."""
    from uuid import uuid4

    message_id = str(uuid4())
    headers: dict[str, str | Secret] = {"X-Message-Id": message_id, "Idempotency-Key": message_id}
    if "authorization" in config:
        headers[config["headerName"]] = config["authorization"]
    # No variable holds the body: a crash report shows those of the frame that raises.
    answer = transport.request("POST", config["endpoint"], headers=headers, json=_make_body(message))
    redact = config.keep(make_redaction).redact
    status = _SUCCESSES.get(answer.status)
    if status is None:
        raise read_refusal(answer, redact)
    if not is_understood(answer):
        raise make_refusal(answer, "The endpoint", kind=InvalidResponse, advice=_NOT_UNDERSTOOD)
    found_id = _read_message_id(answer, redact)
    everybody = (message.to, *message.cc, *message.bcc)
    return SendResult(message_id=found_id or message_id, status=status, recipients=dict.fromkeys(everybody, status))


@hookimpl
def check_connection(config: Config, transport: Transport) -> Iterator[Finding]:
    """Say whether the endpoint answers and knows the secret; no message is posted."""
    from connector_http_email.live_check import check

    return check(config, transport)


@hookimpl
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox:
    """Return a local endpoint; it needs the extra `sandbox`."""
    from connector_http_email.sandbox import HttpEmailSandbox

    return HttpEmailSandbox(config, port=port)


def _make_body(message: Message) -> dict[str, Any]:
    document = message.to_json()
    return {name: _mend_texts(value) for name, value in document.items() if value or name != "ip"}  # as Logto does


def _mend_texts(value: Any) -> Any:
    """Return a JSON value without half surrogate pairs, which strict readers of JSON refuse."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_mend_texts(name): _mend_texts(member) for name, member in value.items()}
    return [_mend_texts(member) for member in value] if isinstance(value, list) else value


def make_redaction(config: Config) -> Redaction:
    """Return what strikes the secret, and what may be one in the endpoint's address, out of a text."""
    from urllib.parse import unquote, unquote_plus, urlsplit

    address = urlsplit(config["endpoint"])
    target = f"{address.path}?{address.query}"
    # Words of a path, such as "messages", may stand in any sentence; a token has digits or is long, a value has a name.
    tokens = [part for part in re.findall("[^/?&=;,:]{4,}", target) if re.search(r"\d|.{16}", unquote(part))]
    hidden = tokens + re.findall("=([^/?&;,]{4,})", target) + re.findall("[?&](?:[^&=]*=)?+([^&]{4,})", target)
    hidden += [whole for whole in (target, address.path, address.query) if any(part in whole for part in hidden)]
    hidden = [decode(text) for text in hidden for decode in (str, unquote, unquote_plus)]
    if "authorization" in config:
        # An endpoint may repeat the token alone, without the word Bearer before it.
        hidden += [config["authorization"].reveal(), *config["authorization"].reveal().split()[1:]]
    return Redaction(text for text in hidden if len(text) > _LONGEST_GUESSABLE)


def is_understood(answer: Response) -> bool:
    """Return whether the body of a success is JSON, plain text or nothing, whatever its content type says."""
    text = _read_text(answer)
    return answer.json() is not None or not (text[:1] in {"{", "[", '"'} or _NO_PLAIN_TEXT.search(text))


def _read_message_id(answer: Response, redact: Callable[[str], str]) -> str | None:
    """Return the id that the endpoint gave the message; one that shows a secret is none."""
    body = answer.json()
    given = [body.get("messageId"), body.get("id")] if isinstance(body, dict) else []
    ids = [one for one in given if isinstance(one, str) and len(one) <= _MAX_ID and redact(one) == one]
    return next(filter(None, map(clean_header, ids)), None)


def read_refusal(answer: Response, redact: Callable[[str], str]) -> SendError:
    """Return the error for an answer that is no success, with what the endpoint said freed of secrets."""
    body, text = answer.json(), _read_text(answer)
    said = _find_reason(body) if body is not None else "" if _NO_PLAIN_TEXT.search(text) else text
    inner = body.get("error") if isinstance(body, dict) else None
    code = next((each["code"] for each in (inner, body) if isinstance(each, dict) and "code" in each), None)
    code = redact(code) if isinstance(code, str) and len(code) <= _MAX_ID else code if type(code) is int else None
    kind = DeliveryUnknown if answer.status in _UNKNOWN else None
    advice = _ADVICE.get(answer.status) or _ADVICE.get(answer.status // 100, _NOT_UNDERSTOOD)
    return make_refusal(answer, "The endpoint", said=redact(said[:_MAX_READ]), code=code, kind=kind, advice=advice)


def _find_reason(value: Any, depth: int = 6) -> str:
    """Return the words in a refusal, each one after the field that it is about."""
    if not (depth and isinstance(value, dict | list)):
        return value if isinstance(value, str) else ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_find_reason(member, depth - 1) for member in value)))
    more = value.get("errors")
    if isinstance(more, dict):
        more = [{"field": name, "message": member} for name, member in more.items()]
    words = next(filter(None, (_find_reason(value.get(key), depth - 1) for key in _REASONS)), "")
    words = "; ".join(filter(None, (words, _find_reason(more, depth - 1))))
    place = value.get("loc", value.get("field"))  # FastAPI has a list of steps
    place = ".".join(map(str, place)) if isinstance(place, list) else place
    return f"{place}: {words}" if words and isinstance(place, str) else words


def _read_text(answer: Response) -> str:
    return answer.body.decode("utf-8", "replace").strip("\ufeff \t\r\n")
