"""One member of a router: a sender and its health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector_core.configured_connector import ConfiguredConnector
from connector_core.errors import SendError
from connector_core.message import SendResult
from connector_core.routing.circuit import Circuit
from connector_core.routing.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from connector_core.batch_sender import SendOutcome
    from connector_core.message import Message
    from connector_core.metadata import ConnectorMetadata
    from connector_core.routing.backoff import Backoff
    from connector_core.routing.circuit import Admission
    from connector_core.routing.sender import RoutedSender


class Member:
    """One member of a router; safe in many threads and after a fork.

    Args:
        sender: what sends.
        backoff: how long it is skipped after it failed.
        clock: tells the time in seconds.

    """

    def __init__(self, sender: RoutedSender, backoff: Backoff, clock: Callable[[], float]) -> None:
        self.sender = sender
        self.id = sender.connector.id if isinstance(sender, ConfiguredConnector) else type(sender).__name__
        self.circuit = Circuit(self.id, backoff, clock)
        self.sends_batches = isinstance(sender, ConfiguredConnector) and sender.sends_batches
        self._once = sender.without_retries() if isinstance(sender, ConfiguredConnector) else sender

    @property
    def metadata(self) -> ConnectorMetadata | None:
        """Return what the connector says of itself; None of a sender that is a host's own."""
        return self.sender.connector.metadata if isinstance(self.sender, ConfiguredConnector) else None

    def send(self, message: Message, admission: Admission, *, once: bool) -> SendResult | Exception:
        """Send a message; return what became of it, and note what that says of the member's health.

        Args:
            message: the message.
            admission: the right to ask the member.
            once: whether a request that wasn't taken is left at that, since another member is there to take it.

        """
        outcomes: list[SendResult | Exception] = []
        try:
            outcomes.append(self._check((self._once if once else self.sender).send_message(message)))
        except Exception as error:  # noqa: BLE001  what is no SendError is raised in the end
            outcomes.append(error)
        finally:  # also where the thread is told to end
            self._settle(admission, outcomes)
        return outcomes[0]

    def send_batch(self, messages: Sequence[Message], admission: Admission, *, once: bool) -> list[SendOutcome]:
        """Send messages at once; return what became of each, and note what that says of the member's health."""
        outcomes: list[SendOutcome] = []
        try:
            outcomes += (self._once if once else self.sender).send_messages(messages, in_flight=1)
        finally:
            self._settle(admission, outcomes)
        return outcomes

    def _check(self, found: object) -> SendResult:
        """Return a result, of which a sender of the host's own may give none.

        Raises:
            SendError: it is none.

        """
        if isinstance(found, SendResult):
            return found
        problem = f"The member {self.id} returned no SendResult, so nobody knows whether it sent: mend it."
        raise SendError(problem, outcome="unknown")

    def _settle(self, admission: Admission, outcomes: Sequence[SendResult | Exception]) -> None:
        failures = [one for one in outcomes if isinstance(one, SendError) and judge(one).harms]
        if failures:
            longest = max(failures, key=lambda one: one.retry_after or 0.0)
            self.circuit.fail(admission, longest.code, longest.retry_after)
        elif any(isinstance(one, SendResult) for one in outcomes):
            self.circuit.succeed(admission)
        else:
            self.circuit.release(admission)
