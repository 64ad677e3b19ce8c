"""Send many messages through Celery with Redis, kill workers at random, and count what was lost or sent twice.

Usage: python tests/bench_queue.py [MESSAGES] [WORKERS] [SECONDS_BETWEEN_KILLS]

The provider is a local Postmark in a process of its own. It answers 2 % of the requests with 429, 1 % with 503, and
breaks 1 % of the connections once it has read the request and taken the message. In the end its own log of keys is
compared with what the queue says of each key. The exit status is 1 where anything was lost, or sent twice.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from brokers import provide_broker
from queue_site import Site, make_message, run_provider
from waiting import wait_for

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from connector_core.queue import State

MESSAGES, WORKERS, SECONDS_BETWEEN_KILLS = 100_000, 2, 5.0
MOST_WAITING = 2000
"""How many messages stand in line at most, as where the workers are as many as a site needs."""
MOST_SECONDS = 600
"""How long the line may take to get shorter, while workers are killed."""
SHARES = ("0.02", "0.01", "0.01")
SETTINGS = {
    "lease": 30,
    "visibility_timeout": 60,
    "overdue": 30,
    "retry": {"first_delay": 0.5, "longest_delay": 10, "max_age": 86_400},
}
_OPTIONS = ("--pool", "threads", "--concurrency", "16", "--loglevel", "error")


class Killer:
    """Kills one of some workers at random, and starts another in its place, until it is told to stop."""

    def __init__(self, site: Site, count: int, seconds: float) -> None:
        self.killed = 0
        self._site, self._seconds = site, seconds
        self._workers = [self._start() for _ in range(count)]
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _start(self) -> subprocess.Popen[bytes]:
        return self._site.start_worker(*_OPTIONS, wait=False)

    def _run(self) -> None:
        while not self._is_over.wait(random.uniform(0.5, 1.5) * self._seconds):  # noqa: S311  no secret
            which = random.randrange(len(self._workers))  # noqa: S311  the same
            self._site.kill(self._workers[which])
            self.killed += 1
            self._workers[which] = self._start()


class Result(NamedTuple):
    """What became of all messages."""

    states: dict[State | None, int]
    lost: int
    twice: int
    wrong: int
    unknown_taken: int


def compare(keys: list[str], states: Mapping[str, State | None], accepted: Mapping[str, int]) -> Result:
    """Return what the provider's log says of what the queue says."""
    counted: dict[State | None, int] = {}
    for key in keys:
        counted[states[key]] = counted.get(states[key], 0) + 1
    return Result(
        states=counted,
        lost=sum(states[key] is None or (states[key] == "sent" and not accepted.get(key)) for key in keys),
        twice=sum(count > 1 for count in accepted.values()),
        wrong=sum(states[key] in {"dead", "waiting"} and bool(accepted.get(key)) for key in keys),
        unknown_taken=sum(states[key] == "unknown" and bool(accepted.get(key)) for key in keys),
    )


def wait_until_settled(site: Site, total: int) -> None:
    """Return once no message waits or is being sent; tell how far it is now and then."""
    told = time.monotonic()

    def look() -> bool:
        nonlocal told
        counted = site.queue.count()
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(f"  {total - counted['waiting'] - counted['sending']} of {total} settled: {counted}", flush=True)
        return not counted["waiting"] + counted["sending"]

    wait_for(look, "all messages settled", MOST_SECONDS, every=0.2)


def run(site: Site, count: int, workers: int, seconds: float) -> tuple[Result, Mapping[str, int], int, float, float]:
    """Enqueue, send and kill; return what became of it, the provider's log, the kills, and two times."""
    keys = [str(uuid.uuid4()) for _ in range(count)]
    started = time.monotonic()
    killer = Killer(site, workers, seconds)
    try:
        for number, key in enumerate(keys):
            site.queue.enqueue(make_message(key), key=key)
            if number % 100 == 0:
                wait_for(lambda: site.queue.count()["waiting"] <= MOST_WAITING, "fewer messages in line", MOST_SECONDS)
        enqueued = time.monotonic() - started
        wait_until_settled(site, count)
    finally:
        killer.stop()
    settled = time.monotonic() - started
    log = site.provider.log()
    entries = {key: site.queue.state(key) for key in keys}
    states = {key: None if entry is None else entry.state for key, entry in entries.items()}
    result = compare(keys, states, log["accepted"])
    return result, log["asked"], killer.killed, enqueued, settled


def main() -> int:
    """Run the benchmark and print its table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that workers end, and keys are deleted, in any case
    count = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    workers = int(sys.argv[2]) if len(sys.argv) > 2 else WORKERS
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else SECONDS_BETWEEN_KILLS
    with (
        tempfile.TemporaryDirectory() as folder,
        provide_broker("redis") as url,
        run_provider(*SHARES) as provider,
        Site(Path(folder), url, url, provider, **SETTINGS) as site,
    ):
        result, asked, killed, enqueued, settled = run(site, count, workers, seconds)
    states = result.states
    rows = {
        "messages": count,
        "workers, with 16 threads each": workers,
        "workers killed": killed,
        "sent": states.get("sent", 0),
        "unknown": states.get("unknown", 0),
        "of these, taken by the provider": result.unknown_taken,
        "dead letters": states.get("dead", 0),
        "requests at the provider": sum(asked.values()),
        "lost": result.lost,
        "sent twice": result.twice,
        "said not to be sent, and sent": result.wrong,
        "enqueued after (s)": f"{enqueued:.0f}",
        "settled after (s)": f"{settled:.0f}",
        "messages a second": f"{count / settled:.0f}",
    }
    print(f"\n| Celery with Redis, {os.cpu_count()} cores | |\n| --- | ---: |")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    return int(bool(result.lost or result.twice or result.wrong))


if __name__ == "__main__":
    sys.exit(main())
