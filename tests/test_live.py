"""Calls that send no message: plans of templates and the usage, and what a host gets where a connector has no hook."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector
from live_calls import CONFIG, SECRET, SINCE, LiveConnector, configure_live, raise_

from connector_core import (
    AuthorizationFailed,
    ConnectorError,
    DeliveryUnknown,
    Finding,
    Message,
    ProviderReply,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
    SendResult,
    Template,
    TemplateChange,
    Transport,
    UnsupportedFeature,
    hookimpl,
    starter_templates,
)
from connector_core.testing.wire_server import HANG_GUARD, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from connector_core import ConfiguredConnector, Host


@pytest.fixture
def configure(make_host: Callable[..., Host]) -> Callable[..., ConfiguredConnector]:
    return partial(configure_live, make_host)


# Every call


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda one: one.check_connection(), "can't check a config: send a test mail"),
        (lambda one: one.plan_templates(), "can't provision templates"),
        (lambda one: one.get_usage(SINCE), "can't tell the usage"),
    ],
    ids=["check", "templates", "usage"],
)
def test_what_a_connector_has_no_hook_for_is_unsupported(
    make_host: Callable[..., Host], ask: Callable[[ConfiguredConnector], Any], words: str
) -> None:
    with pytest.raises(UnsupportedFeature, match=words) as raised:
        ask(make_host(FakeConnector())["alpha-mail"].configure(CONFIG))

    assert raised.value.code == "not_implemented"


def test_a_plugin_that_says_nothing_of_a_connector_is_no_live_check(make_host: Callable[..., Host]) -> None:
    class Policy:
        @hookimpl
        def check_connection(self) -> None:
            """Say nothing."""

        @hookimpl
        def provision_templates(self) -> None:
            """Say nothing."""

        @hookimpl
        def get_usage(self) -> None:
            """Say nothing."""

    mail = make_host(FakeConnector(), plugins=[Policy()])["alpha-mail"].configure(CONFIG)

    for ask in (mail.check_connection, mail.plan_templates, lambda: mail.get_usage(SINCE)):
        with pytest.raises(UnsupportedFeature):
            ask()


def test_what_a_host_keeps_for_a_request_of_its_own_is_there_in_a_check_and_in_a_usage(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    tenant = ContextVar("tenant", default=0)
    connector = configure(
        findings=lambda *_: [Finding("ok", "x", "$", f"{tenant.get()}")], usage=lambda *_: tenant.get()
    )
    token = tenant.set(7)
    try:
        assert connector.check_connection()[0].message == "7"
        assert connector.get_usage(SINCE) == 7
    finally:
        tenant.reset(token)


def test_a_send_is_as_it_was(make_host: Callable[..., Host]) -> None:
    result = make_host(LiveConnector())["alpha-mail"].send_message(CONFIG, Message("a@example.com", "SignIn"))

    assert isinstance(result, SendResult)


# Templates


def change(**parts: Any) -> TemplateChange:
    required = {"path": "$.templates[0]", "name": "a", "usage_type": "SignIn", "locale": None}
    return TemplateChange(**{**required, "before": None, "after": None, **parts})


def test_planning_changes_nothing_and_applying_does(configure: Callable[..., ConfiguredConnector]) -> None:
    done: list[str] = []
    (template, *_) = starter_templates()

    def plan(given: Sequence[Template]) -> list[TemplateChange]:
        return [change(after=given[0], apply=lambda: done.append("yes"))]

    (planned,) = configure(changes=plan).plan_templates([template])
    assert (planned.action, done) == ("create", [])
    planned.apply()

    assert done == ["yes"]


def test_a_missing_template_for_which_nothing_was_given_is_blocked(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    (planned,) = configure(changes=lambda _: [change()]).plan_templates(starter_templates())

    assert planned.action == "blocked"
    assert planned.problem


def test_who_only_reads_is_not_told_that_nothing_was_given(configure: Callable[..., ConfiguredConnector]) -> None:
    (planned,) = configure(changes=lambda _: [change()]).plan_templates()

    assert planned.action == "keep"


@pytest.mark.parametrize("answer", [7, ["no change"]], ids=["no-list", "no-change"])
def test_a_plan_that_breaks_the_contract_is_an_error(
    configure: Callable[..., ConfiguredConnector], answer: Any
) -> None:
    with pytest.raises(ConnectorError, match="report it to its author"):
        configure(changes=lambda _: answer).plan_templates()


def test_a_change_that_fails_says_nothing_of_a_message(configure: Callable[..., ConfiguredConnector]) -> None:
    lost = DeliveryUnknown("The message went out, but no answer came back.", reason="it took too long")
    (planned,) = configure(changes=lambda _: [change(apply=lambda: raise_(lost))]).plan_templates()

    with pytest.raises(SendError) as raised:
        planned.apply()

    assert isinstance(raised.value, ProviderUnavailable)
    assert (raised.value.outcome, raised.value.retryable) == ("not_sent", True)
    assert "message" not in str(raised.value)
    assert "it took too long" in str(raised.value)


def test_a_change_that_fails_shows_no_secret(configure: Callable[..., ConfiguredConnector]) -> None:
    parts = {"path": f"$.{SECRET}", "name": SECRET, "problem": f"No: {SECRET}\nno"}
    failing = change(apply=lambda: raise_(RuntimeError(SECRET)), **parts)
    (planned,) = configure(changes=lambda _: [failing]).plan_templates()

    with pytest.raises(ConnectorError) as raised:
        planned.apply()

    assert SECRET not in f"{planned.path} {planned.problem} {planned.name} {raised.value} {raised.value.__cause__}"


# Usage


def test_the_usage_is_what_the_connector_counts(configure: Callable[..., ConfiguredConnector]) -> None:
    asked: list[date] = []

    def count(since: date, _: Transport) -> int:
        asked.append(since)
        return 12

    assert configure(usage=count).get_usage(SINCE) == 12
    assert asked == [SINCE]


@pytest.mark.parametrize("count", [-1, "12", True, 1.5], ids=str)
def test_a_usage_that_is_no_number_of_messages_is_an_error(
    configure: Callable[..., ConfiguredConnector], count: Any
) -> None:
    with pytest.raises(ConnectorError, match="report it to its author"):
        configure(usage=lambda *_: count).get_usage(SINCE)


def test_a_usage_that_hangs_ends_in_time(configure: Callable[..., ConfiguredConnector]) -> None:
    done = threading.Event()
    connector = configure(usage=lambda *_: done.wait(HANG_GUARD))
    try:
        with pytest.raises(ProviderUnavailable, match=r"0\.2 seconds"):
            finish(lambda: connector.get_usage(SINCE, seconds=0.2))
    finally:
        done.set()


def test_a_refusal_of_the_usage_keeps_its_kind_and_the_providers_words(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    refusal = AuthorizationFailed("Acme refuses the key.", provider=ProviderReply(code=7, status=401))

    with pytest.raises(AuthorizationFailed, match=r"Acme refuses the key\.") as raised:
        configure(usage=lambda *_: raise_(refusal)).get_usage(SINCE)

    assert raised.value.provider == ProviderReply(code=7, status=401)


def test_a_refusal_to_hurry_keeps_its_wait(configure: Callable[..., ConfiguredConnector]) -> None:
    refusal = RateLimitExceeded("Slow down.", retry_after=7)

    with pytest.raises(RateLimitExceeded) as raised:
        configure(usage=lambda *_: raise_(refusal)).get_usage(SINCE)

    assert (raised.value.retry_after, raised.value.retryable) == (7, True)
