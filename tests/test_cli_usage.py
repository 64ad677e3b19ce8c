"""The command line: usage."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from command_line import CONFIG, TOKEN, run, write_config
from fakes import FakeConnector
from live_fakes import SECRET, StoringConnector, add_connector, write_fake_config
from network_environment import forget_network_environment

from connector_core import Host, Message
from connector_core.testing.wire_behaviours import respond, respond_json, stay_silent
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Add = Callable[..., None]

TODAY = datetime.now().astimezone().date()


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def add(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Add:
    def connector(one: FakeConnector) -> None:
        add_connector(one, install, monkeypatch)

    return connector


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 messages"),
        (1, "1 message"),
        (2, "2 messages"),
        (1234, "1,234 messages"),
        (10**9, "1,000,000,000 messages"),
    ],
)
def test_people_read_a_sentence(number: int, words: str, add: Add, tmp_path: Path) -> None:
    add(StoringConnector(usage=lambda _since: number))
    done = run("usage", "store-mail", "--config", write_fake_config(tmp_path), "--since", "2025-11-01")
    assert (done.code, done.stdout, done.stderr) == (0, f"{words} since 2025-11-01.\n", "")


def test_machines_read_a_document_and_the_connector_gets_the_day(add: Add, tmp_path: Path) -> None:
    asked: list[date] = []

    def count(since: date) -> int:
        asked.append(since)
        return 7

    add(StoringConnector(usage=count))
    done = run("usage", "store-mail", "--config", write_fake_config(tmp_path), "--since", "2025-11-01", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.json() == {"connector": "store-mail", "since": "2025-11-01", "messages": 7}
    assert asked == [date(2025, 11, 1)]


def test_a_sandbox_counts_what_it_took(tmp_path: Path) -> None:
    with Host.discover() as host, host["postmark-mail"].create_sandbox() as sandbox:
        for name in ("ann", "bob"):
            host["postmark-mail"].send_message(
                sandbox.config, Message(f"{name}@example.com", "SignIn", {"code": "123456"})
            )
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config))
        yesterday = TODAY - timedelta(days=1)  # Postmark's day begins at another hour
        done = run(
            "usage", "postmark-mail", "--config", str(tmp_path / "config.json"), "--since", str(yesterday), "--json"
        )
    assert (done.code, done.json()["messages"]) == (0, 2)


@pytest.mark.parametrize(
    "since",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-02-30",
        "01.11.2026",
        "20261101",
        "2026-W01-1",
        "2026-11-01T00:00",
        "\uff12\uff10\uff12\uff15-11-01",
    ],
)
def test_what_is_no_date_is_wrong_use(since: str) -> None:
    done = run("usage", "postmark-mail", "--config", "-", "--since", since, stdin=json.dumps(CONFIG))
    assert (done.code, done.stdout) == (2, "")
    assert "is no date: write it as 2026-11-01." in done.stderr


def test_a_day_in_the_future_is_wrong_use_and_no_request() -> None:
    with WireServer(respond()) as server:
        config = json.dumps({**CONFIG, "apiUrl": server.url})
        done = run("usage", "postmark-mail", "--config", "-", "--since", str(TODAY + timedelta(days=2)), stdin=config)
    assert (done.code, done.stdout, server.connections) == (2, "", 0)
    assert "is in the future: name a day that has begun." in done.stderr


def test_today_has_begun(add: Add, tmp_path: Path) -> None:
    add(StoringConnector())
    done = run("usage", "store-mail", "--config", write_fake_config(tmp_path), "--since", str(TODAY))
    assert done.code == 0


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "601", "soon"])
def test_seconds_that_make_no_limit_are_wrong_use(seconds: str) -> None:
    options = ["--since", "2025-11-01", f"--seconds={seconds}"]
    done = run("usage", "postmark-mail", "--config", "-", *options, stdin=json.dumps(CONFIG))
    assert (done.code, done.stdout) == (2, "")


def test_a_provider_that_says_nothing_is_left_after_the_seconds(tmp_path: Path) -> None:
    with WireServer(stay_silent) as server:
        file = write_config(tmp_path, apiUrl=server.url)
        done = run("usage", "postmark-mail", "--config", file, "--since", "2025-11-01", "--seconds", "1", "--json")
    assert (done.code, done.json()["error"]["code"]) == (1, "provider_unavailable")


@pytest.mark.parametrize("options", [[], ["--json"], ["--debug"]])
def test_a_refusal_is_an_error_without_the_token(options: list[str], tmp_path: Path) -> None:
    with WireServer(respond_json({"ErrorCode": 10, "Message": f"No such token {TOKEN}."}, 401)) as server:
        file = write_config(tmp_path, apiUrl=server.url)
        done = run("usage", "postmark-mail", "--config", file, "--since", "2025-11-01", *options)
    assert done.code == 1
    assert "authorization" in done.stdout or "token" in done.stderr
    assert TOKEN not in done.stdout + done.stderr


def test_a_connector_whose_provider_tells_no_usage_says_what_to_do_instead(add: Add, tmp_path: Path) -> None:
    add(FakeConnector())
    (tmp_path / "config.json").write_text(json.dumps({"token": SECRET}))
    done = run("usage", "alpha-mail", "--config", str(tmp_path / "config.json"), "--since", "2025-11-01")
    assert (done.code, done.stdout) == (1, "")
    assert (
        done.stderr == "Error: The connector alpha-mail can't tell the usage: look at the provider's own statistics.\n"
    )


def test_a_traceback_can_not_write_to_the_terminal_what_it_likes(add: Add, tmp_path: Path) -> None:
    def fail(_since: date) -> int:
        raise ValueError(f"\x1b[2J\u202e{SECRET}")

    add(StoringConnector(usage=fail))
    done = run("usage", "store-mail", "--config", write_fake_config(tmp_path), "--since", "2025-11-01", "--debug")
    assert (done.code, done.stdout) == (1, "")
    assert "Traceback (most recent call last):\n" in done.stderr
    assert "ValueError: \\x1b[2J\\u202e***\n" in done.stderr
    assert not set("\x1b\u202e") & set(done.stderr)
