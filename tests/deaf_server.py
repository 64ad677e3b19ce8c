"""A server that takes no connection: whoever connects waits until they give up."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def accept_nothing() -> Iterator[str]:
    """Give an address whose connections wait for ever to be made."""
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # they fill the queue, so that the next one waits
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)  # noqa: FBT003  the socket module has no keyword for it
            waiting.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"
