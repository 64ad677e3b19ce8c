"""The page that tells who changed what, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.console.answers import render

if TYPE_CHECKING:
    from flask import Blueprint

    from connector_core.console.console import Console

_SHOWN = 200


def add_history(blueprint: Blueprint, console: Console) -> None:
    """Add the page."""

    def history() -> str:
        return render("console/history.html", changes=console.configs.history(limit=_SHOWN))

    blueprint.add_url_rule("/history", "history", history)
