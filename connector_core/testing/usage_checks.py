"""Checks of the hook `get_usage`: how many messages went out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from connector_core.errors import AuthorizationFailed, ConnectorError, SendError
from connector_core.testing.hooks import USAGE
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from typing import Any

    from connector_core.connector import Connector
    from connector_core.testing.subject import Subject

_DAY = timedelta(days=1)


class UsageChecks(SubjectChecks):
    """What a host learns of the account's usage; for connectors whose provider tells it."""

    def test_the_usage_counts_the_messages_that_were_sent(self, subject: Subject) -> None:
        """Guards hosts that show or limit what is sent: two messages more are two more, and asking sends none.

        To mend: return the provider's own count of the messages that it took since the day; let the sandbox count.
        """
        if not subject.has(USAGE):
            return
        sandbox = subject.start_sandbox()
        before = require_usage(subject, sandbox.config)
        for _ in range(2):
            subject.send(sandbox.config, self.message)
        after = require_usage(subject, sandbox.config)
        assert after - before == 2, f"After two sends the usage went from {before} to {after}."
        assert len(sandbox.messages) == 2, "Asking for the usage sent a message."

    def test_the_usage_counts_from_the_day_that_is_asked_for(self, subject: Subject) -> None:
        """Guards against a count of all times: since a day that hasn't come, nothing was sent.

        To mend: hand `since` on to the provider, and let the sandbox keep to it; an error is fine, too.
        """
        if not subject.has(USAGE):
            return
        sandbox = subject.start_sandbox()
        subject.send(sandbox.config, self.message)
        count = ask_usage(subject, sandbox.config, yesterday() + 4 * _DAY)
        assert isinstance(count, SendError) or count == 0, f"Since a day that hasn't come the usage is {count}."

    def test_the_usage_with_wrong_credentials_is_an_authorization_failure(self, subject: Subject) -> None:
        """Guards against a usage of 0 where nobody was let in.

        To mend: raise `AuthorizationFailed` with the provider's reply (`make_refusal` does for 401 and 403).
        """
        if not subject.has(USAGE):
            return
        sandbox = subject.start_sandbox()
        for where, config in self.break_credentials(subject, sandbox.config).items():
            said = ask_usage(subject, config)
            assert isinstance(said, AuthorizationFailed), f"With a wrong {where} the usage is {said!r}."


def yesterday() -> date:
    """Return a day whose messages include today's, whatever the provider's time zone."""
    return datetime.now(UTC).date() - _DAY


def ask_usage(
    subject: Subject,
    config: Mapping[str, Any],
    since: date | None = None,
    connector: Connector | None = None,
    seconds: float | None = None,
) -> int | SendError:
    """Return the usage, since yesterday where nothing is said, or the error: one that a host can act upon."""
    with (connector or subject.connector).configure(config) as configured:
        try:
            return configured.get_usage(since or yesterday(), seconds=seconds)
        except SendError as error:
            return error
        except ConnectorError as error:
            pytest.fail(f"get_usage raised no SendError: {error} ({error.__cause__!r})")


def require_usage(subject: Subject, config: Mapping[str, Any]) -> int:
    """Return the usage; there must be one."""
    count = ask_usage(subject, config)
    if isinstance(count, SendError):
        pytest.fail(f"The usage should have been told, but asking for it failed: {count}")
    return count
