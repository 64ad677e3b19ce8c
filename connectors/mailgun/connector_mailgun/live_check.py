"""The live check: whether a config works at Mailgun, told without sending anything; quoted is its API reference."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connector_core import (
    AuthorizationFailed,
    Finding,
    InvalidResponse,
    Mailbox,
    SendError,
    ask_at_once,
    clean_header,
    explain_failure,
    shorten_text,
)
from connector_mailgun.plugin import MailgunRequests, read_refusal, read_text
from connector_mailgun.templates import judge_template, list_templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from connector_core import Config, Response, Transport

_PROBE = {"o:testmode": "yes"}
"""A message to nobody, from nobody: Mailgun can't take it, and in test mode it would deliver none."""

_GOT_AS_FAR_AS_THE_FORM = re.compile("parameter is (missing|not a valid)|^Need at least one of")
_OK, _BAD_FORM, _NOT_FOUND = 200, 400, 404
_MAY_NOT = {401, 403}
_FAILED = {408, 420, 429, *range(500, 600)}
_LONGEST_QUOTE = 200

_UNKNOWN_DOMAIN = "Mailgun doesn't know the domain in the region of endpoint."
_COMPARE = "Compare it with Sending, Domains in Mailgun; for one in the EU set endpoint to https://api.eu.mailgun.net."
_NO_DOMAIN = Finding("error", "domain_not_found", "$.domain", _UNKNOWN_DOMAIN, _COMPARE)
_NOT_YET = "Mailgun has not verified the domain, so it sends nothing from it."
_CREATE_RECORDS = "Create the DNS records that Mailgun shows for the domain, then let Mailgun verify it."
_UNVERIFIED = Finding("error", "domain_unverified", "$.domain", _NOT_YET, _CREATE_RECORDS)
_CANT_TELL = "The key may only send, so whether the domain is verified and the templates are there can't be told."
_LOOK = "A sending key may stay as it is: look at the domain and its templates in Mailgun, and send a test mail."
_KEY_LIMITED = Finding("warning", "key_limited", "$.apiKey", _CANT_TELL, _LOOK)


def check(config: Config, transport: Transport) -> Iterator[Finding]:
    """Yield what Mailgun says of a config; one request tries to send, to nobody, and all others read."""
    requests = config.keep(MailgunRequests)
    ask = partial(transport.request, headers=requests.headers)
    try:
        key = _check_key(ask("POST", requests.url, data=_PROBE))
        yield key
        if key.level == "ok":
            yield from _check_settings(config)
            yield from _check_account(config, partial(ask, "GET"))
    except SendError as error:
        failure = explain_failure(error, "Mailgun", "$.endpoint")
        yield replace(failure, message=_shorten(failure.message))


def misread(answer: Response) -> SendError:
    """Return the error for an answer of another status or shape than those that Mailgun documents."""
    if answer.status in _FAILED:
        return read_refusal(answer, "")
    return InvalidResponse("That is no answer of Mailgun.", reason=f"HTTP {answer.status}")


def _check_key(answer: Response) -> Finding:
    """Return what the answer to the probe says of the key."""
    # That Mailgun looks at the key before the form isn't documented; it was so wherever its answers were recorded.
    said = read_text(answer, "message") or ""
    if answer.status == _BAD_FORM and _GOT_AS_FAR_AS_THE_FORM.search(said):
        return Finding("ok", "credentials_accepted", "$.apiKey", "Mailgun accepts the API key.")
    if answer.status == _NOT_FOUND and said.startswith("Domain not found"):
        return _NO_DOMAIN
    refusal = read_refusal(answer, "")
    if isinstance(refusal, AuthorizationFailed):
        message = "Mailgun refuses the API key for this domain."
        fix = "Copy the key again; check that it belongs to domain, and that endpoint is in the region of the domain."
        return Finding("error", "authorization_failed", "$.apiKey", message, fix)
    if not said or answer.status < _BAD_FORM or answer.status in {_NOT_FOUND, *_FAILED}:
        raise misread(answer)
    if "domain is unverified" in said:
        return _UNVERIFIED
    return replace(explain_failure(refusal, "Mailgun", "$.domain"), message=f"Mailgun says: {_shorten(said)}")


def _check_settings(config: Config) -> Iterator[Finding]:
    """Yield what Mailgun takes, and receivers may not get."""
    # Mailgun sends from any address. Receivers that check DMARC may refuse one that the domain isn't aligned with
    # (Mailgun help, "DMARC"); without a list of public suffixes, domains are taken for aligned if one is in the other.
    domain = config["domain"].lower()
    sender = Mailbox.parse(config["from"]).address.rpartition("@")[2].lower()
    if not f".{sender}".endswith(f".{domain}") and not f".{domain}".endswith(f".{sender}"):
        message = f"The sender is at {sender} and the mails go out through {domain}: they may be taken for forged."
        fix = "Use a sender at the domain, unless both belong together for DMARC, as two subdomains of yours do."
        yield Finding("warning", "sender_unaligned", "$.from", message, fix)
    if config.get("testMode"):
        message = "Mailgun takes the mails and delivers none of them; it charges for them all the same."
        yield Finding("warning", "test_mode", "$.testMode", message, "Remove testMode before people need their mails.")


def _check_account(config: Config, get: Callable[[str], Response]) -> Iterator[Finding]:
    """Yield the state of the domain, then whether its templates are there."""
    base = config["endpoint"].rstrip("/")
    answer = get(f"{base}/v4/domains/{config['domain']}")
    domain = None if answer.status in _MAY_NOT else _read_object(answer, "domain")
    if domain is None:  # "Authentication": a domain sending key may do nothing but send
        yield _KEY_LIMITED if answer.status in _MAY_NOT else _NO_DOMAIN
        return
    yield _judge_domain(domain, answer)
    if domain.get("type") == "sandbox":
        message = "This is the sandbox domain of the account: it delivers to authorized recipients only."
        fix = "List the people who try it as authorized recipients in Mailgun, or add a domain of your own."
        yield Finding("warning", "test_domain", "$.domain", message, fix)

    def look_up(name: str) -> Response:
        place = f"templates/{quote(name, safe='')}?active=yes"
        answer = get(f"{base}/v3/{config['domain']}/{place}")
        # A template of the account serves each of its domains ("Account Templates").
        return get(f"{base}/v4/{place}") if _lacks(answer) else answer

    templates = list_templates(config["deliveries"])
    for (name, path), answer in zip(templates.items(), ask_at_once(look_up, templates), strict=True):
        if answer.status in _MAY_NOT:
            yield _KEY_LIMITED
            return
        yield judge_template(name, path, _read_object(answer, "template"))


def _judge_domain(domain: Mapping[str, Any], answer: Response) -> Finding:
    """Return what the state of the domain means ("Domains", "Get domain details")."""
    state, disabled = domain.get("state"), domain.get("disabled")
    if domain.get("is_disabled") is True or state == "disabled":
        reason = disabled.get("reason") if isinstance(disabled, dict) else None
        message = f"Mailgun has disabled the domain{f': {_shorten(reason)}' if isinstance(reason, str) else ''}."
        fix = "Look at the domain in Mailgun, and ask Mailgun's support."
        return Finding("error", "domain_disabled", "$.domain", message, fix)
    if state not in ("active", "unverified"):  # no set, for the state may be anything
        raise misread(answer)
    verified = Finding("ok", "domain_accepted", "$.domain", "Mailgun has verified the domain.")
    return verified if state == "active" else _UNVERIFIED


def _read_object(answer: Response, key: str) -> dict[str, Any] | None:
    """Return the object that an answer holds, None where Mailgun has none."""
    if _lacks(answer):
        return None
    body = answer.json()
    found = body.get(key) if isinstance(body, dict) else None
    if answer.status != _OK or not isinstance(found, dict):
        raise misread(answer)
    return found


def _lacks(answer: Response) -> bool:
    """Return whether Mailgun says that it has no such thing, which a page in its place doesn't."""
    return answer.status == _NOT_FOUND and bool(read_text(answer, "message"))


def _shorten(text: str) -> str:
    return shorten_text(clean_header(text), _LONGEST_QUOTE)
