"""{"$env": ...} and {"$file": ...} in the place of a secret, and what a connector and a host add to the checks."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector

from connector_core import ConfigIssue, ConnectorError, ConnectorMetadata, InvalidConfig, Secret, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connector_core import Config, Connector, Host

VARIABLE = "TEST_CONFIG_TOKEN"


@pytest.fixture
def connector(make_host: Callable[..., Host]) -> Connector:
    return make_host(FakeConnector())["alpha-mail"]


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def found(issues: list[ConfigIssue]) -> list[tuple[str, str]]:
    return [(issue.path, issue.code) for issue in issues]


def test_a_variable_stands_for_a_secret(connector: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "from the environment")
    config = {"token": {"$env": VARIABLE}}
    assert connector.validate_config(config) == []
    assert connector.configure(config).config["token"] == Secret("from the environment")
    assert config == {"token": {"$env": VARIABLE}}


def test_a_variable_is_read_when_the_config_is_and_not_again(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "first")
    configured = connector.configure({"token": {"$env": VARIABLE}})
    monkeypatch.setenv(VARIABLE, "second")
    assert configured.config["token"] == Secret("first")


@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_variable_without_a_value_is_an_issue_that_names_it(
    connector: Connector, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv(VARIABLE, value)
    (issue,) = connector.validate_config({"token": {"$env": VARIABLE}})
    assert (issue.path, issue.code) == ("$.token", "env_missing")
    assert VARIABLE in issue.message


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"token", "token"),
        (b"token\n", "token"),
        (b"token\r\n", "token"),
        (b" to ken ", " to ken "),
        ("tökén\n".encode(), "tökén"),
        (b"two\nlines\n", "two\nlines"),
    ],
)
def test_a_file_stands_for_a_secret_without_its_last_line_break(
    connector: Connector, tmp_path: Path, content: bytes, secret: str
) -> None:
    (tmp_path / "token").write_bytes(content)
    configured = connector.configure({"token": {"$file": str(tmp_path / "token")}})
    assert configured.config["token"] == Secret(secret)


def make_missing(_path: Path) -> None:
    """Leave it missing."""


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "missing": make_missing,
    "directory": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "one line break": lambda path: path.write_bytes(b"\n"),
    "no text": lambda path: path.write_bytes(b"\xff\xfeSECRET"),
    "too large": lambda path: path.write_bytes(b"SECRET" * 20_000),
    "link to itself": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("prepare", UNUSABLE.values(), ids=UNUSABLE)
def test_a_file_that_can_not_be_used_is_an_issue_that_names_it(
    connector: Connector, tmp_path: Path, prepare: Callable[[Path], object]
) -> None:
    path = tmp_path / "token"
    prepare(path)
    (issue,) = connector.validate_config({"token": {"$file": str(path)}})
    assert (issue.path, issue.code) == ("$.token", "file_unreadable")
    assert str(path) in issue.message
    assert "SECRET" not in issue.message


def test_a_file_that_may_not_be_read_is_an_issue(
    connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    # The tests may run as root, to whom the system refuses nothing.
    monkeypatch.setattr("connector_core.config.open", refuse, raising=False)
    (issue,) = connector.validate_config({"token": {"$file": str(tmp_path / "token")}})
    assert (issue.path, issue.code) == ("$.token", "file_unreadable")
    assert "Permission denied" in issue.message


@pytest.mark.parametrize("kind", ["$env", "$file"])
@pytest.mark.parametrize("name", ["", "A\0B"], ids=repr)
def test_a_reference_that_names_nothing_is_an_issue(connector: Connector, kind: str, name: str) -> None:
    assert found(connector.validate_config({"token": {kind: name}})) == [("$.token", "bad_reference")]


@pytest.mark.parametrize(
    "reference",
    [{"$env": 5}, {"$env": None}, {"$file": ["x"]}, {"$env": VARIABLE, "$file": "x"}, {"$env": VARIABLE, "a": "x"}, {}],
    ids=repr,
)
def test_an_object_that_is_no_reference_is_of_the_wrong_type(connector: Connector, reference: dict[str, Any]) -> None:
    assert found(connector.validate_config({"token": reference})) == [("$.token", "wrong_type")]


def test_a_setting_that_is_no_secret_follows_no_reference(
    connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "a@example.com")
    issues = connector.validate_config({"token": "t", "sender": {"$env": VARIABLE}})
    assert found(issues) == [("$.sender", "wrong_type")]


@pytest.mark.parametrize("kind", ["$env", "$file"])
def test_references_that_are_not_to_be_followed_are_of_the_wrong_type(
    connector: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv(VARIABLE, "value")
    (tmp_path / "token").write_text("value")
    config = {"token": {kind: VARIABLE if kind == "$env" else str(tmp_path / "token")}}
    assert connector.validate_config(config) == []
    assert found(connector.validate_config(config, resolve_references=False)) == [("$.token", "wrong_type")]
    with pytest.raises(InvalidConfig):
        connector.configure(config, resolve_references=False)


def test_what_a_variable_holds_is_checked_like_a_value_and_never_shown(
    make_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = {
        "type": "object",
        "properties": {"token": {"type": "string", "maxLength": 5, "writeOnly": True, "format": "password"}},
        "additionalProperties": False,
    }
    monkeypatch.setenv(VARIABLE, "longer than five")
    (issue,) = make_host(FakeConnector(schema=schema))["alpha-mail"].validate_config({"token": {"$env": VARIABLE}})
    assert issue.code == "too_long"
    assert "longer than five" not in str(issue)


def test_a_redacted_copy_keeps_references_and_reads_nothing(connector: Connector) -> None:
    config = {"token": {"$env": VARIABLE}}
    assert connector.redact_config(config) == config
    assert VARIABLE not in os.environ


class Policy:
    """A host's own rule: senders must be ours."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @hookimpl
    def validate_config(self, config: Config, metadata: ConnectorMetadata) -> list[ConfigIssue]:
        self.asked.append(metadata.id)
        ours = str(config.get("sender", "")).endswith("@example.com")
        return [] if ours else [ConfigIssue("$.sender", "policy", "The sender must be one of ours.")]


def test_issues_of_a_hosts_policy_are_joined_and_sorted_with_the_others(make_host: Callable[..., Host]) -> None:
    policy = Policy()
    host = make_host(
        FakeConnector(check=lambda _: [ConfigIssue("$.zeal", "own", "Own.")]),
        FakeConnector("beta-mail"),
        plugins=[policy],
    )
    issues = host["alpha-mail"].validate_config({"retries": "x"})
    assert found(issues) == [
        ("$.retries", "wrong_type"),
        ("$.sender", "policy"),
        ("$.token", "required"),
        ("$.zeal", "own"),
    ]
    assert policy.asked == ["alpha-mail"]


def test_a_hosts_policy_can_refuse_what_the_schema_takes(make_host: Callable[..., Host]) -> None:
    connector = make_host(FakeConnector(), plugins=[Policy()])["alpha-mail"]
    connector.configure({"token": "t", "sender": "a@example.com"})
    with pytest.raises(InvalidConfig, match="one of ours"):
        connector.configure({"token": "t", "sender": "a@example.net"})


def test_the_check_of_a_connector_is_called_for_its_own_configs_only(make_host: Callable[..., Host]) -> None:
    alpha, beta = FakeConnector(), FakeConnector("beta-mail")
    make_host(alpha, beta)["beta-mail"].validate_config({"token": "t"})
    assert (len(alpha.checked), len(beta.checked)) == (0, 1)


def trip(config: Config) -> list[ConfigIssue]:
    config["sender"].upper()
    return []


@pytest.mark.parametrize("config", [{"token": "t", "sender": 5}, {"token": 5, "sender": None}], ids=repr)
def test_a_check_that_trips_over_a_malformed_config_adds_nothing_to_the_schemas_issues(
    make_host: Callable[..., Host], config: dict[str, Any]
) -> None:
    tripping, silent = make_host(FakeConnector(check=trip), FakeConnector("beta-mail")).values()
    assert tripping.validate_config(config) == silent.validate_config(config) != []


def test_a_check_that_fails_on_a_config_that_the_schema_takes_is_told_without_its_secrets(
    make_host: Callable[..., Host],
) -> None:
    def fail(config: Config) -> list[ConfigIssue]:
        raise RuntimeError(f"bad {config['token'].reveal()}")

    connector = make_host(FakeConnector(check=fail))["alpha-mail"]
    with pytest.raises(ConnectorError, match="alpha-mail") as caught:
        connector.validate_config({"token": "tok-5ecret"})
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert "5ecret" not in f"{caught.value} {caught.value.__cause__}"


def test_a_secret_in_an_issue_of_a_connector_is_struck_out(make_host: Callable[..., Host]) -> None:
    def quote(config: Config) -> list[ConfigIssue]:
        return [ConfigIssue("$.token", "own", f"The token {config['token'].reveal()} is bad.")]

    (issue,) = make_host(FakeConnector(check=quote))["alpha-mail"].validate_config({"token": "tok-5ecret"})
    assert issue.message == "The token *** is bad."


def test_a_name_that_no_variable_can_have_is_a_missing_one(connector: Connector) -> None:
    assert found(connector.validate_config({"token": {"$env": "\ud800"}})) == [("$.token", "env_missing")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_that_nobody_writes_to_is_an_issue_and_no_wait(connector: Connector, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    config = {"token": {"$file": str(tmp_path / "pipe")}}
    assert found(connector.validate_config(config)) == [("$.token", "file_unreadable")]


def test_a_secret_in_an_object_in_the_place_of_a_text_is_hidden(connector: Connector) -> None:
    assert connector.redact_config({"sender": {"token": "tok-5f2c9a"}}) == {"sender": {"token": "***"}}


def test_a_pipe_whose_writer_is_late_is_waited_for(connector: Connector) -> None:
    reading, writing = os.pipe()
    config = {"token": {"$file": f"/dev/fd/{reading}"}}
    read: Future[str] = Future()
    thread = threading.Thread(target=lambda: read.set_result(connector.configure(config).config["token"].reveal()))
    thread.start()
    os.write(writing, b"late")
    os.write(writing, b" token\n")
    os.close(writing)
    assert read.result(20) == "late token"
    thread.join()
    os.close(reading)


@pytest.mark.parametrize("key", ["[" + "9" * 5000 + "]", "[1]", "9" * 30])
def test_a_key_that_looks_like_an_index_is_an_unknown_key(connector: Connector, key: str) -> None:
    assert [issue.code for issue in connector.validate_config({"token": "t", key: 1})] == ["unknown_key"]
