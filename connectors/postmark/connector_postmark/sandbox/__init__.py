"""The Postmark sandbox: Postmark's server API on this machine, with an outbox to look at."""

from __future__ import annotations

import importlib
import json
import uuid
from importlib import resources
from typing import TYPE_CHECKING, Any, Self

from connector_postmark.sandbox.account import Account, AccountState, MessageStream, StreamType, Template, TemplateType
from connector_postmark.sandbox.outbox import Outbox
from connector_postmark.sandbox.starter_templates import starter_template

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from connector_core import SandboxMessage
    from connector_postmark.sandbox.server import Server

__all__ = [
    "Account",
    "AccountState",
    "MessageStream",
    "PostmarkSandbox",
    "StreamType",
    "Template",
    "TemplateType",
]

SENDER = "sandbox@example.com"
INACTIVE_RECIPIENT = "hardbounce@bounce-testing.postmarkapp.com"


class PostmarkSandbox:
    """Serve Postmark's API on loopback while a `with` block runs.

    The attribute `account` holds what the server knows; it can be changed while the sandbox runs.

    Args:
        config: a config whose token, templates and message stream shall exist. Without one, or where its token
            is kept elsewhere, the sandbox makes its own.
        port: the port to listen on; 0 takes a free one.
        tokens: server tokens besides the config's; `POSTMARK_API_TEST` is always let in.
        senders: confirmed addresses and domains; None confirms every sender.
        unconfirmed_senders: addresses and domains whose signature is not confirmed yet.
        inactive_recipients: addresses besides Postmark's own test address for hard bounces.
        account_state: whether the account may send, see `AccountState`.
        archived_streams: ids of message streams that don't send any more.
        keep_messages: how many messages stay in the outbox.

    Raises:
        ModuleNotFoundError: the extra `sandbox` is not installed; the sentence says how to install it.

    """

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
        archived_streams: Iterable[str] = (),
        keep_messages: int = 1000,
    ) -> None:
        _require_extra()
        self._port = port
        self._server: Server | None = None
        self._outbox = Outbox(keep=keep_messages)
        self.account = Account()
        self.account.state = AccountState(account_state)
        self.account.senders = None if senders is None else set(senders)
        self.account.unconfirmed_senders = set(unconfirmed_senders)
        self.account.inactive_recipients = {INACTIVE_RECIPIENT, *inactive_recipients}
        for token in tokens:
            self.account.add_token(token)
        _add_streams(self.account, archived_streams)
        self._config = _adopt(config, self.account)

    def __repr__(self) -> str:
        where = self.url if self._server else "not running"
        return f"<PostmarkSandbox {where}, {len(self.messages)} messages>"

    def __enter__(self) -> Self:
        if self._server is not None:
            raise RuntimeError("This sandbox is running already.")
        from connector_postmark.sandbox.api import create_app
        from connector_postmark.sandbox.server import Server

        server = Server(create_app(self.account, self._outbox), self._port)
        server.start()
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    @property
    def url(self) -> str:
        """Return the address of the API, which is also that of the page with the outbox."""
        if self._server is None:
            raise RuntimeError("The sandbox has an address only while its `with` block runs.")
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def config(self) -> dict[str, Any]:
        """Return a new config that works against this sandbox."""
        return {**_copied(self._config), "apiUrl": self.url}

    @property
    def messages(self) -> list[SandboxMessage]:
        """Return the accepted messages, oldest first."""
        return [delivery.message for delivery in self._outbox.all()]

    def clear(self) -> None:
        """Forget the messages."""
        self._outbox.clear()


def _require_extra() -> None:
    for name in ("cheroot", "flask", "mstache"):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f'The Postmark sandbox needs {name}. Install it with: pip install "connector-postmark[sandbox]"',
                name=error.name,
            ) from error


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
    # Ids first: those are given, while an alias takes any number that is free.
    for entry in sorted([*(adopted.get("templates") or []), *standard], key=lambda entry: "templateId" not in entry):
        _add_template(account, entry)
    stream = adopted.get("messageStream")
    if stream and not account.find_stream(stream):
        account.add_stream(stream)
    return adopted


def _plain_token(token: Any) -> str | None:
    """Return a token that was given as text or as a secret; one that is kept elsewhere can't be known here."""
    reveal = getattr(token, "reveal", None)
    plain = reveal() if callable(reveal) else token
    return plain if isinstance(plain, str) and plain else None


def _add_template(account: Account, entry: Mapping[str, Any]) -> None:
    alias, template_id = entry.get("templateAlias"), entry.get("templateId")
    if account.find_template(alias or template_id or 0) is None:
        starter = starter_template(entry.get("usageType", "Generic"))
        account.add_template(template_id=None if alias else template_id, alias=alias, **starter._asdict())


def _copied(value: Any) -> Any:
    """Copy the objects and lists of a config; secrets stay the objects that they are."""
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list | tuple) else value
