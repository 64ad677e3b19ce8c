"""How the command line speaks: results on stdout, words for people on stderr, errors as one sentence."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from connector_core.errors import ConnectorError, InvalidConfig
from connector_core.secrets import Redaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FAILED = 1
"""The exit code of what was understood and failed; Click's own for wrong use is 2."""

_ACTED_UPON = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal acts upon, or shows in another order than it is written; a tab is harmless."""

_WIDEST = 40
"""Characters of a column; what is longer stands out."""


class Session:
    """What one run of the command line knows: how to print, and which texts to keep out of it."""

    def __init__(self) -> None:
        self.debug = False
        self.as_json = False
        self.redaction = Redaction(())

    def print_result(self, value: Any, words: str) -> None:
        """Print a result: `value` as JSON, or `words` for people."""
        click.echo(json.dumps(value) if self.as_json else words)

    def clean(self, text: str) -> str:
        """Return a text from elsewhere as one line that is safe to print: no secret, no control character."""
        return _ACTED_UPON.sub(_write_escape, self.redaction.redact(text))

    def note(self, words: str) -> None:
        """Print words for people beside the result."""
        click.echo(self.clean(words), err=True)

    def fail(self, error: Exception) -> None:
        """Print an error and end the process with exit code 1."""
        if self.debug:
            for line in self.redaction.redact("".join(traceback.format_exception(error))).splitlines():
                self.note(line)
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
            self.note(f"Error: {words}")
            for issue in error.issues if isinstance(error, InvalidConfig) else ():
                self.note(f"  {issue.path}: {issue.message}")
        sys.exit(FAILED)


class Group(click.Group):
    """A group of commands whose errors are printed by the session."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of Click itself (wrong use) stay with Click."""
        session = ctx.ensure_object(Session)
        if os.environ.get("NO_COLOR"):  # https://no-color.org; without a terminal, Click strips colours by itself
            ctx.color = False
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


def find_width(cells: Iterable[str]) -> int:
    """Return how wide a column is made in which the cells stand."""
    return min(_WIDEST, max(map(len, cells), default=0))


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 error` and `1,200 errors`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _write_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"  # noqa: PLR2004  the last that has two digits
