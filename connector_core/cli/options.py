"""What the commands have in common: their options, the host, the config that a file holds."""

from __future__ import annotations

import contextlib
import sys
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from connector_core.cli.output import Session
from connector_core.config import MAX_CONFIG_BYTES, parse_config
from connector_core.host import Host

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.connector import Connector
    from connector_core.store import Store

_LOOK_SECONDS = 0.5


def _set_debug(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001  Click calls it so
    ctx.ensure_object(Session).debug |= value


def _set_json(ctx: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001  Click calls it so
    ctx.ensure_object(Session).as_json = value


class InputFile(click.File):
    """A file to read; what was given is not repeated, since it may be what the file should hold by mistake.

    Args:
        kind: what has to be named, such as `a JSON file`.

    """

    def __init__(self, kind: str) -> None:
        super().__init__("rb")
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open the file; what fails is wrong use."""
        try:
            return super().convert(value, param, ctx)
        except (click.BadParameter, RuntimeError):  # the latter where standard input is closed
            self.fail(f"that file can't be read: name {self._kind}, or - for standard input.", param, ctx)


_CONFIG = "a JSON file"

debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show the traceback of an error."
)
as_json_option = click.option("--json", is_flag=True, expose_value=False, callback=_set_json, help="Print JSON.")
connector_argument = click.argument("connector_id", metavar="ID")
config_option = click.option(
    "--config",
    "config_file",
    type=InputFile(_CONFIG),
    required=True,
    help="The config, a JSON file, or - for standard input.",
)
optional_config_option = click.option(
    "--config", "config_file", type=InputFile(_CONFIG), help="The config, a JSON file, or - for standard input."
)


def discover(store: Store | None = None) -> Host:
    """Return the host; what a plugin prints while it is imported is kept out of the results."""
    with contextlib.redirect_stdout(sys.stderr):
        return Host.discover(store=store)


def open_config(session: Session, connector: Connector, file: BinaryIO) -> dict[str, Any]:
    """Return the config that a file holds; from here on its secrets are struck out of what is printed of errors."""
    config = parse_config(file.read(MAX_CONFIG_BYTES + 1))
    session.redaction = connector.redaction(config)
    return config


def catch_interrupts() -> Callable[[], None]:
    """Return what waits until the process is interrupted (Ctrl+C) or asked to end (SIGTERM), from now on."""
    import signal

    # No event: its `set` would wait for the lock of the very `wait` that a signal interrupts.
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: signals.put(number))

    def wait() -> None:
        # Python handles a signal once this thread wakes; one to another thread doesn't wake it, nor any on Windows.
        while True:
            with contextlib.suppress(Empty):
                signals.get(timeout=_LOOK_SECONDS)
                return

    return wait
