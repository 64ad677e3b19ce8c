"""The sandbox: a mail server as a recipient's provider has one, seen through Python's own client."""

from __future__ import annotations

import json
import logging
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_smtp.sandbox import SENDER, SmtpSandbox
from network_environment import forget_network_environment

from connector_core import Attachment, AuthorizationFailed, Connector, ConnectorError, Host, Message, Secret

from .smtp_server import config_for
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def smtp() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["simple-mail-transfer-protocol"]


def connect(sandbox: SmtpSandbox) -> smtplib.SMTP:
    """Return Python's client, connected as the sandbox's config says, and not signed in."""
    config = sandbox.config
    context = ssl.create_default_context(cadata=config["tls"]["ca"])
    if config.get("secure"):
        return smtplib.SMTP_SSL(config["host"], config["port"], context=context, timeout=20)
    client = smtplib.SMTP(config["host"], config["port"], timeout=20)
    client.starttls(context=context)
    return client


def make_mail(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    fields = {"From": "Ünï <a@example.com>", "To": "ann@example.com", "Subject": "Cöde"}
    for name, value in {**fields, **headers}.items():
        mail[name] = value
    mail.set_content("It is 123456\n")
    return mail


# Configs


def test_a_config_of_the_sandboxs_own_is_valid_and_works(smtp: Connector) -> None:
    with SmtpSandbox() as sandbox:
        assert smtp.validate_config(sandbox.config) == []
        result = smtp.send_message(sandbox.config, MESSAGE)
        (message,) = sandbox.messages
    assert message.id == result.message_id
    assert message.to == ("ann@example.com",)
    assert message.text == "Your code to sign in is 123456."
    assert message.html == ""
    assert message.payload is None
    assert message.request["envelope"]["from"] == SENDER
    assert message.request["headers"]["Subject"] == message.subject == "Your sign-in code"


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(
    "auth",
    [
        {"user": "ann", "pass": "made-up/pässw0rd"},
        {"user": "ann", "pass": "x" * 600},
        {"type": "oauth2", "user": "ann", "accessToken": "made-up-t0ken" * 100},
        {"type": "oauth2", "user": "ann", "clientId": "id", "clientSecret": "made-up", "refreshToken": "made-up-2"},
    ],
)
def test_credentials_sender_and_templates_of_a_config_stay_and_the_way_there_is_replaced(
    smtp: Connector, auth: dict[str, Any], *, secure: bool
) -> None:
    given = {
        **config_for(25, auth=auth, secure=secure, localAddress="192.0.2.1", servername="mail.example.org"),
        "host": "mail.example.org",
        "tls": {"ca": "x", "minVersion": "TLSv1.3"},
    }
    with SmtpSandbox(given) as sandbox:
        config = sandbox.config
        config["auth"].pop("accessUrl", None)
        assert {key: config[key] for key in ("auth", "fromEmail", "templates", "secure")} == {
            key: given[key] for key in ("auth", "fromEmail", "templates", "secure")
        }
        smtp.send_message(sandbox.config, MESSAGE)
        assert sandbox.messages[0].subject == "Code for SignIn"


def test_a_password_that_is_kept_elsewhere_is_made_up(smtp: Connector) -> None:
    with SmtpSandbox(config_for(25, auth={"user": "ann", "pass": {"$env": "SMTP_OF_THE_TEST"}})) as sandbox:
        smtp.send_message(sandbox.config, MESSAGE)
        assert len(sandbox.messages) == 1


def test_a_wrapped_password_is_known(smtp: Connector) -> None:
    with SmtpSandbox(config_for(25, auth={"user": "ann", "pass": Secret("made-up-password")})) as sandbox:
        assert sandbox.config["auth"]["pass"] == "made-up-password"
        smtp.send_message(sandbox.config, MESSAGE)


def test_a_config_is_a_new_one_each_time() -> None:
    with SmtpSandbox() as sandbox:
        sandbox.config["auth"]["pass"] = sandbox.config["templates"][0]["subject"] = "changed"
        assert sandbox.config["auth"]["pass"] != "changed"
        assert sandbox.config["templates"][0]["subject"] != "changed"


def test_two_sandboxes_have_nothing_in_common(smtp: Connector) -> None:
    with SmtpSandbox() as one, SmtpSandbox() as other:
        smtp.send_message(one.config, MESSAGE)
        assert (len(one.messages), len(other.messages)) == (1, 0)
        with pytest.raises(ConnectorError):
            smtp.send_message({**other.config, "tls": one.config["tls"]}, MESSAGE)
        with pytest.raises(AuthorizationFailed):
            smtp.send_message({**other.config, "auth": one.config["auth"]}, MESSAGE)
        assert other.messages == []


# The server


@pytest.mark.parametrize("secure", [True, False])
def test_pythons_own_client_can_send(*, secure: bool) -> None:
    with SmtpSandbox(config_for(25, secure=secure, auth={"user": "ann", "pass": "made-up"})) as sandbox:
        with connect(sandbox) as client:
            client.login("ann", "made-up")
            client.send_message(make_mail(Cc="Bob <bob@example.com>"))
            client.sendmail("a@example.com", ["eve@example.com"], make_mail().as_bytes())
        first, second = sandbox.messages
    assert first.to == ("ann@example.com", "bob@example.com")
    assert (first.subject, first.text) == ("Cöde", "It is 123456")
    assert second.to == ("eve@example.com", "ann@example.com")
    assert second.request["envelope"]["to"] == ["eve@example.com"]


@pytest.mark.parametrize(("user", "password"), [("ann", "wrong"), ("eve", "made-up"), ("", "")])
def test_wrong_credentials_are_refused(user: str, password: str) -> None:
    with SmtpSandbox(config_for(25, auth={"user": "ann", "pass": "made-up"})) as sandbox, connect(sandbox) as client:
        with pytest.raises(smtplib.SMTPAuthenticationError) as raised:
            client.login(user, password)
        assert raised.value.smtp_code == 535
        assert client.mail("a@example.com")[0] == 530


def test_nothing_is_taken_before_tls() -> None:
    with SmtpSandbox() as sandbox:
        with smtplib.SMTP("127.0.0.1", sandbox.config["port"], timeout=20) as client:
            client.ehlo()
            assert "auth" not in client.esmtp_features
            assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 530
            assert client.mail("a@example.com")[0] == 530
        assert sandbox.messages == []


@pytest.mark.parametrize("address", ["rejected@example.com", "Rejected@elsewhere.example"])
def test_a_recipient_can_be_refused(address: str) -> None:
    with SmtpSandbox() as sandbox, connect(sandbox) as client:
        auth = sandbox.config["auth"]
        client.login(auth["user"], auth["pass"])
        refused = client.sendmail("a@example.com", [address, "ann@example.com"], make_mail().as_bytes())
        assert refused[address][0] == 550
        assert refused[address][1].startswith(b"5.1.1")
        assert sandbox.messages[0].request["envelope"]["to"] == ["ann@example.com"]


@pytest.mark.parametrize("given", ["x", "!", ""])
def test_a_token_that_is_none_is_refused(given: str) -> None:
    auth = {"type": "oauth2", "user": "ann", "accessToken": "made-up-t0ken"}
    with SmtpSandbox(config_for(25, auth=auth)) as sandbox, connect(sandbox) as client:
        client.ehlo()
        code, _ = client.docmd("AUTH", f"XOAUTH2 {given}".strip())
        while code == 334:
            code, _ = client.docmd("")
        assert code in {501, 535}
        assert client.mail("a@example.com")[0] == 530


def test_a_mail_that_is_hard_to_read_is_taken() -> None:
    with SmtpSandbox() as sandbox, connect(sandbox) as client:
        auth = sandbox.config["auth"]
        client.login(auth["user"], auth["pass"])
        for content in (
            b"",
            b"\xff\xfe",
            b"Subject: =?utf-8?q?=FF?=\r\nTo: <<>\r\n\r\nx",
            b"Content-Type: x/y\r\n\r\n",
        ):
            client.sendmail("a@example.com", ["ann@example.com"], content)
        assert len(sandbox.messages) == 4
        assert requests.get(f"{sandbox.url}/", timeout=20).status_code == 200


@pytest.mark.parametrize("secure", [True, False])
def test_nothing_that_it_hears_is_logged_and_what_others_log_is(
    smtp: Connector, caplog: pytest.LogCaptureFixture, *, secure: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    auth = {"user": "ann", "pass": "made-up-password"}
    with SmtpSandbox(config_for(25, auth=auth, secure=secure)) as sandbox:
        smtp.send_message(sandbox.config, MESSAGE)
        with pytest.raises(AuthorizationFailed):
            smtp.send_message({**sandbox.config, "auth": {"user": "ann", "pass": "another-password"}}, MESSAGE)
    assert "mail.log" not in {record.name for record in caplog.records}
    logging.getLogger("mail.log").warning("of the host's own server")
    assert "of the host's own server" in caplog.text


def test_many_clients_at_once_are_served(smtp: Connector) -> None:
    with SmtpSandbox() as sandbox, smtp.configure(sandbox.config) as mail, ThreadPoolExecutor(8) as pool:
        list(pool.map(mail.send_message, [MESSAGE] * 64))
        assert len(sandbox.messages) == 64


# The token address


def test_the_token_address_refuses_as_others_do() -> None:
    auth = {"type": "oauth2", "user": "ann", "clientId": "id", "clientSecret": "made-up", "refreshToken": "made-up-2"}
    right = {"grant_type": "refresh_token", "client_id": "id", "client_secret": "made-up", "refresh_token": "made-up-2"}
    wrong = [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "x"}, 401, "invalid_client"),
        ({"client_secret": "x"}, 401, "invalid_client"),
        ({"refresh_token": "x"}, 400, "invalid_grant"),
    ]
    with SmtpSandbox(config_for(25, auth=auth)) as sandbox:
        url = sandbox.config["auth"]["accessUrl"]
        for change, status, error in wrong:
            answer = requests.post(url, data={**right, **change}, timeout=20)
            assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert requests.post(url, data=right, timeout=20).json()["token_type"] == "Bearer"


def test_without_a_refresh_token_there_are_no_tokens_to_be_had() -> None:
    with SmtpSandbox() as sandbox:
        answer = requests.post(f"{sandbox.url}/token", data={"grant_type": "refresh_token"}, timeout=20)
    assert answer.status_code == 400


# Its life


def test_the_page_and_its_json_show_the_mails(smtp: Connector) -> None:
    with SmtpSandbox() as sandbox:
        smtp.send_message(sandbox.config, MESSAGE)
        page = requests.get(f"{sandbox.url}/", timeout=20)
        (listed,) = requests.get(f"{sandbox.url}/sandbox/messages", timeout=20).json()
        one = requests.get(f"{sandbox.url}/sandbox/messages/{listed['id']}", timeout=20).json()
    assert "Your sign-in code" in page.text
    assert listed == one
    assert json.dumps(listed["request"])


def test_the_names_of_files_are_shown_as_they_came(smtp: Connector) -> None:
    names = ["a.png", '"a"', "<é>", "é" * 200]
    with SmtpSandbox() as sandbox, smtp.configure(sandbox.config) as mail:
        files = [Attachment(name=name, content=b"x") for name in names]
        mail.send_message(Message("ann@example.com", "SignIn", {"code": "1"}, attachments=files))
        (taken,) = sandbox.messages
    assert [file["name"] for file in taken.request["attachments"]] == names


def test_the_port_is_the_mail_servers(smtp: Connector) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with smtp.create_sandbox(port=port) as sandbox:
        assert sandbox.config["port"] == port


def test_a_port_that_is_taken_is_said_to_be(smtp: Connector) -> None:
    threads = threading.active_count()
    with SmtpSandbox() as sandbox:
        port = sandbox.config["port"]
        with pytest.raises(ConnectorError, match=f"Port {port} is taken"), smtp.create_sandbox(port=port):
            pass
    assert threading.active_count() == threads


def test_nothing_is_left_when_it_ends() -> None:
    threads = threading.active_count()
    with SmtpSandbox() as sandbox:
        port = sandbox.config["port"]
        client = connect(sandbox)
    assert threading.active_count() == threads
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError, ssl.SSLError)):
        client.noop()
    client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_it_has_a_config_only_while_it_runs() -> None:
    sandbox = SmtpSandbox()
    with pytest.raises(RuntimeError):
        _ = sandbox.config


def test_clients_that_go_away_print_nothing() -> None:
    code = """
import socket, ssl, smtplib
from connector_smtp.sandbox import SmtpSandbox
with SmtpSandbox() as sandbox:
    port = sandbox.config["port"]
    socket.create_connection(("127.0.0.1", port)).close()
    client = smtplib.SMTP("127.0.0.1", port)
    try:
        client.starttls(context=ssl.create_default_context())
    except ssl.SSLError:
        pass
    client = smtplib.SMTP("127.0.0.1", port)
    client.starttls(context=ssl.create_default_context(cadata=sandbox.config["tls"]["ca"]))
    client.login(sandbox.config["auth"]["user"], sandbox.config["auth"]["pass"])
    client.mail("a@example.com"); client.rcpt("b@example.com"); client.docmd("DATA"); client.send("half a")
    client.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603  ours
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
