"""The mail server that a config names: how to reach it, and how long each step may take."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from connector_core import ProviderUnavailable
from connector_smtp.checks import is_loopback
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
            ProviderUnavailable: there is none to be had.

        """
        line, reason = self._find_way(patience)
        if line is None:
            raise ProviderUnavailable(
                f"The mail server could not be reached ({reason}), so nothing was sent: check the network, and host "
                "and port in the config, then send again."
            )
        if self.is_implicit_tls:
            self.encrypt(line, patience)
        return line

    def encrypt(self, line: Line, patience: Patience) -> None:
        """Turn a connection to TLS, and check the server's certificate; a failure closes it.

        Raises:
            ProviderUnavailable: the certificate was refused, or the server speaks no TLS that fits.

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
            raise _explain_tls_failure(failure, is_implicit=self.is_implicit_tls)

    def _find_way(self, patience: Patience) -> tuple[Line | None, str]:
        """Return a connection to the first address that answers, else why there is none."""
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return None, "its name can't be resolved"
        reason = "its name has no address"
        for family, kind, protocol, _, address in found:
            left = min(patience.connect, patience.deadline - time.monotonic())
            if left <= 0:
                return None, "it took too long"
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                sock.settimeout(left)
                if self._local_address:
                    sock.bind((self._local_address, 0))
                sock.connect(address)
                # The end of a mail goes out by itself and shall not wait for the confirmation of what came before.
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                reason = describe_failure(error)
                if sock is not None:
                    sock.close()
            else:
                return Line(sock), ""
        return None, reason


_SETTING_OF_LIMIT = {"connect": "connectionTimeout", "greeting": "greetingTimeout", "silence": "socketTimeout"}


def _explain_tls_failure(failure: OSError, *, is_implicit: bool) -> ProviderUnavailable:
    reason = describe_failure(failure)
    if isinstance(failure, ssl.SSLCertVerificationError):
        return ProviderUnavailable(
            f"The mail server's certificate was refused ({reason}), so nothing was sent: check host in the config; for "
            "a CA of your own put its certificate into tls.ca, for another name in the certificate set servername.",
            retryable=False,
        )
    hint = "; where the port starts without TLS, such as 587, set secure to false" if is_implicit else ""
    return ProviderUnavailable(
        f"TLS with the mail server failed ({reason}), so nothing was sent: check host and port in the config{hint}.",
        retryable=not isinstance(failure, ssl.SSLError),
    )
