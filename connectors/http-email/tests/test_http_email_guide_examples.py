"""The examples of the guide work: its request, its endpoint and its command lines."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import subprocess
import sys
import threading
from contextlib import contextmanager
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from guide_page import read_blocks

from connector_core import AuthorizationFailed, Connector, Host, InvalidMessage, Limits, Message
from connector_core.testing.wire_behaviours import respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator


GUIDE = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
"""The English guide; another test says that the blocks of the French one are the same."""

SECRET = "Bearer made-up-token"
COMMAND_LINE = [sys.executable, "-c", "from connector_core.cli import main; main()"]


@pytest.fixture(scope="module")
def connector() -> Iterator[Connector]:
    with Host.discover(limits=Limits(retries=0)) as host:
        yield host["http-email"]


def test_the_request_in_the_guide_is_the_one_that_is_sent(connector: Connector) -> None:
    (block,) = read_blocks(GUIDE, "http")
    head, _, body = block.partition("\n\n")
    start, *lines = head.splitlines()
    shown = dict(line.split(": ", 1) for line in lines)
    wanted = json.loads(body)

    with WireServer(respond_json({})) as server:
        connector.send_message(
            {"endpoint": f"{server.url}/send", "authorization": SECRET},
            Message(wanted["to"], wanted["type"], wanted["payload"], wanted["ip"]),
        )

    (sent,) = server.requests
    assert start == f"{sent.method} {sent.target} HTTP/1.1"
    assert sent.json() == wanted
    assert shown["Authorization"] == SECRET
    assert shown["X-Message-Id"] == shown["Idempotency-Key"]
    assert {name.lower() for name in shown} < set(sent.headers)


@contextmanager
def run_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the guide's endpoint on a free port."""
    monkeypatch.setenv("ENDPOINT_SECRET", SECRET)
    (block,) = read_blocks(GUIDE, "python")
    code, _, last_line = block.strip().rpartition("\n")
    assert last_line == 'ThreadingHTTPServer(("127.0.0.1", 8025), Endpoint).serve_forever()'
    names: dict[str, Any] = {}
    exec(compile(code, "the guide", "exec"), names)  # noqa: S102  the guide's own example
    names["Endpoint"].log_message = lambda *_arguments: None
    with names["ThreadingHTTPServer"](("127.0.0.1", 0), names["Endpoint"]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("message", "mail"),
    [
        (Message("a@b.c", "SignIn", {"code": "123456", "locale": "de-CH"}), "Ihr Code zur Anmeldung ist 123456."),
        (Message("a@b.c", "SignIn", {"code": "123456", "locale": "fr"}), "Your code to sign in is 123456."),
        (Message("a@b.c", "BindMfa", {"code": "123456"}), "Your code is 123456."),
        (Message("a@b.c", "SignIn", {"code": "123456", "locale": None}), "Your code to sign in is 123456."),
        (Message("a@b.c", "SignIn", {"code": "123456", "locale": 7}), "Your code to sign in is 123456."),
    ],
)
def test_the_endpoint_in_the_guide_works(
    message: Message,
    mail: str,
    connector: Connector,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with run_endpoint(monkeypatch) as url:
        result = connector.send_message({"endpoint": url, "authorization": SECRET}, message)

    assert capsys.readouterr().out == f"a@b.c {mail}\n"
    assert len(result.message_id) == 36


def test_the_endpoint_in_the_guide_refuses_as_the_guide_says(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with run_endpoint(monkeypatch) as url:
        with pytest.raises(AuthorizationFailed) as unauthorized:
            connector.send_message({"endpoint": url, "authorization": "Bearer other"}, Message("a@b.c", "SignIn"))
        with pytest.raises(InvalidMessage) as no_code:
            connector.send_message({"endpoint": url, "authorization": SECRET}, Message("a@b.c", "SignIn"))

        message = Message("a@b.c", "SignIn", {"code": "123456"}, cc=["b@b.c"], tags=["a"])
        with pytest.raises(InvalidMessage) as option:
            connector.send_message({"endpoint": url, "authorization": SECRET}, message)

    assert option.value.to_json()["provider"]["message"] == "Not served here: cc, tags."
    assert unauthorized.value.to_json()["provider"]["code"] == "unauthorized"
    assert no_code.value.to_json()["provider"]["message"] == "The payload has no code."


def test_the_endpoint_in_the_guide_answers_a_live_check(
    connector: Connector, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_endpoint(monkeypatch) as url:
        right = connector.check_connection({"endpoint": url, "authorization": SECRET})
        wrong = connector.check_connection({"endpoint": url, "authorization": "Bearer other"})

    assert [(one.level, one.code) for one in right] == [("ok", "reached"), ("ok", "credentials_accepted")]
    assert [(one.level, one.code) for one in wrong] == [("error", "authorization_failed")]
    assert capsys.readouterr().out == ""


def post_to(url: str, body: dict[str, Any], **headers: str) -> tuple[int, Any]:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = requests.post(url, json=body, headers={"Authorization": SECRET, **fields}, timeout=20)
    return answer.status_code, answer.json()


def test_the_endpoint_in_the_guide_sends_no_second_mail_for_a_repeat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"to": "a@b.c", "type": "SignIn", "payload": {"code": "123456"}}
    with run_endpoint(monkeypatch) as url:
        repeats = [post_to(url, body, X_Message_Id="m-1") for _ in range(2)]
        from_logto = [post_to(url, body) for _ in range(2)]

    assert repeats == [(200, {"messageId": "m-1"})] * 2
    assert len({answer["messageId"] for _, answer in from_logto}) == 2
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(("secret", "status"), [(SECRET, 413), ("Bearer other", 401)])
def test_the_endpoint_in_the_guide_reads_no_more_of_a_body_than_a_message_may_have(
    monkeypatch: pytest.MonkeyPatch, secret: str, status: int
) -> None:
    with run_endpoint(monkeypatch) as url:
        line = http.client.HTTPConnection(url.split("/")[2], timeout=20)
        line.request("POST", "/", b"[" * 100_000, {"Authorization": secret, "Content-Length": "9000000000"})
        assert line.getresponse().status == status
        line.close()


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        ({"endpoint": "http://mailer:3000/send"}, {"bad_format"}),
        ({"endpoint": "https://ann:pass@mail.example.com/"}, {"bad_format"}),
        ({"endpoint": "https://mail.example.com/#a"}, {"bad_format"}),
        ({"endpoint": "https://mail.example.com/a b"}, {"bad_format"}),
        ({"endpoint": "https://mail.example.com/\u202ea"}, {"bad_format"}),
        ({"endpoint": "https://example.com/your-http-endpoint"}, {"placeholder"}),
        ({"endpoint": "https://mail.example.com", "authorization": ""}, {"empty"}),
        ({"endpoint": "https://mail.example.com", "authorization": "a\n"}, {"bad_format"}),
        ({"endpoint": "https://mail.example.com", "authorization": "é"}, {"bad_format"}),
        ({"endpoint": "https://mail.example.com", "authorization": " a"}, {"bad_format"}),
        ({"endpoint": "https://mail.example.com", "method": "POST"}, {"unknown_key"}),
        ({"endpoint": "https://mail.example.com", "authorization": "SampleToken"}, set()),
    ],
)
def test_what_the_guide_lists_of_logtos_configs_is_refused_and_the_rest_is_not(
    config: dict[str, str], codes: set[str], connector: Connector
) -> None:
    assert {issue.code for issue in connector.validate_config(config)} == codes


def test_each_command_line_works(connector: Connector, tmp_path: Path) -> None:
    lines = [line for block in read_blocks(GUIDE, "sh") for line in block.splitlines()]
    with connector.create_sandbox() as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config))
        for line in lines:
            program, *arguments = shlex.split(line)
            if program == "connectors" and arguments[0] != "sandbox":
                ended = run(COMMAND_LINE + arguments, tmp_path)
                assert ended.returncode == 0, f"{line}\n{ended.stderr}"
        assert [message.request["type"] for message in sandbox.messages] == ["Generic", "SignIn"]


def test_the_secret_that_the_guide_makes_up_is_a_valid_one(connector: Connector, tmp_path: Path) -> None:
    (line,) = (line for block in read_blocks(GUIDE, "sh") for line in block.splitlines() if line.startswith("python "))
    made = run([sys.executable, *shlex.split(line)[1:]], tmp_path).stdout.strip()

    assert re.fullmatch(r"Bearer [\w-]{43}", made)
    assert connector.validate_config({"endpoint": "https://mail.example.com", "authorization": made}) == []


def test_the_distributions_that_the_guide_installs_have_these_extras() -> None:
    (line,) = (line for block in read_blocks(GUIDE, "sh") for line in block.splitlines() if line.startswith("pip "))
    for name, extra in re.findall(r'"([\w-]+)\[(\w+)\]"', line):
        assert extra in (metadata(name).get_all("Provides-Extra") or [])


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  the guide's own command lines
        command, check=False, capture_output=True, text=True, timeout=60, cwd=folder
    )
