"""The command line: send-many, what it sends and what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from batch_provider import (
    BatchProvider,
    leave_out_progress,
    list_lines,
    read_outcomes,
    run_in_shell,
    write_messages,
)
from command_line import CONFIG, TOKEN, Run, run, write_config
from fakes import FakeConnector
from live_fakes import SECRET, add_connector
from network_environment import forget_network_environment
from terminal import needs_terminal, run_at_terminal

from connector_core import DeliveryUnknown, Host, Message, SendResult
from connector_core.cli.interruption import Interruption
from connector_core.cli.message_file import MessageLine
from connector_core.cli.send_run import MOST_WAITING, Resending, SendRun
from connector_core.errors import InvalidMessage
from connector_core.testing.wire_server import refuse_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


NOTHING = dict.fromkeys(("messages", "sent", "queued", "notSent", "unknown", "recipientsRefused", "earlier"), 0)
"""The counts of a summary."""


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def send_many(folder: Path, url: str, *options: str, stdin: str | bytes = b"", connector: str = "postmark-mail") -> Run:
    return run("send-many", connector, "--config", write_config(folder, apiUrl=url), *options, stdin=stdin)


def test_each_message_of_a_file_is_sent_once_and_told_in_order(tmp_path: Path) -> None:
    file = write_messages(tmp_path, 1234)
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", file)
    assert done.code == 0
    assert leave_out_progress(done.stderr) == "1,234 messages: 1,234 sent, 0 queued, 0 not sent, 0 unknown.\n"
    outcomes = read_outcomes(done.stdout)
    assert [one["line"] for one in outcomes] == list(range(1, 1235))
    assert sorted(provider.codes, key=int) == [str(line) for line in range(1, 1235)]
    assert outcomes[6] == {
        "line": 7,
        "result": {
            "messageId": "id-7",
            "status": "sent",
            "recipients": {"user7@example.com": "sent"},
            "submittedAt": None,
        },
    }


def test_machines_get_the_summary_as_the_last_line_and_nothing_beside(tmp_path: Path) -> None:
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", write_messages(tmp_path, 2), "--json")
    assert (done.code, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[2]) == {
        "summary": {**NOTHING, "messages": 2, "sent": 2, "ended": "done"}
    }


def test_a_file_without_messages_is_done_at_once(tmp_path: Path) -> None:
    (tmp_path / "messages.jsonl").write_text("\n\n")
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", str(tmp_path / "messages.jsonl"))
    assert (done.code, done.stdout, provider.connections) == (0, "", 0)
    assert done.stderr.startswith("0 messages: ")


def test_a_table_is_sent(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text("to,type,code\nann@example.com,SignIn,1\nbob@example.com,SignIn,2\n")
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", str(tmp_path / "messages.csv"))
    assert (done.code, provider.codes) == (0, ["1", "2"])
    assert [one["line"] for one in read_outcomes(done.stdout)] == [2, 3]


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_standard_input_is_sent(file_format: str, tmp_path: Path) -> None:
    text = {
        "jsonl": '{"to": "ann@example.com", "type": "SignIn", "payload": {"code": "7"}}',
        "csv": "to,type,code\nann@example.com,SignIn,7",
    }[file_format]
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", "-", "--format", file_format, stdin=text)
    assert (done.code, provider.codes) == (0, ["7"])


def test_lines_that_are_no_message_are_told_and_the_rest_is_sent(tmp_path: Path) -> None:
    file = write_messages(tmp_path, 3)
    with open(file, "a", encoding="utf-8") as more:  # noqa: PTH123  the path is a text
        more.write('nonsense\n\n{"to": "ann@example.com", "type": "SignIn", "payload": {"code": "6"}}\n{"to": "ann')
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", file)
    outcomes = read_outcomes(done.stdout)
    assert (done.code, provider.codes) == (1, ["1", "2", "3", "6"])
    assert [one["line"] for one in outcomes] == [1, 2, 3, 4, 6, 7]
    assert list_lines(outcomes, told="invalid_message") == [4, 7]
    assert (outcomes[3]["error"]["outcome"], outcomes[3]["error"]["retryable"]) == ("not_sent", False)
    assert "4 sent, 0 queued, 2 not sent, 0 unknown." in done.stderr
    assert (
        "Refused: 2. Mend the lines or the config, as the errors say, then send their lines again, and no others."
        in done.stderr
    )


def test_a_table_that_is_unclear_in_its_middle_ends_the_run_after_what_came_before(tmp_path: Path) -> None:
    rows = "".join(f"user{line}@example.com,SignIn,{line}\n" for line in range(9000))
    (tmp_path / "messages.csv").write_text(f'to,type,code\nann@example.com,SignIn,a\nann@example.com,SignIn,"b\n{rows}')
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", str(tmp_path / "messages.csv"))
    assert (done.code, provider.codes) == (1, ["a"])
    assert [one["line"] for one in read_outcomes(done.stdout)] == [2, 3]
    assert "Error: The file after line 3 was left, since a quote" in done.stderr


def test_more_lines_without_a_message_than_may_wait_do_not_stop_the_run(tmp_path: Path) -> None:
    (tmp_path / "messages.jsonl").write_text(
        '{"to": "a@example.com", "type": "SignIn", "payload": {"code": "1"}}\n'
        + "{}\n" * (2 * MOST_WAITING)
        + '{"to": "a@example.com", "type": "SignIn", "payload": {"code": "2"}}\n'
    )
    with BatchProvider() as provider:
        done = send_many(tmp_path, provider.url, "--messages", str(tmp_path / "messages.jsonl"))
    outcomes = read_outcomes(done.stdout)
    assert provider.codes == ["1", "2"]
    assert [one["line"] for one in outcomes] == list(range(1, 2 * MOST_WAITING + 3))
    assert list_lines(outcomes, told="sent") == [1, 2 * MOST_WAITING + 2]


def test_no_more_lines_are_read_than_may_wait_while_a_message_is_in_flight() -> None:
    read = 0

    def give_lines() -> Iterator[MessageLine]:
        nonlocal read
        for read in range(1, 10 * MOST_WAITING):
            found = Message("ann@example.com", "SignIn") if read % 5000 == 1 else InvalidMessage("None.")
            yield MessageLine(read, found, size=10, end=read * 10)

    class Sender:
        """Takes all messages that it is given before it tells what became of the first."""

        most = 0

        def send_messages(self, messages: Iterable[Message], *, in_flight: int | None) -> Iterator[SendResult]:
            assert in_flight == 1
            before = read
            taken = list(messages)
            self.most = max(self.most, read - before)
            yield from (SendResult(message_id="id") for _ in taken)

    told: list[int] = []
    sender = Sender()
    with Interruption(lambda: None) as interruption:
        send_run = SendRun(
            give_lines(),
            journal=None,
            limits={"batchMessages": 3},
            resending=Resending(),
            tell=lambda some: told.extend(one.line for one in some),
            interruption=interruption,
        )
        send_run.send(sender, 1)  # type: ignore[arg-type]  # all that a run needs of a sender
    assert told == list(range(1, 10 * MOST_WAITING))
    assert sender.most < 2 * MOST_WAITING


def test_what_the_provider_refuses_is_told_without_a_secret(tmp_path: Path) -> None:
    def judge(code: str) -> dict[str, Any] | None:
        return {"ErrorCode": 406, "Message": f"Inactive, says {TOKEN}."} if code == "2" else None

    with BatchProvider(judge) as provider:
        done = send_many(tmp_path, provider.url, "--messages", write_messages(tmp_path, 3))
    outcomes = read_outcomes(done.stdout)
    assert done.code == 1
    assert (list_lines(outcomes, told="sent"), list_lines(outcomes, told="recipient_rejected")) == ([1, 3], [2])
    assert TOKEN not in done.stdout + done.stderr


def test_a_secret_that_a_plugin_prints_into_an_error_is_struck_out(
    install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_config: object, _message: object) -> None:
        raise DeliveryUnknown(f"Lost with {SECRET}.")

    add_connector(FakeConnector(send=fail), install, monkeypatch)
    (tmp_path / "config.json").write_text(json.dumps({"token": SECRET}))
    config, file = str(tmp_path / "config.json"), write_messages(tmp_path, 3)
    done = run("send-many", "alpha-mail", "--config", config, "--messages", file)
    assert (done.code, list_lines(read_outcomes(done.stdout), told="delivery_unknown")) == (1, [1, 2, 3])
    assert SECRET not in done.stdout + done.stderr
    assert "Nobody knows whether lines 1-3 arrived" in done.stderr


def test_a_connector_without_batches_sends_one_by_one(tmp_path: Path) -> None:
    with Host.discover() as host, host["simple-mail-transfer-protocol"].create_sandbox() as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config))
        config, file = str(tmp_path / "config.json"), write_messages(tmp_path, 20)
        options = ("--config", config, "--messages", file, "--journal", str(tmp_path / "journal"), "--concurrency", "3")
        done = run("send-many", "simple-mail-transfer-protocol", *options)
        again = run("send-many", "simple-mail-transfer-protocol", *options)
        assert sorted(one.to for one in sandbox.messages) == sorted(
            (f"user{line}@example.com",) for line in range(1, 21)
        )
    assert done.code == again.code == 0
    assert list_lines(read_outcomes(done.stdout), told="sent") == list(range(1, 21))
    assert all(one["earlier"] for one in read_outcomes(again.stdout))


def test_the_sandbox_of_a_connector_with_batches_gets_each_message(tmp_path: Path) -> None:
    with Host.discover() as host, host["postmark-mail"].create_sandbox() as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config))
        config, file = str(tmp_path / "config.json"), write_messages(tmp_path, 30)
        done = run("send-many", "postmark-mail", "--config", config, "--messages", file)
        assert sorted(one.to for one in sandbox.messages) == sorted(
            (f"user{line}@example.com",) for line in range(1, 31)
        )
    assert (done.code, len(read_outcomes(done.stdout))) == (0, 30)


def test_a_provider_out_of_reach_is_an_outcome_of_each_message(tmp_path: Path) -> None:
    with refuse_connections() as url:
        done = send_many(tmp_path, url, "--messages", write_messages(tmp_path, 3))
    assert (done.code, list_lines(read_outcomes(done.stdout), told="provider_unavailable")) == (1, [1, 2, 3])
    assert "Not sent, and may go through later: 3. To try, send their lines again, and no others." in done.stderr


def test_a_wrong_config_sends_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "fromEmail": ""}))
    file = write_messages(tmp_path, 3)
    done = run("send-many", "postmark-mail", "--config", str(tmp_path / "config.json"), "--messages", file, "--json")
    assert (done.code, done.json()["error"]["code"]) == (1, "invalid_config")


@pytest.mark.parametrize(
    "options",
    [
        ["--messages", "missing.jsonl"],
        ["--messages", "."],
        ["--messages", "-", "--format", "xml"],
        ["--messages", "-", "--concurrency", "0"],
        ["--messages", "-", "--concurrency", "65"],
        ["--messages", "-", "--resend-unknown"],
        ["--messages", "-", "--resend-failed"],
    ],
    ids=" ".join,
)
def test_wrong_use_sends_nothing(options: list[str], tmp_path: Path) -> None:
    with BatchProvider() as provider:
        config = write_config(tmp_path, apiUrl=provider.url)
        done = run("send-many", "postmark-mail", *options, "--config", config)
    assert (done.code, done.stdout, provider.connections) == (2, "", 0)


@pytest.mark.parametrize(
    ("closed", "words"),
    [
        ("<&-", "'--messages': that file can't be read: name a file of messages, or - for standard input."),
        (">&-", "Standard output is closed: let it lead to a file, or the outcomes can't be told."),
    ],
    ids=["input", "output"],
)
def test_a_stream_that_is_closed_from_the_start_is_wrong_use_and_sends_nothing(
    closed: str, words: str, tmp_path: Path
) -> None:
    write_messages(tmp_path, 3)
    with BatchProvider() as provider:
        files = ["--config", write_config(tmp_path, apiUrl=provider.url)]
        files += ["--messages", "-" if closed == "<&-" else str(tmp_path / "messages.jsonl")]
        done = run_in_shell(f"{{}} {closed}", "send-many", "postmark-mail", *files)
        assert (done.returncode, done.stdout, provider.connections) == (2, "", 0)
    assert words in done.stderr


def test_without_messages_nothing_is_sent() -> None:
    done = run("send-many", "postmark-mail", "--config", "-", stdin=json.dumps(CONFIG))
    assert (done.code, done.stdout) == (2, "")
    assert "Missing option '--messages'" in done.stderr


def test_config_and_messages_can_not_both_come_from_standard_input() -> None:
    done = run("send-many", "postmark-mail", "--config", "-", "--messages", "-", stdin="{}")
    assert (done.code, done.stdout) == (2, "")
    assert "Only one of --config and --messages" in done.stderr


@needs_terminal
def test_at_a_terminal_the_bar_is_gone_at_the_end(tmp_path: Path) -> None:
    with BatchProvider() as provider:
        config, file = write_config(tmp_path, apiUrl=provider.url), write_messages(tmp_path, 3)
        code, shown = run_at_terminal("send-many", "postmark-mail", "--config", config, "--messages", file)
    assert code == 0
    assert shown.endswith("\r\x1b[K3 messages: 3 sent, 0 queued, 0 not sent, 0 unknown.\n")
