"""The command line: send-many where the provider refuses the account, or some of the recipients."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from batch_provider import (
    BATCH,
    LINES,
    BatchProvider,
    SingleProvider,
    leave_out_progress,
    list_lines,
    read_outcomes,
    send_many,
    write_messages,
)
from command_line import Run, run
from network_environment import forget_network_environment

from connector_core.cli.send_run import MOST_REFUSALS
from connector_core.testing.wire_behaviours import respond_json

if TYPE_CHECKING:
    from pathlib import Path

IN_FLIGHT = 4 * 2
"""Single messages that are taken while two are sent at the same time."""


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def send_singly(folder: Path, url: str, *options: str) -> Run:
    (folder / "config.json").write_text(json.dumps({"endpoint": url, "authorization": "a-token"}))
    named = ["--config", str(folder / "config.json"), "--messages", str(folder / "messages.jsonl")]
    return run("send-many", "http-email", *named, "--concurrency", "2", *options)


def test_a_whole_batch_that_is_refused_for_the_account_ends_the_run(tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    refused = {"ErrorCode": 412, "Message": "Pending approval."}
    with BatchProvider(lambda _: refused) as provider:
        first = send_many(tmp_path, provider.url)
        taken = len(provider.codes)
    assert (first.code, BATCH <= taken < LINES) == (1, True)
    assert list_lines(read_outcomes(first.stdout), told="account_restricted") == list(range(1, taken + 1))
    assert leave_out_progress(first.stderr) == (
        f"{taken:,} messages: 0 sent, 0 queued, {taken:,} not sent, 0 unknown.\n"
        f"Not sent, and may go through later: {taken:,}. To try, run the same command again.\n"
        "Error: Nothing more is sent, since 500 messages in a row failed for the account (account_restricted): mend "
        "the config or the account, then run the same command again.\n"
    )


def test_what_was_refused_for_the_account_is_sent_by_the_next_run(tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    wrong_token = respond_json({"ErrorCode": 10, "Message": "No Account or Server API tokens were supplied."}, 401)
    with BatchProvider(first=wrong_token) as provider:
        assert list_lines(read_outcomes(send_many(tmp_path, provider.url).stdout), told="authorization_failed")
        done = send_many(tmp_path, provider.url)
        assert done.code == 0
    assert list_lines(read_outcomes(done.stdout), told="sent") == list(range(1, LINES + 1))
    assert sorted(provider.codes, key=int) == [str(line) for line in range(1, LINES + 1)]


def test_some_messages_in_a_row_that_are_refused_for_the_account_end_a_run_without_batches(tmp_path: Path) -> None:
    write_messages(tmp_path, 100)
    with SingleProvider(lambda _: 401) as provider:
        done = send_singly(tmp_path, provider.url, "--json")
    assert done.code == 1
    assert MOST_REFUSALS <= len(provider.codes) <= MOST_REFUSALS + IN_FLIGHT
    *_, summary, failure = read_outcomes(done.stdout)
    assert (summary["summary"]["notSent"], summary["summary"]["ended"]) == (len(provider.codes), "failed")
    assert failure["error"]["code"] == "authorization_failed"
    assert failure["error"]["message"].endswith("then send the messages that were not sent.")


def spoil_addresses(folder: Path) -> None:
    """Give every second message an address that is none, so that it isn't sent."""
    lines = (folder / "messages.jsonl").read_text("utf-8").splitlines()
    lines[::2] = [line.replace("@example.com", "") for line in lines[::2]]
    (folder / "messages.jsonl").write_text("\n".join(lines), "utf-8")


def test_messages_that_never_reach_the_provider_do_not_hide_that_the_account_is_refused(tmp_path: Path) -> None:
    write_messages(tmp_path, LINES)
    spoil_addresses(tmp_path)
    refused = {"ErrorCode": 412, "Message": "Pending approval."}
    with BatchProvider(lambda _: refused) as provider:
        done = send_many(tmp_path, provider.url)
    told = list_lines(read_outcomes(done.stdout), told="account_restricted")
    assert (done.code, BATCH <= len(told) == len(provider.codes) < LINES // 2) == (1, True)
    assert "since 500 messages in a row failed for the account (account_restricted)" in done.stderr
    assert list_lines(read_outcomes(done.stdout), told="invalid_message")


def test_messages_that_are_not_sent_do_not_hide_it_without_batches_either(tmp_path: Path) -> None:
    write_messages(tmp_path, 200)
    spoil_addresses(tmp_path)
    with SingleProvider(lambda _: 401) as provider:
        done = send_singly(tmp_path, provider.url)
    assert (done.code, MOST_REFUSALS <= len(provider.codes) <= MOST_REFUSALS + IN_FLIGHT) == (1, True)
    assert "since 10 messages in a row failed for the account (authorization_failed)" in done.stderr


@pytest.mark.parametrize("status", [200, 422])
def test_other_messages_that_are_refused_for_the_account_do_not_end_the_run(status: int, tmp_path: Path) -> None:
    write_messages(tmp_path, 100)
    with SingleProvider(lambda code: status if int(code) % MOST_REFUSALS == 0 else 401) as provider:
        done = send_singly(tmp_path, provider.url)
    assert (done.code, len(provider.codes), "Error: " in done.stderr) == (1, 100, False)


def test_messages_that_are_refused_for_themselves_do_not_end_the_run(tmp_path: Path) -> None:
    write_messages(tmp_path, 100)
    with SingleProvider(lambda _: 422) as provider:
        done = send_singly(tmp_path, provider.url)
    assert (done.code, len(provider.codes), "Error: " in done.stderr) == (1, 100, False)


def test_a_message_that_some_recipients_do_not_get_is_told_by_each_run_and_sent_once(tmp_path: Path) -> None:
    def judge(code: str) -> dict[str, Any] | None:
        words = f"Message OK, but will not deliver to these inactive addresses: user{code}@example.com"
        return {"ErrorCode": 0, "Message": words, "To": "", "MessageID": "id"} if code == "2" else None

    file = write_messages(tmp_path, 3)
    with open(file, encoding="utf-8") as text:  # noqa: PTH123  the path is a text
        lines = [{**json.loads(line), "cc": ["cleo@example.com"]} for line in text]
    (tmp_path / "messages.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with BatchProvider(judge) as provider:
        for _ in range(2):
            done = send_many(tmp_path, provider.url)
            assert done.code == 1
            assert "3 sent, 0 queued, 0 not sent, 0 unknown." in done.stderr
            assert "Sent, and not to all recipients: line 2. To reach the others, write messages" in done.stderr
        summary = read_outcomes(send_many(tmp_path, provider.url, "--json").stdout)[-1]["summary"]
        assert (summary["sent"], summary["recipientsRefused"], summary["ended"]) == (3, 1, "done")
    assert provider.codes == ["1", "2", "3"]
