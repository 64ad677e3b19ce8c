"""The command that sends the messages of a file."""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from connector_core.cli.message_file import FORMATS, find_format, read_messages
from connector_core.cli.options import (
    InputFile,
    as_json_option,
    config_option,
    connector_argument,
    debug_option,
    discover,
    open_config,
)
from connector_core.cli.output import FAILED
from connector_core.errors import ConnectorError
from connector_core.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from connector_core.cli.journal import Journal
    from connector_core.cli.message_file import FileFormat
    from connector_core.cli.output import Session
    from connector_core.cli.send_run import SendRun, Told
    from connector_core.cli.send_summary import Progress, Silence, Tally
    from connector_core.configured_connector import ConfiguredConnector

_MOST_IN_FLIGHT = 64
_STOPPING = (
    b"\nStopping: waiting for what is in flight. Interrupt again to leave at once; what is in flight would then be "
    b"unknown.\n"
)


@click.command("send-many")
@connector_argument
@config_option
@click.option(
    "--messages",
    "message_file",
    type=InputFile("a file of messages"),
    required=True,
    help="The messages: JSON objects, one a line, or a CSV table; - for standard input.",
)
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="The format.  [default: by the file's name]")
@click.option(
    "--concurrency",
    type=click.IntRange(1, _MOST_IN_FLIGHT),
    help="Requests at the same time.  [default: 4 batches, or 8 single messages]",
)
@click.option("--journal", "journal_path", help="The file that keeps what became of each message, to go on later.")
@click.option(
    "--resend-failed", is_flag=True, help="Send again what was refused; take mended lines and a changed config."
)
@click.option("--resend-unknown", is_flag=True, help="Send again what may have been sent: some may arrive twice.")
@as_json_option
@debug_option
@click.pass_obj
def send_messages(  # noqa: PLR0913, PLR0917  one argument an option
    session: Session,
    connector_id: str,
    config_file: BinaryIO,
    message_file: BinaryIO,
    file_format: FileFormat | None,
    concurrency: int | None,
    journal_path: str | None,
    resend_failed: bool,  # noqa: FBT001  Click calls it by keyword
    resend_unknown: bool,  # noqa: FBT001  the same
) -> None:
    """Send the messages of a file; an outcome for each is printed as a line of JSON, in their order."""
    from connector_core.cli.interruption import Interruption
    from connector_core.cli.send_run import Resending, SendRun
    from connector_core.cli.send_summary import Progress, Silence, Tally

    if config_file is message_file:
        raise click.UsageError("Only one of --config and --messages can be read from standard input.")
    if sys.stdout is None:  # so it is where the process was started without
        raise click.UsageError("Standard output is closed: let it lead to a file, or the outcomes can't be told.")
    if journal_path is None and (resend_failed or resend_unknown):
        raise click.UsageError("Missing option '--journal': it knows what was not sent, or may have been.")
    tally = Tally()
    progress = Silence() if session.as_json else Progress(sys.stderr, _measure(message_file))
    with discover() as host:
        connector = host[connector_id]
        config = open_config(session, connector, config_file)
        with (
            connector.configure(config) as sender,
            _open_journal(journal_path, sender, config, accepts_changes=resend_failed) as journal,
            Interruption(_be_silent if session.as_json else _announce_end) as interruption,
        ):
            run = SendRun(
                read_messages(message_file, file_format or find_format(getattr(message_file, "name", ""))),
                journal=journal,
                limits=connector.metadata.message_limits,
                resending=Resending(failed=resend_failed, unknown=resend_unknown),
                tell=_make_teller(session, tally, progress),
                interruption=interruption,
            )
            run.send(sender, concurrency)
    progress.finish()
    _print_summary(session, tally, run, has_journal=journal_path is not None)
    _end(tally, run.failure, interruption.exit_code if run.is_interrupted else 0)


def _measure(file: BinaryIO) -> int | None:
    """Return the bytes of a file, None where it has no end that is known."""
    with suppress(OSError, AttributeError):
        status = os.fstat(file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else None
    return None


def _open_journal(
    path: str | None, sender: ConfiguredConnector, config: dict[str, Any], *, accepts_changes: bool
) -> AbstractContextManager[Journal | None]:
    if path is None:
        return nullcontext()
    from connector_core.cli.journal import Journal  # SQLite is slow to import

    settings = _leave_out_secrets(config, sender.config)
    return Journal(path, sender.connector.id, settings, accepts_changes=accepts_changes)


def _leave_out_secrets(given: Any, read: Any) -> Any:
    """Return a config as it was given, without its secrets, in clear or not.

    Args:
        given: the config, or a part of it; what has a default is not filled in, since that may be another one tomorrow.
        read: the same after it was read, with its secrets wrapped.

    """
    if isinstance(given, dict):
        kept = {name: value for name, value in given.items() if not isinstance(read[name], Secret)}
        return {name: _leave_out_secrets(value, read[name]) for name, value in kept.items()}
    if isinstance(given, list):
        return [_leave_out_secrets(*pair) for pair in zip(given, read, strict=True) if not isinstance(pair[1], Secret)]
    return given


def _make_teller(session: Session, tally: Tally, progress: Progress | Silence) -> Callable[[Sequence[Told]], None]:
    failed: list[OSError] = []

    def tell(told: Sequence[Told]) -> None:
        for one in told:
            tally.add(one)
        if failed:  # nobody can read them any more, but they are counted
            return
        try:
            click.echo("\n".join(json.dumps(_describe(session, one)) for one in told))
        except OSError as error:
            failed.append(error)
            raise
        progress.advance(told)

    return tell


def _describe(session: Session, told: Told) -> dict[str, Any]:
    document: dict[str, Any] = {"line": told.line}
    if isinstance(told.outcome, ConnectorError):
        document["error"] = session.redaction.redact_json(told.outcome.to_json())
    elif told.outcome is not None:
        document["result"] = told.outcome.to_json()
    return {**document, "earlier": True} if told.is_earlier else document


def _print_summary(session: Session, tally: Tally, run: SendRun, *, has_journal: bool) -> None:
    if session.as_json:
        ended = "failed" if run.failure else "interrupted" if run.is_interrupted else "done"
        if not isinstance(run.failure, OSError):  # else nobody reads it any more
            click.echo(json.dumps({"summary": {**tally.to_json(), "ended": ended}}))
    elif tally.total or run.failure is None:
        for sentence in tally.describe(has_journal=has_journal):
            session.note(sentence)
        if run.is_interrupted:
            session.note(tally.describe_interruption(has_journal=has_journal))


def _end(tally: Tally, failure: Exception | None, exit_code: int) -> None:
    """End the command: with what failed, with the code of a signal, or with 1 where a message wasn't sent."""
    if isinstance(failure, OSError) and not isinstance(failure, BrokenPipeError):
        raise ConnectorError(f"The outcomes can't be printed, so nothing more was sent: {failure.strerror}.")
    if failure is not None:
        raise failure
    if exit_code or not tally.is_perfect:
        raise click.exceptions.Exit(exit_code or FAILED)


def _announce_end() -> None:
    with suppress(OSError):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, _STOPPING)  # a stream can't be used in a handler


def _be_silent() -> None:
    """Say nothing of an interruption."""
