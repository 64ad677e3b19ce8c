"""Checks of faults of the wire, which the kit puts between a connector and its sandbox."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from connector_core.errors import (
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidResponse,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
)
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.subject import Attempt, Subject, SubjectChecks
from connector_core.testing.wire_server import WireServer, finish, refuse_connections
from connector_core.transport import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.wire_server import Behaviour, Line

_HTML = b"<!doctype html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>"
_HTML_TYPE = "Content-Type: text/html; charset=utf-8"
_IMPATIENT = Limits(connect=1, read=0.4, total=0.8, retries=0)
_GRACE = 5.0
"""Seconds past the limit after which a send that still isn't done ignores the limit."""
_FOREIGN = (b"{}", b"[]", b"null", b'"ok"', b'{"status": "fine"}', b'{"id": null, "MessageID": 7, "message": {}}')
_UNDOCUMENTED = (400, 401, 403, 404, 413, 422)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as the provider documents it, and the error that a host shall get.

    Args:
        status: the HTTP status.
        body: the body: text, bytes, or what is written as JSON.
        error: the class of the error.
        code: the provider's own code, which must be kept.
        message: a part of the provider's own sentence, which must be kept.
        headers: further header fields, such as `Retry-After: 3`.

    """

    status: int
    body: Any
    error: type[SendError]
    code: int | str | None = None
    message: str | None = None
    headers: Sequence[str] = field(default=())

    def behave(self) -> Behaviour:
        """Return what the provider's server does."""
        if isinstance(self.body, bytes | str):
            body = self.body if isinstance(self.body, bytes) else self.body.encode()
            return wire.respond(self.status, body, self.headers)
        return wire.respond_json(self.body, self.status, self.headers)


class WireChecks(SubjectChecks):
    """What the provider's documentation promises, and all that a network does besides."""

    refusals: ClassVar[Sequence[Refusal]]
    accepts_empty_answer: ClassVar[bool] = False

    def test_the_config_leads_to_the_sandbox(self, subject: Subject) -> None:
        """Guards the other checks, which put a server of their own in the place of the sandbox.

        To mend: give the config a setting for the provider's address, such as `apiUrl`, and let the sandbox's config
        have the sandbox's `url` there.
        """
        sandbox = subject.start_sandbox()
        assert sandbox.url in json.dumps(sandbox.config)

    def test_each_documented_refusal_is_its_error(self, subject: Subject) -> None:
        """Guards that hosts can act on what the provider says: class, code, sentence and status are kept.

        To mend: map the provider's codes to errors, and give `make_refusal` its `code` and what it `said`.
        """
        assert self.refusals, "Name the refusals that the provider documents."
        for refusal in self.refusals:
            attempt, server = self._meet(subject, refusal.behave(), limits=Limits(retries=0))
            where = f"HTTP {refusal.status} {refusal.body!r}"
            error = _require_error(attempt, where)
            assert type(error) is refusal.error, f"{where} gives {type(error).__name__}: {error}"
            assert error.outcome == refusal.error.outcome, f"{where} has the outcome {error.outcome}."
            reply = error.provider
            assert reply is not None, f"{where}: the error lacks what the provider said: give `provider=`."
            assert reply.status == refusal.status, f"{where}: the status is lost."
            assert reply.code == refusal.code, f"{where}: the provider's code is {reply.code!r}."
            assert (refusal.message or "") in (reply.message or ""), f"{where}: the provider's sentence is lost."
            assert len(server.requests) == 1

    @pytest.mark.parametrize("status", _UNDOCUMENTED)
    @pytest.mark.parametrize("body", [b"", _HTML, b'{"unexpected": [1]}'], ids=["empty", "html", "json"])
    def test_a_refusal_that_nobody_documents_is_an_error(self, subject: Subject, status: int, body: bytes) -> None:
        """Guards against refusals of proxies and of the provider's next release.

        To mend: let the status decide where the body says nothing (`make_refusal` does).
        """
        attempt, server = self._meet(subject, wire.respond(status, body))
        error = _require_error(attempt, f"HTTP {status}")
        assert error.outcome == "not_sent"
        assert error.provider is not None, "The error lacks the provider's reply."
        assert error.provider.status == status
        assert isinstance(error, AuthorizationFailed) or status != 401, "HTTP 401 is about the credentials."
        assert len(server.requests) == 1

    def test_a_refused_connection_is_surely_not_sent(self, subject: Subject) -> None:
        """Guards that a host may send again when the provider wasn't reached.

        To mend: call the provider through `transport.request`, and let its errors pass.
        """
        sandbox = subject.start_sandbox()
        with refuse_connections() as origin:
            attempt = subject.attempt(_lead_to(sandbox, origin), self.message, subject.with_limits(Limits(retries=0)))
        error = _require_error(attempt, "A refused connection")
        assert isinstance(error, ProviderUnavailable)
        assert (error.outcome, error.retryable) == ("not_sent", True)

    def test_a_reset_before_the_request_is_an_error(self, subject: Subject) -> None:
        """Guards against connections that end at once.

        To mend: as for a refused connection.
        """
        sandbox = subject.start_sandbox()
        with WireServer(wire.hang_up, greeting=wire.reset) as server:
            attempt = subject.attempt(_lead_to(sandbox, server.url), self.message, subject.with_limits(_IMPATIENT))
        _require_error(attempt, "A reset connection")
        assert list(sandbox.messages) == []

    @pytest.mark.parametrize("end", [wire.reset, wire.hang_up], ids=["reset", "closed"])
    def test_a_line_that_breaks_after_the_request_leaves_the_outcome_unknown(
        self, subject: Subject, end: Behaviour
    ) -> None:
        """Guards against double sends: the provider took the message, and the answer got lost.

        To mend: never send again after an unknown outcome, and never call it `not_sent`; the transport keeps to that.
        """
        sandbox = subject.start_sandbox()
        behaviour = wire.pass_on(sandbox.url, lambda line, _answer: end(line))
        attempt, server = self._meet(subject, behaviour, sandbox=sandbox)
        self._check_unknown(attempt, server, "A line that breaks after the request")
        assert len(sandbox.messages) == 1

    def test_silence_ends_within_the_time_limit(self, subject: Subject) -> None:
        """Guards against sends that hang: a person waits for the code.

        To mend: call the provider through `transport.request`, which keeps the host's limits.
        """
        sandbox = subject.start_sandbox()
        connector = subject.with_limits(_IMPATIENT)
        with WireServer(wire.stay_silent) as server:
            config = _lead_to(sandbox, server.url)
            try:
                attempt = finish(lambda: subject.attempt(config, self.message, connector), _GRACE)
            except TimeoutError:
                pytest.fail(f"The send still isn't done {_GRACE} s after its limit of {_IMPATIENT.total} s.")
            self._check_unknown(attempt, server, "A provider that never answers")

    @pytest.mark.parametrize("wait", [None, 7], ids=["without-retry-after", "with-retry-after"])
    def test_too_many_requests_are_told(self, subject: Subject, wait: int | None) -> None:
        """Guards that a host slows down, and knows for how long.

        To mend: raise `RateLimitExceeded` for 429, with `retry_after=parse_retry_after(answer.headers)`.
        """
        headers = [] if wait is None else [f"Retry-After: {wait}"]
        attempt, _ = self._meet(subject, wire.respond(429, b"", headers), limits=Limits(retries=0))
        error = _require_error(attempt, "HTTP 429")
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
        attempt, server = self._meet(subject, *behaviours, sandbox=sandbox, limits=Limits())
        assert attempt.error is None, f"After HTTP {status} the message was not sent again: {attempt.error}"
        assert (len(server.requests), len(sandbox.messages)) == (2, 1)

    def test_unavailability_is_surely_not_sent(self, subject: Subject) -> None:
        """Guards that a host may send again after 503.

        To mend: raise `ProviderUnavailable` for 503 (`make_refusal` does).
        """
        attempt, _ = self._meet(subject, wire.respond(503, _HTML, [_HTML_TYPE]), limits=Limits(retries=0))
        error = _require_error(attempt, "HTTP 503")
        assert isinstance(error, ProviderUnavailable), f"HTTP 503 gives {type(error).__name__}."
        assert (error.outcome, error.retryable) == ("not_sent", True)

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_failure_of_the_provider_leaves_the_outcome_unknown(self, subject: Subject, status: int) -> None:
        """Guards against double sends: the provider may have taken the message before it failed.

        To mend: raise `DeliveryUnknown` for 500, 502 and 504 (`make_refusal` does).
        """
        attempt, server = self._meet(subject, wire.respond(status, _HTML, [_HTML_TYPE]))
        self._check_unknown(attempt, server, f"HTTP {status}")
        assert attempt.error is not None
        assert attempt.error.provider is not None, "The error lacks the provider's reply."

    @pytest.mark.parametrize("fault", ["html", "empty", "foreign", "truncated", "oversized"])
    def test_a_success_that_cant_be_understood_leaves_the_outcome_unknown(self, subject: Subject, fault: str) -> None:
        """Guards against a login page or a proxy that answers for the provider, and against double sends.

        To mend: take nothing for a success but what the provider documents, with its message id; raise
        `InvalidResponse` for everything else (`make_refusal` does). Set `accepts_empty_answer` where the provider
        confirms a message by its status alone.
        """
        sandbox = subject.start_sandbox()
        status = self._learn_status(subject, sandbox)
        if self.accepts_empty_answer and fault in {"empty", "foreign"}:
            return
        head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\n"
        behaviours = {
            "html": [wire.respond(status, _HTML, [_HTML_TYPE])],
            "empty": [wire.respond(status)],
            "foreign": [wire.respond(status, body) for body in _FOREIGN],
            "truncated": [wire.say_and_close(f'{head}Content-Length: 500\r\n\r\n{{"id": "'.encode())],
            "oversized": [wire.flood(f"{head}Content-Length: 9000000\r\n\r\n".encode(), b" " * 100_000, 90)],
        }
        for behaviour in behaviours[fault]:
            attempt, server = self._meet(subject, behaviour, sandbox=sandbox)
            self._check_unknown(attempt, server, f"A success that is {fault}")

    def test_a_wrong_content_type_never_says_not_sent(self, subject: Subject) -> None:
        """Guards against double sends: the provider took the message, whatever label its answer has.

        To mend: let the body decide, not its label.
        """
        sandbox = subject.start_sandbox()

        def mislabel(line: Line, answer: wire.Answer) -> None:
            fields = [(name, value) for name, value in answer.fields if name.lower() != "content-type"]
            line.send(wire.Answer(answer.status, (*fields, ("Content-Type", "text/html")), answer.body).write())

        attempt, server = self._meet(subject, wire.pass_on(sandbox.url, mislabel), sandbox=sandbox)
        assert attempt.error is None or attempt.error.outcome == "unknown"
        assert (len(server.requests), len(sandbox.messages)) == (1, 1)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed(self, subject: Subject, status: int) -> None:
        """Guards the credentials, which would travel along.

        To mend: call the provider through `transport.request`, which follows none.
        """
        with WireServer(wire.respond(200)) as elsewhere:
            location = f"Location: {elsewhere.url}/elsewhere"
            attempt, _ = self._meet(subject, wire.respond(status, b"", [location]))
            assert elsewhere.connections == 0, "The redirect was followed, and the credentials went along."
        error = _require_error(attempt, f"HTTP {status}")
        assert isinstance(error, SendError)

    def _meet(
        self,
        subject: Subject,
        *behaviours: Behaviour,
        sandbox: Sandbox | None = None,
        limits: Limits | None = None,
    ) -> tuple[Attempt, WireServer]:
        """Send the message to a server that behaves so, in the place of the sandbox."""
        sandbox = sandbox or subject.start_sandbox()
        with WireServer(*behaviours) as server:
            connector = subject.connector if limits is None else subject.with_limits(limits)
            return subject.attempt(_lead_to(sandbox, server.url), self.message, connector), server

    def _learn_status(self, subject: Subject, sandbox: Sandbox) -> int:
        """Return the status with which the provider confirms a message."""
        statuses: list[int] = []

        def note(line: Line, answer: wire.Answer) -> None:
            statuses.append(answer.status)
            line.send(answer.write())

        self._meet(subject, wire.pass_on(sandbox.url, note), sandbox=sandbox)
        return statuses[0]

    @staticmethod
    def _check_unknown(attempt: Attempt, server: WireServer, what: str) -> None:
        error = _require_error(attempt, what)
        assert isinstance(error, DeliveryUnknown | InvalidResponse) or error.outcome == "unknown", (
            f"{what} gives {type(error).__name__}, as if the message surely were not sent."
        )
        assert error.outcome == "unknown", f"{what} has the outcome {error.outcome}: nobody knows."
        assert not error.retryable, f"{what} is called retryable: sending again may send twice."
        assert len(server.requests) == 1, f"{what}: the request went out {len(server.requests)} times."


def _lead_to(sandbox: Sandbox, origin: str) -> dict[str, Any]:
    """Return the sandbox's config with another server in its place."""
    written = json.dumps(sandbox.config)
    led: dict[str, Any] = json.loads(written.replace(sandbox.url, origin))
    return led


def _require_error(attempt: Attempt, what: str) -> SendError:
    if attempt.error is None:
        pytest.fail(f"{what} was returned as a success.")
    return attempt.error
