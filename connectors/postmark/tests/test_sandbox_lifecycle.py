"""Starting, stopping, and what a given config brings along."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import itertools
import socket
import subprocess
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import requests
from connector_postmark.sandbox import PostmarkSandbox

from connector_core import ConnectorError, web_server
from connector_core.testing.wire_server import HANG_GUARD

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core import Sandbox

    WriteSubject = Callable[[str, str], str]

MAIL = {"To": "ann@example.com", "TemplateModel": {"code": "123456"}}


class Secret:
    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text


def send(sandbox: PostmarkSandbox, token: str, template: dict[str, Any], **fields: Any) -> dict[str, Any]:
    mail = {**MAIL, "From": sandbox.config["fromEmail"], **template, **fields}
    url = f"{sandbox.config['apiUrl']}/email/withTemplate"
    answer = requests.post(url, json=mail, headers={"X-Postmark-Server-Token": token}, timeout=20)
    body: dict[str, Any] = answer.json()
    return body


def test_it_is_a_sandbox_of_the_core() -> None:
    sandbox: Sandbox = PostmarkSandbox()
    with sandbox as entered:
        assert entered is sandbox
        assert list(sandbox.messages) == []


def test_it_starts_and_stops_twenty_times_without_a_trace(capfd: pytest.CaptureFixture[str]) -> None:
    gc.collect()
    before = set(threading.enumerate())
    for _ in range(20):
        with PostmarkSandbox() as sandbox, requests.Session() as session:
            # The connection is still open when the sandbox stops.
            assert session.get(sandbox.url, timeout=20).ok
    gc.collect()
    assert set(threading.enumerate()) == before
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def stop_at_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sandbox], None]:
    """Stop a sandbox, and fail where it gives anybody a time to come to an end."""
    monkeypatch.setattr(web_server, "_GRACE_SECONDS", 100 * HANG_GUARD)

    def stop(sandbox: Sandbox) -> None:
        stopping = threading.Thread(target=sandbox.__exit__, args=(None, None, None), daemon=True)
        stopping.start()
        stopping.join(HANG_GUARD)
        assert not stopping.is_alive()

    return stop


def test_an_open_connection_does_not_delay_the_end(stop_at_once: Callable[[Sandbox], None]) -> None:
    with requests.Session() as session:
        sandbox = PostmarkSandbox().__enter__()
        assert session.get(sandbox.url, timeout=20).ok
        stop_at_once(sandbox)


def test_silent_connections_keep_nobody_waiting(stop_at_once: Callable[[Sandbox], None]) -> None:
    with contextlib.ExitStack() as connections:
        sandbox = PostmarkSandbox().__enter__()
        address = ("127.0.0.1", int(sandbox.url.rpartition(":")[2]))
        for _ in range(30):
            connections.enter_context(socket.create_connection(address))
        assert requests.get(sandbox.url, timeout=5).ok
        stop_at_once(sandbox)


def test_it_stops_while_clients_send(capfd: pytest.CaptureFixture[str]) -> None:
    def send_until_it_ends(url: str) -> int:
        with requests.Session() as session:
            for count in itertools.count():
                try:
                    assert session.get(f"{url}/sandbox/messages", timeout=20).ok
                    started.set()
                except requests.ConnectionError:
                    return count
        raise AssertionError

    started = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        with PostmarkSandbox() as sandbox:
            counts = [pool.submit(send_until_it_ends, sandbox.url) for _ in range(16)]
            assert started.wait(20)
        assert sum(count.result(20) for count in counts) > 0
    assert capfd.readouterr() == ("", "")


def test_a_program_whose_block_never_ends_can_end() -> None:
    code = "from connector_postmark.sandbox import PostmarkSandbox; PostmarkSandbox().__enter__()"
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=20)  # noqa: S603 - our own code
    assert ended.returncode == 0


def test_a_stopped_sandbox_is_forgotten() -> None:
    with PostmarkSandbox() as sandbox:
        assert requests.get(sandbox.url, timeout=20).ok
    forgotten = weakref.ref(sandbox.account)
    del sandbox
    gc.collect()
    assert forgotten() is None


def test_it_frees_its_port_and_can_start_again() -> None:
    sandbox = PostmarkSandbox()
    with sandbox:
        port = int(sandbox.url.rpartition(":")[2])
    with PostmarkSandbox(port=port) as again:
        assert again.url == f"http://127.0.0.1:{port}"
        late = PostmarkSandbox(port=port)
        with pytest.raises(ConnectorError, match=f"Port {port} is taken: choose another with --port"):
            late.__enter__()
        assert "not running" in repr(late)
        with pytest.raises(RuntimeError, match="running"):
            again.__enter__()
    with late:
        assert requests.get(late.url, timeout=20).ok
    with sandbox:
        assert requests.get(sandbox.url, timeout=20).ok


def test_it_has_an_address_only_while_it_runs() -> None:
    sandbox = PostmarkSandbox()
    assert repr(sandbox) == "<PostmarkSandbox not running, 0 messages>"
    with pytest.raises(RuntimeError, match="with"):
        _ = sandbox.config
    with sandbox:
        assert repr(sandbox) == f"<PostmarkSandbox {sandbox.url}, 0 messages>"


def test_it_listens_on_loopback_only() -> None:
    with PostmarkSandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with socket.socket() as other, pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", port))


def test_messages_survive_the_end_of_the_block() -> None:
    with PostmarkSandbox() as sandbox:
        send(sandbox, sandbox.config["serverToken"], {"TemplateAlias": "logto-generic"})
    assert [message.to for message in sandbox.messages] == [("ann@example.com",)]


def test_every_config_is_a_new_one() -> None:
    with PostmarkSandbox() as sandbox:
        config = sandbox.config
        assert config["fromEmail"] == "sandbox@example.com"
        assert config["apiUrl"] == sandbox.url
        config["templates"][0]["templateAlias"] = "changed"
        config.clear()
        assert sandbox.config["templates"][0]["templateAlias"] == "logto-sign-in"


def test_each_sandbox_has_a_token_of_its_own() -> None:
    with PostmarkSandbox() as one, PostmarkSandbox() as other:
        assert one.config["serverToken"] != other.config["serverToken"]
        assert send(one, other.config["serverToken"], {"TemplateAlias": "logto-generic"})["ErrorCode"] == 10


@pytest.mark.parametrize("token", ["plain-token", Secret("plain-token")])
def test_what_a_given_config_names_exists(token: Any, write_subject: WriteSubject) -> None:
    given = {
        "serverToken": token,
        "fromEmail": "Us <us@example.org>",
        "templates": [
            {"usageType": "SignIn", "templateAlias": "my-sign-in"},
            {"usageType": "SignIn", "templateAlias": "my-sign-in", "locale": "de"},
            {"usageType": "Generic", "templateId": 77},
            {"usageType": "Welcome", "templateAlias": "my-welcome"},
        ],
        "messageStream": "codes",
        "apiUrl": "https://api.postmarkapp.com",
        "tag": "auth",
    }
    with PostmarkSandbox(given) as sandbox:
        assert sandbox.config == {**given, "apiUrl": sandbox.url}
        for template in ({"TemplateAlias": "my-sign-in"}, {"TemplateId": 77}, {"TemplateAlias": "my-welcome"}):
            assert send(sandbox, "plain-token", template, MessageStream="codes")["ErrorCode"] == 0
        assert sandbox.messages[0].subject == write_subject("SignIn", "123456")
    assert given["apiUrl"] == "https://api.postmarkapp.com"


def test_a_templates_id_is_not_given_to_another_template(write_subject: WriteSubject) -> None:
    templates = [{"usageType": "SignIn", "templateAlias": "mine"}, {"usageType": "Generic", "templateId": 1001}]
    with PostmarkSandbox({"serverToken": "t", "fromEmail": "a@example.com", "templates": templates}) as sandbox:
        assert send(sandbox, "t", {"TemplateId": 1001})["ErrorCode"] == 0
        assert sandbox.messages[0].subject == write_subject("Generic", "123456")


def test_a_token_that_is_kept_elsewhere_is_replaced() -> None:
    with PostmarkSandbox({"serverToken": {"$env": "POSTMARK_TOKEN"}, "fromEmail": "a@example.com"}) as sandbox:
        assert send(sandbox, sandbox.config["serverToken"], {"TemplateAlias": "logto-generic"})["ErrorCode"] == 0


def test_the_account_is_set_up_by_keywords() -> None:
    with PostmarkSandbox(
        tokens=["another"],
        senders=["example.com"],
        unconfirmed_senders=["new@example.com"],
        inactive_recipients=["Gone@example.com"],
        archived_streams=["old"],
    ) as sandbox:
        template = {"TemplateAlias": "logto-generic"}
        found = [
            send(sandbox, "another", template, **fields)["ErrorCode"]
            for fields in (
                {},
                {"From": "a@example.org"},
                {"From": "new@example.com"},
                {"To": "gone@example.com"},
                {"MessageStream": "old"},
            )
        ]
        assert found == [0, 400, 401, 406, 1236]
    with PostmarkSandbox(account_state="not allowed") as sandbox:
        assert send(sandbox, sandbox.config["serverToken"], template)["ErrorCode"] == 413
    with pytest.raises(ValueError, match="sleepy"):
        PostmarkSandbox(account_state="sleepy")


def test_many_clients_send_at_once() -> None:
    with PostmarkSandbox() as sandbox, concurrent.futures.ThreadPoolExecutor(16) as pool:
        token, template = sandbox.config["serverToken"], {"TemplateAlias": "logto-generic"}
        answers = list(pool.map(lambda _: send(sandbox, token, template), range(64)))
        assert [answer["ErrorCode"] for answer in answers] == [0] * 64
        assert {answer["MessageID"] for answer in answers} == {message.id for message in sandbox.messages}


def test_a_client_that_goes_away_disturbs_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    with PostmarkSandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"POST /email HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
        assert requests.get(sandbox.url, timeout=20).ok
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["cheroot", "flask", "mstache"])
def test_a_missing_library_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=rf'needs {name}.*pip install "connector-postmark\[sandbox\]"'):
        PostmarkSandbox()


def test_importing_the_sandbox_imports_none_of_them() -> None:
    code = "import sys, connector_postmark.sandbox; print({'cheroot', 'flask', 'mstache'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert done.stdout.strip() == "set()"
