"""How the command line speaks: results on stdout, words for people on stderr, errors as one sentence."""

from __future__ import annotations

import json
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from connector_core.errors import ConnectorError, InvalidConfig
from connector_core.secrets import Redaction

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
"""The exit code of what was understood and failed; Click's own for wrong use is 2."""


class Session:
    """What one run of the command line knows: how to print, and which texts to keep out of it."""

    def __init__(self) -> None:
        self.debug = False
        self.as_json = False
        self.redaction = Redaction(())

    def print_result(self, value: Any, words: str) -> None:
        """Print a result: `value` as JSON, or `words` for people."""
        click.echo(json.dumps(value) if self.as_json else words)

    def fail(self, error: Exception) -> None:
        """Print an error and end the process with exit code 1."""
        if self.debug:
            click.echo(self.redaction.redact("".join(traceback.format_exception(error))), err=True)
        if isinstance(error, ConnectorError):
            document, words = error.to_json(), str(error)
        else:
            words = f"Something went wrong that should not ({type(error).__name__}): run it again with --debug."
            document = {"code": "general", "message": words}
        if self.as_json:
            text = json.dumps({"error": self.redaction.redact_json(document)})
            try:
                click.echo(text)
            except OSError:  # stdout is full or gone, which may be the very error
                click.echo(text, err=True)
        else:
            click.echo(f"Error: {self.redaction.redact(words)}", err=True)
            for issue in error.issues if isinstance(error, InvalidConfig) else ():
                click.echo(self.redaction.redact(f"  {issue.path}: {issue.message}"), err=True)
        sys.exit(FAILED)


class Group(click.Group):
    """A group of commands whose errors are printed by the session."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of Click itself (wrong use) stay with Click."""
        session = ctx.ensure_object(Session)
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  the border of the program
            return session.fail(error)


def format_table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
