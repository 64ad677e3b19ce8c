"""The live check of an endpoint: what each answer is called, and that no message is ever posted."""

from __future__ import annotations

import json
import logging
import ssl
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import trustme
from connector_http_email.live_check import check
from connector_http_email.sandbox import HttpEmailSandbox
from network_environment import forget_network_environment

from connector_core import Finding, Host, Limits, Transport, live
from connector_core.testing.wire_behaviours import (
    drip,
    flood,
    hang_up,
    reset,
    respond,
    respond_json,
    say_and_close,
    stay_silent,
)
from connector_core.testing.wire_server import WireServer, finish, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connector_core.testing.wire_server import Behaviour, Line

TOKEN = "tok+5f2c/9a=S3cret"
SECRET = f"Bearer {TOKEN}"
PATH_TOKEN, QUERY_TOKEN = "hook-9f8e7d6c", "LettersOnlyButVeryLong"
TARGET = f"/hooks/{PATH_TOKEN}/messages?key={QUERY_TOKEN}&v=1"
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Welcome</body></html>"
ALLOW = ["Allow: OPTIONS, POST"]
REFUSED = respond_json({"message": "Who are you?"}, 401)


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=2, retries=0)) as discovered:
        yield discovered


def run(host: Host, *behaviours: Behaviour, secret: str | None = SECRET) -> list[Finding]:
    """Return what a live check finds of a scripted endpoint, which must not be posted to."""
    config = {"authorization": secret} if secret else {}
    with WireServer(*behaviours) as server, host["http-email"].configure({"endpoint": server.url, **config}) as mail:
        findings = finish(mail.check_connection)
    assert {request.method for request in server.requests} <= {"OPTIONS"}
    assert all(request.body == b"" for request in server.requests)
    return findings


def find_trouble(findings: list[Finding]) -> Finding:
    """Return the one finding that is not ok, which is the last and says what to do."""
    *others, trouble = findings
    assert [(one.level, one.fix) for one in others] == [("ok", "")] * len(others)
    assert trouble.level != "ok"
    assert trouble.message.endswith(".")
    assert trouble.fix.endswith(".")
    return trouble


# What works


@pytest.mark.parametrize("header", ["Authorization", "X-Api-Key"])
def test_the_sandbox_with_its_own_config_is_all_right_and_gets_no_message(host: Host, header: str) -> None:
    config = {"endpoint": "https://mail.example.com/", "authorization": SECRET, "headerName": header}
    with HttpEmailSandbox(config) as sandbox:
        findings = host["http-email"].check_connection(sandbox.config)
        assert sandbox.messages == []
    assert [(one.level, one.code, one.path) for one in findings] == [
        ("ok", "reached", "$.endpoint"),
        ("ok", "credentials_accepted", "$.authorization"),
    ]


def test_the_sandbox_without_a_secret_is_all_right(host: Host) -> None:
    with HttpEmailSandbox({"endpoint": "https://mail.example.com/"}) as sandbox:
        (reached,) = host["http-email"].check_connection(sandbox.config)
    assert (reached.level, reached.code) == ("ok", "reached")


def test_the_endpoint_is_asked_with_the_secret_and_then_without(host: Host) -> None:
    config = {"authorization": SECRET, "headerName": "X-Api-Key"}
    with WireServer(respond(204, headers=ALLOW), REFUSED) as server:
        host["http-email"].check_connection({"endpoint": server.url + TARGET, **config})
    first, second = server.requests
    assert (first.method, first.target, first.body) == ("OPTIONS", TARGET, b"")
    assert (second.method, second.target, second.body) == ("OPTIONS", TARGET, b"")
    assert first.headers["x-api-key"] == SECRET
    assert not {"x-api-key", "authorization"} & second.headers.keys()
    assert not {"x-message-id", "idempotency-key"} & (first.headers.keys() | second.headers.keys())


@pytest.mark.parametrize(
    "refused", [respond(401), respond(403, HTML), respond(404), respond(302, headers=["Location: /login"])]
)
@pytest.mark.parametrize(
    "known", [respond(204, headers=ALLOW), respond(405, HTML, ["Allow: POST"]), respond(200, b"OK"), respond(202)]
)
def test_a_secret_without_which_the_endpoint_refuses_is_accepted(
    host: Host, known: Behaviour, refused: Behaviour
) -> None:
    findings = run(host, known, refused)
    assert [(one.level, one.code) for one in findings] == [("ok", "reached"), ("ok", "credentials_accepted")]


@pytest.mark.parametrize("allow", ["POST", "GET, post", " OPTIONS ,POST,", "GET,HEAD,PUT,PATCH,POST,DELETE"])
@pytest.mark.parametrize("status", [200, 204, 400, 405, 501])
def test_an_endpoint_that_says_that_it_allows_posts_is_reached(host: Host, status: int, allow: str) -> None:
    (reached,) = run(host, respond(status, headers=[f"Allow: {allow}"]), secret=None)
    assert (reached.level, reached.code, reached.path) == ("ok", "reached", "$.endpoint")
    assert "takes messages" in reached.message


def test_https_with_a_certificate_that_is_trusted_is_all_right(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with WireServer(respond(204, headers=ALLOW), tls=context) as server:
        (reached,) = host["http-email"].check_connection({"endpoint": server.url})
    assert reached.level == "ok"


# What may surprise, or can't be told


@pytest.mark.parametrize(
    "answer", [respond(204, headers=ALLOW), respond(200), respond(405, headers=ALLOW), respond_json({"ok": True})]
)
def test_a_secret_without_which_all_is_the_same_is_not_known(host: Host, answer: Behaviour) -> None:
    findings = run(host, answer)
    trouble = find_trouble(findings)
    assert [one.code for one in findings] == ["reached", "credentials_unknown"]
    assert (trouble.level, trouble.path) == ("warning", "$.authorization")
    assert "test mail" in trouble.fix


@pytest.mark.parametrize("secret", [SECRET, None])
@pytest.mark.parametrize(
    ("answer", "code", "path"),
    [
        (respond(403, HTML), "authorization_failed", "$.authorization"),
        (respond_json({"message": "Missing Authentication Token"}, 403), "authorization_failed", "$.authorization"),
        (respond(404, HTML), "endpoint_not_found", "$.endpoint"),
        (respond_json({"message": "Route OPTIONS:/ not found"}, 404), "endpoint_not_found", "$.endpoint"),
        (respond(405), "endpoint_unknown", "$.endpoint"),
        (respond(400, b"No body"), "endpoint_unknown", "$.endpoint"),
        (respond(415), "endpoint_unknown", "$.endpoint"),
        (respond(501, HTML), "endpoint_unknown", "$.endpoint"),
    ],
)
def test_an_answer_that_may_be_about_the_method_alone_is_a_warning(
    host: Host, answer: Behaviour, code: str, path: str, secret: str | None
) -> None:
    (trouble,) = run(host, answer, secret=secret)
    assert (trouble.level, trouble.code, trouble.path) == ("warning", code, path)
    assert "test mail" in find_trouble([trouble]).fix


# What makes messages fail


@pytest.mark.parametrize(("secret", "words"), [(SECRET, "refuses the secret"), (None, "wants a secret")])
def test_a_refused_or_missing_secret_is_told_with_the_words_of_the_endpoint(
    host: Host, secret: str | None, words: str
) -> None:
    (trouble,) = run(host, REFUSED, secret=secret)
    assert (trouble.level, trouble.code, trouble.path) == ("error", "authorization_failed", "$.authorization")
    assert words in trouble.message
    assert "Who are you?" in trouble.message
    assert "authorization" in find_trouble([trouble]).fix


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (respond(410), "endpoint_not_found"),
        (respond(405, headers=["Allow: GET, HEAD"]), "post_not_allowed"),
        (respond(200, headers=["Allow: GET,HEAD,OPTIONS"]), "post_not_allowed"),
        (respond(204, headers=["Allow: "]), "post_not_allowed"),
        (respond(200, HTML, ["Allow: X-POST"]), "post_not_allowed"),
        (respond(429), "rate_limit_exceeded"),
        (respond(500, HTML), "no_answer"),
        (respond(502, HTML), "no_answer"),
        (respond(503, HTML), "provider_unavailable"),
        (respond(504), "no_answer"),
        (respond(200, HTML), "not_understood"),
        (respond(200, b'{"cut": '), "not_understood"),
        (respond(304), "not_understood"),
        (respond(600), "not_understood"),
        (respond(302, headers=["Location: /login"]), "not_understood"),
        (respond(308, headers=["Location: https://other.example/send"]), "not_understood"),
        (respond(200, b"x" * 1_500_000), "not_understood"),
        (respond(200, b"\x1f\x8b", ["Content-Encoding: gzip"]), "not_understood"),
        (say_and_close(b"lorem ipsum\r\n\r\n"), "no_answer"),
        (say_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), "no_answer"),
        (hang_up, "no_answer"),
        (reset, "no_answer"),
        (stay_silent, "no_answer"),
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b" "), "no_answer"),
        (flood(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 60_000, 100), "not_understood"),
    ],
)
def test_each_fault_is_one_finding(host: Host, answer: Behaviour, code: str) -> None:
    (trouble,) = run(host, answer)
    assert (trouble.level, trouble.code, trouble.path) == ("error", code, "$.endpoint")
    find_trouble([trouble])


@pytest.mark.parametrize("status", [500, 502])
def test_a_failure_that_may_be_about_the_method_alone_is_told_with_the_way_to_find_out(host: Host, status: int) -> None:
    (trouble,) = run(host, respond_json({"message": "Internal server error"}, status))
    assert "only at what is no message. Send a test mail" in trouble.fix


@pytest.mark.parametrize("behaviour", [hang_up, reset, stay_silent, drip(b"HTTP/1.1 200 OK\r\nX: ", b"x")])
def test_a_line_that_breaks_at_the_question_without_the_secret_is_one_finding(host: Host, behaviour: Behaviour) -> None:
    findings = run(host, respond(204, headers=ALLOW), behaviour)
    trouble = find_trouble(findings)
    assert [one.code for one in findings] == ["reached", "no_answer"]
    assert (trouble.level, trouble.path) == ("error", "$.endpoint")


@pytest.mark.parametrize(
    ("status", "code"), [(429, "rate_limit_exceeded"), (500, "no_answer"), (503, "provider_unavailable")]
)
def test_an_endpoint_that_fails_at_the_question_without_the_secret_is_one_finding(
    host: Host, status: int, code: str
) -> None:
    findings = run(host, respond(204, headers=ALLOW), respond(status, HTML))
    trouble = find_trouble(findings)
    assert [one.code for one in findings] == ["reached", code]
    assert (trouble.level, trouble.path) == ("error", "$.endpoint")


def test_a_redirect_is_told_with_its_host_and_not_followed(host: Host) -> None:
    with WireServer(respond(204)) as other:
        (trouble,) = run(host, respond(307, headers=[f"Location: {other.url.replace('127.0.0.1', 'localhost')}/send"]))
    assert other.connections == 0
    assert "a redirect to localhost" in trouble.message


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_endpoint_that_is_not_there_is_told_by_its_host(host: Host, scheme: str) -> None:
    with refuse_connections() as url:
        (trouble,) = host["http-email"].check_connection({"endpoint": url.replace("http", scheme) + TARGET})
    assert (trouble.level, trouble.code, trouble.path) == ("error", "not_reached", "$.endpoint")
    assert trouble.message == "127.0.0.1 could not be reached (connection refused)."


def test_a_certificate_that_nobody_vouches_for_is_told(host: Host) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with WireServer(respond(204), tls=context) as server:
        (trouble,) = host["http-email"].check_connection({"endpoint": server.url, "authorization": SECRET})
    assert (trouble.level, trouble.code, trouble.path) == ("error", "not_reached", "$.endpoint")
    assert "certificate was refused" in trouble.message
    assert server.requests == []


def test_tls_on_a_port_without_it_is_told(host: Host) -> None:
    with WireServer(greeting=say_and_close(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        (trouble,) = host["http-email"].check_connection({"endpoint": server.url.replace("http", "https")})
    assert (trouble.code, trouble.path) == ("not_reached", "$.endpoint")
    assert "TLS failed" in trouble.message


def test_a_wrong_secret_is_told_by_the_sandbox(host: Host) -> None:
    with HttpEmailSandbox() as sandbox:
        (trouble,) = host["http-email"].check_connection({**sandbox.config, "authorization": SECRET})
        assert sandbox.messages == []
    assert (trouble.level, trouble.code) == ("error", "authorization_failed")


@pytest.mark.parametrize("is_second", [False, True])
def test_a_hang_ends_in_the_time_of_the_check(monkeypatch: pytest.MonkeyPatch, *, is_second: bool) -> None:
    monkeypatch.setattr(live, "REQUESTS_SHARE", 0.1)  # long before the check is over
    behaviours = [respond(204, headers=ALLOW), stay_silent] if is_second else [stay_silent]
    with (
        Host.discover() as patient,
        WireServer(*behaviours) as server,
        patient["http-email"].configure({"endpoint": server.url, "authorization": SECRET}) as mail,
    ):
        findings = finish(lambda: mail.check_connection(seconds=20))
    assert [one.code for one in findings[:-1]] == ["reached"] * is_second
    assert find_trouble(findings).code == "no_answer"
    assert "it took too long" in findings[-1].message


# Nothing of it shows


def say_everything(status: int, lead: str) -> Behaviour:
    """Repeat the header and the address, in every way that an endpoint might."""

    def behave(line: Line) -> None:
        header = line.request.headers.get("authorization", "")
        said = f"{lead}{header} {header.partition(' ')[2]} {line.request.target} {PATH_TOKEN} {QUERY_TOKEN}"
        respond_json({"code": said, "message": said}, status, [f"X-Echo: {header}"])(line)

    return behave


@pytest.mark.parametrize("lead", ["", "x " * 60, "x" * 140])
@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 405, 410, 429, 500, 501, 503])
def test_an_endpoint_that_repeats_what_it_got_is_quoted_briefly_and_without_secrets(
    host: Host, status: int, lead: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="connector_core")
    with (
        closing(Transport(limits=Limits(retries=0))) as transport,
        WireServer(say_everything(status, lead)) as server,
        host["http-email"].configure({"endpoint": server.url + TARGET, "authorization": SECRET}) as mail,
    ):
        findings = list(check(mail.config, transport))  # before the core strikes secrets out
    shown = json.dumps([one.to_json() for one in findings])
    assert [hidden for hidden in (TOKEN, PATH_TOKEN, QUERY_TOKEN, "/hooks/") if hidden in shown] == []
    assert TOKEN not in caplog.text
    assert all(len(one.message) < 300 and one.message.isprintable() for one in findings)


def test_methods_that_are_none_are_not_quoted(host: Host) -> None:
    (trouble,) = run(host, respond(405, headers=[f"Allow: GET, {TOKEN.upper()}, {'X' * 5000}"]))
    assert trouble.message == "What is at this address takes no messages: it allows GET and not POST."
