"""Templates in a folder: a subject, HTML and text for each usage type and language, for an editor and for git.

`SignIn.subject.txt`, `SignIn.html` and `SignIn.txt` are one template, `SignIn.fr.html` is of the same in French. What a
file name can't hold everywhere is percent-encoded (RFC 3986, section 2.1), so no name leads out of the folder.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote_to_bytes

from connector_core.errors import ConnectorError
from connector_core.message import USAGE_TYPES
from connector_core.provisioning import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

Status = Literal["written", "unchanged", "kept"]

MAX_FILE_BYTES = 1_000_000
"""The size of one file; providers take less."""

_SUBJECT, _HTML, _TEXT = ".subject.txt", ".html", ".txt"
_SUFFIXES = (_SUBJECT, _HTML, _TEXT)
"""How the files end; a subject also ends like a text, and so stands first."""

_UNSAFE = re.compile(r"\A-|[^A-Za-z0-9_-]")
_RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
"""Names that mean a device on Windows, whatever follows the first dot."""

_LONGEST_STEM = 180
"""Characters, all of them ASCII; most file systems end at 255 bytes."""

_BYTE_ORDER_MARK = "\ufeff"
"""Some editors put it before everything (a "BOM"); it is no part of a template."""


@dataclass(frozen=True, slots=True)
class WrittenTemplate:
    """What became of a template that was to be written.

    `status` is `written`, `unchanged` where the files said the same already, and `kept` where they say something else
    and were left as they are.
    """

    template: Template
    files: tuple[str, ...]
    status: Status


def write_templates(folder: Path, templates: Iterable[Template], *, overwrite: bool = False) -> list[WrittenTemplate]:
    """Write templates to a folder, which is made where it is missing; what else is in it stays.

    Args:
        folder: the folder.
        templates: the templates, each of another usage type or language.
        overwrite: whether files that say something else are replaced.

    Raises:
        ConnectorError: a template can't be kept in files, or the folder can't be written to.

    """
    plans = [(one, _make_files(one, stem)) for one, stem in _name_all(templates)]
    return [_write_template(folder, one, files, overwrite=overwrite) for one, files in plans]


def read_templates(folder: Path) -> list[Template]:
    """Return the templates of a folder, by usage type, of each first the one without a language.

    Hidden files, whose names start with a dot, are passed over.

    Raises:
        ConnectorError: a file belongs to no template, is missing or can't be read; the sentence names it.

    """
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208  names alone
    except OSError as cause:
        raise ConnectorError(f"The folder {folder} can't be read ({cause.strerror}): name another.") from cause
    parts: dict[str, dict[str, str]] = {}
    for name in names:
        stem, suffix = _split(folder / name)
        parts.setdefault(stem, {})[suffix] = _read_file(folder / name)
    stems: dict[tuple[str, str | None], str] = {}
    templates = []
    for stem, texts in parts.items():
        template = _make_template(folder / stem, texts)
        first = stems.setdefault((template.usage_type, template.locale), stem)
        if first != stem:
            raise ConnectorError(f"In {folder}, {first}.* and {stem}.* are the same template: keep one of them.")
        templates.append(template)
    return sorted(templates, key=lambda one: (one.usage_type, one.locale is not None, one.locale or ""))


def name_template(template: Template) -> str:
    """Return how the names of a template's files begin, such as `SignIn.fr`."""
    return _make_stem(template, _encode)


def _name_all(templates: Iterable[Template]) -> list[tuple[Template, str]]:
    """Return each template and how its files begin: no two alike, not even where capitals don't count."""
    taken: set[str] = set()
    named = []
    seen: set[tuple[str, str | None]] = set()
    # The shared usage types keep their plain names, whatever else there is.
    for one in sorted(templates, key=lambda one: (one.usage_type not in USAGE_TYPES, one.usage_type, one.locale or "")):
        stem = name_template(one)
        if (one.usage_type, one.locale) in seen:
            raise ConnectorError(f"There are two templates for {stem}: keep one of them.")
        seen.add((one.usage_type, one.locale))
        if stem.lower() in taken:
            stem = _make_stem(one, _encode_each)
        taken.add(stem.lower())
        named.append((one, stem))
    return named


def _make_stem(template: Template, encode: Callable[[str], str]) -> str:
    steps = [template.usage_type] if template.locale is None else [template.usage_type, template.locale]
    stem = ".".join(encode(step) for step in steps)
    if len(stem) > _LONGEST_STEM:
        raise ConnectorError(f"The name {stem[:40]}... is too long for a file: shorten the usage type.")
    return stem


def _encode(step: str) -> str:
    """Return a usage type or a language as a part of a file name."""
    # A language "subject" would make a text look like a subject, and nothing at all needs a sign of its own.
    if step.lower() in {*_RESERVED, "subject", ""}:
        return f"{_encode_each(step[:1])}{step[1:]}"
    return _UNSAFE.sub(lambda found: _encode_each(found[0]), step)


def _encode_each(step: str) -> str:
    return "".join(f"%{byte:02X}" for byte in step.encode("utf-8", "surrogatepass")) or "%"


def _decode(step: str) -> str:
    return "" if step == "%" else unquote_to_bytes(step).decode("utf-8", "surrogatepass")


def _make_files(template: Template, stem: str) -> dict[str, bytes]:
    """Return the content of each file of a template, by its name."""
    # A subject gets a line end, as editors write it: the one that doesn't join with what stands before.
    line_end = "\r\n" if template.subject.endswith("\r") else "\n"
    texts = {_SUBJECT: template.subject + line_end, _HTML: template.html, _TEXT: template.text}
    files = {}
    for suffix, text in texts.items():
        mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""  # the first one is dropped on reading
        try:
            files[stem + suffix] = f"{mark}{text}".encode()
        except UnicodeEncodeError:
            problem = "it holds half a letter (a lone surrogate). Mend it at the provider"
            raise ConnectorError(f"The template {stem} can't be written, since {problem}.") from None
    return files


def _write_template(
    folder: Path, template: Template, files: Mapping[str, bytes], *, overwrite: bool
) -> WrittenTemplate:
    differing = {name: content for name, content in files.items() if not _holds(folder / name, content)}
    status: Status = "written" if differing else "unchanged"
    # All its files or none, so that what is there never becomes half of each.
    if not overwrite and any(os.path.lexists(folder / name) for name in differing):
        status = "kept"
    else:
        for name, content in differing.items():
            _write_file(folder / name, content)
    return WrittenTemplate(template, tuple(files), status)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.is_file() and file.stat().st_size == len(content) and file.read_bytes() == content
    except OSError:
        return False


def _write_file(file: Path, content: bytes) -> None:
    """Write a file in one step; a link in its place is replaced, not followed."""
    new = file.with_name(f".connectors-{secrets.token_hex(8)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            new.write_bytes(content)
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)
    except OSError as cause:
        raise ConnectorError(f"{file} can't be written ({cause.strerror}): choose another folder.") from cause


def _split(file: Path) -> tuple[str, str]:
    """Return how the name of a template's file begins, and how it ends."""
    for suffix in _SUFFIXES:
        stem = file.name.removesuffix(suffix)
        if stem not in {"", file.name}:
            return stem, suffix
    names = f"SignIn{_SUBJECT}, SignIn{_HTML} and SignIn{_TEXT}, or SignIn.fr{_HTML} for a language"
    raise ConnectorError(f"{file} belongs to no template: the files are {names}. Move it elsewhere.")


def _read_file(file: Path) -> str:
    if not file.is_file():
        raise ConnectorError(f"{file} is no file: move it elsewhere.")
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise ConnectorError(f"{file} is larger than {MAX_FILE_BYTES // 1000} kB: make it shorter.")
        return content.decode().removeprefix(_BYTE_ORDER_MARK)
    except OSError as cause:
        raise ConnectorError(f"{file} can't be read ({cause.strerror}).") from cause
    except UnicodeDecodeError:
        raise ConnectorError(f"{file} is not in UTF-8: save it so.") from None


def _make_template(stem: Path, texts: Mapping[str, str]) -> Template:
    usage_type, locale = _read_name(stem)
    if _SUBJECT not in texts:
        raise ConnectorError(f"{stem}{_SUBJECT} is missing: write the subject into it.")
    if _HTML not in texts and _TEXT not in texts:
        raise ConnectorError(f"{stem}{_HTML} and {stem}{_TEXT} are missing: write one of them, or both.")
    return Template(
        usage_type=usage_type,
        locale=locale,
        subject=re.sub(r"\r?\n\Z", "", texts[_SUBJECT]),
        html=texts.get(_HTML, ""),
        text=texts.get(_TEXT, ""),
    )


def _read_name(stem: Path) -> tuple[str, str | None]:
    """Return the usage type and the language that files are for."""
    try:
        steps = [_decode(step) for step in stem.name.split(".")]
    except UnicodeError:
        steps = []
    match steps:
        case [usage_type]:
            return usage_type, None
        case [usage_type, locale]:
            return usage_type, locale
    raise ConnectorError(f"{stem}.* can't be a usage type and a language: name the files SignIn.* or SignIn.fr.*.")
