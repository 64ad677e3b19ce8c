"""The pages of one connector: its guide beside its form, tries of the draft, and what is done with the config."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from flask import Response, abort, g, jsonify, redirect, request, url_for
from werkzeug.datastructures import MultiDict

from connector_core.console.answers import render
from connector_core.console.connector_page import ConnectorPage, render_page
from connector_core.console.console import make_start_config
from connector_core.console.draft import Draft, show_json
from connector_core.console.form_reading import change_rows
from connector_core.console.trial_panel import run_trial
from connector_core.errors import ConnectorError, InvalidConfig, StoreConflict, StoreError
from connector_core.store.comparison import compare_configs

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Blueprint
    from flask.typing import ResponseReturnValue

    from connector_core.connector import Connector
    from connector_core.console.console import Console
    from connector_core.store import StoredConfig

_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)


def add_connector_pages(blueprint: Blueprint, console: Console) -> None:
    """Add the page of a connector and what its form and buttons lead to."""
    views = ConnectorPages(console)
    where = "/connectors/<connector_id>"
    blueprint.add_url_rule(where, "connector", views.show)
    blueprint.add_url_rule(where, "act", views.act, methods=["POST"])
    blueprint.add_url_rule(f"{where}/issues", "issues", views.list_issues, methods=["POST"])
    blueprint.add_url_rule(f"{where}/outbox/<path:message_id>", "mail", views.show_mail)


def _known(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Give a view the connector of its address and the config that is stored for it."""

    @functools.wraps(view)
    def call(self: ConnectorPages, connector_id: str) -> ResponseReturnValue:
        stored = self.console.configs.get(connector_id)
        if connector_id not in self.console.host:
            return self.show_missing(connector_id, stored)
        return view(self, self.console.host[connector_id], stored)

    return call


class ConnectorPages:
    """The views of one connector."""

    def __init__(self, console: Console) -> None:
        self.console = console

    @_known
    def show(self, connector: Connector, stored: StoredConfig | None) -> ResponseReturnValue:
        """Show the stored config, or a form to start from."""
        if stored is None:
            draft = Draft(make_start_config(self.console.list_settings(connector)))
        else:
            draft = Draft(dict(stored.config))
        page = ConnectorPage(connector, stored, draft, view=_choose_view(request.args.get("view")))
        page.done = request.args.get("done", "")
        if stored is not None:
            self._note_issues(page)
        return render_page(self.console, page)

    @_known
    def act(self, connector: Connector, stored: StoredConfig | None) -> ResponseReturnValue:
        """Do what the button that was pressed says, with the draft of the form around it."""
        data = MultiDict(request.form.items(multi=True))
        action = data.get("action", "save")
        changes_rows = change_rows(data, action)
        page = self._read_page(connector, stored, data)
        if page.problem or changes_rows or self._change_draft(page, action):
            return render_page(self.console, page, 422 if page.problem else 200)
        self._note_issues(page)
        if page.draft.issues or page.draft.unread:
            page.problem = g.texts("Some settings are not right yet: mend what is marked.")
        if page.problem:
            return render_page(self.console, page, 422)
        if action in {"check", "send"}:
            run_trial(self.console, page, action, data)
            return render_page(self.console, page)
        if action in {"save", "done"}:
            return self._save(page, data.get("revision", ""), activate=action == "done")
        return abort(400, g.texts("There is no such button."))

    @_known
    def list_issues(self, connector: Connector, stored: StoredConfig | None) -> ResponseReturnValue:
        """Return what is wrong with a draft, as JSON for the page's script; nothing is sent or saved."""
        page = self._read_page(connector, stored, MultiDict(request.form.items(multi=True)))
        if page.problem:
            return jsonify({"issues": [{"slot": "", "message": page.problem}]})
        page.draft.issues = self.console.find_issues(connector, stored, page.draft)
        if page.view == "json":  # there are no fields to stand beside, so each says where it is
            found = [("", f"{issue.path}: {issue.message}") for issue in page.draft.issues]
        else:
            found = self.console.build_form(connector, stored, page.draft).list_issues()
        return jsonify({"issues": [{"slot": slot, "message": message} for slot, message in found]})

    def show_mail(self, connector_id: str, message_id: str) -> Response:
        """Show the HTML of a mail that a sandbox took, as a page that can do nothing."""
        html = self.console.sandboxes.find_mail(connector_id, message_id)
        if html is None:
            abort(404)
        headers = {"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return Response(html.encode("utf-8", "replace"), content_type="text/html; charset=utf-8", headers=headers)

    def show_missing(self, connector_id: str, stored: StoredConfig | None) -> ResponseReturnValue:
        """Show what is kept of a connector that isn't here any more."""
        if stored is None:
            abort(404, g.texts("There is no connector {id}.", id=connector_id))
        failure = next((one for one in self.console.host.failures if one.entry_point == connector_id), None)
        config = self.console.configs.redact(stored).config
        return render("console/missing.html", stored=stored, config=show_json(config), failure=failure)

    def _read_page(self, connector: Connector, stored: StoredConfig | None, data: MultiDict[str, str]) -> ConnectorPage:
        """Return the page that a browser sent; one whose JSON can't be read has a problem."""
        view = _choose_view(data.get("view"))
        try:
            draft = self.console.read_draft(connector, stored, data, g.texts)
        except InvalidConfig as error:
            before = self.console.unseal_draft(stored, data.get("before", ""))
            draft = before or Draft(dict(stored.config) if stored else {})
            page = ConnectorPage(connector, stored, draft, view=view, inputs=data, problem=str(error))
            if self.console.may_show(connector, draft, data.get("raw", "")):
                page.unreadable = data["raw"]
            else:
                gone = g.texts("It is not shown again, since it may hold a secret: here is what was there before.")
                page.problem = f"{error} {gone}"
            return page
        return ConnectorPage(connector, stored, draft, view=view, inputs=data)

    def _note_issues(self, page: ConnectorPage) -> None:
        """Note on a page what is wrong with its draft, or that the connector failed to tell."""
        try:
            page.draft.issues = self.console.find_issues(page.connector, page.stored, page.draft)
        except ConnectorError as error:
            page.problem = str(error)

    def _change_draft(self, page: ConnectorPage, action: str) -> bool:
        """Show a draft in another view, or put that of a sandbox in its place; return whether that was asked for."""
        if action.startswith("view:"):
            page.view = _choose_view(action.removeprefix("view:"))
        elif action == "sandbox" and self.console.options.sandboxes:
            try:
                page.draft, page.done = Draft(self.console.sandboxes.start(page.connector)), "sandbox"
            except ConnectorError as error:  # it ships none, or one that needs more to be installed
                page.problem = str(error)
        else:
            return False
        return True

    def _save(self, page: ConnectorPage, revision: str, *, activate: bool) -> ResponseReturnValue:
        connector, configs = page.connector, self.console.configs
        try:
            configs.save(connector.id, page.draft.config, author=g.author, revision=revision, activate=activate)
        except StoreConflict:
            page.stored = configs.get(connector.id)
            page.is_conflict = True
            if page.stored is not None:
                secrets = connector.find_secrets(page.draft.config)
                page.differences = compare_configs(page.stored.config, page.stored.secrets, page.draft.config, secrets)
            return render_page(self.console, page, 409)
        except StoreError as error:
            page.problem = str(error)
            return render_page(self.console, page, 503)
        except InvalidConfig as error:  # a policy that changed its mind, or a variable that went away
            page.draft.issues = list(error.issues)
            return render_page(self.console, page, 422)
        if activate:
            return redirect(url_for(".catalogue", done="finished", id=connector.id), 303)
        return redirect(url_for(".connector", connector_id=connector.id, done="saved"), 303)


def _choose_view(asked: str | None) -> str:
    return "json" if asked == "json" else "form"
