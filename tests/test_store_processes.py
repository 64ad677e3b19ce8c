"""Many who use one store at the same time: threads, processes, forks, and those that are killed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from stores import KEYS, count_up, finish, save, start_program

from connector_core import StoreConflict

if TYPE_CHECKING:
    from stores import Place

    from connector_core.store import SealedStore

TIMES = 8

COUNT = f"""
import sys
from connector_core import StoreConflict
from connector_core.store import open_store

store, (author, times) = open_store(sys.argv[1], keys=[{KEYS[0]!r}]), sys.argv[2:]
done = 0
while done < int(times):
    stored = store.get("alpha-mail")
    config, revision = (stored.config, stored.revision) if stored else ({{"count": 0, "token": "made-up"}}, "")
    try:
        store.save(
            "alpha-mail", {{**config, "count": config["count"] + 1}}, type="Email", secrets=[("token",)], author=author,
            revision=revision, activate=False,
        )
        done += 1
    except StoreConflict:
        pass
store.close()
"""
"""Counts up, as two consoles that change the same config at once."""

FORK = """
import os, sys
from connector_core.store import open_store

store = open_store(sys.argv[1])
def save(name):
    return store.save(name, {}, type="Email", secrets=(), author="ada", revision="", activate=True)
save("alpha-mail")
child = os.fork()
save("child-mail" if child == 0 else "parent-mail")
assert len(store.list()) >= 2
if child:
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert len(store.list()) == 3
    store.close()
else:
    store.close()
    os._exit(0)
"""


def test_two_processes_that_write_many_times_lose_nothing(place: Place) -> None:
    running = [start_program(COUNT, place.location, author, str(TIMES)) for author in ("ada", "grace")]
    for process in running:
        finish(process)

    store = place.open([KEYS[0]])
    counts = [(one.before, one.after) for change in reversed(store.history()) for one in change.settings]
    assert [one.config for one in store.list()] == [{"count": 2 * TIMES, "token": "made-up"}]
    assert counts[:2] == [(None, "1"), (None, "***")]
    assert counts[2:] == [(str(number), str(number + 1)) for number in range(1, 2 * TIMES)]
    assert {one.author for one in store.history()} == {"ada", "grace"}


@pytest.mark.parametrize("shared", [True, False])
def test_threads_that_write_many_times_lose_nothing(place: Place, shared: bool) -> None:  # noqa: FBT001  a parameter
    one = place.open()
    with ThreadPoolExecutor(3) as pool:
        stores = [one if shared else place.open() for _ in range(3)]
        for done in [pool.submit(count_up, store, f"author-{number}", TIMES) for number, store in enumerate(stores)]:
            done.result()

    assert [found.config for found in one.list()] == [{"count": 3 * TIMES}]
    assert len(one.history()) == 3 * TIMES


def test_whoever_reads_while_another_is_activated_sees_exactly_one(place: Place) -> None:
    store, reader = place.open(), place.open()
    revisions = {name: save(store, name, activate=True).revision for name in ("alpha-mail", "beta-mail")}
    seen: list[list[str]] = []
    both_seen, stop = threading.Event(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            active = reader.find_active("Email")
            seen.append([one.connector_id for one in reader.list() if one.active])
            seen.append([active.connector_id] if active else [])
            if len({name for names in seen for name in names}) == 2 and len(seen) > 50:
                both_seen.set()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            while not (both_seen.is_set() or reading.done()):
                for name, revision in revisions.items():
                    store.set_active(name, active=True, author="ada", revision=revision)
        finally:
            stop.set()
        reading.result()

    assert {tuple(names) for names in seen} == {("alpha-mail",), ("beta-mail",)}


def test_the_same_new_config_saved_twice_at_once_is_a_conflict_for_one(place: Place) -> None:
    stores = [place.open(), place.open()]
    start = threading.Barrier(2)

    def save_at_once(store: SealedStore) -> str:
        start.wait()
        try:
            return save(store).revision
        except StoreConflict:
            return "conflict"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(save_at_once, stores))

    (stored,) = stores[0].list()
    assert sorted(outcomes, key=len) == ["conflict", stored.revision]


@pytest.mark.skipif("not hasattr(os, 'fork')", reason="no fork on this system")
def test_a_store_that_was_used_works_on_both_sides_of_a_fork(place: Place) -> None:
    finish(start_program(FORK, place.location))

    store = place.open()
    assert [one.connector_id for one in store.list()] == ["alpha-mail", "child-mail", "parent-mail"]
    assert len([one for one in store.list() if one.active]) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from connector_core.store import open_store

store = open_store(sys.argv[1])
stored = store.get("alpha-mail")
die = lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
target, name = {"write": (Path, "replace"), "fsync": (os, "fsync"), "open": (os, "fdopen")}[sys.argv[2]]
setattr(target, name, die)
store.save("alpha-mail", {"a": 2}, type="Email", secrets=(), author="grace", revision=stored.revision, activate=True)
"""

KILLED_IN_DATABASE = """
import os, signal, sys
from sqlalchemy import event
from connector_core.store import open_store

store = open_store(sys.argv[1])
stored = store.get("alpha-mail")

@event.listens_for(store._engine, "before_cursor_execute")
def die(connection, cursor, statement, *rest):
    if statement.startswith(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

store.save("alpha-mail", {"a": 2}, type="Email", secrets=(), author="grace", revision=stored.revision, activate=True)
"""


@pytest.mark.parametrize(
    ("place", "moment"),
    [
        *(("file", moment) for moment in ("open", "fsync", "write")),
        *((kind, moment) for kind in ("sqlite", "postgresql") for moment in ("INSERT", "COMMIT")),
    ],
    indirect=["place"],
)
def test_a_process_that_is_killed_while_it_writes_leaves_the_store_as_it_was(place: Place, moment: str) -> None:
    store = place.open()
    saved = save(store, config={"a": 1}, secrets=())

    process = start_program(KILLED if place.kind == "file" else KILLED_IN_DATABASE, place.location, moment)
    printed, _ = process.communicate(timeout=100)

    assert (process.returncode, printed) == (-9, "")
    assert place.open().list() == [saved]
    assert len(place.open().history()) == 1
    assert save(store, config={"a": 3}, secrets=(), revision=saved.revision).config == {"a": 3}
