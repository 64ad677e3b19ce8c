"""The secret and the address of the endpoint: in the request, and in nothing that anybody reads afterwards."""

from __future__ import annotations

import base64
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from connector_http_email import plugin
from crash_report import format_everything

from connector_core import ConnectorError, Host, Limits, Message
from connector_core.testing import wire_behaviours, wire_server
from connector_core.testing.wire_behaviours import respond, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour, Line

TOKEN = "tok+5f2c/9a=Sec\"r'et\\"
SECRET = f"Bearer {TOKEN}"
CODE = "731904"
PATH_TOKEN = "hook-9f8e7d6c"
QUERY_TOKEN = "LettersOnlyButVeryLong"
PATH = f"/hooks/{PATH_TOKEN}/messages?key={QUERY_TOKEN}&v=1"
HIDDEN = {
    TOKEN,
    json.dumps(TOKEN)[1:-1],
    repr(TOKEN)[1:-1],
    "tok%2B5f2c%2F9a%3DSec%22r%27et%5C",
    "5f2c/9a",
    base64.b64encode(SECRET.encode()).decode(),
    PATH_TOKEN,
    QUERY_TOKEN,
    "/hooks/",
}
MESSAGE = Message("ann@example.com", "SignIn", {"code": CODE})


def config_for(url: str) -> dict[str, Any]:
    return {"endpoint": url + PATH, "authorization": {"$env": "HTTP_EMAIL_SECRET_OF_THE_TEST"}}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("HTTP_EMAIL_SECRET_OF_THE_TEST", SECRET)
    for name in ("", "urllib3", "requests", "connector_core"):
        caplog.set_level(logging.DEBUG, logger=name)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5)) as discovered:
        yield discovered


def find_hidden(text: str) -> list[str]:
    return [hidden for hidden in HIDDEN if hidden in text]


def read_own_log(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("connector")]


def fail_to_send(host: Host, url: str) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        host["http-email"].send_message(config_for(url), MESSAGE)
    return caught.value


def say(template: str, status: int = 422) -> Behaviour:
    """Answer with a sentence of an endpoint that repeats what it got."""

    def behave(line: Line) -> None:
        said = template.format(
            header=line.request.headers["authorization"],
            token=line.request.headers["authorization"].split(" ")[1],
            target=line.request.target,
            path=line.request.target.split("?")[0],
            part=PATH_TOKEN,
            value=QUERY_TOKEN,
        )
        respond_json({"code": said, "message": said}, status)(line)

    return behave


def say_as_text(line: Line) -> None:
    respond(400, f"{line.request.target} {line.request.headers['authorization']}".encode())(line)


def say_as_html(line: Line) -> None:
    respond(500, f"<html>{line.request.target} {line.request.headers}</html>".encode())(line)


ECHOES = [
    pytest.param(say("Invalid header: {header}", 401), id="the header"),
    pytest.param(say("Invalid token {token}.", 403), id="the token"),
    pytest.param(say("Cannot POST {target}", 404), id="the target"),
    pytest.param(say("Cannot POST {path}", 404), id="the path"),
    pytest.param(say("The webhook {part} is not registered.", 404), id="a part of the path"),
    pytest.param(say("Unknown key {value}"), id="a value of the query"),
    pytest.param(say("x" * 485 + "{token}"), id="the token where the quote is cut"),
    pytest.param(say("x" * 490 + "{target}"), id="the target where the quote is cut"),
    pytest.param(say_as_text, id="all as text"),
    pytest.param(say_as_html, id="all as HTML"),
]
FAILURES = [
    pytest.param(respond_json({"code": "blocked", "message": "No."}, 422), id="refuses"),
    pytest.param(respond(401), id="refuses the secret"),
    pytest.param(respond(500), id="fails"),
    pytest.param(wire_behaviours.hang_up, id="hangs up"),
    pytest.param(wire_behaviours.stay_silent, id="says nothing"),
    pytest.param(respond(302, headers=["Location: https://other.example/"]), id="redirects"),
    pytest.param(respond(200, b"<html>"), id="says HTML"),
    pytest.param(respond(503), id="is busy"),
    pytest.param(respond(200, b"x" * 1_500_000), id="sends too much"),
]


def test_the_secret_arrives_as_it_is(host: Host) -> None:
    with WireServer(respond(204)) as server:
        host["http-email"].send_message(config_for(server.url), MESSAGE)
    assert server.requests[0].headers["authorization"] == SECRET
    assert server.requests[0].target == PATH


def test_a_send_logs_one_line_without_secret_address_payload_or_recipient(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    with WireServer(respond(204)) as server:
        host["http-email"].send_message(config_for(server.url), MESSAGE)
    (line,) = read_own_log(caplog)
    assert line.startswith("http-email SignIn sent ")
    assert find_hidden(line) == []
    assert TOKEN not in caplog.text
    assert CODE not in caplog.text
    assert "ann@example.com" not in caplog.text


@pytest.mark.parametrize("behaviour", [*ECHOES, *FAILURES])
def test_a_failed_send_shows_neither_secret_nor_address(
    host: Host, caplog: pytest.LogCaptureFixture, behaviour: Behaviour
) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert server.requests[0].target == PATH  # so there was something to show
    assert find_hidden(format_everything(error, with_locals=False)) == []
    assert find_hidden(json.dumps(error.to_json())) == []
    assert find_hidden("".join(read_own_log(caplog))) == []
    assert TOKEN not in caplog.text
    assert CODE not in caplog.text


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_failed_send_has_no_secret_in_its_local_variables(host: Host, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert TOKEN not in format_everything(error)
    assert json.dumps(TOKEN)[1:-1] not in format_everything(error)


@pytest.mark.parametrize("behaviour", FAILURES[:3])
def test_a_refusal_has_no_code_in_its_local_variables(host: Host, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    assert CODE not in format_everything(error)


@pytest.mark.parametrize("behaviour", FAILURES)
def test_no_frame_of_the_connector_has_the_code_in_its_local_variables(host: Host, behaviour: Behaviour) -> None:
    with WireServer(behaviour) as server:
        error = fail_to_send(host, server.url)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if frame.f_code.co_filename == plugin.__file__]
    assert own
    assert CODE not in repr([frame.f_locals for frame in own])


@pytest.mark.parametrize(
    ("address", "said", "shown"),
    [
        ("/hook?token=ab%2Fcd%3D12345678", "bad token ab/cd=12345678", "bad token ***"),
        ("/hook?token=ab%2Fcd%3D12345678", "bad token ab%2Fcd%3d12345678", "bad token ***"),
        ("/hook?token=a+b+cdef", "bad token a b cdef", "bad token ***"),
        ("/hook/abc%2Bdef123", "unknown abc+def123", "unknown ***"),
        ("/hook?key=hunterpass", "bad key hunterpass", "bad key ***"),
        ("/hook?key=hunterpass", "bad key=hunterpass", "bad ***"),
        ("/hook?hunterpass", "bad key hunterpass", "bad key ***"),
        ("/hook?v=1&key=two;parts", "bad key two;parts", "bad key ***"),
        ("/hook?key=hunter==", "bad key hunter==", "bad key ***"),
        ("/hook;sig=abcdefghij", "bad sig abcdefghij", "bad sig ***"),
        ("/hook;sig=abcdefghij?x=1", "abcdefghij is bad", "*** is bad"),
        ("/bot123456:AbCdEf7/send", "AbCdEf7 is bad", "*** is bad"),
        ("/hook/m%C3%BCnchen4711", "münchen4711 is bad", "*** is bad"),
        ("/hook/made-up-4711", "Cannot POST /hook/made-up-4711", "Cannot POST ***"),
        # Ordinary words and short texts stay.
        ("/send", "Cannot POST /send, try /sender", "Cannot POST /send, try /sender"),
        ("/send?v=1&key=", "Cannot POST /send?v=1&key=", "Cannot POST /send?v=1&key="),
        ("/api/v1/send?tenant=7", "Cannot POST /api/v1/send?tenant=7", "Cannot POST /api/v1/send?tenant=7"),
        ("/send?key=hunterpass", "Cannot POST /send, try /sender", "Cannot POST /send, try /sender"),
        ("/m%C3%BCnchen", "Cannot POST /münchen", "Cannot POST /münchen"),
    ],
)
def test_only_what_may_be_a_secret_of_the_address_is_struck_out(
    host: Host, address: str, said: str, shown: str
) -> None:
    with WireServer(respond_json({"message": said}, 422)) as server, pytest.raises(ConnectorError) as caught:
        host["http-email"].send_message({"endpoint": server.url + address}, MESSAGE)
    assert caught.value.to_json()["provider"]["message"] == shown


def test_ordinary_words_of_the_address_stay_in_what_the_endpoint_says(host: Host) -> None:
    with WireServer(respond_json({"message": "No messages with this key."}, 422)) as server:
        error = fail_to_send(host, server.url)
    assert "No messages with this key." in str(error)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_unreachable_endpoint_shows_neither_secret_nor_address(
    host: Host, caplog: pytest.LogCaptureFixture, scheme: str
) -> None:
    with wire_server.refuse_connections() as url:
        error = fail_to_send(host, url.replace("http", scheme))
    assert find_hidden(format_everything(error, with_locals=False) + caplog.text) == []


@pytest.mark.parametrize("repeated", [SECRET, TOKEN, PATH_TOKEN, QUERY_TOKEN, PATH])
def test_an_answer_that_repeats_a_secret_names_no_id(host: Host, repeated: str) -> None:
    with WireServer(respond_json({"messageId": repeated, "id": "m-1"})) as server:
        result = host["http-email"].send_message(config_for(server.url), MESSAGE)
    assert result.message_id == "m-1"


def test_a_config_issue_shows_neither_secret_nor_address(host: Host) -> None:
    config = {"endpoint": f"http://mail.example.com{PATH}", "authorization": f"{SECRET}\n"}
    issues = host["http-email"].validate_config(config)

    assert [issue.path for issue in issues] == ["$.authorization", "$.endpoint"]
    assert find_hidden(str(issues)) == []


def test_nothing_that_holds_the_config_shows_the_secret(host: Host) -> None:
    configured = host["http-email"].configure(config_for("https://mail.example.com"))
    shown = [repr(each) for each in (configured, configured.config, configured.connector, vars(configured))]
    shown += [f"{configured.config}", json.dumps(host["http-email"].redact_config(configured.config))]
    assert TOKEN not in " ".join(shown)


def test_the_redacted_config_shows_where_messages_go_and_hides_the_secret(host: Host) -> None:
    config = {"endpoint": "https://mail.example.com/send", "authorization": SECRET, "headerName": "X-Api-Key"}

    assert host["http-email"].redact_config(config) == {**config, "authorization": "***"}
