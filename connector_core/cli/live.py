"""The commands that ask the provider and send nothing, and the test mail."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from connector_core.address import ascii_address, check_address
from connector_core.cli.options import (
    as_json_option,
    config_option,
    connector_argument,
    debug_option,
    discover,
    open_config,
)
from connector_core.cli.output import FAILED, count, find_width
from connector_core.errors import ConnectorError, UnsupportedFeature
from connector_core.live import USAGE_SECONDS
from connector_core.message import USAGE_TYPES, Message
from connector_core.payloads import sample_payload
from connector_core.templates import GENERIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core.cli.output import Session
    from connector_core.configured_connector import ConfiguredConnector
    from connector_core.findings import Finding

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}
"""The levels from good to bad: what is bad stands last, where people look first."""


_NOT_TOLD = {
    *("check_failed", "no_answer", "not_reached", "not_understood"),
    *("provider_unavailable", "rate_limit_exceeded", "timed_out"),
}
"""Codes of errors that say nothing of the config itself."""


def _read_day(_ctx: click.Context, _option: click.Parameter, text: str) -> date:
    """Return the day that an option names, which must have begun."""
    try:
        # Python would take other notations of ISO 8601, too, such as a week.
        day = date.fromisoformat(text if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else "")
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date: write it as 2026-11-01.") from None
    if day > datetime.now().astimezone().date():
        raise click.BadParameter(f"{day} is in the future: name a day that has begun.")
    return day


@click.command("check")
@connector_argument
@config_option
@as_json_option
@debug_option
@click.pass_obj
def check_connection(session: Session, connector_id: str, config_file: BinaryIO) -> None:
    """Check at the provider whether a config works; nothing is sent to anybody."""
    with discover() as host:
        connector = host[connector_id]
        findings = connector.check_connection(open_config(session, connector, config_file))
    works = _works(findings)
    document = {"connector": connector_id, "works": works, "findings": [one.to_json() for one in findings]}
    session.print_result(document, f"{describe_findings(session, findings)}\n{_count_findings(findings)}".strip())
    if not works:
        raise click.exceptions.Exit(FAILED)


@click.command("test")
@connector_argument
@config_option
@click.option("--to", required=True, help="The recipient, one address.")
@click.option("--all-types", is_flag=True, help="Send one message of each shared usage type.  [default: Generic alone]")
@click.option("--locale", help="The language of the reader, such as fr.")
@as_json_option
@debug_option
@click.pass_obj
def send_test(  # noqa: PLR0913, PLR0917  one argument an option
    session: Session,
    connector_id: str,
    config_file: BinaryIO,
    to: str,
    all_types: bool,  # noqa: FBT001  Click calls it by keyword
    locale: str | None,
) -> None:
    """Check a config, then send a message with it, whose code is 000000; the config is stored nowhere."""
    usage_types = USAGE_TYPES if all_types else (GENERIC,)
    messages = [Message(to=to, type=one, payload=sample_payload(one, locale)) for one in usage_types]
    with discover() as host:
        connector = host[connector_id]
        if connector.metadata.type == "Email":
            check_address(to)
            ascii_address(to)
        with connector.configure(open_config(session, connector, config_file)) as configured:
            findings = _check(session, configured)
            sent = _send_each(session, configured, messages) if _works(findings) else []
    if session.as_json:
        checked, document = [one.to_json() for one in findings], session.redaction.redact_json(sent)
        session.print_result({"connector": connector_id, "findings": checked, "messages": document}, "")
    if not _works(findings) or any("error" in one for one in sent):
        raise click.exceptions.Exit(FAILED)


@click.command("usage")
@connector_argument
@config_option
@click.option(
    "--since", callback=_read_day, required=True, metavar="DATE", help="The first day that counts, such as 2026-11-01."
)
@click.option(
    "--seconds",
    type=click.IntRange(1, 600),
    default=int(USAGE_SECONDS),
    show_default=True,
    help="How long the provider may take.",
)
@as_json_option
@debug_option
@click.pass_obj
def show_usage(session: Session, connector_id: str, config_file: BinaryIO, since: date, seconds: int) -> None:
    """Show how many messages the provider took from a config's account."""
    with discover() as host:
        connector = host[connector_id]
        with connector.configure(open_config(session, connector, config_file)) as configured:
            number = configured.get_usage(since, seconds=seconds)
    document = {"connector": connector_id, "since": since.isoformat(), "messages": number}
    session.print_result(document, f"{count(number, 'message')} since {since}.")


def describe_findings(session: Session, findings: Sequence[Finding]) -> str:
    """Return findings as aligned lines for people: level, path, message, and the fix below."""
    order = {level: place for place, level in enumerate(_COLOURS)}
    shown = sorted(findings, key=lambda one: order[one.level])
    width = find_width(session.clean(one.path) for one in shown)
    lines = []
    for one in shown:
        level = click.style(f"{one.level:<7}", fg=_COLOURS[one.level])
        lines.append(f"{level}  {session.clean(one.path):<{width}}  {session.clean(one.message)}")
        if one.fix:
            lines.append(f"{'':<7}  {'':<{width}}  {session.clean(one.fix)}")
    return "\n".join(lines)


def _works(findings: Sequence[Finding]) -> bool:
    return all(one.level != "error" for one in findings)


def _count_findings(findings: Sequence[Finding]) -> str:
    levels = [one.level for one in findings]
    counts = [count(levels.count(level), level) for level in ("error", "warning") if level in levels]
    if "ok" in levels:
        counts.append(f"{levels.count('ok'):,} ok")
    errors = {one.code for one in findings if one.level == "error"}
    verdict = "The config does not work" if errors - _NOT_TOLD else "The config could not be checked"
    verdict = verdict if errors else "The config works"
    return f"{verdict}: {', '.join(counts) or 'the check has nothing to say'}."


def _check(session: Session, configured: ConfiguredConnector) -> list[Finding]:
    """Return what a live check finds, of which people see what is not ok."""
    try:
        findings = configured.check_connection()
    except UnsupportedFeature:
        session.note("The connector has no live check, so it is tried by sending alone.")
        return []
    troubles = [one for one in findings if one.level != "ok"]
    if troubles and not session.as_json:
        click.echo(describe_findings(session, troubles))
    if not _works(findings):
        session.note("Nothing was sent: mend what is wrong, then try again.")
    return findings


def _send_each(session: Session, configured: ConfiguredConnector, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Send messages, each whatever became of the one before, and tell of each at once; return what became of them."""
    width = max(len(message.type) for message in messages)
    documents: list[dict[str, Any]] = []
    for message in messages:
        try:
            result = configured.send_message(message)
        except ConnectorError as error:
            status, words, colour = "failed", str(error), "red"
            documents.append({"type": message.type, "error": error.to_json()})
        else:
            status, words, colour = result.status, result.message_id, "green"
            documents.append({"type": message.type, **result.to_json()})
        if not session.as_json:
            click.echo(f"{message.type:<{width}}  {click.style(f'{status:<6}', fg=colour)}  {session.clean(words)}")
    return documents
