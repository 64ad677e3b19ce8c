"""The command line: send-many with a journal, where the file or the config has changed since the last run."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from batch_provider import BatchProvider, SingleProvider, list_lines, read_outcomes
from command_line import CONFIG, Run, run
from hypothesis import given
from hypothesis import strategies as st
from network_environment import forget_network_environment

from connector_core import DeliveryUnknown, InvalidMessage, Message, RateLimitExceeded, SendResult
from connector_core.cli.interruption import Interruption
from connector_core.cli.journal import Journal
from connector_core.cli.message_file import MessageLine
from connector_core.cli.send_run import Resending, SendRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core import SendError


class Desk:
    """Sends files with one journal, through a connector with batches or one without.

    A file is written as the codes of its messages, one a line; `bad` is a line without a message, an empty text an
    empty line.
    """

    def __init__(self, folder: Path, *, sends_batches: bool) -> None:
        self.refused: set[str] = set()
        self.provider: BatchProvider | SingleProvider
        if sends_batches:
            self.connector_id = "postmark-mail"
            self.provider = BatchProvider(lambda code: {"ErrorCode": 406} if code in self.refused else None)
        else:
            self.connector_id = "http-email"
            self.provider = SingleProvider(lambda code: 422 if code in self.refused else None)
        self._folder = folder

    @property
    def codes(self) -> list[str]:
        """Return the codes of the messages that the provider got."""
        return self.provider.codes

    def send(self, lines: list[str], *options: str, **settings: Any) -> Run:
        """Send a file."""
        named = {"bad": "nonsense", "": ""}
        messages = (named[code] if code in named else json.dumps(make_message(code)) for code in lines)
        return self.send_text("messages.jsonl", "".join(f"{line}\n" for line in messages), *options, **settings)

    def send_text(self, name: str, text: str, *options: str, **settings: Any) -> Run:
        """Send a file with some content."""
        url = self.provider.url
        config = {**CONFIG, "apiUrl": url} if self.connector_id == "postmark-mail" else {"endpoint": url}
        (self._folder / "config.json").write_text(json.dumps({**config, **settings}))
        (self._folder / name).write_text(text, "utf-8")
        files = ["--config", str(self._folder / "config.json"), "--messages", str(self._folder / name)]
        return run("send-many", self.connector_id, *files, "--journal", str(self._folder / "journal"), *options)


def make_message(code: str) -> dict[str, Any]:
    return {"to": f"{code}@example.com", "type": "SignIn", "payload": {"code": code}}


@pytest.fixture(params=[True, False], ids=["batches", "one by one"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    forget_network_environment(monkeypatch)
    desk = Desk(tmp_path, sends_batches=request.param)
    with desk.provider:
        yield desk


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (["a", "bad", "b", "c"], ["a", "b", "c"], " on line 3"),
        (["bad", "bad", "a"], ["bad", "a"], "the message of line 2 on line 3"),
        (["a", "", "b"], ["a", "b"], "the message of line 2 on line 3"),
        (["a", "b"], ["", "a", "b"], "another message on line 2"),
        (["a", "b"], ["a", "", "b"], "1 message that the file no longer has"),
        (["bad", "a"], ["bad", "", "a"], "1 message that the file no longer has"),
        (["a", "b", "c"], ["a", "", "", "new"], "2 messages that the file no longer has"),
        (["a", "b"], ["b", "a"], "another message on line 1"),
        (["a", "b"], ["bad", "b"], "another message on line 1"),
        (["a", "bad", "b", "b"], ["a", "b", "b"], "the message of line 2 on line 3"),
        (["a", "bad", "b"], ["a", "a", "b"], "the message of line 2 on line 1"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else part,
)
@pytest.mark.parametrize("options", [[], ["--resend-failed", "--resend-unknown"]], ids=["plain", "resending"])
def test_where_lines_have_moved_nothing_is_sent_twice(
    first: list[str], second: list[str], problem: str, options: list[str], desk: Desk
) -> None:
    desk.send(first)
    before = list(desk.codes)
    done = desk.send(second, *options)
    assert (done.code, desk.codes) == (1, before)
    assert problem in done.stderr


def test_the_same_message_twice_in_a_file_is_sent_twice_and_no_more(desk: Desk) -> None:
    assert desk.send(["a", "a", "b"]).code == 0
    again = desk.send(["a", "a", "b"])
    assert (again.code, desk.codes.count("a"), desk.codes.count("b")) == (0, 2, 1)
    assert desk.send(["a", "a", "b", "a"]).code == 0
    assert (desk.codes.count("a"), desk.codes.count("b")) == (3, 1)


def test_equal_messages_that_were_refused_are_both_sent_again(desk: Desk) -> None:
    desk.refused.add("a")
    desk.send(["a", "a", "b"])
    desk.refused.clear()
    assert desk.send(["a", "a", "b"], "--resend-failed").code == 0
    assert sorted(desk.codes) == ["a", "a", "a", "a", "b"]


def test_two_lines_can_not_both_be_mended_to_one_message(desk: Desk) -> None:
    desk.send(["bad", "bad", "b"])
    done = desk.send(["a", "a", "b"])
    assert done.code == 1
    assert "knows the message of line 2 on line 1" in done.stderr
    assert desk.send(["a", "bad", "b", "a"]).code == 1  # the line that is still bad
    assert desk.codes.count("a") == 2


def test_a_refused_line_that_was_mended_is_sent_when_asked_for(desk: Desk) -> None:
    desk.refused.add("b")
    first = desk.send(["a", "b", "c"])
    assert "Refused: 1. Mend the lines or the config, as the errors say, then run the same command again with " in (
        first.stderr
    )
    before = len(desk.codes)
    unasked = desk.send(["a", "mended", "c"])
    assert (unasked.code, len(desk.codes)) == (1, before)
    assert "line 2, which was not sent: if you mended it, run the same command again with --resend-failed" in (
        unasked.stderr
    )
    done = desk.send(["a", "mended", "c"], "--resend-failed")
    assert (done.code, desk.codes[before:]) == (0, ["mended"])
    assert list_lines(read_outcomes(done.stdout), told="sent") == [1, 2, 3]
    assert desk.send(["a", "mended", "c"]).code == 0
    assert len(desk.codes) == before + 1


@pytest.mark.parametrize(
    "second", [["a", "c", "d"], ["a", "c", "c", "d"], ["b", "a", "c", "d"]], ids=["deleted", "copied", "inserted"]
)
def test_lines_that_moved_are_not_taken_for_mended_ones(second: list[str], desk: Desk) -> None:
    desk.refused.add("b")
    desk.send(["a", "b", "c", "d"])
    before = list(desk.codes)
    assert desk.send(second, "--resend-failed").code == 1
    assert desk.codes == before


def test_of_refused_lines_that_moved_none_is_sent_and_they_can_be_put_back(desk: Desk) -> None:
    desk.refused |= {"a", "b", "c"}
    desk.send(["a", "b", "c"])
    desk.refused.clear()
    del desk.codes[:]
    moved = desk.send(["new", "a", "b", "c"], "--resend-failed")
    has_batches = desk.connector_id == "postmark-mail"
    assert (moved.code, desk.codes) == (1, [] if has_batches else ["new"])
    assert f"{'knows' if has_batches else 'knew'} the message of line 2 on line 1" in moved.stderr
    assert ("let the lines stay that this run has told" in moved.stderr) != has_batches
    put_back = ["a", "b", "c", "new"] if has_batches else ["new", "b", "c", "a"]
    assert desk.send(put_back, "--resend-failed").code == 0
    assert sorted(desk.codes) == ["a", "b", "c", "new"]


def test_a_refused_line_that_is_no_message_any_more_is_told_so_and_can_come_back(desk: Desk) -> None:
    desk.refused.add("a")
    desk.send(["a", "b"])
    broken = desk.send(["bad", "b"], "--resend-failed")
    assert (broken.code, list_lines(read_outcomes(broken.stdout), told="invalid_message")) == (1, [1])
    desk.refused.clear()
    assert desk.send(["a", "b"], "--resend-failed").code == 0
    assert sorted(desk.codes) == ["a", "a", "b"]


def test_what_is_unknown_can_not_be_mended(desk: Desk) -> None:
    desk.send(["a", "b"])
    assert desk.send(["other", "b"], "--resend-failed", "--resend-unknown").code == 1
    assert desk.codes.count("other") == 0


def test_an_empty_row_of_a_table_that_is_gone_is_noticed(desk: Desk) -> None:
    rows = "to,type,code\na@example.com,SignIn,a\n{}b@example.com,SignIn,b\n"
    assert desk.send_text("messages.csv", rows.format(",,\n")).code == 0
    done = desk.send_text("messages.csv", rows.format(""))
    assert (done.code, sorted(desk.codes)) == (1, ["a", "b"])
    assert "knows the message of line 3 on line 4" in done.stderr


def test_a_changed_config_is_accepted_when_asked_for_and_is_that_of_the_journal_then(desk: Desk) -> None:
    changed = {
        "postmark-mail": {"fromEmail": "other@example.com"},
        "http-email": {"headerName": "X-Key", "authorization": "a-token"},
    }
    settings = changed[desk.connector_id]
    desk.refused.add("b")
    desk.send(["a", "b"])
    refused = desk.send(["a", "b"], **settings)
    assert (refused.code, refused.stdout, len(desk.codes)) == (1, "", 2)
    assert "was begun with another config: take that one, or run the same command again with --resend-failed" in (
        refused.stderr
    )
    desk.refused.clear()
    assert desk.send(["a", "b"], "--resend-failed", **settings).code == 0
    assert sorted(desk.codes) == ["a", "b", "b"]
    assert desk.send(["a", "b"], **settings).code == 0
    assert "was begun with another config" in desk.send(["a", "b"]).stderr


def test_a_secret_is_no_part_of_what_makes_a_config_another_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN_FOR_A_TEST", "one-more-token")
    name = {"postmark-mail": "serverToken", "http-email": "authorization"}[desk.connector_id]
    for secret in ("a-token", "another-token", {"$env": "A_TOKEN_FOR_A_TEST"}):
        assert desk.send(["a"], **{name: secret}).code == 0
    if desk.connector_id == "http-email":  # where the secret may be missing
        assert desk.send(["a"]).code == 0
    assert desk.codes == ["a"]


class Killed(BaseException):
    """The process has ended here."""


class ScriptedSender:
    """Takes batches, and gives outcomes by a script; where that ends, all are sent."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.script: Iterator[str] = iter(())
        self.sent: list[str] = []

    def send_messages(self, messages: Iterator[Message], *, in_flight: None) -> Iterator[SendResult | SendError]:
        assert in_flight is None
        while batch := list(islice(messages, self.size)):
            steps = [next(self.script, "send") for _ in batch]
            for one, step in zip(batch, steps, strict=True):
                self.sent += [one.type] if step in {"send", "lose", "kill"} else []
            for step in steps:
                if step == "kill":
                    raise Killed
                yield OUTCOMES[step]


OUTCOMES: dict[str, SendResult | SendError] = {
    "send": SendResult(message_id="id"),
    "lose": DeliveryUnknown("The line broke."),
    "refuse": InvalidMessage("Too large."),
    "wait": RateLimitExceeded("Slow down."),
}


def run_once(
    folder: str, lines: list[str], sender: ScriptedSender, *, resends: bool
) -> tuple[Exception | None, list[int]]:
    """Send lines, of which a letter is a message, `!` a line without one, and a space an empty line.

    Return what failed, and the lines that were told.
    """
    failure: Exception | None = None
    told: list[int] = []
    found = (
        MessageLine(number, InvalidMessage("None.") if code == "!" else Message("a@example.com", code), 1, number)
        for number, code in enumerate(lines, 1)
        if code != " "
    )
    with (
        suppress(Killed),
        Journal(str(Path(folder) / "journal"), "a", {}, accepts_changes=resends) as journal,
        Interruption(lambda: None) as interruption,
    ):
        send_run = SendRun(
            found,
            journal=journal,
            limits={"batchMessages": sender.size},
            resending=Resending(failed=resends),
            tell=lambda some: told.extend(one.line for one in some),
            interruption=interruption,
        )
        send_run.send(sender, None)  # type: ignore[arg-type]  # all that a run needs of a sender
        failure = send_run.failure
    return failure, told


CODES = st.sampled_from("abc! ")
EDITS = st.lists(st.tuples(st.sampled_from(["insert", "delete", "replace"]), st.integers(0, 6), CODES), max_size=2)
SCRIPTS = st.lists(st.sampled_from([*OUTCOMES, "kill"]), max_size=5)


@given(
    lines=st.lists(CODES, max_size=6),
    runs=st.lists(st.tuples(EDITS, SCRIPTS, st.booleans()), min_size=2, max_size=5),
    size=st.sampled_from([1, 2, 5]),
)
def test_however_a_file_is_edited_between_runs_no_message_is_sent_more_often_than_the_file_ever_had_it(
    lines: list[str], runs: list[tuple[list[tuple[str, int, str]], list[str], bool]], size: int
) -> None:
    sender, most = ScriptedSender(size), Counter[str]()
    with TemporaryDirectory() as folder:
        for edits, script, resends in runs:
            for edit, place, code in edits:
                lines[place : place + (edit != "insert")] = [] if edit == "delete" else [code]
            most |= Counter(lines)
            sender.script = iter(script)
            run_once(folder, lines, sender, resends=resends)
    assert Counter(sender.sent) <= most


@given(
    first=st.lists(st.tuples(st.sampled_from("abcdefg"), st.booleans()), unique_by=lambda one: one[0], min_size=1),
    place=st.integers(0, 6),
    inserted=st.integers(0, 3),
    deleted=st.integers(0, 2),
    size=st.sampled_from([1, 2, 3, 10]),
)
def test_of_lines_that_moved_none_is_sent_and_when_they_are_put_back_each_message_is_sent_once(
    first: list[tuple[str, bool]], place: int, inserted: int, deleted: int, size: int
) -> None:
    before = [code for code, _ in first]
    after = [*before[:place], *"xyz"[:inserted], *before[place + deleted :]]
    sender = ScriptedSender(size)
    sender.script = iter("send" if is_sent else "refuse" for _, is_sent in first)
    with TemporaryDirectory() as folder:
        run_once(folder, before, sender, resends=False)
        already = len(sender.sent)
        failure, told = run_once(folder, after, sender, resends=True)
        for code in set(sender.sent[already:]) & set(before):
            assert after.index(code) in {before.index(code), *range(len(before), len(after))}
        if failure is not None:
            stay = max(told, default=0)
            put_back = [*after[:stay], *before[stay:]]
            put_back += [code for code in dict.fromkeys([*before, *after]) if code not in put_back]
            assert run_once(folder, put_back, sender, resends=True)[0] is None
            after = put_back
    assert Counter(sender.sent) == Counter({*after, *(code for code, is_sent in first if is_sent)})
