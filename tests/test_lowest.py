"""The lowest releases that are tested are those that the distributions allow."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
BROUGHT_BY_OTHERS = {"urllib3"}


def read_bounds(file: Path) -> dict[str, Version]:
    """Return the lower bound of each dependency of a distribution, extras included, but the workspace's own."""
    project = tomllib.loads(file.read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    bounds = {}
    for requirement in map(Requirement, lines):
        if requirement.name == "connector-core":
            continue
        (bound,) = requirement.specifier
        assert bound.operator == ">=", f"{requirement} has no lower bound alone"
        bounds[requirement.name] = Version(bound.version)
    return bounds


def test_the_lowest_releases_allowed_are_the_lowest_tested() -> None:
    lines = (ROOT / "tests" / "lowest.txt").read_text("utf-8").splitlines()
    tested = {name: Version(version) for name, _, version in (line.partition("==") for line in lines if "==" in line)}
    allowed: dict[str, Version] = {}
    for file in (ROOT / "pyproject.toml", *ROOT.glob("connectors/*/pyproject.toml")):
        for name, bound in read_bounds(file).items():
            assert allowed.setdefault(name, bound) == bound, f"{file.parent.name} has a bound of its own for {name}"
    assert {name: version for name, version in tested.items() if name not in BROUGHT_BY_OTHERS} == allowed


def test_the_core_depends_on_pluggy_jsonschema_and_requests_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {Requirement(line).name for line in project["dependencies"]} == {"pluggy", "jsonschema", "requests"}
