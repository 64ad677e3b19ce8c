"""The catalogue: every connector with its state, and what can be done with it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, abort, g, redirect, request, url_for

from connector_core.console.answers import render
from connector_core.errors import InvalidConfig, StoreConflict

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from connector_core.console.console import Console

_LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def add_catalogue(blueprint: Blueprint, console: Console) -> None:
    """Add the catalogue, the logos, and the buttons that change which connector is active."""
    configs = console.configs

    def catalogue(problem: str = "", status: int = 200) -> ResponseReturnValue:
        page = render(
            "console/catalogue.html",
            entries=console.list_entries(g.texts.locale),
            failures=console.host.failures,
            done=request.args.get("done", ""),
            about=request.args.get("id", ""),
            problem=problem,
        )
        return page, status

    def change_activity(connector_id: str, verb: str) -> ResponseReturnValue:
        change = configs.activate if verb == "activate" else configs.deactivate
        try:
            change(connector_id, author=g.author, revision=request.form.get("revision", ""))
        except StoreConflict:
            return catalogue(g.texts("Somebody else changed this connector meanwhile: look at it again."), 409)
        except InvalidConfig as error:
            return catalogue(str(error), 422)
        return redirect(url_for(".catalogue", done=f"{verb}d", id=connector_id), 303)

    def show_logo(connector_id: str, shade: str) -> Response:
        metadata = console.host[connector_id].metadata if connector_id in console.host else None
        logo = metadata and (metadata.logo_dark if shade == "dark" else metadata.logo)
        if not logo:
            abort(404)
        # An image that is opened as a page of its own could run scripts: the policy keeps it from that.
        return Response(logo, content_type="image/svg+xml", headers={"Content-Security-Policy": _LOGO_POLICY})

    blueprint.add_url_rule("/", "catalogue", catalogue)
    rule = "/connectors/<connector_id>/<any(activate, deactivate):verb>"
    blueprint.add_url_rule(rule, "change_activity", change_activity, methods=["POST"])
    blueprint.add_url_rule("/connectors/<connector_id>/logo-<any(light, dark):shade>.svg", "logo", show_logo)
