"""Messages and what becomes of them: plain data, checked when it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from connector_core.errors import InvalidMessage
from connector_core.jsonvalue import copy_json, format_path

if TYPE_CHECKING:
    from datetime import datetime

USAGE_TYPES = (
    "SignIn",
    "Register",
    "ForgotPassword",
    "OrganizationInvitation",
    "Generic",
    "UserPermissionValidation",
    "BindNewIdentifier",
    "MfaVerification",
    "BindMfa",
)
"""The usage types that every host shares; a host may have its own besides."""

RecipientStatus = Literal["sent", "queued", "rejected", "invalid", "unknown"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ADDRESS = re.compile(
    r"""[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,64}
        @[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f-\x9f\ud800-\udfff.]+(\.[^\s@<>,;:"()\[\]\\\x00-\x1f\x7f-\x9f\ud800-\udfff.]+)*""",
    re.VERBOSE,
)
_MAX_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets


@dataclass(slots=True)
class Message:
    """One message to one recipient.

    Args:
        to: the recipient: one address.
        type: the usage type, one of `USAGE_TYPES` or the host's own.
        payload: the variables of the message, a JSON object; it is copied.
        ip: the network address of the person who asked for the message, if known.

    A change is checked like a new message. A send works on its own copy: a wrapper around `send_message` may change
    the message it is given (redirect it in staging), and the caller's stays as it was.

    Raises:
        InvalidMessage: a part is missing, malformed or no JSON; the sentence names it.

    """

    to: str
    type: str
    payload: dict[str, Any] = field(default_factory=dict, repr=False)  # codes are no matter for logs
    ip: str | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, _CHECKS[name](value) if name in _CHECKS else value)

    def copy(self) -> Message:
        """Return a message of the same values that shares nothing with this one."""
        return Message(self.to, self.type, self.payload, self.ip)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What the provider said of a message that it took.

    Args:
        message_id: the provider's id of the message.
        status: `sent`, or `queued` where the provider took it and says it will be late.
        recipients: what became of each address.
        submitted_at: when the provider took it, where it said so.

    """

    message_id: str
    status: Literal["sent", "queued"] = "sent"
    recipients: dict[str, RecipientStatus] = field(default_factory=dict)
    submitted_at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object in camelCase."""
        return {
            "messageId": self.message_id,
            "status": self.status,
            "recipients": dict(self.recipients),
            "submittedAt": None if self.submitted_at is None else self.submitted_at.isoformat(),
        }


def check_address(address: str) -> None:
    """Check that a text is one e-mail address and nothing else.

    Raises:
        InvalidMessage: it is not; the address is not repeated in the sentence.

    """
    if len(address) > _MAX_ADDRESS or not _ADDRESS.fullmatch(address):
        raise InvalidMessage("The recipient is not one e-mail address: write it as name@example.com, without a name.")


def ascii_address(address: str) -> str:
    """Return an address with its domain in ASCII (IDNA 2008), as providers want it: `a@münchen.de` becomes `a@xn--...`.

    Raises:
        InvalidMessage: the domain can't be written so.

    """
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        return address
    import idna  # requests brings it

    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as cause:
        raise InvalidMessage("The domain of an address is not valid: check its spelling.") from cause


def _check_to(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidMessage("The message has no recipient: give `to` an address.")
    if _CONTROL.search(value):
        raise InvalidMessage("The recipient has a line break or another control character: give one address.")
    return value


def _check_type(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidMessage("The message has no usage type: give `type` one, such as SignIn or Generic.")
    if _CONTROL.search(value):
        raise InvalidMessage("The usage type has a line break or another control character.")
    return value


def _check_payload(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidMessage("The payload is not a JSON object: give a dict of variables.")
    copied: dict[str, Any] = copy_json(value, _refuse_payload)
    return copied


def _refuse_payload(path: tuple[str | int, ...], reason: str) -> NoReturn:
    raise InvalidMessage(f"The payload can't be sent: {format_path(path)} {reason}.")


def _check_ip(value: object) -> str | None:
    if value is not None and (not isinstance(value, str) or _CONTROL.search(value)):
        raise InvalidMessage("The ip of the message is not a network address.")
    return value


_CHECKS = {"to": _check_to, "type": _check_type, "payload": _check_payload, "ip": _check_ip}
