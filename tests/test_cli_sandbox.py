"""The command line: sandbox, as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from command_line import CONFIG, TOKEN, run, start, write_config
from network_environment import forget_network_environment

from connector_core import Host, Message
from connector_core.testing.wire_server import HANG_GUARD

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@contextmanager
def serve(*options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Give a sandbox that runs as a process, and the config of its first line."""
    with start("sandbox", "postmark-mail", "--json", *options) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate(timeout=HANG_GUARD)
            yield process, json.loads(line)
        finally:
            process.kill()


def end(process: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=HANG_GUARD)
    return process.returncode, stdout, stderr


def test_the_first_line_is_a_config_that_works() -> None:
    with serve() as (_, config):
        assert Host.discover()["postmark-mail"].validate_config(config) == []
        result = Host.discover()["postmark-mail"].send_message(config, Message("ann@example.com", "SignIn"))
    assert result.recipients == {"ann@example.com": "sent"}


def test_the_printed_config_works_for_the_command_line_too(tmp_path: Path) -> None:
    with serve() as (_, config):
        (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
        done = run(
            "send", "postmark-mail", "--config", str(tmp_path / "config.json"), "--to", "ann@example.com", "--json"
        )
    assert (done.code, done.json()["status"]) == (0, "sent")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(number: int) -> None:
    with serve() as (process, config):
        code, stdout, stderr = end(process, number)
    assert (code, stdout) == (0, "")
    assert "Traceback" not in stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", urlsplit(config["apiUrl"]).port or 0), timeout=HANG_GUARD)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_a_client_stays_connected(number: int) -> None:
    with serve() as (process, config), requests.Session() as session:
        session.get(config["apiUrl"], timeout=HANG_GUARD)  # keeps its connection
        code, _, stderr = end(process, number)
    assert code == 0
    assert "Traceback" not in stderr


def test_people_are_told_where_to_look() -> None:
    with start("sandbox", "postmark-mail") as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        code, stdout, _ = end(process, signal.SIGINT)
    assert code == 0
    assert json.loads(stdout)["apiUrl"] in said


def test_it_listens_on_the_given_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with serve("--port", str(port)) as (_, config):
        assert config["apiUrl"] == f"http://127.0.0.1:{port}"


def test_a_port_that_is_taken_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("sandbox", "postmark-mail", "--port", str(port)) as process:
            stdout, stderr = process.communicate(timeout=HANG_GUARD)
    assert (process.returncode, stdout) == (1, "")
    assert str(port) in stderr
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr


def test_it_takes_the_token_sender_and_aliases_of_a_config(tmp_path: Path) -> None:
    templates = [*CONFIG["templates"], {"usageType": "BindMfa", "templateAlias": "never-seen-elsewhere"}]
    file = write_config(tmp_path, templates=templates, messageStream="codes")
    with serve("--config", file) as (_, config):
        assert {**config, "apiUrl": ""} == {**CONFIG, "templates": templates, "messageStream": "codes", "apiUrl": ""}
        for usage_type in ("SignIn", "BindMfa"):
            Host.discover()["postmark-mail"].send_message(config, Message("ann@example.com", usage_type))
        refused = requests.get(
            f"{config['apiUrl']}/server",
            headers={"X-Postmark-Server-Token": "another", "Accept": "application/json"},
            timeout=HANG_GUARD,
        )
    assert refused.status_code == 401


def test_a_secret_that_the_config_only_refers_to_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_TEST", TOKEN)
    with serve("--config", write_config(tmp_path, serverToken={"$env": "TOKEN_OF_THE_TEST"})) as (process, config):
        assert config["serverToken"] == {"$env": "TOKEN_OF_THE_TEST"}
        Host.discover()["postmark-mail"].send_message(config, Message("ann@example.com", "SignIn"))
        _, stdout, stderr = end(process, signal.SIGTERM)
    assert TOKEN not in stdout + stderr


@pytest.mark.parametrize("options", [[], ["--json"], ["--debug"]])
def test_a_wrong_config_is_refused_without_its_token_and_nothing_is_served(tmp_path: Path, options: list[str]) -> None:
    file = write_config(tmp_path, tag=7)
    with start("sandbox", "postmark-mail", "--config", file, *options) as process:
        try:
            stdout, stderr = process.communicate(timeout=HANG_GUARD)
        finally:
            process.kill()
    assert process.returncode == 1
    assert "$.tag" in stdout + stderr
    assert TOKEN not in stdout + stderr
    if "--json" in options:
        assert [issue["path"] for issue in json.loads(stdout)["error"]["issues"]] == ["$.tag"]
