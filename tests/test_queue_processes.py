"""An embedded queue and its file: shared by processes, of which one is killed, forks or ends; and a file of another."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from queue_recording import Recording, enqueue, wait_for_state
from queue_site import CODE, make_message, run_provider, save_config
from stores import start_program
from waiting import wait_for

from connector_core.queue import EmbeddedQueue, QueueError

if TYPE_CHECKING:
    from pathlib import Path

SEND = """
import sys, threading
from connector_core import Host
from connector_core.queue import EmbeddedQueue
from connector_core.store import open_store

path, store, lease = sys.argv[1:]
EmbeddedQueue(path, Host.discover(store=open_store(store)), workers=1, lease=float(lease))
threading.Event().wait()
"""
"""A process that sends what is in a queue until it is killed."""

DIE = """
import os, signal, sys
from connector_core.queue.policy import Settlement
from connector_core.queue.sqlite_ledger import SqliteLedger

ledger = SqliteLedger(sys.argv[1], window=60, keep=60, lease=60)
ledger.register("a", {"code": sys.argv[2]}, "Email", 1)
claim = ledger.claim("owner", 1, 60)
assert ledger.settle(claim.key, claim.owner, Settlement(state="sent"), 1)
os.kill(os.getpid(), signal.SIGKILL)
"""
"""A process that is killed when it has sent a message, before it empties its log."""


def test_a_process_that_is_killed_while_it_sends_leaves_an_unknown_message_and_no_second_mail(tmp_path: Path) -> None:
    path, store = tmp_path / "queue.db", tmp_path / "configs.json"
    with run_provider() as provider:
        save_config(store, provider.url)
        with EmbeddedQueue(path, Recording(), workers=0) as queue:
            hanging, later = str(uuid.uuid4()), str(uuid.uuid4())
            queue.enqueue(make_message(hanging, "hang", "ok"), key=hanging)
            queue.enqueue(make_message(later, "ok"), key=later)
            with start_program(SEND, str(path), str(store), "1") as first:
                wait_for(lambda: provider.count(hanging) == (1, 1), "the provider has the message")
                first.send_signal(signal.SIGKILL)
            assert wait_for_state(queue, hanging, "sending", "unknown").attempts == 1
            with start_program(SEND, str(path), str(store), "1") as second:
                wait_for_state(queue, later, "sent")
                unknown = wait_for_state(queue, hanging, "unknown")
                counts = [provider.count(key) for key in (hanging, later)]
                queue.requeue(hanging)
                wait_for_state(queue, hanging, "sent")
                second.kill()
            after = provider.count(hanging)

    assert (unknown.code, unknown.message is not None) == ("delivery_unknown", True)
    assert counts == [(1, 1), (1, 1)]
    assert after == (2, 2)


def test_the_log_of_a_process_that_was_killed_is_emptied_by_the_next_one_that_sends_nothing(tmp_path: Path) -> None:
    path, log = tmp_path / "queue.db", tmp_path / "queue.db-wal"
    with start_program(DIE, str(path), CODE) as first:
        first.communicate()
    assert first.returncode == -signal.SIGKILL
    assert CODE.encode() in log.read_bytes()
    with EmbeddedQueue(path, Recording(), workers=0):
        assert log.stat().st_size == 0

    assert CODE.encode() not in path.read_bytes()


def test_several_processes_that_share_a_file_send_each_message_once(tmp_path: Path) -> None:
    path, store = tmp_path / "queue.db", tmp_path / "configs.json"
    with run_provider() as provider, EmbeddedQueue(path, Recording(), workers=0) as queue:
        save_config(store, provider.url)
        running = [start_program(SEND, str(path), str(store), "60") for _ in range(2)]
        keys = [str(uuid.uuid4()) for _ in range(40)]
        for key in keys:
            queue.enqueue(make_message(key, "ok"), key=key)
        is_done = queue.drain(60)
        for process in running:
            process.kill()
            process.communicate()

        assert is_done
        assert provider.log() == {"asked": dict.fromkeys(keys, 1), "accepted": dict.fromkeys(keys, 1)}


def test_a_process_that_ends_settles_what_it_is_sending(tmp_path: Path) -> None:
    program = """
import sys, threading, time
from connector_core import Message, SendResult
from connector_core.queue import EmbeddedQueue

begun = threading.Event()
class Slow:
    def send_message(self, message):
        begun.set()
        threading.Event().wait(0.2)
        return SendResult(message_id="7")
queue = EmbeddedQueue(sys.argv[1], Slow())
queue.enqueue(Message("a@example.com", "SignIn"), key="a")
begun.wait()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program, tmp_path / "queue.db"], check=False)  # noqa: S603  our own

    assert done.returncode == 0
    with EmbeddedQueue(tmp_path / "queue.db", Recording(), workers=0) as queue:
        assert wait_for_state(queue, "a", "sent").message_id == "7"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_queue_that_was_opened_before_a_fork_is_refused_after_it(tmp_path: Path) -> None:
    program = """
import os, sys
from connector_core.queue import EmbeddedQueue, QueueError

with EmbeddedQueue(sys.argv[1], None, workers=0) as queue:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        assert queue.count()["waiting"] == 0
    else:
        try:
            queue.count()
        except QueueError as error:
            queue.close()
            os._exit("after the fork" not in str(error))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program, tmp_path / "queue.db"], check=False)  # noqa: S603  our own

    assert done.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_file_that_was_open_before_a_fork_is_not_opened_again_after_it(tmp_path: Path) -> None:
    program = """
import os, sys
from connector_core.queue import EmbeddedQueue, QueueError

path, name = sys.argv[1:]
with EmbeddedQueue(path, None, workers=0):
    os.link(path, name)
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
    else:
        for one in (path, name):
            try:
                EmbeddedQueue(one, None, workers=0)
            except QueueError as error:
                assert "after the fork" in str(error)
            else:
                os._exit(1)
        os._exit(0)
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
else:
    with EmbeddedQueue(path, None, workers=0) as queue:
        assert queue.count()["waiting"] == 0
"""
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "queue.db"), str(tmp_path / "other.db")]
    done = subprocess.run(command, check=False, timeout=60)  # noqa: S603  our own

    assert done.returncode == 0


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    with EmbeddedQueue(tmp_path / "queue.db", Recording(), workers=0) as queue:
        enqueue(queue)
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert modes == {0o600}


@pytest.mark.parametrize("kind", ["a folder", "no folder", "a text", "another database", "another version"])
def test_a_file_that_is_no_queue_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "queue.db"
    if kind == "a folder":
        path.mkdir()
    elif kind == "no folder":
        path = tmp_path / "none" / "queue.db"
    elif kind == "a text":
        path.write_text("Dear diary, this is a text that is long enough to be taken for a page." * 100, "ascii")
    else:
        _make_database(path, kind)
    before = path.read_bytes() if path.is_file() else None

    with pytest.raises(QueueError, match=str(path)):
        EmbeddedQueue(path, Recording())

    assert (path.read_bytes() if path.is_file() else None) == before


def _make_database(path: Path, kind: str) -> None:
    import sqlite3
    from contextlib import closing

    if kind == "another version":
        EmbeddedQueue(path, Recording(), workers=0).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (a)" if kind == "another database" else "PRAGMA user_version = 9")
        connection.commit()


def test_a_worker_goes_on_after_its_file_could_not_be_used(tmp_path: Path, caplog: Any) -> None:
    import sqlite3
    from contextlib import closing

    path = tmp_path / "queue.db"
    with (
        EmbeddedQueue(path, Recording(), workers=1) as queue,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("ALTER TABLE message RENAME TO hidden")
        with pytest.raises(QueueError, match="can't be used"):
            enqueue(queue)
        wait_for(lambda: "can't be used" in caplog.text, "the worker finds that")
        other.execute("ALTER TABLE hidden RENAME TO message")
        key = enqueue(queue)

        assert wait_for_state(queue, key, "sent").attempts == 1


LOOK = """
import sys
from connector_core.queue import EmbeddedQueue

with EmbeddedQueue(sys.argv[1], None, workers=0) as queue:
    print(queue.count()["waiting"])
"""
"""A process that looks into a queue and closes it."""


def test_a_second_queue_of_a_process_on_the_same_file_loses_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "queue.db")
    look = [sys.executable, "-c", LOOK, path]
    with EmbeddedQueue(path, Recording(), workers=0) as queue:
        EmbeddedQueue(path, Recording(), workers=0).close()
        subprocess.run(look, check=True, timeout=60)  # noqa: S603  our own command
        enqueue(queue)
        seen = subprocess.run(look, check=True, timeout=60, capture_output=True, text=True)  # noqa: S603  the same
    assert seen.stdout == "1\n"
