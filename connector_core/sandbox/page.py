"""The outbox for people, as a page, and for programs, as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Response, abort, redirect, render_template, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.sandbox.outbox import Outbox

PAGE_SIZE = 25
# The frames hold the mails, whose own styles may show and nothing else: no script, no picture from afar.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


class Route(NamedTuple):
    """A view, which returns what is answered as JSON or a whole answer, and where it is."""

    method: str
    path: str
    view: Callable[..., Any]


class OutboxPage:
    """Show what was accepted.

    Args:
        outbox: what was accepted.
        provider: the name of the provider that the sandbox stands in for.
        connector_id: the id of its connector.
        example: a request that works, for the empty page; `{url}` stands for the sandbox's address.

    """

    def __init__(self, outbox: Outbox, provider: str, connector_id: str, example: str) -> None:
        self._outbox = outbox
        self._texts = {"provider": provider, "connector_id": connector_id, "example": example}

    def routes(self) -> list[Route]:
        """Return the page and its JSON siblings."""
        return [
            Route("GET", "/", self.page),
            Route("GET", "/sandbox/messages", self.messages),
            Route("GET", "/sandbox/messages/<path:message_id>", self.message),
            Route("DELETE", "/sandbox/messages", self.clear),
            Route("POST", "/sandbox/messages/clear", self.clear_from_page),
        ]

    def page(self) -> Response:
        """Show the messages, newest first."""
        newest_first = self._outbox.all()[::-1]
        pages = max(1, -(-len(newest_first) // PAGE_SIZE))
        number = min(max(request.args.get("page", 1, type=int), 1), pages)
        shown = newest_first[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        html = render_template(
            "outbox.html",
            deliveries=shown,
            total=len(newest_first),
            number=number,
            pages=pages,
            as_json=_indented,
            **{name: text.replace("{url}", request.host_url.rstrip("/")) for name, text in self._texts.items()},
        )
        # JSON may hold one half of a surrogate pair, which UTF-8 has no bytes for.
        page = html.encode("utf-8", "replace")
        return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _POLICY})

    def messages(self) -> list[dict[str, Any]]:
        """List the messages, oldest first."""
        return [delivery.as_json() for delivery in self._outbox.all()]

    def message(self, message_id: str) -> dict[str, Any]:
        """Return one message."""
        delivery = self._outbox.find(message_id)
        if delivery is None:
            abort(404, "There is no message with this id; the oldest ones are forgotten.")
        return delivery.as_json()

    def clear(self) -> dict[str, Any]:
        """Forget every message."""
        self._outbox.clear()
        return {"messages": 0}

    def clear_from_page(self) -> Any:
        """Forget every message for the page's own form, which needs no script for it."""
        if request.headers.get("Origin") is None:
            abort(403, "Only the sandbox's own page may post here; programs send DELETE to /sandbox/messages.")
        self._outbox.clear()
        return redirect("/", 303)


def _indented(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
