"""Sandboxes beside the console: those that it started, and those that run on this machine already."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connector_core.address_policy import find_addresses
from connector_core.config import read_config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connector_core.connector import Connector
    from connector_core.sandbox.protocol import Sandbox

_SECONDS = 1.0
_MOST_BYTES = 20_000_000
_SHOWN = 25
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """A message that a sandbox took, as its page shows it."""

    id: str
    to: str
    subject: str
    text: str
    html: str


class Sandboxes:
    """Starts sandboxes, one for each connector, and reads what arrived.

    Args:
        ask_others: whether addresses of this machine that a config names may be asked for an outbox.

    """

    def __init__(self, *, ask_others: bool) -> None:
        self._ask_others = ask_others
        self._running: dict[str, Sandbox] = {}
        self._mails: dict[str, dict[str, str]] = {}
        self._stack = ExitStack()
        self._lock = threading.Lock()

    def start(self, connector: Connector) -> dict[str, Any]:
        """Return a config that works against the connector's sandbox, which is started where it isn't yet.

        Raises:
            ConnectorError: the connector ships none, or it needs more to be installed.

        """
        with self._lock:
            if connector.id not in self._running:
                self._running[connector.id] = self._stack.enter_context(connector.create_sandbox())
            return self._running[connector.id].config

    def read_outbox(self, connector: Connector, config: Mapping[str, Any]) -> list[OutboxMessage] | None:
        """Return what arrived in the sandbox that a config points at, newest first; None where it is none."""
        outbox = self._read_outbox(connector, config)
        if outbox is not None:
            self._mails[connector.id] = {one.id: one.html for one in outbox}
        return outbox

    def find_mail(self, connector_id: str, message_id: str) -> str | None:
        """Return the HTML of a message of the outbox that was read last; None where it isn't there."""
        return self._mails.get(connector_id, {}).get(message_id)

    def _read_outbox(self, connector: Connector, config: Mapping[str, Any]) -> list[OutboxMessage] | None:
        running = self._running.get(connector.id)
        if running is not None and _points_at(connector, config, running.config):
            return [
                OutboxMessage(id=one.id, to=", ".join(one.to), subject=one.subject, text=one.text, html=one.html)
                for one in [*running.messages][: -_SHOWN - 1 : -1]
            ]
        if not self._ask_others:
            return None
        addresses = [text for text in _list_addresses(connector, config) if _is_loopback_url(text)]
        return next((found for found in map(_ask_outbox, addresses) if found is not None), None)

    def close(self) -> None:
        """Stop what was started."""
        with self._lock:
            self._running.clear()
            self._stack.close()


def _points_at(connector: Connector, config: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two configs name the same addresses, and the same port where they name one by itself."""
    mine, its = (
        {*_list_addresses(connector, one), *((one["port"],) if isinstance(one.get("port"), int) else ())}
        for one in (config, other)
    )
    return bool(its) and its <= mine


def _list_addresses(connector: Connector, config: Mapping[str, Any]) -> list[str]:
    read = read_config(connector.schema, dict(config), resolve_references=False).config
    return [] if read is None else [text for _, _, text in find_addresses(read, connector.schema.root, ())]


def _is_loopback_url(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "http" and parts.hostname in _LOOPBACK


def _ask_outbox(address: str) -> list[OutboxMessage] | None:
    """Return what a sandbox on this machine took; None where something else answers, or nothing."""
    import requests

    parts = urlsplit(address)
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(
                f"http://{parts.netloc}/sandbox/messages", timeout=_SECONDS, allow_redirects=False, stream=True
            )
            content = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
            if answer.status_code != requests.codes.ok or len(content) > _MOST_BYTES:
                return None
            found = json.loads(content)
        return [_read_message(one) for one in found[: -_SHOWN - 1 : -1]] if isinstance(found, list) else None
    except (requests.RequestException, OSError, ValueError, KeyError, TypeError):
        return None


def _read_message(one: Mapping[str, Any]) -> OutboxMessage:
    to: Sequence[str] = one["to"]
    return OutboxMessage(
        id=str(one["id"]), to=", ".join(to), subject=str(one["subject"]), text=str(one["text"]), html=str(one["html"])
    )
