"""Journals of large sends: what they keep, what they leave out, and how they end a run that can't be kept."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connector_core import DeliveryUnknown, InvalidMessage, Message, RateLimitExceeded, SendResult
from connector_core.cli.journal import Journal
from connector_core.cli.journal_file import JournalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core import SendError

CONNECTOR = "postmark-mail"
CONFIG: dict[str, Any] = {"fromEmail": "noreply@example.com"}
SENT = SendResult(message_id="id-1")
QUEUED = SendResult(message_id="id-2", status="queued")
LATER = RateLimitExceeded("Slow down.")
REFUSED = InvalidMessage("Too large.")
LOST = DeliveryUnknown("The line broke.")


def open_journal(
    folder: Path, connector_id: str = CONNECTOR, config: Mapping[str, Any] = CONFIG, *, accepts_changes: bool = False
) -> Journal:
    return Journal(str(folder / "journal.db"), connector_id, config, accepts_changes=accepts_changes)


def make_message(line: int, name: str = "ann") -> Message:
    return Message(f"{name}{line}@example.com", "SignIn", {"code": f"code-{line}"})


def begin(journal: Journal, *lines: int) -> None:
    journal.begin([(line, journal.digest(make_message(line))) for line in lines])


def find_state(journal: Journal, line: int) -> tuple[str, str | None, bool, str | None] | None:
    entry = journal.find(line, make_message(line))
    return None if entry is None else (entry.state, entry.code, entry.retryable, entry.message_id)


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (SENT, ("sent", "sent", False, "id-1")),
        (QUEUED, ("sent", "queued", False, "id-2")),
        (LATER, ("not_sent", "rate_limit_exceeded", True, None)),
        (REFUSED, ("not_sent", "invalid_message", False, None)),
        (LOST, ("unknown", "delivery_unknown", False, None)),
    ],
    ids=["sent", "queued", "later", "refused", "lost"],
)
def test_what_became_of_a_message_is_known_to_the_next_run(
    outcome: SendResult | SendError, kept: tuple[object, ...], tmp_path: Path
) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 3)
        journal.settle([(3, outcome)])
    with open_journal(tmp_path) as journal:
        assert find_state(journal, 2) is None
        assert journal.find_missing() is not None
        assert find_state(journal, 3) == kept
        assert (find_state(journal, 4), journal.find_missing()) == (None, None)


def test_a_message_that_was_marked_and_never_settled_is_unknown(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 1, 2)
        journal.settle([(1, SENT)])
    with open_journal(tmp_path) as journal:
        assert find_state(journal, 1) == ("sent", "sent", False, "id-1")
        assert find_state(journal, 2) == ("unknown", "delivery_unknown", False, None)


def test_a_message_that_was_sent_can_not_be_marked_again_and_nothing_else_of_the_step_happens(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 1)
        journal.settle([(1, SENT)])
        with pytest.raises(JournalError, match="does not fit"):
            begin(journal, 1, 2)
    with open_journal(tmp_path) as journal:
        assert find_state(journal, 1) == ("sent", "sent", False, "id-1")
        assert find_state(journal, 2) is None


def test_what_was_not_marked_can_not_be_settled(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 1)
        with pytest.raises(JournalError, match="does not fit"):
            journal.settle([(1, SENT), (2, SENT)])
    with open_journal(tmp_path) as journal:
        assert find_state(journal, 1) == ("unknown", "delivery_unknown", False, None)


def test_another_message_on_a_line_is_refused_with_the_line(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 12)
    with open_journal(tmp_path) as journal:
        for other in (make_message(12, "bob"), Message("ann12@example.com", "SignIn", {"code": "code-13"}), None):
            with pytest.raises(JournalError, match="knows another message on line 12: "):
                journal.find(12, other)


def test_the_file_has_no_address_no_payload_and_no_two_journals_the_same_digest(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        with open_journal(tmp_path / name) as journal:
            begin(journal, 1, 2)
            journal.settle([(1, InvalidMessage("No: ann1@example.com")), (2, LOST)])
            digests.append(journal.digest(make_message(1)))
        content = (tmp_path / name / "journal.db").read_bytes()
        for private in (b"ann1", b"example.com", b"code-1", b"fromEmail"):
            assert private not in content
    assert digests[0] != digests[1]


def test_a_message_in_the_place_of_a_refused_one_is_accepted_when_asked_and_kept(tmp_path: Path) -> None:
    mended = make_message(1, "mended")
    with open_journal(tmp_path) as journal:
        begin(journal, 1)
        journal.settle([(1, REFUSED)])
    with open_journal(tmp_path) as journal, pytest.raises(JournalError, match="line 1, which was not sent: if you"):
        journal.find(1, mended)
    with open_journal(tmp_path, accepts_changes=True) as journal:
        entry = journal.find(1, mended)
        assert entry is not None
        assert (entry.state, entry.digest) == ("not_sent", journal.digest(mended))
        journal.begin([(1, entry.digest)])
        journal.settle([(1, SENT)])
    with open_journal(tmp_path) as journal:
        again = journal.find(1, mended)
        assert again is not None
        assert again.state == "sent"


def test_a_message_of_another_line_can_not_be_marked_and_nothing_of_the_step_happens(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 1, 4)
        journal.settle([(1, LATER), (4, SENT)])
    with open_journal(tmp_path) as journal:
        moved = journal.digest(make_message(4))
        with pytest.raises(JournalError, match="knows the message of line 3 on line 4: "):
            journal.begin([(1, journal.digest(make_message(1))), (3, moved)])
    with open_journal(tmp_path) as journal:
        assert find_state(journal, 1) == ("not_sent", "rate_limit_exceeded", True, None)
        assert find_state(journal, 3) is None
        find_state(journal, 4)
        journal.begin([(5, moved)])  # a second copy, behind all that was known


def test_a_line_behind_all_that_is_known_is_refused_while_a_known_one_is_missing(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 1, 2)
    with open_journal(tmp_path) as journal:
        find_state(journal, 1)
        with pytest.raises(JournalError, match="knows 1 message that the file no longer has"):
            find_state(journal, 3)


def test_whether_recipients_were_refused_is_kept(tmp_path: Path) -> None:
    partly = SendResult(message_id="a", recipients={"a@example.com": "sent", "b@example.com": "rejected"})
    with open_journal(tmp_path) as journal:
        begin(journal, 1, 2)
        journal.settle([(1, partly), (2, SENT)])
    with open_journal(tmp_path) as journal:
        found = [journal.find(line, make_message(line)) for line in (1, 2)]
    assert [entry.recipients_refused for entry in found if entry] == [True, False]


@pytest.mark.parametrize(
    ("connector_id", "changed", "what"),
    [("acme-mail", {}, "connector"), (CONNECTOR, {"fromEmail": "other@example.com"}, "config")],
)
def test_a_journal_of_another_connector_or_config_is_refused(
    connector_id: str, changed: dict[str, str], what: str, tmp_path: Path
) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 1)
    with pytest.raises(JournalError, match=f"was begun with another {what}: "):
        open_journal(tmp_path, connector_id, {**CONFIG, **changed})
    with open_journal(tmp_path) as journal:
        assert find_state(journal, 1) is not None


def test_a_journal_with_a_damaged_page_is_refused(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, *range(1, 1000))
    file = tmp_path / "journal.db"
    content = bytearray(file.read_bytes())
    content[5 * 4096 : 6 * 4096] = bytes(4096)
    file.write_bytes(content)
    with pytest.raises(JournalError, match="is damaged"):
        open_journal(tmp_path)


def test_a_full_disk_is_told_and_leaves_what_was_there(tmp_path: Path) -> None:
    with open_journal(tmp_path) as journal:
        begin(journal, 1)
        journal._file.connection.execute("PRAGMA max_page_count = 6")  # noqa: SLF001  SQLite's own way to have no more room
        with pytest.raises(JournalError, match="since the disk is full"):
            begin(journal, *range(2, 1000))
        journal.settle([(1, SENT)])
    with open_journal(tmp_path) as journal:
        assert (find_state(journal, 1), journal.find_missing()) == (("sent", "sent", False, "id-1"), None)


OUTCOMES = [SENT, QUEUED, LATER, REFUSED, LOST]
LINES = st.integers(1, 6)


class JournalMachine(RuleBasedStateMachine):
    """A journal beside a model: a state by line. A crash leaves the files as they are at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runs = 0
        self.states: dict[int, str] = {}
        self.was_sent: set[int] = set()

    @initialize()
    def open(self) -> None:
        self.journal = open_journal(self.folder)

    @rule(lines=st.sets(LINES, min_size=1))
    def mark(self, lines: set[int]) -> None:
        may = all(self.states.get(line) in {None, "not_sent", "unknown"} for line in lines)
        if may:
            begin(self.journal, *lines)
            self.states |= dict.fromkeys(lines, "sending")
        else:
            with pytest.raises(JournalError):
                begin(self.journal, *lines)

    @rule(outcomes=st.dictionaries(LINES, st.sampled_from(OUTCOMES), min_size=1))
    def settle(self, outcomes: dict[int, SendResult | SendError]) -> None:
        if all(self.states.get(line) == "sending" for line in outcomes):
            self.journal.settle(outcomes.items())
            for line, outcome in outcomes.items():
                self.states[line] = "sent" if isinstance(outcome, SendResult) else outcome.outcome
                self.was_sent |= {line} if self.states[line] == "sent" else set()
        else:
            with pytest.raises(JournalError):
                self.journal.settle(outcomes.items())

    @rule()
    def end_and_begin_again(self) -> None:
        self.journal.close()
        self._open_again()

    @rule()
    def crash(self) -> None:
        self.runs += 1
        left = self.folder / str(self.runs)
        left.mkdir()
        for file in self.folder.glob("journal.db*"):
            shutil.copy(file, left)
        self.journal.close()
        self.folder = left
        self._open_again()

    def _open_again(self) -> None:
        self.states = {line: "unknown" if state == "sending" else state for line, state in self.states.items()}
        self.journal = open_journal(self.folder)
        known = {line: entry.state for line in range(1, 7) if (entry := self.journal.find(line, make_message(line)))}
        assert known == self.states

    @invariant()
    def what_was_sent_stays_so(self) -> None:
        assert all(self.states[line] == "sent" for line in self.was_sent)

    def teardown(self) -> None:
        self.journal.close()
        while self.folder.name.isdigit():
            self.folder = self.folder.parent
        shutil.rmtree(self.folder)


TestJournalMachine = JournalMachine.TestCase
TestJournalMachine.settings = settings(max_examples=40, stateful_step_count=20)
