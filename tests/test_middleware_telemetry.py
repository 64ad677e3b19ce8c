"""Telemetry makes one client span and counts once for each send, and tells nothing of any person."""

from __future__ import annotations

import contextvars
import gc
import logging
from typing import TYPE_CHECKING, Any

import pytest
from middleware_peers import (
    SENDS,
    WAYS,
    RecordingConnector,
    accept,
    codes,
    make_messages,
    run_postmark,
    send_singly,
    send_together,
)
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from connector_core import DeliveryUnknown, Message, RecipientRejected, SendResult, hookimpl
from connector_core.middleware import RateGuard, Telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from connector_core import ConfiguredConnector, Host

PERSON = "ada.lovelace@example.com"
CODE = "code-314159"


class Watch:
    """An OpenTelemetry of a test's own, in memory."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self.tracer_provider = TracerProvider()
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self._spans))
        self._reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self._reader])

    def make_telemetry(self) -> Telemetry:
        return Telemetry(tracer_provider=self.tracer_provider, meter_provider=self.meter_provider)

    def spans(self) -> list[ReadableSpan]:
        return [*self._spans.get_finished_spans()]

    def metrics(self) -> dict[str, Any]:
        found = self._reader.get_metrics_data()
        assert found is not None
        scopes = [scope for resource in found.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def everything(self) -> str:
        return " ".join([*(one.to_json() for one in self.spans()), *(one.to_json() for one in self.metrics().values())])


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Iterator[Watch]:
    """Return an OpenTelemetry in memory; what it complains about in its log fails the test."""
    one = Watch()
    yield one
    one.tracer_provider.shutdown()
    one.meter_provider.shutdown()
    complaints = [*caplog.get_records("setup"), *caplog.get_records("call")]
    assert [one.getMessage() for one in complaints if one.name.startswith("opentelemetry")] == []


def act_by_type(message: Message) -> SendResult:
    if message.type == "Register":
        raise RecipientRejected(f"the provider says {message.to} is inactive", recipients=[message.to])
    if message.type == "Generic":
        raise DeliveryUnknown("made up")
    return accept(message)


@pytest.mark.parametrize("way", WAYS)
def test_each_send_has_a_span_with_the_conventions_names_and_what_became_of_it(
    equip: Callable[..., ConfiguredConnector], watch: Watch, way: str
) -> None:
    make, send = WAYS[way]
    mail = equip(make(act=act_by_type), watch.make_telemetry())

    send(mail, [Message(PERSON, one, {"code": CODE}, "192.0.2.7") for one in ("SignIn", "Register", "Generic")])

    always = {
        "messaging.system": "alpha-mail",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
    }
    found = {str((one.attributes or {})["connector_core.usage_type"]): one for one in watch.spans()}
    assert {name: dict(span.attributes or {}) for name, span in found.items()} == {
        "SignIn": always
        | {"messaging.message.id": "id of SignIn"}
        | {"connector_core.usage_type": "SignIn", "connector_core.outcome": "sent"},
        "Register": always
        | {"error.type": "recipient_rejected"}
        | {"connector_core.usage_type": "Register", "connector_core.outcome": "not_sent"},
        "Generic": always
        | {"error.type": "delivery_unknown"}
        | {"connector_core.usage_type": "Generic", "connector_core.outcome": "unknown"},
    }
    assert len(watch.spans()) == 3
    assert {(one.name, one.kind) for one in watch.spans()} == {("send alpha-mail", SpanKind.CLIENT)}
    assert {name: span.status.status_code for name, span in found.items()} == {
        "SignIn": StatusCode.UNSET,
        "Register": StatusCode.ERROR,
        "Generic": StatusCode.ERROR,
    }


@pytest.mark.parametrize("way", WAYS)
def test_each_send_is_timed_and_counted_by_what_became_of_it(
    equip: Callable[..., ConfiguredConnector], watch: Watch, way: str
) -> None:
    make, send = WAYS[way]
    mail = equip(make(act=act_by_type), watch.make_telemetry())
    send(mail, [Message(PERSON, one) for one in ("SignIn", "SignIn", "Register")])

    duration, sent = (watch.metrics()[f"messaging.client.{name}"] for name in ("operation.duration", "sent.messages"))
    assert (duration.unit, sent.unit) == ("s", "{message}")
    counts = {
        one.attributes["connector_core.usage_type"]: (dict(one.attributes), one.value) for one in sent.data.data_points
    }
    assert counts["SignIn"][1] == 2
    assert counts["Register"] == (
        {
            "messaging.system": "alpha-mail",
            "messaging.operation.name": "send",
            "messaging.operation.type": "send",
            "connector_core.usage_type": "Register",
            "connector_core.outcome": "not_sent",
            "error.type": "recipient_rejected",
        },
        1,
    )
    points = duration.data.data_points
    assert sorted(one.count for one in points) == [1, 2]
    assert [dict(one.attributes) for one in points] == [dict(one.attributes) for one in sent.data.data_points]
    assert all(0 <= one.sum < 60 and one.explicit_bounds[0] == 0.005 for one in points)


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_person_is_told(equip: Callable[..., ConfiguredConnector], watch: Watch, way: str) -> None:
    make, send = WAYS[way]
    mail = equip(make(act=act_by_type), watch.make_telemetry())
    send(
        mail, [Message(PERSON, one, {"code": CODE}, "192.0.2.7", cc=[f"b.{PERSON}"]) for one in ("SignIn", "Register")]
    )

    assert len(watch.spans()) == 2
    assert all(one.events == () and one.status.description is None for one in watch.spans())
    for word in ("ada.", "lovelace", "@", CODE, "192.0.2.7", "inactive"):
        assert word not in watch.everything()


def test_the_span_is_current_while_the_connector_sends_and_not_after(
    equip: Callable[..., ConfiguredConnector], watch: Watch
) -> None:
    current = []

    def note(message: Message) -> SendResult:
        current.append(trace.get_current_span().get_span_context().span_id)
        return accept(message)

    mail = equip(RecordingConnector(act=note), watch.make_telemetry())
    outer = watch.tracer_provider.get_tracer("tests")
    with outer.start_as_current_span("request") as request:
        mail.send_message(make_messages(1)[0])
        assert trace.get_current_span() is request
        list(mail.send_messages(make_messages(2)))
        assert trace.get_current_span() is request

    spans = [one for one in watch.spans() if one.name == "send alpha-mail"]
    assert current == [one.context.span_id for one in spans if one.context]
    assert {one.parent.span_id for one in spans if one.parent} == {request.get_span_context().span_id}
    assert len(spans) == len([one for one in spans if one.parent]) == 3


class Witness:
    """A plugin within the span, which notes what is current in both of its halves."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        before = trace.get_current_span().get_span_context().span_id
        found = yield
        self.seen.append((before, trace.get_current_span().get_span_context().span_id))
        return found


@pytest.mark.parametrize("way", WAYS)
def test_each_message_of_a_batch_has_its_own_span_in_its_own_context(
    equip: Callable[..., ConfiguredConnector], watch: Watch, way: str
) -> None:
    make, send = WAYS[way]
    witness = Witness()
    mail = equip(make(), witness, watch.make_telemetry())
    with watch.tracer_provider.get_tracer("tests").start_as_current_span("request") as request:
        assert codes(send(mail, make_messages(30))) == ["sent"] * 30
        assert trace.get_current_span() is request

    spans = {one.context.span_id: one for one in watch.spans() if one.name == "send alpha-mail" and one.context}
    assert sorted(witness.seen) == sorted((span_id, span_id) for span_id in spans)
    assert {one.parent.span_id if one.parent else None for one in spans.values()} == {
        request.get_span_context().span_id
    }


@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
def test_a_span_has_the_id_that_postmark_gave(watch: Watch, send: Any) -> None:
    with run_postmark(watch.make_telemetry()) as (mail, sandbox):
        send(mail, make_messages(3))
        ids = {(one.attributes or {})["messaging.message.id"] for one in watch.spans()}
        assert ids == {one.id for one in sandbox.messages}
        assert {one.name for one in watch.spans()} == {"send postmark-mail"}


def test_within_other_plugins_it_doesnt_count_what_they_refuse(
    equip: Callable[..., ConfiguredConnector], watch: Watch
) -> None:
    mail = equip(RecordingConnector(), watch.make_telemetry(), RateGuard(per_recipient="1/hour"))
    assert codes(send_singly(mail, make_messages(2))) == ["sent", "rate_limit_exceeded"]
    assert len(watch.spans()) == 1


def test_an_error_that_is_not_of_the_core_is_named_by_its_class(
    equip: Callable[..., ConfiguredConnector], watch: Watch
) -> None:
    def fail(_message: Message) -> None:
        raise ValueError(f"made up for {PERSON}")

    assert codes(send_singly(equip(RecordingConnector(act=fail), watch.make_telemetry()), make_messages(1))) == [
        "general"
    ]
    (span,) = watch.spans()
    attributes = span.attributes or {}
    assert (attributes["error.type"], attributes["connector_core.outcome"]) == ("ValueError", "unknown")
    assert PERSON not in watch.everything()


def test_a_send_that_is_given_up_ends_its_span_in_whatever_context(
    watch: Watch, make_host: Callable[..., Host]
) -> None:
    metadata = make_host(RecordingConnector())["alpha-mail"].metadata
    telemetry = watch.make_telemetry()
    begun = telemetry.send_message(make_messages(1)[0], metadata)
    contextvars.copy_context().run(next, begun)

    del begun
    gc.collect()

    (span,) = watch.spans()
    assert (span.attributes or {})["connector_core.outcome"] == "unknown"


def test_without_an_sdk_messages_are_sent_all_the_same(
    equip: Callable[..., ConfiguredConnector], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert codes(send_together(equip(RecordingConnector(), Telemetry()), make_messages(3))) == ["sent"] * 3
    assert caplog.records == []
