"""The command `connectors new`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from connector_core.cli.output import Session
    from connector_core.scaffold import Names


@click.command("new")
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path(),
    help="The folder to make the connector's folder in.  [default: the current one]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_obj
def new_connector(session: Session, name: str, into: Path, *, as_json: bool, debug: bool) -> None:
    """Write a new connector, such as acme-mail: a distribution with guide, sandbox and tests that works as it is."""
    from connector_core.scaffold import Names, write_distribution

    session.as_json = as_json
    session.debug |= debug
    names = Names(name)
    folder = write_distribution(names, into)
    document = {"path": str(folder), "id": names.id, "distribution": names.distribution, "package": names.package}
    session.print_result(document, str(folder))
    if not as_json:
        click.echo(_describe_next_steps(names, folder), err=True)


def _describe_next_steps(names: Names, folder: Path) -> str:
    import shlex

    python = os.path.join(".venv", "Scripts" if os.name == "nt" else "bin", "python")  # noqa: PTH118  for a shell
    return f"""
{names.distribution} works as it is, against a provider that is made up. Try it:

  cd {shlex.quote(str(folder))}
  {shlex.quote(sys.executable)} -m venv .venv
  {python} -m pip install {_find_core()}--editable ".[test]"
  {python} -m pytest

Then make it yours in three places, and run the tests again:

  {names.package}/plugin.py   Fill in 1 of 3: the request
  {names.package}/plugin.py   Fill in 2 of 3: the answers
  {names.package}/sandbox.py  Fill in 3 of 3: the sandbox

The settings in {names.package}/config.schema.json and the guides README.md and README.fr.md follow.
CONTRIBUTING.md says more."""


def _find_core() -> str:
    """Return the argument with which pip finds this core, where it wasn't installed by its name alone (PEP 610)."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        origin = json.loads(distribution("connector-core").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # it runs from a folder on the path
        return ""
    if "url" not in origin:
        return ""
    vcs = origin.get("vcs_info")
    url = f"{vcs['vcs']}+{origin['url']}@{vcs['commit_id']}" if vcs else origin["url"]
    return f'"connector-core @ {url}" '
