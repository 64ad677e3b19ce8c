"""The options of a message in the mail: copies, answers, headers, files, and content in the place of a template."""

from __future__ import annotations

import re
from base64 import b64decode
from email.utils import getaddresses
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector_core import Attachment, Content, InvalidMessage, Message

from .mail_reading import ENCODED, compose_message, decode, read, read_raw, read_text
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from email.message import EmailMessage

    from connector_smtp.content import Mail

PDF = Attachment(name="bill.pdf", content=bytes(range(256)) * 9, content_type="application/pdf")
LOGO = Attachment(name="logo.gif", content=b"GIF89a", content_type="image/gif", content_id="logo")
HTML = Content("Hello", "Hello", '<p>Hello <img src="cid:logo"></p>')


def compose(settings: dict[str, Any] | None = None, /, **options: Any) -> Mail:
    return compose_message(Message("ann@example.com", "SignIn", {"code": "123456"}, **options), **(settings or {}))


def outline(part: Any) -> Any:
    kind = part.get_content_type()
    return (kind, [outline(one) for one in part.iter_parts()]) if part.is_multipart() else kind


def find_files(mail: Mail) -> list[EmailMessage]:
    return [part for part in read(mail).walk() if part.get_content_disposition() is not None]


# Copies and answers


def test_copies_are_named_and_blind_copies_are_not() -> None:
    mail = compose(cc=["bob@example.com", "zoe@münchen.example"], bcc=["eve@example.com"])
    assert mail.recipients == {
        "ann@example.com": "ann@example.com",
        "bob@example.com": "bob@example.com",
        "zoe@münchen.example": "zoe@xn--mnchen-3ya.example",
        "eve@example.com": "eve@example.com",
    }
    assert read(mail)["To"] == "ann@example.com"
    assert read(mail)["Cc"] == "bob@example.com, zoe@xn--mnchen-3ya.example"
    assert b"eve" not in mail.data
    assert "bcc" not in read(mail)


def test_who_is_named_twice_gets_the_mail_once() -> None:
    mail = compose(cc=["ann@example.com", "bob@example.com"], bcc=["bob@example.com"])
    assert [*mail.recipients] == ["ann@example.com", "bob@example.com"]


def test_a_hundred_copies_keep_to_the_length_of_lines() -> None:
    everybody = [f"{'x' * 60}{number:03}@example.com" for number in range(100)]
    assert [address for _, address in getaddresses([read(compose(cc=everybody))["Cc"]])] == everybody


def test_answers_to_a_message_go_before_those_of_the_config() -> None:
    settings = {"replyTo": "Help desk <help@example.com>"}
    assert read(compose(settings, reply_to="Zoë <zoe@example.com>"))["Reply-To"] == "Zoë <zoe@example.com>"
    assert read(compose(settings))["Reply-To"] == "Help desk <help@example.com>"


@pytest.mark.parametrize("option", ["cc", "bcc"])
@pytest.mark.parametrize("address", ["nobody", "a@b.c, d@e.f", f"{'x' * 65}@example.com", "a@example.com> SIZE=1"])
def test_a_copy_to_what_is_no_address_is_refused(option: str, address: str) -> None:
    with pytest.raises(InvalidMessage):
        compose(**{option: [address]})


# Headers


def test_headers_of_a_message_go_before_those_of_the_config_whatever_their_letters() -> None:
    settings = {"customHeaders": {"X-Team": "ours", "X-Kind": "codes"}}
    mail = read(compose(settings, headers={"x-team": "yours", "X-Empty": "", "auto-submitted": "no"}))
    assert (mail.get_all("X-Team"), mail.get_all("X-Kind")) == (["yours"], ["codes"])
    assert (mail.get_all("X-Empty"), mail.get_all("Auto-Submitted")) == ([""], ["no"])


NAMES = st.from_regex(r"X-[!-9;-~]{1,60}", fullmatch=True)
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)


@given(NAMES, LINES)
@example("X-Team", ENCODED)
@example("X-Team", f"{'x' * 60} {' ' * 100}y")
def test_every_header_arrives_on_one_line_and_adds_no_other(name: str, text: str) -> None:
    mail = compose(headers={name: text})
    assert {*read(mail).keys()} == {*read(compose()).keys(), name}
    shown = decode(read_raw(mail, name))
    assert shown.split() == text.split()


@given(LINES)
@example(ENCODED)
def test_every_name_of_who_gets_answers_arrives_and_names_one_address(name: str) -> None:
    quoted = re.sub(r'[<>"\\]', "", name)
    mail = compose(reply_to=f'"{quoted}" <help@example.com>')
    ((shown, address),) = getaddresses([read_raw(mail, "Reply-To")])
    assert address == "help@example.com"
    assert decode(shown).split() == quoted.split()
    assert {*read(mail).keys()} == {*read(compose()).keys(), "Reply-To"}


# Content


def test_content_takes_the_place_of_a_template_and_stays_as_it_is() -> None:
    mail = compose(content=Content("Hi {{code}}", "Text {{code}} <&>", "<p>{{code}}</p>"))
    assert read(mail)["Subject"] == "Hi {{code}}"
    assert read_text(mail) == "Text {{code}} <&>"
    assert read_text(mail, "html") == "<p>{{code}}</p>"


def test_content_needs_no_template_for_the_usage_type() -> None:
    templates = [{"usageType": "Register", "contentType": "text/plain", "subject": "S", "content": "C"}]
    assert read_text(compose({"templates": templates}, content=Content("S", "Hello"))) == "Hello"


@pytest.mark.parametrize(
    ("content", "kind"), [(Content("S", "Hello"), "text/plain"), (Content("S", html="<p>Hello</p>"), "text/html")]
)
def test_content_of_one_kind_is_that_kind_alone(content: Content, kind: str) -> None:
    assert outline(read(compose(content=content))) == kind


@given(LINES)
@example(ENCODED)
def test_every_subject_of_content_arrives_on_one_line(subject: str) -> None:
    mail = compose(content=Content(subject, "Hello"))
    assert {*read(mail).keys()} == {*read(compose()).keys()}
    assert decode(read_raw(mail, "Subject")).split() == subject.split()


# Files


def test_files_come_beside_what_the_mail_says() -> None:
    mail = compose(attachments=[PDF, Attachment(name="notes.txt", content=b"", content_type="text/plain")])
    assert outline(read(mail)) == ("multipart/mixed", ["text/plain", "application/pdf", "text/plain"])
    assert read_text(mail) == "It is 123456"
    assert [(part.get_filename(), part.get_content_disposition()) for part in find_files(mail)] == [
        ("bill.pdf", "attachment"),
        ("notes.txt", "attachment"),
    ]
    assert [part.get_payload(decode=True) for part in find_files(mail)] == [PDF.content, b""]


def test_a_file_with_a_content_id_belongs_to_the_html() -> None:
    mail = compose(attachments=[PDF, LOGO], content=HTML)
    related = ("multipart/related", ["text/html", "image/gif"])
    alternative = ("multipart/alternative", ["text/plain", related])
    assert outline(read(mail)) == ("multipart/mixed", [alternative, "application/pdf"])
    shown, _ = find_files(mail)
    assert (shown["Content-ID"], shown.get_content_disposition()) == ("<logo>", "inline")
    assert read_text(mail, "html") == HTML.html
    assert read_text(mail) == "Hello"


def test_without_html_a_file_with_a_content_id_is_like_any_other() -> None:
    assert outline(read(compose(attachments=[LOGO]))) == ("multipart/mixed", ["text/plain", "image/gif"])


@pytest.mark.parametrize("kind", ["message/rfc822", "multipart/mixed", "MESSAGE/partial"])
def test_a_mail_as_a_file_has_a_type_that_may_be_in_base64(kind: str) -> None:
    (part,) = find_files(
        compose(attachments=[Attachment(name="mail.eml", content=b"A: b\r\n\r\n.", content_type=kind)])
    )
    assert part.get_content_type() == "application/octet-stream"
    assert b64decode(str(part.get_payload())) == b"A: b\r\n\r\n."


def test_a_content_id_that_looks_like_an_encoded_word_is_refused() -> None:
    hostile = Attachment(name="logo.gif", content=b"", content_id=ENCODED)
    with pytest.raises(InvalidMessage, match="content id"):
        compose(attachments=[hostile])


FILE_NAMES = (
    st.text(
        st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="/\\"), min_size=1, max_size=255
    )
    .map(str.strip)
    .filter(bool)
)


@given(FILE_NAMES)
@example(ENCODED)
@example('x"; filename="evil.exe')
@example("%0d%0aBcc: evil@attacker.example")
@example("utf-8''x")
@example("é" * 255)
@example("👍" * 255)
@example('"a"')
@example("<é>")
def test_every_name_of_a_file_arrives_and_adds_no_header(name: str) -> None:
    mail = compose(attachments=[Attachment(name=name, content=b"x")])
    (part,) = find_files(mail)
    assert part["Content-Disposition"].params["filename"] == name
    assert [*part.keys()] == ["Content-Type", "Content-Transfer-Encoding", "Content-Disposition"]


@given(st.binary(max_size=400), st.text(max_size=60))
@example(b"--=_\r\n.\r\n", "--=_\n.\n")
def test_every_file_and_text_arrive_as_they_are(content: bytes, text: str) -> None:
    file = Attachment(name="file", content=content)
    shown = Attachment(name="shown", content=content, content_id="shown")
    mail = compose(attachments=[file, shown], content=Content("S", text, f"<pre>{text}</pre>"))
    assert [part.get_payload(decode=True) for part in find_files(mail)] == [content, content]
    wanted = re.sub(r"\r\n|\r", "\n", text.encode("utf-8", "replace").decode())
    assert read_text(mail, "html").rstrip("\n") == f"<pre>{wanted}</pre>"


# Addresses with accented letters


@pytest.mark.parametrize(
    "options", [{"cc": ["zoë@example.com"]}, {"bcc": ["zoë@example.com"]}, {"reply_to": "zoë@example.com"}]
)
def test_an_accented_address_in_an_option_needs_a_server_that_takes_such(options: dict[str, Any]) -> None:
    assert compose(**options).is_international
    assert not compose(cc=["zoe@münchen.example"], reply_to="Zoë <zoe@example.com>").is_international
