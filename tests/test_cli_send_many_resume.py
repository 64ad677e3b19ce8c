"""The command line: send-many with a journal, over runs that are killed, interrupted, refused and repeated."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from batch_provider import (
    ALL,
    BATCH,
    LINES,
    BatchProvider,
    leave_out_progress,
    list_lines,
    name_options,
    read_outcomes,
    run_in_shell,
    send_many,
    write_messages,
)
from command_line import run, start, write_config
from network_environment import forget_network_environment

from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import HANG_GUARD, WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@contextmanager
def running(folder: Path, url: str) -> Iterator[subprocess.Popen[str]]:
    """Give a run that is a process of its own; what it prints goes into a file, so that it never waits for a reader."""
    command = name_options(folder, url)
    with (folder / "stdout").open("w", encoding="utf-8") as stdout, start(*command, stdout=stdout) as process:
        try:
            yield process
        finally:
            process.kill()


def read_printed(folder: Path) -> list[dict[str, Any]]:
    return read_outcomes((folder / "stdout").read_text("utf-8"))


def numbers(codes: list[str]) -> list[int]:
    return sorted(int(code) for code in codes)


def test_after_a_kill_the_same_command_goes_on_and_sends_nothing_twice(tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    with BatchProvider(hold_at=3) as provider:
        with running(tmp_path, provider.url) as process:
            provider.wait_until_held()
            process.kill()
            process.wait(HANG_GUARD)
        provider.release.set()
        got = numbers(provider.codes)
        done = send_many(tmp_path, provider.url)
        outcomes = read_outcomes(done.stdout)
        unknown = list_lines(outcomes, told="delivery_unknown")

        assert numbers(provider.codes) == sorted(set(ALL) - (set(unknown) - set(got)))  # each at most once
        assert set(got[2 * BATCH :]) <= set(unknown)  # the batch that was held is in doubt
        assert len(unknown) <= 2 * BATCH  # and no more than was marked
        assert list_lines(outcomes, told="sent") == sorted(set(ALL) - set(unknown))
        assert [one["line"] for one in outcomes] == list(ALL)
        assert list_lines(read_printed(tmp_path), told="sent") == list(range(1, 2 * BATCH + 1))
        assert [one["line"] for one in outcomes if one.get("earlier")] == sorted({*range(1, 2 * BATCH + 1), *unknown})
        assert done.code == 1
        assert f"Nobody knows whether lines {unknown[0]}-{unknown[-1]} arrived" in done.stderr

        before = len(provider.codes)
        assert send_many(tmp_path, provider.url).code == 1
        assert len(provider.codes) == before  # unknown ones are never sent again by themselves
        resent = send_many(tmp_path, provider.url, "--resend-unknown")
        assert (resent.code, numbers(provider.codes[before:])) == (0, unknown)
        again = send_many(tmp_path, provider.url, "--resend-unknown")
        assert (again.code, len(provider.codes)) == (0, before + len(unknown))


def test_after_a_kill_a_connector_without_batches_goes_on(tmp_path: Path) -> None:
    is_held, release = threading.Event(), threading.Event()
    taken: list[str] = []

    def take(line: Any) -> None:
        taken.append(line.request.json()["to"])
        if len(taken) == 20:
            is_held.set()
            release.wait(HANG_GUARD)
        respond_json({})(line)

    write_messages(tmp_path, 100)
    with WireServer(take) as server:
        (tmp_path / "config.json").write_text(json.dumps({"endpoint": server.url}))
        options = ["--config", str(tmp_path / "config.json"), "--messages", str(tmp_path / "messages.jsonl")]
        command = ["send-many", "http-email", *options, "--journal", str(tmp_path / "journal"), "--concurrency", "1"]
        with start(*command, stdout=subprocess.DEVNULL) as process:
            assert is_held.wait(HANG_GUARD)
            process.kill()
            process.wait(HANG_GUARD)
        release.set()
        done = run(*command)
    outcomes = read_outcomes(done.stdout)
    unknown = list_lines(outcomes, told="delivery_unknown")
    sent = [line for line in range(1, 101) if line not in unknown]
    assert 20 in unknown
    assert len(unknown) <= 5  # the one in flight, and those that wait behind it or were not yet settled
    assert list_lines(outcomes, told="sent") == sent
    assert len(taken) == len(set(taken))
    assert {f"user{line}@example.com" for line in sent} <= set(taken)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_waits_for_what_is_in_flight_and_leaves_nothing_in_doubt(
    number: int, code: int, tmp_path: Path
) -> None:
    write_messages(tmp_path, LINES)
    with BatchProvider(hold_at=2) as provider:
        with running(tmp_path, provider.url) as process:
            provider.wait_until_held()
            process.send_signal(number)
            assert process.stderr is not None
            assert leave_out_progress("".join(iter(process.stderr.readline, "\n"))) == ""
            assert process.stderr.readline().startswith("Stopping: waiting for what is in flight.")
            provider.release.set()
            words = leave_out_progress(process.stderr.read())
            assert process.wait(HANG_GUARD) == code
        told = read_printed(tmp_path)
        assert numbers(provider.codes) == list_lines(told, told="sent") == list(range(1, len(told) + 1))
        assert 2 * BATCH <= len(told) < LINES
        assert words == (
            f"{len(told):,} messages: {len(told):,} sent, 0 queued, 0 not sent, 0 unknown.\n"
            f"Interrupted after line {len(told)}: this run sent nothing after it. "
            "To go on, run the same command again.\n"
        )

        done = send_many(tmp_path, provider.url)
        assert (done.code, numbers(provider.codes)) == (0, list(ALL))
        assert list_lines(read_outcomes(done.stdout), told="sent") == list(ALL)


def test_a_second_interruption_ends_it_at_once_and_leaves_what_is_in_flight_in_doubt(tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    with BatchProvider(hold_at=1) as provider:
        with running(tmp_path, provider.url) as process:
            provider.wait_until_held()
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert leave_out_progress("".join(iter(process.stderr.readline, "\n"))) == ""
            process.send_signal(signal.SIGINT)
            assert process.wait(HANG_GUARD) == -signal.SIGINT
        provider.release.set()
        done = send_many(tmp_path, provider.url)
    assert set(numbers(provider.codes)[:BATCH]) <= set(list_lines(read_outcomes(done.stdout), told="delivery_unknown"))
    assert len(provider.codes) == len(set(provider.codes))


def test_a_second_process_on_one_journal_is_refused_at_once_and_sends_nothing(tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    with BatchProvider(hold_at=1) as provider, running(tmp_path, provider.url) as process:
        provider.wait_until_held()
        second = send_many(tmp_path, provider.url)
        assert (second.code, second.stdout, len(provider.codes)) == (1, "", BATCH)
        assert second.stderr.startswith("Error: The journal ")
        assert "is in use by another process" in second.stderr
        provider.release.set()
        assert process.wait(HANG_GUARD) == 0
    assert numbers(provider.codes) == list(ALL)


def test_a_message_that_was_refused_is_told_again_and_sent_only_when_asked(tmp_path: Path) -> None:
    write_messages(tmp_path, 4)
    refused = {"ErrorCode": 406, "Message": "Inactive."}
    with BatchProvider(lambda code: refused if code == "3" else None) as provider:
        assert send_many(tmp_path, provider.url).code == 1
        second = send_many(tmp_path, provider.url)
        outcome = read_outcomes(second.stdout)[2]
        assert (outcome["line"], outcome["earlier"], outcome["error"]["code"]) == (3, True, "recipient_rejected")
        assert (outcome["error"]["outcome"], outcome["error"]["retryable"]) == ("not_sent", False)
        assert provider.codes == ["1", "2", "3", "4"]
        assert send_many(tmp_path, provider.url, "--resend-failed").code == 1
        assert provider.codes == ["1", "2", "3", "4", "3"]


def test_a_message_that_may_go_through_later_is_sent_by_the_next_run(tmp_path: Path) -> None:
    write_messages(tmp_path, 4)
    with BatchProvider(first=respond_json({}, 429, ["Retry-After: 3600"])) as provider:
        first = send_many(tmp_path, provider.url)
        done = send_many(tmp_path, provider.url)
    assert list_lines(read_outcomes(first.stdout), told="rate_limit_exceeded") == [1, 2, 3, 4]
    assert "Not sent, and may go through later: 4. To try, run the same command again." in first.stderr
    assert (done.code, provider.codes) == (0, ["1", "2", "3", "4"])
    assert all("earlier" not in one for one in read_outcomes(done.stdout))


def test_a_line_that_was_no_message_may_be_mended_for_the_next_run(tmp_path: Path) -> None:
    file = Path(write_messages(tmp_path, 3))
    right = file.read_text("utf-8")
    file.write_text(right.replace("user2@", 'user2"@'), "utf-8")
    with BatchProvider() as provider:
        assert send_many(tmp_path, provider.url).code == 1
        file.write_text(right, "utf-8")
        done = send_many(tmp_path, provider.url)
        assert (done.code, provider.codes) == (0, ["1", "3", "2"])


def test_another_file_is_refused_with_the_line_and_nothing_is_sent(tmp_path: Path) -> None:
    file = Path(write_messages(tmp_path, 30))
    with BatchProvider() as provider:
        send_many(tmp_path, provider.url)
        text = file.read_text("utf-8")
        file.write_text(text.replace("user12@", "other@") + text, "utf-8")
        done = send_many(tmp_path, provider.url)
    assert (done.code, done.stdout, len(provider.codes)) == (1, "", 30)
    assert done.stderr.startswith("Error: The journal ")
    assert "knows another message on line 12" in done.stderr
    assert "other@" not in done.stderr


def test_a_file_that_has_become_shorter_is_told(tmp_path: Path) -> None:
    write_messages(tmp_path, 30)
    with BatchProvider() as provider:
        send_many(tmp_path, provider.url)
        write_messages(tmp_path, 28)
        done = send_many(tmp_path, provider.url)
    assert (done.code, len(read_outcomes(done.stdout))) == (1, 28)
    assert " knows 2 messages that the file no longer has" in done.stderr


def test_a_file_that_has_become_longer_goes_on(tmp_path: Path) -> None:
    write_messages(tmp_path, 30)
    with BatchProvider() as provider:
        send_many(tmp_path, provider.url)
        write_messages(tmp_path, 32)
        assert send_many(tmp_path, provider.url).code == 0
    assert provider.codes[30:] == ["31", "32"]


def test_another_sender_is_refused_and_another_token_is_not(tmp_path: Path) -> None:
    write_messages(tmp_path, 3)
    with BatchProvider() as provider:
        options = name_options(tmp_path, provider.url)
        assert run(*options).code == 0
        write_config(tmp_path, apiUrl=provider.url, serverToken="a-new-token")
        assert run(*options).code == 0
        write_config(tmp_path, apiUrl=provider.url, fromEmail="other@example.com")
        done = run(*options)
    assert (done.code, done.stdout, len(provider.codes)) == (1, "", 3)
    assert "was begun with another config" in done.stderr


@pytest.mark.parametrize("damage", [b"nonsense" * 1000, None], ids=["no database", "a lost page"])
def test_a_damaged_journal_ends_the_run_before_anything_is_sent(damage: bytes | None, tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    with BatchProvider() as provider:
        send_many(tmp_path, provider.url)
        content = (tmp_path / "journal").read_bytes()
        (tmp_path / "journal").write_bytes(damage or content[: 5 * 4096] + bytes(4096) + content[6 * 4096 :])
        done = send_many(tmp_path, provider.url)
    assert (done.code, done.stdout, len(provider.codes)) == (1, "", LINES)
    assert done.stderr.startswith("Error: The journal ")
    assert "damaged" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("blocks", [100, 200, 300])
def test_a_journal_that_can_not_grow_ends_the_run_and_nothing_is_sent_twice(blocks: int, tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    with BatchProvider() as provider:
        full = run_in_shell(f"ulimit -f {blocks}; exec {{}}", *name_options(tmp_path, provider.url))
        told = read_outcomes(full.stdout)
        assert full.returncode == 1
        assert "Error: The journal " in full.stderr
        assert "Traceback" not in full.stderr
        assert numbers(provider.codes) == list_lines(told, told="sent")  # what was sent was told
        assert len(told) < LINES
        done = send_many(tmp_path, provider.url)
        outcomes = read_outcomes(done.stdout)
        unknown = list_lines(outcomes, told="delivery_unknown")
        assert len(provider.codes) == len(set(provider.codes))
        assert sorted({*numbers(provider.codes), *unknown}) == list(ALL)


def test_a_reader_that_leaves_ends_the_run_and_what_was_sent_is_in_the_journal(tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    with BatchProvider() as provider:
        left = run_in_shell("{} | head -n 1", *name_options(tmp_path, provider.url))
        assert "Traceback" not in left.stderr
        assert len(provider.codes) < LINES
        done = send_many(tmp_path, provider.url)
        assert (done.code, numbers(provider.codes)) == (0, list(ALL))
        assert list_lines(read_outcomes(done.stdout), told="sent") == list(ALL)


def test_outcomes_that_can_not_be_printed_end_the_run_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def print_no_outcome(words: str, **_options: Any) -> None:
        if words.startswith('{"line"'):
            raise OSError(errno.ENOSPC, "No space left on device")
        said.append(words)

    write_messages(tmp_path, LINES)
    with BatchProvider() as provider:
        with monkeypatch.context() as patched:
            patched.setattr("click.echo", print_no_outcome)
            assert send_many(tmp_path, provider.url).code == 1
        reason = "The outcomes can't be printed, so nothing more was sent: No space left on device."
        assert said[-1] == f"Error: {reason}"
        assert said[0].startswith(f"{len(provider.codes):,} messages: {len(provider.codes):,} sent, ")
        assert len(provider.codes) < LINES
        assert send_many(tmp_path, provider.url).code == 0
    assert numbers(provider.codes) == list(ALL)
