"""What a mail looks like: its headers and parts as a recipient's program reads them, and nothing of somebody else's."""

from __future__ import annotations

import re
from email.utils import getaddresses, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector_core import (
    Host,
    InvalidMessage,
    Message,
    RecipientRejected,
    SendError,
    TemplateNotFound,
)

from .mail_reading import ENCODED, compose, decode, read, read_raw, read_text
from .smtp_server import ScriptedServer, config_for
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type"]
INJECTION = "x\r\nBcc: evil@attacker.example\r\n\r\nbody"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


# Headers


def test_a_mail_has_the_headers_that_it_should_have() -> None:
    mail = read(compose())
    assert [*mail.keys()] == [*OWN_HEADERS, "Content-Transfer-Encoding", "MIME-Version"]
    assert mail["From"] == "Example <noreply@example.com>"
    assert mail["To"] == "ann@example.com"
    assert mail["Subject"] == "Code for SignIn"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(mail["Date"]).utcoffset() is not None
    assert mail.get_content_type() == "text/plain"


def test_each_mail_has_an_id_of_its_own_at_the_senders_domain() -> None:
    ids = {compose(fromEmail="Example <noreply@Mail.Example.COM>").message_id for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"<[0-9a-f-]{36}@mail\.example\.com>", message_id) for message_id in ids)


def test_answers_go_where_the_config_says() -> None:
    assert read(compose(replyTo="Help desk <help@example.com>"))["Reply-To"] == "Help desk <help@example.com>"


def test_headers_of_the_config_are_added() -> None:
    mail = read(compose(customHeaders={"X-Team": "sign-in", "X-Ünicode".encode().hex(): "é" * 200, "Sender": "a@b.c"}))
    assert mail["X-Team"] == "sign-in"
    assert mail["X-Ünicode".encode().hex()] == "é" * 200
    assert mail["Sender"] == "a@b.c"


def test_a_header_of_the_config_may_say_otherwise_who_submitted() -> None:
    mail = read(compose(customHeaders={"auto-submitted": "no"}))
    assert mail.get_all("Auto-Submitted") == ["no"]


@pytest.mark.parametrize("mailbox", ["é <a@example.com>", '"Acme, Inc." <a@example.com>', "a@example.com"])
def test_a_sender_arrives_as_it_is(mailbox: str) -> None:
    (sender,) = read(compose(fromEmail=mailbox))["From"].addresses
    assert sender.addr_spec == "a@example.com"
    assert sender.display_name == mailbox.removesuffix("a@example.com").removesuffix(" <a@example.com>").strip('"')


def test_domains_are_written_in_ascii() -> None:
    mail = compose(to="ann@münchen.example", fromEmail="Wir <wir@köln.example>")
    assert mail.sender == "wir@xn--kln-sna.example"
    assert mail.recipients == {"ann@münchen.example": "ann@xn--mnchen-3ya.example"}
    assert read(mail)["To"] == "ann@xn--mnchen-3ya.example"
    assert mail.message_id.endswith("@xn--kln-sna.example>")


# Content


def test_html_has_its_text_as_the_alternative() -> None:
    mail = compose({"code": "<1>"}, entry={"contentType": "text/html", "content": "<p>It is <b>{{code}}</b></p>"})
    parts = [part.get_content_type() for part in read(mail).walk()]
    assert parts == ["multipart/alternative", "text/plain", "text/html"]
    assert read_text(mail, "html") == "<p>It is <b>&lt;1&gt;</b></p>"
    assert read_text(mail) == "It is <1>"


def test_the_text_of_an_entry_takes_the_place_of_the_one_made_from_html() -> None:
    entry = {"contentType": "text/html", "content": "<p>{{code}}</p>", "text": "Code {{code}} & more"}
    assert read_text(compose({"code": "<1>"}, entry=entry)) == "Code <1> & more"


def test_plain_text_is_not_escaped() -> None:
    mail = compose({"code": '<1> & "2"'})
    assert read(mail).get_content_type() == "text/plain"
    assert read_text(mail) == 'It is <1> & "2"'


@pytest.mark.parametrize(
    "code",
    ["é👍", "x" * 5000, "a\nb\n\n", "\n.\n.x\n", "tab\there", "a\x00b\x08c", " lead and trail ", "From me", "é" * 3000],
)
def test_every_text_arrives_as_it_is(code: str) -> None:
    assert read_text(compose({"code": f"{code}!"})) == f"It is {code}!"


def test_every_line_break_is_one() -> None:
    assert read_text(compose({"code": "a\rb\r\nc\nd"})) == "It is a\nb\nc\nd"


def test_half_a_surrogate_pair_does_not_stop_a_mail() -> None:
    assert read_text(compose({"code": "\ud800x"})) == "It is \ufffdx"
    assert read_text(compose(entry={"content": "half \udc00 a pair"})) == "half ? a pair"


def test_the_locale_and_the_usage_type_choose_the_template() -> None:
    templates = [
        *config_for(25)["templates"],
        {"usageType": "SignIn", "contentType": "text/plain", "subject": "Anmelden", "content": "x", "locale": "de"},
    ]
    assert read(compose({"locale": "de-CH"}, templates=templates))["Subject"] == "Anmelden"
    assert read(compose({"locale": "fr"}, templates=templates))["Subject"] == "Code for SignIn"


def test_a_usage_type_without_template_and_without_generic_is_told() -> None:
    templates = [entry for entry in config_for(25)["templates"] if entry["usageType"] == "Register"]
    with pytest.raises(TemplateNotFound):
        compose(templates=templates)


# Injection


@pytest.mark.parametrize(
    "hostile", [INJECTION, ENCODED, INJECTION.replace("\r\n", "\n"), INJECTION.replace("\r\n", "\r")]
)
def test_a_payload_in_the_subject_adds_no_header(hostile: str) -> None:
    mail = compose({"code": hostile}, entry={"subject": "{{code}} {{code}}"})
    assert [*read(mail).keys()][: len(OWN_HEADERS)] == OWN_HEADERS
    assert decode(read_raw(mail, "Subject")) == " ".join([re.sub(r"[\r\n]+", " ", hostile)] * 2)


@pytest.mark.parametrize("where", ["fromEmail", "replyTo"])
def test_a_name_that_looks_like_an_encoded_word_adds_no_header(where: str) -> None:
    mailbox: dict[str, Any] = {where: f"{ENCODED} <a@example.com>"}
    mail = compose(**mailbox)
    header = {"fromEmail": "From", "replyTo": "Reply-To"}[where]
    assert getaddresses([read_raw(mail, header)])[0][1] == "a@example.com"
    assert decode(getaddresses([read_raw(mail, header)])[0][0]) == ENCODED
    assert "bcc" not in read(mail)


def test_a_header_of_the_config_that_looks_like_an_encoded_word_adds_no_header() -> None:
    mail = compose(customHeaders={"X-Team": ENCODED})
    assert decode(read_raw(mail, "X-Team")) == ENCODED
    assert "bcc" not in read(mail)


@pytest.mark.parametrize(
    "to",
    [
        "a@example.com>\r\nRCPT TO:<evil@attacker.example",
        "a@example.com> SIZE=1",
        "a@example.com,evil@attacker.example",
        "<a@example.com>",
        "Ann <a@example.com>",
        '"a b"@example.com',
        "a b@example.com",
        "a@b@example.com",
        "@example.com",
        "a@",
        "ann",
        "+15551234",
        f"{'x' * 65}@example.com",
        f"a@{'x' * 250}.com",
    ],
)
def test_a_recipient_that_is_no_address_is_refused_before_anything_is_said(host: Host, to: str) -> None:
    with ScriptedServer() as server, pytest.raises(SendError) as raised:
        host["simple-mail-transfer-protocol"].send_message(
            config_for(server.port), Message(to, "SignIn", {"code": "1"})
        )
    assert isinstance(raised.value, InvalidMessage)
    assert server.connections == []


NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters='<>"\\,;@'), max_size=120)
TEXTS = st.text(max_size=300)


@given(TEXTS)
@example(ENCODED)
@example("x" * 300)
@example(f"{'x' * 60} {' ' * 100}y")
@example("  lead")
def test_every_subject_arrives_on_one_line(text: str) -> None:
    mail = compose({"code": text}, entry={"subject": "S{{code}}E"})
    shown = decode(read_raw(mail, "Subject"))
    wanted = re.sub(r"[\ud800-\udfff]", "\ufffd", text)
    squeezed = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
    assert squeezed.sub(" ", shown) == squeezed.sub(" ", f"S{wanted}E")


@given(NAMES)
@example("Ünïcödé and a very long name that goes on and on and on (really) and on: [so] it is folded")
@example(ENCODED.replace('"', ""))
def test_every_name_of_a_sender_arrives_and_names_one_address(name: str) -> None:
    mail = compose(fromEmail=f"{name} <noreply@example.com>")
    raw = read_raw(mail, "From")
    ((shown, address),) = getaddresses([raw])
    assert address == "noreply@example.com"
    assert decode(shown).split() == " ".join(name.split()).split()


@given(TEXTS)
def test_every_code_arrives_in_html_and_in_text(code: str) -> None:
    mail = compose(
        {"code": code}, entry={"contentType": "text/html", "content": "<pre>{{code}}</pre>", "text": "{{code}}"}
    )
    wanted = re.sub(r"\r\n|\r", "\n", code.encode("utf-8", "replace").decode())
    assert read_text(mail).rstrip("\n") == wanted.rstrip("\n")
    read(mail)


# Addresses with accented letters


def send(host: Host, server: ScriptedServer, to: str = "ann@example.com", **settings: Any) -> None:
    message = Message(to, "SignIn", {"code": "123456"})
    host["simple-mail-transfer-protocol"].send_message(config_for(server.port, **settings), message)


@pytest.mark.parametrize(
    ("to", "sender"), [("jürgen@example.com", "noreply@example.com"), ("ann@example.com", "jürgen@example.com")]
)
def test_accented_letters_go_to_a_server_that_takes_them(host: Host, to: str, sender: str) -> None:
    with ScriptedServer() as server:
        send(host, server, to, fromEmail=f"Jürgen <{sender}>")
    assert re.fullmatch(rf"MAIL FROM:<{sender}> SIZE=\d+ BODY=8BITMIME SMTPUTF8", server.commands[2])
    assert server.commands[3] == f"RCPT TO:<{to}>"
    lines = server.mails[0].decode().split("\r\n")
    assert f"To: {to}" in lines
    assert f" <{sender}>" in lines


def test_a_recipient_with_accented_letters_is_refused_where_the_server_takes_none(host: Host) -> None:
    with ScriptedServer(extensions=["AUTH PLAIN"]) as server, pytest.raises(RecipientRejected) as raised:
        send(host, server, "jürgen@example.com")
    assert raised.value.recipients == ("jürgen@example.com",)
    assert raised.value.outcome == "not_sent"
    assert "SMTPUTF8" in str(raised.value)
    assert "MAIL" not in server.verbs


def test_a_sender_with_accented_letters_is_refused_where_the_server_takes_none(host: Host) -> None:
    with ScriptedServer(extensions=["AUTH PLAIN"]) as server, pytest.raises(InvalidMessage) as raised:
        send(host, server, fromEmail="jürgen@example.com")
    assert "fromEmail" in str(raised.value)
    assert "MAIL" not in server.verbs


def test_other_mails_need_no_extension_at_all(host: Host) -> None:
    with ScriptedServer(extensions=["AUTH PLAIN"]) as server:
        send(host, server, "ann@münchen.example", fromEmail="Jürgen <jurgen@köln.example>")
    assert server.commands[2:4] == ["MAIL FROM:<jurgen@xn--kln-sna.example>", "RCPT TO:<ann@xn--mnchen-3ya.example>"]
    assert server.mails[0].isascii()


def test_a_connection_that_served_accented_letters_serves_others(host: Host) -> None:
    with ScriptedServer() as server:
        with host["simple-mail-transfer-protocol"].configure(config_for(server.port)) as mail:
            for to in ("jürgen@example.com", "ann@example.com"):
                mail.send_message(Message(to, "SignIn", {"code": "123456"}))
        assert len(server.connections) == 1
    assert sum("SMTPUTF8" in command for command in server.commands) == 1
