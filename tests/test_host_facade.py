"""Host as a mapping of connectors, its log, and its use by many threads."""

from __future__ import annotations

import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from fakes import FakeConnector

from connector_core import (
    Config,
    ConnectorError,
    ConnectorNotFound,
    Host,
    InvalidConfig,
    InvalidMessage,
    Message,
    RateLimitExceeded,
    SendResult,
    hookimpl,
)

Make = Callable[..., Host]
TOKEN = "tok-5ecret"
CONFIG = {"token": TOKEN}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})


def test_a_host_is_a_mapping_of_its_connectors_sorted_by_id(make_host: Make) -> None:
    host = make_host(FakeConnector("beta-mail"), FakeConnector("alpha-mail"))
    assert isinstance(host, Mapping)
    assert [*host] == [*host.keys()] == ["alpha-mail", "beta-mail"]
    assert [connector.id for connector in host.values()] == ["alpha-mail", "beta-mail"]
    assert len(host) == 2
    assert "alpha-mail" in host
    assert "gamma-mail" not in host
    assert host.get("gamma-mail") is None
    assert host["alpha-mail"] is host["alpha-mail"]


def test_a_host_can_be_empty(make_host: Make) -> None:
    host = make_host()
    assert [*host] == []
    with pytest.raises(ConnectorNotFound, match="Installed: none"):
        host["alpha-mail"]


def test_a_host_closes_its_connections_at_the_end_of_its_block(make_host: Make) -> None:
    host = make_host(FakeConnector())
    with host as entered:
        assert entered is host
        entered["alpha-mail"].send_message(CONFIG, MESSAGE)
    host.close()
    assert entered["alpha-mail"].send_message(CONFIG, MESSAGE).message_id == "id-2"


def test_the_session_of_the_host_is_left_open(make_host: Make) -> None:
    closed: list[bool] = []

    class Session(requests.Session):
        def close(self) -> None:
            closed.append(True)
            super().close()

    with Session() as session:
        make_host(FakeConnector(), session=session).close()
        assert closed == []


def test_a_connector_says_who_it_is(make_host: Make) -> None:
    connector = make_host(FakeConnector())["alpha-mail"]
    assert (connector.id, connector.name(), connector.guide("de")) == ("alpha-mail", "alpha-mail", "# Guide")
    assert repr(connector) == "<Connector alpha-mail of dist-alpha-mail 1.0>"


def test_a_configured_connector_shows_no_secret(make_host: Make) -> None:
    mail = make_host(FakeConnector())["alpha-mail"].configure(CONFIG)
    assert TOKEN not in f"{mail!r} {mail} {mail.config!r} {vars(mail)}"


def test_a_connector_without_a_sandbox_says_so(make_host: Make) -> None:
    with pytest.raises(ConnectorError, match="alpha-mail ships no sandbox"):
        make_host(FakeConnector(), FakeConnector("beta-mail"))["alpha-mail"].create_sandbox()


def test_a_sandbox_that_needs_more_to_be_installed_says_what(make_host: Make) -> None:
    class Plugin:
        def __init__(self) -> None:
            self.metadata = FakeConnector().metadata

        @hookimpl
        def connector_metadata(self) -> object:
            return self.metadata

        @hookimpl
        def send_message(self) -> None: ...

        @hookimpl
        def create_sandbox(self) -> None:
            raise ModuleNotFoundError('pip install "alpha[sandbox]"')

    with pytest.raises(ConnectorError, match=re.escape('pip install "alpha[sandbox]"')):
        make_host(Plugin())["alpha-mail"].create_sandbox()


def test_a_bad_config_is_never_sent_with(make_host: Make) -> None:
    alpha = FakeConnector()
    with pytest.raises(InvalidConfig):
        make_host(alpha)["alpha-mail"].send_message({}, MESSAGE)
    assert alpha.sent == []


def test_a_stored_and_a_given_config_send_alike(make_host: Make) -> None:
    alpha = FakeConnector()
    connector = make_host(alpha)["alpha-mail"]
    connector.configure(CONFIG).send_message(MESSAGE)
    connector.send_message(CONFIG, MESSAGE)
    assert alpha.sent == [MESSAGE, MESSAGE]
    assert alpha.checked[0] == alpha.checked[1]


def limit(*_: object) -> SendResult:
    raise RateLimitExceeded("Wait.")


def lose(config: Config, _message: Message) -> SendResult:
    raise OSError(f"lost {config['token'].reveal()}")


@pytest.mark.parametrize(
    ("send", "outcome", "level"),
    [
        (None, "sent", "INFO"),
        (lambda *_: SendResult(message_id="1", status="queued"), "queued", "INFO"),
        (limit, "not_sent", "WARNING"),
        (lose, "unknown", "WARNING"),
        (lambda *_: None, "unknown", "WARNING"),
    ],
    ids=["sent", "queued", "error", "foreign error", "nothing"],
)
def test_a_send_is_one_log_line_with_connector_type_outcome_and_time_alone(
    make_host: Make,
    caplog: pytest.LogCaptureFixture,
    send: Callable[[Config, Message], SendResult] | None,
    outcome: str,
    level: str,
) -> None:
    mail = make_host(FakeConnector(send=send))["alpha-mail"].configure(CONFIG)
    with caplog.at_level(logging.DEBUG):
        try:
            mail.send_message(MESSAGE)
        except ConnectorError:
            assert outcome in {"not_sent", "unknown"}
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("connector_core", level)
    assert re.fullmatch(rf"alpha-mail SignIn {outcome} \d+\.\d{{3}} s", record.getMessage())
    written = f"{vars(record)} {caplog.text}"
    assert not [text for text in (TOKEN, "123456", "ann@example.com") if text in written]


def test_a_message_that_is_refused_at_once_is_logged_too(make_host: Make, caplog: pytest.LogCaptureFixture) -> None:
    mail = make_host(FakeConnector())["alpha-mail"].configure(CONFIG)
    with caplog.at_level(logging.DEBUG), pytest.raises(InvalidMessage):
        mail.send_message(Message("no address", "SignIn"))
    (line,) = caplog.messages
    assert line.startswith("alpha-mail SignIn not_sent ")
    assert "no address" not in line


def test_eight_threads_that_share_a_host_lose_and_duplicate_nothing(make_host: Make) -> None:
    threads, sends = 8, 50
    alpha, beta = FakeConnector(), FakeConnector("beta-mail")
    host = make_host(alpha, beta)
    shared = host["beta-mail"].configure(CONFIG)
    together = threading.Barrier(threads)

    def work(thread: int) -> list[str]:
        together.wait(timeout=20)
        ids = []
        for number in range(sends):
            told = Message(f"t{thread}@example.com", "SignIn", {"n": number})
            own = host["alpha-mail"].send_message({"token": f"token-{thread}"}, told)
            ids += [own.message_id, shared.send_message(told).message_id]
        return ids

    with ThreadPoolExecutor(threads) as pool:
        results = [*pool.map(work, range(threads))]
    expected = Counter((f"t{thread}@example.com", number) for thread in range(threads) for number in range(sends))
    for connector in (alpha, beta):
        assert Counter((sent.to, sent.payload["n"]) for sent in connector.sent) == expected
    assert [len(ids) for ids in results] == [2 * sends] * threads
    assert {config["token"].reveal() for config in alpha.checked} == {f"token-{thread}" for thread in range(threads)}


def test_two_hosts_share_nothing(make_host: Make) -> None:
    seen: list[str] = []

    class Watch:
        @hookimpl
        def validate_config(self) -> None:
            seen.append("called")

    watched, other = make_host(FakeConnector(), plugins=[Watch()]), make_host(FakeConnector("beta-mail"))
    other["beta-mail"].validate_config(CONFIG)
    assert seen == []
    watched["alpha-mail"].validate_config(CONFIG)
    assert seen == ["called"]
