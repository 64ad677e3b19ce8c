"""A plugin that keeps people from being flooded, and providers from being asked too fast."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from connector_core.errors import RateLimitExceeded
from connector_core.hookspecs import hookimpl
from connector_core.middleware.rate_counters import (
    AWAY_SECONDS,
    Claim,
    CountersAway,
    RateCounters,
    describe,
    read_limits,
)
from connector_core.middleware.recipients import AddressHash, list_addresses, normalize_address

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from limits import RateLimitItem
    from limits.storage import Storage

    from connector_core.message import Message
    from connector_core.metadata import ConnectorMetadata

PER_RECIPIENT = "10 per 600 seconds"
"""As Logto has it."""

_MAX_WAIT = 5.0


class RateGuard:
    """Refuse messages to a recipient who got too many, and keep connectors to a pace; needs the extra `rate`.

    What is refused is a `RateLimitExceeded` that no provider said (`provider` is None), before the connector is asked.
    A message counts for each of its recipients when it is let through, whatever becomes of it then.

    Args:
        per_recipient: how many messages an address may get, whatever connector sends them, such as `10 per 600 seconds`
            or `3/minute; 20/day`; None for any number.
        pace: how fast a connector may be asked, by its id (`{"acme-mail": "100/second"}`), or one pace that holds
            for each connector.
        max_wait: seconds that a message waits at most for its turn in the pace, before it is refused.
        storage: where the counters are: `memory://` (of each process), `redis://host:6379/0` (extra `redis`), or a
            storage of `limits`.
        key: at least 32 random bytes, or a text of as many. Counters are named by hashes of addresses; without a key,
            whoever can read the names can find out an address that they guess.
        exempt: addresses that don't count, such as the one of an archive that gets a copy of everything.
        must_count: whether to refuse messages while shared counters are out of reach. Otherwise each process counts for
            itself meanwhile, since a code that is not sent harms more than a few too many.
        prefix: what the names of the counters begin with; hosts that share it share their counters.

    Raises:
        TypeError: `exempt` is no list of texts, such as one text, whose letters would be the addresses.
        ValueError: a limit, the storage or the key is malformed.

    """

    def __init__(  # noqa: PLR0913  settings, each with a default
        self,
        *,
        per_recipient: str | None = PER_RECIPIENT,
        pace: str | Mapping[str, str] | None = None,
        max_wait: float = _MAX_WAIT,
        storage: str | Storage = "memory://",
        key: str | bytes | None = None,
        exempt: Iterable[str] = (),
        must_count: bool = False,
        prefix: str = "connector-core",
    ) -> None:
        self._per_recipient = [] if per_recipient is None else read_limits(per_recipient)
        self._pace_of_all = read_limits(pace) if isinstance(pace, str) else []
        self._paces = {} if pace is None or isinstance(pace, str) else {k: read_limits(v) for k, v in pace.items()}
        self._max_wait = max_wait
        self._hash = AddressHash(key)
        self._exempt = _read_addresses(exempt)
        self._counters = RateCounters(storage, prefix=prefix, must_answer=must_count)

    @hookimpl(wrapper=True)
    def send_message(self, message: Message, metadata: ConnectorMetadata) -> Generator[None, Any, Any]:
        """Let a message through, when it is its turn, or refuse it.

        Raises:
            RateLimitExceeded: a recipient got too many messages, or the connector is asked too fast.

        """
        try:
            self._admit(message, metadata.id)
        except CountersAway:
            raise RateLimitExceeded(
                "The counters of the rate guard are out of reach, and nothing is sent without: send again later.",
                retry_after=AWAY_SECONDS,
            ) from None
        return (yield)

    def _admit(self, message: Message, connector_id: str) -> None:
        hashes = {self._hash(one) for one in list_addresses(message) if normalize_address(one) not in self._exempt}
        wanted = [Claim(limit, f"recipient/{one}") for one in sorted(hashes) for limit in self._per_recipient]
        pace = self._paces.get(connector_id, self._pace_of_all)
        if pace:
            # First, so that messages to somebody who got too many don't take the turns of others.
            self._refuse_flood(self._counters.look(wanted))
            self._wait_for_turn(connector_id, pace)
        self._refuse_flood(self._counters.take(wanted))

    def _refuse_flood(self, wait: float) -> None:
        if wait:
            seconds = math.ceil(wait)
            raise RateLimitExceeded(
                f"A recipient of this message got as many as may be sent to one ({describe(self._per_recipient)}): "
                f"send again in {seconds} s.",
                retry_after=seconds,
            )

    def _wait_for_turn(self, connector_id: str, pace: Sequence[RateLimitItem]) -> None:
        wanted = [Claim(limit, f"pace/{connector_id}") for limit in pace]
        deadline = time.monotonic() + self._max_wait
        while wait := self._counters.take(wanted):
            if time.monotonic() + wait > deadline:
                raise RateLimitExceeded(
                    f"The connector {connector_id} is asked faster than its pace allows ({describe(pace)}): send again "
                    f"in {math.ceil(wait)} s, or send less at a time.",
                    retry_after=math.ceil(wait),
                )
            time.sleep(wait)


def _read_addresses(exempt: object) -> frozenset[str]:
    if isinstance(exempt, Iterable) and not isinstance(exempt, str | bytes):
        addresses = [*exempt]
        if all(isinstance(one, str) for one in addresses):
            return frozenset(map(normalize_address, addresses))
    raise TypeError("`exempt` is no list of texts: give a list of addresses, even for one.")
