"""What a connector keeps between sends: it belongs to one config, and to one process."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from fakes import FakeConnector

from connector_core import Config, Message, SendResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core import Host


class Kept:
    """Something that is worth keeping, such as a connection."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_what_is_kept_is_made_once_from_its_config() -> None:
    config = Config({"a": 1})
    kept = config.keep(Kept)
    assert kept.config is config
    assert config.keep(Kept) is kept


def test_equal_configs_share_nothing() -> None:
    one, other = Config({"a": 1}), Config({"a": 1})
    assert one == other
    assert one.keep(Kept) is not other.keep(Kept)


def test_each_way_of_making_keeps_its_own() -> None:
    config = Config({"a": 1})
    assert config.keep(Kept).config is config
    assert config.keep(dict) == {"a": 1}
    assert config.keep(list) == ["a"]


def test_null_is_kept_as_well() -> None:
    calls: list[Config] = []
    config = Config({})

    def make(made_from: Config) -> None:
        calls.append(made_from)

    config.keep(make)
    config.keep(make)
    assert len(calls) == 1


def test_a_failed_making_keeps_nothing() -> None:
    config = Config({})
    attempts: list[Config] = []

    def make(made_from: Config) -> str:
        attempts.append(made_from)
        if len(attempts) == 1:
            raise ValueError("first")
        return "made"

    with pytest.raises(ValueError, match="first"):
        config.keep(make)
    assert config.keep(make) == "made"


def test_closing_closes_what_is_kept_once_and_the_next_use_makes_it_anew() -> None:
    config = Config({})
    first = config.keep(Kept)
    config.close()
    config.close()
    second = config.keep(Kept)
    assert (first.closed, second.closed) == (1, 0)
    assert second is not first


def test_closing_passes_over_what_can_not_be_closed() -> None:
    config = Config({})
    config.keep(list)
    kept = config.keep(Kept)
    config.close()
    assert kept.closed == 1


def test_closing_goes_on_after_one_that_fails_to_close() -> None:
    class Broken:
        def close(self) -> None:
            raise OSError("the line is dead")

    config = Config({})
    config.keep(lambda _config: Broken())
    kept = config.keep(Kept)
    config.close()
    assert kept.closed == 1


def test_a_send_that_was_done_is_no_failure_where_closing_fails(make_host: Callable[..., Host]) -> None:
    class Broken:
        def close(self) -> None:
            raise OSError("the line is dead")

    def send(config: Config, _message: Message) -> SendResult:
        config.keep(_make_broken)
        return SendResult(message_id="1")

    def _make_broken(_config: Config) -> Broken:
        return Broken()

    connector = make_host(FakeConnector(send=send))["alpha-mail"]

    assert connector.send_message({"token": "t"}, Message("a@example.com", "SignIn")).message_id == "1"


def test_threads_that_come_together_all_get_the_one_that_is_kept_and_the_others_are_closed() -> None:
    threads = 8
    made: list[Kept] = []
    config, together = Config({}), threading.Barrier(threads)

    def make(made_from: Config) -> Kept:
        kept = Kept(made_from)
        made.append(kept)
        return kept

    def use(_: int) -> Kept:
        together.wait(timeout=20)
        return config.keep(make)

    with ThreadPoolExecutor(threads) as pool:
        got = [*pool.map(use, range(threads))]
    assert len({id(kept) for kept in got}) == 1
    assert [kept.closed for kept in made] == [0 if kept is got[0] else 1 for kept in made]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # other tests' threads may still be ending
def test_after_a_fork_it_is_made_anew_and_the_parents_is_left_alone() -> None:
    config = Config({})
    parents = config.keep(Kept)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  coverage doesn't follow forks
        own = config.keep(Kept)
        config.close()
        os.write(write, f"{own is not parents} {own.closed} {parents.closed}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "True 1 0"
    assert os.waitpid(child, 0)[1] == 0
    assert config.keep(Kept) is parents


def test_a_configured_connector_keeps_for_all_its_sends_and_closes_at_its_end(make_host: Callable[..., Host]) -> None:
    used: list[Kept] = []

    def send(config: Config, _message: Message) -> SendResult:
        used.append(config.keep(Kept))
        return SendResult(message_id="1")

    message = Message("a@example.com", "SignIn")
    with make_host(FakeConnector(send=send))["alpha-mail"].configure({"token": "t"}) as mail:
        mail.send_message(message)
        mail.send_message(message)
        assert used[0] is used[1]
        assert used[0].closed == 0
    assert used[0].closed == 1
    mail.send_message(message)
    assert used[2] is not used[0]
    mail.close()
