"""Checks of faults of the wire, which the kit puts between a connector and its sandbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from connector_core.errors import ProviderUnavailable, SendError
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.config_paths import replaced
from connector_core.testing.http_checks import HttpChecks, check_unknown, require_error
from connector_core.testing.leaks import find_leak
from connector_core.testing.provider import lead_to
from connector_core.testing.wire_server import WireServer, finish, refuse_connections
from connector_core.transport import Limits

if TYPE_CHECKING:
    from connector_core.testing.subject import Subject
    from connector_core.testing.wire_server import Behaviour

_IMPATIENT = Limits(connect=2, read=1.5, total=2, retries=0)
_GRACE = 5.0
"""Seconds past the limit after which a send that still isn't done ignores the limit."""

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


class WireChecks(HttpChecks):
    """What a network does."""

    def test_the_config_leads_to_the_sandbox(self, subject: Subject) -> None:
        """Guards the other checks, which put a server of their own in the place of the sandbox.

        To mend: give the config a setting for the provider's address, such as `apiUrl`, and let the sandbox's config
        have the sandbox's `url` there.
        """
        sandbox = subject.start_sandbox()
        assert sandbox.url in json.dumps(sandbox.config)

    def test_a_refused_connection_is_surely_not_sent(self, subject: Subject) -> None:
        """Guards that a host may send again when the provider wasn't reached.

        To mend: call the provider through `transport.request`, and let its errors pass.
        """
        sandbox = subject.start_sandbox()
        with refuse_connections() as origin:
            attempt = subject.attempt(lead_to(sandbox, origin), self.message, subject.with_limits(Limits(retries=0)))
        error = require_error(attempt, "A refused connection")
        assert isinstance(error, ProviderUnavailable)
        assert (error.outcome, error.retryable) == ("not_sent", True)

    def test_a_reset_before_the_request_is_an_error(self, subject: Subject) -> None:
        """Guards against connections that end at once.

        To mend: as for a refused connection.
        """
        sandbox = subject.start_sandbox()
        with WireServer(wire.hang_up, greeting=wire.reset) as server:
            attempt = subject.attempt(lead_to(sandbox, server.url), self.message, subject.with_limits(_IMPATIENT))
        require_error(attempt, "A reset connection")
        assert list(sandbox.messages) == [], "The message arrived all the same."

    @pytest.mark.parametrize("end", [wire.reset, wire.hang_up], ids=["reset", "closed"])
    def test_a_line_that_breaks_after_the_request_leaves_the_outcome_unknown(
        self, subject: Subject, end: Behaviour
    ) -> None:
        """Guards against double sends: the provider took the message, and the answer got lost.

        To mend: never send again after an unknown outcome, and never call it `not_sent`; the transport keeps to that.
        """
        sandbox = subject.start_sandbox()
        behaviour = wire.pass_on(sandbox.url, lambda line, _answer: end(line))
        attempt, sends = self.meet(subject, behaviour, sandbox=sandbox)
        check_unknown(attempt, sends, "A line that breaks after the request")
        assert len(sandbox.messages) == 1

    @pytest.mark.parametrize("behaviour", [wire.stay_silent, wire.drip(_HEAD, b" ")], ids=["silent", "dripping"])
    def test_a_slow_answer_ends_within_the_time_limit(self, subject: Subject, behaviour: Behaviour) -> None:
        """Guards against sends that hang: a person waits for the code.

        To mend: call the provider through `transport.request`, which keeps the host's limits.
        """
        try:
            attempt, sends = finish(lambda: self.meet(subject, behaviour, limits=_IMPATIENT), _GRACE)
        except TimeoutError:
            pytest.fail(f"The send still isn't done {_GRACE} s after its limit of {_IMPATIENT.total} s.")
        check_unknown(attempt, sends, "A provider that never answers")

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_a_redirect_is_not_followed(self, subject: Subject, status: int) -> None:
        """Guards the credentials, which would travel along.

        To mend: call the provider through `transport.request`, which follows none.
        """
        with WireServer(wire.respond(200)) as elsewhere:
            location = f"Location: {elsewhere.url}/elsewhere"
            attempt, _ = self.meet(subject, wire.respond(status, b"", [location]))
            assert elsewhere.connections == 0, "The redirect was followed, and the credentials went along."
        error = require_error(attempt, f"HTTP {status}")
        assert isinstance(error, SendError)

    def test_two_configs_at_one_address_share_nothing(self, subject: Subject) -> None:
        """Guards hosts with two accounts at one provider: a mail goes out with its own config's credentials.

        To mend: keep nothing in globals, by whatever key; what is worth making once belongs in `config.keep(make)`.
        """
        sandbox = subject.start_sandbox()
        own = subject.list_secrets(self.config)
        with WireServer(wire.respond(418)) as server:
            first = lead_to(sandbox, server.url)
            second = first
            for path, secret in own.items():
                second = replaced(second, path, self.alter_secret(secret))
            for config in (first, second):
                subject.attempt(config, self.message)
        shown = "\n".join(f"{request.fields} {request.target} {request.body!r}" for request in server.requests[1:])
        assert find_leak(shown, own.values()) is None, "The second config's mail went out with the first one's secret."
