"""Attachments: what may be one, and how JSON has it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import Attachment, InvalidMessage


def make(**changes: Any) -> Attachment:
    return Attachment(**{"name": "report.pdf", "content": b"%PDF", **changes})


def test_a_file_of_which_nothing_is_known_is_a_stream_of_bytes() -> None:
    attachment = make()
    assert (attachment.content_type, attachment.content_id) == ("application/octet-stream", None)


@pytest.mark.parametrize("name", ["report.pdf", "Bericht für März (1).pdf", "請求書.pdf", ".profile", "x" * 255, "a b"])
def test_a_bare_file_name_is_a_name(name: str) -> None:
    assert make(name=name).name == name


@pytest.mark.parametrize("name", ["", "  ", None, 5, b"a.pdf", "x" * 256])
def test_an_attachment_without_a_name_of_at_most_255_characters_is_refused(name: Any) -> None:
    with pytest.raises(InvalidMessage, match="up to 255 characters"):
        make(name=name)


@pytest.mark.parametrize(
    "name", ["../a.pdf", "a/b.pdf", "C:\\a.pdf", "a\r\nX: y.pdf", "a\0.pdf", "a\u2028b", "a\x85b", "a\ud800"], ids=ascii
)
def test_a_path_or_a_control_character_in_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidMessage, match="slash or a control character"):
        make(name=name)


@pytest.mark.parametrize(
    "content", ["text", None, 5, bytearray(b"a"), memoryview(b"a"), [1]], ids=lambda one: type(one).__name__
)
def test_content_that_is_not_bytes_is_refused(content: Any) -> None:
    with pytest.raises(InvalidMessage, match="not bytes"):
        make(content=content)


@pytest.mark.parametrize(
    "content_type", ["", "pdf", "a/b/c", "a/", "/b", "text/plain; charset=utf-8", "a/b\r\nX: y", "tëxt/plain", None, 5]
)
def test_what_is_no_media_type_is_refused(content_type: Any) -> None:
    with pytest.raises(InvalidMessage, match="no media type such as application/pdf"):
        make(content_type=content_type)


@pytest.mark.parametrize("content_id", ["logo", "part1.2@example.com", "a-b_c+d", "x" * 200, "acid:1"])
def test_a_content_id_is_what_the_html_names_it_by(content_id: str) -> None:
    assert make(content_id=content_id).content_id == content_id


@pytest.mark.parametrize(
    "content_id", ["", "a b", "<logo>", "cid:logo", "CID:logo", "lögo", 'a"b', "a\\b", "a\nb", "x" * 201, 5, b"logo"]
)
def test_what_is_no_content_id_is_refused(content_id: Any) -> None:
    with pytest.raises(InvalidMessage, match="no content id such as logo"):
        make(content_id=content_id)


def test_an_attachment_is_immutable() -> None:
    with pytest.raises(AttributeError):
        make().name = "other"  # type: ignore[misc]  # that is the point


def test_a_repr_has_nothing_of_the_content() -> None:
    shown = repr(make(content=b"attached-bytes"))
    assert "attached" not in shown
    assert base64.b64encode(b"attached-bytes").decode() not in shown


@given(st.binary(max_size=50))
def test_the_content_comes_back_from_json_and_its_size_is_known_before(content: bytes) -> None:
    attachment = make(content=content, content_type="application/pdf", content_id="logo")
    assert Attachment.from_json(json.loads(json.dumps(attachment.to_json()))) == attachment
    assert attachment.encoded_size == len(attachment.encoded)


def test_json_has_a_content_id_only_where_there_is_one() -> None:
    assert make().to_json() == {"name": "report.pdf", "content": "JVBERg==", "contentType": "application/octet-stream"}
    assert make(content_id="logo").to_json()["contentId"] == "logo"


@pytest.mark.parametrize(
    "document",
    [
        *(None, 5, "text", [], ["name"], {}, {"name": "a.txt"}, {"content": "YQ=="}),
        *({"name": "a.txt", "content": content} for content in (None, 5, "Y", "YQ", "Y Q==", "YQ==\n", "é", "-_==")),
    ],
    ids=repr,
)
def test_json_that_describes_no_attachment_is_refused(document: Any) -> None:
    with pytest.raises(InvalidMessage, match="give it a name, and its content in Base64"):
        Attachment.from_json(document)


def test_an_unknown_key_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InvalidMessage, match=r"no 'contentID': it has content, contentId, contentType, name\."):
        Attachment.from_json({"name": "a.txt", "content": "YQ==", "contentID": "logo"})


def test_a_fault_of_json_is_told_like_that_of_a_value() -> None:
    with pytest.raises(InvalidMessage, match="no media type"):
        Attachment.from_json({"name": "a.txt", "content": "YQ==", "contentType": "text"})
