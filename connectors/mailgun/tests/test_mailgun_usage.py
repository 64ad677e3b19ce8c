"""The usage: how many mails Mailgun took for the domain, as its Metrics API tells."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import network_environment
import pytest
import requests
from connector_mailgun.sandbox import MailgunSandbox
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

KEY = "made-up-key-5f2c9a71d3e8"
CONFIG: dict[str, Any] = {
    "domain": "Mg.Example.com",
    "apiKey": KEY,
    "from": "noreply@mg.example.com",
    "deliveries": {name: {"text": "{{code}}"} for name in ("Register", "SignIn", "ForgotPassword", "Generic")},
}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
SINCE = date(2026, 11, 1)
NAME = "accepted_outgoing_count"


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def mailgun() -> Iterator[Connector]:
    with Host.discover(limits=Limits(connect=2, read=5, total=5, retries=0)) as host:
        yield host["mailgun-email"]


def ask(mailgun: Connector, config: dict[str, Any], since: date = SINCE, seconds: float | None = None) -> int:
    with mailgun.configure(config) as configured:
        return configured.get_usage(since, seconds=seconds)


def fail(mailgun: Connector, behaviour: Behaviour, seconds: float | None = None) -> SendError:
    with WireServer(behaviour) as server, pytest.raises(SendError) as caught:
        ask(mailgun, {**CONFIG, "endpoint": server.url}, seconds=seconds)
    return caught.value


def today() -> date:
    return datetime.now(UTC).date()


def test_the_usage_is_what_was_taken_and_asking_sends_nothing(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        yesterday = today() - timedelta(days=1)
        assert ask(mailgun, sandbox.config, yesterday) == 0
        for _ in range(3):
            mailgun.send_message(sandbox.config, MESSAGE)
        assert ask(mailgun, sandbox.config, yesterday) == 3
        assert ask(mailgun, sandbox.config, date(2011, 1, 1)) == 3
        assert ask(mailgun, sandbox.config, today() + timedelta(days=2)) == 0
        assert len(sandbox.messages) == 3


def test_a_mail_that_was_refused_is_not_counted(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        with pytest.raises(SendError):
            mailgun.send_message(sandbox.config, Message("refused@example.com", "SignIn", {"code": "1"}))
        assert ask(mailgun, sandbox.config) == 0


def test_the_sandbox_counts_each_recipient_and_its_own_domain_alone(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        form = {"from": "a@mg.example.com", "to": "b@example.com, c@example.com", "text": "x"}
        auth = ("api", KEY)
        requests.post(f"{sandbox.url}/v3/mg.example.com/messages", data=form, auth=auth, timeout=20).raise_for_status()
        assert ask(mailgun, sandbox.config) == 2
        assert ask(mailgun, {**sandbox.config, "domain": "other.example.com"}) == 0


def test_the_sandbox_refuses_a_query_that_it_doesnt_understand() -> None:
    queries: list[Any] = [{}, [], {"start": "yesterday", "filter": {"AND": []}, "metrics": []}]
    with MailgunSandbox(CONFIG) as sandbox:
        for query in queries:
            answer = requests.post(f"{sandbox.url}/v1/analytics/metrics", json=query, auth=("api", KEY), timeout=20)
            assert (answer.status_code, list(answer.json())) == (400, ["message"])


def test_the_question_is_for_the_outgoing_mails_of_the_domain_from_midnight(mailgun: Connector) -> None:
    with WireServer(wire.respond_json({"aggregates": {"metrics": {NAME: 7}}, "items": []})) as server:
        assert ask(mailgun, {**CONFIG, "endpoint": server.url}) == 7
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/v1/analytics/metrics")
    assert json.loads(request.body) == {
        "start": "Sun, 01 Nov 2026 00:00:00 +0000",
        "resolution": "day",
        "dimensions": ["time"],
        "metrics": [NAME],
        "filter": {
            "AND": [
                {
                    "attribute": "domain",
                    "comparator": "=",
                    "values": [{"label": "mg.example.com", "value": "mg.example.com"}],
                }
            ]
        },
        "include_aggregates": True,
    }


@pytest.mark.parametrize("changes", [{"apiKey": "another"}, {}])
def test_a_key_that_may_not_read_statistics_is_an_authorization_failure(
    mailgun: Connector, changes: dict[str, str]
) -> None:
    sandbox = MailgunSandbox(CONFIG, is_sending_key=not changes)
    with sandbox, pytest.raises(AuthorizationFailed, match="a sending key may not read them"):
        ask(mailgun, {**sandbox.config, **changes})


def test_no_mail_at_all_is_0(mailgun: Connector) -> None:
    with WireServer(wire.respond_json({"aggregates": {"metrics": {}}, "items": []})) as server:
        assert ask(mailgun, {**CONFIG, "endpoint": server.url}) == 0


FOREIGN: list[Any] = [
    [],
    None,
    "ok",
    7,
    {},
    {"aggregates": None},
    {"aggregates": {"metrics": None}},
    {"aggregates": {"metrics": {}}, "items": [{"metrics": {NAME: 3}}]},
    {"aggregates": {"metrics": {NAME: "3"}}},
    {"aggregates": {"metrics": {NAME: True}}},
    {"aggregates": {"metrics": {NAME: -1}}},
    {"aggregates": {"metrics": {NAME: 2.5}}},
    {"aggregates": {"metrics": {NAME: None}}},
]


@pytest.mark.parametrize("value", FOREIGN, ids=json.dumps)
def test_an_answer_of_another_shape_is_no_number(mailgun: Connector, value: Any) -> None:
    error = fail(mailgun, wire.respond_json(value))
    assert type(error) is InvalidResponse
    assert str(error).startswith("That is no answer of Mailgun (HTTP 200).")


def test_a_query_that_mailgun_refuses_is_told_in_its_words(mailgun: Connector) -> None:
    error = fail(mailgun, wire.respond_json({"message": "Invalid format for parameter start"}, 400))
    assert type(error) is SendError
    assert "Invalid format for parameter start" in str(error)


@pytest.mark.parametrize(("behaviour", "kind"), FAILURES)
def test_a_failure_is_an_error_with_nothing_sent_and_no_key_in_it(
    mailgun: Connector, behaviour: Behaviour, kind: type[SendError]
) -> None:
    error = fail(mailgun, behaviour)
    assert type(error) is kind
    assert error.outcome == "not_sent"
    assert KEY not in f"{error} {error!r} {vars(error)}"


def test_a_mailgun_that_is_silent_or_away_is_unavailable(mailgun: Connector) -> None:
    assert type(fail(mailgun, wire.stay_silent, seconds=0.3)) is ProviderUnavailable
    with refuse_connections() as nowhere, pytest.raises(ProviderUnavailable):
        ask(mailgun, {**CONFIG, "endpoint": nowhere})
