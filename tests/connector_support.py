"""What each connector of this repository supports, read off its metadata, config schema, hooks and test classes."""

from __future__ import annotations

import ast
import importlib.util
import tomllib
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_core import USAGE_TYPES, Connector, ConnectorError, Host
from connector_core.schema import ConfigSchema
from connector_core.testing import ConnectorTests, HttpConnectorTests
from connector_core.testing.hooks import BATCH, list_hooks
from connector_core.testing.option_samples import make_samples
from connector_core.testing.template_setting import STORED_THERE, TemplateSetting, find_template_setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.schema import Place

OPTIONS = tuple(make_samples(""))
ROOT = Path(__file__).resolve().parent.parent

_PROTOCOLS = {"smtplib": "SMTP"}
"""The protocol that a package speaks besides HTTP, by the module of the standard library that it imports."""

_WRITTEN_HERE = {"content", "html"}
"""Keys of a template entry that hold what a mail says."""


@dataclass(frozen=True)
class Support:
    """One connector: who it is, its folder here, its config schema, and the classes that put it through the kit."""

    connector: Connector
    folder: Path
    tests: tuple[type[ConnectorTests], ...]

    @property
    def root(self) -> Place:
        """Return what its schema says of a config."""
        return ConfigSchema(self.connector.metadata.config_schema).root

    @property
    def required(self) -> list[str]:
        """Return the settings that must be there."""
        return list(self.connector.metadata.config_schema.get("required", ()))

    @property
    def further(self) -> list[str]:
        """Return the settings that may be left out."""
        return [name for name in self.root.properties if name not in self.required]

    @property
    def secrets(self) -> list[str]:
        """Return the paths of the settings that hold secrets."""
        return list(_find_secrets(self.root, ""))

    @property
    def template_setting(self) -> TemplateSetting | None:
        """Return the setting that holds the templates."""
        return find_template_setting(self.root)

    @property
    def entry_keys(self) -> set[str]:
        """Return the keys that an entry of the templates may have."""
        setting = self.template_setting
        if setting is None:
            return set()
        place = self.root.properties[setting.key]
        entry = place.items or place.properties["Generic"]  # a list, or an object by usage type
        return set(entry.properties)

    @property
    def rendering(self) -> str:
        """Return where a mail gets its words."""
        if self.template_setting is None:
            return "endpoint"
        is_local = bool(self.entry_keys & _WRITTEN_HERE)
        is_stored = any(key.startswith(STORED_THERE) for key in self.entry_keys)
        return {(True, True): "both", (True, False): "local", (False, True): "provider"}[is_local, is_stored]

    @property
    def required_types(self) -> list[str]:
        """Return the usage types without which a config has an issue."""
        setting, config = self.template_setting, dict(self.tests[0].config)
        return [
            name
            for name in USAGE_TYPES
            if setting and self.connector.validate_config(setting.without_type(config, name))
        ]

    @property
    def protocol(self) -> str:
        """Return how it reaches its provider."""
        if all(issubclass(one, HttpConnectorTests) for one in self.tests):
            return "HTTP"
        (package,) = self.folder.glob("connector_*/")
        sources = [file.read_text("utf-8") for file in sorted(package.glob("*.py"))]
        imported = {name for source in sources for name in _find_imports(source)}
        return ", ".join(_PROTOCOLS[name] for name in sorted(imported & _PROTOCOLS.keys()))

    @property
    def ships_sandbox(self) -> bool:
        """Return whether its hook makes a sandbox."""
        try:
            self.connector.create_sandbox()
        except ConnectorError:
            return False
        return True

    @property
    def asks(self) -> list[bool]:
        """Return whether it has a live check, whether it provisions templates, and whether it tells the usage."""
        hooks = list_hooks(self.connector.id)
        return [name in hooks for name in ("check_connection", "provision_templates", "get_usage")]

    @property
    def options(self) -> list[bool]:
        """Return for each option of a message whether it is sent, in the order of `OPTIONS`."""
        return [option in self.connector.metadata.message_options for option in OPTIONS]

    @property
    def batch(self) -> str:
        """Return how many messages go out in one request."""
        if BATCH not in list_hooks(self.connector.id):
            return "none"
        most = self.connector.metadata.message_limits.get("batchMessages")
        return "any number" if most is None else f"{most:,}"

    @property
    def limits(self) -> list[str]:
        """Return what the metadata says of the most that a message may have, in words."""
        limits = self.connector.metadata.message_limits.items()
        return [f"`{name}` {most:,}" for name, most in limits if not name.startswith("batch")]

    @property
    def check_count(self) -> int:
        """Return how many tests the kit's checks are for its test classes."""
        return sum(_count_runs(check) for one in self.tests for check in list_checks(one).values())


@cache
def find_support() -> tuple[Support, ...]:
    """Return the connectors of this repository that are installed, by name."""
    folders = {
        tomllib.loads(file.read_text("utf-8"))["project"]["name"]: file.parent
        for file in ROOT.glob("connectors/*/pyproject.toml")
    }
    found = [
        Support(connector, folder, _find_tests(folder, connector.id))
        for connector in Host.discover().values()
        if (folder := folders.get(connector.distribution)) is not None
    ]
    return tuple(sorted(found, key=lambda one: one.connector.name().lower()))


def _find_tests(folder: Path, connector_id: str) -> tuple[type[ConnectorTests], ...]:
    """Return the test classes that put a connector through the kit."""
    found = []
    for file in sorted(folder.glob("tests/test_*conformance.py")):
        spec = importlib.util.spec_from_file_location(f"support_table_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += [
            one
            for one in vars(module).values()
            if isinstance(one, type)
            and issubclass(one, ConnectorTests)
            and getattr(one, "connector_id", None) == connector_id
        ]
    return tuple(found)


def _find_secrets(place: Place, path: str) -> Iterator[str]:
    for name, member in place.properties.items():
        if member.secret:
            yield f"{path}{name}"
        yield from _find_secrets(member, f"{path}{name}.")


def _find_imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def list_checks(tests: type[ConnectorTests]) -> dict[str, Any]:
    """Return the checks of a test class of the kit, those of every connector first."""
    common = [one for one in ConnectorTests.__mro__ if one.__module__.startswith("connector_core.testing.")]
    others = [one for one in tests.__mro__ if one.__module__.startswith("connector_core.testing.")]
    classes = dict.fromkeys([*common, *others])
    return {name: function for one in classes for name, function in vars(one).items() if name.startswith("test_")}


def _count_runs(check: Any) -> int:
    marks = [mark for mark in getattr(check, "pytestmark", ()) if mark.name == "parametrize"]
    return prod(len(mark.args[1]) for mark in marks)
