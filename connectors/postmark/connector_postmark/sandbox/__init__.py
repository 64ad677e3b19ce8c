"""The Postmark sandbox: Postmark's server API on this machine, with an outbox to look at."""

from __future__ import annotations

import json
import uuid
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from connector_core import choose_template, starter_templates
from connector_core.sandbox import HttpSandbox, copy_config
from connector_postmark.named_templates import find_named_templates
from connector_postmark.sandbox.account import (
    Account,
    AccountState,
    DeliveryType,
    MessageStream,
    StreamType,
    Template,
    TemplateType,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flask import Flask

    from connector_core import Template as Starter
    from connector_postmark.named_templates import NamedTemplate

__all__ = [
    "Account",
    "AccountState",
    "DeliveryType",
    "MessageStream",
    "PostmarkSandbox",
    "StreamType",
    "Template",
    "TemplateType",
]

SENDER = "sandbox@example.com"
INACTIVE_RECIPIENT = "hardbounce@bounce-testing.postmarkapp.com"
_ENGLISH = "en"


_EXAMPLE = """curl {url}/email/withTemplate \\
  -H "X-Postmark-Server-Token: $SERVER_TOKEN" -H "Content-Type: application/json" \\
  -d '{"From": "sandbox@example.com", "To": "you@example.com",
       "TemplateAlias": "logto-sign-in", "TemplateModel": {"code": "123456"}}'"""


class PostmarkSandbox(HttpSandbox):
    """Serve Postmark's API on loopback while a `with` block runs.

    The attribute `account` holds what the server knows; it can be changed while the sandbox runs.

    Args:
        config: a config whose token, templates and message stream shall exist. Without one, or where its token
            is kept elsewhere, the sandbox makes its own.
        port: the port to listen on; 0 takes a free one.
        tokens: server tokens besides the config's; `POSTMARK_API_TEST` is always let in.
        senders: confirmed addresses and domains; None confirms every sender. A domain under `invalid` never is.
        unconfirmed_senders: addresses and domains whose signature is not confirmed yet.
        inactive_recipients: addresses besides Postmark's own test address for hard bounces.
        account_state: whether the account may send, see `AccountState`.
        delivery_type: whether the server calls itself a live one or one of Postmark's sandboxes; nothing leaves this
            machine either way.
        archived_streams: ids of message streams that don't send any more.
        keep_messages: how many messages stay in the outbox.

    Raises:
        ModuleNotFoundError: the extra `sandbox` is not installed; the sentence says how to install it.

    """

    distribution = "connector-postmark"
    needs = ("cheroot", "flask", "mstache")

    def __init__(  # noqa: PLR0913 - keywords with defaults, each a setting of the account
        self,
        config: Mapping[str, Any] | None = None,
        *,
        port: int = 0,
        tokens: Iterable[str] = (),
        senders: Iterable[str] | None = None,
        unconfirmed_senders: Iterable[str] = (),
        inactive_recipients: Iterable[str] = (),
        account_state: AccountState | str = AccountState.ACTIVE,
        delivery_type: DeliveryType | str = DeliveryType.LIVE,
        archived_streams: Iterable[str] = (),
        keep_messages: int = 1000,
    ) -> None:
        super().__init__("Postmark", "postmark-mail", port=port, keep_messages=keep_messages, example=_EXAMPLE)
        self.account = Account()
        self.account.state = AccountState(account_state)
        self.account.delivery_type = DeliveryType(delivery_type)
        self.account.senders = None if senders is None else set(senders)
        self.account.unconfirmed_senders = set(unconfirmed_senders)
        self.account.inactive_recipients = {INACTIVE_RECIPIENT, *inactive_recipients}
        for token in tokens:
            self.account.add_token(token)
        _add_streams(self.account, archived_streams)
        self._config = _adopt(config, self.account)

    def add_routes(self, app: Flask) -> None:
        """Add Postmark's API."""
        from connector_postmark.sandbox.api import add_api

        add_api(app, self.account, self.outbox)

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""
        return {**copy_config(self._config), "apiUrl": self.url}


def _standard_templates() -> list[dict[str, Any]]:
    """Return the nine usage types with their aliases, as the config schema has them for an example."""
    schema = json.loads((resources.files("connector_postmark") / "config.schema.json").read_text("utf-8"))
    templates: list[dict[str, Any]] = schema["properties"]["templates"]["examples"][0]
    return templates


def _add_streams(account: Account, archived: Iterable[str]) -> None:
    """Add the streams that each server has, and archived ones."""
    account.add_stream("outbound")
    account.add_stream("broadcast", stream_type=StreamType.BROADCASTS)
    account.add_stream("inbound", stream_type=StreamType.INBOUND)
    for stream_id in archived:
        account.add_stream(stream_id, archived=True)


def _adopt(config: Mapping[str, Any] | None, account: Account) -> dict[str, Any]:
    """Make what a config names exist in the account; return the config, or a new one."""
    standard = _standard_templates()
    adopted: dict[str, Any] = {"serverToken": "", "fromEmail": SENDER, "templates": standard}
    if config is not None:
        adopted = dict(config)
    token = _plain_token(adopted.get("serverToken"))
    if token is None:
        adopted["serverToken"] = token = str(uuid.uuid4())
    account.add_token(token)
    named = [*find_named_templates(adopted.get("templates") or []), *find_named_templates(standard)]
    # Ids first: those are given, while an alias takes any number that is free.
    for template in sorted(named, key=lambda one: isinstance(one.reference, str)):
        _add_template(account, template)
    stream = adopted.get("messageStream")
    if stream and not account.find_stream(stream):
        account.add_stream(stream)
    return adopted


def _plain_token(token: Any) -> str | None:
    """Return a token that was given as text or as a secret; one that is kept elsewhere can't be known here."""
    reveal = getattr(token, "reveal", None)
    plain = reveal() if callable(reveal) else token
    return plain if isinstance(plain, str) and plain else None


@cache
def _starters() -> list[Starter]:
    return starter_templates()


def _add_template(account: Account, named: NamedTemplate) -> None:
    """Add a template that a push of the starter templates would leave as it is, unless it is there."""
    if account.find_template(named.reference) is not None:
        return
    languages = (named.locale or _ENGLISH, _ENGLISH)
    choices = (choose_template(_starters(), named.usage_type, locale) for locale in languages)
    starter = next(choice for choice in choices if choice is not None)
    account.add_template(
        template_id=named.reference if isinstance(named.reference, int) else None,
        alias=named.reference if isinstance(named.reference, str) else None,
        name=named.title,
        subject=starter.subject,
        html=starter.html,
        text=starter.text,
    )
