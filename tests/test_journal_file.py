"""The SQLite file of a journal: who may read it, and what is refused in its place."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from connector_core.cli.journal_file import JournalError, JournalFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def opened(path: Path | str) -> Iterator[JournalFile]:
    file = JournalFile(str(path))
    try:
        yield file
    finally:
        file.close()


def test_the_files_are_readable_for_their_owner_alone(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as file:
        file.keep("a", b"fact")
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert modes == {"journal.db": 0o600, "journal.db-wal": 0o600}
    assert [one.name for one in tmp_path.iterdir()] == ["journal.db"]


@pytest.mark.parametrize("place", ["an empty file", "a symbolic link"])
def test_in_the_place_of_an_empty_file_or_a_link_they_are_so_too(place: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    if place == "an empty file":
        path.touch()
        path.chmod(0o644)
    else:
        path.symlink_to(tmp_path / "target.db")
    with opened(path):
        modes = {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
        assert len(list(tmp_path.glob("*-wal"))) == 1
    assert modes == {0o600}


def test_what_is_no_file_keeps_its_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed: list[object] = []
    monkeypatch.setattr("os.chmod", lambda *arguments: changed.append(arguments))
    (tmp_path / "journal.db").symlink_to("/dev/null")
    with pytest.raises(JournalError):
        JournalFile(str(tmp_path / "journal.db"))
    assert changed == []


def test_a_name_that_means_something_to_sqlite_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with opened(":memory:") as file:
        file.keep("a", b"fact")
    with opened(":memory:") as file:
        assert file.keep("a", b"lost") == b"fact"


def test_a_journal_in_use_is_refused_and_free_again_afterwards(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as file:
        for _ in range(2):
            with pytest.raises(JournalError, match="is in use by another process"):
                JournalFile(file.name)
        file.keep("a", b"fact")
    with opened(tmp_path / "journal.db") as file:
        assert file.keep("a", b"lost") == b"fact"


@pytest.mark.parametrize(
    "content",
    [b"not a database, whatever else it may be" * 100, b"SQLite format 3\0" + b"?" * 5000],
    ids=["text", "nearly"],
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(content)
    (tmp_path / "journal.db").chmod(0o644)
    with pytest.raises(JournalError, match="is no journal, or damaged"):
        JournalFile(str(tmp_path / "journal.db"))
    assert (tmp_path / "journal.db").read_bytes() == content
    assert stat.S_IMODE((tmp_path / "journal.db").stat().st_mode) == 0o644


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("CREATE TABLE orders (id INTEGER)")
    connection.close()
    with pytest.raises(JournalError, match="is a database and no journal"):
        JournalFile(str(tmp_path / "journal.db"))


def test_a_journal_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db"):
        pass
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(JournalError, match="is of another version"):
        JournalFile(str(tmp_path / "journal.db"))


def test_a_journal_in_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="can't be opened: No such file"):
        JournalFile(str(tmp_path / "missing" / "journal.db"))
