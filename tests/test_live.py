"""Calls that send no message: whatever a connector does, a host gets findings, or one error, in time."""

from __future__ import annotations

import itertools
import threading
from contextvars import ContextVar
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector

from connector_core import (
    AuthorizationFailed,
    Config,
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
from connector_core.testing.wire_behaviours import stay_silent
from connector_core.testing.wire_server import HANG_GUARD, WireServer, finish

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from connector_core import ConfiguredConnector, Host

SECRET = "made-up-token-4711"
CONFIG = {"token": SECRET, "sender": "noreply@example.com"}
GOOD = Finding("ok", "credentials_accepted", "$.token", "The token works.")
BAD = Finding("error", "sender_rejected", "$.sender", "The sender is not confirmed.", "Confirm it.")
SINCE = date(2026, 11, 1)


class LiveConnector(FakeConnector):
    """A connector in memory whose optional hooks do what a test gives them to do."""

    def __init__(
        self,
        *,
        findings: Callable[[Config, Transport], Any] | None = None,
        changes: Callable[[Sequence[Template]], Any] | None = None,
        usage: Callable[[date, Transport], Any] | None = None,
    ) -> None:
        super().__init__()
        self._findings = findings
        self._changes = changes
        self._usage = usage

    @hookimpl
    def check_connection(self, config: Config, transport: Transport) -> Any:
        return self._findings(config, transport) if self._findings else [GOOD]

    @hookimpl
    def provision_templates(self, templates: Sequence[Template]) -> Any:
        return self._changes(templates) if self._changes else []

    @hookimpl
    def get_usage(self, since: date, transport: Transport) -> Any:
        return self._usage(since, transport) if self._usage else 0


@pytest.fixture
def configure(make_host: Callable[..., Host]) -> Callable[..., ConfiguredConnector]:
    """Configure a connector whose optional hooks do what is given."""

    def make(**hooks: Any) -> ConfiguredConnector:
        options = {name: hooks.pop(name) for name in ("plugins", "limits") if name in hooks}
        return make_host(LiveConnector(**hooks), **options)["alpha-mail"].configure(CONFIG)

    return make


def raise_(error: BaseException) -> Any:
    raise error


# Findings


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
        first, last = finish(lambda: connector.check_connection(seconds=0.2))
    finally:
        done.set()

    assert first == GOOD
    assert (last.level, last.code) == ("error", "timed_out")
    assert "0.2 seconds" in last.message
    assert last.fix


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


def test_a_silent_provider_is_a_finding_in_time(configure: Callable[..., ConfiguredConnector]) -> None:
    def find(_: Config, transport: Transport) -> Iterator[Finding]:
        transport.request("GET", url, headers={})
        yield GOOD

    with WireServer(stay_silent) as server:
        url = server.url
        (finding,) = finish(lambda: configure(findings=find).check_connection(seconds=0.5))

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


def test_what_is_collected_has_a_bound(configure: Callable[..., ConfiguredConnector]) -> None:
    def find(*_: Any) -> Iterable[Finding]:
        return (Finding("ok", "x", "$", f"{number} " + "x" * 5000) for number in itertools.count())

    findings = configure(findings=find).check_connection()

    assert len(findings) == 1000
    assert max(len(one.message) for one in findings) <= 2000


def test_a_send_is_as_it_was(make_host: Callable[..., Host]) -> None:

    result = make_host(LiveConnector())["alpha-mail"].send_message(CONFIG, Message("a@example.com", "SignIn"))

    assert isinstance(result, SendResult)
