"""What whoever runs or mounts the console decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from connector_core.errors import ConnectorError

if TYPE_CHECKING:
    from flask import Request

KEY_BYTES: Final = 32
Authenticate = Callable[["Request"], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleOptions:
    """How the console behaves.

    Args:
        authenticate: returns the name of the administrator behind a request, or None where there is none; it takes
            Flask's request. Without it the console asks for a one-time token.
        secret_key: at least 32 bytes that sign cookies and forms; the same for all processes that serve one console.
            Without it each process makes its own.
        private_addresses: whether configs may name addresses of this machine and its network, as sandboxes need.
        references: whether an administrator may write `{"$env": ...}` and `{"$file": ...}` into a config: whoever may
            can send what they hold to an address of their choice. Those that are stored are followed in any case.
        sandboxes: whether an administrator may start the sandbox of a connector; it needs `private_addresses`.
        host_names: the names that requests may be addressed to; None lets any in.
        test_sends: how many test messages may go to one address in ten minutes; six times as many in all.

    Raises:
        ConnectorError: the secret key is too short.

    """

    authenticate: Authenticate | None = None
    secret_key: bytes | None = field(default=None, repr=False)
    private_addresses: bool = False
    references: bool = False
    sandboxes: bool = False
    host_names: frozenset[str] | None = None
    test_sends: int = 10

    def __post_init__(self) -> None:
        """Refuse a key that could be guessed, such as an empty variable."""
        if self.secret_key is not None and len(self.secret_key) < KEY_BYTES:
            raise ConnectorError(
                f"The secret key of the console is too short: give it {KEY_BYTES} random bytes or more."
            )
