"""A Redis server for the tests: the one that runs here, or else one of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING = ("127.0.0.1", 6379)
_START_SECONDS = 30


def find_program() -> str | None:
    """Return the path of the Redis server that is installed."""
    return shutil.which("redis-server")


def lacks_redis() -> bool:
    """Return whether there is neither a program to start nor a server that takes the tests without a password."""
    return find_program() is None and find_running_server() is None


def find_running_server() -> str | None:
    """Return the URL of the server that runs here and needs no password, or None."""
    url = f"redis://{RUNNING[0]}:{RUNNING[1]}/0"
    return url if _answers(url) else None


@contextmanager
def provide_server() -> Iterator[str]:
    """Yield the URL of the server that runs here, or of one that runs as long as the block; a test cleans up itself."""
    if running := find_running_server():
        yield running
        return
    program = find_program()
    assert program is not None
    with start_server(program) as url:
        yield url


@contextmanager
def start_server(program: str, port: int | None = None) -> Iterator[str]:
    """Run a server that keeps nothing, on a free port where none is given; yield its URL."""
    port = find_free_port() if port is None else port
    url = f"redis://127.0.0.1:{port}/0"
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:  # noqa: S603  as it was found
            try:
                wait_for(lambda: server.poll() is not None or _answers(url), "Redis answers", _START_SECONDS)
                assert server.poll() is None, "Redis ended before it answered."
                yield url
            finally:
                server.terminate()


def find_free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def delete_keys(url: str, prefix: str) -> None:
    """Delete the keys that have a test's own prefix in them."""
    import redis

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(match=f"*{prefix}*"):
            client.delete(key)


def _answers(url: str) -> bool:
    import redis

    with suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
        return bool(client.ping())
    return False
