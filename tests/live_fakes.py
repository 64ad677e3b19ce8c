"""A connector in memory with a provider that stores templates, for the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from command_line import Run, run
from fakes import SCHEMA, FakeConnector

from connector_core import InvalidMessage, Template, TemplateChange, choose_template, format_path, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date
    from pathlib import Path

    import pytest

    from connector_core import Config, Finding, Sandbox

SECRET = "made-up-token-4711"
ENTRY = {
    "type": "object",
    "properties": {
        "usageType": {"title": "Usage type", "type": "string"},
        "locale": {"title": "Locale", "type": "string"},
        "alias": {"title": "Alias", "type": "string"},
    },
    "required": ["usageType", "alias"],
    "additionalProperties": False,
}
WITH_TEMPLATES: dict[str, Any] = {
    **SCHEMA,
    "properties": {**SCHEMA["properties"], "templates": {"title": "Templates", "type": "array", "items": ENTRY}},
}


@dataclass
class Store:
    """What a provider has: templates by their alias, and the aliases that it refuses to change."""

    templates: dict[str, Template] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    blocked: dict[str, str] = field(default_factory=dict)

    def write(self, alias: str, template: Template) -> None:
        """Store a template."""
        if alias in self.refused:
            raise InvalidMessage(f"The provider refuses {alias}\x1b[2J: mend it.")
        self.templates[alias] = template


class StoringConnector(FakeConnector):
    """A connector with the optional hooks."""

    def __init__(
        self,
        *,
        findings: Iterable[Finding] = (),
        store: Store | None = None,
        usage: Callable[[date], int] | None = None,
        send: Callable[[Config, Any], Any] | None = None,
    ) -> None:
        super().__init__("store-mail", schema=WITH_TEMPLATES, send=send)
        self.store = store or Store()
        self._findings = list(findings)
        self._usage = usage

    @hookimpl
    def check_connection(self) -> list[Finding]:
        return self._findings

    @hookimpl
    def provision_templates(self, config: Config, templates: Sequence[Template]) -> list[TemplateChange]:
        return [
            self._plan(format_path(("templates", place, "alias")), entry, templates)
            for place, entry in enumerate(config["templates"])
        ]

    @hookimpl
    def get_usage(self, since: date) -> int:
        return self._usage(since) if self._usage else 0

    def _plan(self, path: str, entry: dict[str, Any], templates: Sequence[Template]) -> TemplateChange:
        alias, usage_type, locale = entry["alias"], entry["usageType"], entry.get("locale")
        stored = self.store.templates.get(alias)
        if stored is not None:
            stored = Template(
                usage_type=usage_type, locale=locale, subject=stored.subject, html=stored.html, text=stored.text
            )
        after = choose_template(templates, usage_type, locale)
        change = TemplateChange(
            path=path,
            name=alias,
            usage_type=usage_type,
            locale=locale,
            before=stored,
            after=after,
            problem=self.store.blocked.get(alias, ""),
        )
        return change if after is None else replace(change, apply=partial(self.store.write, alias, after))


def add_connector(connector: FakeConnector, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the command line find a connector, besides those that are installed."""
    name = connector.metadata.id
    module = ModuleType(f"connector_of_the_test_{name.replace('-', '_')}")
    vars(module)["plugin"] = connector
    monkeypatch.setitem(sys.modules, module.__name__, module)
    install(f"dist-{name}", {name: f"{module.__name__}:plugin"})


def write_fake_config(folder: Path, *entries: dict[str, str], **settings: Any) -> str:
    """Write a config with the given entries; return the file's path."""
    file = folder / "config.json"
    file.write_text(json.dumps({"token": SECRET, "templates": list(entries), **settings}), "utf-8")
    return str(file)


def make_entry(usage_type: str, locale: str | None = None, alias: str | None = None) -> dict[str, str]:
    """Return an entry of a config."""
    entry = {"usageType": usage_type, "alias": alias or usage_type.lower() + (f"-{locale}" if locale else "")}
    return entry if locale is None else {**entry, "locale": locale}


def make_template(
    subject: str = "Old",
    html: str = "<p>Old</p>\n",
    text: str = "Old\n",
    usage_type: str = "SignIn",
    locale: str | None = None,
) -> Template:
    """Return a template."""
    return Template(usage_type=usage_type, locale=locale, subject=subject, html=html, text=text)


def write_sandbox_config(folder: Path, sandbox: Sandbox, **settings: Any) -> str:
    """Write a sandbox's config with some settings changed; return the file's path."""
    (folder / "config.json").write_text(json.dumps({**sandbox.config, **settings}), "utf-8")
    return str(folder / "config.json")


def push(file: str, *options: str, stdin: str = "") -> Run:
    """Push with the connector in memory."""
    return run("templates", "push", "store-mail", "--config", file, *options, stdin=stdin)


def pull(file: str, folder: Path, *options: str) -> Run:
    """Pull with the connector in memory."""
    return run("templates", "pull", "store-mail", "--config", file, "--into", str(folder), *options)


def show_actions(done: Run) -> list[tuple[str, str, bool]]:
    """Return the action, name and success of each change of a push."""
    return [(one["action"], one["name"], one["applied"]) for one in done.json()["changes"]]


def write_files(folder: Path, **contents: str) -> Path:
    """Write a template's files; the underscores of a name are dots."""
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name.replace("_", ".")).write_text(content, "utf-8")
    return folder
