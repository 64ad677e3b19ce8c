"""Checks that nobody writes headers, fields or recipients of their own into a mail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from connector_core.errors import InvalidMessage
from connector_core.jsonvalue import format_path
from connector_core.message import Message
from connector_core.testing.accepted import check_untouched
from connector_core.testing.config_paths import replaced, walk
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.subject import Subject

_EVIL = "evil@attacker.example"
_LINES = f"\r\nBcc: {_EVIL}\r\nX-Injected: yes"

_HOSTILE_ADDRESSES = (
    "a%0d%0abcc%3aevil%40attacker.example@example.com",
    "a&bcc=evil%40attacker.example&xinjected=1@example.com",
    "a+b'c`d|e$f{g}h*i/j=k?l^m!n#o~p@example.com",
    "a=?utf-8?q?=0aBcc=3a?=@example.com",
)
_NO_ADDRESSES = (
    f"a@example.com{_LINES}",
    f"a@example.com,{_EVIL}",
    f"a@example.com;{_EVIL}",
    f"Name <a@example.com> <{_EVIL}>",
    f'"a@example.com" {_EVIL}',
)


class InjectionChecks(SubjectChecks):
    """Hostile recipients, payloads and settings."""

    @pytest.mark.parametrize("address", _NO_ADDRESSES)
    def test_what_is_no_single_address_is_refused(self, subject: Subject, address: str) -> None:
        """Guards against mails to people whom the host didn't mean.

        To mend: the core refuses these for connectors of the type Email; say so in connector.json.
        """
        sandbox = subject.start_sandbox()
        try:
            message = Message(address, self.message.type, self.message.payload)
        except InvalidMessage:
            return
        attempt = subject.attempt(sandbox.config, message)
        assert attempt.error is not None, "A recipient that is no single address was accepted."
        assert attempt.error.outcome == "not_sent"
        assert list(sandbox.messages) == []

    @pytest.mark.parametrize("address", _HOSTILE_ADDRESSES)
    def test_a_recipient_injects_nothing(self, subject: Subject, address: str) -> None:
        """Guards against addresses, valid ones, that turn into fields or headers.

        To mend: give `data=` a dict or `json=` a value instead of pasting texts, and quote what goes into a URL.
        """
        sandbox = subject.start_sandbox()
        attempt = subject.attempt(sandbox.config, subject.make_message(to=address))
        for accepted in sandbox.messages:
            assert accepted.to == (address,), f"The recipient became {accepted.to}."
            check_untouched(accepted)
        assert attempt.error is None or attempt.error.outcome == "not_sent"

    def test_a_payload_injects_nothing(self, subject: Subject) -> None:
        """Guards against line breaks in names and other variables that end up in a header.

        To mend: render with `render_content`, or put what goes into a header through `clean_header`.
        """
        config, setting = subject.config, subject.templates
        if setting is not None:
            config = setting.with_subject(config, "{{code}} {{name}} {{application.name}}")
        sandbox = subject.start_sandbox(config)
        line: Any = f"x{_LINES}"
        texts = dict.fromkeys([*self.message.payload, "code", "subject", "name"], line)
        attempt = subject.attempt(sandbox.config, subject.make_message(**{**texts, "application": {"name": line}}))
        assert attempt.error is None or attempt.error.outcome == "not_sent"
        for accepted in sandbox.messages:
            assert accepted.to == (self.message.to,)
            check_untouched(accepted)

    def test_a_setting_injects_nothing(self, subject: Subject) -> None:
        """Guards against a sender's name, a subject or another setting that writes headers of its own.

        To mend: give texts of one line in the schema a pattern without control characters, such as the shared
        definitions `mailbox` and `subject`.
        """
        sandbox = subject.start_sandbox()
        for path, value, place in walk(self.config, subject.schema.root):
            if not isinstance(value, str) or place is None or place.secret:
                continue
            for hostile in self._make_hostile(value):
                self._try_setting(subject, sandbox, path, hostile)

    @staticmethod
    def _make_hostile(value: str) -> Iterator[str]:
        yield value + _LINES
        if value.endswith(">"):
            name, _, address = value.rpartition("<")
            yield f"{name.rstrip()}{_LINES} <{address}"
            yield f"{name.rstrip()} <{_EVIL}>, <{address}"
        yield f"{value}, {_EVIL}"

    def _try_setting(self, subject: Subject, sandbox: Sandbox, path: tuple[str | int, ...], hostile: str) -> None:
        config: Any = replaced(sandbox.config, path, hostile)
        setting = subject.templates
        if subject.connector.validate_config(config):
            return
        before = len(sandbox.messages)
        attempt = subject.attempt(config, self.message)
        assert attempt.error is None or attempt.error.outcome == "not_sent"
        for accepted in sandbox.messages[before:]:
            assert accepted.to == (self.message.to,), f"{format_path(path)} adds recipients: {accepted.to}."
            check_untouched(accepted)
            if setting is None or path[0] != setting.key:  # the content of a mail may have any lines
                shown = json.dumps(accepted.request, ensure_ascii=False, default=str)
                assert "\\nX-Injected" not in shown, f"{format_path(path)} brings line breaks: give it a pattern."
