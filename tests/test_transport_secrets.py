"""Secrets that go through the transport: on the wire, and nowhere else."""

from __future__ import annotations

import contextlib
import logging
import ssl
import traceback
from typing import TYPE_CHECKING, Any

import pytest
import requests
import trustme
from crash_report import format_everything
from network_environment import forget_network_environment

from connector_core import Limits, Secret, SendError, Transport
from connector_core.testing.wire_behaviours import hang_up, respond, say_and_close, stay_silent
from connector_core.testing.wire_server import HANG_GUARD, WireServer, refuse_connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.testing.wire_server import Behaviour

TOKEN = "tok-5f2c9a-SECRET"
HIDDEN = Secret(TOKEN)
CODE = "code-731904"  # what a payload holds is not for logs either
QUICK = Limits(connect=2, read=1.8, total=2)


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(autouse=True)
def _all_logs(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "urllib3", "requests", "connector_core"):
        caplog.set_level(logging.DEBUG, logger=name)


def fail_to_post(
    url: str,
    secret: Secret = HIDDEN,
    make_session: Callable[[], requests.Session] | None = None,
    **content: Any,
) -> str:
    """Send a request that must fail; return all that might be shown of the error."""
    session = make_session() if make_session else None
    with contextlib.closing(Transport(session, QUICK)) as transport, pytest.raises(SendError) as caught:
        transport.request("POST", url, headers={"X-Token": secret}, **content)
    if session is not None:
        session.close()
    return format_everything(caught.value)


sessions = pytest.mark.parametrize(
    "make_session", [pytest.param(None, id="own session"), pytest.param(requests.Session, id="host's session")]
)


def test_a_secret_goes_out_as_it_is() -> None:
    with WireServer(respond()) as server, contextlib.closing(Transport()) as transport:
        transport.request("POST", server.url, headers={"X-Token": Secret(TOKEN)}, json={"key": [Secret(TOKEN)]})
    assert server.requests[0].headers["x-token"] == TOKEN
    assert server.requests[0].json() == {"key": [TOKEN]}


@sessions
def test_a_successful_request_logs_neither_secret_nor_payload(
    make_session: Callable[[], requests.Session] | None, caplog: pytest.LogCaptureFixture
) -> None:
    session = make_session() if make_session else None
    with WireServer(respond()) as server, contextlib.closing(Transport(session)) as transport:
        transport.request("POST", server.url, headers={"X-Token": Secret(TOKEN)}, json={"code": CODE})
    if session is not None:
        session.close()
        assert "200" in caplog.text  # urllib3 does log
    assert TOKEN not in caplog.text
    assert CODE not in caplog.text


def test_a_path_that_may_hold_a_token_is_not_logged_and_requests_of_others_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with WireServer(respond()) as server, contextlib.closing(Transport()) as transport:
        transport.request("POST", f"{server.url}/hook/{TOKEN}", headers={}, data=b"x")
        ours = caplog.text
        requests.post(f"{server.url}/of-the-host", data=b"x", timeout=HANG_GUARD)
    assert ours == ""
    assert "/of-the-host" in caplog.text


@sessions
@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(hang_up, id="cut"),
        pytest.param(stay_silent, id="silent"),
        pytest.param(say_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), id="cut body"),
        pytest.param(respond(302, headers=["Location: http://other.example/"]), id="redirect"),
        pytest.param(respond(200, b"x" * 2_000_000), id="too large"),
        pytest.param(respond(200, b"no gzip at all", ["Content-Encoding: gzip"]), id="no gzip"),
        pytest.param(say_and_close(b"nonsense\r\n\r\n"), id="no HTTP"),
    ],
)
def test_the_error_of_a_bad_answer_shows_no_secret(
    behaviour: Behaviour, make_session: Callable[[], requests.Session] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with WireServer(behaviour) as server:
        shown = fail_to_post(server.url, make_session=make_session)
    assert server.requests[0].headers["x-token"] == TOKEN  # so there was something to show
    assert TOKEN not in shown + caplog.text


@sessions
@pytest.mark.parametrize("kind", ["json", "data"])
def test_the_error_shows_no_secret_of_the_body(
    kind: str, make_session: Callable[[], requests.Session] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with WireServer(hang_up) as server:
        shown = fail_to_post(server.url, Secret("other"), make_session, **{kind: {"key": HIDDEN}})
    assert TOKEN.encode() in server.requests[0].body
    assert TOKEN not in shown + caplog.text


@sessions
def test_the_error_of_a_refused_connection_shows_no_secret(
    make_session: Callable[[], requests.Session] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with refuse_connections() as url:
        shown = fail_to_post(url, make_session=make_session)
    assert TOKEN not in shown + caplog.text


@sessions
def test_the_error_of_a_refused_certificate_shows_no_secret(
    make_session: Callable[[], requests.Session] | None, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with WireServer(respond(), tls=context) as server:
        shown = fail_to_post(server.url, make_session=make_session)
    assert TOKEN not in shown + caplog.text


@sessions
@pytest.mark.parametrize("broken", [Secret(TOKEN + end) for end in ("\nnext", "☃", "\udc80")])
def test_the_error_of_a_secret_that_cannot_be_written_does_not_show_it(
    broken: Secret, make_session: Callable[[], requests.Session] | None, caplog: pytest.LogCaptureFixture
) -> None:
    with WireServer(respond()) as server:
        shown = fail_to_post(server.url, broken, make_session)
    assert TOKEN not in shown + caplog.text
    assert server.requests == []


@pytest.mark.parametrize("url", ["http://[bad", "http://127.0.0.1:99999/", "nonsense", "ftp://127.0.0.1/"])
def test_the_error_of_an_address_that_cannot_be_called_shows_no_secret(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert TOKEN not in fail_to_post(url) + caplog.text


def test_credentials_in_an_address_are_neither_logged_nor_in_the_error(caplog: pytest.LogCaptureFixture) -> None:
    with (
        WireServer(hang_up) as server,
        contextlib.closing(Transport()) as transport,
        pytest.raises(SendError) as caught,
    ):
        transport.request("POST", server.url.replace("//", f"//ann:{TOKEN}@"), headers={}, json={})
    assert server.requests[0].headers["authorization"].startswith("Basic ")
    assert TOKEN not in f"{caught.value} {caught.value!r} {vars(caught.value)}" + caplog.text


def test_the_password_of_a_proxy_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with WireServer(hang_up) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", f"//ann:{TOKEN}@"))
        shown = fail_to_post("http://provider.invalid/", secret=Secret("other"))
    assert proxy.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert TOKEN not in shown + caplog.text


def test_a_payload_that_can_not_be_written_shows_no_secret() -> None:
    assert TOKEN not in fail_to_post("http://127.0.0.1:9/", json={"a": float("nan")})


def test_the_error_of_a_request_has_no_variable_that_shows_the_payload() -> None:
    with WireServer(hang_up) as server, contextlib.closing(Transport(limits=QUICK)) as transport:
        with pytest.raises(SendError) as caught:
            transport.request("POST", server.url, headers={}, json={"code": CODE})
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]

    shown = repr([frame.f_locals for frame in frames])
    assert frames
    assert CODE not in shown
