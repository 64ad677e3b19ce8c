"""How a provider fails that is asked for something, and the error that each failure becomes."""

from __future__ import annotations

import pytest

from connector_core import InvalidResponse, ProviderUnavailable, RateLimitExceeded
from connector_core.testing import wire_behaviours as wire

FAILURES = [
    pytest.param(wire.respond(500), ProviderUnavailable, id="500"),
    pytest.param(wire.respond(503), ProviderUnavailable, id="503"),
    pytest.param(wire.respond(429), RateLimitExceeded, id="429"),
    pytest.param(wire.respond(404, b"<html></html>"), InvalidResponse, id="404"),
    pytest.param(wire.respond(200, b"<html></html>"), InvalidResponse, id="page"),
    pytest.param(wire.respond(302, headers=["Location: https://x.example/"]), InvalidResponse, id="redirect"),
    pytest.param(wire.reset, ProviderUnavailable, id="reset"),
]
