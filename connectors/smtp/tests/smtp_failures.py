"""Sends through the SMTP connector that must fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Host, Message, SendError
from connector_core.testing.wire_server import finish

from .smtp_server import config_for

if TYPE_CHECKING:
    from .smtp_server import ScriptedServer

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})


def fail_to_send(host: Host, port: int, message: Message = MESSAGE, /, **settings: Any) -> SendError:
    with host["simple-mail-transfer-protocol"].configure(config_for(port, **settings)) as mail:
        with pytest.raises(SendError) as raised:
            finish(lambda: mail.send_message(message))
        return raised.value


def assert_nothing_was_sent(error: SendError, server: ScriptedServer | None = None) -> None:
    assert error.outcome == "not_sent"
    assert server is None or server.mails == []
