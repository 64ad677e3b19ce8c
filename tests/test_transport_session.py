"""The transport over a session of the host's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
import requests
from network_environment import forget_network_environment
from requests.adapters import HTTPAdapter

from connector_core import DeliveryUnknown, InvalidResponse, Limits, ProviderUnavailable, Secret, SendError, Transport
from connector_core.testing.wire_behaviours import hang_up, respond
from connector_core.testing.wire_server import WireServer, refuse_connections

if TYPE_CHECKING:
    from pathlib import Path

NOWHERE = "provider.invalid"  # a name that only a proxy could resolve


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


def post(transport: Transport, url: str) -> bytes:
    return transport.request("POST", url, headers={"X-Token": Secret("t")}, json={}).body


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
