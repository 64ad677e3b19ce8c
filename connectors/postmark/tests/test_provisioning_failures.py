"""Postmark fails, or somebody else answers for it, while templates are pushed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import network_environment
import pytest
from connector_postmark.sandbox import PostmarkSandbox

from connector_core import (
    AuthorizationFailed,
    Host,
    InvalidResponse,
    Limits,
    ProviderUnavailable,
    RateLimitExceeded,
    SendError,
    Template,
    starter_templates,
)
from connector_core.testing import wire_behaviours as wire
from connector_core.testing.wire_server import HANG_GUARD, WireServer, finish, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector_core import Connector, TemplateChange
    from connector_core.testing.wire_server import Behaviour, Line

TOKEN = "11111111-2222-3333-4444-555555555555"
REQUIRED = ("SignIn", "Register", "ForgotPassword", "Generic")
CONFIG: dict[str, Any] = {
    "serverToken": TOKEN,
    "fromEmail": "noreply@example.com",
    "templates": [{"usageType": name, "templateAlias": name.lower()} for name in REQUIRED],
}
OTHER = [Template(usage_type=name, subject="s {{code}}", html="h {{code}}", text="t {{code}}") for name in REQUIRED]
STORED = {"TemplateId": 1, "Subject": "s", "HtmlBody": "h", "TextBody": "t"}
FOREIGN: list[Any] = [
    [],
    None,
    "ok",
    {},
    {"status": "fine"},
    {"TemplateId": 1},
    {"HtmlBody": "h", "TextBody": "t"},
    {**STORED, "TemplateId": "1"},
    {**STORED, "TemplateId": True},
    {**STORED, "Subject": 5},
    {**STORED, "HtmlBody": ["h"]},
    {**STORED, "TextBody": {}},
    {**STORED, "TemplateType": 1},
    {**STORED, "LayoutTemplate": 1},
    {**STORED, "ErrorCode": "0"},
]
"""What somebody else may answer for Postmark with the status of a success, as a template."""

HTML = wire.respond(200, b"<html>Welcome to the hotel's network</html>", ["Content-Type: text/html"])
BROKEN_OFF = wire.say_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n", b'{"Mess')


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network_environment.forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def impatient() -> Iterator[Connector]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5, retries=0)) as host:
        yield host["postmark-mail"]


@pytest.fixture
def adopted() -> Iterator[PostmarkSandbox]:
    """Serve a sandbox that has the templates of the config."""
    with PostmarkSandbox(CONFIG) as sandbox:
        yield sandbox


def plan(connector: Connector, url: str, **settings: Any) -> list[TemplateChange]:
    with connector.configure({**CONFIG, **settings, "apiUrl": url}) as configured:
        return configured.plan_templates(OTHER)


def fail(action: Callable[[], object]) -> SendError:
    """Return the error of an action that is over in time; it is one that a host can act upon, and has no secret."""
    with pytest.raises(SendError) as caught:
        finish(action)
    error = caught.value
    assert error.outcome == "not_sent"
    assert TOKEN not in repr(error) + str(error)
    assert str(error).endswith((".", ")"))
    assert "message" not in str(error).lower()
    return error


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        pytest.param(wire.respond_json({"ErrorCode": 10, "Message": "No."}, 401), AuthorizationFailed, id="bad token"),
        pytest.param(wire.respond(429), RateLimitExceeded, id="429"),
        pytest.param(wire.respond(500), ProviderUnavailable, id="500"),
        pytest.param(wire.respond(503), ProviderUnavailable, id="503"),
        pytest.param(wire.hang_up, ProviderUnavailable, id="hangs up"),
        pytest.param(wire.reset, ProviderUnavailable, id="resets"),
        pytest.param(wire.stay_silent, ProviderUnavailable, id="silent"),
        pytest.param(BROKEN_OFF, ProviderUnavailable, id="breaks off"),
        pytest.param(wire.respond(301, headers=["Location: https://other.example/"]), InvalidResponse, id="redirect"),
        pytest.param(wire.respond(404, b"<html>Not here</html>"), SendError, id="404"),
        pytest.param(HTML, InvalidResponse, id="HTML"),
        pytest.param(wire.respond(200), InvalidResponse, id="empty"),
        *(pytest.param(wire.respond_json(value), InvalidResponse, id=f"{value!r:.30}") for value in FOREIGN),
    ],
)
def test_a_plan_that_fails_is_an_error_to_act_upon(
    impatient: Connector, behaviour: Behaviour, kind: type[SendError]
) -> None:
    with WireServer(behaviour) as server:
        assert type(fail(lambda: plan(impatient, server.url))) is kind
        assert {one.method for one in server.requests} == {"GET"}


def test_a_postmark_that_can_not_be_reached_is_told(impatient: Connector) -> None:
    with refuse_connections() as url:
        assert type(fail(lambda: plan(impatient, url))) is ProviderUnavailable


def test_a_wrong_token_is_told(impatient: Connector, adopted: PostmarkSandbox) -> None:
    error = fail(lambda: plan(impatient, adopted.url, serverToken="wrong"))
    assert type(error) is AuthorizationFailed
    assert error.provider is not None
    assert error.provider.code == 10


def test_a_template_without_a_layout_or_a_type_is_understood(impatient: Connector) -> None:
    with WireServer(wire.respond_json({**STORED, "Subject": None, "TextBody": None, "More": 1})) as server:
        (change,) = plan(impatient, server.url)  # one id, hence one template
    assert change.before is not None
    assert (change.before.subject, change.before.html, change.before.text) == ("", "h", "")
    assert change.action == "update"


# A change whose answer is lost


def lose_answer(line: Line, _answer: wire.Answer) -> None:
    line.close()


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(wire.hang_up, id="hangs up"),
        pytest.param(wire.reset, id="resets"),
        pytest.param(wire.stay_silent, id="silent"),
        pytest.param(BROKEN_OFF, id="breaks off"),
        pytest.param(wire.respond(500), id="500"),
        pytest.param(wire.respond(504, b"<html>Late</html>"), id="504"),
        pytest.param(HTML, id="HTML"),
        pytest.param(wire.respond_json({}), id="another object"),
    ],
)
@pytest.mark.parametrize("is_new", [True, False], ids=["create", "update"])
def test_a_change_whose_answer_is_lost_goes_out_once_and_may_be_done_again(
    impatient: Connector, adopted: PostmarkSandbox, behaviour: Behaviour, *, is_new: bool
) -> None:
    if is_new:
        for one in adopted.account.templates:
            adopted.account.remove_template(one)
    pass_to_sandbox = wire.pass_on(adopted.url)
    with WireServer(*[pass_to_sandbox] * 5, behaviour, pass_to_sandbox) as server:
        change = plan(impatient, server.url)[0]
        error = fail(change.apply)
        assert (type(error), error.retryable) == (ProviderUnavailable, True)
        assert "nobody knows whether it has the template signin now" in str(error)
        assert len([one for one in server.requests if one.method != "GET"]) == 1
        change.apply()
    written = adopted.account.find_template("signin")
    assert written is not None
    assert written.subject == "s {{code}}"


@pytest.mark.parametrize("is_new", [True, False], ids=["create", "update"])
def test_a_change_that_arrived_is_not_made_again(
    impatient: Connector, adopted: PostmarkSandbox, *, is_new: bool
) -> None:
    if is_new:
        for one in adopted.account.templates:
            adopted.account.remove_template(one)
    pass_to_sandbox = wire.pass_on(adopted.url)
    with WireServer(*[pass_to_sandbox] * 5, wire.pass_on(adopted.url, lose_answer), pass_to_sandbox) as server:
        change = plan(impatient, server.url)[0]
        assert type(fail(change.apply)) is ProviderUnavailable
        written = adopted.account.templates
        change.apply()
        assert len([one for one in server.requests if one.method != "GET"]) == 1
    assert adopted.account.templates == written


def test_a_change_that_fails_before_it_is_made_is_not_in_doubt(impatient: Connector, adopted: PostmarkSandbox) -> None:
    pass_to_sandbox = wire.pass_on(adopted.url)
    for behaviour, kind in ((wire.hang_up, ProviderUnavailable), (HTML, InvalidResponse)):
        with WireServer(*[pass_to_sandbox] * 4, behaviour) as server:
            change = plan(impatient, server.url)[0]
            error = fail(change.apply)
            assert type(error) is kind
            assert "nobody knows" not in str(error)
            assert {one.method for one in server.requests} == {"GET"}


# Many templates


def make_entries(count: int) -> list[dict[str, Any]]:
    return [*CONFIG["templates"], *({"usageType": f"Own{n}", "templateAlias": f"own-{n}"} for n in range(count - 4))]


def test_eight_templates_at_once_are_asked_for_and_no_more(postmark: Connector) -> None:
    together = threading.Barrier(8)

    with PostmarkSandbox(CONFIG) as sandbox:
        pass_to_sandbox = wire.pass_on(sandbox.url)

        def behave(line: Line) -> None:
            together.wait(HANG_GUARD)
            pass_to_sandbox(line)

        with WireServer(behave) as server:
            changes = plan(postmark, server.url, templates=make_entries(32))
            assert server.connections == 8  # each is used again; one more request at once would take one more

    assert [change.name for change in changes] == [entry["templateAlias"] for entry in make_entries(32)]


def test_hundreds_of_templates_are_planned(postmark: Connector) -> None:
    with PostmarkSandbox({**CONFIG, "templates": make_entries(600)}) as sandbox:
        with postmark.configure(sandbox.config) as configured:
            changes = configured.plan_templates(starter_templates())
        assert [change.action for change in changes] == ["keep"] * 600


def test_after_a_failure_the_rest_is_not_waited_for() -> None:
    def behave(line: Line) -> None:
        is_first = line.request.target.endswith("/signin")
        (wire.respond(500) if is_first else wire.stay_silent)(line)

    patient = Limits(read=2 * HANG_GUARD, total=2 * HANG_GUARD)
    with WireServer(behave) as server, Host.discover(limits=patient) as host:
        error = fail(lambda: plan(host["postmark-mail"], server.url))
    assert error.provider is not None
    assert error.provider.status == 500


def test_after_a_failure_the_rest_is_not_asked_for(impatient: Connector) -> None:
    with WireServer(wire.respond(500), wire.stay_silent) as server:
        fail(lambda: plan(impatient, server.url, templates=make_entries(600)))
        assert len(server.requests) < 50
