"""A server that a bench talks to, in a process of its own."""

from __future__ import annotations

import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection


@contextmanager
def run_server(serve: Callable[[Connection], None]) -> Iterator[tuple[str, Connection]]:
    """Yield the URL of a server and the pipe to its process.

    Args:
        serve: runs in that process; it sends its port, and ends when it is told to stop.

    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}", ours
    finally:
        ours.send("stop")
        process.join()
