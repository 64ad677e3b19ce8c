"""Templates in a folder: what is written is read again, no name leads out, and nothing is lost."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector_core import USAGE_TYPES, ConnectorError, Template
from connector_core.template_folder import MAX_FILE_BYTES, name_template, read_templates, write_templates

WINDOWS_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
CONTENT = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\r\n\ufeff\x00\u2028 {}a")
NAMES = (
    st.text(max_size=10)
    | st.text("aA.%~-/\\:*con\x00 ", max_size=8)
    | st.text("xX", max_size=40)
    | st.sampled_from([*USAGE_TYPES, "signin", "SIGNIN", "..", ".", "con", "NUL", "subject", "html", "txt", "%53ignIn"])
)
LOCALES = (
    st.none() | st.sampled_from(["fr", "FR", "zh-CN", "zh_CN", "subject", "name", "", "../fr"]) | st.text(max_size=4)
)
TEMPLATES = st.lists(
    st.builds(Template, usage_type=NAMES, locale=LOCALES, subject=CONTENT, html=CONTENT, text=CONTENT),
    unique_by=lambda one: (one.usage_type, one.locale),
    max_size=5,
)


def make(usage_type: str = "SignIn", locale: str | None = None, subject: str = "S", **parts: str) -> Template:
    return Template(
        usage_type=usage_type,
        locale=locale,
        subject=subject,
        html=parts.get("html", "<p>{{code}}</p>\n"),
        text=parts.get("text", "{{code}}\n"),
    )


def key(template: Template) -> tuple[str, bool, str]:
    return template.usage_type, template.locale is not None, template.locale or ""


@settings(deadline=None)  # a disk may be slow
@given(TEMPLATES)
@example([make("signin"), make("SignIn"), make("SIGNIN"), make("sIGNIN")])
@example([make("SignIn", "subject"), make("SignIn"), make("SignIn", "subject.txt")])
@example([make(""), make("", ""), make("%"), make("x" * 180), make("x" * 177, "fr")])
@example(
    [make(subject="S\r"), make("A", subject="S\n"), make("B", subject="S\r\n"), make("C", subject="", html="", text="")]
)
@example([make("\ud800", "\udfff")])
def test_what_is_written_is_read_again(templates: list[Template]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = write_templates(Path(folder), templates)
        names = os.listdir(folder)  # noqa: PTH208  the names alone
        assert read_templates(Path(folder)) == sorted(templates, key=key)
        assert {one.status for one in written} <= {"written"}
        again = write_templates(Path(folder), templates)
        assert {one.status for one in again} <= {"unchanged"}
        assert sorted(os.listdir(folder)) == sorted(names)  # noqa: PTH208  the names alone
        assert sorted(name for one in written for name in one.files) == sorted(names)


@settings(deadline=None)  # a disk may be slow
@given(TEMPLATES)
@example([make(""), make("", "fr"), make("", "FR")])
def test_a_name_is_one_that_every_file_system_takes_and_no_two_differ_in_capitals_alone(
    templates: list[Template],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        names = [name for one in write_templates(Path(folder), templates) for name in one.files]
    assert len({name.lower() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_%][A-Za-z0-9._%-]*", name)
        assert len(name) <= 200
        assert ".." not in name
        assert name.split(".")[0].lower() not in WINDOWS_DEVICES


@pytest.mark.parametrize(
    ("usage_type", "locale", "stem"),
    [
        ("SignIn", None, "SignIn"),
        ("SignIn", "fr", "SignIn.fr"),
        ("SignIn", "zh-CN", "SignIn.zh-CN"),
        ("my_own-type2", None, "my_own-type2"),
        ("../../etc/passwd", None, "%2E%2E%2F%2E%2E%2Fetc%2Fpasswd"),
        ("a\\b:c*d", None, "a%5Cb%3Ac%2Ad"),
        ("Größe", None, "Gr%C3%B6%C3%9Fe"),
        ("-rf", None, "%2Drf"),
        ("con", "de", "%63on.de"),
        ("SignIn", "subject", "SignIn.%73ubject"),
    ],
)
def test_the_files_of_a_template_are_named_for_it(
    usage_type: str, locale: str | None, stem: str, tmp_path: Path
) -> None:
    (written,) = write_templates(tmp_path, [make(usage_type, locale)])
    assert written.files == (f"{stem}.subject.txt", f"{stem}.html", f"{stem}.txt")
    assert name_template(make(usage_type, locale)) == stem
    assert all((tmp_path / name).is_file() for name in written.files)


def test_a_shared_usage_type_has_its_plain_name_whatever_comes_first(tmp_path: Path) -> None:
    files = {
        one.template.usage_type: one.files[0] for one in write_templates(tmp_path, [make("SIGNIN"), make("SignIn")])
    }
    assert files == {"SignIn": "SignIn.subject.txt", "SIGNIN": "%53%49%47%4E%49%4E.subject.txt"}


def test_a_name_that_is_too_long_for_a_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match=r"The name x{40}\.\.\. is too long for a file: shorten the usage type\."):
        write_templates(tmp_path / "t", [make("Register"), make("x" * 181)])
    assert not (tmp_path / "t").exists()


def test_line_ends_are_kept_as_they_are(tmp_path: Path) -> None:
    write_templates(tmp_path, [make(html="a\r\nb\nc\rd", text="\r\n")])
    assert (tmp_path / "SignIn.html").read_bytes() == b"a\r\nb\nc\rd"
    assert (tmp_path / "SignIn.txt").read_bytes() == b"\r\n"


@pytest.mark.parametrize("content", [b"S", b"S\n", b"S\r\n", b"\xef\xbb\xbfS\n"])
def test_a_subject_may_have_the_line_end_and_the_mark_that_an_editor_adds(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "SignIn.subject.txt").write_bytes(content)
    (tmp_path / "SignIn.html").write_bytes(b"")
    assert read_templates(tmp_path) == [make(html="", text="")]


@pytest.mark.parametrize("part", ["html", "txt"])
def test_html_or_text_may_be_missing(part: str, tmp_path: Path) -> None:
    (tmp_path / "SignIn.subject.txt").write_text("S")
    (tmp_path / f"SignIn.{part}").write_text("x")
    (template,) = read_templates(tmp_path)
    assert (template.html, template.text) == (("x", "") if part == "html" else ("", "x"))


def test_templates_are_read_by_usage_type_first_the_one_without_a_language(tmp_path: Path) -> None:
    order = [make("Register", "fr"), make("SignIn"), make("SignIn", "en"), make("SignIn", "fr")]
    write_templates(tmp_path, reversed(order))
    assert read_templates(tmp_path) == order


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write_templates(tmp_path, [make()])
    (tmp_path / ".DS_Store").write_bytes(b"\xff")
    (tmp_path / ".git").mkdir()
    assert read_templates(tmp_path) == [make()]


# What is there is not lost


def test_a_template_that_is_there_with_other_words_is_kept_whole(tmp_path: Path) -> None:
    write_templates(tmp_path, [make(subject="Mine")])
    written = write_templates(tmp_path, [make(subject="New", html="New"), make("Register")])
    assert [(one.template.usage_type, one.status) for one in written] == [("Register", "written"), ("SignIn", "kept")]
    assert read_templates(tmp_path) == [make("Register"), make(subject="Mine")]


def test_what_is_to_be_overwritten_is(tmp_path: Path) -> None:
    write_templates(tmp_path, [make(subject="Mine")])
    (written,) = write_templates(tmp_path, [make(subject="New")], overwrite=True)
    assert written.status == "written"
    assert read_templates(tmp_path) == [make(subject="New")]


def test_what_else_is_in_the_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("-")
    write_templates(tmp_path, [make("Register")])
    write_templates(tmp_path, [make()], overwrite=True)
    assert (tmp_path / "notes.md").read_text() == "-"
    assert (tmp_path / "Register.html").exists()
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("mine")
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "SignIn.html").symlink_to(tmp_path / "outside")
    assert [one.status for one in write_templates(folder, [make()])] == ["kept"]
    assert [one.status for one in write_templates(folder, [make()], overwrite=True)] == ["written"]
    assert (tmp_path / "outside").read_text() == "mine"
    assert read_templates(folder) == [make()]


def test_two_templates_for_the_same_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match=r"two templates for SignIn\.fr: keep one"):
        write_templates(tmp_path / "t", [make("Register"), make("SignIn", "fr"), make("SignIn", "fr", "Other")])
    assert not (tmp_path / "t").exists()


def test_half_a_letter_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match=r"SignIn can't be written.*lone surrogate"):
        write_templates(tmp_path / "t", [make("Register"), make(html="\ud800")])
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("place", ["SignIn.html", ""])
def test_a_folder_that_can_not_be_written_to_is_named(place: str, tmp_path: Path) -> None:
    if place:
        (tmp_path / place).mkdir()
        folder = tmp_path
    else:
        folder = tmp_path / "file" / "t"
        (tmp_path / "file").write_text("")
    with pytest.raises(ConnectorError, match=r"SignIn\..* can't be written \(.+\): choose another folder\."):
        write_templates(folder, [make()], overwrite=True)


# What is wrong in a folder


WRONG: dict[str, tuple[dict[str, bytes], str]] = {
    "no subject": ({"SignIn.fr.html": b"x"}, r"/SignIn\.fr\.subject\.txt is missing: write the subject into it\."),
    "nothing but a subject": ({"SignIn.subject.txt": b"x"}, r"/SignIn\.html and .*/SignIn\.txt are missing: write"),
    "an unknown ending": ({"notes.md": b"x"}, r"/notes\.md belongs to no template: .* Move it elsewhere\."),
    "no ending": ({"notes": b"x"}, r"/notes belongs to no template"),
    "a copy": ({"SignIn.html~": b"x"}, r"/SignIn\.html~ belongs to no template"),
    "too many dots": ({"SignIn.fr.old.html": b"x"}, r"/SignIn\.fr\.old\.\* can't be a usage type and a language"),
    "no UTF-8 in the name": ({"Sign%FF.html": b"x"}, r"/Sign%FF\.\* can't be a usage type"),
    "no UTF-8": ({"SignIn.html": b"caf\xe9"}, r"/SignIn\.html is not in UTF-8: save it so\."),
    "UTF-16": ({"SignIn.html": "x".encode("utf-16")}, r"/SignIn\.html is not in UTF-8"),
    "too large": (
        {"SignIn.html": b"x" * (MAX_FILE_BYTES + 1)},
        r"/SignIn\.html is larger than 1000 kB: make it shorter",
    ),
    "the same twice": (
        {"SignIn.subject.txt": b"x", "SignIn.txt": b"x", "%53ignIn.subject.txt": b"x", "%53ignIn.html": b"x"},
        r"%53ignIn\.\* and SignIn\.\* are the same template: keep one of them\.",
    ),
}


@pytest.mark.parametrize(("files", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_an_error_that_names_it(files: dict[str, bytes], sentence: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConnectorError, match=sentence):
        read_templates(tmp_path)


def test_the_largest_file_is_read(tmp_path: Path) -> None:
    write_templates(tmp_path, [make(html="x" * MAX_FILE_BYTES)])
    assert len(read_templates(tmp_path)[0].html) == MAX_FILE_BYTES


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_folder_within_and_a_pipe_are_errors_and_nobody_waits_for_them(tmp_path: Path) -> None:
    (tmp_path / "SignIn.html").mkdir()
    with pytest.raises(ConnectorError, match=r"/SignIn\.html is no file: move it elsewhere\."):
        read_templates(tmp_path)
    (tmp_path / "SignIn.html").rmdir()
    os.mkfifo(tmp_path / "SignIn.html")
    with pytest.raises(ConnectorError, match=r"/SignIn\.html is no file"):
        read_templates(tmp_path)


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match=r"missing can't be read \(No such file or directory\): name another\."):
        read_templates(tmp_path / "missing")


def test_a_name_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.html"))).write_text("x")
    with pytest.raises(ConnectorError, match="can't be a usage type"):
        read_templates(tmp_path)
