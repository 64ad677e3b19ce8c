"""The live check at a SendGrid that answers what the sandbox doesn't, at one that fails, and at what is no SendGrid.

The bodies of refusals are those of test_sendgrid_refusals.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import network_environment
import pytest

from connector_core import Connector, Finding, Host, Limits, live
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connector_core.testing.wire_server import Behaviour, Line

KEY = "SG.made-up-key-4Xq.9-_7Zt"
SENDER = "noreply@example.com"
ONE, OTHER = f"d-{'0' * 32}", f"d-{'1' * 32}"
HTML = b"<!doctype html><html><body><h1>Please log in</h1></body></html>"
USAGE_TYPES = ("SignIn", "Register", "ForgotPassword", "Generic")
PLAIN: dict[str, Any] = {
    "apiKey": KEY,
    "fromEmail": SENDER,
    "templates": [
        {"usageType": name, "type": "text/plain", "subject": "Code", "content": "{{code}}"} for name in USAGE_TYPES
    ],
}
DYNAMIC = [{"usageType": name, "templateId": OTHER if name == "Generic" else ONE} for name in USAGE_TYPES]
SCOPE_NAMES = ["mail.send", "templates.read", "whitelabel.read"]
REJECTED = ("error", "sender_rejected", "$.fromEmail")
UNKNOWN = ("warning", "sender_unknown", "$.fromEmail")
ACCEPTED = ("credentials_accepted", "$.apiKey")


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def sendgrid() -> Iterator[Connector]:
    with Host.discover(limits=Limits(connect=2, read=5, total=5, retries=0)) as host:
        yield host["sendgrid-email-service"]


def list_faults(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.code, one.path) for one in findings if one.level != "ok"]


SCOPES = wire.respond_json({"scopes": SCOPE_NAMES})
NO_SENDERS = wire.respond_json({"results": []})
NO_DOMAINS = wire.respond_json([])
TEMPLATE = wire.respond_json({"id": ONE, "generation": "dynamic", "versions": [{"active": 0}, {"active": 1}]})


def answer(answers: Mapping[str, Behaviour] | None = None) -> Behaviour:
    """Answer so for each path that starts so, and as for a working config without verified senders else."""
    standard = {"scopes": SCOPES, "verified": NO_SENDERS, "whitelabel": NO_DOMAINS, "templates": TEMPLATE}

    def behave(line: Line) -> None:
        path = line.request.target.removeprefix("/v3/")
        ({**standard, **(answers or {})}[next(start for start in standard if path.startswith(start))])(line)

    return behave


def check_at(sendgrid: Connector, behaviour: Behaviour, **changes: Any) -> list[Finding]:
    with WireServer(behaviour) as server:
        return sendgrid.check_connection({**PLAIN, **changes, "apiUrl": server.url})


def page_of(last: int, size: int) -> Behaviour:
    """Answer with verified senders in pages of a size, whatever limit is asked for."""

    def behave(line: Line) -> None:
        query = dict(part.split("=") for part in line.request.target.partition("?")[2].split("&"))
        numbers = range(int(query["lastSeenID"]) + 1, last + 1)[:size]
        senders = [{"id": n, "from_email": f"sender-{n}@Example.com", "verified": True} for n in numbers]
        wire.respond_json({"results": senders})(line)

    return behave


def test_a_sender_is_found_on_a_later_page(sendgrid: Connector) -> None:
    findings = check_at(sendgrid, answer({"verified": page_of(7, 2)}), fromEmail="sender-7@example.com")
    assert list_faults(findings) == []


def test_a_sender_on_none_of_all_pages_is_rejected(sendgrid: Connector) -> None:
    findings = check_at(sendgrid, answer({"verified": page_of(7, 2)}), fromEmail="sender-8@example.com")
    assert list_faults(findings) == [REJECTED]


def test_senders_without_end_are_looked_through_for_ten_pages(sendgrid: Connector) -> None:
    with WireServer(answer({"verified": page_of(10**6, 1)})) as server:
        findings = sendgrid.check_connection({**PLAIN, "apiUrl": server.url})
    assert list_faults(findings) == [UNKNOWN]
    assert sum("verified_senders" in request.target for request in server.requests) == 10


@pytest.mark.parametrize(
    ("senders", "domains", "code"),
    [
        ([{"from_email": SENDER, "verified": False}], [], "sender_rejected"),
        ([], [{"domain": "example.com", "valid": False}], "sender_rejected"),
        ([{"from_email": SENDER, "verified": False}], [{"domain": "example.com", "valid": True}], "sender_accepted"),
        ([{"from_email": SENDER, "verified": True}], None, "sender_accepted"),
        (None, [{"domain": "EXAMPLE.com", "valid": True}], "sender_accepted"),
        (None, [], "sender_unknown"),
        ([], None, "sender_unknown"),
        ([{"from_email": SENDER, "verified": "true"}], [{"domain": "com", "valid": True}], "sender_rejected"),
    ],
)
def test_one_of_the_two_lists_is_enough_and_both_must_be_read_to_reject(
    sendgrid: Connector, senders: list[Any] | None, domains: list[Any] | None, code: str
) -> None:
    def once(entries: list[Any] | None, key: str | None) -> Behaviour:
        def behave(line: Line) -> None:
            is_first = line.request.target.endswith(("lastSeenID=0", "offset=0"))
            page = (entries or []) if is_first else []
            wire.respond_json({key: page} if key else page)(line)

        return wire.respond_json({"errors": [{"message": "access forbidden"}]}, 403) if entries is None else behave

    behaviour = answer({"verified": once(senders, "results"), "whitelabel": once(domains, None)})
    assert [one.code for one in check_at(sendgrid, behaviour)] == ["credentials_accepted", code]


# Answers of SendGrid that the sandbox doesn't give


def refuse(status: int, message: str) -> Behaviour:
    return wire.respond_json({"errors": [{"message": message, "field": None, "help": None}]}, status)


ASKED: list[tuple[Behaviour, tuple[str, str, str]]] = [
    (refuse(401, "authorization required"), ("error", "authorization_failed", "$.apiKey")),
    (refuse(403, "access forbidden"), ("error", "authorization_failed", "$.apiKey")),
    (refuse(401, "Maximum credits exceeded"), ("error", "usage_limit_exceeded", "$.apiKey")),
    (refuse(403, "Your account has been suspended."), ("error", "account_restricted", "$.apiKey")),
    (refuse(451, "x"), ("error", "general", "$.apiUrl")),
]


@pytest.mark.parametrize(("behaviour", "fault"), ASKED)
def test_a_refusal_of_the_key_or_the_account_ends_the_check(
    sendgrid: Connector, behaviour: Behaviour, fault: tuple[str, str, str]
) -> None:
    findings = check_at(sendgrid, behaviour)
    assert list_faults(findings) == [fault]
    assert len(findings) == 1
    assert findings[0].fix


def test_what_sendgrid_says_is_told_in_up_to_200_characters(sendgrid: Connector) -> None:
    (one,) = check_at(sendgrid, refuse(403, f"Your account has been suspended. {'word ' * 500}"))
    assert len(one.message) <= 200


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (wire.respond_json({"error": "Resource not found"}, 404), "template_not_found"),
        (wire.respond_json({"errors": [{"field": None, "message": "resource not found"}]}, 404), "template_not_found"),
        (wire.respond_json({"generation": "legacy", "versions": [{"active": 1}]}), "template_not_found"),
        (wire.respond_json({"generation": "dynamic", "versions": []}), "template_inactive"),
        (wire.respond_json({"generation": "dynamic", "versions": [None, "x", {}, {"active": 0}]}), "template_inactive"),
        (refuse(403, "access forbidden"), "key_limited"),
    ],
)
def test_a_template_that_cant_be_sent_is_told(sendgrid: Connector, told: Behaviour, code: str) -> None:
    senders = wire.respond_json({"results": [{"id": 1, "from_email": SENDER, "verified": True}]})
    findings = check_at(
        sendgrid, answer({"verified": senders, "templates": told}), templates=DYNAMIC[:3] + PLAIN["templates"][3:]
    )
    path = "$.apiKey" if code == "key_limited" else "$.templates[0].templateId"
    assert [(one.code, one.path) for one in findings] == [ACCEPTED, ("sender_accepted", "$.fromEmail"), (code, path)]


def test_a_key_that_reads_no_template_in_spite_of_its_scope_is_limited_once(sendgrid: Connector) -> None:
    findings = check_at(sendgrid, answer({"templates": wire.respond(401)}), templates=DYNAMIC)
    assert [one.code for one in findings] == ["credentials_accepted", "sender_rejected", "key_limited"]


# A SendGrid that fails, and what is none


FAILURES: dict[str, tuple[Behaviour, str]] = {
    "reset": (wire.reset, "no_answer"),
    "hung up": (wire.hang_up, "no_answer"),
    "broken off": (wire.say_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "no_answer"),
    "500": (wire.respond(500, HTML), "no_answer"),
    "503": (wire.respond(503, HTML), "provider_unavailable"),
    "429": (refuse(429, "too many requests"), "rate_limit_exceeded"),
    "page": (wire.respond(200, HTML, ["Content-Type: text/html"]), "not_understood"),
    "page 404": (wire.respond(404, HTML, ["Content-Type: text/html"]), "not_understood"),
    "redirect": (wire.respond(302, headers=["Location: https://login.example.com/"]), "not_understood"),
    "null": (wire.respond_json(None), "not_understood"),
    "text": (wire.respond_json("ok"), "not_understood"),
    "list of text": (wire.respond_json(["ok"]), "not_understood"),
    "other object": (wire.respond_json({"status": "fine"}), "not_understood"),
    "null inside": (wire.respond_json({"scopes": None, "results": None, "versions": None}), "not_understood"),
    "text inside": (wire.respond_json({"scopes": "mail.send", "results": "x", "versions": "x"}), "not_understood"),
    "null in a list": (wire.respond_json({"results": [None]}), "not_understood"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_of_the_first_request_is_the_only_finding(sendgrid: Connector, name: str) -> None:
    behaviour, code = FAILURES[name]
    findings = check_at(sendgrid, behaviour)
    assert list_faults(findings) == [("error", code, "$.apiUrl")]
    assert len(findings) == 1


@pytest.mark.parametrize("path", ["verified", "whitelabel"])
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_at_the_senders_is_one_finding_after_those_before(sendgrid: Connector, name: str, path: str) -> None:
    behaviour, code = FAILURES[name]
    findings = check_at(sendgrid, answer({path: behaviour}), templates=DYNAMIC)
    assert [(one.code, one.path) for one in findings] == [ACCEPTED, (code, "$.apiUrl")]


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_at_the_templates_is_one_finding_after_those_before(sendgrid: Connector, name: str) -> None:
    behaviour, code = FAILURES[name]
    findings = check_at(sendgrid, answer({"templates": behaviour}), templates=DYNAMIC)
    assert [one.code for one in findings] == ["credentials_accepted", "sender_rejected", code]


def test_scopes_of_other_types_are_no_permission_to_send(sendgrid: Connector) -> None:
    findings = check_at(sendgrid, wire.respond_json({"scopes": [["mail.send"], {"mail.send": 1}, None, 7]}))
    assert [one.code for one in findings] == ["credentials_accepted", "key_may_not_send"]


@pytest.mark.parametrize("number", ["a b\r\n", {"x": 1}, None, "&offset=9", [1]])
def test_an_id_of_another_type_does_no_harm(sendgrid: Connector, number: Any) -> None:
    senders = wire.respond_json({"results": [{"id": number, "from_email": None, "verified": True}]})
    findings = check_at(sendgrid, answer({"verified": senders}))
    assert list_faults(findings) == [UNKNOWN]


def test_a_sendgrid_that_is_silent_is_told_within_the_time(
    sendgrid: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REQUESTS_SHARE", 0.1)  # long before the check is over
    with (
        WireServer(wire.stay_silent) as server,
        sendgrid.configure({**PLAIN, "templates": DYNAMIC, "apiUrl": server.url}) as configured,
    ):
        findings = configured.check_connection(seconds=20)
    assert list_faults(findings) == [("error", "no_answer", "$.apiUrl")]


def test_a_sendgrid_that_falls_silent_keeps_what_was_found(
    sendgrid: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REQUESTS_SHARE", 0.1)  # long before the check is over
    with (
        WireServer(answer({"templates": wire.stay_silent})) as server,
        sendgrid.configure({**PLAIN, "templates": DYNAMIC, "apiUrl": server.url}) as configured,
    ):
        findings = configured.check_connection(seconds=20)
    assert [one.code for one in findings] == ["credentials_accepted", "sender_rejected", "no_answer"]


def test_a_sendgrid_that_cant_be_reached_is_told(sendgrid: Connector) -> None:
    with refuse_connections() as nowhere:
        findings = sendgrid.check_connection({**PLAIN, "templates": DYNAMIC, "apiUrl": nowhere})
    assert list_faults(findings) == [("error", "not_reached", "$.apiUrl")]


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 451, 500])
def test_a_key_that_is_echoed_is_in_no_finding(sendgrid: Connector, status: int) -> None:
    findings = check_at(sendgrid, refuse(status, f"The account with the key {KEY} has been suspended."))
    assert findings
    assert KEY not in repr(findings)


@pytest.mark.parametrize("length", range(0, 200, 8))
def test_a_key_that_is_echoed_is_nowhere_cut_in_two(sendgrid: Connector, length: int) -> None:
    findings = check_at(sendgrid, refuse(403, f"Your account has been suspended. {'x' * length} {KEY} {KEY}"))
    assert list_faults(findings) == [("error", "account_restricted", "$.apiKey")]
    assert KEY[:8] not in repr(findings)
