"""Options of a message as the Mailgun sandbox reads them from a form, refuses and shows them.

Mailgun documents these limits, and not in which words it refuses what is beyond: the sentences here are the sandbox's.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from werkzeug.datastructures import FileStorage

Files = dict[str, list[dict[str, Any]]]

_FILE_FIELDS = ("attachment", "inline")
_MOST_RECIPIENTS = 1000  # mailgun/mailgun-ruby, Mailgun::Chains
_MOST_TAGS = 10  # Mailgun help, "Tags"
_LONGEST_TAG = 128  # user manual, "Tags"
_MOST_OPTION_BYTES = 16_384  # API reference, "Send an email": send options are limited to 16KB total
_LARGEST_MESSAGE = 26_214_400  # user manual, "Send via HTTP": 25MB


def read_files(files: Iterable[tuple[str, FileStorage]]) -> Files:
    """Return the files of a form by their field, their content in Base64."""
    found: Files = {}
    for field, file in files:
        if field in _FILE_FIELDS:
            shown = {"filename": file.filename, "contentType": file.mimetype, "content": _encode(file.read())}
            found.setdefault(field, []).append(shown)
    return found


def find_excess(form: Mapping[str, list[str]], files: Files, recipients: int) -> str | None:
    """Return what is too much of a message, None where Mailgun takes it."""
    tags = form.get("o:tag", [])
    options = [text for field, texts in form.items() if field[:2] in {"o:", "h:", "v:", "t:"} for text in texts]
    content = [text for field in ("text", "html", "amp-html") for text in form.get(field, [])]
    size = sum(len(text.encode()) for text in content)
    size += sum(len(one["content"]) for some in files.values() for one in some)
    if recipients > _MOST_RECIPIENTS:
        return f"a message has at most {_MOST_RECIPIENTS} recipients"
    if len(tags) > _MOST_TAGS:
        return f"'o:tag' parameter is there more than {_MOST_TAGS} times"
    if any(len(tag) > _LONGEST_TAG or not tag.isascii() for tag in tags):
        return f"'o:tag' parameter is not {_LONGEST_TAG} ASCII characters at most"
    if sum(len(text.encode()) for text in options) > _MOST_OPTION_BYTES:
        return "send options are limited to 16KB total"
    return "message size exceeds 25MB limit" if size > _LARGEST_MESSAGE else None


def describe_options(form: Mapping[str, list[str]], files: Files) -> dict[str, Any]:
    """Return the options that the page shows besides."""
    tags = form.get("o:tag", [])
    return {
        "cc": form.get("cc"),
        "bcc": form.get("bcc"),
        "tag": tags[0] if len(tags) == 1 else tags or None,
        "headers": _describe({field: texts for field, texts in form.items() if field != "h:Reply-To"}, "h:"),
        "metadata": _describe(form, "v:"),
        "attachments": [one["filename"] for one in files.get("attachment", [])] or None,
        "inline": [f"cid:{one['filename']}" for one in files.get("inline", [])] or None,
    }


def _describe(form: Mapping[str, list[str]], prefix: str) -> list[str] | None:
    return [f"{field[2:]}: {text}" for field, texts in form.items() if field[:2] == prefix for text in texts] or None


def _encode(content: bytes) -> str:
    return b64encode(content).decode()
