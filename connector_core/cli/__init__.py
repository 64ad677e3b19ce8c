"""The command `connectors`."""

from __future__ import annotations

import io
import os
import sys
import threading
from contextlib import suppress


def main() -> None:
    """Run the command line; it needs the extra `cli`."""
    try:
        import click  # noqa: F401  only whether it is there
    except ModuleNotFoundError:
        sys.exit('The command line needs Click: pip install "connector-core[cli]"')
    from connector_core.cli.commands import connectors
    from connector_core.live import CALL_THREAD

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know few letters
    try:
        connectors()
    except SystemExit as end:
        if any(thread.name == CALL_THREAD for thread in threading.enumerate()):
            # A call was given up, and Python would wait for the threads in which the connector still hangs.
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError, AttributeError):
                    stream.flush()
            os._exit(1 if isinstance(end.code, str) else end.code or 0)
        raise
