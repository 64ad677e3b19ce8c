"""The command `connectors`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; it needs the extra `cli`."""
    try:
        import click  # noqa: F401  only whether it is there
    except ModuleNotFoundError:
        sys.exit('The command line needs Click: pip install "connector-core[cli]"')
    from connector_core.cli.commands import connectors

    connectors()
