"""Many mails in one request (Postmark developer docs, "Send batch emails" and "Send batch with templates")."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector_core import SendError
from connector_postmark.request import PostmarkRequests
from connector_postmark.response import complete, parse_item, parse_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core import Config, Limits, Message, SendResult, Transport

_PATIENCE = 4
"""Times as long as for one message: a batch whose answer is lost leaves up to 500 messages in doubt."""

_MOST_BYTES = 4_000_000
"""Of an answer: 500 items, each of which may name fifty addresses of up to 254 characters in part."""


def send_batch(config: Config, messages: Sequence[Message], transport: Transport) -> list[SendResult | SendError]:
    """Send messages, those with a template in one request and those with content of their own in another.

    Returns:
        what became of each message, in their order.

    """
    requests = config.keep(PostmarkRequests)
    outcomes: dict[int, SendResult | SendError] = {}
    bodies: dict[bool, dict[int, dict[str, Any]]] = {True: {}, False: {}}
    for place, message in enumerate(messages):
        try:
            bodies[message.content is None][place] = requests.make_body(message)
        except SendError as error:
            outcomes[place] = error
    for templated, some in bodies.items():
        if some:
            outcomes |= _post(requests, some, messages, transport, templated=templated)
    return [outcomes[place] for place in range(len(messages))]


def _post(
    requests: PostmarkRequests,
    bodies: dict[int, dict[str, Any]],
    messages: Sequence[Message],
    transport: Transport,
    *,
    templated: bool,
) -> dict[int, SendResult | SendError]:
    body = {"Messages": [*bodies.values()]} if templated else [*bodies.values()]
    url, limits = requests.find_batch_url(templated=templated), _make_patient(transport.limits)
    try:
        answer = transport.request("POST", url, headers=requests.headers, json=body, limits=limits)
        items = parse_items(answer.status, answer.headers, answer.body, len(bodies))
    except SendError as error:
        return dict.fromkeys(bodies, error)
    return {place: _read(item, messages[place], answer.status) for place, item in zip(bodies, items, strict=True)}


def _read(item: object, message: Message, status: int) -> SendResult | SendError:
    try:
        only_to = not (message.cc or message.bcc)
        return complete(parse_item(item, status, only_to=only_to), message, status)
    except SendError as error:
        return error


def _make_patient(limits: Limits) -> Limits:
    most_bytes = max(limits.response_bytes, _MOST_BYTES)
    return replace(limits, read=limits.read * _PATIENCE, total=limits.total * _PATIENCE, response_bytes=most_bytes)
