"""One message's way through a router: who was asked, and what came of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from connector_core.errors import SendError
from connector_core.message import SendResult
from connector_core.routing.decision import Decision
from connector_core.routing.verdict import judge

if TYPE_CHECKING:
    from connector_core.message import Message
    from connector_core.routing.member import Member


class Way:
    """One message's way through a router; used by one thread at a time.

    Args:
        message: the message.
        positions: the place of each member in the router.

    """

    def __init__(self, message: Message, positions: dict[Member, int]) -> None:
        self.message = message
        self.is_over = False
        self.skipped: list[Member] = []
        self.failures: list[Exception] = []
        self._positions = positions
        self._route: list[Decision] = []
        self._result: SendResult | None = None

    def skip(self, member: Member) -> None:
        """Note that a member was not asked."""
        self.skipped.append(member)
        self._route.append(Decision(member.id, self._positions[member], "skipped", member.circuit.code))

    def note(self, member: Member, outcome: SendResult | Exception) -> None:
        """Note what came of asking a member."""
        position = self._positions[member]
        if isinstance(outcome, SendResult):
            self._route.append(Decision(member.id, position, "sent"))
            self._result, self.is_over = outcome, True
            return
        self._route.append(Decision(member.id, position, "failed", getattr(outcome, "code", None)))
        if isinstance(outcome, SendError) and judge(outcome).moves_on:
            self.failures.append(outcome)
        else:
            self.failures, self.is_over = [outcome], True

    def conclude(self) -> SendResult | Exception:
        """Return what became of the message: of several failures the last, rather one that may pass by itself."""
        route = tuple(self._route)
        if self._result is not None:
            return replace(self._result, route=route)
        passing = [one for one in self.failures if isinstance(one, SendError) and one.retryable]
        failure = (passing or self.failures)[-1]
        if isinstance(failure, SendError):
            failure.route = route
        return failure
