"""What is tested: the connector that a test class names, and how the checks reach it."""

from __future__ import annotations

import copy
import json
import logging
import string
import threading
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from connector_core.errors import SendError
from connector_core.hookspecs import hookimpl
from connector_core.host import Host
from connector_core.message import Message, SendResult
from connector_core.plugins import ENTRY_POINT_GROUP
from connector_core.schema import ConfigSchema
from connector_core.templates import list_template_entries
from connector_core.testing.config_paths import walk
from connector_core.testing.template_setting import REQUIRED_TYPES, TemplateSetting, find_template_setting

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from connector_core.connector import Connector
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.config_paths import Path
    from connector_core.transport import Limits

_OWN_PACKAGE = "connector_core.testing"
_ALPHABETS = (string.digits, "abcdef", string.ascii_lowercase[6:], "ABCDEF", string.ascii_uppercase[6:])
_NEXT = {one: (alphabet * 2)[place + 1] for alphabet in _ALPHABETS for place, one in enumerate(alphabet)}
"""For each letter and digit the next of its kind, hexadecimal digits apart, so that a secret keeps its form."""


@dataclass(slots=True)
class Attempt:
    """What came of one send: a result or an error, and what the connector itself raised."""

    result: SendResult | None = None
    error: SendError | None = None
    raised: list[BaseException] = field(default_factory=list)


class _Spy:
    """A host's plugin that sees what a connector raises, before the core makes an error of the host's out of it."""

    def __init__(self) -> None:
        self.raised: list[BaseException] = []

    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, SendResult, SendResult]:
        try:
            return (yield)
        except BaseException as error:
            self.raised.append(error)
            raise


class Subject:
    """The connector under test, with a host and sandboxes that end with the test."""

    def __init__(self, tests: SubjectChecks, stack: ExitStack, caplog: pytest.LogCaptureFixture) -> None:
        self.tests = tests
        self._stack = stack
        self._caplog = caplog
        self._spy = _Spy()
        self.host = self._make_host(None)
        caplog.set_level(logging.DEBUG)

    @property
    def connector(self) -> Connector:
        """Return the connector; a check that needs it fails where it didn't load."""
        for failure in self.host.failures:
            if failure.entry_point == self.tests.connector_id:
                pytest.fail(f"The connector failed to load: {failure.error}")
        return self.host[self.tests.connector_id]

    @property
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
        return self._stack.enter_context(self.connector.create_sandbox(self.config if config is None else config))

    def with_limits(self, limits: Limits) -> Connector:
        """Return the same connector in a host with other limits."""
        return self._make_host(limits)[self.tests.connector_id]

    def attempt(self, config: Mapping[str, Any], message: Message, connector: Connector | None = None) -> Attempt:
        """Send a message and return what came of it; an error must be one that a host can act upon."""
        self._spy.raised.clear()
        attempt = Attempt()
        with (connector or self.connector).configure(config) as configured:
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

    @property
    def logged(self) -> str:
        """Return all that sends logged, as any handler may show it; a sandbox logs in threads of its own."""
        here = threading.get_ident()
        records = (record for record in self._caplog.records if record.thread == here)
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

    def list_secrets(self, config: Mapping[str, Any]) -> dict[Path, str]:
        """Return the secrets of a config by their path."""
        return {
            path: value
            for path, value, place in walk(config, self.schema.root)
            if place is not None and place.secret and isinstance(value, str)
        }

    def _make_host(self, limits: Limits | None) -> Host:
        host = Host.discover(plugins=[self._spy], limits=limits, group=self.tests.entry_point_group)
        return self._stack.enter_context(host)


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

    @pytest.fixture
    def subject(self, caplog: pytest.LogCaptureFixture) -> Iterator[Subject]:
        """Give the connector under test."""
        with ExitStack() as stack:
            yield Subject(self, stack, caplog)

    def alter_secret(self, secret: str) -> str:
        """Return another secret of the same form; override it where the form is a special one."""
        return "".join(_NEXT.get(character, character) for character in secret)


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
