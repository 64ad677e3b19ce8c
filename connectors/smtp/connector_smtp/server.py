"""The mail server that a config names: how to reach it, and how long each step may take."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from connector_smtp.checks import is_loopback
from connector_smtp.failures import explain_no_way, explain_tls_failure
from connector_smtp.line import Line, describe_failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core import Config, Limits

_VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that each step may take, and the time (`time.monotonic`) at which the whole send is over."""

    connect: float
    greeting: float
    silence: float
    deadline: float


class Server:
    """Where the mail server of a config is, and how connections to it are protected."""

    def __init__(self, config: Config) -> None:
        tls = config.get("tls", {})
        self.client_name: str | None = config.get("name")
        self.is_implicit_tls: bool = config["secure"]
        self.must_encrypt = not is_loopback(config["host"]) or bool(config.get("requireTLS"))
        self.may_encrypt = not config.get("ignoreTLS")
        self._host: str = config["host"]
        self._port: int = config["port"]
        self._local_address: str | None = config.get("localAddress")
        self._name_in_certificate: str = tls.get("servername") or config.get("servername") or self._host.rstrip(".")
        self._limits = {
            name: config[key] / 1000 for name, key in _SETTING_OF_LIMIT.items() if config.get(key) is not None
        }
        self._tls: Mapping[str, Any] = tls

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Return what certificates are checked with; made when it is needed, since reading the system's takes long."""
        context = ssl.create_default_context()
        if "ca" in self._tls:
            context.load_verify_locations(cadata=self._tls["ca"])
        context.minimum_version = _VERSIONS[self._tls.get("minVersion", "TLSv1.2")]
        return context

    def patience(self, limits: Limits, started: float) -> Patience:
        """Return the limits of one send: the host's own, and where the config says less, the config's."""
        return Patience(
            connect=min(limits.connect, self._limits.get("connect", limits.connect)),
            greeting=min(limits.read, self._limits.get("greeting", limits.read)),
            silence=min(limits.read, self._limits.get("silence", limits.read)),
            deadline=started + limits.total,
        )

    def connect(self, patience: Patience) -> Line:
        """Return a new connection, encrypted where the config wants that from the start.

        Raises:
            NoConnection: there is none to be had.

        """
        line = self._find_way(patience)
        if self.is_implicit_tls:
            self.encrypt(line, patience)
        return line

    def encrypt(self, line: Line, patience: Patience) -> None:
        """Turn a connection to TLS, and check the server's certificate; a failure closes it.

        Raises:
            NoConnection: the certificate was refused, or the server speaks no TLS that fits.

        """
        line.deadline, line.silence = patience.deadline, patience.connect
        failure: OSError | None = None
        try:
            line.start_tls(self._context, self._name_in_certificate)
        except OSError as error:
            failure = error.with_traceback(None)
        except ValueError:  # a name that no certificate can be for
            failure = OSError("the name in the certificate can't be one")
        if failure is not None:
            line.close()
            raise explain_tls_failure(failure, is_implicit=self.is_implicit_tls)

    def _find_way(self, patience: Patience) -> Line:
        """Return a connection to the first address that answers."""
        path, reason = "$.host", "its name has no address"
        for family, kind, protocol, _, address in self._find_addresses():
            left = min(patience.connect, patience.deadline - time.monotonic())
            if left <= 0:
                path, reason = "$.host", "it took too long"
                break
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                sock.settimeout(left)
                if self._local_address:
                    path = "$.localAddress"
                    sock.bind((self._local_address, 0))
                path = "$.host"
                sock.connect(address)
                # The end of a mail goes out by itself and shall not wait for the confirmation of what came before.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                path = "$.port" if isinstance(error, ConnectionRefusedError) else path
                reason = describe_failure(error)
                if sock is not None:
                    sock.close()
            else:
                return Line(sock)
        raise explain_no_way(reason, path)

    def _find_addresses(self) -> list[Any]:
        try:
            return socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            reason = "its name can't be resolved"
        raise explain_no_way(reason, "$.host")


_SETTING_OF_LIMIT = {"connect": "connectionTimeout", "greeting": "greetingTimeout", "silence": "socketTimeout"}
