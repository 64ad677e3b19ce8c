"""The page where the one-time token goes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import g, redirect, request, url_for

from connector_core.console.answers import render

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from connector_core.console.access import SignIn
    from connector_core.console.console import Console


def add_sign_in(blueprint: Blueprint, console: Console, sign_in: SignIn) -> None:
    """Add the pages to sign in and out."""

    def sign_in_page() -> ResponseReturnValue:
        if g.author is not None:
            return redirect(url_for(".catalogue"), 303)
        if request.method == "GET":
            return render("console/sign_in.html", failed=False)
        if not sign_in.redeem(request.form.get("token", "")):
            return render("console/sign_in.html", failed=True), 403
        g.browser = console.sessions.begin(signed_in=True)
        return redirect(url_for(".catalogue"), 303)

    def sign_out() -> ResponseReturnValue:
        console.sessions.end(g.browser)
        g.browser = console.sessions.begin()
        return redirect(url_for(".sign_in"), 303)

    blueprint.add_url_rule("/sign-in", "sign_in", sign_in_page, methods=["GET", "POST"])
    blueprint.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])
