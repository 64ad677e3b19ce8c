"""Checks that nothing shows what is secret: neither the config's secrets, nor the code in a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core.errors import SendError
from connector_core.testing.config_paths import replaced
from connector_core.testing.hooks import CHECK, PROVISION, USAGE
from connector_core.testing.leaks import find_leak
from connector_core.testing.subject import Attempt, Subject, SubjectChecks, show_error
from connector_core.testing.template_checks import ask_plan
from connector_core.testing.usage_checks import ask_usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

CODE = "kit-code-7391"
RECIPIENT = "kit-recipient@example.com"


class LeakChecks(SubjectChecks):
    """What a log file, a terminal and a crash report show after sends that go well and sends that don't."""

    def test_no_error_shows_a_secret(self, subject: Subject) -> None:
        """Guards crash reports and error pages, which show exceptions, their causes and local variables.

        To mend: keep secrets as `Secret`, put the revealed text into no variable, give objects that hold one a repr
        without it, and leave codes out of sentences.
        """
        for attempt in self.provoke(subject):
            if attempt.error is not None:
                shown = show_error(attempt.error)
                leak = find_leak(shown, subject.list_secrets(self.config).values())
                assert leak is None, f"A secret shows in an error or in a local variable of its traceback ({leak})."
                sentences = f"{attempt.error} {attempt.error!r} {attempt.error.__cause__!r}"
                assert CODE not in sentences, "The code of the message shows in an error."
        for error in self.provoke_readings(subject):
            leak = find_leak(show_error(error), subject.list_secrets(self.config).values())
            assert leak is None, f"A secret shows in an error of templates or usage, or in its traceback ({leak})."

    def test_no_finding_shows_a_secret(self, subject: Subject) -> None:
        """Guards the page that shows a live check, and the ticket that somebody pastes it into.

        To mend: name the setting, never its value; the core strikes secrets out, but only those that it recognizes.
        """
        for finding in self.provoke_findings(subject):
            leak = find_leak(repr(finding), subject.list_secrets(self.config).values())
            assert leak is None, f"A secret shows in a finding of the live check ({leak})."

    def test_no_log_shows_a_secret(self, subject: Subject) -> None:
        """Guards log files, which many people read: no secret, no code, no recipient.

        To mend: log no headers, bodies, configs or messages.
        """
        self._provoke_all(subject)
        self._check_shown(subject, subject.logged, "in a log record")

    def test_nothing_secret_is_printed(self, subject: Subject, capfd: pytest.CaptureFixture[str]) -> None:
        """Guards terminals and container logs.

        To mend: print nothing.
        """
        self._provoke_all(subject)
        self._check_shown(subject, "".join(capfd.readouterr()), "in what was printed")

    def provoke(self, subject: Subject) -> Iterator[Attempt]:
        """Yield what came of a send that goes well, and of sends that don't."""
        sandbox = subject.start_sandbox()
        message = subject.make_message(to=RECIPIENT, code=CODE)
        yield subject.attempt(sandbox.config, message)
        for config in self._list_refused(subject):
            yield subject.attempt(config, message)

    def provoke_findings(self, subject: Subject) -> Iterator[object]:
        """Yield what live checks find that go well, and what those find that don't, in the connector's own words."""
        if subject.has(CHECK):
            for config in (subject.start_sandbox().config, *self._list_refused(subject)):
                subject.check(config)
                yield from subject.found

    def provoke_readings(self, subject: Subject) -> Iterator[SendError]:
        """Yield what is raised where the provider is asked for templates and usage, and lets nobody in."""
        asks = [ask for hook, ask in ((USAGE, ask_usage), (PROVISION, ask_plan)) if subject.has(hook)]
        for config in self._list_refused(subject) if asks else ():
            for said in (ask(subject, config) for ask in asks):
                if isinstance(said, SendError):
                    yield said

    def _provoke_all(self, subject: Subject) -> None:
        for provoked in (self.provoke(subject), self.provoke_findings(subject), self.provoke_readings(subject)):
            list(provoked)

    def _list_refused(self, subject: Subject) -> Iterator[dict[str, Any]]:
        """Yield a config for each of its secrets, all the test class's own, of which the sandbox has another."""
        for path, secret in subject.list_secrets(self.config).items():
            strict = subject.start_sandbox(replaced(subject.config, path, self.alter_secret(secret)))
            yield replaced(strict.config, path, secret)

    def _check_shown(self, subject: Subject, shown: str, where: str) -> None:
        leak = find_leak(shown, subject.list_secrets(self.config).values())
        assert leak is None, f"A secret shows {where} ({leak})."
        assert CODE not in shown, f"The code of a message shows {where}."
        assert RECIPIENT not in shown, f"The recipient of a message shows {where}."
