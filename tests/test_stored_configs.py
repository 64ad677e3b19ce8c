"""The configs of a host: checked when they are saved, and what messages are sent with."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector
from stores import KEYS, Place, finish, start_program

from connector_core import (
    ConfigIssue,
    ConnectorNotFound,
    Host,
    InvalidConfig,
    Message,
    SendResult,
    StoreConflict,
    StoreError,
)
from connector_core.store import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from connector_core import Config
    from connector_core.store import StoredConfig

MESSAGE = Message("ada@example.com", "SignIn", {"code": "123456"})
CONFIG = {"token": "made-up-token", "sender": "noreply@example.com"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "configs.json"


class Kept:
    """A connection that a connector keeps."""

    def __init__(self, config: Config) -> None:
        self.sender = config.get("sender")
        self.closed = 0
        self.fails = False

    def close(self) -> None:
        self.closed += 1
        if self.fails:
            raise OSError("the line is dead")


class KeepingConnector(FakeConnector):
    """A connector that keeps a connection between sends."""

    def __init__(self, connector_id: str = "alpha-mail", **options: Any) -> None:
        super().__init__(connector_id, send=self._use, **options)
        self.kept: list[Kept] = []

    def _use(self, config: Config, message: Message) -> SendResult:
        kept = config.keep(Kept)
        if kept not in self.kept:
            self.kept.append(kept)
        return SendResult(message_id=f"{kept.sender} to {message.to}")


@pytest.fixture
def alpha() -> KeepingConnector:
    return KeepingConnector("alpha-mail")


@pytest.fixture
def beta() -> KeepingConnector:
    return KeepingConnector("beta-mail")


@pytest.fixture
def host(make_host: Callable[..., Host], path: Path, alpha: KeepingConnector, beta: KeepingConnector) -> Host:
    return make_host(alpha, beta, store=FileStore(path, keys=KEYS[:1]))


def save(host: Host, connector_id: str = "alpha-mail", revision: str = "", **changes: Any) -> StoredConfig:
    activate = changes.pop("activate", True)
    config = {**CONFIG, **changes}
    return host.configs.save(connector_id, config, author="ada", revision=revision, activate=activate)


def test_a_host_without_a_store_says_how_to_give_one(make_host: Callable[..., Host]) -> None:
    host = make_host(FakeConnector())

    with pytest.raises(StoreError, match=r'give Host.discover a store=open_store\("connectors.json"\)'):
        host.configs.list()
    with pytest.raises(StoreError, match="The host has no store"):
        host.send_message(MESSAGE)


def test_saving_keeps_the_config_and_knows_its_secrets(host: Host, path: Path) -> None:
    saved = save(host)

    assert saved.config == CONFIG  # as it was saved, without defaults
    assert (saved.type, saved.secrets, saved.active) == ("Email", frozenset({("token",)}), True)
    assert host.configs.get("alpha-mail") == host.configs.find_active() == saved
    assert host.configs.list() == [saved]
    assert "made-up" not in path.read_text()


def test_a_reference_to_a_secret_is_kept_as_it_is(
    host: Host, path: Path, monkeypatch: pytest.MonkeyPatch, alpha: KeepingConnector
) -> None:
    monkeypatch.setenv("MADE_UP_TOKEN", "made-up-token")

    saved = save(host, token={"$env": "MADE_UP_TOKEN"})

    assert saved.secrets == frozenset()
    assert '"token": {"$env": "MADE_UP_TOKEN"}' in path.read_text()
    assert host.send_message(MESSAGE).status == "sent"
    assert alpha.sent[0].to == "ada@example.com"


def test_a_config_with_issues_is_not_saved(host: Host) -> None:
    with pytest.raises(InvalidConfig) as caught:
        save(host, token="", extra=1)

    assert [issue.path for issue in caught.value.issues] == ["$.extra", "$.token"]
    assert host.configs.list() == []
    assert host.configs.history() == []


def test_a_config_with_asterisks_for_a_secret_is_not_saved(host: Host) -> None:
    saved = save(host)

    with pytest.raises(InvalidConfig, match="only stands for one") as caught:
        save(host, revision=saved.revision, **host.configs.redact(saved).config)

    assert [(issue.path, issue.code) for issue in caught.value.issues] == [("$.token", "hidden")]
    assert host.configs.get("alpha-mail") == saved


def test_a_config_of_no_connector_is_not_saved(host: Host) -> None:
    with pytest.raises(ConnectorNotFound, match="There is no connector gamma-mail"):
        save(host, "gamma-mail")


def test_a_change_that_came_second_is_a_conflict(host: Host) -> None:
    first = save(host)
    save(host, revision=first.revision, sender="grace@example.com")

    with pytest.raises(StoreConflict, match="was saved by ada"):
        save(host, revision=first.revision)


def test_a_message_goes_through_the_active_connector(
    host: Host, alpha: KeepingConnector, beta: KeepingConnector
) -> None:
    save(host, "alpha-mail")
    second = save(host, "beta-mail", activate=False)
    assert host.send_message(MESSAGE).message_id == "noreply@example.com to ada@example.com"

    host.configs.activate("beta-mail", author="ada", revision=second.revision)
    host.send_message(MESSAGE)

    assert (len(alpha.sent), len(beta.sent)) == (1, 1)


def test_each_type_of_message_has_its_own_active_connector(make_host: Callable[..., Host], path: Path) -> None:
    mail, text = FakeConnector("alpha-mail"), FakeConnector("text", kind="Sms")
    host = make_host(mail, text, store=FileStore(path))
    save(host, "alpha-mail")
    save(host, "text")

    host.send_message(Message("+4912345", "SignIn", {"code": "1"}), connector_type="Sms")

    assert (len(mail.sent), len(text.sent)) == (0, 1)


def test_without_an_active_connector_sending_says_to_activate_one(host: Host) -> None:
    saved = save(host)
    host.send_message(MESSAGE)
    host.configs.deactivate("alpha-mail", author="ada", revision=saved.revision)

    with pytest.raises(ConnectorNotFound, match="No Email connector is active: save a config, and activate it"):
        host.send_message(MESSAGE)


def test_what_is_configured_is_kept_until_the_config_changes(host: Host, alpha: KeepingConnector) -> None:
    first = save(host)
    for _ in range(3):
        host.send_message(MESSAGE)
    checks = len(alpha.checked)
    host.send_message(MESSAGE)
    assert (len(alpha.kept), len(alpha.checked)) == (1, checks)

    save(host, revision=first.revision, sender="grace@example.com")
    assert host.send_message(MESSAGE).message_id == "grace@example.com to ada@example.com"

    assert [kept.closed for kept in alpha.kept] == [1, 0]


@pytest.mark.parametrize("end", ["another", "none", "close"])
def test_what_is_configured_is_closed_when_it_is_used_no_more(host: Host, alpha: KeepingConnector, end: str) -> None:
    saved = save(host, "alpha-mail")
    host.send_message(MESSAGE)
    if end == "another":
        save(host, "beta-mail")
        host.send_message(MESSAGE)
    elif end == "none":
        host.configs.deactivate("alpha-mail", author="ada", revision=saved.revision)
        with pytest.raises(ConnectorNotFound):
            host.send_message(MESSAGE)
    else:
        host.close()

    assert [kept.closed for kept in alpha.kept] == [1]


def test_a_connection_that_fails_to_close_hinders_no_send(host: Host, alpha: KeepingConnector) -> None:
    first = save(host)
    host.send_message(MESSAGE)
    alpha.kept[0].fails = True

    save(host, revision=first.revision, sender="grace@example.com")

    assert host.send_message(MESSAGE).message_id == "grace@example.com to ada@example.com"
    assert [kept.closed for kept in alpha.kept] == [1, 0]


def test_many_threads_use_one_configured_connector(host: Host, alpha: KeepingConnector) -> None:
    save(host)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: host.send_message(MESSAGE), range(50)))

    assert len(alpha.sent) == 50
    assert len({id(kept) for kept in alpha.kept}) == 1
    assert alpha.kept[0].closed == 0


def test_threads_that_come_together_all_get_the_one_that_is_kept(make_host: Callable[..., Host], path: Path) -> None:
    save(make_host(FakeConnector(), store=FileStore(path)))
    together = threading.Barrier(2)

    def check(_config: Config) -> list[ConfigIssue]:
        together.wait(20)
        return []

    host = make_host(FakeConnector(check=check), store=FileStore(path))

    with ThreadPoolExecutor(2) as pool:
        got = list(pool.map(lambda _number: host.configs.find_configured(), range(2)))

    assert got[0] is got[1] is host.configs.find_configured()


def test_a_config_that_is_not_valid_any_more_is_not_activated(
    make_host: Callable[..., Host], path: Path, host: Host
) -> None:
    saved = save(host, activate=False)
    strict = FakeConnector("alpha-mail", check=lambda _config: [ConfigIssue("$.sender", "not_ours", "Use ours.")])
    stricter_host = make_host(strict, store=FileStore(path, keys=KEYS[:1]))

    with pytest.raises(InvalidConfig, match="Use ours"):
        stricter_host.configs.activate("alpha-mail", author="ada", revision=saved.revision)

    assert stricter_host.configs.find_active() is None


def test_what_was_never_saved_is_not_activated(host: Host) -> None:
    with pytest.raises(StoreConflict, match="There is no config of alpha-mail: save one first"):
        host.configs.activate("alpha-mail", author="ada", revision="")


def test_a_config_whose_connector_is_gone_stays_until_it_is_deleted(
    make_host: Callable[..., Host], path: Path, host: Host
) -> None:
    saved = save(host)
    without = make_host(FakeConnector("beta-mail"), store=FileStore(path, keys=KEYS[:1]))

    assert without.configs.list() == [saved]
    assert [one.connector_id for one in without.configs.list() if one.connector_id not in without] == ["alpha-mail"]
    with pytest.raises(ConnectorNotFound, match="There is no connector alpha-mail"):
        without.send_message(MESSAGE)
    with pytest.raises(ConnectorNotFound, match="There is no connector alpha-mail"):
        without.configs.activate("alpha-mail", author="ada", revision=saved.revision)
    assert host.send_message(MESSAGE).status == "sent"  # it has returned

    without.configs.delete("alpha-mail", author="grace", revision=saved.revision)
    assert without.configs.list() == []


def test_what_is_shown_has_no_secret(make_host: Callable[..., Host], path: Path, host: Host) -> None:
    saved = save(host)
    without = make_host(store=FileStore(path, keys=KEYS[:1]))

    for shown in [host.configs.redact(saved), without.configs.redact(saved)]:
        assert shown.config == {**CONFIG, "token": "***"}
        assert (shown.revision, shown.connector_id, shown.active) == (saved.revision, "alpha-mail", True)
    assert saved.config == CONFIG
    assert "made-up" not in repr([host.configs.history(), saved])


def test_the_history_is_that_of_the_store(host: Host) -> None:
    save(host, "alpha-mail")
    save(host, "beta-mail", activate=False)

    assert [one.connector_id for one in host.configs.history()] == ["beta-mail", "alpha-mail", "alpha-mail"]
    assert [one.action for one in host.configs.history("alpha-mail", limit=1)] == ["activated"]


CHANGE = """
import sys
from connector_core import Host
from connector_core.store import open_store

store = open_store(sys.argv[1])
host = Host.discover(store=store)
stored = host.configs.find_active()
config = {**stored.config, "tag": "changed"}
host.configs.save("postmark-mail", config, author="grace", revision=stored.revision)
store.close()
"""


@pytest.fixture
def real_host(place: Place) -> Iterator[Host]:
    with Host.discover(store=place.open()) as found:
        yield found


def test_a_change_by_another_process_holds_from_the_next_send_on(place: Place, real_host: Host) -> None:
    with real_host["postmark-mail"].create_sandbox() as sandbox:
        real_host.configs.save("postmark-mail", sandbox.config, author="ada", revision="", activate=True)
        real_host.send_message(MESSAGE)

        finish(start_program(CHANGE, place.location))
        real_host.send_message(MESSAGE)

        assert [message.request.get("Tag") for message in sandbox.messages] == [None, "changed"]
