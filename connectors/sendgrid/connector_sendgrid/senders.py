"""Whether SendGrid sends from an address: it must have verified the address, or authenticated its domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import quote

from connector_core import Finding, ask_at_once
from connector_sendgrid.answers import MAY_NOT, misread, read_list

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from connector_core import Response

    Standing = Literal["verified", "waiting", "absent", "hidden"]

_MOST_PAGES = 10


class _Register(NamedTuple):
    """A list of what SendGrid sends from: its title and path, and the keys of the list and of what an entry tells."""

    title: str
    path: str
    entries: str
    name: str
    verified: str


_SENDERS = _Register(
    title="the verified senders",  # which scope shows them isn't documented
    path="verified_senders?limit=100&lastSeenID={last}",
    entries="results",
    name="from_email",
    verified="verified",
)
"""SendGrid docs, "Get All Verified Senders"."""

_DOMAINS = _Register(
    title="the authenticated domains (scope whitelabel.read)",
    path="whitelabel/domains?domain={wanted}&limit=100&offset={count}",
    entries="",
    name="domain",
    verified="valid",
)
"""SendGrid docs, "List all authenticated domains"."""


def check_sender(get: Callable[[str], Response], address: str, scopes: Collection[Any]) -> Finding:
    """Return whether SendGrid sends from an address ("Sender Identity": subdomains inherit nothing).

    Args:
        get: asks SendGrid for a path.
        address: the sender's, in lower case.
        scopes: what the key may do.

    Raises:
        SendError: a request failed, or was answered with nonsense.

    """
    domain = address.rpartition("@")[2]
    names = {_SENDERS: address, _DOMAINS: domain}
    found = ask_at_once(lambda register: _look_up(get, register, names[register]), names)
    standings = dict(zip(names, found, strict=True))
    if "verified" in standings.values():
        return Finding("ok", "sender_accepted", "$.fromEmail", f"SendGrid sends from {address}.")
    verify = f"In SendGrid under Settings, Sender Authentication, verify {address} or authenticate {domain}"
    hidden = " and ".join(register.title for register, standing in standings.items() if standing == "hidden")
    if hidden:
        message = f"Whether SendGrid sends from {address} can't be told: the key doesn't show {hidden}."
        return Finding("warning", "sender_unknown", "$.fromEmail", message, f"{verify}, unless that is done already.")
    if "sender_verification_exempt" in scopes:  # which account has it, and what it exempts from, isn't documented
        message = f"SendGrid has not verified {address}, and may not ask that of this account."
        return Finding("warning", "sender_unknown", "$.fromEmail", message, f"{verify}, or send a test mail.")
    message = f"SendGrid has verified neither {address} nor {domain}, so it refuses to send."
    fix = f"{verify}, or mend fromEmail. A subuser doesn't see domains that its parent account assigned: ask there."
    if "waiting" in standings.values():
        message = f"SendGrid waits for the verification of {address} or {domain}, and refuses to send until then."
        fix = f"{verify}: open the link in its mail, or create the DNS records that it shows."
    return Finding("error", "sender_rejected", "$.fromEmail", message, fix)


def _look_up(get: Callable[[str], Response], register: _Register, wanted: str) -> Standing:
    """Return how a register has a name."""
    entries: list[Any] = []
    for _ in range(_MOST_PAGES):
        last = quote(str(entries[-1].get("id"))) if entries else 0
        answer = get(register.path.format(wanted=quote(wanted), count=len(entries), last=last))
        if answer.status in MAY_NOT:
            return "hidden"
        page = read_list(answer, register.entries)
        if not all(isinstance(entry, dict) for entry in page):
            raise misread(answer)
        entries += page
        verified = [
            entry.get(register.verified) is True for entry in entries if str(entry.get(register.name)).lower() == wanted
        ]
        if True in verified:
            return "verified"
        if not page:
            return "waiting" if verified else "absent"
    return "hidden"
