"""Brokers for the tests: the Redis and RabbitMQ servers that run here, or else servers of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import redis_server
from redis_server import find_free_port, lacks_redis
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "delete_queue", "lacks_rabbitmq", "lacks_redis", "provide_broker"]

KINDS = ["redis", "rabbitmq"]
RUNNING_RABBITMQ = "amqp://guest:guest@127.0.0.1:5672//"
_START_SECONDS = 60


def lacks_rabbitmq() -> bool:
    """Return whether there is neither a program to start nor a server that takes the tests as a guest."""
    return _find_rabbitmq() is None and not _takes_guests(RUNNING_RABBITMQ)


def _find_rabbitmq() -> str | None:
    """Return the path of the server; Debian's command of that name serves users alone that are root or rabbitmq."""
    return shutil.which("rabbitmq-server", path=f"/usr/lib/rabbitmq/bin{os.pathsep}{os.environ.get('PATH', '')}")


@contextmanager
def provide_broker(kind: str) -> Iterator[str]:
    """Yield the URL of a broker that runs here, or of one that runs as long as the block."""
    if kind == "redis":
        with redis_server.provide_server() as url:
            yield url
    elif _takes_guests(RUNNING_RABBITMQ):
        yield RUNNING_RABBITMQ
    else:
        with _start_rabbitmq() as url:
            yield url


def delete_queue(broker: str, name: str) -> None:
    """Delete what a test had in a broker: its queue in RabbitMQ, its keys in Redis."""
    if broker.startswith("redis"):
        redis_server.delete_keys(broker, name)
        return
    from kombu import Connection, Exchange, Queue

    with Connection(broker) as connection:
        channel = connection.default_channel
        Queue(name, Exchange(name), channel=channel).delete()
        Exchange(name, channel=channel).delete()


def _takes_guests(url: str) -> bool:
    from kombu import Connection

    with suppress(OSError), Connection(url, connect_timeout=5) as connection:
        connection.connect()
        return True
    return False


@contextmanager
def _start_rabbitmq() -> Iterator[str]:
    """Run a server that keeps nothing, on a free port."""
    program = _find_rabbitmq()
    assert program is not None
    port, distribution = find_free_port(), find_free_port()
    with tempfile.TemporaryDirectory(prefix="rabbitmq-") as folder:
        settings = Path(folder, "rabbitmq.conf")
        settings.write_text(f"listeners.tcp.1 = 127.0.0.1:{port}\n", "utf-8")
        environment = {
            **os.environ,
            "HOME": folder,  # Erlang's cookie
            "RABBITMQ_NODENAME": f"test{port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(settings),
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",  # nor does what this machine's server is told hold here
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": folder,
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
        }
        url = f"amqp://guest:guest@127.0.0.1:{port}//"
        with subprocess.Popen([program], env=environment, stdout=subprocess.DEVNULL) as server:  # noqa: S603  as it was found
            try:
                wait_for(lambda: server.poll() is not None or _takes_guests(url), "RabbitMQ answers", _START_SECONDS)
                assert server.poll() is None, "RabbitMQ ended before it answered."
                yield url
            finally:
                server.terminate()
