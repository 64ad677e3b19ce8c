"""Files of messages, read lazily: a JSON object a line (JSONL), or a table (CSV). They may be of any length."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from connector_core.cli.output import count
from connector_core.errors import ConnectorError, InvalidMessage
from connector_core.message import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    FileFormat = Literal["jsonl", "csv"]

MAX_LINE_BYTES = 50_000_000
"""Of one message: more than any provider takes of one, its attachments in Base64."""

FORMATS: tuple[FileFormat, ...] = ("jsonl", "csv")

_TEXTS = frozenset({"to", "type", "ip", "replyTo", "stream"})
_LISTS = frozenset({"cc", "bcc", "tags"})
_VALUES = frozenset({"payload", "headers", "metadata", "attachments", "content"})
COLUMNS = _TEXTS | _LISTS | _VALUES
"""The columns of a table that are parts of a message, as JSON calls them; any other is a variable of the payload."""

_BOM = b"\xef\xbb\xbf"
_SKIPPED_AT_ONCE = 1_000_000
_EXAMPLE = '{"to": "ann@example.com", "type": "Generic", "payload": {}}'


@dataclass(frozen=True, slots=True)
class MessageLine:
    """One message of a file, or why there is none.

    Args:
        number: the line on which it begins, counted from 1.
        found: the message, or what is wrong with the line.
        size: its bytes in the file.
        end: the bytes of the file up to its end.

    """

    number: int
    found: Message | InvalidMessage
    size: int
    end: int


def find_format(name: str) -> FileFormat:
    """Return the format of a file by the ending of its name: CSV for `.csv`, JSONL for everything else."""
    return "csv" if PurePath(name).suffix.lower() == ".csv" else "jsonl"


def read_messages(file: BinaryIO, file_format: FileFormat) -> Iterator[MessageLine]:
    """Yield the messages of a file in UTF-8, one at a time; a line that is no message is one of them.

    A byte order mark is skipped, and so are empty lines.

    Args:
        file: the file, opened for reading; it needs no end.
        file_format: `jsonl` for an object in the shape of `Message.to_json` in each line; `csv` for a table.

    Raises:
        ConnectorError: nobody can tell what the rest of the file means; the sentence names the line.
        OSError: the file can't be read to its end.

    """
    return _read_table(_Lines(file)) if file_format == "csv" else _read_objects(_Lines(file))


class _Lines:
    """The lines of a file, with the number of the last one and the bytes up to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self.number = 0
        self.position = 0
        self._file = file

    def read(self) -> bytes:
        """Return the next line with its end, or nothing at the end of the file."""
        line = self._file.readline(MAX_LINE_BYTES + 1)
        self.number += bool(line)
        self.position += len(line)
        if len(line) > MAX_LINE_BYTES:
            self._skip_rest(line)
            raise InvalidMessage(f"The line is longer than {MAX_LINE_BYTES:,} bytes: make the message smaller.")
        return line.removeprefix(_BOM) if self.number == 1 else line

    def _skip_rest(self, piece: bytes) -> None:
        while piece and not piece.endswith(b"\n"):
            piece = self._file.readline(_SKIPPED_AT_ONCE)
            self.position += len(piece)


def _read_objects(lines: _Lines) -> Iterator[MessageLine]:
    """Yield what each line of JSONL holds."""
    while True:
        begin = lines.position
        found: Message | InvalidMessage
        try:
            line = lines.read()
            if not line and lines.position == begin:
                return
            if not line.strip():
                continue
            found = _parse_object(line)
        except InvalidMessage as error:
            found = error
        yield MessageLine(lines.number, found, lines.position - begin, lines.position)


def _parse_object(line: bytes) -> Message:
    try:
        document = json.loads(_decode(line))
    except (ValueError, RecursionError):
        if not line.endswith(b"\n"):
            advice = "write a message on one line, or see whether the file is whole"
            raise InvalidMessage(f"The last line is no JSON, or half a message: {advice}.") from None
        raise InvalidMessage(f"The line is no JSON: write a message on one line, such as {_EXAMPLE}.") from None
    return Message.from_json(document)


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise InvalidMessage("The line is not in UTF-8: save the file in UTF-8.") from None


class _Row:
    """The lines of one row of a table: more than one where a cell in quotes has line breaks."""

    def __init__(self, lines: _Lines) -> None:
        self.first = lines.number + 1
        self.begin = lines.position
        self.problem: InvalidMessage | None = None
        self.is_open = False
        self._lines = lines
        self._ended = False
        self._quotes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._lines.read()
        except InvalidMessage as error:
            self.fail(error, is_open=True)  # nobody has seen the quotes in a line that is too long to be read
            raise
        if not line:
            self._ended = True
            raise StopIteration
        self._quotes += line.count(b'"')
        try:
            return _decode(line)
        except InvalidMessage as error:  # noted alone, since where the row ends can be seen all the same
            self.fail(error, is_open=False)
            return line.decode(errors="replace")

    def read_cells(self) -> list[str] | None:
        """Return the cells, None where there are none: `problem` says why, or the file has ended."""
        try:
            return next(csv.reader(self, strict=True), None)
        except InvalidMessage:
            return None
        except csv.Error:
            last = self._lines.number
            where = f"The row of the lines {self.first} to {last}" if last > self.first else "The row"
            advice = f"double the quotes in a cell, and let it have at most {csv.field_size_limit():,} characters"
            # Only an open quote leads to a second line, and nobody can tell whether it was closed rightly.
            is_open = self._ended or last > self.first or self._quotes % 2 == 1
            self.fail(InvalidMessage(f"{where} can't be read as cells: {advice}."), is_open=is_open)
            return None

    def fail(self, problem: InvalidMessage, *, is_open: bool) -> None:
        """Note the first thing that is wrong, and whether the row may have no end."""
        self.problem = self.problem or problem
        self.is_open = is_open


def _read_table(lines: _Lines) -> Iterator[MessageLine]:
    """Yield what each row of CSV holds (RFC 4180)."""
    columns: list[str] | None = None
    while True:
        row = _Row(lines)
        cells = row.read_cells()
        if columns is None:
            if cells is None or row.problem is not None:
                raise ConnectorError("The table has no first line that can be read: name its columns there.")
            if any(cells):
                columns = _check_columns([cell.strip() for cell in cells])
            continue
        found: Message | InvalidMessage
        if row.problem is not None:
            found = row.problem
        elif cells is None:
            return
        elif not any(cells):
            continue
        else:
            found = _make_message(columns, cells)
        yield MessageLine(row.first, found, lines.position - row.begin, lines.position)
        if row.is_open:
            raise ConnectorError(
                f"The file after line {row.first} was left, since a quote in the row of that line is not closed, so "
                "that nobody can tell where the next row begins: mend that row."
            )


def _check_columns(columns: list[str]) -> list[str]:
    """Return the names of the columns.

    Raises:
        ConnectorError: one is missing, there twice, or surely meant otherwise.

    """
    by_letters = {_fold(name): name for name in COLUMNS}
    for place, name in enumerate(columns):
        if not name:
            raise ConnectorError(f"The column {place + 1} of the table has no name: give it one in the first line.")
        if name in columns[:place]:
            raise ConnectorError(f"The table has the column {name!r} twice: keep one of them.")
        meant = by_letters.get(_fold(name), name)
        if name != meant:
            raise ConnectorError(f"The table has a column {name!r}: write {meant}, or give a variable another name.")
    for name in ("to", "type"):
        if name not in columns:
            advice = "name it so in the first line, with commas between the columns"
            raise ConnectorError(f"The table has no column `{name}`: {advice}.")
    return columns


def _fold(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


def _make_message(columns: list[str], cells: list[str]) -> Message | InvalidMessage:
    if len(cells) != len(columns):
        named = count(len(columns), "column")
        return InvalidMessage(f"The row has {count(len(cells), 'cell')}, and the first line names {named}.")
    document: dict[str, Any] = {}
    variables: dict[str, str] = {}
    try:
        for name, cell in zip(columns, cells, strict=True):
            if name not in COLUMNS and cell:
                variables[name] = cell
            elif cell.strip():
                document[name] = _PARSE[name](name, cell.strip())
        payload = document.setdefault("payload", {})
        if isinstance(payload, dict):
            payload.update(variables)
        return Message.from_json(document)
    except InvalidMessage as error:
        return error


def _parse_list(_name: str, cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _parse_value(name: str, cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        raise InvalidMessage(f"The cell of the column {name} is no JSON.") from None


_PARSE: dict[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(_TEXTS, lambda _, cell: cell),
    **dict.fromkeys(_LISTS, _parse_list),
    **dict.fromkeys(_VALUES, _parse_value),
}
