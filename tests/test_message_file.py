"""Files of messages: JSONL and CSV, read lazily, whatever is in them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from installed import ROOT

from connector_core import ConnectorError, InvalidMessage, Message
from connector_core.cli.message_file import COLUMNS, MAX_LINE_BYTES, find_format, read_messages

if TYPE_CHECKING:
    from connector_core.cli.message_file import FileFormat, MessageLine

ANN = '{"to": "ann@example.com", "type": "SignIn", "payload": {"code": "1"}}'
LONGEST_CELL = 131_072


def read(content: str | bytes, file_format: FileFormat = "jsonl") -> list[MessageLine]:
    data = content.encode() if isinstance(content, str) else content
    return list(read_messages(io.BytesIO(data), file_format))


def find(content: str | bytes, file_format: FileFormat = "jsonl") -> list[tuple[int, Any]]:
    """Return of each line its number and its message as JSON, or the sentence of what is wrong."""
    return [
        (one.number, one.found.to_json() if isinstance(one.found, Message) else str(one.found))
        for one in read(content, file_format)
    ]


def read_one(header: str, row: str) -> Any:
    ((number, document),) = find(f"{header}\n{row}\n", "csv")
    assert number == 2
    return document


@pytest.mark.parametrize(
    ("name", "file_format"),
    [("a.csv", "csv"), ("A.CSV", "csv"), ("a.jsonl", "jsonl"), ("csv", "jsonl"), ("-", "jsonl"), ("a.csv.x", "jsonl")],
)
def test_a_format_is_found_by_the_ending_of_the_name(name: str, file_format: str) -> None:
    assert find_format(name) == file_format


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda members: st.lists(members, max_size=3) | st.dictionaries(st.text(), members, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=5), st.sampled_from(["\n", "\r\n", "\n\n \n"]))
def test_what_was_written_line_by_line_is_read(payloads: list[dict[str, Any]], end: str) -> None:
    messages = [Message("ann@example.com", "SignIn", payload) for payload in payloads]
    text = end.join(json.dumps(one.to_json(), ensure_ascii=True) for one in messages)
    assert [one.found for one in read(text)] == messages


@given(st.binary(max_size=200), st.sampled_from(["jsonl", "csv"]))
def test_any_bytes_are_read_to_the_end_or_refused_with_a_sentence(content: bytes, file_format: FileFormat) -> None:
    begin = b"to,type,code\n" if file_format == "csv" else b""
    try:
        found = read(begin + content, file_format)
    except ConnectorError as error:
        assert str(error).endswith(".")  # noqa: PT017  whether there is one depends on the bytes
    else:
        assert [one.number for one in found] == sorted({one.number for one in found})


@given(JSON)
def test_any_json_in_a_line_is_a_message_or_none(value: Any) -> None:
    for document in (value, {"to": value, "type": value}, {"to": "a@b.c", "type": "X", "content": value, "cc": value}):
        (line,) = read(json.dumps(document))
        assert isinstance(line.found, Message | InvalidMessage)


def test_a_byte_order_mark_is_skipped() -> None:
    for file_format, text in (("jsonl", ANN), ("csv", "to,type\nann@example.com,SignIn")):
        (line,) = read(b"\xef\xbb\xbf" + text.encode(), file_format)  # type: ignore[arg-type]  # one of both
        assert isinstance(line.found, Message)


def test_a_file_with_nothing_has_no_messages() -> None:
    assert read("") == read("\n\r\n  \n") == read(b"\xef\xbb\xbf") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "The line is no JSON"),
        ("[" * 100_000, "The line is no JSON"),
        ("9" * 5000, "The line is no JSON"),
        ("[1]", "not a JSON object"),
        ('{"to": "a@example.com"}', "no usage type"),
        ('{"to": "a@example.com", "type": "SignIn", "playload": {}}', "did you mean payload?"),
        ('{"to": "a@example.com", "type": "SignIn", "payload": {"a": NaN}}', "JSON can't express"),
    ],
    ids=["no JSON", "brackets", "digits", "no object", "no type", "a typo", "not a number"],
)
def test_a_line_that_is_no_message_is_told_with_its_number_and_the_rest_goes_on(line: str, said: str) -> None:
    first, wrong, last = find(f"{ANN}\n\n{line}\n{ANN}\n")
    assert (first[0], wrong[0], last[0]) == (1, 3, 4)
    assert said in wrong[1]
    assert first[1] == last[1] == json.loads(ANN)


def test_a_line_in_another_encoding_is_told_and_the_rest_goes_on() -> None:
    wrong, right = find(ANN.replace("ann", "änn").encode("latin-1") + b"\n" + ANN.encode())
    assert "not in UTF-8" in wrong[1]
    assert right == (2, json.loads(ANN))


@pytest.mark.parametrize("last", [ANN[:40], "nonsense"], ids=["half a message", "no message"])
def test_of_a_last_line_without_an_end_both_causes_are_told(last: str) -> None:
    _, told = find(f"{ANN}\n{last}")
    advice = "write a message on one line, or see whether the file is whole"
    assert told == (2, f"The last line is no JSON, or half a message: {advice}.")


def test_a_last_line_without_an_end_is_a_message() -> None:
    assert find(ANN) == [(1, json.loads(ANN))]


def test_a_line_without_an_end_needs_bounded_memory_and_the_rest_goes_on() -> None:
    class Long(io.RawIOBase):
        """Gives a line that is three times too long, then a message."""

        def __init__(self) -> None:
            self.left = 3 * MAX_LINE_BYTES
            self.rest = b"\n" + ANN.encode()
            self.asked = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert 0 < size <= MAX_LINE_BYTES + 1
            self.asked = max(self.asked, size)
            if self.left:
                taken = min(size, self.left)
                self.left -= taken
                return b"x" * taken
            end = self.rest.find(b"\n") + 1 or len(self.rest)
            line, self.rest = self.rest[:end], self.rest[end:]
            return line

    long, right = list(read_messages(Long(), "jsonl"))  # type: ignore[arg-type]  # all that is needed of a file
    assert "longer than 50,000,000 bytes" in str(long.found)
    assert (long.number, right.number) == (1, 2)
    assert (long.end, right.size) == (3 * MAX_LINE_BYTES + 1, len(ANN))


def test_the_place_in_the_file_is_counted_in_bytes() -> None:
    content = '\n{"to": "änn@example.com", "type": "SignIn"}\r\nnonsense\r\n'
    assert [(one.size, one.end) for one in read(content)] == [(46, 47), (10, 57)]


def test_reading_is_lazy() -> None:
    class Endless(io.RawIOBase):
        def readline(self, _size: int | None = -1, /) -> bytes:
            return ANN.encode() + b"\n"

    lines = read_messages(Endless(), "jsonl")  # type: ignore[arg-type]  # all that is needed of a file
    assert [next(lines).number for _ in range(3)] == [1, 2, 3]


def test_the_columns_of_a_table_are_the_parts_of_a_message() -> None:
    schema = json.loads((ROOT / "schemas" / "message.schema.json").read_text("utf-8"))
    assert set(schema["properties"]) == COLUMNS


def test_columns_named_like_parts_of_a_message_go_there_and_others_into_the_payload() -> None:
    header = "type,to,code,locale,cc,bcc,replyTo,tags,ip,stream"
    row = "SignIn, ann@example.com ,012,fr,b@example.com; c@example.com,d@example.com,Ann <a@example.com>,x;,::1,codes"
    assert read_one(header, row) == {
        "to": "ann@example.com",
        "type": "SignIn",
        "payload": {"code": "012", "locale": "fr"},
        "ip": "::1",
        "cc": ["b@example.com", "c@example.com"],
        "bcc": ["d@example.com"],
        "replyTo": "Ann <a@example.com>",
        "tags": ["x"],
        "stream": "codes",
    }


def test_columns_that_need_json_hold_json() -> None:
    row = 'a@b.example,SignIn,"{""code"": 7, ""deep"": [1]}","{""order"": ""8""}","{""text"": ""x""}"'
    assert read_one("to,type,payload,metadata,content,code", f"{row},9") == {
        "to": "a@b.example",
        "type": "SignIn",
        "payload": {"code": "9", "deep": [1]},
        "metadata": {"order": "8"},
        "content": {"subject": "", "text": "x", "html": ""},
    }


def test_an_empty_cell_is_left_out_and_spaces_of_a_variable_stay() -> None:
    assert read_one("to,type,a,b,cc,payload", "x@y.example,SignIn,, b ,,")["payload"] == {"b": " b "}


def test_a_cell_in_quotes_has_line_breaks_commas_and_quotes() -> None:
    first, second = find('to,type,text\r\na@b.example,SignIn,"one,\r\n""two"""\r\nc@d.example,SignIn,x\r\n', "csv")
    assert (first[0], first[1]["payload"]) == (2, {"text": 'one,\r\n"two"'})
    assert (second[0], second[1]["to"]) == (4, "c@d.example")


def test_rows_without_a_cell_are_skipped() -> None:
    assert [number for number, _ in find("\nto,type,code\n\n,,\na@b.example,SignIn,1\n,,\n", "csv")] == [5]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a@b.example,SignIn", "The row has 2 cells, and the first line names 3 columns."),
        ("a@b.example,SignIn,{},4", "The row has 4 cells"),
        ('a@b.example,SignIn,"x"y', "can't be read as cells"),
        ("a@b.example,SignIn,{", "The cell of the column payload is no JSON."),
        ("a@b.example,SignIn,[]", "The payload is not a JSON object"),
        ("a@b.example,,{}", "no usage type"),
        (",SignIn,{}", "no recipient"),
        (f"a@b.example,SignIn,{'x' * (LONGEST_CELL + 1)}", "can't be read as cells"),
    ],
    ids=["too few", "too many", "quotes", "no JSON", "no object", "no type", "nobody", "a long cell"],
)
def test_a_row_that_is_no_message_is_told_and_the_rest_goes_on(row: str, said: str) -> None:
    wrong, right = find(f"to,type,payload\n{row}\nc@d.example,SignIn,{{}}\n", "csv")
    assert wrong[0] == 2
    assert said in wrong[1]
    assert right == (3, {"to": "c@d.example", "type": "SignIn", "payload": {}})


def test_a_row_in_another_encoding_is_told_and_the_rest_goes_on() -> None:
    wrong, right = find(b"to,type\na\xff@b.example,SignIn\nc@d.example,SignIn\n", "csv")
    assert "not in UTF-8" in wrong[1]
    assert right[0] == 3


def test_half_a_last_row_is_told() -> None:
    _, (number, sentence) = find("to,type,code\na@b.example,SignIn,1\na@b.exam", "csv")
    assert (number, sentence) == (3, "The row has 1 cell, and the first line names 3 columns.")


@pytest.mark.parametrize("rows", [0, 1, 10_000], ids=["in the last row", "before one row", "before many rows"])
@pytest.mark.parametrize(
    "row",
    ['a@b.example,SignIn,1,"open', 'a@b.example,SignIn,5" pipe,"open', 'a@b.example,SignIn,"a ""b""","open'],
    ids=["alone", "beside a quote in a cell", "beside doubled quotes"],
)
@pytest.mark.parametrize("after", ["c@d.example,SignIn,1,2", 'c@d.example,SignIn,"1","2"'], ids=["plain", "quoted"])
def test_a_quote_that_is_never_closed_ends_the_file_since_any_row_after_may_be_text(
    row: str, rows: int, after: str
) -> None:
    text = f"to,type,size,code\n{row}\n" + f"{after}\n" * rows
    lines = read_messages(io.BytesIO(text.encode()), "csv")
    wrong = next(lines)
    assert (wrong.number, type(wrong.found)) == (2, InvalidMessage)
    assert "can't be read as cells" in str(wrong.found)
    with pytest.raises(ConnectorError, match="after line 2 was left, since a quote in the row of that line is not cl"):
        next(lines)


def test_a_quote_that_is_never_closed_ends_the_file_where_the_last_line_has_no_end() -> None:
    lines = read_messages(io.BytesIO(b'to,type,code\na@b.example,SignIn,"12'), "csv")
    assert "can't be read as cells" in str(next(lines).found)
    with pytest.raises(ConnectorError, match="is not closed"):
        next(lines)


@pytest.mark.parametrize("row", ['a@b.example,SignIn,"one\xff\ntwo"', 'a@b.example,SignIn,"one\ntwo\xff"'])
def test_a_row_of_two_lines_in_another_encoding_is_told_and_the_rest_goes_on(row: str) -> None:
    wrong, right = find(f"to,type,code\n{row}\nc@d.example,SignIn,1\n".encode("latin-1"), "csv")
    assert (wrong[0], right[0], right[1]["to"]) == (2, 4, "c@d.example")
    assert "not in UTF-8" in wrong[1]


def test_a_quote_within_a_cell_is_text() -> None:
    assert read_one("to,type,size,code", 'a@b.example,SignIn,5" pipe,"two\nlines"')["payload"] == {
        "size": '5" pipe',
        "code": "two\nlines",
    }


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "no first line"),
        ('"to,type', "no first line"),
        ("to;type", "no column `to`"),
        ("to,code", "no column `type`"),
        ("to,type,code,code", "the column 'code' twice"),
        ("to,type,", "The column 3 of the table has no name"),
        ("To,type", "a column 'To': write to"),
        ("to,type,reply-to", "a column 'reply-to': write replyTo"),
        ("to,type,Reply To", "a column 'Reply To': write replyTo"),
    ],
)
def test_a_table_whose_columns_are_unclear_is_refused_as_a_whole(header: str, said: str) -> None:
    with pytest.raises(ConnectorError, match=said):
        read(f"{header}\na@b.example,SignIn,1,2\n" if header else "", "csv")


def test_no_sentence_repeats_what_a_line_holds() -> None:
    secret = "4711-of-ann@example.com"
    for content, file_format in ((f'{{"to": "{secret}', "jsonl"), (f'to,type\n{secret},"x"{secret}\n{secret}', "csv")):
        for _, sentence in find(content, file_format):  # type: ignore[arg-type]  # one of both
            assert secret not in sentence
