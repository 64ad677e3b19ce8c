"""Checks of the live check over HTTP: a provider that fails, or somebody else who answers for it."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from connector_core.testing import wire_behaviours as wire
from connector_core.testing.hooks import CHECK
from connector_core.testing.http_checks import HTML, HttpChecks
from connector_core.testing.live_checks import describe, faulty
from connector_core.testing.provider import find_path, lead_to
from connector_core.testing.replay import Replay
from connector_core.testing.wire_server import WireServer, refuse_connections
from connector_core.transport import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from connector_core.connector import Connector
    from connector_core.findings import Finding
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.subject import Subject
    from connector_core.testing.wire_server import Behaviour, Line, Request

IMPATIENT = Limits(connect=1, read=0.2, total=0.2, retries=0)
AT_ONCE = Limits(retries=0)
GRACE = 5.0
"""Seconds for something whose requests have `IMPATIENT` limits; whatever takes longer ignores them."""

_HTML_TYPE = "Content-Type: text/html; charset=utf-8"
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"

FAILURES: Mapping[str, Behaviour] = {
    "that resets the connection": wire.reset,
    "that ends the connection": wire.hang_up,
    "that breaks off its answer": wire.say_and_close(_HEAD, b'{"'),
    "with HTTP 429": wire.respond(429, b"{}"),
    "with HTTP 500": wire.respond(500, HTML, [_HTML_TYPE]),
    "with HTTP 503": wire.respond(503, HTML, [_HTML_TYPE]),
}
"""What a provider may do that surely is a failure, for the sentences of assertions."""

SLOW: Mapping[str, Behaviour] = {"silent": wire.stay_silent, "dripping": wire.drip(_HEAD, b" ")}

FOREIGN: Mapping[str, Behaviour] = {
    "a web page": wire.respond(200, HTML, [_HTML_TYPE]),
    "nothing": wire.respond(200),
    **{body: wire.respond(200, body.encode()) for body in ("null", '"ok"', '{"status": "fine"}', '{"id": null}')},
}
"""What somebody else may answer for a provider, all with the status of a success."""

NONE_YET = wire.respond(200, b"[]")
"""What a provider may well say, too, of an account that has nothing yet."""


class LiveWireChecks(HttpChecks):
    """What an administrator learns when the provider fails; for connectors with a live check."""

    def test_a_live_check_of_a_provider_that_fails_is_one_error(self, subject: Subject) -> None:
        """Guards administrators against a crash, a list of errors of one cause, and a failure told as a success.

        To mend: where the first request fails, yield `explain_failure(error, "Provider", "$.apiUrl")` and end.
        """
        if not subject.has(CHECK):
            return
        sandbox, connector = subject.start_sandbox(), subject.with_limits(AT_ONCE)
        for what, behaviour in FAILURES.items():
            findings, _ = self._check_at(subject, sandbox, connector, behaviour)
            _require_one_error(findings, f"a provider {what}")
        with refuse_connections() as origin:
            _require_one_error(subject.check(lead_to(sandbox, origin), connector), "a provider that can't be reached")

    def test_a_live_check_of_a_provider_that_fails_half_way_keeps_what_it_found(self, subject: Subject) -> None:
        """Guards administrators against an error for each request when the line breaks once.

        To mend: yield findings as they come, first that the credentials are accepted; at the first request that fails
        yield one finding for it, and end.
        """
        if not subject.has(CHECK):
            return
        sandbox, connector = subject.start_sandbox(), subject.with_limits(AT_ONCE)
        clean = subject.check(sandbox.config)
        for what, behaviour in FAILURES.items():
            findings, requests = self._check_at(
                subject, sandbox, connector, self._answer_first(subject, sandbox, behaviour)
            )
            if len(self._leave_out_tokens(subject, requests)) <= 1:
                return  # the live check is one request
            where = f"a provider {what} from the second request on"
            _require_one_error(findings, where)
            assert findings[0] == clean[0], f"{where}: what the first request told is lost: {describe(findings)}"
        assert list(sandbox.messages) == [], "The live check sent a message."

    def test_a_live_check_of_a_slow_provider_ends_within_the_time_limit(self, subject: Subject) -> None:
        """Guards administrators who wait before a form.

        To mend: call the provider through `transport.request`, which keeps the limits, and end at the first request
        that fails.
        """
        if not subject.has(CHECK):
            return
        sandbox, connector = subject.start_sandbox(), subject.with_limits(IMPATIENT)
        for behaviours in ([SLOW["silent"]], [wire.pass_on(sandbox.url), SLOW["dripping"]]):
            findings, requests = self._check_at(subject, sandbox, connector, *behaviours)
            assert all(one.code != "timed_out" for one in findings), (
                f"The live check still isn't done after {GRACE:g} s, though each request has {IMPATIENT.total} s."
            )
            if len(requests) >= len(behaviours):
                _require_one_error(findings, "a provider that never answers")

    def test_a_live_check_follows_no_redirect(self, subject: Subject) -> None:
        """Guards the credentials, which would travel along.

        To mend: call the provider through `transport.request`, which follows none.
        """
        if not subject.has(CHECK):
            return
        sandbox = subject.start_sandbox()
        for status in (301, 307):
            with WireServer(wire.respond(200)) as elsewhere:
                redirect = wire.respond(status, b"", [f"Location: {elsewhere.url}/elsewhere"])
                findings, _ = self._check_at(subject, sandbox, subject.connector, redirect)
                assert elsewhere.connections == 0, "The redirect was followed, and the credentials went along."
            _require_one_error(findings, f"HTTP {status}")

    def test_a_live_check_takes_nothing_else_for_the_provider(self, subject: Subject) -> None:
        """Guards against a login page or a proxy that answers for the provider: what nobody understood isn't clean.

        To mend: take nothing for a success but what the provider documents; yield a finding with the code
        `not_understood` for everything else (`explain_failure` of what `make_refusal` returns has it).
        """
        if not subject.has(CHECK) or self.accepts_empty_answer:
            return  # of what is taken by its status alone nothing has to be understood
        sandbox = subject.start_sandbox()
        for what, behaviour in FOREIGN.items():
            findings, _ = self._check_at(subject, sandbox, subject.connector, behaviour)
            _require_one_error(findings, f"a provider that answers {what}")
        self._check_at(subject, sandbox, subject.connector, NONE_YET)  # whatever it finds, it raises nothing

    def test_a_live_check_understands_answers_of_any_shape_or_says_so(self, subject: Subject) -> None:
        """Guards against an answer whose members are missing, null, or of another type.

        To mend: trust no shape: check the type of each member before it is used.
        """
        if not subject.has(CHECK):
            return
        sandbox = subject.start_sandbox()
        replay = Replay(sandbox.url)
        self._check_at(subject, sandbox, subject.connector, replay.record())
        with WireServer(replay.play()) as server:
            config = lead_to(sandbox, server.url)
            for what in replay.change_each():
                assert subject.check(config, seconds=GRACE), f"After {what} the live check found nothing."
        assert list(sandbox.messages) == [], "The live check sent a message."

    def _answer_first(self, subject: Subject, sandbox: Sandbox, then: Behaviour) -> Behaviour:
        """Return what answers the first request as the sandbox does, and behaves otherwise from then on.

        What a send asks for first, too, such as a token, the sandbox answers: it tells nothing of the config.
        """
        numbers = count()

        def behave(line: Line) -> None:
            is_answered = not self._leave_out_tokens(subject, [line.request]) or next(numbers) == 0
            (wire.pass_on(sandbox.url) if is_answered else then)(line)

        self.learn_success(subject)  # before the server asks for it, in threads
        return behave

    def _leave_out_tokens(self, subject: Subject, requests: Iterable[Request]) -> list[Request]:
        """Return the requests but for those that a send makes, too, before the message goes out."""
        before = self.learn_success(subject).before
        return [request for request in requests if find_path(request) not in before]

    @staticmethod
    def _check_at(
        subject: Subject, sandbox: Sandbox, connector: Connector, *behaviours: Behaviour
    ) -> tuple[list[Finding], list[Request]]:
        """Return what a live check finds at a server that behaves so, and the requests that it made."""
        with WireServer(*behaviours) as server:
            findings = subject.check(lead_to(sandbox, server.url), connector, seconds=GRACE)
            return findings, list(server.requests)


def _require_one_error(findings: list[Finding], what: str) -> None:
    wrong = faulty(findings)
    assert wrong, f"The live check finds nothing wrong with {what}."
    assert len(wrong) == 1, f"The live check finds more than one thing wrong with {what}: {describe(wrong)}"
    assert wrong[0].level == "error", f"The live check tells {what} as a {wrong[0].level}: {wrong[0].message}"
