"""What the commands have in common: their options, the host, the config that a file holds."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from connector_core.cli.output import Session
from connector_core.config import MAX_CONFIG_BYTES, parse_config
from connector_core.host import Host

if TYPE_CHECKING:
    from connector_core.connector import Connector


def _set_debug(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001  Click calls it so
    ctx.ensure_object(Session).debug |= value


def _set_json(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001  Click calls it so
    ctx.ensure_object(Session).as_json = value


class _ConfigFile(click.File):
    """A file to read; what was given is not repeated, since it may be a whole config by mistake."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except (click.BadParameter, RuntimeError):  # the latter where standard input is closed
            self.fail("that file can't be read: name a JSON file, or - for standard input.", param, ctx)


debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show the traceback of an error."
)
as_json_option = click.option("--json", is_flag=True, expose_value=False, callback=_set_json, help="Print JSON.")
connector_argument = click.argument("connector_id", metavar="ID")
config_option = click.option(
    "--config",
    "config_file",
    type=_ConfigFile("rb"),
    required=True,
    help="The config, a JSON file, or - for standard input.",
)
optional_config_option = click.option(
    "--config", "config_file", type=_ConfigFile("rb"), help="The config, a JSON file, or - for standard input."
)


def discover() -> Host:
    """Return the host; what a plugin prints while it is imported is kept out of the results."""
    with contextlib.redirect_stdout(sys.stderr):
        return Host.discover()


def open_config(session: Session, connector: Connector, file: BinaryIO) -> dict[str, Any]:
    """Return the config that a file holds; from here on its secrets are struck out of what is printed of errors."""
    config = parse_config(file.read(MAX_CONFIG_BYTES + 1))
    session.redaction = connector.redaction(config)
    return config
