"""Pages as answers, made apart from those of the application around, whose templates, names and marks are its own."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import current_app, request, url_for
from jinja2 import Environment, PackageLoader


def render(template: str, **values: Any) -> str:
    """Return a page; half of a surrogate pair, which no answer can carry, shows as a question mark."""
    for make in current_app.template_context_processors[request.blueprint]:
        values = {**current_app.ensure_sync(make)(), **values}
    return _pages().get_template(template).render(values).encode("utf-8", "replace").decode()


@cache
def _pages() -> Environment:
    pages = Environment(loader=PackageLoader("connector_core.console"), autoescape=True)
    pages.globals |= {"request": request, "url_for": url_for}
    return pages
