"""What surrounds the transport: proxies, netrc, a session of the host's own, forks and threads."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import requests
import trustme
from network_environment import forget_network_environment
from requests.adapters import HTTPAdapter

from connector_core import DeliveryUnknown, InvalidResponse, Limits, ProviderUnavailable, Secret, SendError, Transport
from connector_core.testing.wire_behaviours import hang_up, make_answer, respond, stay_silent
from connector_core.testing.wire_server import HANG_GUARD, Line, WireServer, refuse_connections

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
    transport = Transport(limits=Limits(connect=0.3, read=0.3, total=1, retries=0))
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


def test_netrc_takes_no_place_of_a_connectors_credentials_in_a_session_of_the_hosts_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with requests.Session() as session, WireServer(respond(200)) as server:
        transport = Transport(session)
        transport.request("POST", server.url, headers={"Authorization": Secret("Bearer token")}, data=b"x")
        transport.request("POST", server.url, headers={}, data=b"x")

    assert [request.headers.get("authorization") for request in server.requests] == ["Bearer token", None]


def test_a_hosts_own_authorization_serves_requests_that_have_none() -> None:
    with requests.Session() as session, WireServer(respond(200)) as server:
        session.auth = ("gateway", "password")
        transport = Transport(session)
        transport.request("POST", server.url, headers={"Authorization": Secret("Bearer token")}, data=b"x")
        transport.request("POST", server.url, headers={"X-Api-Key": "key"}, data=b"x")

    sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer token", "Basic Z2F0ZXdheTpwYXNzd29yZA=="]


def test_a_session_of_the_host_sends_with_its_headers_proxies_and_adapters() -> None:
    adapters_seen = []

    class Adapter(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: object, **kwargs: object) -> requests.Response:
            adapters_seen.append(request.url)
            return super().send(request, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    with requests.Session() as session, WireServer(respond(200, b"by proxy")) as proxy:
        session.mount("http://", Adapter())
        session.headers["X-Trace"] = "1"
        session.proxies = {"http": proxy.url}
        assert post(Transport(session), f"http://{NOWHERE}/") == b"by proxy"
    assert adapters_seen == [f"http://{NOWHERE}/"]
    assert (proxy.requests[0].headers["x-trace"], proxy.requests[0].headers["x-token"]) == ("1", "t")


def test_a_session_of_the_host_sends_by_its_own_method() -> None:
    class TracingSession(requests.Session):
        """What tracing libraries do: they wrap `send`."""

        seen: ClassVar[list[str | None]] = []

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            self.seen.append(request.url)
            return super().send(request, **options)

    with TracingSession() as session, WireServer(respond()) as server:
        post(Transport(session), f"{server.url}/traced")
    assert session.seen == [f"{server.url}/traced"]


def test_a_session_of_the_host_calls_its_hooks() -> None:
    statuses = []
    with requests.Session() as session, WireServer(respond(204)) as server:
        session.hooks["response"].append(lambda answer, **_options: statuses.append(answer.status_code))
        post(Transport(session), server.url)
    assert statuses == [204]


@pytest.mark.parametrize(
    "kind", [ValueError, OSError, requests.HTTPError, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema]
)
def test_a_hook_of_the_hosts_session_that_fails_leaves_the_outcome_unknown(kind: type[Exception]) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise kind("the hook broke")

    session = requests.Session()
    session.hooks["response"].append(fail)
    with session, WireServer(respond()) as server, pytest.raises(SendError) as caught:
        post(Transport(session), server.url)
    assert caught.value.outcome == "unknown"
    assert len(server.requests) == 1


def test_a_session_of_the_host_keeps_its_cookies() -> None:
    with requests.Session() as session, WireServer(respond(headers=["Set-Cookie: a=b; Path=/"])) as server:
        for _ in range(2):
            post(Transport(session), server.url)
    assert [request.headers.get("cookie") for request in server.requests] == [None, "a=b"]


def test_a_session_of_the_host_asks_for_no_coding_that_is_not_unpacked() -> None:
    with requests.Session() as session, WireServer(respond()) as server:
        session.headers["Accept-Encoding"] = "gzip, deflate, br, zstd"  # as where brotli and zstandard are installed
        post(Transport(session), server.url)
    asked = {coding.strip() for coding in server.requests[0].headers.get("accept-encoding", "identity").split(",")}
    assert asked <= {"identity", "gzip", "deflate"}


def test_a_session_of_the_host_stays_open_when_the_transport_closes() -> None:
    with requests.Session() as session, WireServer(respond()) as server:
        for _ in range(2):
            transport = Transport(session)
            post(transport, server.url)
            transport.close()
    assert [request.line for request in server.requests] == [0, 0]


def test_a_session_of_the_host_does_not_follow_redirects_either() -> None:
    with (
        requests.Session() as session,
        WireServer(respond()) as other,
        WireServer(respond(307, headers=[f"Location: {other.url}"])) as server,
        pytest.raises(InvalidResponse),
    ):
        post(Transport(session), server.url)
    assert other.connections == 0


def test_over_a_session_of_the_host_a_refused_connection_was_not_sent() -> None:
    transport = Transport(requests.Session(), Limits(retries=0))
    for url in (f"http://{NOWHERE}/", f"https://{NOWHERE}/"):
        with pytest.raises(ProviderUnavailable):
            post(transport, url)
    with refuse_connections() as url, pytest.raises(ProviderUnavailable) as caught:
        post(transport, url)
    assert (caught.value.outcome, caught.value.retryable) == ("not_sent", True)


def test_over_a_session_of_the_host_a_lost_answer_leaves_the_delivery_unknown() -> None:
    with requests.Session() as session, WireServer(hang_up) as server, pytest.raises(DeliveryUnknown):
        post(Transport(session), server.url)
    assert len(server.requests) == 1


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

    hasty = Transport(limits=Limits(read=0.2, total=0.2))
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
