"""Tries in the console: how many, to whom, with what, and what may not come of them."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest
from console_site import ALPHA, Site, Visitor
from fakes import SCHEMA, FakeConnector

from connector_core import Finding, ProviderReply, SendError, SendResult, hookimpl
from connector_core.console.trial import TrialRate
from connector_core.testing.leaks import find_leak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from connector_core import Config, Message

TOKEN = "made-up-token-9c41-77b1"
SEND = {"/token": TOKEN, "action": "send", "to": "a@example.com"}
HELD = "made-up-content-of-a-variable"
URL_SCHEMA = {
    **SCHEMA,
    "properties": {**SCHEMA["properties"], "apiUrl": {"type": "string", "format": "url"}},
}


class CheckedConnector(FakeConnector):
    """One with a live check."""

    @hookimpl
    def check_connection(self, config: Config) -> list[Finding]:
        self.checked.append(config)
        return [Finding("ok", "credentials_accepted", "$.token", "The token is accepted.")]


@pytest.fixture
def connector() -> FakeConnector:
    return CheckedConnector(schema=URL_SCHEMA)


@pytest.fixture
def site(connector: FakeConnector, serve_site: Callable[..., Site]) -> Site:
    return serve_site(connector)


# What is sent


def test_a_test_message_goes_out_with_the_draft_and_nothing_is_stored(
    connector: FakeConnector, site: Site, ada: Visitor
) -> None:
    answer = ada.post(ALPHA, {**SEND, "usage_type": "SignIn", "locale": "fr", "payload": '{"code": "483920"}'})

    (message,) = connector.sent
    assert (message.to, message.type) == ("a@example.com", "SignIn")
    assert message.payload == {"code": "483920", "locale": "fr"}
    assert 'data-result="sent"' in answer.text
    assert "id-1" in answer.text
    assert site.host.configs.history() == []


def test_without_a_payload_it_has_a_made_up_code(connector: FakeConnector, ada: Visitor) -> None:
    ada.post(ALPHA, SEND)

    assert connector.sent[0].payload["code"] == "000000"


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": ""},
        {"to": "nobody"},
        {"to": "a@example.com\r\nBcc: b@example.com"},
        {"to": "a@example.com,b@example.com"},
        {"payload": "{"},
        {"payload": "[]"},
        {"payload": "[" * 100_000},
        {"payload": '{"a": NaN}'},
        {"payload": '{"a":' * 500 + "1" + "}" * 500},
    ],
    ids=lambda one: str(one)[:30],
)
def test_a_message_that_is_none_is_refused_in_words(
    wrong: dict[str, str], connector: FakeConnector, ada: Visitor
) -> None:
    answer = ada.post(ALPHA, {**SEND, **wrong}, headers={"X-Console-Part": "trial"})

    assert answer.status_code == 200
    assert 'class="notice bad"' in answer.text
    assert connector.sent == []


@pytest.mark.parametrize("action", ["send", "check"])
def test_a_draft_that_is_not_right_is_not_tried(action: str, connector: FakeConnector, ada: Visitor) -> None:
    answer = ada.post(ALPHA, {**SEND, "action": action, "/retries": "many"})

    assert answer.status_code == 422
    assert connector.sent == []
    assert len(connector.checked) == 1  # for its issues


def test_a_check_shows_what_it_finds(ada: Visitor) -> None:
    assert "The token is accepted." in ada.post(ALPHA, {**SEND, "action": "check"}).text


# How often


def test_after_so_many_messages_the_address_has_to_wait(
    connector: FakeConnector, serve_site: Callable[..., Site]
) -> None:
    ada = serve_site(connector, test_sends=2).visit()

    answers = [ada.post(ALPHA, {**SEND, "to": to}).text for to in ("a@example.com", " A@EXAMPLE.com ", "a@example.com")]
    other = ada.post(ALPHA, {**SEND, "to": "b@example.com"}).text

    assert [one.count('data-result="sent"') for one in (*answers, other)] == [1, 1, 0, 1]
    assert "wait a few minutes" in answers[2]
    assert len(connector.sent) == 3


def test_all_addresses_together_have_a_limit() -> None:
    rate = TrialRate(2)

    taken = [rate.take(f"{number}@example.com") for number in range(20)]

    assert taken == [True] * 12 + [False] * 8


def test_a_message_that_could_not_be_sent_counts_too(serve_site: Callable[..., Site]) -> None:
    def refuse(_config: Config, _message: Message) -> SendResult:
        raise SendError("No.", outcome="not_sent")

    connector = FakeConnector(send=refuse)
    ada = serve_site(connector, test_sends=2).visit()
    for _ in range(4):
        ada.post(ALPHA, SEND)

    assert len(connector.sent) == 2


# To where


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0)
        yield server


@pytest.mark.parametrize(
    "address",
    [
        *("http://127.0.0.1:{port}", "http://localhost:{port}", "http://[::1]:{port}", "http://127.1:{port}"),
        *("http://2130706433:{port}", "http://10.0.0.1", "http://169.254.169.254/latest", "http://[::ffff:7f00:1]"),
    ],
)
def test_private_addresses_are_refused_unless_they_are_allowed(
    address: str, connector: FakeConnector, listener: socket.socket, serve_site: Callable[..., Site]
) -> None:
    site = serve_site(connector, private_addresses=False)
    ada = site.visit()
    draft = {**SEND, "/apiUrl": address.format(port=listener.getsockname()[1])}

    listed = ada.post(f"{ALPHA}/issues", draft).json()["issues"]
    answers = {action: ada.post(ALPHA, {**draft, "action": action}) for action in ("save", "done", "send", "check")}

    assert [one["slot"] for one in listed] == ["/apiUrl"]
    assert {action: answer.status_code for action, answer in answers.items()} == dict.fromkeys(answers, 422)
    assert all("an address that is not public" in answer.text for answer in answers.values())
    assert (connector.sent, site.host.configs.history()) == ([], [])
    with pytest.raises(BlockingIOError):  # nobody has connected
        listener.accept()


def test_a_sandbox_is_not_started_where_it_is_not_allowed(serve_site: Callable[..., Site]) -> None:
    ada = serve_site(private_addresses=True, sandboxes=False).visit()

    assert "Use a sandbox" not in ada.get(ALPHA).text
    assert ada.post(ALPHA, {"/token": TOKEN, "action": "sandbox"}).status_code == 400


# References


@pytest.fixture
def references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Give references that would lead to something, as the source and the name."""
    monkeypatch.setenv("MADE_UP_VARIABLE", HELD)
    file = tmp_path / "secret.txt"
    file.write_text(HELD)
    return [("$env", "MADE_UP_VARIABLE"), ("$file", str(file)), ("$env", "NO_SUCH"), ("$file", str(tmp_path / "none"))]


def test_references_are_followed_nowhere_unless_they_are_allowed(
    references: list[tuple[str, str]], connector: FakeConnector, site: Site, ada: Visitor
) -> None:
    shown = set()
    for source, name in references:
        draft = {**SEND, "/token": "", "/token#from": source, "/token#name": name}
        answers = [ada.post(ALPHA, {**draft, "action": action}) for action in ("save", "done", "send", "check")]
        answers.append(ada.post(f"{ALPHA}/issues", draft))
        answers.append(
            ada.post(ALPHA, {"view": "json", "raw": f'{{"token": {{"{source}": "{name}"}}}}', "action": "save"})
        )
        assert {answer.status_code for answer in answers[:4]} == {422}
        shown.add(answers[4].json()["issues"][0]["message"])
        assert HELD not in "".join(answer.text for answer in answers)

    assert len(shown) == 1, "an issue tells whether a variable or a file is there"
    assert (connector.sent, site.host.configs.history()) == ([], [])


def test_references_are_followed_where_they_are_allowed_and_their_content_is_on_no_page(
    references: list[tuple[str, str]], serve_site: Callable[..., Site]
) -> None:
    def repeat(config: Config, _message: Message) -> SendResult:
        raise ValueError(f"The token is {config['token'].reveal()}.")

    connector = FakeConnector(send=repeat)
    ada = serve_site(connector, references=True).visit()

    for source, name in references[:2]:
        answer = ada.post(ALPHA, {**SEND, "/token": "", "/token#from": source, "/token#name": name})
        assert 'data-result="failed"' in answer.text
        assert HELD not in answer.text
    assert [config["token"].reveal() for config in connector.checked[-2:]] == [HELD, HELD]


def test_references_that_are_stored_are_kept_and_followed_until_the_address_changes(
    references: list[tuple[str, str]], connector: FakeConnector, site: Site, ada: Visitor
) -> None:
    source, name = references[0]
    kept = {"token": {source: name}}
    site.host.configs.save(connector.metadata.id, kept, author="the application", revision="")

    sent = ada.send_form(ALPHA, to="a@example.com", action="send")
    saved = ada.send_form(ALPHA, **{"/sender": "noreply@example.com", "action": "save"})
    moved = ada.send_form(ALPHA, **{"/apiUrl": "http://127.0.0.1:1", "action": "send"})
    other = ada.send_form(ALPHA, **{"/token#name": "PATH", "action": "send"})

    assert ('data-result="sent"' in sent.text, saved.status_code) == (True, 303)
    assert [answer.status_code for answer in (moved, other)] == [422, 422]
    assert "Enter this secret again" in moved.text
    assert len(connector.sent) == 1
    stored = site.host.configs.get(connector.metadata.id)
    assert stored is not None
    assert stored.config == {**kept, "sender": "noreply@example.com"}


# What a provider says


def test_what_a_provider_says_is_text_on_the_page(serve_site: Callable[..., Site]) -> None:
    bad = "<img src=x onerror=alert(1)>"

    def refuse(_config: Config, message: Message) -> SendResult:
        if message.type == "Generic":
            raise SendError(bad, outcome="not_sent", provider=ProviderReply(code=bad, message=bad, status=400))
        return SendResult(message_id=bad, recipients={message.to: "sent"})

    ada = serve_site(FakeConnector(send=refuse)).visit()

    for usage_type in ("Generic", "SignIn", bad):
        page = ada.post(ALPHA, {**SEND, "usage_type": usage_type}).text
        assert "&lt;img src=x" in page
        assert "<img src=x" not in page


# Secrets in failures


def fail_to_send(config: Config, _message: Message) -> SendResult:
    raise SendError(f"Refused: {config['token'].reveal()}", outcome="not_sent")


def break_down(config: Config, _message: Message) -> SendResult:
    raise RuntimeError(f"Trouble with {config['token'].reveal()}")


def give_nonsense(config: Config, _message: Message) -> Any:
    return {"token": config["token"].reveal()}


def break_check(config: Config) -> Any:
    raise RuntimeError(f"Trouble with {config['token'].reveal()}")


@pytest.mark.parametrize("send", [fail_to_send, break_down, give_nonsense])
def test_a_connector_that_fails_with_its_secret_shows_it_neither_on_the_page_nor_in_the_log(
    send: Callable[[Config, Message], Any], serve_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada = serve_site(FakeConnector(send=send)).visit()

    answer = ada.post(ALPHA, SEND)
    later = ada.get(ALPHA)

    assert answer.status_code == 200
    assert 'data-result="failed"' in answer.text
    assert find_leak(answer.text + later.text + caplog.text, [TOKEN]) is None


@pytest.mark.parametrize("action", ["save", "send", "check", "issues"])
def test_a_config_check_that_fails_with_a_secret_is_told_without_it(
    action: str, serve_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada = serve_site(FakeConnector(check=break_check)).visit()
    path = f"{ALPHA}/issues" if action == "issues" else ALPHA

    answer = ada.post(path, {**SEND, "action": action})

    assert answer.status_code == (400 if action == "issues" else 422)
    assert "config check of alpha-mail failed" in answer.text
    assert find_leak(answer.text + caplog.text, [TOKEN]) is None


def test_a_failure_of_the_console_itself_shows_nothing(
    site: Site, ada: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError(f"no {TOKEN}")

    token = ada.read_token(ALPHA)
    monkeypatch.setattr(site.host.configs, "get", fail)

    answer = ada.ask("POST", ALPHA, data={**SEND, "csrf": token})

    assert answer.status_code == 500
    assert "The console failed" in answer.text
    assert TOKEN not in answer.text
    assert "RuntimeError" in caplog.text  # for whoever runs it
