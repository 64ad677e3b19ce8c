"""The line itself: how bytes are handed over."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from connector_smtp.line import Line

from .smtp_server import AUTHORITY, HANG_GUARD, make_context
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here


def read(sock: socket.socket, size: int) -> int:
    """Return how much of so many bytes came before the end."""
    missing = size
    while missing > 0 and (part := sock.recv(65_536)):
        missing -= len(part)
    return size - missing


@pytest.mark.parametrize("is_encrypted", [True, False])
def test_a_long_text_goes_out_in_steps_each_of_which_may_take_the_time_of_one(*, is_encrypted: bool) -> None:
    import ssl

    ours, theirs = socket.socketpair()
    theirs.settimeout(HANG_GUARD)
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    with theirs, ThreadPoolExecutor(1) as pool:
        line = Line(ours)
        line.silence = HANG_GUARD
        if is_encrypted:
            accepting = pool.submit(make_context().wrap_socket, theirs, server_side=True)
            line.start_tls(context, "localhost")
            theirs = accepting.result(HANG_GUARD)
        reading = pool.submit(read, theirs, 1_000_000)
        line.sendall(bytes(1_000_000))
        assert line.writes >= 1_000_000 // 65_536
        assert reading.result(HANG_GUARD) == 1_000_000
        line.close()
        theirs.close()
