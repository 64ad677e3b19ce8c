"""What can go wrong, as one tree.

ConnectorError                  general                 anything below
├── InvalidConfig               invalid_config          the config has issues
├── InvalidConnector            invalid_metadata        a connector or plugin breaks the contract
├── ConnectorNotFound           connector_not_found     no connector has this id
├── UnsupportedFeature          not_implemented         the connector can't do this
├── StoreError                  store_failed            the store of configs is missing, damaged or out of reach
│   └── StoreConflict           store_conflict          somebody else changed the config first
└── SendError                   general                 the message was not sent, or nobody knows
    ├── TemplateNotFound        template_not_found      no template for the usage type, or unknown to the provider
    ├── AuthorizationFailed     authorization_failed    the provider refuses the credentials
    ├── SenderRejected          sender_rejected         the sender is missing or unconfirmed
    ├── RecipientRejected       recipient_rejected      inactive or invalid addresses
    ├── InvalidMessage          invalid_message         the message itself can't be sent
    ├── UnsupportedOption       not_implemented         an UnsupportedFeature, too: an option that is not to be had
    ├── AccountRestricted       account_restricted      the account may not send (yet)
    ├── UsageLimitExceeded      usage_limit_exceeded    out of credits
    ├── RateLimitExceeded       rate_limit_exceeded     too many requests, try later
    ├── ProviderUnavailable     provider_unavailable    not reached: surely not sent
    ├── DeliveryUnknown         delivery_unknown        the line broke after the request went out
    └── InvalidResponse         invalid_response        an answer that can't be understood
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core.routing.decision import Decision

Outcome = Literal["not_sent", "unknown"]


@dataclass(frozen=True, slots=True)
class ConfigIssue:
    """One thing that is wrong with a config.

    `path` is a JSON path such as `$.templates[0].usageType`, `code` a stable word for programs, `message` a sentence
    for people. None of the three ever holds the value of a secret.
    """

    path: str
    code: str
    message: str

    def to_json(self) -> dict[str, str]:
        """Return the issue as a JSON object."""
        return {"path": self.path, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReply:
    """What the provider itself said: its own code, its sentence and the HTTP (or SMTP) status."""

    code: int | str | None = None
    message: str | None = None
    status: int | None = None

    def to_json(self) -> dict[str, int | str]:
        """Return what is known as a JSON object."""
        known = {"code": self.code, "message": self.message, "status": self.status}
        return {key: value for key, value in known.items() if value is not None}


class ConnectorError(Exception):
    """The root of all errors; `str(error)` is one sentence that says what to do next."""

    code = "general"

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])

    def to_json(self) -> dict[str, Any]:
        """Return the error as a JSON object in camelCase; keys that don't apply are left out."""
        return {"code": self.code, "message": str(self)}


class InvalidConfig(ConnectorError):
    """The config has issues; all of them are in `issues`, sorted by path."""

    code = "invalid_config"

    def __init__(self, message: str, issues: Sequence[ConfigIssue] = ()) -> None:
        super().__init__(message)
        self.issues = tuple(issues)

    def to_json(self) -> dict[str, Any]:
        """Return the error with its issues as a JSON object."""
        return {**super().to_json(), "issues": [issue.to_json() for issue in self.issues]}


class InvalidConnector(ConnectorError):
    """A connector or a host's plugin breaks the contract; the sentence says which part of it."""

    code = "invalid_metadata"


class ConnectorNotFound(ConnectorError, KeyError):
    """No connector with this id is there; the sentence names those that are."""

    code = "connector_not_found"


class UnsupportedFeature(ConnectorError):
    """The connector can't do what was asked; the sentence says what to do instead."""

    code = "not_implemented"


class StoreError(ConnectorError):
    """The store of configs is missing, damaged or out of reach.

    Nothing was changed, unless the line to a database broke at the very end: read again what is stored then.
    """

    code = "store_failed"


class StoreConflict(StoreError):
    """Somebody else changed the config first; nothing was changed: read it again, and repeat the change."""

    code = "store_conflict"


class SendError(ConnectorError):
    """The message was not sent, or nobody knows whether it was.

    A live check, the provisioning of templates and a question for the usage raise it, too; nothing was sent then.

    Args:
        message: one sentence that says what to do next.
        provider: what the provider itself said.
        outcome: `not_sent` when the provider surely didn't take the message, else `unknown`.
        retryable: whether the same message may go through later, unchanged.
        retry_after: seconds to wait, where the provider said so.
        recipients: the addresses this is about.
        reason: in a few words why no whole answer came, where that is what went wrong.

    """

    outcome: Outcome = "not_sent"
    retryable = False
    route: tuple[Decision, ...] = ()
    """What a router did, connector by connector; empty without a router."""

    def __init__(  # noqa: PLR0913  each of them is a fact that a host acts upon
        self,
        message: str,
        *,
        provider: ProviderReply | None = None,
        outcome: Outcome | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
        recipients: Sequence[str] = (),
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.outcome = self.outcome if outcome is None else outcome
        self.retryable = self.retryable if retryable is None else retryable
        self.retry_after = retry_after
        self.recipients = tuple(recipients)
        self.reason = reason

    def to_json(self) -> dict[str, Any]:
        """Return the error as a JSON object; what isn't known is left out, as is `route` without a router."""
        found: dict[str, Any] = {
            **super().to_json(),
            "outcome": self.outcome,
            "retryable": self.retryable,
        }
        if self.retry_after is not None:
            found["retryAfter"] = self.retry_after
        if self.provider is not None:
            found["provider"] = self.provider.to_json()
        if self.recipients:
            found["recipients"] = list(self.recipients)
        if self.route:
            found["route"] = [decision.to_json() for decision in self.route]
        return found


class TemplateNotFound(SendError):
    """There is no template for the usage type and no Generic one, or the provider doesn't know it."""

    code = "template_not_found"


class AuthorizationFailed(SendError):
    """The provider refuses the credentials."""

    code = "authorization_failed"


class SenderRejected(SendError):
    """The provider refuses the sender: unknown, unconfirmed or malformed."""

    code = "sender_rejected"


class RecipientRejected(SendError):
    """The provider refuses recipients, listed in `recipients` as far as it named them."""

    code = "recipient_rejected"


class InvalidMessage(SendError):
    """The message itself can't be sent: a field, its size, an attachment."""

    code = "invalid_message"


class UnsupportedOption(SendError, UnsupportedFeature):
    """The message has an option that the connector can't send; nothing was sent."""

    code = "not_implemented"


class AccountRestricted(SendError):
    """The account at the provider may not send (yet)."""

    code = "account_restricted"


class UsageLimitExceeded(SendError):
    """The account at the provider is out of credits."""

    code = "usage_limit_exceeded"


class RateLimitExceeded(SendError):
    """The provider asks to slow down."""

    code = "rate_limit_exceeded"
    retryable = True


class ProviderUnavailable(SendError):
    """The provider could not be reached or was closed: surely not sent."""

    code = "provider_unavailable"
    retryable = True


class DeliveryUnknown(SendError):
    """The request went out and no answer tells what became of it: sending again may send twice."""

    code = "delivery_unknown"
    outcome = "unknown"


class InvalidResponse(SendError):
    """The provider answered something that can't be understood: sending again may send twice."""

    code = "invalid_response"
    outcome = "unknown"
