"""A round robin takes turns, routers stand within routers, and a result tells the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from routing_peers import ADDRESS, STEADY, Clock, close_shop, endpoint, message, postmark, refuse, take, way

from connector_core import DeliveryUnknown, Host, ProviderUnavailable
from connector_core.routing import Failover, RoundRobin
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def host() -> Iterator[Host]:
    with Host.discover() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_round_robin_takes_turns_and_passes_over_one_in_trouble(host: Host, clock: Clock) -> None:
    with WireServer(take) as first, WireServer(take, close_shop, take) as second, WireServer(take) as third:
        members = [endpoint(host, server.url) for server in (first, second, third)]
        router = RoundRobin(members, backoff=STEADY, clock=clock)
        ways = [way(router.send_message(message())) for _ in range(6)]
        skipping = [way(router.send_message(message())) for _ in range(3)]
        clock.now += 1.0
        back = [way(router.send_message(message())) for _ in range(3)]
    unavailable = "provider_unavailable"
    assert ways == [
        *(["0 sent"], ["1 sent"], ["2 sent"]),
        *(["0 sent"], [f"1 failed {unavailable}", "2 sent"], ["2 sent"]),
    ]
    assert skipping == [["0 sent"], [f"1 skipped {unavailable}", "2 sent"], ["2 sent"]]
    assert back == [["0 sent"], ["1 sent"], ["2 sent"]]


def test_who_stands_twice_in_a_round_robin_gets_twice_the_share_and_is_asked_once_for_a_message(
    host: Host, clock: Clock
) -> None:
    with WireServer(take, take, take, take, refuse(1101)) as first, WireServer(take) as second:
        often = postmark(host, first.url)
        router = RoundRobin([often, often, endpoint(host, second.url)], clock=clock)
        shares = [way(router.send_message(message())) for _ in range(6)]
        passed_on = way(router.send_message(message()))
    assert shares == [["0 sent"], ["0 sent"], ["1 sent"]] * 2
    assert passed_on == ["0 failed template_not_found", "1 sent"]


def test_routers_within_routers_count_as_their_connectors(host: Host, clock: Clock) -> None:
    with refuse_connections() as away, WireServer(take) as there:
        pair = RoundRobin([postmark(host, away), postmark(host, away)], backoff=STEADY, clock=clock)
        router = Failover([pair, endpoint(host, there.url)], clock=clock)
        ways = [way(router.send_message(message())) for _ in range(2)]
        with pytest.raises(ProviderUnavailable) as caught:
            pair.send_message(message())
    unavailable = "provider_unavailable"
    assert ways[0] == [f"0 failed {unavailable}", f"1 failed {unavailable}", "2 sent"]
    assert ways[1] == [f"1 skipped {unavailable}", f"0 skipped {unavailable}", "2 sent"]
    skipped = [f"0 skipped {unavailable}", f"1 skipped {unavailable}"]
    assert way(caught.value) == [*skipped, f"0 failed {unavailable}"]  # its health is the same by itself


def test_a_connector_beside_a_router_and_in_it_has_one_health(host: Host, clock: Clock) -> None:
    with refuse_connections() as away, WireServer(take) as there:
        first, second = postmark(host, away), endpoint(host, there.url)
        pair = Failover([first, second], clock=clock)
        found = way(Failover([first, pair], clock=clock).send_message(message()))
        by_itself = way(pair.send_message(message()))
        of_the_first_router = way(Failover([RoundRobin([first]), pair], clock=clock).send_message(message()))
    unavailable = "provider_unavailable"
    assert found == [f"0 failed {unavailable}", "1 sent"]
    assert by_itself == [f"0 skipped {unavailable}", "1 sent"]
    assert of_the_first_router == [f"0 failed {unavailable}", "1 sent"]


def test_a_round_robin_of_round_robins_uses_all_of_their_connectors(host: Host) -> None:
    with WireServer(take) as there:
        first, second, third, fourth = (endpoint(host, there.url) for _ in range(4))
        router = RoundRobin([RoundRobin([first, second]), RoundRobin([third, fourth])])
        ways = [way(router.send_message(message())) for _ in range(4)]
    assert ways == [["0 sent"], ["2 sent"], ["1 sent"], ["3 sent"]]


def test_a_route_is_told_in_json_and_holds_no_address(host: Host, clock: Clock) -> None:
    with refuse_connections() as away, WireServer(take) as there:
        member = postmark(host, away)
        result = Failover([member, endpoint(host, there.url)], clock=clock).send_message(message())
        with pytest.raises(ProviderUnavailable) as caught:
            Failover([member], clock=clock).send_message(message())
        alone = endpoint(host, there.url).send_message(message())
    failed = {"connectorId": "postmark-mail", "position": 0, "action": "failed", "code": "provider_unavailable"}
    sent = {"connectorId": "http-email", "position": 1, "action": "sent"}
    assert result.to_json()["route"] == [failed, sent]
    assert caught.value.to_json()["route"] == [failed]
    assert "route" not in alone.to_json()
    assert "route" not in DeliveryUnknown("No answer came back.").to_json()
    assert ADDRESS not in repr(result.route)
