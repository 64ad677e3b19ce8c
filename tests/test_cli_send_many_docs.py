"""The page about sending many messages is true: its commands run, and its numbers are those of the code."""

from __future__ import annotations

import csv
import json
import re
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from batch_provider import BATCH
from command_line import start
from connector_smtp.mailer import MOST_CONNECTIONS
from network_environment import forget_network_environment
from readme_page import COMMAND_LINE, ROOT, read_blocks, run

from connector_core.batch import AHEAD, BATCHES_IN_FLIGHT, MESSAGES_IN_FLIGHT
from connector_core.cli import send_run, send_summary
from connector_core.cli.commands import connectors
from connector_core.cli.message_file import COLUMNS, MAX_LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (ROOT / "docs" / "sending-many.md").read_text("utf-8")
WORDS = re.sub(r"\s+", " ", PAGE)
BLOCKS = list(read_blocks(PAGE))
(SANDBOX,) = (block.text for block in BLOCKS if block.text.startswith("connectors sandbox "))


def list_shapes(value: Any) -> Any:
    """Return what kind of values a JSON value holds, with the keys of its objects but for addresses."""
    if isinstance(value, dict):
        return {"address" if "@" in key else key: list_shapes(member) for key, member in value.items()}
    return type(value)


@contextmanager
def serving_sandbox(folder: Path) -> Iterator[None]:
    """Run the command of the page that serves a sandbox, until it serves."""
    command, file = SANDBOX.strip().split(" > ")
    with (folder / file).open("w", encoding="utf-8") as stdout, start(*command.split()[1:], stdout=stdout) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("The sandbox shows what it takes at ")
            yield
        finally:
            process.kill()


def test_the_commands_of_the_page_do_with_its_files_what_stands_below_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_network_environment(monkeypatch)
    printed, said = "", ""
    with serving_sandbox(tmp_path):
        for block in BLOCKS:
            if block.language in {"jsonl", "csv"}:
                (name,) = re.findall(r"This is `([^`]+)`:", block.intro)
                (tmp_path / name).write_text(block.text, "utf-8")
            elif block.language == "sh" and block.text != SANDBOX:
                done = [run(*COMMAND_LINE, *shlex.split(line)[1:], cwd=tmp_path) for line in block.text.splitlines()]
                said = "".join(one.stderr for one in done)
                printed += "".join(one.stdout for one in done)
            elif block.language == "text":
                assert said == block.text
    told = [json.loads(line) for line in printed.splitlines()]
    sent = [address for one in told if "result" in one for address in one["result"]["recipients"]]
    assert sorted(sent) == [f"{name}@example.com" for name in [*["ann"] * 3, *["bob"] * 3, *["cleo"] * 3, *["dan"] * 3]]
    shapes = [list_shapes(one) for one in told]
    shown = [json.loads(line) for b in BLOCKS if b.language == "json" for line in b.text.splitlines()]
    assert len(shown) == 3
    assert all(list_shapes(one) in shapes for one in shown[:2])
    zeros = dict.fromkeys(("queued", "unknown", "recipientsRefused", "earlier"), 0)
    assert shown[2] == {"summary": {**zeros, "messages": 4, "sent": 3, "notSent": 1, "ended": "done"}}


def test_the_table_of_the_summary_has_all_its_keys() -> None:
    (table,) = re.findall(r"^\| Key \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert named == [*send_summary.Tally().to_json(), "ended"]


def test_the_table_of_columns_has_every_column_with_a_meaning() -> None:
    (table,) = re.findall(r"^\| Column \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(COLUMNS)


def test_the_options_of_the_command_are_all_on_the_page_and_no_others() -> None:
    options = {option for one in connectors.commands["send-many"].params for option in one.opts if option[0] == "-"}
    assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", PAGE)) == options - {"--debug"}


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"A line has at most {MAX_LINE_BYTES:,} bytes." in WORDS
    assert f"A cell has at most {csv.field_size_limit():,} characters." in WORDS
    assert f"a line every {send_summary.ELSEWHERE_SECONDS:g} seconds" in WORDS
    assert f"or {send_run.MOST_REFUSALS} without batches, came back" in WORDS
    assert f"more than {MOST_CONNECTIONS} gain nothing, since {MOST_CONNECTIONS} connections" in WORDS
    assert f"Postmark takes {BATCH} messages in one batch" in WORDS
    assert f"up to {['none', 'one', 'two', 'three', 'four'][AHEAD]} messages for each request" in WORDS
    assert f"{BATCHES_IN_FLIGHT} batches where nothing is said, or {MESSAGES_IN_FLIGHT} single messages" in WORDS


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!https:)[^)#]+)", PAGE))
def test_a_link_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (ROOT / "docs" / target).is_file()
