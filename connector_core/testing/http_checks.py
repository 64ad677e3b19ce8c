"""What the checks over HTTP have in common: a server that behaves as it is told, in the place of the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from connector_core.errors import DeliveryUnknown, InvalidResponse, SendError
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.hooks import CHECK
from connector_core.testing.leak_checks import CODE, RECIPIENT, LeakChecks
from connector_core.testing.provider import Refusal, Success, find_path, find_success, lead_to
from connector_core.testing.wire_server import WireServer
from connector_core.transport import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connector_core.message import Message
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.subject import Attempt, Subject
    from connector_core.testing.wire_server import Behaviour, Line, Request

HTML = b"<!doctype html><html><head><title>Welcome</title></head><body><h1>It works!</h1></body></html>"
"""What a proxy, a login page or an empty web server answers."""


class HttpChecks(LeakChecks):
    """The base of checks that put a server of their own in the place of the sandbox."""

    refusals: ClassVar[Sequence[Refusal]]
    accepts_empty_answer: ClassVar[bool] = False
    _success: ClassVar[Success]

    def provoke(self, subject: Subject) -> Iterator[Attempt]:
        """Yield what came of sends to a provider that fails in every way, besides those of every connector."""
        yield from super().provoke(subject)
        sandbox = subject.start_sandbox()
        message = subject.make_message(to=RECIPIENT, code=CODE)
        for behaviour in (
            wire.respond(500, HTML),
            wire.respond(418),
            wire.hang_up,
            *map(Refusal.behave, self.refusals),
        ):
            yield self.meet(subject, behaviour, sandbox=sandbox, message=message, limits=Limits(retries=0))[0]

    def provoke_findings(self, subject: Subject) -> Iterator[object]:
        """Yield what live checks find at a provider that fails, besides those of every connector."""
        yield from super().provoke_findings(subject)
        for config in self._list_failing(subject) if subject.has(CHECK) else ():
            subject.check(config)
            yield from subject.found

    def _list_failing(self, subject: Subject) -> Iterator[dict[str, Any]]:
        """Yield configs that lead to a provider which fails, each while that serves."""
        sandbox = subject.start_sandbox()
        for behaviour in (wire.respond(500, HTML), wire.respond(418), wire.hang_up):
            with WireServer(behaviour) as server:
                yield lead_to(sandbox, server.url)

    def meet(
        self,
        subject: Subject,
        *behaviours: Behaviour,
        sandbox: Sandbox | None = None,
        limits: Limits | None = None,
        message: Message | None = None,
    ) -> tuple[Attempt, list[Request]]:
        """Send a message to a server that behaves so, in the place of the sandbox; return what came of it.

        The second part is the requests for the message; others, such as one for a token, the sandbox answers.
        """
        success = self.learn_success(subject)
        sandbox = sandbox or subject.start_sandbox()
        sends: list[Request] = []

        def behave(line: Line) -> None:
            if find_path(line.request) != success.path:
                wire.pass_on(sandbox.url)(line)
                return
            sends.append(line.request)
            behaviours[min(len(sends), len(behaviours)) - 1](line)

        with WireServer(behave) as server:
            connector = subject.connector if limits is None else subject.with_limits(limits)
            return subject.attempt(lead_to(sandbox, server.url), message or self.message, connector), sends

    @classmethod
    def learn_success(cls, subject: Subject) -> Success:
        """Return how the sandbox confirms the test class's message, which is tried once."""
        if "_success" not in vars(cls):
            cls._success = find_success(subject, cls.message)
        return cls._success


def require_error(attempt: Attempt, what: str) -> SendError:
    """Return the error; there must be one."""
    if attempt.error is None:
        pytest.fail(f"{what} was returned as a success.")
    return attempt.error


def check_unknown(attempt: Attempt, sends: list[Request], what: str) -> None:
    """Check that nobody claims to know, and that nothing was sent again."""
    error = require_error(attempt, what)
    assert isinstance(error, DeliveryUnknown | InvalidResponse) or error.outcome == "unknown", (
        f"{what} gives {type(error).__name__}, as if the message surely were not sent."
    )
    assert error.outcome == "unknown", f"{what} has the outcome {error.outcome}: nobody knows."
    assert not error.retryable, f"{what} is called retryable: sending again may send twice."
    assert len(sends) == 1, f"{what}: the request went out {len(sends)} times."
