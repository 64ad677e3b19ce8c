"""A connector in memory whose calls that send no message do what a test gives them to do."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from fakes import FakeConnector

from connector_core import Config, Finding, Template, Transport, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector_core import ConfiguredConnector, Host

SECRET = "made-up-token-4711"
CONFIG = {"token": SECRET, "sender": "noreply@example.com"}
GOOD = Finding("ok", "credentials_accepted", "$.token", "The token works.")
SINCE = date(2026, 11, 1)


class LiveConnector(FakeConnector):
    """A connector in memory whose optional hooks do what a test gives them to do."""

    def __init__(
        self,
        *,
        findings: Callable[[Config, Transport], Any] | None = None,
        changes: Callable[[Sequence[Template]], Any] | None = None,
        usage: Callable[[date, Transport], Any] | None = None,
    ) -> None:
        super().__init__()
        self._findings = findings
        self._changes = changes
        self._usage = usage

    @hookimpl
    def check_connection(self, config: Config, transport: Transport) -> Any:
        return self._findings(config, transport) if self._findings else [GOOD]

    @hookimpl
    def provision_templates(self, templates: Sequence[Template]) -> Any:
        return self._changes(templates) if self._changes else []

    @hookimpl
    def get_usage(self, since: date, transport: Transport) -> Any:
        return self._usage(since, transport) if self._usage else 0


def configure_live(make_host: Callable[..., Host], **hooks: Any) -> ConfiguredConnector:
    """Configure a connector whose optional hooks do what is given."""
    options = {name: hooks.pop(name) for name in ("plugins", "limits") if name in hooks}
    return make_host(LiveConnector(**hooks), **options)["alpha-mail"].configure(CONFIG)


def raise_(error: BaseException) -> Any:
    """Raise an error where a lambda can only call."""
    raise error
