"""The command line: send."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from command_line import CONFIG, TOKEN, Run, run, write_config
from network_environment import forget_network_environment

from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    from pathlib import Path

ACCEPTED = {
    "To": "ann@example.com",
    "SubmittedAt": "2026-11-22T12:54:00.4747614Z",
    "MessageID": "id-1",
    "ErrorCode": 0,
    "Message": "OK",
}


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def send(*options: str, to: str = "ann@example.com", stdin: str | bytes = b"") -> Run:
    return run("send", "postmark-mail", "--to", to, *options, stdin=stdin)


def test_a_message_that_was_taken_is_a_result(tmp_path: Path) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        done = send("--config", write_config(tmp_path, apiUrl=server.url), "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.json() == {
        "connector": "postmark-mail",
        "messageId": "id-1",
        "status": "sent",
        "recipients": {"ann@example.com": "sent"},
        "submittedAt": "2026-11-22T12:54:00.474761+00:00",
    }


def test_a_message_that_was_taken_is_a_result_in_words(tmp_path: Path) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        done = send("--config", write_config(tmp_path, apiUrl=server.url))
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == "Sent as id-1.\nann@example.com: sent\n"


def test_a_message_that_may_be_late_is_queued(tmp_path: Path) -> None:
    answer = {"MessageID": "id-1", "Message": "Message accepted, but delivery may be delayed."}
    with WireServer(respond_json(answer)) as server:
        document = send("--config", write_config(tmp_path, apiUrl=server.url), "--json").json()
    assert (document["status"], document["recipients"]) == ("queued", {"ann@example.com": "queued"})
    assert document["submittedAt"] is None


def test_type_and_payload_of_a_trial_are_generic_and_zeros(tmp_path: Path) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        send("--config", write_config(tmp_path, apiUrl=server.url))
    (request,) = server.requests
    assert request.json() == {
        "From": "noreply@example.com",
        "To": "ann@example.com",
        "TemplateAlias": "alias-generic",
        "TemplateModel": {"code": "000000"},
    }
    assert request.headers["x-postmark-server-token"] == TOKEN


PAYLOAD = {"code": "123456", "user": {"name": "Änne"}, "list": [1, None, True]}


@pytest.mark.parametrize("form", ["JSON", "@file", "-"])
def test_a_payload_is_json_a_file_or_standard_input(tmp_path: Path, form: str) -> None:
    text = json.dumps(PAYLOAD, ensure_ascii=False)
    (tmp_path / "payload.json").write_text(text, "utf-8")
    argument = {"JSON": text, "@file": f"@{tmp_path / 'payload.json'}", "-": "-"}[form]
    with WireServer(respond_json(ACCEPTED)) as server:
        config = write_config(tmp_path, apiUrl=server.url)
        done = send("--config", config, "--type", "SignIn", "--payload", argument, stdin=text if form == "-" else "")
    assert (done.code, done.stderr) == (0, "")
    assert server.requests[0].json()["TemplateModel"] == PAYLOAD
    assert server.requests[0].json()["TemplateAlias"] == "alias-signin"


def test_a_config_comes_from_standard_input_too() -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        done = send("--config", "-", "--json", stdin=json.dumps({**CONFIG, "apiUrl": server.url}))
    assert done.json()["messageId"] == "id-1"


def test_config_and_payload_cannot_both_come_from_standard_input() -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        done = send("--config", "-", "--payload", "-", stdin=json.dumps({**CONFIG, "apiUrl": server.url}))
    assert done.code in {1, 2}
    assert done.stdout == ""
    assert server.connections == 0


BROKEN = ["{", "", "code=1", "[" * 100_000, "9" * 5000]
NO_OBJECT = ["NaN", "[]", '"text"', "7", "null"]
NO_JSON = ['{"a": NaN}', '{"a": -Infinity}', '{"a":' * 100 + "1" + "}" * 100]


@pytest.mark.parametrize("payload", [*BROKEN, *NO_OBJECT, *NO_JSON], ids=lambda payload: payload[:16])
def test_a_payload_that_is_no_json_object_is_an_invalid_message(tmp_path: Path, payload: str) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        done = send("--config", write_config(tmp_path, apiUrl=server.url), f"--payload={payload}", "--json")
    assert (done.code, done.stderr) == (1, "")
    assert done.json()["error"]["code"] == "invalid_message"
    assert "payload" in done.json()["error"]["message"]
    assert server.connections == 0


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"{'a': 1}"])
def test_a_payload_file_that_is_no_json_is_an_invalid_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "payload.json").write_bytes(content)
    done = send("--config", write_config(tmp_path), "--payload", f"@{tmp_path / 'payload.json'}", "--json")
    assert (done.code, done.json()["error"]["code"]) == (1, "invalid_message")


def test_a_payload_file_that_is_missing_is_wrong_use(tmp_path: Path) -> None:
    done = send("--config", write_config(tmp_path), "--payload", f"@{tmp_path / 'missing.json'}")
    assert (done.code, done.stdout) == (2, "")
    assert "missing.json" in done.stderr


@pytest.mark.parametrize(
    ("to", "options"),
    [
        ("nonsense", []),
        ("", []),
        ("ann@example.com,bob@example.com", []),
        ("ann@example.com\nBcc: eve@example.com", []),
        ("ann@example.com", ["--type", ""]),
        ("ann@example.com", ["--type", "Sign\nIn"]),
        ("ann@example.com", ["--ip", "1\n2"]),
    ],
)
def test_a_message_that_is_none_is_invalid_and_no_request(tmp_path: Path, to: str, options: list[str]) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        done = send("--config", write_config(tmp_path, apiUrl=server.url), "--json", *options, to=to)
    assert (done.code, done.stderr) == (1, "")
    error = done.json()["error"]
    assert (error["code"], error["outcome"], error["retryable"]) == ("invalid_message", "not_sent", False)
    assert server.connections == 0


def fail_to_send(tmp_path: Path, answer: Any, status: int, *headers: str) -> dict[str, Any]:
    with WireServer(respond_json(answer, status, headers)) as server:
        done = send("--config", write_config(tmp_path, apiUrl=server.url), "--json")
    assert (done.code, done.stderr) == (1, "")
    assert set(done.json()) == {"error"}
    error: dict[str, Any] = done.json()["error"]
    return error


def test_a_refusal_is_an_error_document_with_what_the_provider_said(tmp_path: Path) -> None:
    said = "Found inactive addresses: ann@example.com. Inactive recipients are ones that ..."
    error = fail_to_send(tmp_path, {"ErrorCode": 406, "Message": said}, 422)
    assert error.pop("message")
    assert error == {
        "code": "recipient_rejected",
        "outcome": "not_sent",
        "retryable": False,
        "provider": {"code": 406, "message": said, "status": 422},
        "recipients": ["ann@example.com"],
    }


def test_a_wait_that_the_provider_asks_for_is_in_the_error_document(tmp_path: Path) -> None:
    error = fail_to_send(tmp_path, {}, 429, "Retry-After: 3600")
    assert error.pop("message")
    assert error == {
        "code": "rate_limit_exceeded",
        "outcome": "not_sent",
        "retryable": True,
        "retryAfter": 3600.0,
        "provider": {"status": 429},
    }


def test_an_answer_that_is_none_is_an_error_document_of_unknown_outcome(tmp_path: Path) -> None:
    error = fail_to_send(tmp_path, ["?"], 200)
    assert (error["code"], error["outcome"], error["retryable"]) == ("invalid_response", "unknown", False)


def test_a_provider_out_of_reach_is_an_error_document(tmp_path: Path) -> None:
    with refuse_connections() as url:
        done = send("--config", write_config(tmp_path, apiUrl=url), "--json")
    error = done.json()["error"]
    assert (done.code, error["code"], error["outcome"]) == (1, "provider_unavailable", "not_sent")


def test_a_wrong_config_is_an_error_document_with_its_issues(tmp_path: Path) -> None:
    with WireServer(respond()) as server:
        done = send("--config", write_config(tmp_path, apiUrl=server.url, tag=7, fromEmail=""), "--json")
    assert (done.code, done.stderr) == (1, "")
    error = done.json()["error"]
    assert error["code"] == "invalid_config"
    assert [issue["path"] for issue in error["issues"]] == ["$.fromEmail", "$.tag"]
    assert server.connections == 0


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"tag": "' + b"x" * 5_000_000 + b'"}'], ids=["not JSON", "no object", "5 MB"]
)
def test_a_file_that_is_no_config_is_an_error_document_with_an_issue(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    done = send("--config", str(tmp_path / "config.json"), "--json")
    assert (done.code, done.stderr) == (1, "")
    (issue,) = done.json()["error"]["issues"]
    assert issue["path"] == "$"


def test_an_error_is_one_sentence_for_people(tmp_path: Path) -> None:
    with WireServer(respond_json({"ErrorCode": 10, "Message": "Bad token."}, 401)) as server:
        done = send("--config", write_config(tmp_path, apiUrl=server.url))
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "server token" in done.stderr


def test_a_wrong_config_lists_its_issues_for_people(tmp_path: Path) -> None:
    done = send("--config", write_config(tmp_path, tag=7, fromEmail=""))
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "$.tag: " in done.stderr
    assert "$.fromEmail: " in done.stderr


def test_to_the_sandbox_a_message_goes_without_a_config() -> None:
    done = send("--sandbox", "--json")
    assert done.code == 0
    document = done.json()
    assert set(document) == {"connector", "messageId", "status", "recipients", "submittedAt"}
    assert str(uuid.UUID(document["messageId"])) == document["messageId"].lower()
    assert datetime.fromisoformat(document["submittedAt"]).utcoffset() is not None
    assert document["recipients"] == {"ann@example.com": "sent"}


def test_the_sandbox_shows_people_what_it_took() -> None:
    done = send("--sandbox", "--type", "SignIn", "--payload", '{"code": "731904"}')
    assert done.code == 0
    assert done.stdout.startswith("Sent as ")
    assert "731904" in done.stderr
    assert "731904" not in done.stdout


def test_to_the_sandbox_a_message_goes_with_a_config_and_not_to_the_provider(tmp_path: Path) -> None:
    with WireServer(respond_json(ACCEPTED)) as server:
        config = write_config(tmp_path, apiUrl=server.url, tag="trial")
        done = send("--sandbox", "--config", config, "--type", "Register", "--json")
    assert (done.code, done.json()["status"]) == (0, "sent")
    assert server.connections == 0


def test_the_sandbox_does_not_take_a_wrong_config(tmp_path: Path) -> None:
    done = send("--sandbox", "--config", write_config(tmp_path, tag=7), "--json")
    assert (done.code, done.json()["error"]["code"]) == (1, "invalid_config")


def test_the_sandbox_refuses_an_inactive_recipient() -> None:
    done = send("--sandbox", "--json", to="hardbounce@bounce-testing.postmarkapp.com")
    error = done.json()["error"]
    assert (done.code, error["code"]) == (1, "recipient_rejected")
    assert error["recipients"] == ["hardbounce@bounce-testing.postmarkapp.com"]


def test_config_and_payload_can_not_both_come_from_standard_input() -> None:
    done = run("send", "postmark-mail", "--config", "-", "--payload", "-", "--to", "a@example.com", stdin="{}")
    assert (done.code, done.stdout) == (2, "")
    assert "Only one of --config and --payload" in done.stderr


def test_a_closed_standard_input_does_no_harm() -> None:
    program = "from connector_core.cli import main; main()"
    command = f'{shlex.quote(sys.executable)} -c "{program}" send postmark-mail --sandbox --to a@example.com --json <&-'
    done = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)  # noqa: S602  our own command
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "sent")
