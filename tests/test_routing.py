"""A message goes to the next member where it was surely not sent, and a member in trouble is skipped for a while."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from fakes import FakeConnector
from routing_peers import ADDRESS, STEADY, Clock, close_shop, endpoint, in_memory, message, postmark, refuse, take, way

from connector_core import (
    ConnectorError,
    Host,
    InvalidMessage,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
    SendResult,
    TemplateNotFound,
    UnsupportedFeature,
    UnsupportedOption,
    hookimpl,
)
from connector_core.routing import Failover
from connector_core.testing.wire_behaviours import hang_up, respond
from connector_core.testing.wire_server import HANG_GUARD, WireServer, finish, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from connector_core import Config
    from connector_core.testing.wire_server import Behaviour, Line


@pytest.fixture
def host() -> Iterator[Host]:
    with Host.discover() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_message_that_the_first_member_can_not_be_asked_for_goes_to_the_second(host: Host, clock: Clock) -> None:
    with refuse_connections() as away, WireServer(take) as there:
        router = Failover([postmark(host, away), endpoint(host, there.url)], clock=clock)
        first, second = router.send_message(message("1")), router.send_message(message("2"))
    assert (first.message_id, second.message_id) == ("endpoint-1", "endpoint-2")
    assert way(first) == ["0 failed provider_unavailable", "1 sent"]
    assert way(second) == ["0 skipped provider_unavailable", "1 sent"]


def test_a_mail_server_takes_over(host: Host, clock: Clock) -> None:
    smtp = host["simple-mail-transfer-protocol"]
    with refuse_connections() as away, smtp.create_sandbox() as sandbox:
        with Failover([postmark(host, away), smtp.configure(sandbox.config)], clock=clock) as router:
            result = router.send_message(message())
        assert [mail.to for mail in sandbox.messages] == [(ADDRESS,)]
    assert way(result) == ["0 failed provider_unavailable", "1 sent"]


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (respond(503), "provider_unavailable"),
        (respond(429), "rate_limit_exceeded"),
        (refuse(10, status=401), "authorization_failed"),
        (refuse(405), "usage_limit_exceeded"),
        (refuse(412), "account_restricted"),
        (refuse(400), "sender_rejected"),
    ],
    ids=["unavailable", "rate", "credentials", "credits", "account", "sender"],
)
def test_a_member_in_trouble_is_asked_once_and_then_skipped_until_its_pause_is_over(
    behaviour: Behaviour, code: str, host: Host, clock: Clock
) -> None:
    with WireServer(behaviour, take) as troubled, WireServer(take) as there:
        router = Failover([postmark(host, troubled.url), endpoint(host, there.url)], backoff=STEADY, clock=clock)
        ways = [way(router.send_message(message("1")))]
        clock.now += 0.9
        ways.append(way(router.send_message(message("2"))))
        clock.now += 0.1
        ways += [way(router.send_message(message(str(number)))) for number in (3, 4)]
    assert ways == [[f"0 failed {code}", "1 sent"], [f"0 skipped {code}", "1 sent"], ["0 sent"], ["0 sent"]]
    assert len(troubled.requests) == 3


def test_a_wait_that_a_provider_asks_for_is_kept(host: Host, clock: Clock) -> None:
    with WireServer(respond(429, headers=["Retry-After: 30"]), take) as busy, WireServer(take) as there:
        router = Failover([postmark(host, busy.url), endpoint(host, there.url)], backoff=STEADY, clock=clock)
        router.send_message(message())
        clock.now += 29.9
        before = way(router.send_message(message()))
        clock.now += 0.1
        after = way(router.send_message(message()))
    assert before == ["0 skipped rate_limit_exceeded", "1 sent"]
    assert after == ["0 sent"]


def test_a_template_that_one_provider_lacks_leaves_its_member_in_use(host: Host, clock: Clock) -> None:
    with WireServer(refuse(1101), take) as lacking, WireServer(take) as there:
        router = Failover([postmark(host, lacking.url), endpoint(host, there.url)], clock=clock)
        ways = [way(router.send_message(message())) for _ in range(2)]
    assert ways == [["0 failed template_not_found", "1 sent"], ["0 sent"]]


def test_an_option_that_one_connector_can_not_send_goes_to_another(
    host: Host, make_host: Callable[..., Host], clock: Clock
) -> None:
    plain = FakeConnector()  # it can send no options
    with WireServer(take) as able:
        router = Failover([in_memory(make_host, plain), postmark(host, able.url)], clock=clock)
        ways = [way(router.send_message(message(cc=["bob@example.com"]))), way(router.send_message(message()))]
    assert ways == [["0 failed not_implemented", "1 sent"], ["0 sent"]]
    assert len(plain.sent) == 1


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (refuse(300, "Invalid 'To' address: 'x'."), "recipient_rejected"),
        (refuse(402), "invalid_message"),
        (respond(413), "invalid_message"),
        (refuse(406), "recipient_rejected"),
    ],
    ids=["malformed recipient", "message", "size", "inactive recipient"],
)
def test_a_message_that_is_itself_at_fault_is_offered_to_nobody_else(
    behaviour: Behaviour, code: str, host: Host, clock: Clock
) -> None:
    with WireServer(behaviour, take) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), endpoint(host, second.url)], clock=clock)
        with pytest.raises(SendError) as caught:
            router.send_message(message())
        following = router.send_message(message())
    assert way(caught.value) == [f"0 failed {code}"]
    assert way(following) == ["0 sent"]
    assert not second.requests


@pytest.mark.parametrize("behaviour", [hang_up, respond(500), respond(200, b"<html>")], ids=["line", "500", "page"])
def test_a_message_that_may_have_been_sent_is_not_sent_again_and_its_member_is_skipped(
    behaviour: Behaviour, host: Host, clock: Clock
) -> None:
    with WireServer(behaviour, take) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), endpoint(host, second.url)], clock=clock)
        with pytest.raises(SendError) as caught:
            router.send_message(message("1"))
        asked_of_the_second = len(second.requests)
        following = router.send_message(message("2"))
    assert caught.value.outcome == "unknown"
    assert asked_of_the_second == 0
    assert way(caught.value) == [f"0 failed {caught.value.code}"]
    assert way(following) == [f"0 skipped {caught.value.code}", "1 sent"]


def test_the_last_member_that_can_be_asked_gets_the_repetitions_of_the_transport(host: Host, clock: Clock) -> None:
    with WireServer(close_shop) as first, WireServer(close_shop, take) as last:
        router = Failover([postmark(host, first.url), endpoint(host, last.url)], clock=clock)
        result = router.send_message(message())
    assert way(result) == ["0 failed provider_unavailable", "1 sent"]
    assert (len(first.requests), len(last.requests)) == (1, 2)


def test_where_all_are_skipped_the_one_whose_pause_ends_first_is_asked(host: Host, clock: Clock) -> None:
    slow_down = respond(429, headers=["Retry-After: 60"])
    with WireServer(slow_down) as first, WireServer(*[refuse(405)], take) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], backoff=STEADY, clock=clock)
        with pytest.raises(SendError):
            router.send_message(message())
        result = router.send_message(message())
    assert way(result) == ["0 skipped rate_limit_exceeded", "1 skipped usage_limit_exceeded", "1 sent"]
    assert len(first.requests) == 1


def test_a_skipped_member_is_asked_where_the_others_fail(host: Host, clock: Clock) -> None:
    with WireServer(close_shop, take) as first, WireServer(take, refuse(1101)) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], clock=clock)
        router.send_message(message())
        result = router.send_message(message())
    assert way(result) == ["0 skipped provider_unavailable", "1 failed template_not_found", "0 sent"]


def test_where_nobody_takes_it_the_error_says_whether_it_makes_sense_to_try_again(host: Host, clock: Clock) -> None:
    with refuse_connections() as away, WireServer(refuse(1101)) as there:
        router = Failover([postmark(host, away), postmark(host, there.url)], clock=clock)
        with pytest.raises(ProviderUnavailable) as caught:
            router.send_message(message())
    assert caught.value.retryable
    assert way(caught.value) == ["0 failed provider_unavailable", "1 failed template_not_found"]


def test_without_one_that_may_pass_by_itself_the_last_error_is_raised(host: Host, clock: Clock) -> None:
    with WireServer(refuse(10, status=401)) as first, WireServer(refuse(1101)) as second:
        router = Failover([postmark(host, first.url), postmark(host, second.url)], clock=clock)
        with pytest.raises(TemplateNotFound):
            router.send_message(message())


def test_no_error_of_a_router_is_linked_to_another_members_error(host: Host, clock: Clock) -> None:
    with refuse_connections() as away, WireServer(refuse(402)) as there:
        router = Failover([postmark(host, away), postmark(host, there.url)], clock=clock)
        with pytest.raises(InvalidMessage) as caught:
            router.send_message(message())
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


class Gate:
    """Holds its first answer back until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, line: Line) -> None:
        self.reached.set()
        assert self.opened.wait(HANG_GUARD)
        take(line)


def test_while_a_trial_is_out_all_others_go_to_the_next_member(host: Host, clock: Clock) -> None:
    gate = Gate()
    with WireServer(close_shop, gate, take) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), endpoint(host, second.url)], backoff=STEADY, clock=clock)
        router.send_message(message())
        clock.now += 1.0
        ways: list[list[str]] = []
        trial = threading.Thread(target=lambda: ways.append(way(router.send_message(message("trial")))))
        trial.start()
        assert gate.reached.wait(HANG_GUARD)
        meanwhile = [finish(lambda: way(router.send_message(message()))) for _ in range(3)]
        gate.opened.set()
        trial.join(HANG_GUARD)
        after = way(router.send_message(message()))
    assert meanwhile == [["0 skipped provider_unavailable", "1 sent"]] * 3
    assert ways == [["0 sent"]]
    assert after == ["0 sent"]


def test_of_many_threads_none_loses_a_message_while_a_member_goes_away_and_comes_back(host: Host) -> None:
    clock = Clock()
    is_away = threading.Event()

    def come_and_go(line: Line) -> None:
        (close_shop if is_away.is_set() else take)(line)

    with WireServer(come_and_go) as first, WireServer(take) as second:
        router = Failover([postmark(host, first.url), endpoint(host, second.url)], backoff=STEADY, clock=clock)
        ids: list[str] = []

        def send(start: int) -> None:
            for number in range(start, start + 25):
                ids.append(router.send_message(message(str(number))).message_id)
                if number % 25 == 8:
                    is_away.set()
                if number % 25 == 16:
                    is_away.clear()
                clock.now += 0.05

        threads = [threading.Thread(target=send, args=(start,)) for start in range(0, 200, 25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANG_GUARD)
    assert sorted(int(one.partition("-")[2]) for one in ids) == list(range(200))
    assert {one.partition("-")[0] for one in ids} == {"postmark", "endpoint"}


def test_an_option_that_no_member_can_send_is_refused(make_host: Callable[..., Host]) -> None:
    plain = FakeConnector()
    router = Failover([in_memory(make_host, plain), in_memory(make_host, plain)])
    with pytest.raises(UnsupportedOption):
        router.send_message(message(cc=["bob@example.com"]))
    assert not plain.sent


def test_what_is_about_a_recipient_alone_leaves_the_member_in_use(make_host: Callable[..., Host]) -> None:
    def put_off(_config: Config, wanted: Message) -> SendResult:
        raise ProviderUnavailable("The mail server puts this recipient off.", recipients=[wanted.to])

    first = FakeConnector(send=put_off)
    router = Failover([in_memory(make_host, first), in_memory(make_host, FakeConnector())])
    ways = [way(router.send_message(message())) for _ in range(2)]
    assert ways == [["0 failed provider_unavailable", "1 sent"]] * 2


def test_a_limit_that_the_host_keeps_itself_leaves_the_member_in_use(make_host: Callable[..., Host]) -> None:
    class Guard:
        @hookimpl(wrapper=True)
        def send_message(self, message: Message) -> Generator[None, SendResult, SendResult]:
            if message.payload["code"] == "too many":
                raise RateLimitExceeded("This recipient had ten messages: wait.", retry_after=600.0)
            return (yield)

    connector = FakeConnector()
    members = [in_memory(make_host, connector, plugins=[Guard()]) for _ in range(2)]
    router = Failover(members)
    with pytest.raises(RateLimitExceeded) as caught:
        router.send_message(message("too many"))
    assert way(caught.value) == ["0 failed rate_limit_exceeded", "1 failed rate_limit_exceeded"]
    assert way(router.send_message(message())) == ["0 sent"]


@pytest.mark.parametrize("raised", [UnsupportedFeature("Not by this plugin."), ConnectorError("Not today.")])
def test_an_error_that_says_nothing_of_the_outcome_ends_the_way(
    raised: ConnectorError, make_host: Callable[..., Host]
) -> None:
    def refuse_it(_config: Config, _message: Message) -> SendResult:
        raise raised

    second = FakeConnector()
    router = Failover([in_memory(make_host, FakeConnector(send=refuse_it)), in_memory(make_host, second)])
    with pytest.raises(type(raised)) as caught:
        router.send_message(message())
    assert caught.value is raised
    (found,) = router.send_messages([message()])
    assert isinstance(found, SendError)
    assert str(found) == str(raised)
    assert not second.sent


def test_a_trial_that_is_broken_off_is_followed_by_another(make_host: Callable[..., Host], clock: Clock) -> None:
    attempts = iter([ProviderUnavailable("Away."), KeyboardInterrupt()])

    def send(_config: Config, wanted: Message) -> SendResult:
        for problem in attempts:
            raise problem
        return SendResult(message_id=wanted.payload["code"])

    members = [in_memory(make_host, FakeConnector(send=send)), in_memory(make_host, FakeConnector())]
    router = Failover(members, backoff=STEADY, clock=clock)
    router.send_message(message())
    clock.now += 1.0
    with pytest.raises(KeyboardInterrupt):
        router.send_message(message())
    assert way(router.send_message(message())) == ["0 sent"]
