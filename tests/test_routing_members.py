"""What a router is made of, what it can be asked besides sending, and how long a member may keep it waiting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from deaf_server import accept_nothing
from fakes import FakeConnector
from routing_peers import TOKEN, Clock, endpoint, in_memory, message, messages, postmark, refuse, take, way

from connector_core import (
    Config,
    Finding,
    Host,
    Limits,
    Message,
    ProviderUnavailable,
    SendError,
    SendResult,
    Transport,
    UnsupportedFeature,
    hookimpl,
)
from connector_core.routing import Failover, RoundRobin, RoutedSender
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

    from connector_core import ConfiguredConnector


@pytest.fixture
def host() -> Iterator[Host]:
    with Host.discover() as found:
        yield found


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the port of each connection that is tried."""
    from urllib3.util import connection

    ports: list[int] = []
    connect = connection.create_connection

    def note(address: tuple[str, int], *arguments: Any, **options: Any) -> socket.socket:
        ports.append(address[1])
        return connect(address, *arguments, **options)

    monkeypatch.setattr(connection, "create_connection", note)
    return ports


def test_a_member_that_can_not_be_connected_to_costs_one_attempt_and_then_none(connects: list[int]) -> None:
    with accept_nothing() as hole, WireServer(take) as there, Host.discover(limits=Limits(connect=0.2)) as host:
        router = Failover([postmark(host, hole), endpoint(host, there.url)], clock=Clock())
        outcomes = [router.send_message(message()), *router.send_messages(messages(20))]
    assert all(isinstance(one, SendResult) for one in outcomes)
    assert connects.count(int(hole.rpartition(":")[2])) == 1


def test_of_many_messages_no_more_wait_for_a_connection_than_are_in_flight(connects: list[int]) -> None:
    with accept_nothing() as hole, WireServer(take) as there, Host.discover(limits=Limits(connect=0.5)) as host:
        router = Failover([endpoint(host, hole), endpoint(host, there.url)], clock=Clock())
        outcomes = list(router.send_messages(messages(40), in_flight=4))
    assert all(isinstance(one, SendResult) for one in outcomes)
    assert connects.count(int(hole.rpartition(":")[2])) <= 4


class Asking(FakeConnector):
    """A connector that notes how often its transport would send a request again."""

    def __init__(self, problem: SendError | None = None) -> None:
        super().__init__()
        self.retries: list[tuple[int, int]] = []
        self._problem = problem

    @hookimpl
    def send_message(self, config: Config, message: Message, transport: Transport) -> SendResult:  # type: ignore[override]  # noqa: ARG002  a hook names the arguments that it wants
        self.retries.append((transport.limits.retries, transport.within(5.0).limits.retries))
        if self._problem is not None:
            raise self._problem
        return SendResult(message_id="m1")


def test_a_request_is_repeated_only_where_no_other_member_is_ready(make_host: Callable[..., Host]) -> None:
    first, last = Asking(ProviderUnavailable("Away.")), Asking()
    router = Failover([in_memory(make_host, first), in_memory(make_host, last)], clock=Clock())
    router.send_message(message())
    assert (first.retries, last.retries) == ([(0, 0)], [(2, 2)])


def test_what_a_connector_keeps_is_the_same_whoever_asks_it(make_host: Callable[..., Host]) -> None:
    seen: list[Config] = []

    def send(config: Config, _message: Message) -> SendResult:
        seen.append(config)
        if len(seen) == 1:
            raise ProviderUnavailable("Away.")
        return SendResult(message_id="m1")

    member = in_memory(make_host, FakeConnector(send=send))
    other = in_memory(make_host, FakeConnector(send=lambda *_: SendResult(message_id="m2")))
    router = Failover([member, other], clock=Clock())
    router.send_message(message())
    member.send_message(message())
    assert [one is member.config for one in seen] == [True, True]


def test_a_check_tells_of_every_member(host: Host) -> None:
    smtp = host["simple-mail-transfer-protocol"]
    with refuse_connections() as away, smtp.create_sandbox() as sandbox:
        router = Failover([postmark(host, away), RoundRobin([smtp.configure(sandbox.config)])])
        findings = router.check_connection(seconds=5)
    assert next(one for one in findings if one.message.startswith("postmark-mail (position 0): ")).level == "error"
    theirs = [one for one in findings if one.message.startswith("simple-mail-transfer-protocol (position 1): ")]
    assert {one.level for one in theirs} == {"ok"}
    assert len(theirs) < len(findings)


def test_a_check_warns_of_a_member_that_has_none(make_host: Callable[..., Host]) -> None:
    (finding,) = Failover([in_memory(make_host, FakeConnector())]).check_connection()
    assert (finding.level, finding.code) == ("warning", "not_implemented")
    assert finding.message.startswith("alpha-mail (position 0): ")


class Counting(FakeConnector):
    """A connector that tells its usage and finds something."""

    @hookimpl
    def get_usage(self) -> int:
        return 21

    @hookimpl
    def check_connection(self) -> Iterable[Finding]:
        return [Finding("ok", "reached", "$", "It is there.", "")]


def test_the_usage_is_that_of_all_members(make_host: Callable[..., Host]) -> None:
    members = [in_memory(make_host, Counting()) for _ in range(2)]
    today = datetime.now(UTC).date()
    assert RoundRobin(members).get_usage(today) == 42
    assert RoundRobin([*members, members[0]]).get_usage(today) == 42  # who stands twice counts once
    with pytest.raises(UnsupportedFeature):
        RoundRobin([*members, in_memory(make_host, FakeConnector())]).get_usage(today)


def test_a_router_closes_its_members(make_host: Callable[..., Host]) -> None:
    closed: list[str] = []

    class Kept:
        def __init__(self, _config: Config) -> None:
            self.is_open = True

        def close(self) -> None:
            closed.append("closed")

    def send(config: Config, _message: Message) -> SendResult:
        config.keep(Kept)
        return SendResult(message_id="m1")

    member = in_memory(make_host, FakeConnector(send=send))
    with Failover([RoundRobin([member])]) as router:
        router.send_message(message())
        assert closed == []
    assert closed == ["closed"]
    assert router.send_message(message()).message_id == "m1"  # and it opens again


def test_a_router_shows_its_connectors_and_no_secret(host: Host) -> None:
    with refuse_connections() as away:
        one, another = postmark(host, away), endpoint(host, away)
        router = Failover([RoundRobin([one, another]), another])
    assert repr(router) == "<Failover <RoundRobin postmark-mail, http-email>, http-email>"
    assert TOKEN not in repr(router)
    assert TOKEN not in repr([vars(router), *map(vars, router.__dict__["_members"].values())])


def test_a_router_is_a_sender_as_a_configured_connector_is(host: Host) -> None:
    with refuse_connections() as away:
        member = endpoint(host, away)
    assert isinstance(member, RoutedSender)
    assert isinstance(Failover([member]), RoutedSender)


def test_a_router_without_members_or_with_what_can_not_send_is_refused(host: Host) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Failover([])
    connector: Any = host["http-email"]
    with pytest.raises(TypeError, match="configure the connector first"):
        RoundRobin([connector])


class OwnSender:
    """What a host may have of its own."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.is_closed = False
        self._problem = problem

    def send_message(self, message: Message) -> SendResult:
        if self._problem is not None:
            raise self._problem
        return SendResult(message_id=f"own-{message.payload['code']}")

    def send_messages(
        self, messages: Iterable[Message], *, in_flight: int | None = None
    ) -> Iterator[SendResult | SendError]:
        assert in_flight is None
        return (self.send_message(one) for one in messages)

    def close(self) -> None:
        self.is_closed = True


def test_a_sender_of_the_hosts_own_may_be_a_member(host: Host) -> None:
    own = OwnSender()
    with WireServer(refuse(1101)) as there, Failover([postmark(host, there.url), own]) as router:
        result = router.send_message(message("1"))
        many = list(router.send_messages(messages(2)))
    assert way(result) == ["0 failed template_not_found", "1 sent"]
    assert result.route[1].connector_id == "OwnSender"
    assert [one.message_id for one in many if isinstance(one, SendResult)] == ["own-0", "own-1"]
    assert own.is_closed
    with pytest.raises(UnsupportedFeature, match="get_usage"):
        Failover([own]).get_usage(datetime.now(UTC).date())


def test_whatever_a_sender_of_the_hosts_own_raises_is_an_unknown_outcome_of_its_message() -> None:
    router = Failover([OwnSender(RuntimeError("a bug")), OwnSender()])
    with pytest.raises(RuntimeError, match="a bug"):
        router.send_message(message())
    (found,) = router.send_messages([message()])
    assert isinstance(found, SendError)
    assert found.outcome == "unknown"
    assert isinstance(found.__cause__, RuntimeError)


@pytest.mark.parametrize("answer", [None, "sent"], ids=["nothing", "a text"])
def test_a_sender_that_returns_no_result_leaves_the_message_unknown_and_is_skipped(answer: Any) -> None:
    class Silent(OwnSender):
        def send_message(self, message: Message) -> SendResult:  # noqa: ARG002  as the protocol has it
            return cast("SendResult", answer)

    router = Failover([Silent(), OwnSender()], clock=Clock())
    with pytest.raises(SendError, match="returned no SendResult") as caught:
        router.send_message(message())
    following = router.send_message(message())
    (of_many,) = Failover([Silent(), OwnSender()]).send_messages([message()])
    assert caught.value.outcome == "unknown"
    assert way(caught.value) == ["0 failed general"]
    assert way(following) == ["0 skipped general", "1 sent"]
    assert isinstance(of_many, SendError)
    assert of_many.outcome == "unknown"


def test_members_may_come_from_different_hosts(host: Host, make_host: Callable[..., Host]) -> None:
    with refuse_connections() as away:
        members: list[ConfiguredConnector] = [postmark(host, away), in_memory(make_host, FakeConnector())]
        assert Failover(members, clock=Clock()).send_message(message()).message_id == "id-1"
