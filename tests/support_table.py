"""What each connector of this repository supports, read off the code, and the conformance kit's checks.

`python tests/support_table.py` writes docs/connectors.md, and the table of checks in docs/writing-a-connector.md.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_core import USAGE_TYPES, Connector, ConnectorError, Host
from connector_core.schema import ConfigSchema
from connector_core.testing import ConnectorTests, HttpConnectorTests
from connector_core.testing.hooks import list_hooks
from connector_core.testing.template_setting import STORED_THERE, TemplateSetting, find_template_setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connector_core.schema import Place

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SUPPORT_PAGE = "connectors.md"
DEVELOPER_PAGE = "writing-a-connector.md"

_PROTOCOLS = {"smtplib": "SMTP"}
"""The protocol that a package speaks besides HTTP, by the module of the standard library that it imports."""

_WRITTEN_HERE = {"content", "html"}
"""Keys of a template entry that hold what a mail says."""

_INTRODUCTION = """\
# Connectors

What the connectors of this repository support. `make docs` makes this page from their code: from metadata, config
schemas, hooks and test classes. [writing-a-connector.md](writing-a-connector.md) tells how to write another one.
"""

_WHO = """
## Who they are

*Over* is how a connector reaches its provider, *Sandbox* whether it ships one, *Checks* how many checks of the
conformance kit it passes.
"""

_MAILS = """
## What they send

*Templates* says where a mail gets its words. `local`: from templates in the config, which the connector renders.
`provider`: from templates that are stored at the provider, and named in the config. `both`: each template of the
config chooses. `endpoint`: the config has no templates, and whoever gets the message writes the mail. *Locale* says
whether a usage type may have a template for each language, *Required* which usage types must have one.
"""

_ASKS = """
## What they ask the provider

Without sending anything. *Live check* says whether `check_connection` tells if a config works at the provider,
*Templates* whether `plan_templates` reads and writes the templates that the provider stores, *Usage* whether
`get_usage` tells how many messages went out.
"""

_SETTINGS = """
## Their settings

`auth.pass` is the key `pass` in the object `auth`. A secret may also be `{"$env": ...}` or `{"$file": ...}`. Every
setting is explained in the guide, which the name above leads to.
"""


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


def describe_check(check: Any) -> str:
    """Return what a check guards, from its docstring: `Guards against ...` and how to mend it."""
    said = re.sub(r"\s+", " ", (inspect.getdoc(check) or "").split("\n\n")[0])
    found = re.fullmatch(r"Guards (.+)\.", said)
    assert found is not None, f"The docstring of {check.__name__} doesn't say what it guards."
    return found[1]


def write_check_rows() -> str:
    """Return the rows of the table of the kit's checks; those for HTTP only come last."""
    rows = ((f"`{name}`", describe_check(check)) for name, check in list_checks(HttpConnectorTests).items())
    return "".join(_write_row(row) for row in rows)


def replace_check_rows(page: str) -> str:
    """Return the page for connector developers with the table of the kit's checks as it is now."""
    table = re.compile(r"(?<=^\| Check \| It guards \|\n\| --- \| --- \|\n)(\|.*\n)*", re.MULTILINE)
    replaced, count = table.subn(lambda _: write_check_rows(), page)
    assert count == 1
    return replaced


def write_support_page() -> str:
    """Return the page that says what each connector supports."""
    everything = find_support()
    who = [
        (
            f"[{one.connector.name()}](../{one.folder.relative_to(ROOT).as_posix()}/README.md)",
            f"`{one.connector.id}`",
            f"`{one.connector.distribution}`",
            one.protocol,
            _say(one.ships_sandbox),
            str(one.check_count),
            ", ".join(one.connector.metadata.guide),
            ", ".join(one.connector.metadata.description),
        )
        for one in everything
    ]
    mails = [
        (
            one.connector.name(),
            f"`{one.rendering}`",
            _say("locale" in one.entry_keys) if one.template_setting else "none",
            _quote(one.required_types),
            _quote(sorted(one.entry_keys - {"usageType", "locale"})),
        )
        for one in everything
    ]
    asks = [(one.connector.name(), *map(_say, one.asks)) for one in everything]
    settings = [
        (one.connector.name(), _quote(one.required), _quote(one.secrets), _quote(one.further)) for one in everything
    ]
    return "".join(
        [
            _INTRODUCTION,
            _WHO,
            _write_table("Connector|Id|Distribution|Over|Sandbox|Checks|Guide|Description", who),
            _MAILS,
            _write_table("Connector|Templates|Locale|Required|A template has", mails),
            _ASKS,
            _write_table("Connector|Live check|Templates|Usage", asks),
            _SETTINGS,
            _write_table("Connector|Required|Secret|Further", settings),
        ]
    )


def _say(is_so: bool) -> str:  # noqa: FBT001  it is all that is said
    return "yes" if is_so else "no"


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _write_table(heads: str, rows: Iterable[tuple[str, ...]]) -> str:
    names = heads.split("|")
    return "\n" + "".join(_write_row(row) for row in (names, ["---"] * len(names), *rows))


def _write_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def write_pages(docs: Path) -> None:
    """Write what is made from the code into a folder that holds the page for connector developers."""
    (docs / SUPPORT_PAGE).write_text(write_support_page(), "utf-8")
    page = docs / DEVELOPER_PAGE
    page.write_text(replace_check_rows(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write_pages(DOCS)
