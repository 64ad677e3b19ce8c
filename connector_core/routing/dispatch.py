"""How messages find a member that takes them: one alone, or many at once."""

from __future__ import annotations

from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

from connector_core.batch_sender import as_send_error
from connector_core.errors import ConnectorError, SendError
from connector_core.message import SendResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from connector_core.batch_sender import SendOutcome
    from connector_core.routing.circuit import Admission
    from connector_core.routing.member import Member
    from connector_core.routing.way import Way

    Admit = Callable[[], Admission | None]


def dispatch(
    ways: Sequence[Way], plan: Iterable[Member], members: Iterable[Member], pool: ThreadPoolExecutor | None = None
) -> None:
    """Ask one member after the other until each message was taken, or may be taken by nobody else.

    Where all that is left of the members is skipped, the one whose pause ends first is asked all the same: a message
    doesn't fail because of a pause alone.

    Args:
        ways: the messages.
        plan: the members in the order in which they are asked; it may name one twice.
        members: all members.
        pool: where members that don't send batches send many messages at once.

    """
    left = dict.fromkeys(members)
    for member in plan:
        if member not in left:
            continue
        del left[member]
        waiting = [way for way in ways if not way.is_over]
        if not waiting:
            return
        is_another_ready = any(one.circuit.is_ready for one in left)
        _ask(member, waiting, member.circuit.admit, once=is_another_ready, pool=pool)
    for (member, once), waiting in _find_last_resorts(ways).items():
        _ask(member, waiting, member.circuit.force, once=once, pool=pool)


def conclude(way: Way) -> SendOutcome:
    """Return what became of a message as data, whatever was raised."""
    found = way.conclude()
    if isinstance(found, SendResult | SendError):
        return found
    if isinstance(found, ConnectorError):
        return as_send_error(found, "unknown")  # a plugin may have raised it after the send
    failure = SendError("A member of the router failed, so nobody knows whether it sent: mend it.", outcome="unknown")
    failure.__cause__ = found
    return failure


def _find_last_resorts(ways: Sequence[Way]) -> dict[tuple[Member, bool], list[Way]]:
    """Return the messages that nobody took by the member to ask all the same, and whether to ask it only once."""
    found: dict[tuple[Member, bool], list[Way]] = {}
    for way in ways:
        if way.skipped and not way.is_over:
            member = min(way.skipped, key=lambda one: one.circuit.until)
            found.setdefault((member, bool(way.failures)), []).append(way)
    return found


def _ask(member: Member, ways: Sequence[Way], admit: Admit, *, once: bool, pool: ThreadPoolExecutor | None) -> None:
    if member.sends_batches and len(ways) > 1:
        _ask_batch(member, ways, admit, once=once)
    elif pool is None or len(ways) == 1:
        for way in ways:
            _ask_one(member, way, admit, once=once)
    else:
        # With the caller's context, which a host's plugin may need, such as for tracing.
        asked = [pool.submit(copy_context().run, partial(_ask_one, member, way, admit, once=once)) for way in ways]
        for one in asked:
            one.result()


def _ask_one(member: Member, way: Way, admit: Admit, *, once: bool) -> None:
    admission = admit()
    if admission is None:
        way.skip(member)
    else:
        way.note(member, member.send(way.message, admission, once=once))


def _ask_batch(member: Member, ways: Sequence[Way], admit: Admit, *, once: bool) -> None:
    """Send messages at once; after a pause, one alone first."""
    for place, way in enumerate(ways):
        admission = admit()
        if admission is not None and admission.is_trial:
            way.note(member, member.send(way.message, admission, once=once))
            continue
        waiting = ways[place:]
        if admission is None:
            for one in waiting:
                one.skip(member)
        else:
            outcomes = member.send_batch([one.message for one in waiting], admission, once=once)
            for one, outcome in zip(waiting, outcomes, strict=True):
                one.note(member, outcome)
        return
