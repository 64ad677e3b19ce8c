"""The public names of connector_core: listed once, sorted, importable, and cheap."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import connector_core

SOURCE = Path(connector_core.__file__)
HEAVY = ("requests", "urllib3", "jsonschema", "referencing", "click", "flask")


def find_type_checking_imports() -> dict[str, str]:
    """Return the names that type checkers see, and the module of each."""
    tree = ast.parse(SOURCE.read_text("utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    return {
        alias.asname or alias.name: statement.module.removeprefix("connector_core.")
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }


def find_loaded(program: str, *names: str) -> list[str]:
    """Run a program in a new interpreter and return which of the modules it loaded."""
    tail = f"\nimport json, sys\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-W", "error", "-c", program + tail], check=True, capture_output=True, text=True, timeout=60
    )
    loaded: list[str] = json.loads(done.stdout)
    return loaded


def test_all_is_sorted_constants_then_classes_then_functions() -> None:
    def place(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    assert connector_core.__all__ == sorted(set(connector_core.__all__), key=place)


def test_type_checkers_see_exactly_the_names_that_exist_at_run_time() -> None:
    assert find_type_checking_imports() == connector_core._HOMES  # noqa: SLF001  the table under test


def test_all_lists_exactly_the_names_with_a_home() -> None:
    assert set(connector_core.__all__) == set(connector_core._HOMES)  # noqa: SLF001  the table under test


@pytest.mark.parametrize("name", connector_core.__all__)
def test_a_public_name_can_be_imported_from_a_new_interpreters_package(name: str) -> None:
    connector_core.__dict__.pop(name, None)  # what an earlier test imported

    assert getattr(connector_core, name) is vars(connector_core)[name]


def test_dir_shows_every_public_name() -> None:
    assert set(connector_core.__all__) <= set(dir(connector_core))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Hots'"):
        connector_core.Hots  # noqa: B018  the access is the test


def test_importing_the_package_loads_nothing_else() -> None:
    assert find_loaded("import connector_core", *HEAVY, "pluggy") == []


def test_importing_every_public_name_loads_neither_http_nor_schemas() -> None:
    assert find_loaded("from connector_core import *", *HEAVY) == []


def test_sending_loads_http_so_that_the_checks_above_can_fail() -> None:
    program = (
        "from connector_core import Host\n"
        "with Host.discover() as host, host['postmark-mail'].create_sandbox() as sandbox:\n"
        "    host['postmark-mail'].configure(sandbox.config)\n"
        "from connector_core.http_connection import make_session\n"
    )

    assert {"requests", "jsonschema"} <= set(find_loaded(program, *HEAVY))
