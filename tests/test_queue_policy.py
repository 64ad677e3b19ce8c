"""When a message is tried again, and what an attempt says of it."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import (
    ConnectorNotFound,
    DeliveryUnknown,
    Host,
    InvalidConfig,
    InvalidMessage,
    Message,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SendError,
    SendResult,
    StoreError,
    UnsupportedFeature,
)
from connector_core.queue import RetryPolicy
from connector_core.queue.delivery import attempt
from connector_core.queue.policy import Report

if TYPE_CHECKING:
    from pathlib import Path

MESSAGE = Message("a@example.com", "SignIn", {"code": "123456"}).to_json()
POLICY = RetryPolicy(attempts=5, max_age=1000, first_delay=2, longest_delay=10)


class Raising:
    """Sends nothing, and raises an error, or returns something."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def send_message(self, _message: Message) -> Any:
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found


@pytest.mark.parametrize(
    ("found", "outcome", "retryable"),
    [
        pytest.param(SendResult(message_id="7"), "sent", False, id="a result"),
        pytest.param(RateLimitExceeded("Wait.", retry_after=7), "not_sent", True, id="slow down"),
        pytest.param(ProviderUnavailable("Later."), "not_sent", True, id="unavailable"),
        pytest.param(RecipientRejected("No."), "not_sent", False, id="refused"),
        pytest.param(InvalidMessage("No."), "not_sent", False, id="invalid message"),
        pytest.param(SendError("No.", retryable=True), "not_sent", True, id="said to be retryable"),
        pytest.param(DeliveryUnknown("Who knows."), "unknown", False, id="unknown"),
        pytest.param(SendError("Who knows.", outcome="unknown", retryable=True), "unknown", True, id="unknown for all"),
        pytest.param(
            UnsupportedFeature("An error of a plugin."), "unknown", False, id="an error that tells no outcome"
        ),
        pytest.param(StoreError("A store of a plugin."), "unknown", False, id="a store, once the sender had it"),
        pytest.param(RuntimeError("815302"), "unknown", False, id="a foreign error"),
    ],
)
def test_an_attempt_reports_what_the_sender_says(found: Any, outcome: str, retryable: bool) -> None:  # noqa: FBT001  a parameter
    report = attempt(Raising(found), MESSAGE, "Email")

    assert (report.outcome, report.retryable) == (outcome, retryable)
    assert report.code == getattr(found, "code", "general" if isinstance(found, RuntimeError) else None)
    assert report.retry_after == getattr(found, "retry_after", None)
    assert "815302" not in str(report)
    assert report.message_id == getattr(found, "message_id", None)


def test_a_message_that_no_connector_could_read_is_refused_before_the_sender_has_it() -> None:
    report = attempt(Raising(SendResult(message_id="7")), {"to": "a@example.com"}, "Email")

    assert (report.outcome, report.retryable, report.code) == ("not_sent", False, "invalid_message")


@pytest.mark.parametrize("error", [ConnectorNotFound("None is active."), InvalidConfig("No."), StoreError("Away.")])
def test_a_config_that_is_not_there_yet_may_be_there_later(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_type: str) -> None:
        raise error

    with Host.discover(group="nobody.has.this") as host:
        monkeypatch.setattr(Host, "configs", type("Configs", (), {"find_configured": staticmethod(fail)}))
        report = attempt(host, MESSAGE, "Email")

    assert (report.outcome, report.retryable, report.code) == ("not_sent", True, getattr(error, "code", None))


def test_a_host_whose_store_has_no_active_config_sends_nothing_and_tries_again(tmp_path: Path) -> None:
    from connector_core.store import open_store

    with Host.discover(store=open_store(tmp_path / "configs.json")) as host:
        report = attempt(host, MESSAGE, "Email")

    assert (report.outcome, report.retryable, report.code) == ("not_sent", True, "connector_not_found")


@given(
    attempts=st.integers(1, 8),
    age=st.floats(0, 1100),
    retry_after=st.none() | st.floats(-10, 1100),
    drawn=st.floats(0, 1),
    retryable=st.booleans(),
)
def test_a_message_waits_at_least_as_long_as_asked_and_ends_with_its_attempts_or_its_age(
    attempts: int,
    age: float,
    retry_after: float | None,
    drawn: float,
    retryable: bool,  # noqa: FBT001  a parameter
) -> None:
    report = Report(outcome="not_sent", retryable=retryable, retry_after=retry_after, code="rate_limit_exceeded")
    asked = max(retry_after or 0, 0)

    found = POLICY.settle(report, attempts=attempts, age=age, draw=lambda: drawn)

    if found.state == "waiting":
        assert retryable
        assert attempts < POLICY.attempts
        assert asked <= found.delay <= asked + min(2 * 2 ** (attempts - 1), 10)
        assert age + found.delay <= POLICY.max_age
    else:
        assert found.state == "dead"
        assert not retryable or attempts >= POLICY.attempts or age + asked + 10 > POLICY.max_age
    assert found.code == "rate_limit_exceeded"


def test_what_the_provider_asks_for_is_added_to_the_back_off() -> None:
    report = Report(outcome="not_sent", retryable=True, retry_after=30)

    assert POLICY.settle(report, attempts=1, age=0, draw=lambda: 0.5).delay == 31


def test_the_back_off_doubles_up_to_its_longest_and_jitter_takes_any_part_of_it() -> None:
    report = Report(outcome="not_sent", retryable=True)

    def delays(drawn: float) -> list[float]:
        return [POLICY.settle(report, attempts=count, age=0, draw=lambda: drawn).delay for count in range(1, 5)]

    assert (delays(1), delays(0.5), delays(0)) == ([2, 4, 8, 10], [1, 2, 4, 5], [0, 0, 0, 0])


@pytest.mark.parametrize("asked", [math.inf, math.nan])
def test_a_wait_that_is_no_time_ends_in_a_dead_letter(asked: float) -> None:
    report = Report(outcome="not_sent", retryable=True, retry_after=asked)

    assert POLICY.settle(report, attempts=1, age=0).state == "dead"


@pytest.mark.parametrize("outcome", ["sent", "unknown"])
def test_what_may_have_been_sent_never_waits(outcome: Any) -> None:
    report = Report(outcome=outcome, retryable=True, retry_after=1)

    assert POLICY.settle(report, attempts=1, age=0).state == outcome


@pytest.mark.parametrize("setting", ["attempts", "max_age", "first_delay", "longest_delay"])
@pytest.mark.parametrize(
    ("value", "kind"), [(0, ValueError), (-1, ValueError), ("7", TypeError), (True, TypeError), (None, TypeError)]
)
def test_a_policy_has_positive_numbers(setting: str, value: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"^{setting} is .*: give "):
        RetryPolicy(**{setting: value})


@pytest.mark.parametrize("seconds", [math.inf, math.nan, 1e300])
def test_a_policy_has_no_time_beyond_a_century(seconds: float) -> None:
    with pytest.raises(ValueError, match="a century"):
        RetryPolicy(max_age=seconds)


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), type("Timeout", (BaseException,), {})()], ids=["asyncio", "gevent"]
)
def test_what_ends_a_send_alone_leaves_its_message_unknown(error: BaseException) -> None:
    report = attempt(Raising(error), MESSAGE, "Email")

    assert (report.outcome, report.retryable, report.code) == ("unknown", False, "general")
    assert type(error).__name__ in str(report.sentence)


def test_what_ends_the_look_for_a_config_alone_may_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_type: str) -> None:
        raise asyncio.CancelledError

    with Host.discover(group="nobody.has.this") as host:
        monkeypatch.setattr(Host, "configs", type("Configs", (), {"find_configured": staticmethod(fail)}))
        report = attempt(host, MESSAGE, "Email")

    assert (report.outcome, report.retryable) == ("not_sent", True)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_process_is_no_report(kind: type[BaseException]) -> None:
    with pytest.raises(kind):
        attempt(Raising(kind()), MESSAGE, "Email")


class Codeless(SendError):
    """An error of a connector's author, whose code is looked up where there is none."""

    @property
    def code(self) -> str:  # type: ignore[override]  # the mistake under test
        raise KeyError("code")


def test_an_error_whose_code_can_not_be_read_is_reported_with_its_sentence() -> None:
    report = attempt(Raising(Codeless("No.")), MESSAGE, "Email")

    assert (report.outcome, report.code, report.sentence) == ("not_sent", "general", "No.")


class Speechless(SendError):
    """An error of a connector's author, who forgot all that the class above does."""

    def __init__(self) -> None:
        self.args = ()


def test_an_error_without_a_sentence_is_reported_by_its_class_and_as_unknown() -> None:
    error = Speechless()
    error.__dict__["outcome"] = "odd"
    report = attempt(Raising(error), MESSAGE, "Email")

    assert (report.outcome, report.code, report.sentence) == ("unknown", "general", "Speechless")


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(SendError("half a character: \ud83d", retry_after=1), id="a refusal"),
        pytest.param(StoreError("half a character: \ud83d"), id="another error of ours"),
        pytest.param(SendResult(message_id="half-\ud83d"), id="an id"),
    ],
)
def test_half_of_a_character_is_replaced_in_a_report(found: Any) -> None:
    report = attempt(Raising(found), MESSAGE, "Email")

    told = f"{report.code} {report.sentence} {report.message_id}"
    assert "\ufffd" in told
    assert told.encode()


@pytest.mark.parametrize(
    ("asked", "reported"),
    [("\ud83d", None), ("30", None), (object(), None), (10**400, math.inf), (7, 7.0), (None, None)],
    ids=["half a character", "a text", "an object", "no end", "a number", "nothing"],
)
def test_a_wait_that_is_no_number_is_none(asked: Any, reported: float | None) -> None:
    report = attempt(Raising(RateLimitExceeded("Wait.", retry_after=asked)), MESSAGE, "Email")

    assert (report.outcome, report.retryable, report.retry_after) == ("not_sent", True, reported)


@pytest.mark.parametrize("found", [None, "sent", {"message_id": "7"}], ids=["nothing", "a text", "a dict"])
def test_a_sender_that_returns_no_result_leaves_its_message_unknown(found: Any) -> None:
    report = attempt(Raising(found), MESSAGE, "Email")

    assert (report.outcome, report.retryable, report.code) == ("unknown", False, "general")
    assert "no SendResult" in str(report.sentence)
