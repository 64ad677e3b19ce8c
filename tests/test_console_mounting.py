"""The console mounted as docs/console.md says: in Flask, under FastAPI and beside Django, each really served."""

from __future__ import annotations

import re
import socket
import threading
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from console_site import Visitor
from flask import Flask, request, session
from readme_page import ROOT, read_blocks

from connector_core.web_server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from connector_core import Host

PREFIX = "/admin/connectors"
PAGE = f"{PREFIX}/connectors/postmark-mail"
CONFIG = {"/serverToken": "made-up-token-9c41", "/fromEmail": "noreply@example.com", "action": "done"}
PROGRAMS = {
    block.section: block.text
    for block in read_blocks((ROOT / "docs" / "console.md").read_text("utf-8"))
    if block.language == "python"
}


@pytest.fixture
def run_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Run a program of the page in a folder of its own; return its names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_SECRET_KEY", "a made-up key of an application.")
    monkeypatch.setenv("CONSOLE_SECRET_KEY", "a made-up key of only the console")
    with ExitStack() as stack:

        def run(section: str) -> dict[str, Any]:
            names: dict[str, Any] = {"__name__": "program"}
            exec(compile(PROGRAMS[section], section, "exec"), names)  # noqa: S102  the page's own program
            stack.callback(names["host"].close)
            return names

        yield run


@contextmanager
def serve(application: WSGIApplication) -> Iterator[Visitor]:
    server = Server(application, 0, "host-in-test")
    server.start()
    visitor = Visitor(f"http://127.0.0.1:{server.port}")
    try:
        yield visitor
    finally:
        visitor.close()
        server.stop()


@contextmanager
def serve_asgi(application: Any) -> Iterator[Visitor]:
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listening:  # it takes connections from here on
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, ws="none", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        visitor = Visitor(f"http://127.0.0.1:{listening.getsockname()[1]}")
        try:
            assert visitor.get("/nothing").status_code == 404
            yield visitor
        finally:
            visitor.close()
            server.should_exit = True
            thread.join()


def check_console(visitor: Visitor, host: Host, name: str) -> None:
    """Walk through the console as somebody who is signed in to the host: by its links, to a saved config."""
    catalogue = visitor.get(f"{PREFIX}/")
    tags = "".join(re.findall("<[a-z][^<>]*>", catalogue.text + visitor.get(PAGE).text))  # a guide shows HTML as text
    links = set(re.findall(r'(?:href|src|action|data-issues)="([^"#?][^"]*)"', tags))
    ours = {link for link in links if not link.startswith(("https://", "mailto:"))}
    cookie = next(one for one in visitor.cookies if one.name == "connectors_console")

    assert catalogue.status_code == 200
    assert (cookie.path, cookie.has_nonstandard_attr("HttpOnly")) == (f"{PREFIX}/", True)
    assert {f"{PREFIX}/", PAGE, f"{PAGE}/issues", f"{PREFIX}/history", f"{PREFIX}/static/console.js"} <= ours
    assert [link for link in ours if not link.startswith(f"{PREFIX}/")] == []
    for file in (f"{PREFIX}/static/console.css", f"{PREFIX}/static/console.js"):
        assert visitor.get(file).headers["Cache-Control"] == "no-cache"

    issues = visitor.post(f"{PAGE}/issues", {**CONFIG, "/fromEmail": "nowhere"}, page=PAGE).json()["issues"]
    saved = visitor.send_form(PAGE, **CONFIG)

    assert "/fromEmail" in [issue["slot"] for issue in issues]
    assert (saved.status_code, saved.headers["Location"]) == (303, f"{PREFIX}/?done=finished&id=postmark-mail")
    assert visitor.get(saved.headers["Location"]).status_code == 200
    active = host.configs.find_active()
    assert active is not None
    assert (active.connector_id, active.changed_by) == ("postmark-mail", name)


def check_stranger(visitor: Visitor) -> None:
    """See that the console is closed to whoever isn't signed in to the host."""
    for path in (f"{PREFIX}/", PAGE, f"{PREFIX}/history", f"{PAGE}/export"):
        answer = visitor.get(path)
        assert (answer.status_code, "Sign in to the application first" in answer.text) == (403, True)
    assert visitor.ask("POST", PAGE, data=CONFIG).status_code == 403
    assert visitor.get(f"{PREFIX}/static/console.css").status_code == 200


def test_the_page_has_the_programs_that_the_tests_below_run() -> None:
    assert list(PROGRAMS) == ["Flask", "FastAPI", "Django", "Behind a proxy"]


def add_sign_in(app: Flask) -> Flask:
    """Let visitors sign in as whom they say."""

    @app.post("/sign-in")
    def sign_in() -> str:
        session.update(name="ada", is_administrator=request.form["as"] == "administrator")
        return "Signed in."

    return app


def test_it_is_mounted_in_a_flask_application(run_program: Callable[[str], dict[str, Any]]) -> None:
    names = run_program("Flask")

    with serve(add_sign_in(names["app"])) as visitor:
        check_stranger(visitor)
        visitor.ask("POST", "/sign-in", data={"as": "reader"})
        check_stranger(visitor)
        visitor.ask("POST", "/sign-in", data={"as": "administrator"})
        check_console(visitor, names["host"], "ada")
        assert "Content-Security-Policy" not in visitor.get("/nothing").headers


def test_it_is_mounted_under_fastapi(run_program: Callable[[str], dict[str, Any]]) -> None:
    from fastapi import Request

    names = run_program("FastAPI")

    async def sign_in(request: Request, who: str) -> str:
        request.session.update(name="ada", is_administrator=who == "administrator")
        return "Signed in."

    sign_in.__annotations__ = {"request": Request, "who": str, "return": str}
    names["app"].post("/sign-in/{who}")(sign_in)

    with serve_asgi(names["app"]) as visitor:
        check_stranger(visitor)
        visitor.ask("POST", "/sign-in/reader")
        check_stranger(visitor)
        visitor.ask("POST", "/sign-in/administrator")
        check_console(visitor, names["host"], "ada")


DJANGO_SETTINGS = """\
SECRET_KEY = "a made-up key of an application."
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "django.db"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "project.urls"
ALLOWED_HOSTS = ["127.0.0.1"]
LOGGING_CONFIG = None
"""
DJANGO_URLS = """\
from django.contrib.auth import get_user_model, login
from django.http import HttpResponse
from django.urls import path


def sign_in(request, who):
    login(request, get_user_model().objects.get(username=who))
    return HttpResponse("Signed in.")


urlpatterns = [path("sign-in/<who>", sign_in)]
"""


def test_it_stands_beside_django(
    run_program: Callable[[str], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "settings.py").write_text(DJANGO_SETTINGS)
    (tmp_path / "project" / "urls.py").write_text(DJANGO_URLS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "project.settings")

    names = run_program("Django")
    auth, management, database = map(import_module, ("django.contrib.auth", "django.core.management", "django.db"))
    management.call_command("migrate", verbosity=0)
    auth.get_user_model().objects.create_user("reader")
    auth.get_user_model().objects.create_superuser("ada")
    database.connections.close_all()

    with serve(names["application"]) as visitor:
        check_stranger(visitor)
        visitor.get("/sign-in/reader")
        check_stranger(visitor)
        visitor.get("/sign-in/ada")
        check_console(visitor, names["host"], "ada")


def test_behind_a_proxy_its_headers_are_true_where_the_application_says_so(
    run_program: Callable[[str], dict[str, Any]],
) -> None:
    names = run_program("Flask")
    app = add_sign_in(names["app"])
    exec(compile(PROGRAMS["Behind a proxy"], "proxy", "exec"), names)  # noqa: S102  the page's own program
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "app.example.com", "X-Forwarded-Prefix": "/team"}

    client = app.test_client()
    client.post("/sign-in", data={"as": "administrator"}, headers=forwarded)
    answer = client.get(f"{PREFIX}/", headers=forwarded)

    assert f'href="/team{PREFIX}/history"' in answer.text
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")
    assert f"Path=/team{PREFIX}/" in answer.headers["Set-Cookie"].split("; ")
