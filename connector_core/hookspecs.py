"""The contract between hosts and connectors: every hook, and who implements it.

An implementation names only the arguments it wants. Hooks and arguments are added over time, never taken away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from typing import Any

    from connector_core.config import Config
    from connector_core.errors import ConfigIssue, SendError
    from connector_core.findings import Finding
    from connector_core.message import Message, SendResult
    from connector_core.metadata import ConnectorMetadata
    from connector_core.provisioning import Template, TemplateChange
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.transport import Transport

PROJECT = "connector_core"

CORE_PLUGIN = "connector_core"
"""The name under which the core registers its own checks."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def connector_metadata() -> ConnectorMetadata | None:
    """Say who the connector is; required of every connector."""


@hookspec
def validate_config(config: Config, metadata: ConnectorMetadata) -> Iterable[ConfigIssue] | None:
    """Return what is wrong with a config beyond its schema; the issues of all plugins are joined.

    The schema is checked by the core at the same time, so `config` may be of the wrong shape: an exception that this
    trips over is dropped while the schema has issues of its own. Secrets in `config` are wrapped (`Secret`).
    A host's plugin may add a policy here; `metadata` tells which connector the config is for.
    """


@hookspec(firstresult=True)
def send_message(
    config: Config, message: Message, transport: Transport, metadata: ConnectorMetadata
) -> SendResult | None:
    """Send one message: return a `SendResult` or raise a `SendError`; required of every connector.

    `config` is valid, immutable and the same object for every send of a configured connector: `config.keep(make)`
    holds what is worth making once. HTTP goes through `transport`, which keeps to time limits and retries only what
    surely was not sent. A host's plugin with `@hookimpl(wrapper=True)` wraps the sends of every connector.
    In a batch the wrappers of all its messages are open at once, in one thread: they hold no lock and no connection
    across the `yield`.
    """


@hookspec(firstresult=True)
def send_messages(
    config: Config, messages: Sequence[Message], transport: Transport, metadata: ConnectorMetadata
) -> Sequence[SendResult | SendError] | None:
    """Send many messages in one request, where the provider takes that; optional.

    Return what became of each message, in their order: a `SendResult`, or the `SendError` that `send_message` would
    raise. An error that is raised is about all of them. There are at most as many messages as `batchMessages` and
    `batchBytes` of the metadata's `message_limits` allow. Those whose error is retryable and surely not sent may come
    once more. The wrappers around `send_message` were run for each message before, and go on after. A connector without
    this hook sends its messages one by one, in several threads. The messages may be the caller's own: don't change
    them.
    """


@hookspec(firstresult=True)
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox | None:
    """Return a local stand-in for the provider, not yet started; optional.

    It is a context manager that serves on 127.0.0.1 while its block runs, on `port`, or a free one for 0. With a
    `config`, the credentials, sender and templates of that config exist in it.
    """


@hookspec
def check_connection(config: Config, transport: Transport, metadata: ConnectorMetadata) -> Iterable[Finding] | None:
    """Say whether the config works at the provider, without sending anything to anybody; optional.

    Yield the findings as they come: what there is after 10 seconds is returned, and every request of `transport` ends
    before. A `SendError` that the hook lets pass ends the check and becomes its last finding. The findings of all
    plugins are joined: a host's own may add some.
    """


@hookspec(firstresult=True)
def provision_templates(
    config: Config, templates: Sequence[Template], transport: Transport, metadata: ConnectorMetadata
) -> Iterable[TemplateChange] | None:
    """Say what has to change at the provider so that the templates which the config names are there; optional.

    Return one change for each template that the config names at the provider, with what it is for, what is there and
    what shall be; `choose_template` finds the latter among `templates`, which are none where the host only wants to
    read. Nothing is changed before `apply` of a change is called, and nothing is ever deleted. None says that the
    provider stores no templates.
    """


@hookspec(firstresult=True)
def get_usage(config: Config, since: date, transport: Transport, metadata: ConnectorMetadata) -> int | None:
    """Return how many messages the provider took from this config's account since a day, that day included; optional.

    Every request of `transport` ends before the host's time limit, 3 seconds where it names none. None says that the
    provider doesn't tell.
    """
