"""Checks of usage and templates over HTTP: a provider that fails, or somebody else who answers for it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from connector_core.errors import SendError
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.hooks import PROVISION, USAGE
from connector_core.testing.http_checks import HttpChecks
from connector_core.testing.live_wire_checks import AT_ONCE, FAILURES, FOREIGN, GRACE, IMPATIENT, SLOW
from connector_core.testing.provider import lead_to
from connector_core.testing.replay import Replay
from connector_core.testing.template_checks import ask_plan, show, starters
from connector_core.testing.usage_checks import ask_usage
from connector_core.testing.wire_server import HANG_GUARD, WireServer, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector_core.connector import Connector
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.subject import Subject

    Ask = Callable[[dict[str, Any], Connector], object]


class ReadingWireChecks(HttpChecks):
    """What a host learns when the provider fails while it is asked for templates or usage."""

    def test_asking_a_provider_that_fails_is_an_error(self, subject: Subject) -> None:
        """Guards against a usage of 0, or a plan to create everything, where nobody knows.

        To mend: let the errors of `transport.request` pass, and raise `make_refusal` for any status but a success.
        """
        foreign = {f"that answers {what}": one for what, one in FOREIGN.items()}
        for hook, ask, sandbox in _list_asks(subject):
            connector = subject.with_limits(AT_ONCE)
            for what, behaviour in {**FAILURES, **foreign}.items():
                with WireServer(behaviour) as server:
                    said = ask(lead_to(sandbox, server.url), connector)
                assert isinstance(said, SendError), f"With a provider {what} {hook} says {show(said)}."

    def test_asking_a_slow_provider_ends_within_the_time_limit(self, subject: Subject) -> None:
        """Guards pages that show the usage or the templates: they don't wait for a provider that is down.

        To mend: call the provider through `transport.request`, which keeps the limits.
        """
        for hook, ask, sandbox in _list_asks(subject):
            connector = subject.with_limits(IMPATIENT)
            with WireServer(SLOW["silent"]) as server:
                try:
                    said = finish(partial(ask, lead_to(sandbox, server.url), connector), GRACE)
                except TimeoutError:
                    pytest.fail(f"{hook} still isn't done after {GRACE:g} s, though a request has {IMPATIENT.total} s.")
            assert isinstance(said, SendError), f"With a provider that never answers {hook} says {show(said)}."

    def test_asking_follows_no_redirect(self, subject: Subject) -> None:
        """Guards the credentials, which would travel along.

        To mend: call the provider through `transport.request`, which follows none.
        """
        for hook, ask, sandbox in _list_asks(subject):
            with WireServer(wire.respond(200)) as elsewhere:
                redirect = wire.respond(307, b"", [f"Location: {elsewhere.url}/elsewhere"])
                with WireServer(redirect) as server:
                    said = ask(lead_to(sandbox, server.url), subject.connector)
                assert elsewhere.connections == 0, "The redirect was followed, and the credentials went along."
            assert isinstance(said, SendError), f"With a redirect {hook} says {show(said)}."

    def test_what_was_asked_for_is_understood_in_any_shape_or_refused(self, subject: Subject) -> None:
        """Guards against an answer whose members are missing, null, or of another type.

        To mend: trust no shape: check the type of each member before it is used, and raise `make_refusal`.
        """
        for _, ask, sandbox in _list_asks(subject):
            replay = Replay(sandbox.url)
            with WireServer(replay.record()) as server:
                ask(lead_to(sandbox, server.url), subject.connector)
            with WireServer(replay.play()) as server:
                config = lead_to(sandbox, server.url)
                for _ in replay.change_each():
                    ask(config, subject.connector)


def _list_asks(subject: Subject) -> Iterator[tuple[str, Ask, Sandbox]]:
    """Yield for each hook of the connector its name, what calls it, and a sandbox.

    A call returns the answer or a `SendError`; any other error fails the test.
    """
    if subject.has(USAGE):
        yield (
            USAGE,
            lambda config, connector: ask_usage(subject, config, None, connector, HANG_GUARD),
            subject.start_sandbox(),
        )
    if subject.has(PROVISION):
        yield (
            PROVISION,
            lambda config, connector: ask_plan(subject, config, starters(), connector),
            subject.start_sandbox(),
        )
