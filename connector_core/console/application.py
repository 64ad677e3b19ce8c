"""The console as a Flask blueprint, to mount in a Flask application, and as an application of its own (WSGI)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, g, redirect, request, url_for
from werkzeug.exceptions import HTTPException, NotFound

from connector_core.console.access import check_host
from connector_core.console.answers import render
from connector_core.console.catalogue import add_catalogue
from connector_core.console.connector_pages import add_connector_pages
from connector_core.console.console import Console
from connector_core.console.history_page import add_history
from connector_core.console.sign_in import add_sign_in
from connector_core.console.texts import LOCALES, choose_texts, mark
from connector_core.console.transfer import add_transfer
from connector_core.errors import ConnectorError, ConnectorNotFound, StoreError

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from connector_core.console.access import SignIn
    from connector_core.console.options import ConsoleOptions
    from connector_core.host import Host

EXTENSION = "connectors_console"
"""Where the application keeps its console, whose sandboxes whoever serves it stops at the end."""

_LANGUAGE_COOKIE = "connectors_language"
_YEAR = 365 * 24 * 3600
MOST_BYTES = 8_000_000
_MOST_PARTS = 20_000
_OPEN_ENDPOINTS = frozenset({"sign_in", "static"})
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_WHY_REFUSED = {
    "other_origin": mark("This came from another site, so nothing was done."),
    "other_host": mark("The console does not answer to this name."),
    "stale_form": mark("This page was too old, so nothing was done: go back, reload it and try again."),
    "not_signed_in": mark("Sign in to the application first; then reload this page."),
    "signed_out": mark(
        "You are not signed in any more: sign in in another tab, then come back to this one and try again."
    ),
}
_WHY_FAILED = {
    404: mark("There is nothing at this address."),
    405: mark("This page can't be asked for in this way: go back and use its buttons."),
    413: mark("That is larger than the console takes."),
    429: mark("Too many tries: wait a minute, then try again."),
    500: mark("The console failed: the log of the application that serves it tells why."),
}
_PROTECTION = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
"""What every answer says to browsers, beside the policy of its content."""

_LANGUAGE_NAMES = {"en": "English", "fr": "Français", "zh-CN": "简体中文", "tr-TR": "Türkçe", "ko": "한국어"}
_ACTIONS = {
    "saved": mark("saved"),
    "activated": mark("activated"),
    "deactivated": mark("deactivated"),
    "deleted": mark("deleted"),
}
_STATUSES = {
    "sent": mark("sent"),
    "queued": mark("queued"),
    "rejected": mark("rejected"),
    "invalid": mark("invalid"),
    "unknown": mark("unknown"),
}


def make_blueprint(
    host: Host, options: ConsoleOptions, sign_in: SignIn | None = None, *, name: str = "connectors"
) -> Blueprint:
    """Return the console as a blueprint, to mount in a Flask application.

    Args:
        host: the host; it has a store.
        options: how the console behaves.
        sign_in: lets in whoever has its one-time token; not needed where the options authenticate.
        name: the name of the blueprint.

    Raises:
        StoreError: the host has no store.
        ConnectorError: neither `sign_in` nor `authenticate` is there, so that nobody could be kept out.

    """
    return _make_blueprint(Console(host, options), sign_in, name)


def make_app(host: Host, options: ConsoleOptions, sign_in: SignIn | None = None) -> Flask:
    """Return the console as an application of its own, which any WSGI server can serve.

    Args:
        host: as in `make_blueprint`, and so are `options` and `sign_in`.
        options: see `host`.
        sign_in: see `host`.

    Raises:
        ConnectorError: as in `make_blueprint`.

    """
    console = Console(host, options)
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.extensions[EXTENSION] = console
    app.register_blueprint(_make_blueprint(console, sign_in, "connectors"))
    app.register_error_handler(HTTPException, _show_plain_error)
    return app


def _make_blueprint(console: Console, sign_in: SignIn | None, name: str) -> Blueprint:
    if sign_in is None and console.options.authenticate is None:
        raise ConnectorError("The console has no sign-in: give it `authenticate`, which tells who asks.")
    blueprint = Blueprint(name, __name__, static_folder="static")
    blueprint.before_request(lambda: _admit(console))
    blueprint.after_request(lambda response: _finish(console, response))
    blueprint.register_error_handler(HTTPException, _show_http_error)
    blueprint.register_error_handler(ConnectorError, _show_error)
    blueprint.context_processor(lambda: _make_context(console, sign_in))
    if sign_in is not None:
        add_sign_in(blueprint, console, sign_in)
    add_catalogue(blueprint, console)
    add_connector_pages(blueprint, console)
    add_transfer(blueprint, console)
    add_history(blueprint, console)
    return blueprint


def _admit(console: Console) -> ResponseReturnValue | None:
    """Let in who may use the console; everybody else is told where to sign in."""
    request.max_content_length = MOST_BYTES
    request.max_form_memory_size = MOST_BYTES
    request.max_form_parts = _MOST_PARTS
    g.texts = choose_texts(request.headers.get("Accept-Language"), _asked_language())
    check_host(request, console.options.host_names)
    g.browser = console.sessions.read(request)
    g.author = _find_author(console)
    if not str((request.view_args or {}).get("connector_id", "")).isprintable():
        raise NotFound  # not every store can be asked for such an id
    endpoint = (request.endpoint or "").rpartition(".")[2]
    is_open = endpoint in _OPEN_ENDPOINTS
    if g.author is None and not is_open and request.method != "GET":
        return _render_error("signed_out", 403)
    if endpoint != "static":
        console.sessions.check_form(request, g.browser)
    if g.author is not None or is_open:
        return None
    if console.options.authenticate is None:
        return redirect(url_for(".sign_in"), 303)
    return _render_error("not_signed_in", 403)


def _find_author(console: Console) -> str | None:
    if console.options.authenticate is not None:
        return console.options.authenticate(request) or None
    return "console" if g.browser.signed_in else None


def _asked_language() -> str | None:
    return request.args.get("lang") or request.cookies.get(_LANGUAGE_COOKIE)


def _finish(console: Console, response: Response) -> Response:
    """Add what keeps other sites and onlookers away from an answer."""
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _POLICY)
    headers.setdefault("X-Frame-Options", "DENY")
    headers.update(_PROTECTION)
    if (request.endpoint or "").endswith(".static") and response.status_code < 400:  # noqa: PLR2004  a refusal is kept nowhere
        headers["Cache-Control"] = "no-cache"  # asked for each time, so that an old script meets no new page
        return response
    headers["Cache-Control"] = "no-store"
    path = url_for(".catalogue")
    if "browser" in g:
        console.sessions.write(g.browser, request, response, path)
    if request.args.get("lang") in LOCALES:
        response.set_cookie(
            _LANGUAGE_COOKIE,
            request.args["lang"],
            max_age=_YEAR,
            path=path,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response


def _make_context(console: Console, sign_in: SignIn | None) -> dict[str, Any]:
    t = g.get("texts") or choose_texts(None, None)
    return {
        "t": t,
        "language_names": _LANGUAGE_NAMES,
        "action_names": {action: t(english) for action, english in _ACTIONS.items()},
        "status_names": {status: t(english) for status, english in _STATUSES.items()},
        "references": console.options.references,
        "locales": LOCALES,
        "author": g.get("author"),
        "can_sign_out": sign_in is not None and g.get("author") is not None,
        "csrf": console.sessions.form_token(g.browser) if "browser" in g else "",
    }


def _show_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    is_said = error.description != type(error).description  # by the console itself
    why = str(error.description) if is_said else _WHY_FAILED.get(error.code or 500, str(error.description))
    return _render_error(why, error.code or 500)


def _show_error(error: ConnectorError) -> ResponseReturnValue:
    status = 503 if isinstance(error, StoreError) else 404 if isinstance(error, ConnectorNotFound) else 400
    return _render_error(str(error), status)


def _render_error(why: str, status: int) -> ResponseReturnValue:
    t = g.get("texts") or choose_texts(None, None)
    sentence = t(_WHY_REFUSED.get(why, why))
    return render("console/error.html", sentence=sentence), status


def _show_plain_error(error: HTTPException) -> ResponseReturnValue:
    """Answer what reached none of the console's pages."""
    headers = {
        **_PROTECTION,
        "Content-Security-Policy": _POLICY,
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Frame-Options": "DENY",
    }
    return f"{error.code} {error.name}\n", error.code or 500, headers
