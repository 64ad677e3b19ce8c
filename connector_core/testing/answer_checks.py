"""Checks of answers: what the provider documents, and what may come in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from connector_core.errors import AuthorizationFailed, ProviderUnavailable, RateLimitExceeded, RecipientRejected
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.http_checks import HTML, HttpChecks, check_unknown, require_error
from connector_core.testing.provider import find_shape, vary
from connector_core.transport import Limits

if TYPE_CHECKING:
    from connector_core.testing.subject import Subject
    from connector_core.testing.wire_behaviours import Answer
    from connector_core.testing.wire_server import Line

_HTML_TYPE = "Content-Type: text/html; charset=utf-8"
_WITHOUT_BODY = (204, 205)
_FOREIGN = (b"{}", b"[]", b"null", b'"ok"', b'{"status": "fine"}', b'{"id": null, "MessageID": 7, "message": {}}')
_UNDOCUMENTED = (400, 401, 402, 403, 404, 405, 410, 413, 422)


class AnswerChecks(HttpChecks):
    """What the provider's documentation promises, and what anybody else may answer for it."""

    def test_each_documented_refusal_is_its_error(self, subject: Subject) -> None:
        """Guards that hosts can act on what the provider says: class, code, sentence and status are kept.

        To mend: map the provider's codes to errors, and give `make_refusal` its `code` and what it `said`.
        """
        assert self.refusals, "Name the refusals that the provider documents."
        sandbox = subject.start_sandbox()
        for refusal in self.refusals:
            attempt, sends = self.meet(subject, refusal.behave(), sandbox=sandbox, limits=Limits(retries=0))
            where = f"HTTP {refusal.status} {refusal.body!r}"
            error = require_error(attempt, where)
            assert type(error) is refusal.error, f"{where} gives {type(error).__name__}: {error}"
            assert error.outcome == refusal.error.outcome, f"{where} has the outcome {error.outcome}."
            reply = error.provider
            assert reply is not None, f"{where}: the error lacks what the provider said: give `provider=`."
            assert reply.status == refusal.status, f"{where}: the status is lost."
            assert reply.code == refusal.code, f"{where}: the provider's code is {reply.code!r}."
            assert (refusal.message or "") in (reply.message or ""), f"{where}: the provider's sentence is lost."
            assert len(sends) == 1, f"{where}: the request went out {len(sends)} times."
            if isinstance(error, RecipientRejected):
                assert error.recipients, f"{where}: the error lacks the recipients that it is about."

    @pytest.mark.parametrize("status", _UNDOCUMENTED)
    @pytest.mark.parametrize("body", [b"", HTML, b'{"unexpected": [1]}'], ids=["empty", "html", "json"])
    def test_a_refusal_that_nobody_documents_is_an_error(self, subject: Subject, status: int, body: bytes) -> None:
        """Guards against refusals of proxies and of the provider's next release.

        To mend: let the status decide where the body says nothing (`make_refusal` does).
        """
        attempt, sends = self.meet(subject, wire.respond(status, body))
        error = require_error(attempt, f"HTTP {status}")
        assert error.outcome == "not_sent"
        assert error.provider is not None, "The error lacks the provider's reply."
        assert error.provider.status == status, "The status is lost."
        assert isinstance(error, AuthorizationFailed) or status != 401, "HTTP 401 is about the credentials."
        assert len(sends) == 1, f"After HTTP {status} the request went out again."

    @pytest.mark.parametrize("wait", [None, 7], ids=["without-retry-after", "with-retry-after"])
    def test_too_many_requests_are_told(self, subject: Subject, wait: int | None) -> None:
        """Guards that a host slows down, and knows for how long.

        To mend: raise `RateLimitExceeded` for 429, with `retry_after=parse_retry_after(answer.headers)`.
        """
        headers = [] if wait is None else [f"Retry-After: {wait}"]
        attempt, _ = self.meet(subject, wire.respond(429, b"", headers), limits=Limits(retries=0))
        error = require_error(attempt, "HTTP 429")
        assert isinstance(error, RateLimitExceeded), f"HTTP 429 gives {type(error).__name__}."
        assert (error.outcome, error.retryable) == ("not_sent", True)
        assert error.retry_after == wait, f"The provider asked to wait {wait} s, the error says {error.retry_after}."

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_message_that_was_not_taken_is_sent_again_once(self, subject: Subject, status: int) -> None:
        """Guards that a short refusal costs nobody the mail.

        To mend: leave this to the transport.
        """
        sandbox = subject.start_sandbox()
        behaviours = wire.respond(status, b"", ["Retry-After: 0"]), wire.pass_on(sandbox.url)
        attempt, sends = self.meet(subject, *behaviours, sandbox=sandbox, limits=Limits())
        assert attempt.error is None, f"After HTTP {status} the message was not sent again: {attempt.error}"
        assert (len(sends), len(sandbox.messages)) == (2, 1), f"It went out {len(sends)} times."

    def test_unavailability_is_surely_not_sent(self, subject: Subject) -> None:
        """Guards that a host may send again after 503.

        To mend: raise `ProviderUnavailable` for 503 (`make_refusal` does).
        """
        attempt, _ = self.meet(subject, wire.respond(503, HTML, [_HTML_TYPE]), limits=Limits(retries=0))
        error = require_error(attempt, "HTTP 503")
        assert isinstance(error, ProviderUnavailable), f"HTTP 503 gives {type(error).__name__}."
        assert (error.outcome, error.retryable) == ("not_sent", True)

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_failure_of_the_provider_leaves_the_outcome_unknown(self, subject: Subject, status: int) -> None:
        """Guards against double sends: the provider may have taken the message before it failed.

        To mend: raise `DeliveryUnknown` for 500, 502 and 504 (`make_refusal` does).
        """
        attempt, sends = self.meet(subject, wire.respond(status, HTML, [_HTML_TYPE]))
        check_unknown(attempt, sends, f"HTTP {status}")
        assert attempt.error is not None
        assert attempt.error.provider is not None, "The error lacks the provider's reply."

    @pytest.mark.parametrize("fault", ["html", "empty", "foreign", "truncated", "oversized"])
    def test_a_success_that_cant_be_understood_leaves_the_outcome_unknown(self, subject: Subject, fault: str) -> None:
        """Guards against a login page or a proxy that answers for the provider, and against double sends.

        To mend: take nothing for a success but what the provider documents, with its message id; raise
        `InvalidResponse` for everything else (`make_refusal` does). Set `accepts_empty_answer` where the provider
        confirms a message by its status alone.
        """
        status = self.learn_success(subject).answer.status
        if status in _WITHOUT_BODY or (self.accepts_empty_answer and fault in {"html", "empty", "foreign"}):
            return  # the status alone confirms the message
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
        behaviours = {
            "html": [wire.respond(status, HTML, [_HTML_TYPE])],
            "empty": [wire.respond(status)],
            "foreign": [wire.respond(status, body) for body in _FOREIGN],
            "truncated": [wire.say_and_close(f'{head}Content-Length: 500\r\n\r\n{{"id": "'.encode())],
            "oversized": [wire.flood(f"{head}Content-Length: 9000000\r\n\r\n".encode(), b" " * 100_000, 90)],
        }
        for behaviour in behaviours[fault]:
            attempt, sends = self.meet(subject, behaviour)
            check_unknown(attempt, sends, f"A success that is {fault}")

    @pytest.mark.parametrize("status", [400, 422, 500, 502])
    def test_the_status_decides_what_a_success_is(self, subject: Subject, status: int) -> None:
        """Guards against refusals and failures whose body has an id, too.

        To mend: look at `answer.status` before the body.
        """
        answer = replace(self.learn_success(subject).answer, status=status)
        attempt, _ = self.meet(subject, wire.say(answer.write()))
        error = require_error(attempt, f"HTTP {status} with the body of a success")
        wanted = "unknown" if status >= 500 else "not_sent"
        assert error.outcome == wanted, f"HTTP {status} with the body of a success has the outcome {error.outcome}."

    def test_answers_of_any_shape_are_understood_or_refused(self, subject: Subject) -> None:
        """Guards against an answer whose members are missing, null, or of another type.

        To mend: trust no shape: check the type of each member before it is used.
        """
        sandbox = subject.start_sandbox()
        success = self.learn_success(subject).answer
        answers = {find_shape(answer): answer for answer in (success, *(one.answer() for one in self.refusals))}
        for answer in (changed for one in answers.values() for changed in vary(one)):
            attempt, sends = self.meet(subject, wire.say(answer.write()), sandbox=sandbox, limits=Limits(retries=0))
            what = f"HTTP {answer.status} {answer.body[:200]!r}"
            assert len(sends) == 1, f"{what}: the request went out {len(sends)} times."
            if answer.status != success.status:
                require_error(attempt, what)
            elif attempt.error is not None and (attempt.error.provider is None or attempt.error.provider.code is None):
                assert attempt.error.outcome == "unknown", f"{what} has the outcome {attempt.error.outcome}."

    def test_a_wrong_content_type_never_says_not_sent(self, subject: Subject) -> None:
        """Guards against double sends: the provider took the message, whatever label its answer has.

        To mend: let the body decide, not its label.
        """
        sandbox = subject.start_sandbox()

        def mislabel(line: Line, answer: Answer) -> None:
            fields = [(name, value) for name, value in answer.fields if name.lower() != "content-type"]
            line.send(replace(answer, fields=(*fields, ("Content-Type", "text/html"))).write())

        attempt, sends = self.meet(subject, wire.pass_on(sandbox.url, mislabel), sandbox=sandbox)
        assert attempt.error is None or attempt.error.outcome == "unknown", f"That is no refusal: {attempt.error}"
        assert (len(sends), len(sandbox.messages)) == (1, 1), f"It went out {len(sends)} times."
