"""A live check: whatever a connector does, a host gets findings, in time and without a secret."""

from __future__ import annotations

import itertools
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector
from live_calls import CONFIG, GOOD, SECRET, LiveConnector, configure_live, raise_

from connector_core import (
    Config,
    ConnectorError,
    Finding,
    ProviderUnavailable,
    Transport,
    UnsupportedFeature,
    hookimpl,
    live,
)
from connector_core.testing.wire_behaviours import stay_silent
from connector_core.testing.wire_server import HANG_GUARD, WireServer, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from connector_core import ConfiguredConnector, Host

BAD = Finding("error", "sender_rejected", "$.sender", "The sender is not confirmed.", "Confirm it.")


@pytest.fixture
def configure(make_host: Callable[..., Host]) -> Callable[..., ConfiguredConnector]:
    return partial(configure_live, make_host)


def test_the_findings_come_in_the_order_of_the_connector(configure: Callable[..., ConfiguredConnector]) -> None:
    assert configure(findings=lambda *_: iter([BAD, GOOD])).check_connection() == [BAD, GOOD]


def test_the_same_finding_comes_once(configure: Callable[..., ConfiguredConnector]) -> None:
    assert configure(findings=lambda *_: [BAD, GOOD, BAD]).check_connection() == [BAD, GOOD]


def test_a_finding_as_json_has_all_five_parts() -> None:
    assert BAD.to_json() == {
        "level": "error",
        "code": "sender_rejected",
        "path": "$.sender",
        "message": "The sender is not confirmed.",
        "fix": "Confirm it.",
    }


def test_a_config_that_isnt_stored_can_be_checked(make_host: Callable[..., Host]) -> None:
    assert make_host(LiveConnector())["alpha-mail"].check_connection(CONFIG) == [GOOD]


def test_a_hosts_plugin_adds_findings(configure: Callable[..., ConfiguredConnector]) -> None:
    class Policy:
        @hookimpl
        def check_connection(self) -> list[Finding]:
            return [BAD]

    assert set(configure(plugins=[Policy()]).check_connection()) == {GOOD, BAD}


def test_a_wrapper_alone_is_no_live_check(make_host: Callable[..., Host]) -> None:
    class Wrapper:
        @hookimpl(wrapper=True)
        def check_connection(self) -> Generator[None, Any, Any]:
            return (yield)

    connector = make_host(FakeConnector(), plugins=[Wrapper()])["alpha-mail"]

    with pytest.raises(UnsupportedFeature):
        connector.check_connection(CONFIG)


def test_what_was_found_before_a_failure_stays(configure: Callable[..., ConfiguredConnector]) -> None:
    def find(*_: Any) -> Iterator[Finding]:
        yield GOOD
        raise ProviderUnavailable("Gone, so nothing was sent.", reason="it took too long")

    first, last = configure(findings=find).check_connection()

    assert first == GOOD
    assert (last.level, last.code, last.path) == ("error", "not_reached", "$")
    assert "it took too long" in last.message
    assert "sent" not in last.message
    assert last.fix


@pytest.mark.parametrize(
    "make",
    [
        lambda: raise_(RuntimeError(f"trips over {SECRET}")),
        lambda: raise_(TimeoutError(f"trips over {SECRET}")),
        lambda: ["no finding"],
        lambda: [Finding("fine", "x", "$", "x")],  # type: ignore[arg-type]  # a foreign connector may give anything
        lambda: [Finding("ok", "x", "$", None)],  # type: ignore[arg-type]  # the same
        lambda: 7,
    ],
    ids=["raises", "raises-timeout", "no-finding", "no-level", "no-text", "no-list"],
)
def test_a_check_that_breaks_the_contract_is_a_finding(
    configure: Callable[..., ConfiguredConnector], make: Callable[[], Any]
) -> None:
    (finding,) = configure(findings=lambda *_: make()).check_connection()

    assert (finding.level, finding.code) == ("error", "check_failed")
    assert "author" in finding.fix
    assert SECRET not in finding.message


def test_an_error_that_is_no_refusal_is_a_finding(configure: Callable[..., ConfiguredConnector]) -> None:
    (finding,) = configure(findings=lambda *_: raise_(ConnectorError("Install more."))).check_connection()

    assert (finding.level, finding.code, finding.message) == ("error", "general", "Install more.")


def test_a_check_that_hangs_tells_what_it_found_so_far(configure: Callable[..., ConfiguredConnector]) -> None:
    done = threading.Event()

    def find(*_: Any) -> Iterator[Finding]:
        yield GOOD
        done.wait(HANG_GUARD)

    connector = configure(findings=find)
    try:
        first, last = finish(lambda: connector.check_connection(seconds=2))
    finally:
        done.set()

    assert first == GOOD
    assert (last.level, last.code) == ("error", "timed_out")
    assert "2 seconds" in last.message
    assert last.fix


def test_a_silent_provider_is_a_finding_in_time(
    configure: Callable[..., ConfiguredConnector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REQUESTS_SHARE", 0.1)  # long before the check is over

    def find(_: Config, transport: Transport) -> Iterator[Finding]:
        transport.request("GET", url, headers={})
        yield GOOD

    with WireServer(stay_silent) as server:
        url = server.url
        (finding,) = finish(lambda: configure(findings=find).check_connection(seconds=20))

    assert (finding.level, finding.code) == ("error", "no_answer")


def test_no_finding_shows_a_secret_or_a_line_break(configure: Callable[..., ConfiguredConnector]) -> None:
    leaking = Finding("error", f"x-{SECRET}", f"$.a.{SECRET}", f"one\n{SECRET}\x1b[2J", f"two {SECRET}")

    (finding,) = configure(findings=lambda *_: [leaking]).check_connection()

    assert SECRET not in repr(finding)
    assert "\n" not in finding.message
    assert "\x1b" not in finding.message


def test_a_check_sends_nothing_by_itself(make_host: Callable[..., Host]) -> None:
    connector = LiveConnector()
    make_host(connector)["alpha-mail"].check_connection(CONFIG)

    assert connector.sent == []


def test_what_is_collected_has_a_bound(configure: Callable[..., ConfiguredConnector]) -> None:
    def find(*_: Any) -> Iterable[Finding]:
        return (Finding("ok", "x", "$", f"{number} " + "x" * 5000) for number in itertools.count())

    findings = configure(findings=find).check_connection()

    assert len(findings) == 1000
    assert max(len(one.message) for one in findings) <= 2000
