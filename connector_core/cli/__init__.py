"""The command `connectors`."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line; it needs the extra `cli`."""
    try:
        import click  # noqa: F401  only whether it is there
    except ModuleNotFoundError:
        sys.exit('The command line needs Click: pip install "connector-core[cli]"')
    from connector_core.cli.commands import connectors

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know few letters
    connectors()
