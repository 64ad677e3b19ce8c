"""The guide says the same in both languages, its tables are those of the code, and its examples work."""

from __future__ import annotations

import http.client
import json
import re
import shlex
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from guide_page import read_tables

from connector_core import USAGE_TYPES, AuthorizationFailed, Connector, Host, InvalidMessage, Limits, Message, SendError
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
ENGLISH, FRENCH = GUIDES["en"], GUIDES["fr"]
SECRET = "Bearer made-up-token"
COMMAND_LINE = [sys.executable, "-c", "from connector_core.cli import main; main()"]

every_language = pytest.mark.parametrize("language", GUIDES)


@pytest.fixture(scope="module")
def connector() -> Iterator[Connector]:
    with Host.discover(limits=Limits(retries=0)) as host:
        yield host["http-email"]


def read_blocks(language: str) -> list[str]:
    """Return the English guide's blocks of a language; another test says that the French ones are the same."""
    return re.findall(rf"^```{language}\n(.*?)^```$", ENGLISH, re.MULTILINE | re.DOTALL)


def read_codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


# The tables


@every_language
def test_the_settings_are_those_of_the_schema(language: str, connector: Connector) -> None:
    schema = connector.config_schema
    yes_or_no = {"en": {True: "yes", False: "no"}, "fr": {True: "oui", False: "non"}}[language]
    rows = [
        [
            f"`{key}`",
            declared["type"] + (", secret" if declared.get("writeOnly") else ""),
            yes_or_no[key in schema["required"]],
            f"`{declared['default']}`" if "default" in declared else "",
        ]
        for key, declared in schema["properties"].items()
    ]

    table = read_tables(GUIDES[language])[2]

    assert [row[:4] for row in table] == rows
    assert all(len(row) == 5 and row[4] for row in table)


@every_language
def test_the_usage_types_are_those_that_hosts_share(language: str) -> None:
    row = read_tables(GUIDES[language])[0][1]

    assert read_codes(row[3]) == list(USAGE_TYPES)


@every_language
def test_a_status_of_a_success_means_what_the_table_of_answers_says(language: str, connector: Connector) -> None:
    rows = read_tables(GUIDES[language])[1]
    statuses = [[int(one) for one in row[0].split(", ")] for row in rows]

    for status, delivery in [*((one, "sent") for one in statuses[0]), *((one, "queued") for one in statuses[1])]:
        with WireServer(respond(status)) as server:
            assert connector.send_message({"endpoint": server.url}, Message("a@b.c", "SignIn")).status == delivery
    outcomes = [{fail_with(connector, status).outcome for status in row} for row in statuses[2:]]
    assert outcomes == [{"not_sent"}, {"not_sent"}, {"not_sent"}, {"unknown"}]


@every_language
def test_a_status_leads_to_the_error_in_whose_row_it_stands(language: str, connector: Connector) -> None:
    rows = read_tables(GUIDES[language])[3]

    assert len({row[0] for row in rows}) == 8
    for code, outcome, statuses, *_ in rows:
        for status in re.findall(r"\d+", statuses):
            error = fail_with(connector, int(status))
            assert (f"`{error.code}`", f"`{error.outcome}`") == (code, outcome)


@every_language
def test_the_findings_are_those_that_a_check_makes(
    language: str, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, list[Behaviour]] = {
        "credentials_accepted": [respond(204), respond(401)],
        "credentials_unknown": [respond(204)],
        "endpoint_unknown": [respond(501)],
        "endpoint_not_found, error": [respond(410)],
        "endpoint_not_found, warning": [respond(404)],
        "authorization_failed, error": [respond(401)],
        "authorization_failed, warning": [respond(403)],
        "post_not_allowed": [respond(405, headers=["Allow: GET"])],
        "not_understood": [respond(302, headers=["Location: /login"])],
        "no_answer": [respond(500)],
        "provider_unavailable": [respond(503)],
        "rate_limit_exceeded": [respond(429)],
    }
    found = set()
    for what, behaviours in answers.items():
        with WireServer(*behaviours) as server:
            config = {"endpoint": server.url, "authorization": SECRET}
            findings = connector.check_connection(config)
        assert what.partition(",")[0] in {one.code for one in findings}
        found |= {(one.code, one.level) for one in findings}
    found |= {(one.code, one.level) for one in connector.check_connection(config)}  # it is there no more
    stopping = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stopping.wait(20) and [])  # a DNS that gives no answer
    with connector.configure({"endpoint": "https://mail.example.com"}) as mail:
        found |= {(one.code, one.level) for one in mail.check_connection(seconds=0.1)}
    stopping.set()
    rows = read_tables(GUIDES[language])[4]

    assert {(row[0].strip("`"), level) for row in rows for level in read_codes(row[1])} == found
    assert all(len(row) == 4 and row[2] and row[3] for row in rows)


def fail_with(connector: Connector, status: int) -> SendError:
    headers = ["Location: /login"] if status in {302, 307} else []
    with WireServer(respond(status, headers=headers)) as server, pytest.raises(SendError) as raised:
        connector.send_message({"endpoint": server.url}, Message("a@b.c", "SignIn"))
    return raised.value


@every_language
def test_no_setting_and_no_limit_in_the_guide_is_made_up(language: str, connector: Connector) -> None:
    assert str(int(Limits().read)) in GUIDES[language]
    assert set(re.findall(r"\$\.(\w+)", GUIDES[language])) <= set(connector.config_schema["properties"])
    assert re.findall(r"http://[\w.:/]+", GUIDES[language]) == ["http://127.0.0.1:8025", "http://mailer:3000/send"]


# The examples


def test_the_request_in_the_guide_is_the_one_that_is_sent(connector: Connector) -> None:
    (block,) = read_blocks("http")
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
    (block,) = read_blocks("python")
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
    lines = [line for block in read_blocks("sh") for line in block.splitlines()]
    with connector.create_sandbox() as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config))
        for line in lines:
            program, *arguments = shlex.split(line)
            if program == "connectors" and arguments[0] != "sandbox":
                ended = run(COMMAND_LINE + arguments, tmp_path)
                assert ended.returncode == 0, f"{line}\n{ended.stderr}"
        assert [message.request["type"] for message in sandbox.messages] == ["Generic", "SignIn"]


def test_the_secret_that_the_guide_makes_up_is_a_valid_one(connector: Connector, tmp_path: Path) -> None:
    (line,) = (line for block in read_blocks("sh") for line in block.splitlines() if line.startswith("python "))
    made = run([sys.executable, *shlex.split(line)[1:]], tmp_path).stdout.strip()

    assert re.fullmatch(r"Bearer [\w-]{43}", made)
    assert connector.validate_config({"endpoint": "https://mail.example.com", "authorization": made}) == []


def test_the_distributions_that_the_guide_installs_have_these_extras() -> None:
    (line,) = (line for block in read_blocks("sh") for line in block.splitlines() if line.startswith("pip "))
    for name, extra in re.findall(r'"([\w-]+)\[(\w+)\]"', line):
        assert extra in (metadata(name).get_all("Provides-Extra") or [])


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  the guide's own command lines
        command, check=False, capture_output=True, text=True, timeout=60, cwd=folder
    )
