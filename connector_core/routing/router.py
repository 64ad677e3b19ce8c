"""Routers: configured connectors made of configured connectors, so that a message goes where it can go."""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from connector_core.errors import ConnectorError, UnsupportedFeature
from connector_core.findings import Finding
from connector_core.message import SendResult
from connector_core.routing.backoff import Backoff
from connector_core.routing.dispatch import conclude, dispatch
from connector_core.routing.member import Member
from connector_core.routing.sender import RoutedSender
from connector_core.routing.way import Way

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import ThreadPoolExecutor
    from datetime import date

    from connector_core.errors import SendError
    from connector_core.message import Message


class Router(ABC):
    """What `Failover` and `RoundRobin` share; safe in many threads and after a fork.

    Args:
        senders: configured connectors, or routers, whose members keep the health that they have there. A connector that
            stands beside a router and in it has one health; of one that several routers hold, that of the first counts.
        backoff: how long a member that failed is skipped; a router among the senders has its own.
        clock: tells the time in seconds, for tests.

    Raises:
        ValueError: there is no sender.
        TypeError: one of them can't send, such as a connector without a config.

    """

    def __init__(
        self,
        senders: Iterable[RoutedSender],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._senders = tuple(senders)
        if not self._senders:
            raise ValueError("A router needs at least one configured connector.")
        inherited: dict[int, Member] = {}
        for sender in self._senders:
            if not isinstance(sender, RoutedSender):
                raise TypeError(f"{sender!r} can't be a member of a router: configure the connector first.")
            if isinstance(sender, Router):
                inherited = sender._members | inherited  # noqa: SLF001  this class
        self._members: dict[int, Member] = {}
        for sender in self._senders:
            keys = sender._members if isinstance(sender, Router) else (id(sender),)  # noqa: SLF001  this class
            for key in keys:
                if key not in self._members:
                    self._members[key] = inherited.get(key) or Member(sender, backoff or Backoff(), clock)
        self._positions = {member: position for position, member in enumerate(self._members.values())}

    def __repr__(self) -> str:
        shown = (repr(one) if isinstance(one, Router) else self._find_member(one).id for one in self._senders)
        return f"<{type(self).__name__} {', '.join(shown)}>"

    def send_message(self, message: Message) -> SendResult:
        """Send one message through the first member that takes it; `route` of the result tells the way.

        The next member is asked only where the message was surely not sent and is not itself at fault. It may take as
        long as the members that are asked may take together.

        Raises:
            SendError: nobody took it, or nobody knows; `route` tells the way.

        """
        way = Way(message, self._positions)
        dispatch([way], self._plan(), self._positions)
        found = way.conclude()
        if isinstance(found, SendResult):
            return found
        raise found

    def send_messages(
        self, messages: Iterable[Message], *, in_flight: int | None = None
    ) -> Iterator[SendResult | SendError]:
        """Yield what becomes of each message, in order: a `SendResult`, or the `SendError` of a message that failed.

        Messages are taken as they are needed, and go out in batches where a member sends such. What a member didn't
        take of a batch goes on to the next one. Take the outcomes to the end, as of a configured connector.

        Args:
            messages: the messages. An error that it raises comes after the outcomes of all messages before.
            in_flight: how many requests go to a member at the same time; 4 batches or 8 single messages where nothing
                is said.

        Raises:
            ValueError: `in_flight` is less than 1.

        """
        if in_flight is not None and in_flight < 1:
            raise ValueError("in_flight is at least 1.")
        return self._send_many(messages, in_flight)

    def check_connection(self, *, seconds: float | None = None) -> list[Finding]:
        """Return what the providers say of the configs of all members; each finding's message begins with its member.

        Args:
            seconds: how long each may take; they are asked at the same time.

        """
        from connector_core.live import ask_at_once

        def check(member: Member) -> list[Finding]:
            label = f"{member.id} (position {self._positions[member]})"
            try:
                found = _get_method(member, "check_connection")(seconds=seconds)
            except UnsupportedFeature as error:
                found = [Finding("warning", error.code, "$", str(error))]
            except ConnectorError as error:
                found = [Finding("error", error.code, "$", str(error))]
            return [replace(one, message=f"{label}: {one.message}") for one in found]

        return list(itertools.chain.from_iterable(ask_at_once(check, self._positions)))

    def get_usage(self, since: date, *, seconds: float | None = None) -> int:
        """Return how many messages the providers of all members together took since a day, that day included.

        Args:
            since: the day.
            seconds: how long each may take; they are asked at the same time.

        Raises:
            UnsupportedFeature: one of them doesn't tell, so that there is no sum.
            SendError: one of them can't be reached or refuses.

        """
        from connector_core.live import ask_at_once

        return sum(ask_at_once(lambda one: _get_method(one, "get_usage")(since, seconds=seconds), self._positions))

    def close(self) -> None:
        """Close what the members keep between sends; the next send opens it anew."""
        for member in self._positions:
            member.sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    @abstractmethod
    def _order(self) -> Sequence[RoutedSender]:
        """Return the senders in the order in which they are asked for the next message or batch."""

    def _plan(self) -> Iterator[Member]:
        """Yield the members to ask; a router within this one takes its turn only when it is reached."""
        for sender in self._order():
            inner = sender._plan() if isinstance(sender, Router) else (self._find_member(sender),)  # noqa: SLF001  this class
            for member in inner:
                yield self._find_member(member.sender)

    def _find_member(self, sender: RoutedSender) -> Member:
        return self._members[id(sender)]

    def _send_many(self, messages: Iterable[Message], in_flight: int | None) -> Iterator[SendResult | SendError]:
        from concurrent.futures import ThreadPoolExecutor

        from connector_core import batch

        singles = in_flight or batch.MESSAGES_IN_FLIGHT
        units: Iterable[list[Message]]
        if batching := [one.metadata for one in self._positions if one.metadata is not None and one.sends_batches]:
            threads, ahead = in_flight or batch.BATCHES_IN_FLIGHT, 1
            # Cut for the one that takes most at once; where others take fewer, they cut again.
            units = batch.cut_batches(messages, max(batching, key=batch.find_most_messages))
        else:
            threads, ahead = singles, batch.AHEAD
            units = ([message] for message in messages)
        pool = ThreadPoolExecutor(singles, thread_name_prefix="connector-core-routing")
        outcomes = batch.send_in_order(partial(self._send_unit, pool), units, threads=threads, ahead=threads * ahead)
        try:
            for outcome in outcomes:  # noqa: UP028  so that the pool is told to stop before what is in flight ends
                yield outcome
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _send_unit(self, pool: ThreadPoolExecutor, messages: Sequence[Message]) -> list[SendResult | SendError]:
        ways = [Way(message, self._positions) for message in messages]
        dispatch(ways, self._plan(), self._positions, pool)
        return [conclude(way) for way in ways]


class Failover(Router):
    """Sends through the first of several configured connectors that takes the message.

    Args and errors are those of `Router`.
    """

    def _order(self) -> Sequence[RoutedSender]:
        return self._senders


class RoundRobin(Router):
    """Sends through several configured connectors in turn: message by message, or batch by batch.

    Where the one whose turn it is can't take the message, the next one is asked, as in a `Failover`. A connector that
    stands twice in the list gets twice the share. Args and errors are those of `Router`.
    """

    def __init__(
        self,
        senders: Iterable[RoutedSender],
        *,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(senders, backoff=backoff, clock=clock)
        self._turns = itertools.count()  # a step of it is safe among threads

    def _order(self) -> Sequence[RoutedSender]:
        turn = next(self._turns) % len(self._senders)
        return self._senders[turn:] + self._senders[:turn]


def _get_method(member: Member, name: str) -> Any:
    """Return a method that a configured connector has, and a sender of the host's own may have.

    Raises:
        UnsupportedFeature: it has none.

    """
    method = getattr(member.sender, name, None)
    if method is None:
        raise UnsupportedFeature(f"The member {member.id} has no method {name}: leave it out, or give it one.")
    return method
