"""What send-many says beside the outcomes: how far it is, the summary, and how it takes an interruption."""

from __future__ import annotations

import io
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest
from batch_provider import BATCH, LINES, BatchProvider, read_outcomes, send_many, write_messages
from network_environment import forget_network_environment

from connector_core import DeliveryUnknown, SendResult
from connector_core.cli.interruption import Interrupted, Interruption
from connector_core.cli.send_run import Told
from connector_core.cli.send_summary import Progress, Tally
from connector_core.errors import (
    AccountRestricted,
    AuthorizationFailed,
    InvalidMessage,
    RateLimitExceeded,
    UsageLimitExceeded,
)
from connector_core.testing.wire_server import HANG_GUARD

if TYPE_CHECKING:
    from pathlib import Path

    from connector_core.errors import SendError


def test_an_interruption_ends_the_wait_for_a_line_that_does_not_come() -> None:
    noticed = threading.Event()
    before = signal.getsignal(signal.SIGTERM)
    interrupter = threading.Timer(0, signal.pthread_kill, [threading.get_ident(), signal.SIGTERM])

    def wait(interruption: Interruption) -> None:
        with interruption.at_once():
            interrupter.start()
            assert not threading.Event().wait(HANG_GUARD)

    with Interruption(noticed.set) as interruption:
        with pytest.raises(Interrupted):
            wait(interruption)
        interrupter.join()
    assert (interruption.exit_code, noticed.is_set(), signal.getsignal(signal.SIGTERM)) == (143, True, before)


def test_an_interruption_at_another_time_is_only_noted_until_then() -> None:
    with Interruption(lambda: None) as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.exit_code == 130
        with pytest.raises(Interrupted), interruption.at_once():
            pytest.fail("nothing is begun any more")


def tell(line: int, outcome: SendResult | SendError, *, is_earlier: bool = False) -> Told:
    return Told(line, line * 100, outcome, is_earlier)


def test_the_summary_counts_and_says_what_to_do() -> None:
    tally = Tally()
    tally.add(tell(1, SendResult(message_id="a")))
    tally.add(tell(2, SendResult(message_id="b", status="queued"), is_earlier=True))
    tally.add(tell(3, RateLimitExceeded("x")))
    tally.add(tell(4, InvalidMessage("x")))
    for line in (5, 6, 9):
        tally.add(tell(line, DeliveryUnknown("x")))
    assert " ".join(tally.describe(has_journal=True)) == (
        "7 messages (1 from an earlier run): 1 sent, 1 queued, 2 not sent, 3 unknown. "
        "Not sent, and may go through later: 1. To try, run the same command again. "
        "Refused: 1. Mend the lines or the config, as the errors say, then run the same command again with "
        "--resend-failed. "
        "Nobody knows whether lines 5-6, 9 arrived: look for them at the provider, and only if they are not there, run "
        "the same command again with --resend-unknown."
    )


def test_the_list_of_unknown_lines_is_bounded() -> None:
    tally = Tally()
    for line in range(1, 100_001, 2):
        tally.add(tell(line, DeliveryUnknown("x")))
    (_, unknown) = tally.describe(has_journal=True)
    assert "lines 1, 3, 5, " in unknown
    assert ", 39 and more arrived" in unknown


def test_messages_that_not_all_recipients_get_are_counted_and_listed() -> None:
    tally = Tally()
    for line in (1, 2, 3, 7):
        told = tell(line, SendResult(message_id="a"))
        told.recipients_refused = line != 2
        tally.add(told)
    assert not tally.is_perfect
    assert (tally.to_json()["sent"], tally.to_json()["recipientsRefused"]) == (4, 3)
    assert list(tally.describe(has_journal=True))[1:] == [
        "Sent, and not to all recipients: lines 1, 3, 7. To reach the others, write messages to them alone."
    ]


def test_what_was_refused_for_the_account_may_go_through_later() -> None:
    tally = Tally()
    for line, error in enumerate((AuthorizationFailed, AccountRestricted, UsageLimitExceeded), 1):
        tally.add(tell(line, error("x")))
    assert list(tally.describe(has_journal=True))[1:] == [
        "Not sent, and may go through later: 3. To try, run the same command again."
    ]


@pytest.mark.parametrize(
    ("has_journal", "sentence"),
    [
        (True, "Interrupted after line 7: this run sent nothing after it. To go on, run the same command again."),
        (
            False,
            "Interrupted after line 7: this run sent nothing after it. To go on, send the lines after it.",
        ),
    ],
)
def test_an_interruption_is_told_with_the_line_and_how_to_go_on(has_journal: bool, sentence: str) -> None:  # noqa: FBT001  a parameter of the test
    tally = Tally()
    assert tally.describe_interruption(has_journal=has_journal).startswith("Interrupted before the first line.")
    tally.add(tell(7, SendResult(message_id="a")))
    assert tally.describe_interruption(has_journal=has_journal) == sentence


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_machines_are_told_of_an_interruption_by_the_summary(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_network_environment(monkeypatch)
    write_messages(tmp_path, LINES)
    once = [number]  # a second one would end this process
    with BatchProvider(look=lambda _: os.kill(os.getpid(), once.pop()) if once else None) as provider:
        done = send_many(tmp_path, provider.url, "--json")
        assert (done.code, done.stderr, len(provider.codes)) == (128 + number, "", BATCH)
        summary = read_outcomes(done.stdout)[-1]["summary"]
        assert (summary["sent"], summary["ended"]) == (BATCH, "interrupted")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def make_progress(stream: io.StringIO, times: list[float], size: int | None = 1000) -> Progress:
    clock = iter(times)
    return Progress(stream, size, lambda: next(clock))


SENT = SendResult(message_id="a")


def test_a_terminal_shows_a_bar_with_count_rate_and_time_left() -> None:
    stream = Terminal()
    progress = make_progress(stream, [0, 1, 1.1, 2])
    progress.advance([tell(1, SENT)])
    progress.advance([tell(2, SENT)])  # too soon to be worth a look
    progress.advance([tell(5, SENT)])
    progress.finish()
    assert stream.getvalue() == (
        "\r\x1b[K[##----------------------] 10%, 1 message, 1 a second - 0:09 left"
        "\r\x1b[K[############------------] 50%, 3 messages, 2 a second - 0:02 left"
        "\r\x1b[K"
    )


def test_elsewhere_a_line_is_written_every_few_seconds() -> None:
    stream = io.StringIO()
    progress = make_progress(stream, [0, 4, 6, 7, 20])
    for line in (1, 2, 3, 4):
        progress.advance([tell(line, SENT)])
    progress.finish()
    assert stream.getvalue().splitlines() == [
        "20%, 2 messages, 0 a second - 0:24 left",
        "40%, 4 messages, 0 a second - 0:30 left",
    ]


def test_a_file_without_a_size_has_a_count_and_a_rate() -> None:
    stream = io.StringIO()
    make_progress(stream, [0, 10], size=None).advance([tell(line, SENT) for line in range(1, 31)])
    assert stream.getvalue() == "30 messages, 3 a second\n"


def test_what_an_earlier_run_has_sent_says_nothing_of_the_time_left() -> None:
    stream = io.StringIO()
    progress = make_progress(stream, [0, 1, 10])
    progress.advance([tell(8, SENT, is_earlier=True)])
    progress.advance([tell(9, SENT)])
    assert stream.getvalue() == "90%, 2 messages, 0 a second - 0:09 left\n"


def test_a_stream_that_is_gone_ends_nothing() -> None:
    tried: list[str] = []

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            tried.append(text)
            raise BrokenPipeError

    progress = make_progress(Gone(), [0, 10, 20])
    progress.advance([tell(1, SENT)])
    progress.advance([tell(2, SENT)])
    assert tried == ["10%, 1 message, 0 a second - 1:30 left\n"]  # and nothing is tried again
