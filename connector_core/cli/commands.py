"""The commands of `connectors`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from connector_core.cli.console import serve_console
from connector_core.cli.live import check_connection, send_test, show_usage
from connector_core.cli.options import (
    as_json_option,
    catch_interrupts,
    config_option,
    connector_argument,
    debug_option,
    discover,
    open_config,
    optional_config_option,
)
from connector_core.cli.output import FAILED, Group, Session, format_table
from connector_core.cli.scaffold import new_connector
from connector_core.cli.send_many import send_messages
from connector_core.cli.templates import templates
from connector_core.errors import InvalidConfig, InvalidMessage
from connector_core.message import Message
from connector_core.payloads import TEST_CODE
from connector_core.templates import GENERIC

if TYPE_CHECKING:
    from connector_core.connector import Connector


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="connector-core")
@debug_option
def connectors() -> None:
    """Try, check and use the connectors that are installed."""


@connectors.command("list")
@as_json_option
@debug_option
@click.pass_obj
def list_connectors(session: Session) -> None:
    """List the connectors, and those that failed to load."""
    with discover() as host:
        rows = [
            {
                "id": one.id,
                "type": one.metadata.type,
                "name": one.name(),
                "version": one.version,
                "distribution": one.distribution,
            }
            for one in host.values()
        ]
        document = {"connectors": rows, "failures": [failure.to_json() for failure in host.failures]}
    table = [("ID", "TYPE", "NAME", "VERSION", "DISTRIBUTION"), *(tuple(row.values()) for row in rows)]
    session.print_result(document, format_table(table))
    if not session.as_json:
        for failure in host.failures:
            session.note(
                f"Failed to load: {failure.entry_point} of {failure.distribution} {failure.version}: {failure.error}"
            )


@connectors.command("show")
@connector_argument
@click.option("--schema", "part", flag_value="schema", help="Print the JSON Schema of the config.")
@click.option("--form", "part", flag_value="form", help="Print the items of the settings form as JSON.")
@click.option("--guide", "part", flag_value="guide", help="Print the guide.")
@click.option("--template", "part", flag_value="template", help="Print a config to start from.")
@click.option("--locale", help="The language of the guide, such as fr.")
@as_json_option
@debug_option
@click.pass_obj
def show_connector(session: Session, connector_id: str, part: str | None, locale: str | None) -> None:
    """Show what a connector says of itself."""
    with discover() as host:
        connector = host[connector_id]
    if part == "guide":
        session.print_result({"guide": connector.guide(locale)}, connector.guide(locale))
    elif part is None:
        session.print_result(connector.metadata.to_json(), _describe(connector, locale))
    else:
        document: Any = {
            "schema": lambda: connector.config_schema,
            "form": connector.form_items,
            "template": connector.template_config,
        }[part]()
        click.echo(json.dumps(document, indent=2))


@connectors.command("validate")
@connector_argument
@config_option
@as_json_option
@debug_option
@click.pass_obj
def validate_config(session: Session, connector_id: str, config_file: BinaryIO) -> None:
    """Check a config; every issue is listed, and nothing is sent."""
    with discover() as host:
        connector = host[connector_id]
    try:
        config = open_config(session, connector, config_file)
        issues = connector.validate_config(config)
    except InvalidConfig as error:
        issues = list(error.issues)
    document = {"valid": not issues, "issues": [issue.to_json() for issue in issues]}
    words = "\n".join(session.clean(f"{issue.path}: {issue.message}") for issue in issues) or "The config is valid."
    session.print_result(document, words)
    if issues:
        raise click.exceptions.Exit(FAILED)


@connectors.command("send")
@connector_argument
@optional_config_option
@click.option("--to", required=True, help="The recipient, one address.")
@click.option("--type", "usage_type", default=GENERIC, show_default=True, help="The usage type.")
@click.option("--payload", help=f"The variables: JSON, @FILE or - for standard input.  [default: the code {TEST_CODE}]")
@click.option("--ip", help="The network address of the person who asked for the message.")
@click.option("--sandbox", "in_sandbox", is_flag=True, help="Send to a local stand-in instead of the provider.")
@as_json_option
@debug_option
@click.pass_obj
def send_message(  # noqa: PLR0913, PLR0917  one argument an option
    session: Session,
    connector_id: str,
    config_file: BinaryIO | None,
    to: str,
    usage_type: str,
    payload: str | None,
    ip: str | None,
    in_sandbox: bool,  # noqa: FBT001  Click calls it by keyword
) -> None:
    """Send one message; without type and payload, one to try the config."""
    if config_file is None and not in_sandbox:
        raise click.UsageError("Missing option '--config': name the config's file, or try --sandbox.")
    if payload in {"-", "@-"} and config_file is not None and config_file is sys.stdin.buffer:
        raise click.UsageError("Only one of --config and --payload can be read from standard input.")
    with discover() as host:
        connector = host[connector_id]
        config = None if config_file is None else open_config(session, connector, config_file)
        message = Message(to=to, type=usage_type, payload=_read_payload(payload), ip=ip)
        if in_sandbox:
            with connector.create_sandbox(_reveal(connector, config)) as sandbox:
                result = connector.send_message(sandbox.config, message)
                for accepted in sandbox.messages if not session.as_json else ():
                    click.echo(f"The sandbox took: {accepted.subject}\n\n{accepted.text}\n", err=True)
        else:
            result = connector.send_message(config, message)
    words = "\n".join(session.clean(f"{address}: {status}") for address, status in result.recipients.items())
    session.print_result(
        {"connector": connector_id, **result.to_json()},
        f"{result.status.capitalize()} as {result.message_id}.\n{words}",
    )


@connectors.command("sandbox")
@connector_argument
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port on 127.0.0.1.  [default: a free one]")
@optional_config_option
@as_json_option
@debug_option
@click.pass_obj
def serve_sandbox(session: Session, connector_id: str, port: int, config_file: BinaryIO | None) -> None:
    """Serve a local stand-in for the provider until interrupted; prints a config that works against it."""
    with discover() as host:
        connector = host[connector_id]
        config = None if config_file is None else open_config(session, connector, config_file)
        wait = catch_interrupts()
        revealed = _reveal(connector, config)
        with connector.create_sandbox(revealed, port) as sandbox:
            document = _make_printable(sandbox.config, config or {}, revealed or {})
            session.print_result(document, json.dumps(document, indent=2))
            click.echo(f"The sandbox shows what it takes at {sandbox.url} - stop it with Ctrl+C.", err=True)
            wait()


for command in (send_messages, check_connection, send_test, show_usage, templates, new_connector, serve_console):
    connectors.add_command(command)


def _describe(connector: Connector, locale: str | None) -> str:
    """Return what a person wants to know of a connector first."""
    from connector_core.metadata import choose_language

    settings = [("SETTING", "TYPE", "REQUIRED", "MEANING")]
    for item in connector.form_items():
        required = "yes" if item["required"] else "no"
        settings.append((item["key"], item["type"], required, item.get("description", item["label"])))
    return (
        f"{connector.name(locale)} ({connector.id}, {connector.distribution} {connector.version})\n"
        f"{choose_language(connector.metadata.description, locale)}\n\n{format_table(settings)}\n\n"
        f"Start with: connectors show {connector.id} --template > config.json"
    )


def _read_payload(argument: str | None) -> Any:
    """Return the payload that an option gives: JSON, @FILE or - for standard input."""
    if argument is None:
        return {"code": TEST_CODE}
    if argument == "-" or argument.startswith("@"):
        try:
            with click.open_file(argument.removeprefix("@"), "rb") as file:
                text: str | bytes = file.read()
        except OSError as cause:
            raise click.BadParameter(f"can't read {argument}: {cause.strerror}", param_hint="'--payload'") from cause
    else:
        text = argument
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidMessage(
            'The payload is no JSON: write an object such as {"code": "123456"}, @FILE or - for standard input.'
        ) from None


def _reveal(connector: Connector, config: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a config as the sandbox needs it, with its secrets in clear; it must be valid."""
    return None if config is None else connector.configure(config).config.reveal()


def _make_printable(sandbox_config: dict[str, Any], given: dict[str, Any], revealed: dict[str, Any]) -> dict[str, Any]:
    """Return the sandbox's config; a secret that the given config only refers to stays a reference."""
    return {
        key: given[key] if key in given and revealed[key] == value else value for key, value in sandbox_config.items()
    }
