"""The usage: how many mails went out, as Postmark and as the sandbox count them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import network_environment
import pytest
from connector_postmark.sandbox import PostmarkSandbox
from connector_postmark.sandbox.sent_counts import EASTERN, SentCounts

from connector_core import (
    AuthorizationFailed,
    InvalidResponse,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
)
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.wire_server import WireServer, finish

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

    from connector_core import Connector
    from connector_core.testing.wire_server import Behaviour

    Call = Callable[..., requests.Response]

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
DAY = date(2026, 1, 31)
FOREIGN: list[Any] = [[], 5, {}, {"Sent": None}, {"Sent": "5"}, {"Sent": 5.0}, {"Sent": True}, {"Sent": -1}]
HTML = wire.respond(200, b"<html>Welcome to the hotel's network</html>", ["Content-Type: text/html"])


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


def today() -> date:
    """Return Postmark's today."""
    return datetime.now(EASTERN).date()


def get_usage(connector: Connector, config: dict[str, Any], since: date = DAY, *, seconds: float | None = None) -> int:
    with connector.configure(config) as configured:
        return configured.get_usage(since, seconds=seconds)


# What is counted


def test_every_mail_that_was_taken_counts(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    since = today()
    assert get_usage(postmark, sandbox.config, since) == 0
    for sent in (1, 2):
        postmark.send_message(sandbox.config, MESSAGE)
        assert get_usage(postmark, sandbox.config, since) == sent
    assert len(sandbox.messages) == 2


def test_a_refused_mail_and_one_for_the_test_token_do_not_count(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    with pytest.raises(SendError):
        postmark.send_message({**sandbox.config, "messageStream": "nowhere"}, MESSAGE)
    postmark.send_message({**sandbox.config, "serverToken": "POSTMARK_API_TEST"}, MESSAGE)
    assert get_usage(postmark, sandbox.config) == 0


def test_what_the_outbox_forgot_still_counts(postmark: Connector) -> None:
    with PostmarkSandbox(keep_messages=1) as sandbox:
        for _ in range(3):
            postmark.send_message(sandbox.config, MESSAGE)
        sandbox.clear()
        assert get_usage(postmark, sandbox.config) == 3


@pytest.mark.parametrize(("days", "count"), [(-1, 3), (0, 3), (1, 1), (2, 1), (3, 0)])
def test_the_day_itself_counts_and_those_before_do_not(
    postmark: Connector, sandbox: PostmarkSandbox, days: int, count: int
) -> None:
    noon = datetime(2026, 1, 31, 12, tzinfo=EASTERN)
    for moment in (noon, noon, noon + timedelta(days=2)):
        sandbox.account.sent.add(moment, "outbound")
    assert get_usage(postmark, sandbox.config, DAY + timedelta(days=days)) == count


def test_a_message_stream_counts_alone_and_without_one_all_do(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    sandbox.account.add_stream("codes")
    for stream, count in (("codes", 2), ("outbound", 1)):
        for _ in range(count):
            postmark.send_message({**sandbox.config, "messageStream": stream}, MESSAGE)
    counts = [
        get_usage(postmark, {**sandbox.config, **settings})
        for settings in ({"messageStream": "codes"}, {"messageStream": "outbound"}, {"messageStream": "new"}, {})
    ]
    assert counts == [2, 1, 0, 3]


def test_the_question_is_the_documented_one(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    with WireServer(wire.pass_on(sandbox.url)) as server:
        config = {**sandbox.config, "apiUrl": server.url}
        get_usage(postmark, config)
        get_usage(postmark, {**config, "messageStream": "codes"})
    assert [(one.method, one.target) for one in server.requests] == [
        ("GET", "/stats/outbound?fromdate=2026-01-31"),
        ("GET", "/stats/outbound?fromdate=2026-01-31&messagestream=codes"),
    ]


# What goes wrong


def fail(connector: Connector, config: dict[str, Any], seconds: float | None = None) -> SendError:
    with pytest.raises(SendError) as caught:
        finish(lambda: get_usage(connector, config, seconds=seconds))
    error = caught.value
    assert error.outcome == "not_sent"
    assert "message" not in str(error).lower()
    assert config["serverToken"] not in str(error)
    return error


def test_a_wrong_token_is_told(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    assert type(fail(postmark, {**sandbox.config, "serverToken": "wrong"})) is AuthorizationFailed


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        pytest.param(HTML, InvalidResponse, id="HTML"),
        pytest.param(wire.respond(200), InvalidResponse, id="empty"),
        pytest.param(wire.respond(500), ProviderUnavailable, id="500"),
        pytest.param(wire.respond(429, headers=["Retry-After: 9"]), RateLimitExceeded, id="429"),
        pytest.param(wire.hang_up, ProviderUnavailable, id="hangs up"),
        *(pytest.param(wire.respond_json(value), InvalidResponse, id=f"{value!r}") for value in FOREIGN),
    ],
)
def test_an_answer_that_is_none_is_told(
    postmark: Connector, sandbox: PostmarkSandbox, behaviour: Behaviour, kind: type[SendError]
) -> None:
    with WireServer(behaviour) as server:
        assert type(fail(postmark, {**sandbox.config, "apiUrl": server.url})) is kind


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(wire.stay_silent, id="silent"),
        pytest.param(wire.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "), id="dripping"),
    ],
)
def test_a_slow_postmark_keeps_nobody_waiting(
    postmark: Connector, sandbox: PostmarkSandbox, behaviour: Behaviour
) -> None:
    with WireServer(behaviour) as server:
        error = fail(postmark, {**sandbox.config, "apiUrl": server.url}, seconds=0.3)
    assert type(error) is ProviderUnavailable
    assert error.retryable


# The sandbox's statistics


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 1, 31, 4, 59, tzinfo=UTC), date(2026, 1, 30)),
        (datetime(2026, 1, 31, 5, 0, tzinfo=UTC), date(2026, 1, 31)),
        (datetime(2026, 7, 31, 4, 30, tzinfo=UTC), date(2026, 7, 30)),
        (datetime(2026, 7, 31, 5, 0, tzinfo=UTC), date(2026, 7, 31)),
    ],
)
def test_a_day_begins_at_midnight_of_eastern_standard_time_even_in_summer(moment: datetime, day: date) -> None:
    counts = SentCounts()
    counts.add(moment, "outbound")
    assert counts.count(since=day, until=day) == 1


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", 4),
        ("?fromdate=2026-01-31", 3),
        ("?todate=2026-01-31", 2),
        ("?FromDate=2026-01-31&ToDate=2026-01-31", 1),
        ("?tag=codes", 2),
        ("?tag=Codes", 0),
        ("?messagestream=Broadcast", 1),
        ("?messagestream=outbound&tag=codes&fromdate=2026-02-01", 1),
        ("?fromdate=&tag=", 4),
    ],
)
def test_the_overview_is_filtered(call: Call, sandbox: PostmarkSandbox, query: str, sent: int) -> None:
    noon = datetime(2026, 1, 30, 12, tzinfo=EASTERN)
    for days, stream, tag in (
        (0, "outbound", "codes"),
        (1, "outbound", ""),
        (2, "broadcast", ""),
        (2, "outbound", "codes"),
    ):
        sandbox.account.sent.add(noon + timedelta(days=days), stream, tag)
    assert call("GET", f"/Stats/Outbound/{query}").json()["Sent"] == sent


def test_the_tag_and_the_stream_of_a_mail_are_those_that_it_counts_for(call: Call) -> None:
    mail = {"From": "a@example.com", "To": "b@example.com", "TextBody": "x"}
    call("POST", "/email/batch", [mail, {**mail, "Tag": "codes", "MessageStream": "Broadcast"}, {**mail, "To": ""}])
    for query, sent in (("", 2), ("?tag=codes", 1), ("?messagestream=broadcast", 1), ("?messagestream=outbound", 1)):
        assert call("GET", f"/stats/outbound{query}").json()["Sent"] == sent


@pytest.mark.parametrize("query", ["fromdate=yesterday", "todate=2026-02-30"])
def test_a_day_that_is_none_is_refused(call: Call, query: str) -> None:
    answer = call("GET", f"/stats/outbound?{query}")
    assert (answer.status_code, answer.json()["ErrorCode"]) == (422, 300)


def test_the_statistics_need_a_token(call: Call) -> None:
    assert call("GET", "/stats/outbound", token=None).status_code == 401
