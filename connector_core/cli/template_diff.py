"""What an update changes, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from connector_core.cli.output import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connector_core.cli.output import Session
    from connector_core.provisioning import Template

_MOST_LINES = 2000
"""Longer texts are not compared: that can take minutes."""

_LONGEST_LINE = 2000
"""Characters of a line; the HTML of a mail has some hundred."""
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def list_differences(before: Template, after: Template) -> list[str]:
    """Return a unified diff of subject, text and HTML, without line ends."""
    pairs = {
        "subject": (before.subject, after.subject),
        "text": (before.text, after.text),
        "html": (before.html, after.html),
    }
    return [line for part, (old, new) in pairs.items() for line in _compare(part, old.splitlines(), new.splitlines())]


def describe_differences(session: Session, lines: Sequence[str]) -> str:
    """Return a diff for people, with colours where there is a terminal."""
    return "\n".join(f"    {_describe_line(session.clean(line))}" for line in lines)


def _compare(part: str, old: list[str], new: list[str]) -> Iterator[str]:
    from difflib import unified_diff

    if max(len(old), len(new)) <= _MOST_LINES:
        yield from unified_diff(old, new, part, part, lineterm="")
    elif old != new:
        yield from (f"--- {part}", f"+++ {part}", f"@@ {count(len(old), 'line')} become {len(new):,} @@")


def _describe_line(line: str) -> str:
    shown = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}… ({len(line) - _LONGEST_LINE:,} more)"
    return click.style(shown, fg=_COLOURS[line[0]]) if line[:1] in _COLOURS else shown
