"""The live check where something answers that is not Postmark, or nobody does: findings, and never an exception."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector_core import USAGE_TYPES, Connector, Finding
from connector_core.testing.wire_behaviours import (
    hang_up,
    pass_on,
    reset,
    respond,
    respond_json,
    say_and_close,
    stay_silent,
)
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_postmark.sandbox import PostmarkSandbox

    from connector_core.testing.wire_server import Behaviour, Line

SECONDS = 2.0
"""For a check whose provider is silent: long enough for the requests before it on a busy machine."""

HTML = respond(200, b"<html>Welcome to the hotel</html>", ["Content-Type: text/html"])
FAULTS: dict[str, tuple[Behaviour, str]] = {
    "silence": (stay_silent, "no_answer"),
    "a reset": (reset, "no_answer"),
    "a closed connection": (hang_up, "no_answer"),
    "half an answer": (say_and_close(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"Name":'), "no_answer"),
    "a page": (HTML, "not_understood"),
    "no body": (respond(200), "not_understood"),
    "a list": (respond_json([]), "not_understood"),
    "an object of another service": (respond_json({"status": "ok"}), "not_understood"),
    "an error code that is no number": (respond_json({"ErrorCode": "10"}), "not_understood"),
    "a redirect": (respond(302, b"", ["Location: https://login.example.com/"]), "not_understood"),
    "404": (respond(404, b"<html>"), "not_understood"),
    "403 of a firewall": (respond(403, b"<html>Blocked</html>"), "not_understood"),
    "413 of a proxy": (respond_json({"Message": "No. " * 200}, 413), "not_understood"),
    "500": (respond(500), "no_answer"),
    "502 with a page": (respond(502, b"<html>Bad gateway</html>"), "no_answer"),
    "503": (respond(503), "provider_unavailable"),
    "maintenance": (respond_json({"ErrorCode": 100, "Message": "Back soon. " * 50}, 503), "provider_unavailable"),
    "429": (respond_json({"ErrorCode": 429, "Message": "Slow down."}, 429), "rate_limit_exceeded"),
}
faults = pytest.mark.parametrize("fault", FAULTS)


def check_before(sandbox: PostmarkSandbox, postmark: Connector, *behaviours: Behaviour) -> list[Finding]:
    """Check the sandbox's config through a server that does something else at some requests."""
    with WireServer(*behaviours) as server:
        configured = postmark.configure({**sandbox.config, "apiUrl": server.url})
        findings = configured.check_connection(seconds=SECONDS)
    assert sandbox.messages == []
    return findings


@faults
def test_a_provider_that_fails_at_once_is_the_only_finding(
    fault: str, postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    behaviour, code = FAULTS[fault]

    (finding,) = check_before(sandbox, postmark, behaviour)

    assert (finding.level, finding.code, finding.path) == ("error", code, "$.apiUrl")
    assert "Postmark" in finding.message
    assert "sent" not in finding.message
    assert len(finding.message) < 260
    assert finding.fix


@faults
@pytest.mark.parametrize("answered", [1, 6])
def test_a_provider_that_fails_on_the_way_is_one_finding_after_those_before(
    fault: str, answered: int, postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    behaviour, code = FAULTS[fault]

    *before, last = check_before(sandbox, postmark, *[pass_on(sandbox.url)] * answered, behaviour)

    assert (last.level, last.code, last.path) == ("error", code, "$.apiUrl")
    assert [finding.code for finding in before][:1] == ["credentials_accepted"]
    assert {finding.level for finding in before} == {"ok"}
    assert len(before) < 3 + len(USAGE_TYPES)


def test_after_a_failure_no_more_is_asked(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    templates = [
        {"usageType": usage_type, "locale": f"x-{number}", "templateAlias": f"t-{number}-{usage_type}"}
        for usage_type in USAGE_TYPES
        for number in range(40)
    ]
    with WireServer(pass_on(sandbox.url), respond(500)) as server:
        config = {**sandbox.config, "templates": [*sandbox.config["templates"], *templates], "apiUrl": server.url}

        findings = postmark.check_connection(config)

        assert len(server.requests) <= 1 + 2 * 8  # of eight threads, each may be about to ask
    assert [finding.code for finding in findings] == ["credentials_accepted", "no_answer"]


def test_nobody_at_the_address_is_the_only_finding(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    with refuse_connections() as nowhere:
        (finding,) = postmark.check_connection({**sandbox.config, "apiUrl": nowhere})

    assert (finding.level, finding.code, finding.path) == ("error", "not_reached", "$.apiUrl")


def test_a_token_that_is_revoked_on_the_way_is_told_once(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    refusal = respond_json({"ErrorCode": 10, "Message": "The Server Token is not valid."}, 401)

    findings = check_before(sandbox, postmark, pass_on(sandbox.url), refusal)

    assert [(finding.code, finding.path) for finding in findings] == [
        ("credentials_accepted", "$.serverToken"),
        ("authorization_failed", "$.serverToken"),
    ]


@pytest.mark.parametrize("status", [401, 200])
def test_a_refused_token_is_told_by_the_status_or_by_the_number(
    status: int, postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    behaviour = respond(401) if status == 401 else respond_json({"ErrorCode": 10, "Message": "Bad token."})

    (finding,) = check_before(sandbox, postmark, behaviour)

    assert (finding.code, finding.path) == ("authorization_failed", "$.serverToken")


def test_a_refusal_to_tell_of_the_server_is_no_answer_of_postmark(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    (finding,) = check_before(sandbox, postmark, respond_json({"ErrorCode": 409, "Message": "Headers, please."}, 422))

    assert (finding.level, finding.code, finding.path) == ("error", "not_understood", "$.apiUrl")


def test_a_refusal_to_tell_of_the_stream_is_a_warning(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    def refuse(line: Line) -> None:
        is_stream = line.request.target.startswith("/message-streams/")
        refusal = {"ErrorCode": 1299, "Message": "Streams are closed today. " * 40}
        (respond_json(refusal, 422) if is_stream else pass_on(sandbox.url))(line)

    (problem,) = (finding for finding in check_before(sandbox, postmark, refuse) if finding.level != "ok")

    assert (problem.level, problem.code, problem.path) == ("warning", "stream_unknown", "$.messageStream")
    assert "1299: Streams are closed today" in problem.message
    assert len(problem.message) < 300


def test_the_token_is_in_no_finding_though_postmark_repeats_it(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    token = sandbox.config["serverToken"]
    refusal = respond_json({"ErrorCode": 1199, "Message": f"{'word ' * 37}the token {token} is odd."}, 422)

    findings = check_before(sandbox, postmark, pass_on(sandbox.url), refusal)

    assert len(findings) > 3
    assert not [text for finding in findings for text in (finding.message, finding.fix) if token[:8] in text]


# Answers of any shape

RENDERED = {"ContentIsValid": True, "ValidationErrors": [], "RenderedContent": "zq7xkv93wj"}
BROKEN = {"ContentIsValid": False, "ValidationErrors": [{"Message": "Bad.", "Line": 1, "CharacterPosition": 2}]}
SHAPES: dict[str, list[dict[str, Any]]] = {
    "/server": [{"ID": 1, "Name": "Live", "DeliveryType": "Live"}],
    "/email": [{"ErrorCode": 300, "Message": "Zero recipients specified"}, {"ErrorCode": 400, "Message": "No."}],
    "/message-streams": [{"ID": "outbound", "MessageStreamType": "Transactional", "ArchivedAt": None}],
    "/templates": [
        {
            "TemplateId": 1,
            "Name": "Code",
            "Active": True,
            "TemplateType": "Standard",
            "LayoutTemplate": None,
            "Subject": "{{code}}",
            "HtmlBody": "{{code}}",
            "TextBody": None,
        }
    ],
    "/templates/validate": [
        {
            "AllContentIsValid": valid,
            "Subject": RENDERED,
            "HtmlBody": RENDERED if valid else BROKEN,
            "TextBody": None,
            "SuggestedTemplateModel": {"code": "code_Value", "cod": "cod_Value"},
        }
        for valid in (True, False)
    ],
}
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just("x\r\n" * 3000)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=20), inner, max_size=4)),
    max_leaves=10,
)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """Return a JSON value with something else in one of its places."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {**value, key: draw(mutated(value[key]))}
        return {name: member for name, member in value.items() if name != key}
    if isinstance(value, list) and value and draw(st.booleans()):
        return [draw(mutated(value[0]))]
    return draw(JSON)


@st.composite
def answers(draw: st.DrawFn) -> dict[str, tuple[int, Any]]:
    """Return a status and a JSON value for each kind of question, some of them as Postmark would answer."""
    statuses = st.sampled_from([200, 200, 200, 200, 201, 401, 404, 422, 500])
    drawn = {}
    for question, shapes in SHAPES.items():
        shape = draw(st.sampled_from(shapes))
        is_right = draw(st.booleans())
        drawn[question] = (200 if is_right else draw(statuses), shape if is_right else draw(mutated(shape)))
    return drawn


class Answering:
    """A server that answers each kind of question as it was last told to."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}

    def behave(self, line: Line) -> None:
        target = line.request.target
        folder = f"/{target.split('/')[1]}"
        status, value = self.answers[target if target in self.answers else folder]
        respond(status, json.dumps(value).encode(), ["Content-Type: application/json"])(line)


@pytest.fixture(scope="module")
def answering() -> Iterator[tuple[Answering, str]]:
    scripted = Answering()
    with WireServer(scripted.behave) as server:
        yield scripted, server.url


def make_config(url: str) -> dict[str, Any]:
    types = ["SignIn", "Register", "ForgotPassword", "Generic", "OrganizationInvitation"]
    templates = [{"usageType": usage_type, "templateAlias": "shared"} for usage_type in types]
    templates[1] = {"usageType": "Register", "templateAlias": "other"}
    return {"serverToken": "made-up-token", "fromEmail": "a@example.com", "templates": templates, "apiUrl": url}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=answers())
def test_answers_of_any_shape_give_findings(
    drawn: dict[str, tuple[int, Any]], postmark: Connector, answering: tuple[Answering, str]
) -> None:
    scripted, url = answering
    scripted.answers = drawn

    findings = postmark.check_connection(make_config(url))

    assert findings
    assert "check_failed" not in [finding.code for finding in findings]
    assert all((finding.fix == "") == (finding.level == "ok") for finding in findings)
    for finding in findings:
        assert len(finding.message) < 700
        assert len(finding.message.splitlines()) == 1
        assert finding.path.startswith("$.")


def test_the_answers_that_are_mutated_are_understood_as_they_are(
    postmark: Connector, answering: tuple[Answering, str]
) -> None:
    scripted, url = answering
    scripted.answers = {question: (200, shapes[0]) for question, shapes in SHAPES.items()}

    found = {finding.code for finding in postmark.check_connection(make_config(url))}

    assert found == {"credentials_accepted", "sender_unknown", "stream_accepted", "unknown_variable"}
