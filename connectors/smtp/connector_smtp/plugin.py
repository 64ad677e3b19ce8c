"""The hooks of the SMTP connector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core import (
    Config,
    ConfigIssue,
    ConnectorMetadata,
    Finding,
    Message,
    Sandbox,
    SendResult,
    Transport,
    hookimpl,
)
from connector_smtp.checks import find_issues

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@hookimpl
def connector_metadata() -> ConnectorMetadata:
    """Say who the connector is."""
    return ConnectorMetadata.load("connector_smtp")


@hookimpl
def validate_config(config: Config) -> list[ConfigIssue]:
    """Return what the schema can't say: credentials that don't go together, missing protection, headers, templates."""
    return find_issues(config)


@hookimpl
def send_message(config: Config, message: Message, transport: Transport) -> SendResult:
    """Send one mail over a connection that is kept for the next one."""
    from connector_smtp.mailer import Mailer  # smtplib, email and ssl are slow to import

    return config.keep(Mailer).send(message, transport)


@hookimpl
def check_connection(config: Config, transport: Transport) -> Iterator[Finding]:
    """Say whether the mail server lets the config in and takes its sender; no mail is sent."""
    from connector_smtp.live_check import check

    return check(config, transport)


@hookimpl
def create_sandbox(config: Mapping[str, Any] | None, port: int) -> Sandbox:
    """Return a local mail server; it needs the extra `sandbox`."""
    from connector_smtp.sandbox import SmtpSandbox

    return SmtpSandbox(config, port=port)
