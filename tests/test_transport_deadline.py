"""A transport whose requests all end by a deadline."""

from __future__ import annotations

import pytest

from connector_core import Limits, ProviderUnavailable, Transport
from connector_core.testing.wire_behaviours import respond
from connector_core.testing.wire_server import WireServer


def test_a_transport_within_a_time_has_no_longer_limits() -> None:
    transport = Transport(limits=Limits(total=9, read=4))
    bounded = transport.within(5)

    assert bounded.limits.total <= 5
    assert bounded.limits.read == 4
    assert transport.limits.total == 9


def test_a_transport_whose_time_is_over_asks_nobody() -> None:
    with WireServer(respond(200)) as server:
        with pytest.raises(ProviderUnavailable, match="time limit"):
            Transport().within(0).request("GET", server.url, headers={})
        assert server.requests == []


def test_a_transport_within_a_time_sends_what_it_is_given() -> None:
    with WireServer(respond(200, b"yes")) as server:
        transport = Transport()
        answer = transport.within(5).request("POST", f"{server.url}/x", headers={"X-A": "1"}, json={"a": 1})
        transport.close()

    assert answer.body == b"yes"
    (request,) = server.requests
    assert (request.method, request.target, request.headers["x-a"], request.json()) == ("POST", "/x", "1", {"a": 1})


def test_closing_a_transport_within_a_time_leaves_the_connections() -> None:
    with WireServer(respond(200)) as server:
        transport = Transport()
        for _ in range(2):
            with_deadline = transport.within(5)
            with_deadline.request("GET", server.url, headers={})
            with_deadline.close()
        transport.close()

    assert server.connections == 1
