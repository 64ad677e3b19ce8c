"""What one config keeps between sends: its templates, and a few connections that are signed in."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from connector_core import Config, Message, ProviderUnavailable, SendError, SendResult
from connector_smtp.access import Access
from connector_smtp.content import Composer

if TYPE_CHECKING:
    from connector_core import Transport
    from connector_smtp.content import Mail
    from connector_smtp.server import Patience
    from connector_smtp.session import Session

MOST_CONNECTIONS = 8
"""Connections to one server at a time; servers often refuse more than ten or twenty from one client."""

LONGEST_IDLE = 60.0
"""Seconds after which a connection is not used again: what lies on the way forgets silent ones without a word."""

_PARTING_SECONDS = 1.0


class Mailer:
    """Sends the mails of one config; safe in many threads."""

    def __init__(self, config: Config) -> None:
        self._access = config.keep(Access)
        self._composer = Composer(config)
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._lock = threading.Lock()
        self._idle: list[tuple[Session, float]] = []
        self._closed = False

    def send(self, message: Message, transport: Transport) -> SendResult:
        """Send one message within the limits of the transport.

        Raises:
            SendError: it was not sent, or nobody knows.

        """
        patience = self._access.patience(transport.limits)
        mail = self._composer.compose(message)
        if not self._places.acquire(timeout=patience.deadline - time.monotonic()):
            raise ProviderUnavailable(
                "Other sends had all connections to the mail server until the time limit was over, so nothing was "
                "sent: send again later."
            )
        try:
            session = self._begin(mail, transport, patience)
            try:
                refused = session.finish(mail)
            finally:
                self._put_back(session, patience.deadline)
        finally:
            self._places.release()
        return SendResult(
            message_id=mail.message_id,
            recipients={named: "rejected" if named in refused else "sent" for named in mail.recipients},
        )

    def close(self) -> None:
        """Take leave of the server."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        deadline = time.monotonic() + _PARTING_SECONDS
        for session, _ in idle:
            session.close(deadline)

    def _begin(self, mail: Mail, transport: Transport, patience: Patience) -> Session:
        """Return a connection on which a mail was announced; one that was kept is replaced where it has broken."""
        session = self._take_idle(patience)
        if session is not None:
            try:
                session.begin(mail)
            except SendError:
                is_final = session.usable
                self._put_back(session, patience.deadline)
                if is_final:
                    raise
            else:
                return session
        session = self._access.open(transport, patience)
        begun = False
        try:
            session.begin(mail)
            begun = True
        finally:
            if not begun:
                self._put_back(session, patience.deadline)
        return session

    def _take_idle(self, patience: Patience) -> Session | None:
        """Return a connection that was kept and still works, the one that was used last."""
        newest = time.monotonic() - LONGEST_IDLE
        with self._lock:
            session, since = self._idle.pop() if self._idle else (None, 0.0)
        if session is not None and since > newest and session.resume(patience):
            return session
        with self._lock:
            stale, self._idle = [*self._idle], []  # these have been idle even longer
        for other in (session, *(other for other, _ in stale)):
            if other is not None:
                other.abandon()
        return None

    def _put_back(self, session: Session, deadline: float) -> None:
        """Keep a connection for the next mail, unless it is of no more use."""
        with self._lock:
            is_kept = session.usable and not self._closed
            if is_kept:
                self._idle.append((session, time.monotonic()))
        if not is_kept:
            session.close(min(deadline, time.monotonic() + _PARTING_SECONDS))
