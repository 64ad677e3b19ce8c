"""Checks of what becomes of a batch when the line breaks, or when what answers is not the provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from connector_core.errors import SendError
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.hooks import BATCH
from connector_core.testing.http_checks import HTML, HttpChecks
from connector_core.testing.provider import find_path, lead_to
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from connector_core.message import Message, SendResult
    from connector_core.testing.subject import Subject
    from connector_core.testing.wire_server import Behaviour, Line, Request

_MESSAGES = 3
_NO_ANSWERS = (HTML, b"", b"{}", b"[]", b"[null, null, null]", b'{"ok": tr', b"[[], [], []]", b"7")


class BatchWireChecks(HttpChecks):
    """Batches over a line that fails; for connectors with the hook `send_messages`."""

    def test_a_batch_whose_answer_gets_lost_leaves_every_outcome_unknown(self, subject: Subject) -> None:
        """Guards against hundreds of mails twice: the provider took the batch, and the answer got lost.

        To mend: let the errors of the transport pass, or return them for each message; send nothing again.
        """
        if not subject.has(BATCH):
            return
        for behaviour in (wire.hang_up, wire.respond(500, HTML)):
            outcomes, sends = self._meet(subject, behaviour)
            _check_unknown(outcomes, "A batch whose answer got lost")
            assert len(sends) == 1, f"A batch whose answer got lost went out {len(sends)} times."

    @pytest.mark.parametrize("body", _NO_ANSWERS)
    def test_a_batch_whose_answer_cant_be_understood_leaves_every_outcome_unknown(
        self, subject: Subject, body: bytes
    ) -> None:
        """Guards against a proxy that answers for the provider, and against answers that are cut.

        To mend: trust no shape of an answer; what has no outcome for each message is an `InvalidResponse` for all.
        """
        if not subject.has(BATCH) or (self.accepts_empty_answer and not body):
            return
        outcomes, _ = self._meet(subject, wire.respond(200, body))
        _check_unknown(outcomes, "A batch whose answer can't be understood")

    def _meet(self, subject: Subject, behaviour: Behaviour) -> tuple[list[SendResult | SendError], list[Request]]:
        """Send a batch to a server that behaves so; return what came of it, and the requests for the batch."""
        sandbox = subject.start_sandbox()
        messages: list[Message] = [subject.make_message(to=f"person{place}@example.com") for place in range(_MESSAGES)]
        with WireServer(wire.pass_on(sandbox.url)) as server:
            subject.send_batch(lead_to(sandbox, server.url), messages)
        path = find_path(server.requests[-1])
        sends: list[Request] = []

        def behave(line: Line) -> None:
            if find_path(line.request) != path:
                wire.pass_on(sandbox.url)(line)
                return
            sends.append(line.request)
            behaviour(line)

        with WireServer(behave) as server:
            return subject.send_batch(lead_to(sandbox, server.url), messages), sends


def _check_unknown(outcomes: list[SendResult | SendError], what: str) -> None:
    assert len(outcomes) == _MESSAGES
    for outcome in outcomes:
        assert isinstance(outcome, SendError), f"{what} was told as a success."
        assert outcome.outcome == "unknown", f"{what} is called {outcome.outcome}: nobody knows."
        assert not outcome.retryable, f"{what} is called retryable: sending again may send twice."
