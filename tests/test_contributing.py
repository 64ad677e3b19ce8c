"""CONTRIBUTING.md is true of the tree, of the Makefile and of what imports what."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from guide_page import read_code, read_tables

ROOT = Path(__file__).parent.parent
COMMANDS, TREE = read_tables((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
CORE = ROOT / "connector_core"


def test_each_command_is_a_target_of_the_makefile() -> None:
    commands = [name for command, _ in COMMANDS for name in read_code(command)]
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert commands
    assert {command.removeprefix("make ") for command in commands} <= set(targets)


def test_each_row_of_the_tree_is_a_folder() -> None:
    folders = [name for path, _ in TREE for name in read_code(path)]

    assert [name for name in folders if not name.endswith("/") or not (ROOT / name).is_dir()] == []


def test_each_package_of_the_core_has_a_row() -> None:
    packages = {f"connector_core/{file.parent.relative_to(CORE)}/" for file in CORE.glob("*/__init__.py")}

    assert packages <= {name for path, _ in TREE for name in read_code(path)}


def test_each_extra_is_one_of_the_core() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = {name for _, what in TREE for said in re.findall(r"\(extras? ([^)]+)\)", what) for name in read_code(said)}

    assert named == set(project["optional-dependencies"])


@pytest.mark.parametrize(("room", "importers"), [("console", {"console", "cli"}), ("cli", {"cli"})])
def test_the_console_is_imported_by_the_command_line_alone_and_that_by_nothing(room: str, importers: set[str]) -> None:
    imported = re.compile(rf"^\s*(?:from|import) connector_core\.{room}\b", re.MULTILINE)
    found = {file.relative_to(CORE) for file in CORE.glob("**/*.py") if imported.search(file.read_text("utf-8"))}

    assert found
    assert {file.parts[0] for file in found} <= importers
