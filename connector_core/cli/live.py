"""The commands that ask the provider and send nothing, and the test mail."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from connector_core.cli.options import (
    as_json_option,
    config_option,
    connector_argument,
    debug_option,
    discover,
    open_config,
)
from connector_core.cli.output import FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core.cli.output import Session
    from connector_core.findings import Finding


@click.command("check")
@connector_argument
@config_option
@as_json_option
@debug_option
@click.pass_obj
def check_connection(session: Session, connector_id: str, config_file: BinaryIO) -> None:
    """Check at the provider whether a config works; nothing is sent to anybody."""
    with discover() as host:
        connector = host[connector_id]
        findings = connector.check_connection(open_config(session, connector, config_file))
    works = all(one.level != "error" for one in findings)
    document = {"connector": connector_id, "works": works, "findings": [one.to_json() for one in findings]}
    session.print_result(document, describe_findings(findings))
    if not works:
        raise click.exceptions.Exit(FAILED)


def describe_findings(findings: Sequence[Finding]) -> str:
    """Return findings as lines for people."""
    lines = []
    for one in findings:
        lines.append(f"{one.level:<7}  {one.path}: {one.message}")
        if one.fix:
            lines.append(f"{'':<7}  {one.fix}")
    return "\n".join(lines)
