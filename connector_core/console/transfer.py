"""Configs that leave the console, enter it, or are deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response, abort, g, redirect, request, url_for

from connector_core.config import MAX_CONFIG_BYTES
from connector_core.console.answers import render
from connector_core.console.connector_page import ConnectorPage, render_page
from connector_core.console.draft import Draft, parse_document, show_json
from connector_core.errors import InvalidConfig, StoreConflict
from connector_core.log import logger

if TYPE_CHECKING:
    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from connector_core.console.console import Console
    from connector_core.store import StoredConfig


def add_transfer(blueprint: Blueprint, console: Console) -> None:
    """Add export, import and deletion."""
    configs = console.configs

    def find_stored(connector_id: str) -> StoredConfig:
        stored = next((one for one in configs.list() if one.connector_id == connector_id), None)
        return stored if stored is not None else abort(404, g.texts("Nothing is stored for {id}.", id=connector_id))

    def export_config(connector_id: str) -> Response:
        stored = configs.get(connector_id) or find_stored(connector_id)
        config: Any = configs.redact(stored).config
        if request.method == "POST":  # asked for with its secrets; a link could be followed by mistake
            config = stored.config
            logger.warning("%s: %s exported the config with its secrets", connector_id, g.author)
        document = show_json({"connector": connector_id, "config": config})
        headers = {"Content-Disposition": f'attachment; filename="{connector_id}.json"'}
        return Response(document + "\n", content_type="application/json; charset=utf-8", headers=headers)

    def import_config(connector_id: str) -> ResponseReturnValue:
        connector, stored = console.host[connector_id], configs.get(connector_id)
        page = ConnectorPage(connector, stored, Draft(dict(stored.config) if stored else {}))
        try:
            page.draft = Draft(_read_document(connector_id))
        except InvalidConfig as error:
            page.problem = str(error)
            return render_page(console, page, 422)
        if stored is not None:
            page.draft.config = connector.keep_secrets(page.draft.config, stored.config)
        page.draft.issues = console.find_issues(connector, stored, page.draft)
        page.done = "imported"
        return render_page(console, page)

    def delete_config(connector_id: str) -> ResponseReturnValue:
        stored = find_stored(connector_id)
        if request.method == "GET":
            return render("console/delete.html", stored=stored)
        try:
            configs.delete(connector_id, author=g.author, revision=request.form.get("revision", ""))
        except StoreConflict:
            stored = find_stored(connector_id)
            return render("console/delete.html", stored=stored, is_conflict=True), 409
        return redirect(url_for(".catalogue", done="deleted", id=connector_id), 303)

    where = "/connectors/<connector_id>"
    blueprint.add_url_rule(f"{where}/export", "export", export_config, methods=["GET", "POST"])
    blueprint.add_url_rule(f"{where}/import", "import_config", import_config, methods=["POST"])
    blueprint.add_url_rule(f"{where}/delete", "delete", delete_config, methods=["GET", "POST"])


def _read_document(connector_id: str) -> dict[str, Any]:
    """Return the config in the file that was uploaded: an export, or a config alone.

    Raises:
        InvalidConfig: there is no file, it can't be read, or it is for another connector.

    """
    file = request.files.get("file")
    if file is None or not file.filename:
        raise InvalidConfig(g.texts("Choose the file to import."))
    document = parse_document(file.stream.read(MAX_CONFIG_BYTES + 1))
    if set(document) == {"connector", "config"} and isinstance(document["config"], dict):
        if document["connector"] != connector_id:
            raise InvalidConfig(g.texts("This file is for another connector: import it on that one's page."))
        return dict(document["config"])
    return document
