"""The live check: whether a config works at SendGrid, told without sending anything; quoted are its docs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector_core import (
    AccountRestricted,
    Finding,
    SendError,
    UsageLimitExceeded,
    ascii_address,
    ask_at_once,
    explain_failure,
    format_path,
    shorten_text,
)
from connector_sendgrid.answers import MAY_NOT, NOT_FOUND, read_list
from connector_sendgrid.plugin import SendGridRequests, read_refusal
from connector_sendgrid.senders import check_sender

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from connector_core import Config, Response, Transport

    Get = Callable[[str], Response]

_LONGEST = 200

_CANT_TELL = "The key may not read templates (scope templates.read), so whether they are there can't be told."
_LOOK = "The key may stay as it is: compare each templateId with SendGrid, and send a test mail for each template."
_KEY_LIMITED = Finding("warning", "key_limited", "$.apiKey", _CANT_TELL, _LOOK)


def check(config: Config, transport: Transport) -> Iterator[Finding]:
    """Yield what SendGrid says of a config; every request reads."""
    headers, base = config.keep(SendGridRequests).headers, config["apiUrl"].rstrip("/")
    try:
        yield from _check_all(config, lambda path: transport.request("GET", f"{base}/v3/{path}", headers=headers))
    except SendError as error:
        yield _explain(error, "$.apiUrl")


def _check_all(config: Config, get: Get) -> Iterator[Finding]:
    answer = get("scopes")
    if answer.status in MAY_NOT:
        yield _explain_refusal(answer)
        return
    scopes = read_list(answer, "scopes")
    yield Finding("ok", "credentials_accepted", "$.apiKey", "SendGrid accepts the API key.")
    if "mail.send" not in scopes:
        message = "The key may not send mails (scope mail.send)."
        fix = "In SendGrid open Settings, API Keys, and give the key full access to Mail Send."
        yield Finding("error", "key_may_not_send", "$.apiKey", message, fix)
        return
    if config["sandboxMode"]:
        fix = "Set sandboxMode to false before people need their mails."
        yield Finding("warning", "test_mode", "$.sandboxMode", "SendGrid checks the mails and delivers none.", fix)
    yield check_sender(get, ascii_address(config["fromEmail"]).lower(), scopes)
    templates = _list_templates(config["templates"])
    if templates and "templates.read" not in scopes:
        yield _KEY_LIMITED
        return
    answers = ask_at_once(get, (f"templates/{template_id}" for template_id in templates))
    for (template_id, path), answer in zip(templates.items(), answers, strict=True):
        # The same finding comes once, however often it is found.
        yield _KEY_LIMITED if answer.status in MAY_NOT else _judge_template(template_id, path, answer)


def _explain_refusal(answer: Response) -> Finding:
    """Return the finding for a key that may not even ask what it may do ("Retrieve a list of scopes")."""
    refusal = read_refusal(answer, "")
    if isinstance(refusal, AccountRestricted | UsageLimitExceeded):
        return _explain(refusal, "$.apiKey")
    # 403 is a key that SendGrid knows; which one may send then isn't documented, so it is taken for refused.
    message = "SendGrid refuses the API key."
    fix = "Copy it again (a key, not its id); check that apiUrl is of its region, and IP Access Management in SendGrid."
    return Finding("error", "authorization_failed", "$.apiKey", message, fix)


def _judge_template(template_id: str, path: str, answer: Response) -> Finding:
    """Return whether a dynamic template is there and has an active version ("Retrieve a single template")."""
    body = answer.json()
    if answer.status == NOT_FOUND and isinstance(body, dict):
        message = f"SendGrid has no template {template_id}; it takes such mails, and they never arrive."
        fix = "Copy the id again from Dynamic Templates in SendGrid."
        return Finding("error", "template_not_found", path, message, fix)
    versions = read_list(answer, "versions")
    if body.get("generation") != "dynamic":
        fix = "Name a dynamic template: its id is in Dynamic Templates in SendGrid."
        return Finding("error", "template_not_found", path, f"{template_id} is no dynamic template.", fix)
    if any(isinstance(version, dict) and version.get("active") == 1 for version in versions):
        return Finding("ok", "template_accepted", path, f"SendGrid has the template {template_id}.")
    message = f"The template {template_id} has no active version."
    return Finding("error", "template_inactive", path, message, "Open it in SendGrid, and make a version active.")


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
    return replace(finding, message=shorten_text(finding.message, _LONGEST))
