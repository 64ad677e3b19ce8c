"""A connector in memory, for tests of the host and of what is around a connector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import Config, ConfigIssue, ConnectorMetadata, Message, SendResult, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "token": {"title": "Token", "type": "string", "minLength": 1, "writeOnly": True, "format": "password"},
        "sender": {"title": "Sender", "type": "string", "minLength": 1},
        "retries": {"title": "Retries", "type": "integer", "default": 3},
    },
    "required": ["token"],
    "additionalProperties": False,
}


class FakeConnector:
    """A connector in memory: it keeps what it was told to send, and does what a test gives it to do."""

    def __init__(
        self,
        connector_id: str = "alpha-mail",
        *,
        send: Callable[[Config, Message], Any] | None = None,
        check: Callable[[Config], Iterable[ConfigIssue]] | None = None,
        schema: dict[str, Any] | None = None,
        kind: str = "Email",
    ) -> None:
        self.metadata = ConnectorMetadata(
            id=connector_id,
            type=kind,
            name={"en": connector_id},
            description={"en": "A connector for tests."},
            config_schema=schema or SCHEMA,
            guide={"en": "# Guide"},
        )
        self.sent: list[Message] = []
        self.checked: list[Config] = []
        self._send = send
        self._check = check

    @hookimpl
    def connector_metadata(self) -> ConnectorMetadata:
        return self.metadata

    @hookimpl
    def validate_config(self, config: Config) -> Iterable[ConfigIssue]:
        self.checked.append(config)
        return self._check(config) if self._check else ()

    @hookimpl
    def send_message(self, config: Config, message: Message) -> Any:
        self.sent.append(message)
        return self._send(config, message) if self._send else SendResult(message_id=f"id-{len(self.sent)}")
