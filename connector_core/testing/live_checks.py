"""Checks of the live check, the hook `check_connection`: what it finds at the connector's own sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.jsonvalue import format_path
from connector_core.testing.hooks import CHECK
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector_core.findings import Finding
    from connector_core.testing.subject import Subject


class LiveChecks(SubjectChecks):
    """What an administrator learns of a config that works, and of one that doesn't; where there is a live check."""

    def test_a_live_check_finds_nothing_wrong_with_a_config_that_works(self, subject: Subject) -> None:
        """Guards administrators against false alarms: at the own sandbox each finding has the level `ok`.

        To mend: yield a finding of the level `ok` for what was seen to work, and let the sandbox answer what the live
        check asks as the provider does for a config that works.
        """
        if not subject.has(CHECK):
            return
        sandbox = subject.start_sandbox()
        findings = subject.check(sandbox.config)
        assert findings, "The live check found nothing: yield a finding for what was seen to work."
        wrong = faulty(findings)
        assert not wrong, f"The live check finds fault with a config that works: {describe(wrong)}"
        assert subject.check(sandbox.config) == findings, "A second live check finds something else."

    def test_a_live_check_sends_nothing(self, subject: Subject) -> None:
        """Guards everybody against mails that nobody asked for: a live check is not a send.

        To mend: ask the provider about its account, sender and templates instead of trying a message.
        """
        if not subject.has(CHECK):
            return
        sandbox = subject.start_sandbox()
        for config in (sandbox.config, *self.break_credentials(subject, sandbox.config).values()):
            subject.check(config)
            assert list(sandbox.messages) == [], "The live check sent a message."

    def test_a_live_check_tells_wrong_credentials(self, subject: Subject) -> None:
        """Guards that an administrator learns that the credentials are wrong, once, and nothing that follows from it.

        To mend: ask for the credentials first; where they are refused, yield one finding of the level `error` with the
        code `authorization_failed` and the path of the setting, and end.
        """
        if not subject.has(CHECK):
            return
        sandbox = subject.start_sandbox()
        for where, config in self.break_credentials(subject, sandbox.config).items():
            findings = subject.check(config)
            wrong = faulty(findings)
            assert wrong, f"With a wrong {where} the live check finds nothing wrong."
            assert len(wrong) == 1, f"With a wrong {where} the live check finds more than that: {describe(wrong)}"
            (one,) = wrong
            assert one.code == "authorization_failed", f"A wrong {where} is told as {one.code}: {one.message}"
            assert one.level == "error", f"A wrong {where} is told as a {one.level}."
            assert one.path != "$", f"A wrong {where} is told without the path of the setting."

    def test_a_live_check_tells_a_template_that_is_not_there(self, subject: Subject) -> None:
        """Guards against a misspelled template of the provider, which nobody notices before a mail is missing.

        To mend: look each template up that the config names, and yield one finding with the path of its setting.
        """
        setting = subject.templates
        if not subject.has(CHECK) or setting is None:
            return
        sandbox = subject.start_sandbox()
        for path, name in setting.stored_names(sandbox.config).items():
            wrong = faulty(subject.check(subject.name_new_template(sandbox.config, path, name)))
            where = format_path(path)
            assert wrong, f"The template of {where} is not at the provider, and the live check finds nothing wrong."
            assert [one.path for one in wrong] == [where], f"Only {where} is wrong, and it finds: {describe(wrong)}"
            assert wrong[0].level == "error", f"The level of {describe(wrong)} is {wrong[0].level}: its mails fail."


def faulty(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that are not ok."""
    return [one for one in findings if one.level != "ok"]


def describe(findings: Iterable[Finding]) -> str:
    """Return findings for the sentence of an assertion."""
    return " ".join(f"{one.path} {one.code}: {one.message}" for one in findings)
