"""TLS of the transport: always verified, and a failure of it is surely before the message."""

from __future__ import annotations

import inspect
import ssl
from typing import TYPE_CHECKING

import pytest
import requests
import trustme
from network_environment import forget_network_environment

from connector_core import Limits, ProviderUnavailable, Secret, Transport
from connector_core.testing.wire_behaviours import hang_up, respond, say_and_close, stay_silent
from connector_core.testing.wire_server import Line, WireServer, finish

if TYPE_CHECKING:
    from pathlib import Path

    from connector_core.testing.wire_server import Behaviour

QUICK = Limits(connect=2, read=1000, total=1000, retries=0)


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def authority_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def make_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


def post(url: str, session: requests.Session | None = None, limits: Limits = QUICK) -> int:
    transport = Transport(session, limits)
    try:
        return finish(lambda: transport.request("POST", url, headers={"X-Token": Secret("t")}, json={})).status
    finally:
        transport.close()


def fail_to_post(url: str, session: requests.Session | None = None, limits: Limits = QUICK) -> ProviderUnavailable:
    with pytest.raises(ProviderUnavailable) as caught:
        post(url, session, limits)
    assert caught.value.outcome == "not_sent"
    return caught.value


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_that_the_environment_names_is_trusted(
    authority: trustme.CA, authority_file: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, authority_file)
    with WireServer(respond(), tls=make_context(authority)) as server:
        assert post(server.url) == 200


def test_an_unknown_authority_is_refused_and_trying_again_would_not_help(authority: trustme.CA) -> None:
    with WireServer(respond(), tls=make_context(authority)) as server:
        error = fail_to_post(server.url, limits=Limits(retries=2))
    assert not error.retryable
    assert "certificate" in str(error)
    assert (server.requests, server.connections) == ([], 1)


def test_a_certificate_of_another_host_is_refused(
    authority: trustme.CA, authority_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority_file)
    with WireServer(respond(), tls=make_context(authority, "other.example")) as server:
        error = fail_to_post(server.url)
    assert not error.retryable
    assert "certificate" in str(error)
    assert server.requests == []


@pytest.mark.parametrize("value", ["", "0", "false"])
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PYTHONHTTPSVERIFY"])
def test_no_variable_of_the_environment_turns_the_check_off(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with WireServer(respond(), tls=make_context(authority)) as server:
        fail_to_post(server.url)
    assert server.requests == []


def test_a_request_has_no_argument_that_turns_the_check_off() -> None:
    parameters = set(inspect.signature(Transport.request).parameters)
    assert parameters == {"self", "method", "url", "headers", "json", "data", "limits"}


def test_a_ca_bundle_that_is_not_there_means_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with WireServer(respond()) as server:
        fail_to_post(server.url.replace("http:", "https:"))
    assert server.requests == []


def test_a_ca_bundle_that_is_no_certificate_means_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken.pem").write_text("this is no certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "broken.pem"))
    with WireServer(respond()) as server:
        fail_to_post(server.url.replace("http:", "https:"))
    assert server.requests == []


def refuse_in_plain_text(line: Line) -> None:
    line.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    line.close()


def cut_the_handshake(line: Line) -> None:
    line.send(b"\x16\x03\x03\x00\x7a\x02")  # the start of a ServerHello
    line.close()


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(refuse_in_plain_text, id="speaks plain HTTP"),
        pytest.param(cut_the_handshake, id="cuts the handshake"),
        pytest.param(say_and_close(b"\x15\x03\x03\x00\x02\x02\x28"), id="sends a handshake alert"),
        pytest.param(hang_up, id="closes at once"),
        pytest.param(stay_silent, id="says nothing"),
    ],
)
def test_a_failed_handshake_means_not_sent(greeting: Behaviour) -> None:
    with WireServer(respond(), greeting=greeting) as server:
        fail_to_post(server.url.replace("http:", "https:"))
    assert server.requests == []


def test_old_tls_is_refused(authority: trustme.CA, authority_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority_file)
    context = make_context(authority)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with WireServer(respond(), tls=context) as server:
        fail_to_post(server.url)
    assert server.requests == []


def test_an_answer_cut_under_tls_leaves_the_delivery_unknown(
    authority: trustme.CA, authority_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connector_core import DeliveryUnknown

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority_file)
    cut = say_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
    with WireServer(cut, tls=make_context(authority)) as server, pytest.raises(DeliveryUnknown):
        post(server.url)
    assert len(server.requests) == 1


def test_a_session_of_the_host_keeps_its_authority(authority: trustme.CA, authority_file: str) -> None:
    with requests.Session() as session, WireServer(respond(), tls=make_context(authority)) as server:
        session.verify = authority_file
        assert post(server.url, session) == 200


def test_a_session_of_the_host_does_not_trust_an_unknown_authority(authority: trustme.CA) -> None:
    with requests.Session() as session, WireServer(respond(), tls=make_context(authority)) as server:
        assert not fail_to_post(server.url, session).retryable
    assert server.requests == []


def test_a_session_of_the_host_shows_its_client_certificate(
    authority: trustme.CA, authority_file: str, tmp_path: Path
) -> None:
    authority.issue_cert("client.example").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "client.pem"))
    context = make_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    with requests.Session() as session, WireServer(respond(), tls=context) as server:
        session.verify, session.cert = authority_file, str(tmp_path / "client.pem")
        assert post(server.url, session) == 200
