"""What is tested: the connector that a test class names, and how the checks reach it."""

from __future__ import annotations

import copy
import json
import logging
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
from connector_core.testing.leaks import find_leak

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from connector_core.connector import Connector
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.schema import Place
    from connector_core.transport import Limits

Path = tuple[str | int, ...]

_OWN_PACKAGE = "connector_core.testing"


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
        """Send a message and return what came of it; every error is checked for what holds for all errors."""
        self._spy.raised.clear()
        attempt = Attempt()
        with (connector or self.connector).configure(config) as configured:
            try:
                attempt.result = configured.send_message(message)
            except SendError as error:
                attempt.error = error
                attempt.raised = list(self._spy.raised)
                self.check_error(attempt, config)
        self.check_logs(config)
        return attempt

    def send(self, config: Mapping[str, Any], message: Message) -> SendResult:
        """Send a message that must be taken."""
        attempt = self.attempt(config, message)
        if attempt.result is None:
            pytest.fail(f"The message should have been sent, but the send failed: {attempt.error}")
        return attempt.result

    def check_error(self, attempt: Attempt, config: Mapping[str, Any]) -> None:
        """Check what holds for every error of a send."""
        error = attempt.error
        assert error is not None
        foreign = [type(one).__name__ for one in attempt.raised if not isinstance(one, SendError)]
        assert not foreign, (
            f"The connector raised {', '.join(foreign)}: raise a SendError that says what to do, or let the errors of "
            "the transport pass."
        )
        assert str(error).strip(), "The error has no sentence: say in one what to do next."
        json.dumps(error.to_json())
        secrets = list(self.list_secrets(config).values())
        leak = find_leak(_show(error), secrets)
        assert leak is None, (
            f"A secret shows in the error or in a local variable of its traceback ({leak}): keep secrets as Secret, "
            "put the revealed text into no variable, and give objects that hold one a repr without it."
        )

    def check_logs(self, config: Mapping[str, Any]) -> None:
        """Check that no log record shows a secret."""
        secrets = list(self.list_secrets(config).values())
        records = "\n".join(f"{record.getMessage()} {vars(record)}" for record in self._caplog.records)
        leak = find_leak(records, secrets)
        assert leak is None, f"A secret shows in a log record ({leak}): log no headers, bodies or configs."

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
    entry_point_group: ClassVar[str] = ENTRY_POINT_GROUP

    @pytest.fixture
    def subject(self, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[Subject]:
        """Give the connector under test; at the end nothing that was printed may show a secret."""
        with ExitStack() as stack:
            subject = Subject(self, stack, caplog)
            yield subject
            secrets = list(subject.list_secrets(self.config).values()) if self.connector_id in subject.host else []
        leak = find_leak("".join(capfd.readouterr()), secrets)
        assert leak is None, f"A secret was printed ({leak}): print nothing."


def _show(error: BaseException | None) -> str:
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


def walk(value: Any, place: Place | None, path: Path = ()) -> Iterator[tuple[Path, Any, Place | None]]:
    """Yield each value of a config that is no object and no list, with its path and what the schema says of it."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from walk(member, place and place.properties.get(name, place.others), (*path, name))
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from walk(member, place and place.items, (*path, index))
    else:
        yield path, value, place


def replaced(value: Any, path: Path, new: Any) -> Any:
    """Return a copy of a config with another value at a path."""
    changed = copy.deepcopy(value)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = new
    return changed


def without(value: Any, path: Path) -> Any:
    """Return a copy of a config that lacks what is at a path."""
    changed = copy.deepcopy(value)
    target = changed
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    return changed
