"""What an error says: whether another member may send the message, and whether this one is skipped for a while."""

from __future__ import annotations

from typing import NamedTuple

from connector_core.errors import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidMessage,
    InvalidResponse,
    ProviderUnavailable,
    RateLimitExceeded,
    RecipientRejected,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UnsupportedOption,
    UsageLimitExceeded,
)


class Verdict(NamedTuple):
    """What an error says.

    Args:
        moves_on: another member may send the message.
        harms: the member is skipped for a while.

    """

    moves_on: bool
    harms: bool


OF_THE_MEMBER = Verdict(moves_on=True, harms=True)
"""The provider, the account or the config is in trouble, and the next message would fail as well."""

OF_BOTH = Verdict(moves_on=True, harms=False)
"""This message can't go this way, and the next one may."""

OF_THE_MESSAGE = Verdict(moves_on=False, harms=False)
"""No provider should send it."""

UNKNOWN = Verdict(moves_on=False, harms=True)
"""It may have been sent, and the provider is in trouble."""

VERDICTS: dict[type[SendError], Verdict] = {
    ProviderUnavailable: OF_THE_MEMBER,
    RateLimitExceeded: OF_THE_MEMBER,
    UsageLimitExceeded: OF_THE_MEMBER,
    AccountRestricted: OF_THE_MEMBER,
    AuthorizationFailed: OF_THE_MEMBER,
    SenderRejected: OF_THE_MEMBER,
    DeliveryUnknown: OF_THE_MEMBER,
    InvalidResponse: OF_THE_MEMBER,
    TemplateNotFound: OF_BOTH,
    UnsupportedOption: OF_BOTH,
    SendError: OF_BOTH,
    RecipientRejected: OF_THE_MESSAGE,
    InvalidMessage: OF_THE_MESSAGE,
}
"""What the errors say while the outcome is `not_sent`; any other is `UNKNOWN`. The table of `docs/routing.md`."""


def judge(error: SendError) -> Verdict:
    """Return what an error of a member says."""
    if error.outcome != "not_sent":
        return UNKNOWN
    verdict = next(VERDICTS[kind] for kind in type(error).__mro__ if kind in VERDICTS)
    if verdict is OF_THE_MEMBER and (_is_about_recipients(error) or _is_of_the_host(error)):
        return OF_BOTH
    return verdict


def _is_about_recipients(error: SendError) -> bool:
    """Return whether the trouble is with some recipients, such as a mail server that puts them off (greylisting)."""
    return bool(error.recipients) and isinstance(error, ProviderUnavailable | AccountRestricted)


def _is_of_the_host(error: SendError) -> bool:
    """Return whether a plugin of the host keeps to a limit of its own: no provider was asked."""
    return error.provider is None and isinstance(error, RateLimitExceeded)
