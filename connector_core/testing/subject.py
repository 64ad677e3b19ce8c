"""What is tested: the connector that a test class names, and how the checks reach it."""

from __future__ import annotations

import copy
import json
import logging
import re
import string
import threading
import traceback
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from connector_core.errors import ConnectorError, SendError
from connector_core.jsonvalue import format_path
from connector_core.message import Message, SendResult
from connector_core.plugins import ENTRY_POINT_GROUP
from connector_core.schema import ConfigSchema
from connector_core.templates import list_template_entries
from connector_core.testing.config_paths import read_path, replaced, walk
from connector_core.testing.hooks import is_answered, list_hooks
from connector_core.testing.hosts import Hosts
from connector_core.testing.template_setting import REQUIRED_TYPES, TemplateSetting, find_template_setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from connector_core.configured_connector import ConfiguredConnector
    from connector_core.connector import Connector
    from connector_core.findings import Finding
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.schema import Place
    from connector_core.testing.config_paths import Path
    from connector_core.transport import Limits

_OWN_PACKAGE = "connector_core.testing"
_ALPHABETS = (string.digits, "abcdef", string.ascii_lowercase[6:], "ABCDEF", string.ascii_uppercase[6:])
_NEXT = {one: (alphabet * 2)[place + 1] for alphabet in _ALPHABETS for place, one in enumerate(alphabet)}
"""For each letter and digit the next of its kind, hexadecimal digits apart, so that a secret keeps its form."""

_CODE = re.compile("[a-z][a-z0-9_]*")


@dataclass(slots=True)
class Attempt:
    """What came of one send: a result or an error, and what the connector itself raised."""

    result: SendResult | None = None
    error: SendError | None = None
    raised: list[BaseException] = field(default_factory=list)


class Subject:
    """The connector under test, with sandboxes that end with the test."""

    def __init__(self, tests: SubjectChecks, hosts: Hosts, stack: ExitStack, caplog: pytest.LogCaptureFixture) -> None:
        self.tests = tests
        self._hosts = hosts
        self._stack = stack
        self._caplog = caplog
        self._spy = hosts.spy
        self._sandbox_threads: set[int | None] = set()
        self.host = hosts.with_limits(None)
        caplog.set_level(logging.DEBUG)

    @property
    def connector(self) -> Connector:
        """Return the connector; a check that needs it fails where it didn't load."""
        for failure in self.host.failures:
            if failure.entry_point == self.tests.connector_id:
                pytest.fail(f"The connector failed to load: {failure.error}")
        return self.host[self.tests.connector_id]

    @cached_property
    def schema(self) -> ConfigSchema:
        """Return the schema of its config."""
        return ConfigSchema(self.connector.metadata.config_schema)

    @property
    def config(self) -> dict[str, Any]:
        """Return a copy of the config that the test class names."""
        return copy.deepcopy(dict(self.tests.config))

    def make_message(self, to: str | None = None, usage_type: str | None = None, **payload: Any) -> Message:
        """Return the test class's message with some parts changed."""
        message = self.tests.message.copy()
        return Message(to or message.to, usage_type or message.type, {**message.payload, **payload}, message.ip)

    def start_sandbox(self, config: Mapping[str, Any] | None = None) -> Sandbox:
        """Return a running sandbox that knows a config, the test class's where none is given."""
        there = {thread.ident for thread in threading.enumerate()}
        sandbox = self._stack.enter_context(self.connector.create_sandbox(self.config if config is None else config))
        self._sandbox_threads |= {thread.ident for thread in threading.enumerate()} - there
        return sandbox

    def with_limits(self, limits: Limits) -> Connector:
        """Return the same connector in a host with other limits."""
        return self._hosts.with_limits(limits)[self.tests.connector_id]

    def attempt(self, config: Mapping[str, Any], message: Message, connector: Connector | None = None) -> Attempt:
        """Send a message and return what came of it; an error must be one that a host can act upon."""
        with (connector or self.connector).configure(config) as configured:
            return self._try(configured, message)

    @contextmanager
    def sending(self, config: Mapping[str, Any]) -> Iterator[Callable[[Message], SendResult | SendError]]:
        """Give what sends one message after the other with one configured connector, and returns what came of it."""
        with self.connector.configure(config) as configured:

            def send(message: Message) -> SendResult | SendError:
                attempt = self._try(configured, message)
                return attempt.error or attempt.result  # type: ignore[return-value]  # one of the two is there

            yield send

    def send_batch(self, config: Mapping[str, Any], messages: Iterable[Message]) -> list[SendResult | SendError]:
        """Send messages at once, and return what came of each; an error must be one that a host can act upon."""
        self._spy.raised.clear()
        with self.connector.configure(config) as configured:
            outcomes = list(configured.send_messages(messages))
        for outcome in outcomes:
            if isinstance(outcome, SendError):
                _check_error(Attempt(error=outcome, raised=[*self._spy.raised, *_find_foreign(outcome)]))
        return outcomes

    def _try(self, configured: ConfiguredConnector, message: Message) -> Attempt:
        self._spy.raised.clear()
        attempt = Attempt()
        try:
            attempt.result = configured.send_message(message)
        except SendError as error:
            attempt.error = error
            attempt.raised = list(self._spy.raised)
            _check_error(attempt)
        return attempt

    def send(self, config: Mapping[str, Any], message: Message) -> SendResult:
        """Send a message that must be taken."""
        attempt = self.attempt(config, message)
        if attempt.result is None:
            pytest.fail(f"The message should have been sent, but the send failed: {attempt.error}")
        return attempt.result

    def has(self, hook: str) -> bool:
        """Return whether the connector has an optional hook, which is found out once for a test class."""
        known = self.tests.known_hooks()
        if hook not in known:
            known[hook] = hook in list_hooks(self.connector.id, self.tests.entry_point_group)
            if known[hook]:
                with self.connector.configure(self.start_sandbox().config) as configured:
                    known[hook] = is_answered(hook, configured)
        return known[hook]

    def check(
        self, config: Mapping[str, Any], connector: Connector | None = None, seconds: float | None = None
    ) -> list[Finding]:
        """Return the findings of a live check, each of which must be one that an administrator can act upon."""
        self._spy.raised.clear()
        self._spy.found.clear()
        with (connector or self.connector).configure(config) as configured:
            findings = configured.check_connection(seconds=seconds)
        foreign = [repr(error) for error in self._spy.raised if not isinstance(error, ConnectorError)]
        assert not foreign, (
            f"The live check raised {', '.join(foreign)}: trust no shape of an answer, and yield a finding."
        )
        failed = [one.message for one in findings if one.code == "check_failed"]
        assert not failed, f"The live check yielded something else than findings: {failed[0]}"
        for finding in findings:
            _check_finding(finding, self.schema.root)
        return findings

    @property
    def found(self) -> list[object]:
        """Return what the last live check found, in the connector's own words, before the core struck secrets out."""
        return list(self._spy.found)

    @property
    def logged(self) -> str:
        """Return all that the connector logged, as any handler may show it; a sandbox logs in threads of its own."""
        records = (record for record in self._caplog.records if record.thread not in self._sandbox_threads)
        return "\n".join(f"{record.getMessage()} {vars(record)}" for record in records)

    @property
    def templates(self) -> TemplateSetting | None:
        """Return the setting that holds the templates, None where the schema has none."""
        setting = find_template_setting(self.schema.root)
        if setting is not None:
            there = {entry.get("usageType") for _, entry in list_template_entries(self.tests.config.get(setting.key))}
            missing = [usage_type for usage_type in REQUIRED_TYPES if usage_type not in there]
            if missing:
                pytest.fail(f"Give the test's config templates for {', '.join(missing)}, too, all different.")
        return setting

    def name_new_template(self, config: Mapping[str, Any], path: Path, name: str) -> dict[str, Any]:
        """Return a config that names a template which the provider doesn't have in the place of one that it has."""
        changed: dict[str, Any] = replaced(dict(config), path, self.tests.rename_template(name))
        issues = self.connector.validate_config(changed)
        if issues:
            pytest.fail(f"Override rename_template, so that the name of a template stays valid: {issues[0].message}")
        return changed

    def list_secrets(self, config: Mapping[str, Any]) -> dict[Path, str]:
        """Return the secrets of a config by their path."""
        return {
            path: value
            for path, value, place in walk(config, self.schema.root)
            if place is not None and place.secret and isinstance(value, str)
        }


class SubjectChecks:
    """What a test class names, and the fixture that the checks share."""

    connector_id: ClassVar[str]
    config: ClassVar[Mapping[str, Any]]
    message: ClassVar[Message]
    languages: ClassVar[Sequence[str]] = ("en", "fr")
    has_secrets: ClassVar[bool] = True
    public_settings: ClassVar[Sequence[str]] = ()
    credentials: ClassVar[Sequence[str]] = ()
    entry_point_group: ClassVar[str] = ENTRY_POINT_GROUP
    _known_hooks: ClassVar[dict[str, bool]]
    _hosts: ClassVar[Hosts]

    @pytest.fixture
    def subject(self, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> Iterator[Subject]:
        """Give the connector under test."""
        with ExitStack() as stack:
            yield Subject(self, self.known_hosts(request), stack, caplog)

    @classmethod
    def known_hooks(cls) -> dict[str, bool]:
        """Return what is known of the optional hooks, to be added to."""
        if "_known_hooks" not in vars(cls):
            cls._known_hooks = {}
        return cls._known_hooks

    @classmethod
    def known_hosts(cls, request: pytest.FixtureRequest) -> Hosts:
        """Return the hosts of the test class, which are closed when it ends."""
        if "_hosts" not in vars(cls):
            cls._hosts = Hosts(cls.connector_id, cls.entry_point_group)
            request.node.getparent(pytest.Class).addfinalizer(cls._forget_hosts)
        return cls._hosts

    @classmethod
    def _forget_hosts(cls) -> None:
        cls._hosts.close()
        del cls._hosts

    def alter_secret(self, secret: str) -> str:
        """Return another secret of the same form; override it where the form is a special one."""
        return "".join(_NEXT.get(character, character) for character in secret)

    def rename_template(self, name: str) -> str:
        """Return another name for a template at the provider; override it where the form is a special one."""
        return f"{name}-kit"

    def break_credentials(self, subject: Subject, config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """Return a config with each of its credentials wrong, by the path of what is wrong."""
        return {
            where: replaced(dict(config), path, self.alter_secret(secret))
            for path, secret in subject.list_secrets(config).items()
            if (where := format_path(path)) in self.credentials or not self.credentials
        }


def _find_foreign(outcome: SendError) -> list[BaseException]:
    """Return what a hook raised that the core made an error of."""
    cause = outcome.__cause__
    return [cause] if cause is not None and f"failed ({type(cause).__name__})" in str(outcome) else []


def _check_error(attempt: Attempt) -> None:
    """Check what holds for every error of a send."""
    error = attempt.error
    assert error is not None
    foreign = [type(one).__name__ for one in attempt.raised if not isinstance(one, SendError)]
    assert not foreign, (
        f"The connector raised {', '.join(foreign)}: raise a SendError that says what to do, or let the errors of the "
        "transport pass."
    )
    assert str(error).strip(), "The error has no sentence: say in one what to do next."
    json.dumps(error.to_json())


def _check_finding(finding: Finding, root: Place) -> None:
    """Check what holds for every finding of a live check."""
    what = f"The finding {finding.code!r} at {finding.path}"
    assert _CODE.fullmatch(finding.code), f"{what} has a code that is no word of a-z, 0-9 and _."
    path = read_path(finding.path)
    place = None if path is None else root.at(path)
    assert place, f"{what} leads to no setting: name one of the schema, such as $.apiKey, or $ where it is about none."
    assert finding.message.strip(), f"{what} has no sentence: say in one what was seen."
    if finding.level == "ok":
        assert not finding.fix, f"{what} has a fix, though nothing is wrong."
    else:
        assert finding.fix.strip(), f"{what} has no fix: tell a tired administrator what to do next."


def show_error(error: BaseException | None) -> str:
    """Return all that a crash report might show of an exception and its causes, but for this kit's own variables."""
    shown: list[str] = []
    while error is not None:
        frames = [
            (frame, line)
            for frame, line in traceback.walk_tb(error.__traceback__)
            if not frame.f_globals.get("__name__", "").startswith(_OWN_PACKAGE)
        ]
        summary = traceback.StackSummary.extract(frames, capture_locals=True)
        shown += [*summary.format(), str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(shown)
