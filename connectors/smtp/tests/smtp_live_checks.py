"""Live checks of SMTP configs, of which no mail may come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core.testing.wire_server import finish

from .smtp_server import config_for

if TYPE_CHECKING:
    from connector_core import Finding, Host

    from .smtp_server import ScriptedServer

ALL_OK = ["reached", "credentials_accepted", "sender_accepted"]


def check(host: Host, port: int, /, **settings: Any) -> list[Finding]:
    with host["simple-mail-transfer-protocol"].configure(config_for(port, **settings)) as mail:
        return finish(mail.check_connection)


def find_trouble(findings: list[Finding]) -> Finding:
    """Return the one finding that is not ok, which is the last and says what to do."""
    *others, trouble = findings
    assert [one.level for one in others] == ["ok"] * len(others)
    assert [one.fix for one in others] == [""] * len(others)
    assert trouble.level != "ok"
    assert trouble.message.endswith(".")
    assert trouble.fix.endswith(".")
    assert "nothing was sent" not in trouble.message + trouble.fix
    assert "send again" not in trouble.message + trouble.fix
    return trouble


def assert_no_mail(server: ScriptedServer) -> None:
    assert server.mails == []
    assert "DATA" not in server.verbs


def fail_to_check(host: Host, server: ScriptedServer, **settings: Any) -> tuple[list[str], str, str, str]:
    """Return the codes of what works, then level, code and path of the one thing that doesn't."""
    with server:
        findings = check(host, server.port, **settings)
    trouble = find_trouble(findings)
    assert_no_mail(server)
    return [one.code for one in findings[:-1]], trouble.level, trouble.code, trouble.path
