"""A SOCKS proxy: its connections are not the transport's own, and a message still goes out at most once."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from network_environment import forget_network_environment

from connector_core import DeliveryUnknown, Limits, ProviderUnavailable, SendError, Transport
from connector_core.testing.wire_behaviours import hang_up, respond, stay_silent
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator


def relay(source: socket.socket, target: socket.socket) -> None:
    """Hand bytes on until a side closes."""
    try:
        while block := source.recv(65_536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the other side is gone


def serve_one(listener: socket.socket, *, refuse: bool) -> None:
    """Serve one connection as RFC 1928 says, without authentication."""
    client, _ = listener.accept()
    with client:
        client.recv(262)
        client.sendall(b"\x05\x00")
        request = client.recv(262)
        if refuse:
            client.sendall(b"\x05\x02\x00\x01" + bytes(6))  # not allowed by the rules
            return
        port = struct.unpack(">H", request[-2:])[0]
        with socket.create_connection(("127.0.0.1", port)) as target:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            forward = threading.Thread(target=relay, args=(client, target), daemon=True)
            forward.start()
            relay(target, client)
            forward.join(10)


@contextmanager
def socks_proxy(monkeypatch: pytest.MonkeyPatch, *, refuse: bool = False) -> Iterator[None]:
    forget_network_environment(monkeypatch)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve_one, args=(listener,), kwargs={"refuse": refuse}, daemon=True)
        thread.start()
        monkeypatch.setenv("all_proxy", f"socks5h://127.0.0.1:{listener.getsockname()[1]}")
        yield
        thread.join(10)


def post(url: str, read: float = 5) -> int:
    """Post to a name that only the proxy knows; to loopback, no proxy is used."""
    url = url.replace("127.0.0.1", "provider.example")
    with closing(Transport(limits=Limits(connect=5, read=read, total=6, retries=0))) as transport:
        return transport.request("POST", url, headers={}, json={}).status


def test_a_socks_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(respond(202)) as server, socks_proxy(monkeypatch):
        assert post(server.url) == 202
    assert len(server.requests) == 1


def test_a_line_that_breaks_behind_a_socks_proxy_leaves_the_delivery_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(hang_up) as server, socks_proxy(monkeypatch), pytest.raises(SendError) as caught:
        post(server.url)
    assert type(caught.value) is DeliveryUnknown
    assert len(server.requests) == 1


def test_a_socks_proxy_that_refuses_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(respond()) as server, socks_proxy(monkeypatch, refuse=True), pytest.raises(SendError) as caught:
        post(server.url)
    assert type(caught.value) is ProviderUnavailable
    assert server.requests == []


def test_a_proxy_that_is_none_means_not_sent_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)
    monkeypatch.setenv("http_proxy", "http://")
    with pytest.raises(ProviderUnavailable, match="HTTPS_PROXY") as caught:
        post("http://127.0.0.1:9/")
    assert not caught.value.retryable


def test_a_silence_behind_a_socks_proxy_leaves_the_delivery_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    with WireServer(stay_silent) as server, socks_proxy(monkeypatch), pytest.raises(SendError) as caught:
        post(server.url, read=0.3)
    assert (type(caught.value), caught.value.outcome) == (DeliveryUnknown, "unknown")
    assert len(server.requests) == 1
