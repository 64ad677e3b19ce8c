"""The live check: whether a config works at SendGrid, told without sending anything; quoted are its docs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from connector_core import (
    AccountRestricted,
    Finding,
    InvalidResponse,
    SendError,
    UsageLimitExceeded,
    ascii_address,
    explain_failure,
    format_path,
)
from connector_sendgrid.plugin import SendGridRequests, read_refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from connector_core import Config, Response, Transport

    Get = Callable[[str], Response]
    Standing = Literal["verified", "waiting", "absent", "hidden"]

_OK, _NOT_FOUND = 200, 404
_MAY_NOT = {401, 403}
_FAILED = {408, 429, 451, *range(500, 600)}
_AT_ONCE = 8
_MOST_PAGES = 10
_LONGEST = 200

_CANT_TELL = "The key may not read templates (scope templates.read), so whether they are there can't be told."
_LOOK = "The key may stay as it is: compare each templateId with SendGrid, and send a test mail for each template."
_KEY_LIMITED = Finding("warning", "key_limited", "$.apiKey", _CANT_TELL, _LOOK)


# Where each list of what SendGrid sends from is, and the keys of the list, of an entry's name, and of whether that is
# verified ("Get All Verified Senders", whose scope isn't documented, and "List all authenticated domains").
_SENDERS = ("verified_senders?limit=100&lastSeenID={last}", "results", "from_email", "verified")
_DOMAINS = ("whitelabel/domains?domain={wanted}&limit=100&offset={count}", "", "domain", "valid")
_TITLES = ("the verified senders", "the authenticated domains (scope whitelabel.read)")


def check(config: Config, transport: Transport) -> Iterator[Finding]:
    """Yield what SendGrid says of a config; every request reads."""
    headers, base = config.keep(SendGridRequests).headers, config["apiUrl"].rstrip("/")
    try:
        yield from _check_all(config, lambda path: transport.request("GET", f"{base}/v3/{path}", headers=headers))
    except SendError as error:
        yield _explain(error, "$.apiUrl")


def misread(answer: Response) -> SendError:
    """Return the error for an answer of another status or shape than those that SendGrid documents."""
    if answer.status in _FAILED:
        return read_refusal(answer, "")
    return InvalidResponse("That is no answer of SendGrid.", reason=f"HTTP {answer.status}")


def _check_all(config: Config, get: Get) -> Iterator[Finding]:
    answer = get("scopes")
    if answer.status in _MAY_NOT:
        yield _explain_refusal(answer)
        return
    scopes = _read(answer, "scopes")
    yield Finding("ok", "credentials_accepted", "$.apiKey", "SendGrid accepts the API key.")
    if "mail.send" not in scopes:
        message = "The key may not send mails (scope mail.send)."
        fix = "In SendGrid open Settings, API Keys, and give the key full access to Mail Send."
        yield Finding("error", "key_may_not_send", "$.apiKey", message, fix)
        return
    if config["sandboxMode"]:
        fix = "Set sandboxMode to false before people need their mails."
        yield Finding("warning", "test_mode", "$.sandboxMode", "SendGrid checks the mails and delivers none.", fix)
    templates = _list_templates(config["templates"])
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        address = ascii_address(config["fromEmail"]).lower()
        wanted = (address, address.rpartition("@")[2])
        standings = pool.map(_look_up, (get, get), (_SENDERS, _DOMAINS), wanted)
        yield _judge_sender(*wanted, scopes, list(standings))
        if templates and "templates.read" not in scopes:
            yield _KEY_LIMITED
            return
        answers = pool.map(get, (f"templates/{template_id}" for template_id in templates))
        for (template_id, path), answer in zip(templates.items(), answers, strict=True):
            # The same finding comes once, however often it is found.
            yield _KEY_LIMITED if answer.status in _MAY_NOT else _judge_template(template_id, path, answer)


def _explain_refusal(answer: Response) -> Finding:
    """Return the finding for a key that may not even ask what it may do ("Retrieve a list of scopes")."""
    refusal = read_refusal(answer, "")
    if isinstance(refusal, AccountRestricted | UsageLimitExceeded):
        return _explain(refusal, "$.apiKey")
    # 403 is a key that SendGrid knows; which one may send then isn't documented, so it is taken for refused.
    message = "SendGrid refuses the API key."
    fix = "Copy it again (a key, not its id); check that apiUrl is of its region, and IP Access Management in SendGrid."
    return Finding("error", "authorization_failed", "$.apiKey", message, fix)


def _look_up(get: Get, register: tuple[str, str, str, str], wanted: str) -> Standing:
    """Return how a list of what SendGrid sends from has a name."""
    path, key, name, verified = register
    entries: list[Any] = []
    for _ in range(_MOST_PAGES):
        last = quote(str(entries[-1].get("id"))) if entries else 0
        answer = get(path.format(wanted=quote(wanted), count=len(entries), last=last))
        if answer.status in _MAY_NOT:
            return "hidden"
        page = _read(answer, key)
        if not all(isinstance(entry, dict) for entry in page):
            raise misread(answer)
        entries += page
        found = [entry.get(verified) is True for entry in entries if str(entry.get(name)).lower() == wanted]
        if True in found or not page:
            return "verified" if True in found else "waiting" if found else "absent"
    return "hidden"


def _judge_sender(address: str, domain: str, scopes: Collection[Any], found: list[Standing]) -> Finding:
    """Return whether SendGrid sends from an address ("Sender Identity": subdomains inherit nothing)."""
    if "verified" in found:
        return Finding("ok", "sender_accepted", "$.fromEmail", f"SendGrid sends from {address}.")
    verify = f"In SendGrid under Settings, Sender Authentication, verify {address} or authenticate {domain}"
    hidden = " and ".join(title for title, one in zip(_TITLES, found, strict=True) if one == "hidden")
    if hidden:
        message = f"Whether SendGrid sends from {address} can't be told: the key doesn't show {hidden}."
        return Finding("warning", "sender_unknown", "$.fromEmail", message, f"{verify}, unless that is done already.")
    if "sender_verification_exempt" in scopes:  # which account has it, and what it exempts from, isn't documented
        message = f"SendGrid has not verified {address}, and may not ask that of this account."
        return Finding("warning", "sender_unknown", "$.fromEmail", message, f"{verify}, or send a test mail.")
    message = f"SendGrid has verified neither {address} nor {domain}, so it refuses to send."
    fix = f"{verify}, or mend fromEmail. A subuser doesn't see domains that its parent account assigned: ask there."
    if "waiting" in found:
        message = f"SendGrid waits for the verification of {address} or {domain}, and refuses to send until then."
        fix = f"{verify}: open the link in its mail, or create the DNS records that it shows."
    return Finding("error", "sender_rejected", "$.fromEmail", message, fix)


def _judge_template(template_id: str, path: str, answer: Response) -> Finding:
    """Return whether a dynamic template is there and has an active version ("Retrieve a single template")."""
    body = answer.json()
    if answer.status == _NOT_FOUND and isinstance(body, dict):
        message = f"SendGrid has no template {template_id}; it takes such mails, and they never arrive."
        fix = "Copy the id again from Dynamic Templates in SendGrid."
        return Finding("error", "template_not_found", path, message, fix)
    versions = _read(answer, "versions")
    if body.get("generation") != "dynamic":
        fix = "Name a dynamic template: its id is in Dynamic Templates in SendGrid."
        return Finding("error", "template_not_found", path, f"{template_id} is no dynamic template.", fix)
    if any(isinstance(version, dict) and version.get("active") == 1 for version in versions):
        return Finding("ok", "template_accepted", path, f"SendGrid has the template {template_id}.")
    message = f"The template {template_id} has no active version."
    return Finding("error", "template_inactive", path, message, "Open it in SendGrid, and make a version active.")


def _read(answer: Response, key: str) -> list[Any]:
    """Return the list that an answer holds; without a key, the one that it is."""
    body = answer.json()
    found = body if not key else body.get(key) if isinstance(body, dict) else None
    if answer.status != _OK or not isinstance(found, list):
        raise misread(answer)
    return found


def _list_templates(entries: Collection[Mapping[str, Any]]) -> dict[str, str]:
    """Return the ids of dynamic templates, each with the path of the first setting that has it."""
    found: dict[str, str] = {}
    for index, entry in enumerate(entries):
        if "templateId" in entry:
            found.setdefault(entry["templateId"], format_path(("templates", index, "templateId")))
    return found


def _explain(error: SendError, path: str) -> Finding:
    """Return the finding for a request that failed, with little of what SendGrid said."""
    finding = explain_failure(error, "SendGrid", path)
    return replace(finding, message=finding.message[:_LONGEST])
