"""The command that serves the console."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from connector_core.cli.options import as_json_option, catch_interrupts, debug_option, discover
from connector_core.errors import ConnectorError

if TYPE_CHECKING:
    from connector_core.cli.output import Session

DEFAULT_PORT = 8025
DEFAULT_STORE = "connectors-store.json"
_LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})


@click.command("console")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option("--bind", default=_LOOPBACK, show_default=True, help="The network address to listen on.")
@click.option("--host-name", "host_names", multiple=True, help="A name that the console answers to; several times.")
@click.option(
    "--store",
    "location",
    envvar="CONNECTOR_CORE_STORE",
    help=f"Where configs are kept: a file, or the URL of a database.  [default: {DEFAULT_STORE}]",
)
@as_json_option
@debug_option
@click.pass_obj
def serve_console(session: Session, port: int, bind: str, host_names: tuple[str, ...], location: str | None) -> None:
    """Serve the page where an administrator sets connectors up, until interrupted."""
    try:
        from connector_core.console import ConsoleOptions, SignIn, make_app
        from connector_core.console.application import EXTENSION
        from connector_core.store import open_store
        from connector_core.web_server import Server
    except ModuleNotFoundError as cause:
        raise ConnectorError(
            f'The console needs more to be installed ({cause.name}): pip install "connector-core[console]"'
        ) from cause
    is_loopback = bind in _LOOPBACK_NAMES
    is_local = is_loopback and _LOOPBACK_NAMES.issuperset(host_names)  # under another name a proxy lets others in
    names = frozenset(host_names) | (_LOOPBACK_NAMES if is_loopback else frozenset())
    options = ConsoleOptions(
        private_addresses=is_local, references=is_local, sandboxes=is_local, host_names=names or None
    )
    wait = catch_interrupts()
    with discover(store=open_store(location or DEFAULT_STORE)) as host, contextlib.ExitStack() as stack:
        sign_in = SignIn(lambda token: click.echo(f"Token to sign in: {token}", err=True))
        app = make_app(host, options, sign_in)
        stack.callback(app.extensions[EXTENSION].close)
        server = Server(app, port, "connectors-console", address=bind)
        server.start()
        stack.callback(server.stop)
        url = f"http://{f'[{bind}]' if ':' in bind else bind}:{server.port}/"
        session.print_result({"url": url}, f"The console is at {url} - stop it with Ctrl+C.")
        wait()
