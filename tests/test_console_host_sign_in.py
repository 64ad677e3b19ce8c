"""Who may use the console where the host says who signs in, and what a console needs to be made at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from console_site import ALPHA, Site

from connector_core import ConnectorError
from connector_core.console import ConsoleOptions, SignIn, make_app, make_blueprint

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request

CONFIG = {"/token": "made-up-token-9c41", "action": "done", "view": "form", "revision": ""}


def test_the_host_decides_who_is_in_where_it_authenticates(serve_site: Callable[..., Site]) -> None:
    def authenticate(request: Request) -> str | None:
        return {"Bearer made-up-ada": "ada"}.get(request.headers.get("Authorization", ""), "")

    site = serve_site(authenticate=authenticate)
    visitor = site.visit()
    known = {"Authorization": "Bearer made-up-ada"}

    refused, shown = visitor.get(), visitor.get(headers=known)
    page = visitor.get(ALPHA, headers=known).text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    stranger = visitor.ask("POST", ALPHA, data={**CONFIG, "csrf": token})
    saved = visitor.ask("POST", ALPHA, data={**CONFIG, "csrf": token}, headers=known)

    assert (refused.status_code, shown.status_code) == (403, 200)
    assert "Sign in to the application first" in refused.text
    assert visitor.get("/sign-in").status_code == 404
    assert (stranger.status_code, saved.status_code) == (403, 303)
    assert [change.author for change in site.host.configs.history()] == ["ada", "ada"]


def test_nobody_is_let_in_where_the_host_cannot_tell_who_asks(
    serve_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    def authenticate(_request: Request) -> str:
        raise RuntimeError("The sessions of the host are out of reach.")

    answer = serve_site(authenticate=authenticate).visit().get(ALPHA)

    assert answer.status_code == 500
    assert "The console failed" in answer.text
    assert "out of reach" not in answer.text
    assert "out of reach" in caplog.text


def test_a_console_that_nobody_could_be_kept_out_of_is_not_made(site: Site) -> None:
    for make in (make_app, make_blueprint):
        with pytest.raises(ConnectorError, match="no sign-in"):
            make(site.host, ConsoleOptions())


def test_a_key_that_could_be_guessed_is_refused() -> None:
    for key in (b"", b"dev", b"k" * 31):
        with pytest.raises(ConnectorError, match="32 random bytes"):
            ConsoleOptions(secret_key=key)


def test_options_and_sign_in_do_not_show_their_secrets() -> None:
    tokens: list[str] = []
    shown = repr(SignIn(tokens.append)) + repr(ConsoleOptions(secret_key=b"made-up-key-of-a-console-of-nobody"))

    assert tokens
    assert tokens[0] not in shown
    assert "made-up-key" not in shown


def test_a_name_may_be_an_address_of_version_six(site: Site) -> None:
    app = make_app(site.host, ConsoleOptions(host_names=frozenset({"::1"})), SignIn(lambda _token: None))

    statuses = [app.test_client().get("/", headers={"Host": name}).status_code for name in ("[::1]:8025", "[::2]:8025")]

    assert statuses == [303, 403]
