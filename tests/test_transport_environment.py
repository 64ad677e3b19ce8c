"""What surrounds the transport: proxies, netrc, forks and threads."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import trustme
from network_environment import forget_network_environment

from connector_core import DeliveryUnknown, Limits, ProviderUnavailable, Secret, Transport
from connector_core.testing.wire_behaviours import hang_up, make_answer, respond, stay_silent
from connector_core.testing.wire_server import HANG_GUARD, Line, WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOWHERE = "provider.invalid"  # a name that only a proxy could resolve


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(limits=Limits(connect=2, read=2, total=2, retries=0))
    yield made
    made.close()


def post(transport: Transport, url: str) -> bytes:
    return transport.request("POST", url, headers={"X-Token": Secret("t")}, json={}).body


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with WireServer(respond(200, b"by proxy")) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        assert post(transport, f"http://{NOWHERE}/path") == b"by proxy"
    assert [request.target for request in proxy.requests] == [f"http://{NOWHERE}/path"]


def test_the_credentials_of_a_proxy_are_for_the_proxy(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(respond(200, b"by proxy")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//ann:secret@"))
        post(transport, f"http://{NOWHERE}/")
    (request,) = proxy.requests
    assert request.headers["proxy-authorization"] == "Basic YW5uOnNlY3JldA=="
    assert "authorization" not in request.headers


@pytest.mark.parametrize("exempt", ["127.0.0.1", "*", "other.example,127.0.0.1"])
def test_a_host_that_the_environment_exempts_is_called_directly(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    with WireServer(respond(200, b"by proxy")) as proxy, WireServer(respond(200, b"direct")) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", exempt)
        assert post(transport, server.url) == b"direct"
    assert proxy.connections == 0


def test_a_proxy_that_cannot_be_reached_means_not_sent(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{NOWHERE}:3128")
    with WireServer(respond()) as server, pytest.raises(ProviderUnavailable):
        post(transport, server.url.replace("127.0.0.1", "provider.example"))
    assert server.connections == 0


class TunnelProxy:
    """A behaviour: answers CONNECT, then plays the provider itself, under TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def __call__(self, line: Line) -> None:
        line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        line.start_tls(self._context)


@pytest.fixture
def provider_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(NOWHERE).configure_cert(context)
    return context


def test_a_proxy_on_the_way_to_tls_sees_the_host_and_no_header(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, provider_tls: ssl.SSLContext
) -> None:
    with WireServer(TunnelProxy(provider_tls), respond(200, b"by tunnel")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert post(transport, f"https://{NOWHERE}/path") == b"by tunnel"
    connect, tunnelled = proxy.requests
    assert (connect.method, connect.target) == ("CONNECT", f"{NOWHERE}:443")
    assert "x-token" not in connect.headers
    assert (tunnelled.target, tunnelled.headers["x-token"]) == ("/path", "t")


def test_what_breaks_in_the_tunnel_after_the_request_leaves_the_delivery_unknown(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, provider_tls: ssl.SSLContext
) -> None:
    with WireServer(TunnelProxy(provider_tls), hang_up) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(DeliveryUnknown):
            post(transport, f"https://{NOWHERE}/")


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(respond(407), id="wants a password"),
        pytest.param(respond(403), id="forbids the host"),
        pytest.param(respond(503), id="is overloaded"),
        pytest.param(hang_up, id="hangs up"),
        pytest.param(stay_silent, id="says nothing"),
        pytest.param(TunnelProxy(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)), id="leads to no TLS"),
    ],
)
def test_a_proxy_that_makes_no_tunnel_means_not_sent(monkeypatch: pytest.MonkeyPatch, refusal: TunnelProxy) -> None:
    transport = Transport(limits=Limits(connect=2, read=2, total=4, retries=0))
    with WireServer(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(ProviderUnavailable) as caught:
            post(transport, f"https://{NOWHERE}/")
    transport.close()
    assert caught.value.outcome == "not_sent"
    assert [request.method for request in proxy.requests] == ["CONNECT"]


def test_netrc_is_never_read(transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with WireServer(respond()) as server:
        post(transport, server.url)
    assert "authorization" not in server.requests[0].headers


FORKING = """
import os, sys
from connector_core import Transport

transport = Transport()
post = lambda who: transport.request("POST", sys.argv[1], headers={}, json={"who": who}).status
post("parent before")
child = os.fork()
if child == 0:
    os._exit(0 if post("child") == post("child again") == 200 else 1)
assert os.waitpid(child, 0)[1] == 0
post("parent after")
transport.close()
"""


def test_a_forked_process_sends_over_a_connection_of_its_own() -> None:
    with WireServer(respond()) as server:
        command = [sys.executable, "-W", "error", "-c", FORKING, server.url]
        done = subprocess.run(  # noqa: S603  the interpreter that runs the tests
            command, capture_output=True, text=True, timeout=HANG_GUARD, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert [(request.json()["who"], request.line) for request in server.requests] == [
        ("parent before", 0),
        ("child", 1),
        ("child again", 1),
        ("parent after", 0),
    ]


def test_many_threads_share_one_transport_without_mixing_answers_up() -> None:
    def echo(line: Line) -> None:
        line.send(make_answer(200, line.request.headers["x-number"].encode()))

    transport = Transport()
    with WireServer(echo) as server, ThreadPoolExecutor(8) as pool:
        start = threading.Barrier(8)

        def send(number: int) -> bytes:
            if number < 8:
                start.wait(HANG_GUARD)
            return transport.request("POST", server.url, headers={"X-Number": str(number)}, json={}).body

        answers = list(pool.map(send, range(200)))
        transport.close()
    assert answers == [str(number).encode() for number in range(200)]
    assert len(server.requests) == 200
    assert server.connections <= 16


def test_a_time_limit_of_one_thread_does_not_end_another(transport: Transport) -> None:
    def answer_or_not(line: Line) -> None:
        if line.request.target == "/slow":
            line.wait_for_peer()
        else:
            line.send(make_answer(200, b"fast"))

    hasty = Transport(limits=Limits(read=2, total=2))
    with WireServer(answer_or_not) as server, ThreadPoolExecutor(2) as pool:
        slow = pool.submit(post, hasty, f"{server.url}/slow")
        fast = [post(transport, server.url) for _ in range(20)]
        with pytest.raises(DeliveryUnknown):
            slow.result(HANG_GUARD)
    hasty.close()
    assert fast == [b"fast"] * 20


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_stays_on_this_machine_goes_through_no_proxy(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    with WireServer(respond(502)) as proxy, WireServer(respond()) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        post(transport, server.url.replace("127.0.0.1", host))
    assert (len(server.requests), proxy.requests) == (1, [])
