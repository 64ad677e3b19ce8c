"""What a mail says, and the files that go along, as MIME parts (RFC 2045, 2046, 2231, 2387 and 2392), in ASCII.

The standard library writes the texts; headers with what somebody else chose, such as the name of a file, are written
here.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

from connector_core import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from connector_core import Attachment

_POLICY = SMTP.clone(cte_type="7bit")
"""Not every server takes 8-bit content (RFC 6152), and none that takes it minds the other."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PLAIN_NAME = re.compile(r"(?!.*=\?)[!-~]([ -~]{0,58}[!-~])?")
_QUOTED = re.compile(r'(["\\])')
_LONGEST_PIECE = 60
"""Characters of a name on one line, encoded."""

_COMPOSITE = frozenset({"message", "multipart"})
"""Media types that must not be in Base64 (RFC 2046, sections 5.1 and 5.2.1)."""

_UNKNOWN = "application/octet-stream"


def write_headers(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return header lines, of values that are encoded and folded already.

    EmailMessage would read each value before it writes it: in a subject it decodes what looks like an encoded word, a
    line break and all, and Pythons before 3.12.5 write that line break out (CVE-2024-6923).
    """
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode()


def write_body(text: str | None, html: str | None, files: Sequence[Attachment]) -> bytes:
    """Return what a mail says and its files, with their MIME headers.

    Plain text and HTML are alternatives; a file with a content id belongs to the HTML, if there is any.

    Raises:
        InvalidMessage: a content id can't stand in a header.

    """
    shown = [file for file in files if file.content_id is not None and html is not None]
    texts = [] if text is None else [_write_text(text, "plain")]
    if html is not None:
        texts.append(_join("related", [_write_text(html, "html"), *map(_write_file, shown)]))
    others = [file for file in files if file not in shown]
    return _join("mixed", [_join("alternative", texts), *map(_write_file, others)])


def _join(kind: str, parts: Sequence[bytes]) -> bytes:
    """Return parts as one, with a boundary that none of them has; a single part needs none."""
    if len(parts) == 1:
        return parts[0]
    boundary = f"=_{uuid4().hex}"
    root = '; type="text/html"' if kind == "related" else ""  # RFC 2387, section 3.1
    headers = write_headers(
        [("Content-Type", f'multipart/{kind}{root};\r\n boundary="{boundary}"'), ("MIME-Version", "1.0")]
    )
    line = f"--{boundary}".encode()
    return b"\r\n".join([headers, *(line + b"\r\n" + part for part in parts), line + b"--\r\n"])


def _write_text(text: str, kind: str) -> bytes:
    part = EmailMessage(_POLICY)
    text = text.encode("utf-8", "replace").decode()  # a payload may hold one half of a surrogate pair
    part.set_content(text, subtype=kind, cte=_find_encoding(text))
    data = part.as_bytes()
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def _find_encoding(text: str) -> str | None:
    """Return the transfer encoding that a text needs; None leaves the choice to EmailMessage."""
    return "quoted-printable" if _CONTROL.search(text) else None


def _write_file(file: Attachment) -> bytes:
    is_composite = file.content_type.partition("/")[0].lower() in _COMPOSITE
    disposition = "attachment" if file.content_id is None else "inline"
    headers = {
        "Content-Type": _UNKNOWN if is_composite else file.content_type,
        "Content-Transfer-Encoding": "base64",
        "Content-Disposition": ";\r\n ".join([disposition, *_write_name(file.name)]),
    }
    if file.content_id is not None:
        if "=?" in file.content_id:  # a reader might take it for an encoded word
            raise InvalidMessage("The content id of an attachment has =? in it: give it letters, digits and dots.")
        headers["Content-ID"] = f"<{file.content_id}>"
    return write_headers(headers.items()) + b"\r\n" + encodebytes(file.content).replace(b"\n", b"\r\n")


def _write_name(name: str) -> Iterator[str]:
    """Yield the parameters that name a file: in quotes, or percent-encoded and in pieces (RFC 2231, section 4.1)."""
    if _PLAIN_NAME.fullmatch(name):
        yield 'filename="{}"'.format(_QUOTED.sub(r"\\\1", name))
        return
    pieces = [""]
    for character in name:
        encoded = quote(character, safe="")
        if len(pieces[-1]) + len(encoded) > _LONGEST_PIECE:
            pieces.append("")
        pieces[-1] += encoded
    pieces[0] = f"utf-8''{pieces[0]}"
    for number, piece in enumerate(pieces):
        yield f"filename*={piece}" if len(pieces) == 1 else f"filename*{number}*={piece}"
