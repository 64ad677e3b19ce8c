"""The command line never shows the token, whatever goes wrong and however it is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_line import CONFIG, TOKEN, run, write_config
from network_environment import forget_network_environment

from connector_core.cli.output import Session
from connector_core.secrets import Redaction
from connector_core.testing.wire_behaviours import hang_up, respond, respond_json
from connector_core.testing.wire_server import Line, WireServer, refuse_connections

if TYPE_CHECKING:
    from pathlib import Path

    from connector_core.testing.wire_server import Behaviour

WRITTEN = (TOKEN, json.dumps(TOKEN)[1:-1], TOKEN.replace("/", "%2F").replace("+", "%2B"))
OPTIONS = pytest.mark.parametrize(
    "options", [[], ["--json"], ["--debug"], ["--debug", "--json"]], ids=["words", "JSON", "debug", "debug JSON"]
)


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def show(command: str, config: str | bytes, *options: str) -> str:
    """Run a command on a config that comes from standard input; return all that it printed."""
    recipient = ["--to", "ann@example.com"] if command == "send" else []
    done = run(command, "postmark-mail", "--config", "-", *recipient, *options, stdin=config)
    return done.stdout + done.stderr


def assert_no_token_in(text: str) -> None:
    assert [written for written in WRITTEN if written in text] == []


WRONG_CONFIGS: dict[str, Any] = {
    "an unknown key beside it": {"tags": "x"},
    "a wrong sender": {"fromEmail": "nonsense"},
    "no template": {"templates": []},
    "a token with a space": {"serverToken": f"{TOKEN} x"},
    "a token with a line break": {"serverToken": f"{TOKEN}\nx"},
    "a token with an accent": {"serverToken": f"{TOKEN}é"},
    "a token that is too long": {"serverToken": TOKEN * 20},
    "a token in a list": {"serverToken": [TOKEN]},
    "a token in an object": {"serverToken": {"value": TOKEN}},
    "a token in a wrong reference": {"serverToken": {"$env": [TOKEN]}},
    "a token in a misspelled key": {"serverToken": None, "servertoken": TOKEN},
    "a token as the sender": {"fromEmail": TOKEN},
    "a token in the address": {"apiUrl": f"https://ann:{TOKEN}@example.com"},
    "a token in a header": {"headers": {"X-Token\n": TOKEN}},
    "a token as the templates": {"templates": TOKEN},
    "a token in a template": {"templates": [{"usageType": "SignIn", "templateAlias": TOKEN, "token": TOKEN}]},
    "a token as a stream": {"messageStream": TOKEN},
}


@OPTIONS
@pytest.mark.parametrize("command", ["validate", "send"])
@pytest.mark.parametrize("settings", WRONG_CONFIGS.values(), ids=WRONG_CONFIGS)
def test_a_wrong_config_shows_no_token(command: str, settings: dict[str, Any], options: list[str]) -> None:
    shown = show(command, json.dumps({**CONFIG, **settings}), *options)
    assert "$." in shown  # the issues are there
    assert_no_token_in(shown)


@OPTIONS
@pytest.mark.parametrize("command", ["validate", "send"])
@pytest.mark.parametrize(
    "content",
    [
        json.dumps(CONFIG)[:-1],
        json.dumps(CONFIG) + "}",
        f"serverToken: {TOKEN}",
        f'{{"serverToken": "{TOKEN}", "serverToken": "{TOKEN}"}}',
        f'["{TOKEN}"]',
        f'"{TOKEN}"',
        json.dumps({**CONFIG, "tag": "x" * 5_000_000}),
        json.dumps(CONFIG).encode() + b"\xff",
        json.dumps(CONFIG).encode("utf-16")[:-1],
    ],
    ids=lambda content: repr(content[-20:]),
)
def test_a_file_that_is_no_config_shows_no_token(command: str, content: str | bytes, options: list[str]) -> None:
    shown = show(command, content, *options)
    assert "config" in shown
    assert_no_token_in(shown)


def echo(line: Line) -> None:
    """Answer as a proxy that quotes the request."""
    respond_json({"ErrorCode": 10, "Message": str(line.request.headers)}, 401)(line)


@OPTIONS
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(echo, id="quotes the request"),
        pytest.param(hang_up, id="hangs up"),
        pytest.param(respond(500, TOKEN.encode()), id="fails"),
        pytest.param(respond(200, f"<html>{TOKEN}</html>".encode()), id="says HTML"),
        pytest.param(respond(302, headers=[f"Location: https://other.example/{TOKEN}"]), id="redirects"),
        pytest.param(respond_json({"ErrorCode": 300, "Message": f"Invalid 'To' address: '{TOKEN}'."}, 422), id="300"),
    ],
)
def test_a_refused_send_shows_no_token(behaviour: Behaviour, options: list[str]) -> None:
    with WireServer(behaviour) as server:
        shown = show("send", json.dumps({**CONFIG, "apiUrl": server.url}), *options)
    assert server.requests[0].headers["x-postmark-server-token"] == TOKEN
    assert shown
    assert_no_token_in(shown)


@OPTIONS
def test_a_provider_out_of_reach_shows_no_token(options: list[str]) -> None:
    with refuse_connections() as url:
        assert_no_token_in(show("send", json.dumps({**CONFIG, "apiUrl": url}), *options))


@OPTIONS
def test_a_result_shows_no_token(options: list[str]) -> None:
    with WireServer(respond_json({"MessageID": "id-1"})) as server:
        shown = show("send", json.dumps({**CONFIG, "apiUrl": server.url}), *options)
    assert "id-1" in shown
    assert_no_token_in(shown)


@OPTIONS
def test_a_good_config_shows_no_token(options: list[str]) -> None:
    assert_no_token_in(show("validate", json.dumps(CONFIG), *options))


@OPTIONS
def test_a_token_from_the_environment_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_TEST", TOKEN)
    with WireServer(echo) as server:
        file = write_config(tmp_path, serverToken={"$env": "TOKEN_OF_THE_TEST"}, apiUrl=server.url)
        done = run("send", "postmark-mail", "--config", file, "--to", "ann@example.com", *options)
    assert done.code == 1
    assert_no_token_in(done.stdout + done.stderr)


@OPTIONS
def test_a_connector_that_fails_with_the_token_in_its_words_is_silenced(
    monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise RuntimeError(f"could not send with {TOKEN}")

    monkeypatch.setattr("connector_postmark.plugin.parse_response", fail)
    with WireServer(respond_json({"MessageID": "id-1"})) as server:
        shown = show("send", json.dumps({**CONFIG, "apiUrl": server.url}), *options)
    assert "RuntimeError" in shown
    assert_no_token_in(shown)


def test_the_traceback_of_a_mistake_in_the_program_shows_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    session = Session()
    session.debug = True
    session.redaction = Redaction([TOKEN])
    with pytest.raises(SystemExit):
        session.fail(RuntimeError(f"unexpected {TOKEN}"))
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out
    assert "RuntimeError: unexpected ***" in printed.err
    assert_no_token_in(printed.out + printed.err)


def test_a_config_in_the_place_of_its_file_is_not_repeated() -> None:
    done = run("validate", "postmark-mail", "--config", json.dumps(CONFIG))
    assert done.code == 2
    assert "name a JSON file" in done.stderr
    assert_no_token_in(done.stdout + done.stderr)
