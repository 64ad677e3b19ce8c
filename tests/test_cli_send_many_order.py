"""The order in which send-many marks, sends, settles and tells: at no moment may a kill make anything false."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from batch_provider import ALL, BATCH, LINES, BatchProvider, list_lines, read_outcomes, send_many, write_messages
from network_environment import forget_network_environment

if TYPE_CHECKING:
    from pathlib import Path

    from connector_core.testing.wire_server import Request


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def list_in_journal(folder: Path, state: str) -> set[int]:
    """Return the lines in a state, by a copy of the files: what a kill at this moment would leave."""
    for suffix in ("", "-wal"):
        (folder / f"copy{suffix}").write_bytes((folder / f"journal{suffix}").read_bytes())
    with closing(sqlite3.connect(folder / "copy")) as copy:
        return {line for (line,) in copy.execute("SELECT line FROM message WHERE state = ?", (state,))}


def test_what_is_told_is_in_the_journal_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    def read_journal(words: str, **_options: Any) -> None:
        if words.startswith('{"line"'):
            lines = list_lines(read_outcomes(words), told="sent")
            told.extend(lines)
            if len(lines) > 1 or lines[0] % 50 == 0:  # at the end, they come one by one
                assert set(lines) <= list_in_journal(tmp_path, "sent")

    write_messages(tmp_path, LINES)
    with BatchProvider() as provider, monkeypatch.context() as patched:
        patched.setattr("click.echo", read_journal)
        assert send_many(tmp_path, provider.url).code == 0
    assert told == list(ALL)


def test_a_message_is_marked_in_the_journal_before_the_provider_gets_it(tmp_path: Path) -> None:
    marked: list[bool] = []

    def look(request: Request) -> None:
        codes = [int(one["TemplateModel"]["code"]) for one in request.json()["Messages"]]
        marked.append(set(codes) <= list_in_journal(tmp_path, "sending"))

    write_messages(tmp_path, LINES)
    with BatchProvider(look=look) as provider:
        assert send_many(tmp_path, provider.url).code == 0
    assert marked == [True] * (LINES // BATCH)
