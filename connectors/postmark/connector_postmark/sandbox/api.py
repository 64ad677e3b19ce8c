"""The web application: its routes, and how its answers look."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from connector_postmark.sandbox.gate import Gate
from connector_postmark.sandbox.messages import Mailer
from connector_postmark.sandbox.page import OutboxPage
from connector_postmark.sandbox.refusals import Refusal
from connector_postmark.sandbox.routing import FoldedPaths
from connector_postmark.sandbox.sending_api import SendingApi
from connector_postmark.sandbox.server_api import ServerApi
from connector_postmark.sandbox.template_api import TemplateApi

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_postmark.sandbox.account import Account
    from connector_postmark.sandbox.outbox import Outbox


def create_app(account: Account, outbox: Outbox) -> Flask:
    """Return the application for an account and its outbox."""
    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = False
    for api in (SendingApi(Mailer(account, outbox)), TemplateApi(account), ServerApi(account), OutboxPage(outbox)):
        for method, path, view in api.routes():
            # No automatic OPTIONS: browsers ask it before they let another origin in, and none is let in.
            app.add_url_rule(
                path, f"{method} {path}", _answered(view), methods=[method], provide_automatic_options=False
            )
    app.before_request(Gate(account).check)
    app.register_error_handler(Refusal, _answer_refusal)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.after_request(_protect)
    app.wsgi_app = FoldedPaths(app.wsgi_app)  # type: ignore[method-assign] # Flask documents it for middleware
    return app


def _answered(view: Callable[..., Any]) -> Callable[..., Response]:
    """Make a view that answers with the JSON of what `view` returns."""

    @functools.wraps(view)
    def answer(**arguments: str) -> Response:
        result = view(**arguments)
        return result if isinstance(result, Response) else _json(result)

    return answer


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json; charset=utf-8")


def _answer_refusal(refusal: Refusal) -> Response:
    answer = _json(refusal.body, refusal.status)
    answer.headers["X-PM-ApiErrorCode"] = str(refusal.code)
    return answer


def _answer_http_error(error: HTTPException) -> Response:
    """Answer without an ErrorCode: 405 and 413 mean something else as one."""
    if request.routing_exception is error:
        message = f"{error.name}: there is no {request.method} at {request.path}."
    else:
        message = error.description or error.name
    answer = _json({"Message": message}, error.code or 500)
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
