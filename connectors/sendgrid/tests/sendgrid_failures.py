"""A send that SendGrid doesn't take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Message, SendError
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from connector_core import Host
    from connector_core.testing.wire_server import Behaviour

CONFIG: dict[str, Any] = {
    "apiKey": "SG.made-up-key-4Xq.9-_7Zt",
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "type": "text/plain", "subject": "Code", "content": "{{code}}"}
        for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}
MESSAGE = Message("ann@example.com", "SignIn", {"code": "483920"})


def fail_to_send(host: Host, behaviour: Behaviour) -> SendError:
    """Return the error of one send, for which SendGrid is asked once."""
    with WireServer(behaviour) as server, pytest.raises(SendError) as caught:
        host["sendgrid-email-service"].send_message({**CONFIG, "apiUrl": server.url}, MESSAGE)
    assert len(server.requests) == 1
    return caught.value
