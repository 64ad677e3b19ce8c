"""The web application of a sandbox: the outbox page, no way in for other web pages, and how errors look."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.exceptions import Forbidden, HTTPException, MethodNotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connector_core.sandbox.page import OutboxPage, Route

_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def make_application(page: OutboxPage) -> Flask:
    """Return an application that shows the outbox, to which a provider's API can be added."""
    app = Flask(__name__, static_folder=None)
    add_routes(app, page.routes())
    app.before_request(_check_browser)
    app.register_error_handler(HTTPException, answer_http_error)
    app.after_request(_protect)
    return app


def add_routes(app: Flask, routes: Iterable[Route]) -> None:
    """Add views that return what is answered as JSON, or a whole answer."""
    for method, path, view in routes:
        # No automatic OPTIONS: browsers ask it before they let another origin in, and none is let in.
        app.add_url_rule(path, f"{method} {path}", _answered(view), methods=[method], provide_automatic_options=False)


def answer_json(value: Any, status: int = 200) -> Response:
    """Return an answer with a JSON value."""
    return Response(json.dumps(value), status, content_type="application/json; charset=utf-8")


def _answered(view: Callable[..., Any]) -> Callable[..., Response]:
    """Make a view that answers with the JSON of what `view` returns."""

    @functools.wraps(view)
    def answer(**arguments: str) -> Response:
        result = view(**arguments)
        return result if isinstance(result, Response) else answer_json(result)

    return answer


def _check_browser() -> None:
    """Refuse what another web page may be behind.

    A page that rebinds its own name to 127.0.0.1 still sends that name as Host, and one that posts across
    origins can't hide its Origin.
    """
    if _host_name(request.host) not in _LOOPBACK_NAMES:
        raise Forbidden("The sandbox answers to 127.0.0.1 and localhost only.")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        raise Forbidden("The sandbox takes no requests from other origins.")
    if request.path.startswith("/sandbox/") and request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Forbidden("The sandbox takes no requests from other sites.")


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def answer_http_error(error: HTTPException, key: str = "message") -> Response:
    """Return a JSON answer that is no refusal of the provider; `key` is the member that holds the sentence."""
    if request.routing_exception is error:
        message = f"{error.name}: there is no {request.method} at {request.path}."
    else:
        message = error.description or error.name
    answer = answer_json({key: message}, error.code or 500)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _protect(answer: Response) -> Response:
    """Keep other web pages from showing, embedding or guessing at an answer."""
    headers = answer.headers
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Cache-Control"] = "no-store"
    # With "no-referrer" a browser would send the page's own form with the Origin "null".
    headers["Referrer-Policy"] = "same-origin"
    if request.path == "/":
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
    return answer
