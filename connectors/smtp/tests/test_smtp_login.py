"""Signing in: the mechanisms, what a server may answer, and what becomes of the password."""

from __future__ import annotations

import base64
import hmac
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from crash_report import format_everything

from connector_core import AuthorizationFailed, ConnectorError, Host, Message, SendError
from connector_core.testing.wire_server import finish

from .smtp_server import CA, PASSWORD, USER, ScriptedServer, config_for, hang_up, make_context, stay_silent
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .smtp_server import Connection

MESSAGE = Message("ann@example.com", "SignIn", {"code": "123456"})
TOKEN = "ya29.made-up_t0ken+of/the=test"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PLAIN = f"AUTH PLAIN {encode(f'{chr(0)}{USER}{chr(0)}{PASSWORD}')}"
BEARER = f"AUTH XOAUTH2 {encode(f'user={USER}{chr(1)}auth=Bearer {TOKEN}{chr(1)}{chr(1)}')}"


def sign_in(
    host: Host, script: dict[str, Any], offers: str | None, auth: dict[str, Any] | None = None
) -> tuple[list[str], SendError | None]:
    """Send a mail; return what was said to sign in, and the error if there was one."""
    extensions = ["SIZE", *([f"AUTH {offers}"] if offers is not None else [])]
    error = None
    with ScriptedServer(script, extensions=extensions) as server:
        config = config_for(server.port, **({"auth": auth} if auth else {}))
        with host["simple-mail-transfer-protocol"].configure(config) as mail:
            try:
                finish(lambda: mail.send_message(MESSAGE))
            except SendError as raised:
                error = raised
    said = [line for line in server.commands if line.partition(" ")[0] not in {"ehlo", "MAIL", "RCPT", "DATA", "QUIT"}]
    return said, error


def test_plain_is_said_in_one_line(host: Host) -> None:
    assert sign_in(host, {}, "LOGIN PLAIN CRAM-MD5") == ([PLAIN], None)


def test_login_answers_two_questions(host: Host) -> None:
    script = {"AUTH": "334 VXNlcm5hbWU6", "RESPONSE": ["334 UGFzc3dvcmQ6", "235 Welcome"]}
    assert sign_in(host, script, "LOGIN") == (["AUTH LOGIN", encode(USER), encode(PASSWORD)], None)


def test_cram_md5_signs_the_challenge(host: Host) -> None:
    challenge = "<1896.697170952@mail.example.com>"
    digest = hmac.new(PASSWORD.encode(), challenge.encode(), "md5").hexdigest()
    said = sign_in(host, {"AUTH": f"334 {encode(challenge)}"}, "CRAM-MD5")
    assert said == (["AUTH CRAM-MD5", encode(f"{USER} {digest}")], None)


def test_a_long_password_is_kept_for_the_question(host: Host) -> None:
    password = "x" * 500
    said, error = sign_in(host, {"AUTH": "334 "}, "PLAIN", {"user": USER, "pass": password})
    assert (said, error) == (["AUTH PLAIN", encode(f"\0{USER}\0{password}")], None)


def test_mechanisms_are_known_in_any_letters(host: Host) -> None:
    assert sign_in(host, {}, "plain xyz") == ([PLAIN], None)


@pytest.mark.parametrize("code", [504, 534, 502])
def test_a_mechanism_that_is_offered_and_not_there_is_followed_by_the_next(host: Host, code: int) -> None:
    script = {"AUTH": [f"{code} 5.5.4 No such mechanism", "334 x"], "RESPONSE": ["334 x", "235 Welcome"]}
    said, error = sign_in(host, script, "PLAIN LOGIN")
    assert said == [PLAIN, "AUTH LOGIN", encode(USER), encode(PASSWORD)]
    assert error is None


def test_a_wrong_password_is_tried_once(host: Host) -> None:
    said, error = sign_in(host, {"AUTH": "535 5.7.8 Wrong"}, "PLAIN LOGIN CRAM-MD5")
    assert said == [PLAIN]
    assert isinstance(error, AuthorizationFailed)
    assert error.provider is not None
    assert error.provider.to_json() == {"code": "5.7.8", "message": "Wrong", "status": 535}


@pytest.mark.parametrize("offers", [None, "", "GSSAPI NTLM", "XOAUTH2"])
def test_a_server_that_takes_no_password_gets_none(host: Host, offers: str | None) -> None:
    said, error = sign_in(host, {}, offers)
    assert said == []
    assert isinstance(error, AuthorizationFailed)
    assert "offers none of PLAIN, LOGIN, CRAM-MD5" in str(error)


def test_a_server_that_takes_no_token_gets_none(host: Host) -> None:
    said, error = sign_in(host, {}, "PLAIN LOGIN", {"type": "oauth2", "user": USER, "accessToken": TOKEN})
    assert said == []
    assert isinstance(error, AuthorizationFailed)
    assert "offers none of XOAUTH2" in str(error)


@pytest.mark.parametrize("questions", [["334 eA=="], ["334 eA==", "334 eA==", "334 eA==", "535 5.7.8 Wrong"]])
def test_a_server_that_asks_and_asks_is_cut_short(host: Host, questions: Sequence[str]) -> None:
    said, error = sign_in(host, {"AUTH": "334 eA==", "RESPONSE": questions}, "LOGIN")
    assert said[:4] == ["AUTH LOGIN", encode(USER), encode(PASSWORD), "*"]
    assert error is not None
    assert error.outcome == "not_sent"


def test_a_challenge_that_is_no_base64_is_none(host: Host) -> None:
    said, error = sign_in(host, {"AUTH": "334 é", "RESPONSE": "535 5.7.8 Wrong"}, "CRAM-MD5")
    assert len(said) == 2
    assert isinstance(error, AuthorizationFailed)


@pytest.mark.parametrize("kind", ["oauth2", "OAuth2", "OAUTH2", None])
def test_an_access_token_signs_in(host: Host, kind: str | None) -> None:
    auth = {"user": USER, "accessToken": TOKEN, **({"type": kind} if kind else {})}
    assert sign_in(host, {}, "PLAIN XOAUTH2", auth) == ([BEARER], None)


def test_a_long_access_token_is_kept_for_the_question(host: Host) -> None:
    auth = {"type": "oauth2", "user": USER, "accessToken": TOKEN * 50}
    said, error = sign_in(host, {"AUTH": "334 "}, "XOAUTH2", auth)
    assert error is None
    assert said == ["AUTH XOAUTH2", encode(f"user={USER}\1auth=Bearer {TOKEN * 50}\1\1")]


def test_a_refused_token_is_told_with_what_the_server_says_at_last(host: Host) -> None:
    problem = encode(json.dumps({"status": "400", "schemes": "Bearer", "scope": "https://mail.google.com/"}))
    script = {"AUTH": f"334 {problem}", "RESPONSE": "535 5.7.8 Username and Password not accepted."}
    said, error = sign_in(host, script, "XOAUTH2", {"type": "oauth2", "user": USER, "accessToken": TOKEN})
    assert said == [BEARER, ""]
    assert isinstance(error, AuthorizationFailed)
    assert error.provider is not None
    assert error.provider.code == "5.7.8"


# Nothing of it shows

TRACES = {
    PASSWORD,
    PASSWORD[2:],
    json.dumps(PASSWORD)[1:-1],
    repr(PASSWORD)[1:-1],
    encode(PASSWORD),
    TOKEN,
    encode(TOKEN),
}
TRACES |= {PLAIN[11:], BEARER[13:], encode(f"{USER}\0{PASSWORD}")}


def find_traces(text: str) -> list[str]:
    return [trace for trace in TRACES if trace in text]


def list_what_was_said(connection: Connection) -> str:
    """Return the lines of the client, as they came and decoded."""
    words = [line.rpartition(" ")[2] for line in connection.heard[1:]]
    decoded = [base64.b64decode(word).decode() for word in words if len(word) > 8]
    return " ".join([*connection.heard, *decoded]).replace("\0", " ").replace("\1", " ")


def repeat_what_was_said(connection: Connection) -> None:
    connection.say(f"535-5.7.8 You said\n535 5.7.8 {list_what_was_said(connection)}")


def repeat_it_beyond_the_quote(connection: Connection) -> None:
    connection.say(f"535 5.7.8 {'x' * 470}{list_what_was_said(connection)}")


def repeat_it_to_the_recipient(connection: Connection) -> None:
    connection.heard[2:] = [line for line in connection.heard[2:] if ":" not in line]
    connection.say(f"550 5.1.1 {list_what_was_said(connection)}")


def catch(action: Callable[[], object]) -> ConnectorError:
    """Return the error of an action, without the frames of the test, whose variables hold everything."""
    try:
        action()
    except ConnectorError as error:
        trace = error.__traceback__
        return error.with_traceback(trace and trace.tb_next)
    pytest.fail("The action raises no error.")


FAILURES: dict[str, dict[str, Any]] = {
    "refuses": {"AUTH": "535 5.7.8 Wrong"},
    "refuses and repeats": {"AUTH": repeat_what_was_said},
    "refuses and repeats late": {"AUTH": repeat_it_beyond_the_quote},
    "asks, refuses and repeats": {"AUTH": "334 eA==", "RESPONSE": ["334 eA==", repeat_what_was_said]},
    "hangs up": {"AUTH": hang_up},
    "is silent": {"AUTH": stay_silent},
    "speaks nonsense": {"AUTH": "lorem"},
    "asks and hangs up": {"AUTH": "334 ", "RESPONSE": hang_up},
    "asks and refuses": {"AUTH": "334 eA==", "RESPONSE": "535 5.7.8 Wrong"},
}
LATER_FAILURES: dict[str, dict[str, Any]] = {
    "repeats it later": {"RCPT": repeat_it_to_the_recipient},
    "refuses the sender": {"MAIL": "550 5.7.1 No"},
    "breaks after the mail": {"CONTENT": hang_up},
}
LETS_IN: dict[str, dict[str, Any]] = {
    "PLAIN": {},
    "LOGIN": {"AUTH": "334 eA==", "RESPONSE": ["334 eA==", "235 Welcome"]},
    "CRAM-MD5": {"AUTH": "334 eA=="},
    "XOAUTH2": {},
}
CREDENTIALS: dict[str, dict[str, Any]] = {
    "PLAIN": {"user": USER, "pass": PASSWORD},
    "LOGIN": {"user": USER, "pass": PASSWORD},
    "CRAM-MD5": {"user": USER, "pass": PASSWORD},
    "XOAUTH2": {"type": "oauth2", "user": USER, "accessToken": TOKEN},
}


@pytest.mark.parametrize("mechanism", CREDENTIALS)
@pytest.mark.parametrize("failure", [*FAILURES, *LATER_FAILURES])
def test_no_error_and_no_log_shows_the_password_or_token(
    host: Host, mechanism: str, failure: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    script = FAILURES.get(failure) or {**LETS_IN[mechanism], **LATER_FAILURES[failure]}
    with ScriptedServer(script, extensions=[f"AUTH {mechanism}"]) as server:
        config = {**config_for(server.port), "auth": CREDENTIALS[mechanism], "debug": True, "logger": True}
        mail = host["simple-mail-transfer-protocol"].configure({**config, "socketTimeout": 200})
        error = catch(lambda: mail.send_message(MESSAGE))
        mail.close()
    shown = format_everything(error) + json.dumps(error.to_json(), ensure_ascii=False)
    assert find_traces(shown) == []
    assert find_traces(caplog.text) == []
    assert capfd.readouterr() == ("", "")


def test_a_bad_certificate_shows_no_password(host: Host) -> None:
    with ScriptedServer(tls=make_context("mail.example.org")) as server:
        mail = host["simple-mail-transfer-protocol"].configure(config_for(server.port, tls={"ca": CA}))
        error = catch(lambda: mail.send_message(MESSAGE))
    assert find_traces(format_everything(error)) == []
