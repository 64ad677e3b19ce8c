"""Postmark's API as a web application: its routes, and how its refusals look."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException

from connector_core.sandbox.application import add_routes, answer_http_error, answer_json
from connector_postmark.sandbox.gate import Gate
from connector_postmark.sandbox.messages import Mailer
from connector_postmark.sandbox.refusals import Refusal
from connector_postmark.sandbox.routing import FoldedPaths
from connector_postmark.sandbox.sending_api import SendingApi
from connector_postmark.sandbox.server_api import ServerApi
from connector_postmark.sandbox.stats_api import StatsApi
from connector_postmark.sandbox.template_api import TemplateApi

if TYPE_CHECKING:
    from flask import Flask, Response

    from connector_core.sandbox.outbox import Outbox
    from connector_postmark.sandbox.account import Account


def add_api(app: Flask, account: Account, outbox: Outbox) -> None:
    """Add the API for an account to the application that shows its outbox."""
    app.url_map.strict_slashes = False
    for api in (SendingApi(Mailer(account, outbox)), TemplateApi(account), ServerApi(account), StatsApi(account)):
        add_routes(app, api.routes())
    app.before_request(Gate(account).check)
    app.register_error_handler(Refusal, _answer_refusal)
    # Without an ErrorCode: 405 and 413 mean something else as one.
    app.register_error_handler(HTTPException, partial(answer_http_error, key="Message"))
    app.wsgi_app = FoldedPaths(app.wsgi_app)  # type: ignore[method-assign] # Flask documents it for middleware


def _answer_refusal(refusal: Refusal) -> Response:
    answer = answer_json(refusal.body, refusal.status)
    answer.headers["X-PM-ApiErrorCode"] = str(refusal.code)
    return answer
