"""The store in a file: who may read it, what it survives, and what it refuses."""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from stores import CONFIG, KEYS, save

from connector_core import StoreError
from connector_core.store import FileStore, file_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connector_core.store import SealedStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "configs.json"


def make_uses(store: SealedStore) -> list[Callable[[], object]]:
    """Return a reading and a writing use of a store."""
    return [store.list, partial(save, store, "beta-mail")]


def read_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_reading_makes_no_file(path: Path) -> None:
    assert FileStore(path).list() == []
    assert list(path.parent.iterdir()) == []


def test_only_the_owner_may_read_the_file_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        saved = save(FileStore(path))
        path.chmod(0o644)
        save(FileStore(path), revision=saved.revision)
    finally:
        os.umask(before)

    assert path.name in {file.name for file in path.parent.iterdir()}
    assert all(read_mode(file) == 0o600 for file in path.parent.iterdir())


@pytest.mark.skipif("not hasattr(os, 'geteuid') or os.geteuid() != 0", reason="this user may give no file away")
def test_what_root_saves_still_belongs_to_the_owner_of_the_file(path: Path) -> None:
    write_one(path)
    os.chown(path, 12345, 23456)

    save(FileStore(path), "beta-mail")

    assert (path.stat().st_uid, path.stat().st_gid, read_mode(path)) == (12345, 23456, 0o600)


def test_a_lock_that_can_not_be_opened_is_told(path: Path) -> None:
    path.with_name("configs.json.lock").mkdir()

    with pytest.raises(StoreError, match=r"can't be changed \(Is a directory\): .* the file with .lock beside it"):
        save(FileStore(path))


def test_what_a_crash_left_behind_is_replaced_and_never_written_into(path: Path) -> None:
    elsewhere = path.parent / "elsewhere"
    path.with_name("configs.json.new").symlink_to(elsewhere)

    save(FileStore(path))

    assert not elsewhere.exists()
    assert read_mode(path) == 0o600
    assert not path.is_symlink()


def test_a_symbolic_link_stays_and_its_target_is_written(path: Path) -> None:
    target = path.parent / "data" / "real.json"
    target.parent.mkdir()
    path.symlink_to(target)
    saved = save(FileStore(path))
    assert FileStore(path).list() == [saved]

    save(FileStore(path), "beta-mail")

    assert path.is_symlink()
    assert [one.connector_id for one in FileStore(target).list()] == ["alpha-mail", "beta-mail"]
    assert {file.name for file in path.parent.iterdir()} == {"configs.json", "data"}


def test_a_file_is_found_again_from_another_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    store = FileStore("configs.json")

    monkeypatch.chdir("/")
    save(store)

    assert path.exists()


def write_one(path: Path) -> bytes:
    save(FileStore(path))
    return path.read_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda _good: b"",
        lambda good: good[:-20],
        lambda good: good[len(good) // 2 :],
        lambda good: b"\xff" + good,
        lambda _good: b"[]",
        lambda _good: b'{"serverToken": "made-up-token-5f2c9a"}',
        lambda _good: b"[" * 100_000,
        lambda good: good.replace(b'"revision"', b'"revisions"'),
        lambda good: good.replace(b'"changes"', b'"change"'),
        lambda good: good.replace(b'"at": "', b'"at": "x'),
        lambda good: good.replace(b'"secrets": [', b'"secrets": [7, '),
        lambda good: good.replace(b'"config": {', b'"config": 7, "x": {'),
    ],
)
def test_a_file_that_is_damaged_or_something_else_is_told_and_left_alone(path: Path, damage: Any) -> None:
    damaged = damage(write_one(path))
    path.write_bytes(damaged)

    for use in make_uses(FileStore(path)):
        with pytest.raises(
            StoreError, match=r"configs.json can't be understood.* put a good copy in its place"
        ) as caught:
            use()
        assert "made-up" not in str(caught.value)
        assert caught.value.__context__ is None

    assert path.read_bytes() == damaged


def test_a_file_of_a_newer_release_is_left_alone(path: Path) -> None:
    newer = write_one(path).replace(b'"version": 1', b'"version": 2')
    path.write_bytes(newer)

    with pytest.raises(StoreError, match="since a newer release wrote it"):
        save(FileStore(path), "beta-mail")

    assert path.read_bytes() == newer


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "missing" / "configs.json")

    for use in make_uses(store):
        with pytest.raises(StoreError, match=r"The folder .*/missing of the store does not exist: create it"):
            use()


def test_what_can_not_be_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"can't be read \(Is a directory\): check the path"):
        FileStore(tmp_path).list()
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"can't be read \(Not a directory\): check the path"):
        FileStore(tmp_path / "file" / "configs.json").list()


def test_a_write_that_fails_is_told_and_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write_one(path)

    def fail(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match=r"can't be changed \(No space left on device\)"):
        save(FileStore(path), "beta-mail")

    assert path.read_bytes() == before


def test_a_file_system_that_does_not_flush_folders_is_good_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flush = os.fsync

    def flush_files_alone(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", flush_files_alone)
    saved = save(FileStore(path))

    assert FileStore(path).list() == [saved]


def test_a_lock_that_nobody_gives_back_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_store, "_LOCK_SECONDS", 0.1)

    with FileLock(f"{path}.lock"), pytest.raises(StoreError, match="see which process hangs"):
        save(FileStore(path))

    assert save(FileStore(path)).config == CONFIG


def test_the_history_has_an_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_store, "MAX_CHANGES", 3)
    store, revision = FileStore(path), ""

    for number in range(5):
        revision = save(store, revision=revision, author=f"author-{number}").revision

    assert [one.author for one in store.history()] == ["author-4", "author-3", "author-2"]


def test_the_file_can_be_compared_line_by_line(path: Path) -> None:
    store = FileStore(path, keys=KEYS[:1])
    save(store, "beta-mail")
    before = path.read_text().splitlines()

    save(store, "alpha-mail")

    after = path.read_text().splitlines()
    assert [line for line in before if line not in after] == [before[-2]]  # it has a comma now
    assert len(after) == len(before) + 2


class CountedStore(FileStore):
    """A file store that counts how often it reads the file."""

    reads = 0

    def _parse(self, text: bytes) -> Any:
        self.reads += 1
        return super()._parse(text)


def test_a_file_that_did_not_change_is_read_once(path: Path) -> None:
    save(FileStore(path), activate=True)
    os.utime(path, ns=(1_000_000_000, 1_000_000_000))
    store = CountedStore(path)

    found = [store.find_active("Email"), store.get("alpha-mail"), *store.list()]

    assert found == [found[0]] * 3
    assert store.reads == 1
    save(FileStore(path), "beta-mail", activate=True)
    active = store.find_active("Email")
    assert active is not None
    assert active.connector_id == "beta-mail"


def test_two_changes_at_the_same_moment_are_both_seen(path: Path) -> None:
    store = FileStore(path)
    save(store, config={"a": 1}, secrets=())
    assert store.list()[0].config == {"a": 1}
    before = path.stat()

    with path.open("r+b") as file:  # the same size, and below the same moment
        changed = path.read_bytes().replace(b'{"a": 1}', b'{"a": 2}')
        file.write(changed)
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))

    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert store.list()[0].config == {"a": 2}
