"""A plugin that tells OpenTelemetry of each send: a span and two metrics, and nothing of any person."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from connector_core.hookspecs import hookimpl
from connector_core.message import SendResult
from connector_core.middleware.send_outcome import name_error, name_outcome

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, TracerProvider

    from connector_core.message import Message
    from connector_core.metadata import ConnectorMetadata

SCOPE = "connector_core"

_DURATION = "messaging.client.operation.duration"
_SENT = "messaging.client.sent.messages"
_BOUNDARIES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, as the conventions advise for the duration."""


class Telemetry:
    """Make a client span of each send, current until the connector has answered, and count and time it.

    Names are those of OpenTelemetry's semantic conventions for messaging. Needs the extra `telemetry`, and a set-up
    OpenTelemetry SDK: without one, nothing is recorded. Of a batch, each message has a span of its own.

    Args:
        tracer_provider: where spans go; the process's own where nothing is said.
        meter_provider: where metrics go; the process's own where nothing is said.

    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        from opentelemetry import metrics, trace

        self._tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._duration = meter.create_histogram(
            _DURATION,
            unit="s",
            description="Duration of sends, as the application sees them.",
            explicit_bucket_boundaries_advisory=_BOUNDARIES,
        )
        self._sent = meter.create_counter(_SENT, unit="{message}", description="Messages that were tried to be sent.")

    @hookimpl(wrapper=True)
    def send_message(self, message: Message, metadata: ConnectorMetadata) -> Generator[None, Any, Any]:
        """Let the message pass within a span."""
        from opentelemetry import context, trace

        known = _describe(message, metadata)
        started = time.perf_counter()
        span = self._tracer.start_span(f"send {metadata.id}", kind=trace.SpanKind.CLIENT, attributes=known)
        token = context.attach(trace.set_span_in_context(span))
        try:
            found = yield
        except GeneratorExit as nobody:  # is not told where, so that the context may be another by now
            self._finish(span, known, nobody, started)
            raise
        except BaseException as error:
            context.detach(token)
            self._finish(span, known, error, started)
            raise
        context.detach(token)
        self._finish(span, known, found, started)
        return found

    def _finish(self, span: Span, known: dict[str, str], found: object, started: float) -> None:
        from opentelemetry.trace import Status, StatusCode

        learned = {"connector_core.outcome": name_outcome(found)}
        if (problem := name_error(found)) is not None:
            learned["error.type"] = problem
            span.set_status(Status(StatusCode.ERROR))  # without the error's text, where a provider may name an address
        elif isinstance(found, SendResult):
            span.set_attribute("messaging.message.id", str(found.message_id))
        span.set_attributes(learned)
        span.end()
        self._duration.record(time.perf_counter() - started, known | learned)
        self._sent.add(1, known | learned)


def _describe(message: Message, metadata: ConnectorMetadata) -> dict[str, str]:
    return {
        "messaging.system": metadata.id,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "connector_core.usage_type": message.type,
    }
