"""The usage: how many mails SendGrid took from the account, as its statistics tell."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import network_environment
import pytest
import requests
from connector_sendgrid import usage
from connector_sendgrid.sandbox import SendGridSandbox
from connector_sendgrid.sandbox_account import EVERY_SCOPE
from hypothesis import given
from hypothesis import strategies as st
from question_failures import FAILURES

from connector_core import (
    AuthorizationFailed,
    Connector,
    Host,
    InvalidResponse,
    Limits,
    Message,
    ProviderUnavailable,
    SendError,
)
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

KEY = "SG.made-up-key-4Xq.9-_7Zt"
CONFIG: dict[str, Any] = {
    "apiKey": KEY,
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "type": "text/plain", "subject": "Code", "content": "{{code}}"}
        for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
NOTHING = wire.respond_json([])


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def sendgrid() -> Iterator[Connector]:
    with Host.discover(limits=Limits(connect=2, read=5, total=5, retries=0)) as host:
        yield host["sendgrid-email-service"]


def ask(sendgrid: Connector, config: dict[str, Any], since: date, seconds: float | None = None) -> int:
    with sendgrid.configure(config) as configured:
        return configured.get_usage(since, seconds=seconds)


def fail(sendgrid: Connector, behaviour: Behaviour, seconds: float | None = None) -> SendError:
    with WireServer(behaviour) as server, pytest.raises(SendError) as caught:
        ask(sendgrid, {**CONFIG, "apiUrl": server.url}, today(), seconds=seconds)
    return caught.value


def today() -> date:
    return datetime.now(UTC).date()


def count_of(*numbers: Any) -> Behaviour:
    return wire.respond_json([{"date": "2026-11-01", "stats": [{"metrics": {"requests": n}}]} for n in numbers])


@pytest.mark.parametrize(
    "since", [today() - timedelta(days=1), today().replace(day=1), date(2020, 2, 1), date(2020, 2, 29)]
)
def test_the_usage_is_what_was_taken_and_asking_sends_nothing(sendgrid: Connector, since: date) -> None:
    with SendGridSandbox(CONFIG) as sandbox:
        assert ask(sendgrid, sandbox.config, since) == 0
        for _ in range(3):
            sendgrid.send_message(sandbox.config, MESSAGE)
        assert ask(sendgrid, sandbox.config, since) == 3
        assert len(sandbox.messages) == 3


def test_what_was_sent_before_the_day_and_what_was_refused_is_not_counted(sendgrid: Connector) -> None:
    with SendGridSandbox(CONFIG) as sandbox:
        with pytest.raises(SendError):
            sendgrid.send_message(sandbox.config, Message("refused@example.com", "SignIn", {"code": "1"}))
        assert ask(sendgrid, sandbox.config, today()) == 0
        sendgrid.send_message(sandbox.config, MESSAGE)
        assert ask(sendgrid, sandbox.config, today() + timedelta(days=3)) == 0
        assert ask(sendgrid, sandbox.config, date.max) == 0


QUESTIONS = [
    (date(2020, 3, 1), ["aggregated_by=month&start_date=2020-03-01"]),
    (
        date(2020, 3, 15),
        [
            "aggregated_by=day&start_date=2020-03-15&end_date=2020-03-31",
            "aggregated_by=month&start_date=2020-04-01",
        ],
    ),
    (
        date(2019, 12, 31),
        [
            "aggregated_by=day&start_date=2019-12-31&end_date=2019-12-31",
            "aggregated_by=month&start_date=2020-01-01",
        ],
    ),
    (date(9999, 12, 31), ["aggregated_by=day&start_date=9999-12-31"]),
]


@pytest.mark.parametrize(("since", "queries"), QUESTIONS)
def test_whole_months_are_asked_for_as_months_and_the_rest_as_days(
    sendgrid: Connector, since: date, queries: list[str]
) -> None:
    with WireServer(count_of(2, 5)) as server:
        assert ask(sendgrid, {**CONFIG, "apiUrl": server.url}, since) == 7 * len(queries)
    assert [request.target for request in server.requests] == [f"/v3/stats?{query}" for query in queries]
    assert {(request.method, request.body) for request in server.requests} == {("GET", b"")}


@given(st.dates(max_value=date(9999, 11, 30)))
def test_the_month_after_a_day_begins_right_after_its_own(day: date) -> None:
    following = usage._first_of_next_month(day)  # noqa: SLF001  the part that asks nobody
    last = following - timedelta(days=1)
    assert following.day == 1
    assert day <= last
    assert (last.year, last.month) == (day.year, day.month)


def test_no_mail_at_all_is_0(sendgrid: Connector) -> None:
    with WireServer(NOTHING) as server:
        assert ask(sendgrid, {**CONFIG, "apiUrl": server.url}, date(2020, 3, 15)) == 0


def test_all_parts_of_a_period_count(sendgrid: Connector) -> None:
    stats = [{"type": "x", "metrics": {"requests": 1}}, {"metrics": {"requests": 2, "processed": 9}}]
    with WireServer(wire.respond_json([{"date": "2026-11-01", "stats": stats}, {"stats": []}])) as server:
        assert ask(sendgrid, {**CONFIG, "apiUrl": server.url}, date(2020, 3, 1)) == 3


@pytest.mark.parametrize("changes", [{"apiKey": "SG.another"}, {}])
def test_a_key_that_may_not_read_statistics_is_an_authorization_failure(
    sendgrid: Connector, changes: dict[str, str]
) -> None:
    scopes = EVERY_SCOPE if changes else ["mail.send"]
    with SendGridSandbox(CONFIG, scopes=scopes) as sandbox, pytest.raises(AuthorizationFailed, match=r"stats\.read"):
        ask(sendgrid, {**sandbox.config, **changes}, today())


FOREIGN: list[Any] = [
    {},
    None,
    "ok",
    7,
    [None],
    ["x"],
    [{}],
    [{"stats": None}],
    [{"stats": [None]}],
    [{"stats": [{"metrics": None}]}],
    [{"stats": [{"metrics": {}}]}],
    [{"stats": [{"metrics": {"requests": "3"}}]}],
    [{"stats": [{"metrics": {"requests": True}}]}],
    [{"stats": [{"metrics": {"requests": -1}}]}],
    [{"stats": [{"metrics": {"requests": 2.5}}]}],
]


@pytest.mark.parametrize("value", FOREIGN, ids=json.dumps)
def test_an_answer_of_another_shape_is_no_number(sendgrid: Connector, value: Any) -> None:
    error = fail(sendgrid, wire.respond_json(value))
    assert type(error) is InvalidResponse
    assert "That is no answer of SendGrid" in str(error)
    assert "(HTTP 200)" in str(error)


@pytest.mark.parametrize(("behaviour", "kind"), [*FAILURES, pytest.param(wire.respond(451), SendError, id="451")])
def test_a_failure_is_an_error_with_nothing_sent_and_no_key_in_it(
    sendgrid: Connector, behaviour: Behaviour, kind: type[SendError]
) -> None:
    error = fail(sendgrid, behaviour)
    assert type(error) is kind
    assert error.outcome == "not_sent"
    assert KEY not in f"{error} {error!r} {vars(error)}"


def test_a_sendgrid_that_is_silent_or_away_is_unavailable(sendgrid: Connector) -> None:
    assert type(fail(sendgrid, wire.stay_silent, seconds=0.3)) is ProviderUnavailable
    with refuse_connections() as nowhere, pytest.raises(ProviderUnavailable):
        ask(sendgrid, {**CONFIG, "apiUrl": nowhere}, today())


@pytest.mark.parametrize("query", ["", "start_date=yesterday", "start_date=2026-11-01&end_date=x"])
def test_the_sandbox_refuses_a_date_that_is_none(query: str) -> None:
    with SendGridSandbox(CONFIG) as sandbox:
        headers = {"Authorization": f"Bearer {KEY}"}
        answer = requests.get(f"{sandbox.url}/v3/stats?{query}", headers=headers, timeout=20)
    assert (answer.status_code, list(answer.json())) == (400, ["errors"])


def test_the_sandbox_groups_by_day_and_by_month(sendgrid: Connector) -> None:
    with SendGridSandbox(CONFIG) as sandbox:
        sendgrid.send_message(sandbox.config, MESSAGE)
        headers = {"Authorization": f"Bearer {KEY}"}
        start = today() - timedelta(days=40)
        for grouping, first in (("day", start), ("month", start.replace(day=1))):
            url = f"{sandbox.url}/v3/stats?start_date={start}&aggregated_by={grouping}"
            periods = requests.get(url, headers=headers, timeout=20).json()
            assert periods[0]["date"] == f"{first}"
            assert [one["stats"][0]["metrics"]["requests"] for one in periods] == [*[0] * (len(periods) - 1), 1]
            assert len(periods) in ((41,) if grouping == "day" else (2, 3))
