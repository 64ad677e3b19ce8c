"""The page of one connector as it is shown: its draft, what became of it, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flask import g, request
from werkzeug.datastructures import MultiDict

from connector_core.console.answers import render
from connector_core.console.draft import show_json
from connector_core.console.guide import render_guide
from connector_core.message import USAGE_TYPES
from connector_core.metadata import choose_language
from connector_core.payloads import sample_payload
from connector_core.templates import GENERIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask.typing import ResponseReturnValue

    from connector_core.connector import Connector
    from connector_core.console.console import Console
    from connector_core.console.draft import Draft
    from connector_core.console.sandboxes import OutboxMessage
    from connector_core.console.trial import Trial
    from connector_core.findings import Finding
    from connector_core.store import ChangedSetting, StoredConfig

PART_HEADER = "X-Console-Part"
"""The header by which the page's script asks for one part of the page alone: `trial`."""


@dataclass(slots=True)
class ConnectorPage:
    """What one answer shows.

    `view` is `form` or `json`, `inputs` what the browser sent, for the inputs of the test panel. `problem` is why what
    was asked for was not done, `done` what was. After a conflict `differences` leads from the config that somebody else
    saved to this draft. `unreadable` is JSON that is no config yet, and may be shown.
    """

    connector: Connector
    stored: StoredConfig | None
    draft: Draft
    view: str = "form"
    inputs: MultiDict[str, str] = field(default_factory=MultiDict, repr=False)
    problem: str = ""
    done: str = ""
    is_conflict: bool = False
    differences: Sequence[ChangedSetting] = ()
    trial: Trial | None = None
    trial_problem: str = ""
    findings: Sequence[Finding] | None = None
    was_checked: bool = False
    unreadable: str = field(default="", repr=False)


def render_page(console: Console, page: ConnectorPage, status: int = 200) -> ResponseReturnValue:
    """Return the whole page, or the part that its script asked for."""
    connector, locale = page.connector, g.texts.locale
    part = "console/trial.html" if request.headers.get(PART_HEADER) == "trial" else "console/connector.html"
    shown = {
        "page": page,
        "connector": connector,
        "name": connector.name(locale),
        "description": choose_language(connector.metadata.description, locale),
        "inputs": page.inputs,
        "usage_types": USAGE_TYPES,
        "generic": GENERIC,
        "samples": {one: sample_payload(one) for one in USAGE_TYPES},
        "show_json": show_json,
        "trials": console.trials.list(connector.id),
        "outbox": _read_outbox(console, page),
        "can_start_sandbox": console.options.sandboxes,
    }
    if part == "console/connector.html":
        shown |= {
            "form": console.build_form(connector, page.stored, page.draft),
            "guide": render_guide(connector.guide(locale)),
        }
        if page.view == "json":
            shown["raw"] = page.unreadable or show_json(connector.redact_config(page.draft.config))
            shown["before"] = console.seal_draft(connector, page.stored, page.draft)
    headers = {PART_HEADER: "trial"} if part == "console/trial.html" else {}
    return render(part, **shown), status, headers


def _read_outbox(console: Console, page: ConnectorPage) -> list[OutboxMessage] | None:
    return console.sandboxes.read_outbox(page.connector, page.draft.config)
