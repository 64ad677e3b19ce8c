"""The conformance kit: a pytest class that checks a connector against the contract (extra `testing`).

A connector's own test file subclasses `HttpConnectorTests`, or `ConnectorTests` where the provider isn't called over
HTTP, and names the connector, a valid config and a message. Every check is a test of its own, whose docstring says
what it guards and how to mend what it finds.
"""

import pytest

pytest.register_assert_rewrite(
    "connector_core.testing.contract_checks",
    "connector_core.testing.config_checks",
    "connector_core.testing.guide_checks",
    "connector_core.testing.sending_checks",
    "connector_core.testing.injection_checks",
    "connector_core.testing.accepted",
    "connector_core.testing.option_checks",
    "connector_core.testing.batch_checks",
    "connector_core.testing.batch_wire_checks",
    "connector_core.testing.live_checks",
    "connector_core.testing.template_checks",
    "connector_core.testing.usage_checks",
    "connector_core.testing.leak_checks",
    "connector_core.testing.subject",
    "connector_core.testing.http_checks",
    "connector_core.testing.answer_checks",
    "connector_core.testing.wire_checks",
    "connector_core.testing.live_wire_checks",
    "connector_core.testing.reading_wire_checks",
)

from connector_core.testing.conformance import ConnectorTests, HttpConnectorTests  # noqa: E402  see above
from connector_core.testing.provider import Refusal  # noqa: E402

__all__ = ["ConnectorTests", "HttpConnectorTests", "Refusal"]
