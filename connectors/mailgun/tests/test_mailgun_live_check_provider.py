"""The live check at a Mailgun that says what the sandbox can't, at one that fails, and at what is no Mailgun.

A scripted server says it, in the words that `test_mailgun_answers.py` has the sources of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import network_environment
import pytest

from connector_core import Connector, Host, Limits, live
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.wire_server import WireServer, refuse_connections

from .mailgun_live_checks import CONFIG, IN_ORDER, KEY, list_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour, Line

HTML = b"<!doctype html><html><body><h1>Please log in</h1></body></html>"


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def mailgun() -> Iterator[Connector]:
    with Host.discover(limits=Limits(connect=2, read=5, total=5, retries=0)) as host:
        yield host["mailgun-email"]


# Answers of Mailgun that the sandbox doesn't give


BARRED = "Domain mg.example.com is not allowed to send"
PROBED: list[tuple[int, str, tuple[str, str, str]]] = [
    (403, "Forbidden", ("error", "authorization_failed", "$.apiKey")),
    (401, "Invalid private key", ("error", "authorization_failed", "$.apiKey")),
    (404, "Domain not found: mg.example.com", ("error", "domain_not_found", "$.domain")),
    (400, f"{BARRED}: The domain is unverified and requires DNS", ("error", "domain_unverified", "$.domain")),
    (403, f"{BARRED}: Free accounts are for test purposes only.", ("error", "account_restricted", "$.domain")),
    (420, f"{BARRED}: recipient limit exceeded, try again after x", ("error", "rate_limit_exceeded", "$.endpoint")),
    (404, "not found", ("error", "not_understood", "$.endpoint")),
    (200, "Queued. Thank you.", ("error", "not_understood", "$.endpoint")),
    (500, "Internal Server Error", ("error", "no_answer", "$.endpoint")),
]


@pytest.mark.parametrize(("status", "said", "fault"), PROBED)
def test_a_refusal_of_the_key_or_the_account_ends_the_check(
    mailgun: Connector, status: int, said: str, fault: tuple[str, str, str]
) -> None:
    with WireServer(wire.respond_json({"message": said}, status)) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert list_faults(findings) == [fault]
    assert len(findings) == len(server.requests) == 1


ACCEPTED_PROBES = [
    "from parameter is missing",
    "to parameter is missing",
    "'from' parameter is not a valid address. please check documentation",
    "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified",
]


@pytest.mark.parametrize("said", ACCEPTED_PROBES)
def test_a_refusal_of_the_empty_form_shows_that_the_key_may_send(mailgun: Connector, said: str) -> None:
    refused = wire.respond_json({"message": said}, 400)
    with WireServer(refused, wire.respond(401, b"Forbidden")) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert [one.code for one in findings] == ["credentials_accepted", "key_limited"]


def test_what_mailgun_says_is_quoted_up_to_200_characters_on_one_line(mailgun: Connector) -> None:
    said = f"{BARRED}: Please activate your account.\n{'xxx ' * 1250}"
    with WireServer(wire.respond_json({"message": said}, 403)) as server:
        (one,) = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert one.message.startswith(f"Mailgun says: {BARRED}: Please activate your account. xxx")
    assert len(one.message) <= 220


def answer(domain: Behaviour, template: Behaviour | None = None) -> Behaviour:
    """Take the key, and answer so for the domain and the templates."""

    def behave(line: Line) -> None:
        if line.request.method == "POST":
            wire.respond_json({"message": "from parameter is missing"}, 400)(line)
        elif line.request.target.startswith("/v4/domains/"):
            domain(line)
        elif template is not None:
            template(line)

    return behave


ACTIVE = wire.respond_json({"domain": {"name": "mg.example.com", "state": "active", "type": "custom"}})


def test_the_reason_why_a_domain_is_disabled_is_told(mailgun: Connector) -> None:
    disabled = {"code": "blacklisted", "note": "for debugging", "permanently": True, "reason": "bad customer"}
    told = wire.respond_json({"domain": {"state": "unverified", "is_disabled": True, "disabled": disabled}})
    template = wire.respond_json({"template": {"version": {}}})
    with WireServer(answer(told, template)) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert list_faults(findings) == [("error", "domain_disabled", "$.domain")]
    assert "bad customer" in findings[1].message


def test_a_key_that_reads_the_domain_and_no_template_is_limited_once(mailgun: Connector) -> None:
    with WireServer(answer(ACTIVE, wire.respond(403, b"Forbidden"))) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert list_faults(findings) == [("warning", "key_limited", "$.apiKey")]


# A Mailgun that fails, and what is none


FAILURES: dict[str, tuple[Behaviour, str]] = {
    "reset": (wire.reset, "no_answer"),
    "hung up": (wire.hang_up, "no_answer"),
    "broken off": (wire.say_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "no_answer"),
    "500": (wire.respond(500, HTML), "no_answer"),
    "503": (wire.respond(503, HTML), "provider_unavailable"),
    "429": (wire.respond(429), "rate_limit_exceeded"),
    "page": (wire.respond(200, HTML, ["Content-Type: text/html"]), "not_understood"),
    "page 404": (wire.respond(404, HTML, ["Content-Type: text/html"]), "not_understood"),
    "redirect": (wire.respond(302, headers=["Location: https://login.example.com/"]), "not_understood"),
    "list": (wire.respond_json([]), "not_understood"),
    "null": (wire.respond_json(None), "not_understood"),
    "text": (wire.respond_json("ok"), "not_understood"),
    "other object": (wire.respond_json({"status": "fine"}), "not_understood"),
    "null inside": (wire.respond_json({"domain": None, "template": None, "message": None}), "not_understood"),
    "text inside": (wire.respond_json({"domain": "x", "template": "x", "message": 7}), "not_understood"),
    "strange state": (wire.respond_json({"domain": {"state": "sleeping"}}), "not_understood"),
    "state of another type": (wire.respond_json({"domain": {"state": ["active"]}}), "not_understood"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_of_the_first_request_is_the_only_finding(mailgun: Connector, name: str) -> None:
    behaviour, code = FAILURES[name]
    with WireServer(behaviour) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert list_faults(findings) == [("error", code, "$.endpoint")]
    assert len(findings) == 1


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_at_the_domain_is_one_finding_after_those_before(mailgun: Connector, name: str) -> None:
    behaviour, code = FAILURES[name]
    with WireServer(answer(behaviour)) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert [(one.code, one.path) for one in findings] == [IN_ORDER[0], (code, "$.endpoint")]


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_at_the_templates_is_one_finding_after_those_before(mailgun: Connector, name: str) -> None:
    behaviour, code = FAILURES[name]
    with WireServer(answer(ACTIVE, behaviour)) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert [(one.code, one.path) for one in findings] == [*IN_ORDER[:2], (code, "$.endpoint")]


def test_a_mailgun_that_is_silent_is_told_within_the_time(mailgun: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REQUESTS_SHARE", 0.1)  # long before the check is over
    with WireServer(wire.stay_silent) as server, mailgun.configure({**CONFIG, "endpoint": server.url}) as configured:
        findings = configured.check_connection(seconds=20)
    assert list_faults(findings) == [("error", "no_answer", "$.endpoint")]


def test_a_mailgun_that_falls_silent_keeps_what_was_found(mailgun: Connector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "REQUESTS_SHARE", 0.1)  # long before the check is over
    with (
        WireServer(answer(ACTIVE, wire.stay_silent)) as server,
        mailgun.configure({**CONFIG, "endpoint": server.url}) as configured,
    ):
        findings = configured.check_connection(seconds=20)
    assert [one.code for one in findings] == ["credentials_accepted", "domain_accepted", "no_answer"]


def test_a_mailgun_that_cant_be_reached_is_told(mailgun: Connector) -> None:
    with refuse_connections() as nowhere:
        findings = mailgun.check_connection({**CONFIG, "endpoint": nowhere})
    assert list_faults(findings) == [("error", "not_reached", "$.endpoint")]


@pytest.mark.parametrize("status", [200, 400, 401, 402, 403, 404, 409, 500])
def test_a_key_that_is_echoed_is_in_no_finding(mailgun: Connector, status: int) -> None:
    said = f"{KEY} is not allowed to send. The key {KEY} is bad."
    with WireServer(wire.respond_json({"message": said, "domain": KEY}, status)) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert findings
    assert KEY not in repr(findings)


@pytest.mark.parametrize("length", range(0, 200, 8))
def test_a_key_that_is_echoed_is_nowhere_cut_in_two(mailgun: Connector, length: int) -> None:
    said = f"{BARRED}: {'x' * length} {KEY} {KEY}"
    with WireServer(wire.respond_json({"message": said}, 403)) as server:
        findings = mailgun.check_connection({**CONFIG, "endpoint": server.url})
    assert list_faults(findings) == [("error", "account_restricted", "$.domain")]
    assert KEY[:8] not in repr(findings)
