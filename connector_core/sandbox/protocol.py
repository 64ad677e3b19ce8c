"""What a connector's sandbox shows: the shape that demos, tests and the command line rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxMessage:
    """A message that a sandbox accepted, as its recipient would see it.

    `payload` is the variables as the provider got them (None where the provider got finished content), and
    `request` is the provider's request as it came, for tests that look closer.
    """

    id: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    payload: Mapping[str, Any] | None
    request: Mapping[str, Any]


class Sandbox(Protocol):
    """A local stand-in for a provider, serving on loopback while its `with` block runs."""

    @property
    def url(self) -> str:
        """Return the address of the page that shows the accepted messages."""

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""

    @property
    def messages(self) -> Sequence[SandboxMessage]:
        """Return the accepted messages, oldest first."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...
