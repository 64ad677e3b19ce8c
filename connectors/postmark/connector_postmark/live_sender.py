"""The sender of a config at Postmark, as far as a server token can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from connector_core import Finding, Mailbox
from connector_postmark.live_answers import Answer, ask, misshapen
from connector_postmark.request import ascii_mailbox

if TYPE_CHECKING:
    from connector_postmark.api import PostmarkApi

_CONTROL = "nobody@connector-check.invalid"
"""A sender that nobody can have confirmed: no name under `invalid` exists (RFC 6761, section 6.4)."""

_PATH = "$.fromEmail"
_NO_SIGNATURE, _NOT_CONFIRMED, _INVALID_REQUEST = 400, 401, 300
_OF_STREAMS = frozenset({1235, 1236})


class _Problem(NamedTuple):
    """What a refusal means; `{}` stands for the address."""

    code: str
    path: str
    message: str
    fix: str


_PROBLEMS = {
    _NO_SIGNATURE: _Problem(
        "sender_rejected",
        _PATH,
        "Postmark has no confirmed sender signature or domain for {}.",
        "Confirm the address or its domain under Sender Signatures in Postmark, or mend fromEmail.",
    ),
    _NOT_CONFIRMED: _Problem(
        "sender_rejected",
        _PATH,
        "The sender signature of {} is not confirmed yet.",
        "Open the link in the mail that Postmark sent to {}; under Sender Signatures, Postmark sends it once more.",
    ),
    405: _Problem(
        "usage_limit_exceeded",
        "$.serverToken",
        "The Postmark account may not send, since its credits are used up.",
        "Look at the billing page of the account.",
    ),
    412: _Problem(
        "account_restricted",
        "$.serverToken",
        "The Postmark account waits for approval: until then it sends to the sender's own domain only.",
        "Ask for the approval in Postmark, or wait for it.",
    ),
    413: _Problem(
        "account_restricted",
        "$.serverToken",
        "The Postmark account may not send.",
        "Ask Postmark's support why.",
    ),
}
"""By Postmark's number (Postmark developer docs, "API error codes")."""


def check_sender(api: PostmarkApi, mailbox: str) -> list[Finding]:
    """Return what Postmark says of the sender, and of the account, which it may speak of first.

    Only an account token lists the confirmed senders. So Postmark is given a mail of this sender without any recipient,
    which can reach nobody and is always refused: for its sender where that is not confirmed ("API error codes", 400 and
    401), else for its recipients (300). The latter says something of the sender only where Postmark looks at senders
    first, which its docs don't say. So a sender that nobody can have confirmed is tried after it: only where that one
    is refused for its sender is the config's sender confirmed.

    Args:
        api: Postmark's API with the token of the config.
        mailbox: the sender, alone or with a name.

    Raises:
        SendError: Postmark gave no answer.

    """
    address = Mailbox.parse(mailbox).address
    answer = _try_sender(api, ascii_mailbox(mailbox))
    if answer.code in _OF_STREAMS:
        return []  # of which another finding tells, where it matters
    problem = _find_problem(answer, address)
    if problem is not None:
        return [problem]
    if _try_sender(api, _CONTROL).code in {_NO_SIGNATURE, _NOT_CONFIRMED}:
        message = f"As far as a server token can tell, Postmark accepts the sender {address}."
        return [Finding("ok", "sender_accepted", _PATH, message)]
    message = f"Postmark does not tell a server token whether the sender {address} is confirmed."
    fix = "Look for the address or its domain under Sender Signatures in Postmark, or send a test mail: connectors test"
    return [Finding("warning", "sender_unknown", _PATH, message, f"{fix}.")]


def _try_sender(api: PostmarkApi, sender: str) -> Answer:
    """Return how Postmark refuses a mail of a sender that goes to nobody ("Email API", "Send a single email").

    Raises:
        SendError: Postmark gave no answer, or says that it took the mail.

    """
    answer = ask(api, "POST", "/email", {"From": sender, "Subject": "Live check", "TextBody": "Live check"})
    if not answer.code:
        raise misshapen("a mail without recipients")
    return answer


def _find_problem(answer: Answer, address: str) -> Finding | None:
    """Return why mails of the sender fail, None where the answer is about something else."""
    if answer.code == _INVALID_REQUEST and "'From'" in answer.said:
        message = f"Postmark can't read the sender: {answer.said}"
        return Finding("error", "sender_rejected", _PATH, message, "Mend fromEmail in the config.")
    problem = _PROBLEMS.get(answer.code)
    if problem is None:
        return None
    return Finding("error", problem.code, problem.path, problem.message.format(address), problem.fix.format(address))
