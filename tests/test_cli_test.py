"""The command line: test, which checks a config and then sends with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from command_line import run, write_config
from fakes import FakeConnector
from live_fakes import SECRET, StoringConnector, add_connector, write_fake_config, write_sandbox_config
from network_environment import forget_network_environment

from connector_core import USAGE_TYPES, Finding, Host, Message, RecipientRejected, SendResult
from connector_core.testing.wire_behaviours import respond
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from connector_core import Config, Sandbox

    Add = Callable[..., None]

TO = "ann@example.com"
INACTIVE = "hardbounce@bounce-testing.postmarkapp.com"
WARNING = Finding("warning", "sender_unknown", "$", "The sender can't be seen.", "Look at the mail.")
ERROR = Finding("error", "template_not_found", "$.templates[0].alias", "There is no template.", "Create it.")
OK = Finding("ok", "credentials_accepted", "$.token", "The token works.")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def add(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Add:
    def connector(one: FakeConnector) -> None:
        add_connector(one, install, monkeypatch)

    return connector


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Host.discover() as host, host["postmark-mail"].create_sandbox() as running:
        yield running


def test_one_generic_message_with_a_code_of_zeros_is_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run("test", "postmark-mail", "--config", write_sandbox_config(tmp_path, sandbox), "--to", TO)
    (message,) = sandbox.messages
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == f"Generic  sent    {message.id}\n"
    assert (message.to, message.payload) == ((TO,), {"code": "000000"})


def test_the_document_has_findings_and_messages(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run("test", "postmark-mail", "--config", write_sandbox_config(tmp_path, sandbox), "--to", TO, "--json")
    document = done.json()
    assert (done.code, done.stderr) == (0, "")
    assert set(document) == {"connector", "findings", "messages"}
    assert document["connector"] == "postmark-mail"
    assert {one["level"] for one in document["findings"]} == {"ok"}
    (message,) = document["messages"]
    assert set(message) == {"type", "messageId", "status", "recipients", "submittedAt"}
    assert (message["type"], message["status"], message["recipients"]) == ("Generic", "sent", {TO: "sent"})
    assert message["messageId"] == sandbox.messages[0].id


def test_all_types_are_the_shared_usage_types_each_with_its_variable(sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_sandbox_config(tmp_path, sandbox)
    done = run("test", "postmark-mail", "--config", file, "--to", TO, "--all-types", "--locale", "fr")
    assert (done.code, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [[name, "sent"] for name in USAGE_TYPES]
    payloads = dict(zip(USAGE_TYPES, [message.payload for message in sandbox.messages], strict=True))
    invited = payloads.pop("OrganizationInvitation")
    assert invited is not None
    assert set(invited) == {"link", "locale"}
    assert all(payload == {"code": "000000", "locale": "fr"} for payload in payloads.values())


def test_a_locale_chooses_the_template(sandbox: Sandbox, tmp_path: Path) -> None:
    entry = {"usageType": "Generic", "templateAlias": "logto-sign-in", "locale": "fr"}
    file = write_sandbox_config(tmp_path, sandbox, templates=[*sandbox.config["templates"], entry])
    assert run("test", "postmark-mail", "--config", file, "--to", TO, "--locale", "fr-CA").code == 0
    assert sandbox.messages[0].request["TemplateAlias"] == "logto-sign-in"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_with_an_error_among_the_findings_nothing_is_sent(options: list[str], sandbox: Sandbox, tmp_path: Path) -> None:
    file = write_sandbox_config(tmp_path, sandbox, messageStream="no-such-stream")
    done = run("test", "postmark-mail", "--config", file, "--to", TO, *options)
    assert done.code == 1
    assert list(sandbox.messages) == []
    if options:
        assert done.json()["messages"] == []
        assert "stream_not_found" in {one["code"] for one in done.json()["findings"]}
    else:
        assert done.stdout.startswith("error    $.messageStream  ")
        assert done.stderr == "Nothing was sent: mend what is wrong, then try again.\n"


def test_a_warning_is_shown_and_stops_nothing(add: Add, tmp_path: Path) -> None:
    connector = StoringConnector(findings=[OK, WARNING])
    add(connector)
    done = run("test", "store-mail", "--config", write_fake_config(tmp_path), "--to", TO)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "warning  $  The sender can't be seen.",
        "            Look at the mail.",
        "Generic  sent    id-1",
    ]
    assert len(connector.sent) == 1


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_connector_without_a_live_check_sends_and_says_so(options: list[str], add: Add, tmp_path: Path) -> None:
    connector = FakeConnector()
    add(connector)
    (tmp_path / "config.json").write_text(json.dumps({"token": SECRET}))
    done = run("test", "alpha-mail", "--config", str(tmp_path / "config.json"), "--to", TO, *options)
    assert (done.code, len(connector.sent)) == (0, 1)
    assert done.stderr == "The connector has no live check, so it is tried by sending alone.\n"
    if options:
        assert done.json()["findings"] == []


def fail_to_register(_config: Config, message: Message) -> SendResult:
    """Send everything but one usage type."""
    if message.type == "Register":
        raise RecipientRejected(f"The provider\x1b[2J says no to {SECRET}.", recipients=[message.to])
    return SendResult(message_id="id\x1b[2J")


def test_after_a_failed_message_the_others_are_sent_too(add: Add, tmp_path: Path) -> None:
    connector = StoringConnector(send=fail_to_register)
    add(connector)
    done = run("test", "store-mail", "--config", write_fake_config(tmp_path), "--to", TO, "--all-types")
    assert done.code == 1
    assert [message.type for message in connector.sent] == [*USAGE_TYPES]
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines()}
    assert lines.pop("Register") == r"failed The provider\x1b[2J says no to ***."
    assert set(lines.values()) == {"sent id [2J"}
    assert len({line.index(line.split()[1]) for line in done.stdout.splitlines()}) == 1


def test_a_failed_message_has_its_error_in_the_document(add: Add, tmp_path: Path) -> None:
    add(StoringConnector(send=fail_to_register))
    done = run("test", "store-mail", "--config", write_fake_config(tmp_path), "--to", TO, "--all-types", "--json")
    assert (done.code, done.stderr) == (1, "")
    messages = {one["type"]: one for one in done.json()["messages"]}
    assert [*messages] == [*USAGE_TYPES]
    assert messages.pop("Register") == {
        "type": "Register",
        "error": {
            "code": "recipient_rejected",
            "message": "The provider\x1b[2J says no to ***.",
            "outcome": "not_sent",
            "retryable": False,
            "recipients": [TO],
        },
    }
    assert {one["status"] for one in messages.values()} == {"sent"}


def test_a_refused_recipient_is_told(sandbox: Sandbox, tmp_path: Path) -> None:
    done = run("test", "postmark-mail", "--config", write_sandbox_config(tmp_path, sandbox), "--to", INACTIVE)
    assert done.code == 1
    assert done.stdout.startswith("Generic  failed  Postmark does not deliver to this recipient")


@pytest.mark.parametrize(
    "to", ["nonsense", "", "a@example.com,b@example.com", "Ann <a@example.com>", "a@b\nc", "a@\u200d.de"]
)
def test_the_address_is_checked_before_anything_is_asked(to: str, tmp_path: Path) -> None:
    with WireServer(respond()) as server:
        file = write_config(tmp_path, apiUrl=server.url)
        done = run("test", "postmark-mail", "--config", file, "--to", to, "--json")
    assert (done.code, done.json()["error"]["code"]) == (1, "invalid_message")
    assert server.connections == 0


def test_a_recipient_of_a_connector_for_texts_needs_no_mail_address(add: Add, tmp_path: Path) -> None:
    connector = FakeConnector("text-message", kind="Sms")
    add(connector)
    (tmp_path / "config.json").write_text(json.dumps({"token": SECRET}))
    done = run("test", "text-message", "--config", str(tmp_path / "config.json"), "--to", "+4917012345")
    assert (done.code, connector.sent[0].to) == (0, "+4917012345")


def test_a_wrong_config_is_an_error_with_its_issues(tmp_path: Path) -> None:
    done = run("test", "postmark-mail", "--config", write_config(tmp_path, tag=7), "--to", TO, "--json")
    assert done.code == 1
    assert [issue["path"] for issue in done.json()["error"]["issues"]] == ["$.tag"]


def test_the_config_is_stored_nowhere(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("test", "postmark-mail", "--config", "-", "--to", TO, stdin=json.dumps(sandbox.config))
    assert (done.code, len(sandbox.messages)) == (0, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--config", "missing.json", "--to", TO], ["--config", "-"], ["--to", TO]])
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    done = run("test", "postmark-mail", *arguments, stdin="{}")
    assert (done.code, done.stdout) == (2, "")
