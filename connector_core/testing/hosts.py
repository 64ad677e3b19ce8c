"""The hosts of a test class, and what they see of the connector under test."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from connector_core.hookspecs import hookimpl
from connector_core.host import Host
from connector_core.plugins import BLOCK_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from connector_core.findings import Finding
    from connector_core.message import SendResult
    from connector_core.transport import Limits


class Spy:
    """A host's plugin that sees what a connector raises and finds, before the core makes it fit for a host."""

    def __init__(self) -> None:
        self.raised: list[BaseException] = []
        self.found: list[object] = []

    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, SendResult, SendResult]:
        """Note what a send raises."""
        try:
            return (yield)
        except BaseException as error:
            self.raised.append(error)
            raise

    @hookimpl(wrapper=True)
    def check_connection(self) -> Generator[None, list[Iterable[Finding]], list[Iterable[Finding]]]:
        """Note what a live check raises and yields."""
        try:
            answers = yield
        except BaseException as error:
            self.raised.append(error)
            raise
        return [self._watch(answer) for answer in answers]

    def _watch(self, answer: Iterable[Finding]) -> Iterator[Finding]:
        try:
            for finding in answer:
                self.found.append(finding)
                yield finding
        except Exception as error:
            self.raised.append(error)
            raise


class Hosts:
    """Hosts with the connector under test, one for each limits, made once for a test class: discovery takes its time.

    Each sandbox has an address of its own, so that one test meets nothing of another in them but the connector.
    """

    def __init__(self, connector_id: str, group: str) -> None:
        self.spy = Spy()
        self._group = group
        self._others = entry_points(group=group).names - {connector_id}
        self._made: dict[Limits | None, Host] = {}

    def with_limits(self, limits: Limits | None) -> Host:
        """Return a host with these limits, or with those of every host."""
        if limits not in self._made:
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv(BLOCK_VARIABLE, ",".join(self._others))  # to load all others, too, takes its time
                self._made[limits] = Host.discover(plugins=[self.spy], limits=limits, group=self._group)
        return self._made[limits]

    def close(self) -> None:
        """Close every host."""
        for host in self._made.values():
            host.close()
