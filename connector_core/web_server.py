"""The HTTP server of sandboxes and the console: cheroot in a thread, on loopback unless told otherwise.

Clients of a provider's API meet connections that stay open, so theirs are the cases worth testing against; the servers
of Werkzeug and wsgiref close the connection after each answer.
"""

from __future__ import annotations

import errno
import io
import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from cheroot import wsgi
from cheroot.errors import MaxSizeExceeded

from connector_core.errors import ConnectorError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

LOOPBACK = "127.0.0.1"
# Far more than any provider takes, so that the client of a body that is too large gets to read the refusal.
LARGEST_BODY = 100_000_000
_BLOCK = 1_000_000
_IDLE_SECONDS = 120
_GRACE_SECONDS = 1


class Server(wsgi.Server):
    """Serve one application to many clients at once."""

    # How long `stop` may have to wait, in seconds: cheroot looks after this time whether it shall end.
    expiration_interval = 0.02
    # cheroot's own limit is 10 open connections, fewer than a client with a few threads has.
    keep_alive_conn_limit = 10_000
    max_request_body_size = LARGEST_BODY

    def __init__(self, application: WSGIApplication, port: int, name: str, *, address: str = LOOPBACK) -> None:
        super().__init__(
            (address, port),
            application,
            server_name=name,
            request_queue_size=128,
            timeout=_IDLE_SECONDS,
            shutdown_timeout=_GRACE_SECONDS,
        )
        self.gateway = _Gateway
        # cheroot registers every server here and never takes one out, which would keep each outbox for good.
        getattr(logging, "statistics", {}).pop(f"Cheroot HTTPServer {id(self)}", None)
        self._prepared: Future[None] = Future()
        # The threads that a daemon starts are daemons, too: a program whose `with` block never ended can end.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def port(self) -> int:
        """Return the port that the server listens on."""
        return int(self.bind_addr[1])

    def start(self) -> None:
        """Begin to answer, in a thread.

        Raises:
            ConnectorError: the port or the address can't be had.

        """
        self._thread.start()
        self._prepared.result()

    def stop(self) -> None:
        """Finish the answers that are under way, close every connection and end every thread."""
        super().stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self.prepare()
        except Exception as error:  # noqa: BLE001 - `start` raises it again
            self._prepared.set_exception(error)
        else:
            self._prepared.set_result(None)
            self.serve()

    @staticmethod
    def bind_socket(socket_: Any, bind_addr: tuple[str, int]) -> Any:
        """Bind the socket, or say which port or address can't be had."""
        try:
            socket_.bind(bind_addr)
        except OSError as cause:
            socket_.close()  # cheroot would leave it open
            address, port = bind_addr[:2]
            if cause.errno == errno.EADDRINUSE:
                problem = f"Port {port} is taken: choose another with --port."
            elif cause.errno == errno.EACCES:
                problem = f"Port {port} can't be used ({cause.strerror}): choose another with --port."
            else:
                problem = f"The address {address} can't be used ({cause.strerror}): choose another with --bind."
            raise ConnectorError(problem) from cause
        return socket_

    def process_conn(self, conn: Any) -> None:
        """Give a connection to a thread once it says something, so that silent ones don't use up the threads."""
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def put_conn(self, conn: Any) -> None:
        """Wait for the next request of a connection."""
        try:
            super().put_conn(conn)
        except (KeyError, ValueError):
            conn.close()  # the server stopped at this very moment

    def _serve_unservicable(self) -> None:
        """Do nothing: cheroot refuses in here what a full queue doesn't take, and this queue has no end.

        The thread that does so would end at some time after `stop`, which should leave none behind.
        """

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 - cheroot's signature
        """Say nothing when a client went away; anything worse is a bug and gets its traceback."""
        if level >= logging.ERROR:
            super().error_log(msg, level, traceback)


class _Gateway(wsgi.Gateway_10):
    """Hand a request with its whole body to the application.

    Whatever the application does, the next request of the connection starts where it should then, and a chunked body
    has a length like any other.
    """

    def respond(self) -> None:
        """Answer the request; after a malformed body nothing on this connection can be understood."""
        try:
            body = self._read_body()
        except (ValueError, OSError, MaxSizeExceeded):
            self.req.close_connection = True
            self.start_response("400 Bad Request", [("Content-Length", "0")])
            self.req.ensure_headers_sent()
            return
        self.env.pop("HTTP_TRANSFER_ENCODING", None)
        self.env |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        super().respond()

    def _read_body(self) -> bytes:
        length, chunked, source = self.env.get("CONTENT_LENGTH"), self.req.chunked_read, self.req.rfile
        if length is not None and (chunked or not length.isdigit()):
            raise ValueError("The length of the body is ambiguous.")
        body = bytearray()
        while block := source.read(_BLOCK):
            body += block
        if chunked:
            for _ in source.read_trailer_lines():
                pass  # trailers say nothing that matters here
        elif source.remaining:
            raise ValueError("The body is shorter than announced.")
        return bytes(body)
