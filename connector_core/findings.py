"""Findings: what a live check learned, good and bad; plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connector_core.errors import (
    AccountRestricted,
    AuthorizationFailed,
    DeliveryUnknown,
    InvalidResponse,
    ProviderUnavailable,
    RateLimitExceeded,
    SenderRejected,
    SendError,
    TemplateNotFound,
    UsageLimitExceeded,
)

Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a live check learned.

    `level` is `ok` where something was seen to work, `warning` where it works and may surprise or couldn't be seen, and
    `error` where mails will fail. `code` is a stable word for programs, `path` the JSON path of the setting, `message`
    a sentence for people, and `fix` says what to do; it is empty where there is nothing to do. None of them ever holds
    the value of a secret.
    """

    level: Level
    code: str
    path: str
    message: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as a JSON object."""
        return {
            "level": self.level,
            "code": self.code,
            "path": self.path,
            "message": self.message,
            "fix": self.fix,
        }


_ANOTHER_TIME = "Try again in a few minutes."
_FIXES: dict[type[SendError], str] = {
    AccountRestricted: "Ask the provider's support why.",
    AuthorizationFailed: "Check the credentials in the config.",
    ProviderUnavailable: f"{_ANOTHER_TIME} If it stays so, look at the provider's status page.",
    RateLimitExceeded: _ANOTHER_TIME,
    SenderRejected: "Confirm the sender at the provider, or mend it in the config.",
    TemplateNotFound: "Compare the config with the templates at the provider.",
    UsageLimitExceeded: "Check the billing at the provider.",
}
_ITS_WORDS = "Act on what the provider says."
_LOOK_BETWEEN = "Check the address in the config, and any proxy or login page before it."


def explain_failure(error: SendError, provider: str, path: str = "$") -> Finding:
    """Return the finding for a request of a live check that failed.

    Args:
        error: what the transport raised, or `make_refusal` returned: these speak of messages, and a check sends none.
        provider: the provider's name, for the sentence.
        path: the setting that the request was about; where no answer came, name the provider's address.

    """
    status = error.provider.status if error.provider is not None else None
    if isinstance(error, InvalidResponse):
        why = f" ({error.reason})" if error.reason else f" (HTTP {status})" if status else ""
        return Finding("error", "not_understood", path, f"That is no answer of {provider}{why}.", _LOOK_BETWEEN)
    if error.reason is not None:
        is_reached = isinstance(error, DeliveryUnknown)
        what = "gave no whole answer" if is_reached else "could not be reached"
        code = "no_answer" if is_reached else "not_reached"
        fix = "Check the address in the config and the network from this machine, then try again."
        return Finding("error", code, path, f"{provider} {what} ({error.reason}).", fix)
    shown = f" (HTTP {status})" if status else ""
    if isinstance(error, DeliveryUnknown):
        return Finding("error", "no_answer", path, f"{provider} failed{shown}.", _FIXES[ProviderUnavailable])
    if shown and isinstance(error, ProviderUnavailable | RateLimitExceeded):
        what = "is not available" if isinstance(error, ProviderUnavailable) else "asks to slow down"
        return Finding("error", error.code, path, f"{provider} {what}{shown}.", _FIXES[type(error)])
    otherwise = "Check the address and the credentials in the config." if error.provider is None else _ITS_WORDS
    return Finding("error", error.code, path, str(error), _FIXES.get(type(error), otherwise))


def restate_failure(error: SendError, provider: str) -> SendError:
    """Return the error for a request that had nothing to do with a message, in words that don't speak of one."""
    finding = explain_failure(error, provider)
    kind = ProviderUnavailable if isinstance(error, DeliveryUnknown) else type(error)
    return kind(
        str(error) if finding.message == str(error) else f"{finding.message} {finding.fix}",
        provider=error.provider,
        outcome="not_sent",
        retryable=error.retryable or kind is ProviderUnavailable,
        retry_after=error.retry_after,
        reason=error.reason,
    )
