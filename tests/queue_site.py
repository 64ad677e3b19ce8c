"""All that a queue with real workers needs: a provider, a stored config, a broker, a ledger, and worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.request import urlopen

from brokers import delete_queue
from waiting import wait_for

from connector_core import Host, Message
from connector_core.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
TOKEN = "made-up-token-4711"
CODE = "815302"
"""A code in each payload, which no log may show."""

_WORKER = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "debug")
_AS_ROOT = "ignore:You're running the worker with superuser privileges"  # in a container that has no other user
_SECONDS = 60


class Provider:
    """A provider in a process of its own."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def log(self) -> dict[str, dict[str, int]]:
        """Return how often each key was asked for, and accepted."""
        with urlopen(f"{self.url}/log", timeout=30) as answer:  # noqa: S310  our own server
            found: dict[str, dict[str, int]] = json.load(answer)
            return found

    def count(self, key: str) -> tuple[int, int]:
        """Return how often a key was asked for, and accepted."""
        log = self.log()
        return log["asked"].get(key, 0), log["accepted"].get(key, 0)

    def release(self) -> None:
        """Answer what hangs."""
        urlopen(f"{self.url}/release", timeout=30).close()  # noqa: S310  the same


@contextmanager
def run_provider(*shares: str) -> Iterator[Provider]:
    """Run a provider as long as the block."""
    command = [sys.executable, str(HERE / "queue_provider.py"), *shares]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own
        assert process.stdout is not None
        yield Provider(int(process.stdout.readline()))
        process.communicate()


def save_config(store: Path, url: str) -> None:
    """Make the provider's config the active one of a store."""
    with Host.discover(store=open_store(store)) as host:
        config = host["postmark-mail"].template_config()
        config |= {"serverToken": TOKEN, "fromEmail": "noreply@example.com", "apiUrl": url}
        host.configs.save("postmark-mail", config, author="ada", revision="", activate=True)


def make_message(key: str, *plan: str) -> Message:
    """Return a message whose key the provider logs, and that it answers by a plan."""
    return Message("a@example.com", "SignIn", {"code": CODE, "key": key, "plan": list(plan)})


class Site:
    """A queue with a broker, as an application and its workers see it.

    Args:
        folder: where the store and the workers' logs are.
        broker: the URL of the broker.
        ledger: the URL of the Redis server for the ledger.
        provider: the provider.
        settings: more of what `queue_worker.py` takes.

    """

    def __init__(self, folder: Path, broker: str, ledger: str, provider: Provider, **settings: Any) -> None:
        from queue_worker import make_application

        self.provider = provider
        self.name = f"test-{uuid.uuid4().hex}"
        self._folder = folder
        self._workers: list[subprocess.Popen[bytes]] = []
        store = folder / "configs.json"
        save_config(store, provider.url)
        self.settings: dict[str, Any] = {
            "name": self.name,
            "broker": broker,
            "ledger": ledger,
            "store": str(store),
            "lease": 2,
            "overdue": 300,
            "visibility_timeout": 3600,
            "retry": {"first_delay": 0.1},
            **settings,
        }
        self.app, self.queue = make_application(self.settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with ExitStack() as stack:
            stack.callback(self.app.close)
            stack.callback(self.queue.close)
            stack.callback(delete_queue, self.settings["ledger"], self.name)
            stack.callback(delete_queue, self.settings["broker"], self.name)
            for worker in self._workers:
                stack.callback(worker.wait)
                stack.callback(worker.kill)

    def start_worker(self, *options: str, wait: bool = True) -> subprocess.Popen[bytes]:
        """Start a worker, and return it, when it is ready unless that isn't waited for."""
        log = self._folder / f"worker-{uuid.uuid4().hex}.log"
        command = [sys.executable, "-W", "error", "-W", _AS_ROOT, "-m", "celery", "-A", "queue_worker", "worker"]
        environment = {**os.environ, "QUEUE_SETTINGS": json.dumps(self.settings), "NO_PROXY": "127.0.0.1"}
        with log.open("wb") as output:
            worker = subprocess.Popen(  # noqa: S603  our own
                [*command, *_WORKER, *options], cwd=HERE, env=environment, stdout=output, stderr=output
            )
        self._workers.append(worker)
        if not wait:
            return worker
        wait_for(lambda: " ready." in log.read_text("utf-8") or worker.poll() is not None, "a worker starts")
        assert worker.poll() is None, log.read_text("utf-8")
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker in the middle of whatever it does."""
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def read_logs(self) -> str:
        """Return what all workers logged."""
        return "\n".join(log.read_text("utf-8") for log in sorted(self._folder.glob("worker-*.log")))

    def enqueue(self, *plan: str) -> str:
        """Enqueue a message by a plan, and return its key."""
        key = str(uuid.uuid4())
        assert self.queue.enqueue(make_message(key, *plan), key=key) == key
        return key

    def wait_for_state(self, key: str, *states: str) -> Any:
        """Return the entry of a message once it is in one of some states."""

        def look() -> Any:
            entry = self.queue.state(key)
            return entry if entry is not None and entry.state in states else None

        return wait_for(look, f"{key} is {' or '.join(states)}")
