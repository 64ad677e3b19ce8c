"""The live check of a config at the sandbox, and what goes over the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import network_environment
import pytest
from connector_mailgun.sandbox import MailgunSandbox
from connector_mailgun.templates import list_templates
from hypothesis import given
from hypothesis import strategies as st

from connector_core import Connector, Host, Limits
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.wire_server import WireServer

from .mailgun_live_checks import CONFIG, IN_ORDER, KEY, list_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Request


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def mailgun() -> Iterator[Connector]:
    with Host.discover(limits=Limits(connect=2, read=5, total=5, retries=0)) as host:
        yield host["mailgun-email"]


# At the sandbox


def test_a_config_that_works_has_findings_that_are_ok_in_the_order_of_the_config(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        findings = mailgun.check_connection(sandbox.config)
        assert sandbox.messages == []
    assert [(one.code, one.path) for one in findings] == IN_ORDER
    assert {(one.level, one.fix) for one in findings} == {("ok", "")}


def test_the_sandboxs_own_config_is_clean(mailgun: Connector) -> None:
    with mailgun.create_sandbox() as sandbox:
        assert {one.level for one in mailgun.check_connection(sandbox.config)} == {"ok"}
        assert list(sandbox.messages) == []


TEMPLATE = "$.deliveries.SignIn.template"

FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[str, str, str]]] = {
    "wrong key": ({}, {"apiKey": "another"}, ("error", "authorization_failed", "$.apiKey")),
    "sending key": ({"is_sending_key": True}, {}, ("warning", "key_limited", "$.apiKey")),
    "unknown domain": ({}, {"domain": "mg.example.org"}, ("error", "domain_not_found", "$.domain")),
    "unverified domain": ({"domain_state": "unverified"}, {}, ("error", "domain_unverified", "$.domain")),
    "disabled domain": ({"domain_state": "disabled"}, {}, ("error", "domain_disabled", "$.domain")),
    "sandbox domain": ({"domain_type": "sandbox"}, {}, ("warning", "test_domain", "$.domain")),
    "sender elsewhere": ({}, {"from": "a@example.org"}, ("warning", "sender_unaligned", "$.from")),
    "test mode": ({}, {"testMode": True}, ("warning", "test_mode", "$.testMode")),
    "missing template": ({"missing_templates": ["sign-in"]}, {}, ("error", "template_not_found", TEMPLATE)),
    "empty template": ({"empty_templates": ["sign-in"]}, {}, ("error", "template_inactive", TEMPLATE)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_finding_with_a_fix_and_nothing_is_sent(mailgun: Connector, name: str) -> None:
    account, changes, fault = FAULTS[name]
    with MailgunSandbox(CONFIG, **account) as sandbox:
        findings = mailgun.check_connection({**sandbox.config, **changes})
        assert sandbox.messages == []
    assert list_faults(findings) == [fault]
    assert all(bool(one.fix) == (one.level != "ok") for one in findings)
    assert KEY not in repr(findings)


def test_a_template_of_the_account_serves_its_domains(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG, account_templates=["odd name/ü"]) as sandbox:
        findings = mailgun.check_connection(sandbox.config)
    assert [(one.code, one.path) for one in findings] == IN_ORDER
    assert {one.level for one in findings} == {"ok"}


def test_a_template_of_the_account_may_have_no_active_version_either(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG, account_templates=["sign-in"], empty_templates=["sign-in"]) as sandbox:
        assert list_faults(mailgun.check_connection(sandbox.config)) == [("error", "template_inactive", TEMPLATE)]


@pytest.mark.parametrize("name", ["wrong key", "unknown domain"])
def test_nothing_more_is_asked_once_the_key_or_the_domain_is_refused(mailgun: Connector, name: str) -> None:
    _, changes, _ = FAULTS[name]
    with MailgunSandbox(CONFIG) as sandbox, WireServer(wire.pass_on(sandbox.url)) as server:
        mailgun.check_connection({**CONFIG, **changes, "from": "a@mg.example.org", "endpoint": server.url})
    assert len(server.requests) == 1


@pytest.mark.parametrize("sender", ["a@mg.example.com", "a@example.com", "a@news.mg.EXAMPLE.com"])
def test_a_sender_at_the_domain_above_or_below_it_is_aligned(mailgun: Connector, sender: str) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        assert list_faults(mailgun.check_connection({**sandbox.config, "from": sender})) == []


@pytest.mark.parametrize("sender", ["a@example.org", "a@xmg.example.com", "a@com.example.org"])
def test_a_sender_elsewhere_is_named_with_its_domain(mailgun: Connector, sender: str) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        (one,) = [one for one in mailgun.check_connection({**sandbox.config, "from": sender}) if one.level != "ok"]
    assert one.code == "sender_unaligned"
    assert sender.partition("@")[2] in one.message


# What goes over the wire


def record(mailgun: Connector, sandbox: MailgunSandbox, **changes: Any) -> list[Request]:
    with WireServer(wire.pass_on(sandbox.url)) as server:
        mailgun.check_connection({**sandbox.config, **changes, "endpoint": server.url})
    return server.requests


@pytest.mark.parametrize("changes", [{}, {"testMode": True}, {"testMode": False, "tag": "codes"}])
def test_no_request_of_a_check_can_send(mailgun: Connector, changes: dict[str, Any]) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        first, *others = record(mailgun, sandbox, **changes)
    assert (first.method, first.target) == ("POST", "/v3/mg.example.com/messages")
    assert dict(parse_qsl(first.body.decode(), keep_blank_values=True)) == {"o:testmode": "yes"}
    assert {(request.method, request.body) for request in others} == {("GET", b"")}


def test_each_template_is_asked_for_once_by_its_whole_name(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG) as sandbox:
        targets = [request.target for request in record(mailgun, sandbox)]
    assert targets[1] == "/v4/domains/mg.example.com"
    path = "/v3/mg.example.com/templates/"
    assert sorted(map(unquote, targets[2:])) == [f"{path}odd name/ü?active=yes", f"{path}sign-in?active=yes"]
    assert not any(target.count("/") > path.count("/") for target in targets)


def test_a_template_that_the_domain_lacks_is_asked_of_the_account(mailgun: Connector) -> None:
    with MailgunSandbox(CONFIG, missing_templates=["odd name/ü"]) as sandbox:
        targets = [request.target for request in record(mailgun, sandbox)]
    assert [target for target in targets if target.startswith("/v4/templates/")] == [
        "/v4/templates/odd%20name%2F%C3%BC?active=yes"
    ]


# Pure parts


ENTRY = st.fixed_dictionaries({}, optional={"template": st.text(min_size=1, max_size=3), "text": st.text(max_size=3)})


@given(st.dictionaries(st.sampled_from(["SignIn", "Generic", "odd key"]), ENTRY | st.lists(ENTRY, max_size=3)))
def test_each_template_has_the_path_of_the_first_entry_that_names_it(deliveries: dict[str, Any]) -> None:
    named = [
        (entry["template"], f"{usage_type!r}{index}")
        for usage_type, value in deliveries.items()
        for index, entry in enumerate(value if isinstance(value, list) else [value])
        if "template" in entry
    ]
    found = list_templates(deliveries)
    assert list(found) == list(dict(named))
    assert len(set(found.values())) == len(found)
    assert all(path.startswith("$.deliveries") and path.endswith(".template") for path in found.values())
