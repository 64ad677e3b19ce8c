"""Checks of sends against the connector's sandbox."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html import escape
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from connector_core.errors import AuthorizationFailed, SendError
from connector_core.message import SendResult
from connector_core.rendering import render_text
from connector_core.templates import GENERIC
from connector_core.testing.accepted import show_accepted
from connector_core.testing.config_paths import replaced
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core.message import Message
    from connector_core.sandbox.protocol import SandboxMessage
    from connector_core.testing.subject import Subject
    from connector_core.testing.template_setting import TemplateSetting

_RICH: Mapping[str, Any] = {
    "code": "483920",
    "link": "https://app.example.com/join?a=1&b=2",
    "application": {"name": "Kit & Söhne 👍", "branding": {"colors": ["#fff", None]}},
    "kit": {"deep": [1, 2.5, True, {"ü": "é"}], "empty": "", "none": None, "long": "a long text, " * 20 + "to its end"},
}
_SHOWN = ("link", "application.name", "kit.long")
"""Variables of the rich payload that a mail shows where its template has placeholders for them."""

_MARKUP = "<b>4839</b>&amp;\"' onclick='"
_THREADS = 8
_MESSAGES = 160
_EAGER = 1e-6
"""Seconds after which Python lets another thread run: so short that what threads share gets mixed up at once."""

_UNKNOWN_TYPE = "KitUsageType"
_LOCALE = "tlh-Latn"
"""A language that no test config has, with a part that must not be cut off."""


class SendingChecks(SubjectChecks):
    """What arrives, for whom, by which template; and what becomes of wrong credentials."""

    def test_a_message_arrives(self, subject: Subject) -> None:
        """Guards that the connector sends at all, and says what became of the message.

        To mend: return `SendResult(message_id=..., recipients={message.to: "sent"})` with the provider's own id.
        """
        sandbox = subject.start_sandbox()
        result = subject.send(sandbox.config, self.message)
        assert isinstance(result, SendResult)
        assert result.message_id, "The result has no message id: give the provider's."
        assert list(result.recipients) == [self.message.to], "The result's recipients lack the one of the message."
        assert len(sandbox.messages) == 1, f"The sandbox has {len(sandbox.messages)} messages after one send."
        assert sandbox.messages[0].to == (self.message.to,), f"It went to {sandbox.messages[0].to}."
        second = subject.send(sandbox.config, self.message)
        assert second.message_id != result.message_id, "Two messages have the same id: give the provider's."

    def test_the_payload_arrives_unchanged(self, subject: Subject) -> None:
        """Guards that templates get every variable as the host gave it.

        To mend: pass `message.payload` on whole where the provider fills in templates, else render with it.
        """
        setting = subject.templates
        config = subject.config if setting is None else setting.with_placeholders(subject.config, _SHOWN)
        sandbox = subject.start_sandbox(config)
        message = subject.make_message(**_RICH)
        subject.send(sandbox.config, message)
        accepted = sandbox.messages[-1]
        if accepted.payload is None:
            _check_rendered(accepted, message)
        else:
            lost = [name for name, value in message.payload.items() if accepted.payload.get(name, self) != value]
            assert not lost, f"These variables were dropped or changed: {', '.join(lost)}."

    def test_each_usage_type_has_its_own_template(self, subject: Subject) -> None:
        """Guards that nobody gets the mail for something else.

        To mend: `TemplateIndex(config["templates"]).find(message.type, message.payload.get("locale"))`.
        """
        sandbox = subject.start_sandbox()
        setting = subject.templates
        for usage_type in setting.entries(sandbox.config) if setting else ("SignIn", "Register"):
            subject.send(sandbox.config, subject.make_message(usage_type=usage_type))
            self._check_template(sandbox.messages[-1], setting, sandbox.config, usage_type)

    def test_an_unknown_usage_type_gets_the_generic_template(self, subject: Subject) -> None:
        """Guards a host's own usage types: without a template of their own they get `Generic`'s.

        To mend: as for the templates of usage types; `TemplateIndex.find` falls back to `Generic`.
        """
        sandbox = subject.start_sandbox()
        setting = subject.templates
        subject.send(sandbox.config, subject.make_message(usage_type=_UNKNOWN_TYPE))
        self._check_template(sandbox.messages[-1], setting, sandbox.config, GENERIC if setting else _UNKNOWN_TYPE)

    def test_the_locale_chooses_the_template(self, subject: Subject) -> None:
        """Guards that people get a mail in their language: de-CH takes the entry for de, fr the one without locale.

        To mend: let entries have a `locale` (`urn:connector-core:email#/$defs/locale`), and give
        `message.payload.get("locale")` to `TemplateIndex.find`.
        """
        setting = subject.templates
        if setting is None:
            return  # the endpoint chooses
        config = setting.with_entry(subject.config, "SignIn", _LOCALE, "Register")
        issues = subject.connector.validate_config(config)
        assert not issues, f"A template entry can't have a locale: {issues[0].message}"
        sandbox = subject.start_sandbox(config)
        for locale, like in (
            (f"{_LOCALE}-AQ", "Register"),
            ("tlh", "SignIn"),
            (_LOCALE, "Register"),
            ("qaa", "SignIn"),
        ):
            subject.send(sandbox.config, subject.make_message(usage_type="SignIn", locale=locale))
            self._check_template(sandbox.messages[-1], setting, self.config, like)

    def test_values_are_escaped_in_html(self, subject: Subject) -> None:
        """Guards against markup in a payload, such as a person's name, that turns into a link or a form.

        To mend: render with `render_content`, which escapes in HTML.
        """
        sandbox = subject.start_sandbox()
        payload = {name: _MARKUP if isinstance(value, str) else value for name, value in self.message.payload.items()}
        subject.send(sandbox.config, subject.make_message(**{**payload, "code": _MARKUP}))
        (accepted,) = sandbox.messages
        raw = [piece for piece in ("<b>4839</b>", "\"' onclick='") if piece in accepted.html]
        assert not raw, "A value of the payload stands in the HTML as it is: escape it, quotes too."

    def test_wrong_credentials_are_an_authorization_failure(self, subject: Subject) -> None:
        """Guards that an administrator learns that the credentials are wrong, and in the provider's words.

        To mend: raise `AuthorizationFailed` with the provider's reply; the sandbox must refuse wrong credentials.
        """
        sandbox = subject.start_sandbox()
        for where, wrong in self.break_credentials(subject, sandbox.config).items():
            error = subject.attempt(wrong, self.message).error
            assert error is not None, f"With a wrong {where} the send succeeded: a refusal is returned as a success."
            assert isinstance(error, AuthorizationFailed), f"With a wrong {where} the error is {type(error).__name__}."
            assert error.outcome == "not_sent", f"With a wrong {where} the outcome is {error.outcome}."
            assert error.provider is not None, "The error lacks what the provider said: give `provider=`."
            assert error.provider.status is not None, "The error lacks the provider's status."
        assert list(sandbox.messages) == [], "The sandbox took a message with wrong credentials."

    def test_two_configs_share_nothing(self, subject: Subject) -> None:
        """Guards hosts with several configs: a message goes out with its own config's credentials.

        To mend: keep nothing in globals; what is worth making once belongs in `config.keep(make)`.
        """
        other = subject.config
        for path, secret in subject.list_secrets(other).items():
            other = replaced(other, path, self.alter_secret(secret))
        first, second = subject.start_sandbox(), subject.start_sandbox(other)
        with (
            subject.connector.configure(first.config) as one,
            subject.connector.configure(second.config) as two,
        ):
            for configured in (one, two, one, two):
                try:
                    configured.send_message(self.message)
                except SendError as error:
                    pytest.fail(f"A second config with other credentials can't send: is something shared? {error}")
        counts = (len(first.messages), len(second.messages))
        assert counts == (2, 2), f"Of two messages for each of two configs, {counts} arrived."

    def test_many_threads_send_each_message_once(self, subject: Subject) -> None:
        """Guards hosts with many threads: nothing is lost, sent twice or mixed up.

        To mend: keep nothing that a send writes to in globals or in what `config.keep` holds, or lock it.
        """
        sandbox = subject.start_sandbox()
        messages = [
            subject.make_message(to=f"person{number}@example.com", code=f"{number:06}") for number in range(_MESSAGES)
        ]
        start = Barrier(_THREADS)

        def send(part: int) -> None:
            start.wait()
            for message in messages[part::_THREADS]:
                configured.send_message(message)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(_EAGER)
        try:
            with subject.connector.configure(sandbox.config) as configured, ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(send, range(_THREADS)))
        finally:
            sys.setswitchinterval(interval)
        arrived = Counter(accepted.to[0] for accepted in sandbox.messages)
        assert arrived == {message.to: 1 for message in messages}, "A message is lost, or arrived twice."
        codes = {message.to: message.payload["code"] for message in messages}
        mixed = [one.to[0] for one in sandbox.messages if codes[one.to[0]] not in show_accepted(one)]
        assert not mixed, f"Some got the code of somebody else: {mixed[:3]}."

    def test_a_closed_connector_sends_again(self, subject: Subject) -> None:
        """Guards hosts that close a configured connector when they are idle.

        To mend: what `config.keep` holds has a `close`, after which it is made anew.
        """
        sandbox = subject.start_sandbox()
        configured = subject.connector.configure(sandbox.config)
        for _ in range(2):
            configured.send_message(self.message)
            configured.close()
        assert len(sandbox.messages) == 2, "After it was closed, the connector did not send again."

    @staticmethod
    def _check_template(
        accepted: SandboxMessage, setting: TemplateSetting | None, config: Mapping[str, Any], usage_type: str
    ) -> None:
        shown = show_accepted(accepted)
        if setting is None:
            assert usage_type in shown, f"The usage type {usage_type} did not reach the provider."
            return
        fragments = setting.fragments(config)
        if not fragments[usage_type]:
            pytest.fail(f"Make the template for {usage_type} in the test's config differ from all others.")
        others = [
            name for name, pieces in fragments.items() if name != usage_type and any(one in shown for one in pieces)
        ]
        assert any(one in shown for one in fragments[usage_type]), (
            f"For {usage_type} another template was taken{': ' + others[0] if others else ''}."
        )
        assert not others, f"For {usage_type} something of the template for {others[0]} was sent."


def _check_rendered(accepted: SandboxMessage, message: Message) -> None:
    assert str(message.payload["code"]) in accepted.text, (
        f"The variable code did not arrive; put {{{{code}}}} into the template for {message.type} of the test's config."
    )
    for name in _SHOWN:
        value = render_text(f"{{{{{name}}}}}", message.payload)
        assert value in accepted.text, f"The variable {name} did not arrive as it was."
        assert not accepted.html or escape(value) in accepted.html, f"The HTML lacks the variable {name}."
