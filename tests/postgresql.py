"""A PostgreSQL server for the tests: the one that runs here, or else one of their own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING = ("127.0.0.1", 5432)
_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))


def find_programs() -> Path | None:
    """Return the folder of the newest PostgreSQL that is installed."""
    found = shutil.which("initdb")
    return Path(found).parent if found else _INSTALLED[-1].parent if _INSTALLED else None


def lacks_postgresql() -> bool:
    """Return whether there is neither a program to start nor a server that takes the tests without a password."""
    return find_programs() is None and find_running_server() is None


def find_running_server() -> str | None:
    """Return the URL of the server that runs here, for a role that needs no password, or None."""
    import psycopg

    for user in dict.fromkeys([getpass.getuser(), "postgres"]):
        with suppress(psycopg.Error):
            address = {"host": RUNNING[0], "port": RUNNING[1], "user": user, "dbname": "postgres"}
            psycopg.connect(**address, connect_timeout=5).close()  # type: ignore[arg-type]  # numbers are fine
            return f"postgresql+psycopg://{user}@{RUNNING[0]}:{RUNNING[1]}/postgres"
    return None


@contextmanager
def start_server(programs: Path) -> Iterator[str]:
    """Run a server with data of its own in a temporary folder; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder, closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        user = "postgres" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        if user:
            shutil.chown(folder, user)

        def run(*command: str) -> None:
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)  # noqa: S603  programs of PostgreSQL

        data = f"{folder}/data"
        run(f"{programs}/initdb", "--auth=trust", "--username=postgres", "--no-sync", f"--pgdata={data}")
        free.close()
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
        run(f"{programs}/pg_ctl", "start", "--wait", f"--pgdata={data}", f"--log={folder}/log", "-o", options)
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(f"{programs}/pg_ctl", "stop", "--wait", "--mode=immediate", f"--pgdata={data}")
