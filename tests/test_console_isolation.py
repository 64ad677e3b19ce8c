"""The pages are the same whatever the application around does with pages of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from console_site import ALPHA, EVERYTHING
from fakes import FakeConnector
from flask import Flask
from jinja2 import DictLoader, StrictUndefined

from connector_core.console import ConsoleOptions, make_blueprint
from connector_core.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask.testing import FlaskClient

    from connector_core import Host

PAGES = ("/", ALPHA, "/history", f"{ALPHA}/delete", "/connectors/gone")


class OtherMarks(Flask):
    """An application whose own templates leave the usual marks to a framework in the browser."""

    jinja_options = {"variable_start_string": "[[", "variable_end_string": "]]"}


def make_client(app: Flask, host: Host) -> FlaskClient:
    options = ConsoleOptions(authenticate=lambda _request: "ada", secret_key=b"a made-up key of only the console")
    app.register_blueprint(make_blueprint(host, options), url_prefix="/console")
    return app.test_client()


@pytest.fixture
def host(make_host: Callable[..., Host], tmp_path: Path) -> Host:
    host = make_host(FakeConnector(schema=EVERYTHING), store=open_store(str(tmp_path / "configs.json")))
    host.configs.save("alpha-mail", {"token": "made-up-token-9c41"}, author="ada", revision="")
    return host


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_nothing_of_the_templates_around(host: Host, page: str) -> None:
    odd = OtherMarks("odd")
    odd.jinja_env.undefined = StrictUndefined
    odd.jinja_loader = DictLoader({"console/base.html": "another page"})
    odd.context_processor(lambda: {"t": "another", "form": "another", "author": "nobody"})
    plain = make_client(Flask("plain"), host)
    client = make_client(odd, host)

    expected, shown = (
        re.sub(r'name="csrf" value="\w+"', "", one.get(f"/console{page}").text) for one in (plain, client)
    )

    assert "<main" in expected
    assert shown == expected
