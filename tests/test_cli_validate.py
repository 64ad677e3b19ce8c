"""The command line: validate."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_line import CONFIG, TOKEN, Run, run, write_config

from connector_core.testing.wire_behaviours import respond
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from pathlib import Path


def validate(file: str, *options: str, stdin: str | bytes = b"") -> Run:
    return run("validate", "postmark-mail", "--config", file, *options, stdin=stdin)


def test_a_good_config_is_valid(tmp_path: Path) -> None:
    done = validate(write_config(tmp_path), "--json")
    assert (done.code, done.json(), done.stderr) == (0, {"valid": True, "issues": []}, "")


def test_a_good_config_is_valid_in_words(tmp_path: Path) -> None:
    done = validate(write_config(tmp_path))
    assert (done.code, done.stdout, done.stderr) == (0, "The config is valid.\n", "")


def test_a_config_comes_from_standard_input_too() -> None:
    assert validate("-", "--json", stdin=json.dumps(CONFIG)).json() == {"valid": True, "issues": []}


def test_a_config_with_a_byte_order_mark_is_read_or_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8-sig")
    done = validate(str(tmp_path / "config.json"), "--json")
    assert done.code in {0, 1}
    assert done.json()["valid"] == (done.code == 0)


def test_every_issue_is_listed_with_path_code_and_sentence(tmp_path: Path) -> None:
    file = write_config(tmp_path, serverToken="", fromEmail=7, tags="x", templates=CONFIG["templates"][:2])
    done = validate(file, "--json")
    assert (done.code, done.stderr) == (1, "")
    document = done.json()
    assert set(document) == {"valid", "issues"}
    assert document["valid"] is False
    assert [set(issue) for issue in document["issues"]] == [{"path", "code", "message"}] * len(document["issues"])
    paths = [issue["path"] for issue in document["issues"]]
    assert paths == sorted(paths)
    assert set(paths) == {"$.serverToken", "$.fromEmail", "$.tags", "$.templates"}
    messages = {issue["path"]: issue["message"] for issue in document["issues"]}
    assert '"tag"' in messages["$.tags"]  # the nearest known name
    assert all(message[0].isupper() and message[-1] in ".?" for message in messages.values())


def test_issues_in_words_name_the_same_paths(tmp_path: Path) -> None:
    done = validate(write_config(tmp_path, serverToken="", tag=7))
    assert done.code == 1
    assert [line.partition(": ")[0] for line in done.stdout.splitlines()] == ["$.serverToken", "$.tag"]
    assert "Traceback" not in done.stderr


def test_a_missing_required_template_is_named(tmp_path: Path) -> None:
    templates = [entry for entry in CONFIG["templates"] if entry["usageType"] != "ForgotPassword"]
    done = validate(write_config(tmp_path, templates=templates), "--json")
    (issue,) = done.json()["issues"]
    assert issue["path"] == "$.templates"
    assert "ForgotPassword" in issue["message"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"", "not_json", id="empty file"),
        pytest.param(b"serverToken: x", "not_json", id="YAML"),
        pytest.param(b'{"serverToken": "x",}', "not_json", id="trailing comma"),
        pytest.param(b'{"serverToken": "x"', "not_json", id="truncated"),
        pytest.param(b"\xff\xfe\x00\x01", "not_json", id="binary"),
        pytest.param(b'{"serverToken": "\xff"}', "not_json", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "not_json", id="deep nesting"),
        pytest.param(b'{"a":' * 100_000, "not_json", id="deep nesting of objects"),
        pytest.param(b'{"tag": ' + b"9" * 5000 + b"}", "not_json", id="endless number"),
        pytest.param(b'{"tag": NaN}', "not_json", id="NaN"),
        pytest.param(b"[]", "wrong_type", id="list"),
        pytest.param(b"null", "wrong_type", id="null"),
        pytest.param(b'"text"', "wrong_type", id="text"),
        pytest.param(b'{"tag": "a", "tag": "b"}', "repeated", id="key twice"),
        pytest.param(b'{"tag": "' + b"x" * 5_000_000 + b'"}', "too_large", id="5 MB"),
    ],
)
def test_a_file_that_is_no_config_is_an_issue(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "config.json").write_bytes(content)
    done = validate(str(tmp_path / "config.json"), "--json")
    assert (done.code, done.stderr) == (1, "")
    document = done.json()
    assert document["valid"] is False
    assert code in {issue["code"] for issue in document["issues"]}
    assert len(done.stdout) < 2000
    in_words = validate(str(tmp_path / "config.json"))
    assert in_words.code == 1
    assert "Traceback" not in in_words.stdout + in_words.stderr


VALUES = [7, None, True, [], {}, "", ["x"], {"a": 1}]
SETTINGS = ["serverToken", "fromEmail", "templates", "apiUrl", "tag", "headers", "trackOpens"]
FITTING = [("headers", {}), ("trackOpens", True)]
MISFITS = [(name, value) for name in SETTINGS for value in VALUES if (name, value) not in FITTING]


@pytest.mark.parametrize(("setting", "value"), MISFITS)
def test_a_setting_of_the_wrong_type_is_an_issue_at_its_place(tmp_path: Path, setting: str, value: Any) -> None:
    done = validate(write_config(tmp_path, **{setting: value}), "--json")
    assert (done.code, done.stderr) == (1, "")
    paths = [issue["path"] for issue in done.json()["issues"]]
    assert paths
    assert all(path.startswith(f"$.{setting}") for path in paths)


def test_a_secret_kept_in_the_environment_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_config(tmp_path, serverToken={"$env": "TOKEN_OF_THE_TEST"})
    monkeypatch.setenv("TOKEN_OF_THE_TEST", TOKEN)
    assert validate(file, "--json").json()["valid"] is True
    monkeypatch.delenv("TOKEN_OF_THE_TEST")
    (issue,) = validate(file, "--json").json()["issues"]
    assert issue["path"] == "$.serverToken"
    assert "TOKEN_OF_THE_TEST" in issue["message"]


def test_checking_makes_no_request(tmp_path: Path) -> None:
    with WireServer(respond()) as server:
        assert validate(write_config(tmp_path, apiUrl=server.url)).code == 0
        assert validate(write_config(tmp_path, apiUrl=server.url, tag=7)).code == 1
    assert server.connections == 0
