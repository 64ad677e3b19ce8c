"""The live check of a config at the sandbox: what it finds, what it asks for, and that it sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import network_environment
import pytest
import requests
from connector_sendgrid import live_check
from connector_sendgrid.sandbox import SendGridSandbox
from connector_sendgrid.sandbox_account import EVERY_SCOPE
from hypothesis import given
from hypothesis import strategies as st

from connector_core import AuthorizationFailed, Connector, Finding, Host, Limits, Message
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator


KEY = "SG.made-up-key-4Xq.9-_7Zt"
SENDER = "noreply@example.com"
ONE, OTHER = f"d-{'0' * 32}", f"d-{'1' * 32}"
CONFIG: dict[str, Any] = {
    "apiKey": KEY,
    "fromEmail": SENDER,
    "templates": [
        {"usageType": "Register", "type": "text/plain", "subject": "Code", "content": "{{code}}"},
        {"usageType": "SignIn", "templateId": ONE},
        {"usageType": "ForgotPassword", "templateId": ONE},
        {"usageType": "Generic", "templateId": OTHER},
    ],
}
PLAIN = {
    **CONFIG,
    "templates": [{**CONFIG["templates"][0], "usageType": one["usageType"]} for one in CONFIG["templates"]],
}
IN_ORDER = [
    ("credentials_accepted", "$.apiKey"),
    ("sender_accepted", "$.fromEmail"),
    ("template_accepted", "$.templates[1].templateId"),
    ("template_accepted", "$.templates[3].templateId"),
]


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def sendgrid() -> Iterator[Connector]:
    with Host.discover(limits=Limits(connect=2, read=5, total=5, retries=0)) as host:
        yield host["sendgrid-email-service"]


def list_faults(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.code, one.path) for one in findings if one.level != "ok"]


def without(*scopes: str) -> set[str]:
    return set(EVERY_SCOPE) - set(scopes)


# At the sandbox


def test_a_config_that_works_has_findings_that_are_ok_in_the_order_of_the_config(sendgrid: Connector) -> None:
    with SendGridSandbox(CONFIG) as sandbox:
        findings = sendgrid.check_connection(sandbox.config)
        assert sandbox.messages == []
    assert [(one.code, one.path) for one in findings] == IN_ORDER
    assert {(one.level, one.fix) for one in findings} == {("ok", "")}


def test_the_sandboxs_own_config_is_clean(sendgrid: Connector) -> None:
    with sendgrid.create_sandbox() as sandbox:
        assert {one.level for one in sendgrid.check_connection(sandbox.config)} == {"ok"}
        assert list(sandbox.messages) == []


FIRST = "$.templates[1].templateId"
REJECTED = ("error", "sender_rejected", "$.fromEmail")
UNKNOWN = ("warning", "sender_unknown", "$.fromEmail")

FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str, str]]] = {
    "wrong key": ({}, {"apiKey": "SG.another"}, ("error", "authorization_failed", "$.apiKey")),
    "may not send": ({"scopes": without("mail.send")}, {}, ("error", "key_may_not_send", "$.apiKey")),
    "sender elsewhere": ({}, {"fromEmail": "a@example.org"}, REJECTED),
    "sender at a subdomain": ({}, {"fromEmail": "a@mail.example.com"}, REJECTED),
    "sender waits": ({"unverified_senders": [SENDER]}, {}, REJECTED),
    "senders hidden": ({"scopes": without("whitelabel.read")}, {}, UNKNOWN),
    "exempt": ({"scopes": [*EVERY_SCOPE, "sender_verification_exempt"], "unverified_senders": [SENDER]}, {}, UNKNOWN),
    "templates hidden": ({"scopes": without("templates.read")}, {}, ("warning", "key_limited", "$.apiKey")),
    "missing template": ({"missing_templates": [ONE]}, {}, ("error", "template_not_found", FIRST)),
    "inactive template": ({"inactive_templates": [ONE]}, {}, ("error", "template_inactive", FIRST)),
    "sandbox mode": ({}, {"sandboxMode": True}, ("warning", "test_mode", "$.sandboxMode")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_finding_with_a_fix_and_nothing_is_sent(sendgrid: Connector, name: str) -> None:
    account, changes, fault = FAULTS[name]
    with SendGridSandbox(CONFIG, **account) as sandbox:
        findings = sendgrid.check_connection({**sandbox.config, **changes})
        assert sandbox.messages == []
    assert list_faults(findings) == [fault]
    assert all(bool(one.fix) == (one.level != "ok") for one in findings)
    assert KEY not in repr(findings)


@pytest.mark.parametrize("name", ["wrong key", "may not send"])
def test_nothing_more_is_asked_once_the_key_is_of_no_use(sendgrid: Connector, name: str) -> None:
    account, changes, _ = FAULTS[name]
    with SendGridSandbox(CONFIG, **account) as sandbox, WireServer(wire.pass_on(sandbox.url)) as server:
        sendgrid.check_connection({**CONFIG, **changes, "apiUrl": server.url})
    assert [request.target for request in server.requests] == ["/v3/scopes"]


@pytest.mark.parametrize("sender", ["anybody@example.com", "NoReply@EXAMPLE.com"])
def test_every_address_at_an_authenticated_domain_may_send(sendgrid: Connector, sender: str) -> None:
    with SendGridSandbox(CONFIG) as sandbox:
        assert list_faults(sendgrid.check_connection({**sandbox.config, "fromEmail": sender})) == []


def test_without_dynamic_templates_none_is_asked_for_and_none_is_missed(sendgrid: Connector) -> None:
    with SendGridSandbox(PLAIN, scopes=without("templates.read")) as sandbox:
        findings = sendgrid.check_connection(sandbox.config)
    assert [(one.code, one.path) for one in findings] == IN_ORDER[:2]


def test_what_the_key_doesnt_show_is_named_with_its_scope(sendgrid: Connector) -> None:
    with SendGridSandbox(PLAIN, scopes=["mail.send"]) as sandbox:
        (one,) = [one for one in sendgrid.check_connection(sandbox.config) if one.level != "ok"]
    assert "the verified senders and the authenticated domains (scope whitelabel.read)" in one.message
    assert SENDER in one.fix


# What goes over the wire


def test_no_request_of_a_check_can_send_and_each_template_is_asked_for_once(sendgrid: Connector) -> None:
    with SendGridSandbox(CONFIG) as sandbox, WireServer(wire.pass_on(sandbox.url)) as server:
        sendgrid.check_connection({**CONFIG, "apiUrl": f"{server.url}/"})
    assert {(request.method, request.body) for request in server.requests} == {("GET", b"")}
    assert sorted(request.target.partition("?")[0] for request in server.requests) == [
        "/v3/scopes",
        f"/v3/templates/{ONE}",
        f"/v3/templates/{OTHER}",
        "/v3/verified_senders",
        "/v3/whitelabel/domains",
    ]


# The sandbox


def test_the_sandbox_lets_a_key_do_what_its_scopes_say() -> None:
    paths = {
        "scopes": set(),
        "verified_senders": {"whitelabel.read"},
        "whitelabel/domains": {"whitelabel.read"},
        f"templates/{ONE}": {"templates.read"},
        "stats?start_date=2026-11-01": {"stats.read"},
    }
    for path, scopes in paths.items():
        for held, status in (({"mail.send"}, 403 if scopes else 200), (scopes, 200)):
            with SendGridSandbox(CONFIG, scopes=held) as sandbox:
                headers = {"Authorization": f"Bearer {KEY}"}
                assert requests.get(f"{sandbox.url}/v3/{path}", headers=headers, timeout=20).status_code == status
                assert requests.get(f"{sandbox.url}/v3/{path}", timeout=20).status_code == 401


def test_the_sandbox_sends_nothing_for_a_key_that_may_not_send(sendgrid: Connector) -> None:
    with SendGridSandbox(PLAIN, scopes=without("mail.send")) as sandbox:
        with pytest.raises(AuthorizationFailed, match="access forbidden"):
            sendgrid.send_message(sandbox.config, Message("ann@example.com", "SignIn", {"code": "1"}))
        assert sandbox.messages == []


# Pure parts


ENTRY = st.fixed_dictionaries({}, optional={"templateId": st.sampled_from([ONE, OTHER, "d-2"]), "subject": st.text()})


@given(st.lists(ENTRY))
def test_each_template_has_the_path_of_the_first_entry_that_names_it(entries: list[dict[str, str]]) -> None:
    found = live_check._list_templates(entries)  # noqa: SLF001  the part of the check that asks nobody
    ids = [entry.get("templateId") for entry in entries]
    assert found == {one: f"$.templates[{ids.index(one)}].templateId" for one in ids if one is not None}
