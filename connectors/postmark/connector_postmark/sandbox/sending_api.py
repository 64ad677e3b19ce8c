"""The endpoints that send: Postmark developer docs, Email API, and Templates API for those with a template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request

from connector_core.sandbox.page import Route
from connector_postmark.sandbox import bodies
from connector_postmark.sandbox.gate import MAX_BODY, is_to_be_delivered
from connector_postmark.sandbox.refusals import Refusal

if TYPE_CHECKING:
    from connector_postmark.sandbox.messages import Mailer

MAX_BATCH = 500


class SendingApi:
    """Send one message, or many."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def routes(self) -> list[Route]:
        """Return the endpoints."""
        return [
            Route("POST", "/email", self.send),
            Route("POST", "/email/batch", self.send_batch),
            Route("POST", "/email/withtemplate", self.send_with_template),
            Route("POST", "/email/batchwithtemplates", self.send_batch_with_templates),
        ]

    def send(self) -> Any:
        """Send a message that brings its content."""
        return self._send(bodies.parse_json(request.data), templated=False, size=len(request.data))

    def send_with_template(self) -> Any:
        """Send a message by a template."""
        return self._send(bodies.parse_json(request.data), templated=True, size=len(request.data))

    def send_batch(self) -> Any:
        """Send the messages of a bare array."""
        return self._send_all(bodies.parse_json(request.data), templated=False)

    def send_batch_with_templates(self) -> Any:
        """Send the messages under Messages, each by a template."""
        body = bodies.fold_keys(bodies.parse_object(request.data), {"Messages": None})
        return self._send_all(body.get("Messages"), templated=True)

    def _send(self, message: Any, *, templated: bool, size: int) -> dict[str, Any]:
        return self._mailer.send(message, templated=templated, deliver=is_to_be_delivered(), size=size)

    def _send_all(self, messages: Any, *, templated: bool) -> list[dict[str, Any]]:
        if not isinstance(messages, list):
            raise Refusal(403, "Received valid, but incompatible JSON input.")
        if len(messages) > MAX_BATCH:
            raise Refusal(410, f"You may only send up to {MAX_BATCH} messages in a single batched request.")
        size = len(request.data) // max(len(messages), 1)
        return [self._send_or_tell(message, templated=templated, size=size) for message in messages]

    def _send_or_tell(self, message: Any, *, templated: bool, size: int) -> dict[str, Any]:
        try:
            return self._send(message, templated=templated, size=min(size, MAX_BODY))
        except Refusal as refusal:
            return refusal.body
