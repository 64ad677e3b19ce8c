"""What the console knows and does, without any page: drafts read, checked, saved and tried."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from connector_core.address_policy import find_addresses, find_private_addresses
from connector_core.config import is_reference, read_config
from connector_core.config_issues import sort_issues
from connector_core.console.access import Sessions
from connector_core.console.draft import Draft, TypedSecrets, list_secrets, parse_document
from connector_core.console.fields import Form, build_form
from connector_core.console.form_reading import read_form
from connector_core.console.raw_json import surely_holds_no_secret
from connector_core.console.sandboxes import Sandboxes
from connector_core.console.trial import TrialHistory, TrialRate
from connector_core.errors import ConfigIssue
from connector_core.jsonvalue import format_path
from connector_core.metadata import choose_language
from connector_core.secrets import HIDDEN, Redaction
from connector_core.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.datastructures import MultiDict

    from connector_core.config import Config
    from connector_core.connector import Connector
    from connector_core.console.options import ConsoleOptions
    from connector_core.console.texts import Texts
    from connector_core.host import Host
    from connector_core.settings import Setting
    from connector_core.store import StoredConfig
    from connector_core.store.stored_config import Path

_ENTER = f"Enter this secret: {HIDDEN} only stands for one."
_ENTER_AGAIN = "Enter this secret again: the address that it goes to has changed."

State = Literal["active", "set_up", "not_set_up", "missing", "locked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the catalogue; a connector that is gone has neither a name nor a description of its own."""

    connector_id: str
    name: str
    description: str
    state: State
    stored: StoredConfig | None
    has_logo: bool
    has_dark_logo: bool


class Console:
    """One console over the connectors and the store of a host.

    Args:
        host: the host; it has a store.
        options: how the console behaves.

    """

    def __init__(self, host: Host, options: ConsoleOptions) -> None:
        key = options.secret_key or secrets.token_bytes(32)
        self.host = host
        self.configs = host.configs
        self.options = options
        self.sessions = Sessions(_derive(key, "session"))
        self.typed_secrets = TypedSecrets(_derive(key, "typed secrets"))
        self.trial_rate = TrialRate(options.test_sends)
        self.trials = TrialHistory()
        self._settings: dict[str, tuple[Setting, ...]] = {}
        self.sandboxes = Sandboxes(ask_others=options.private_addresses)

    def close(self) -> None:
        """Stop the sandboxes that were started from here."""
        self.sandboxes.close()

    def list_entries(self, locale: str) -> list[Entry]:
        """Return the connectors that are installed, then those that are gone and have a config."""
        stored = {one.connector_id: one for one in self.configs.list()}
        entries = [
            self._describe(connector, stored.pop(connector.id, None), locale) for connector in self.host.values()
        ]
        gone = [
            Entry(
                connector_id=one.connector_id,
                name=one.connector_id,
                description="",
                state="locked" if one.is_locked else "missing",
                stored=one,
                has_logo=False,
                has_dark_logo=False,
            )
            for one in stored.values()
        ]
        return [*entries, *gone]

    def list_settings(self, connector: Connector) -> tuple[Setting, ...]:
        """Return the settings of a connector, read once."""
        if connector.id not in self._settings:
            self._settings[connector.id] = read_settings(connector.schema)
        return self._settings[connector.id]

    def read_draft(
        self, connector: Connector, stored: StoredConfig | None, data: MultiDict[str, str], texts: Texts
    ) -> Draft:
        """Return the draft that a page sent, as a form or as JSON, with the secrets that it keeps.

        Raises:
            InvalidConfig: the JSON can't be read.

        """
        if data.get("view") == "json":
            draft = Draft(parse_document(data.get("raw", "")))
            draft.typed = [one for one in self._list_secrets(connector, draft.config).values() if one != HIDDEN]
            before = self.unseal_draft(stored, data.get("before", ""))
            if before is not None:
                draft.config = connector.keep_secrets(draft.config, before.config)
                draft.typed += before.typed
        else:
            draft = read_form(
                self.list_settings(connector),
                data,
                stored_secrets=_list_stored_secrets(stored),
                typed_secrets=self.typed_secrets,
                texts=texts,
            )
        if stored is not None:
            draft.config = connector.keep_secrets(draft.config, stored.config)
        return draft

    def build_form(self, connector: Connector, stored: StoredConfig | None, draft: Draft) -> Form:
        """Return the fields of a draft, with its issues beside them."""
        return build_form(
            self.list_settings(connector),
            draft,
            shown=connector.redact_config(draft.config),
            stored_secrets=_list_stored_secrets(stored),
            typed_secrets=self.typed_secrets,
        )

    def seal_draft(self, connector: Connector, stored: StoredConfig | None, draft: Draft) -> str:
        """Return a token of a draft that has other secrets than the stored config, or has them elsewhere; else `""`."""
        secrets, known = self._list_secrets(connector, draft.config), _list_stored_secrets(stored)
        if not draft.typed and all(path in known and known[path] == one for path, one in secrets.items()):
            return ""
        kept = [one for one in secrets.values() if one in known.values() and one not in draft.typed]
        return self.typed_secrets.seal({"config": draft.config, "typed": draft.typed, "kept": kept})

    def unseal_draft(self, stored: StoredConfig | None, token: str) -> Draft | None:
        """Return the draft of a token; None where it is none, or holds a stored secret that is stored no more."""
        found = self.typed_secrets.unseal(token)
        if not isinstance(found, dict) or set(found) != {"config", "typed", "kept"}:
            return None
        known = list(_list_stored_secrets(stored).values())
        if any(one not in known for one in found["kept"]):
            return None  # it would go to any address now
        return Draft(found["config"], typed=found["typed"])

    def may_show(self, connector: Connector, draft: Draft, text: str) -> bool:
        """Return whether JSON that can't be read may be shown again: it has no secret, neither of the draft nor new."""
        known = Redaction([one for one in self._list_secrets(connector, draft.config).values() if isinstance(one, str)])
        return known.redact(text) == text and surely_holds_no_secret(text, self.list_settings(connector))

    def find_issues(self, connector: Connector, stored: StoredConfig | None, draft: Draft) -> list[ConfigIssue]:
        """Return all that is wrong with a draft: its config, its addresses, and secrets that are to be typed again."""
        follows = self.follows_references(stored, draft)
        issues = set(connector.validate_config(draft.config, resolve_references=follows))
        found = self._list_secrets(connector, draft.config)
        issues |= {ConfigIssue(path, "hidden", _ENTER) for path, secret in found.items() if secret == HIDDEN}
        read = read_config(connector.schema, draft.config, resolve_references=False).config
        if read is not None and not self.options.private_addresses:
            issues |= set(find_private_addresses(connector.schema, read))
        if (
            stored is not None
            and read is not None
            and _list_addresses(connector, read) - self._stored_addresses(connector, stored)
        ):
            # Who may not read a secret could otherwise have it sent to an address of their choice.
            kept = [one for one in _list_stored_secrets(stored).values() if one not in draft.typed]
            again = {path for path, one in found.items() if one in kept}
            again |= set() if self.options.references else set(_list_references(draft.config))
            issues |= {ConfigIssue(path, "enter_again", _ENTER_AGAIN) for path in again}
        return sort_issues(issues)

    def follows_references(self, stored: StoredConfig | None, draft: Draft) -> bool:
        """Return whether the references of a draft are followed: anybody's, or those that are stored already."""
        kept = {} if stored is None else _list_references(stored.config)
        return self.options.references or _list_references(draft.config).items() <= kept.items()

    @staticmethod
    def _list_secrets(connector: Connector, config: Mapping[str, Any]) -> Mapping[str, Any]:
        return list_secrets(config, connector.find_secrets(config))

    @staticmethod
    def _stored_addresses(connector: Connector, stored: StoredConfig) -> set[tuple[Path, str]]:
        before = read_config(connector.schema, dict(stored.config), resolve_references=False).config
        return set() if before is None else _list_addresses(connector, before)

    def _describe(self, connector: Connector, stored: StoredConfig | None, locale: str) -> Entry:
        return Entry(
            connector_id=connector.id,
            name=connector.name(locale),
            description=choose_language(connector.metadata.description, locale),
            state=_find_state(stored),
            stored=stored,
            has_logo=bool(connector.metadata.logo),
            has_dark_logo=bool(connector.metadata.logo_dark),
        )


def _find_state(stored: StoredConfig | None) -> State:
    if stored is None:
        return "not_set_up"
    if stored.is_locked:
        return "locked"
    return "active" if stored.active else "set_up"


def make_start_config(settings: tuple[Setting, ...]) -> dict[str, Any]:
    """Return the config that an empty form shows: examples of what is too large to type, and nothing made up."""
    found = {}
    for setting in settings:
        if setting.required and not setting.has_default and setting.start is not None:
            found[setting.key] = _drop_placeholders(setting, setting.start)
    return found


def _drop_placeholders(setting: Setting, value: Any) -> Any:
    if isinstance(value, dict):
        known = {member.key: member for member in setting.members}
        kept = {key: (known.get(key), member) for key, member in value.items()}
        return {
            key: member if below is None else _drop_placeholders(below, member)
            for key, (below, member) in kept.items()
            if below is None or member != below.placeholder
        }
    return value


def _list_stored_secrets(stored: StoredConfig | None) -> Mapping[str, Any]:
    return {} if stored is None else list_secrets(stored.config, stored.secrets)


def _list_references(value: Any, path: Path = ()) -> dict[str, str]:
    """Return the references to secrets in a config, as JSON by JSON path."""
    if is_reference(value):
        return {format_path(path): json.dumps(value)}
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: dict[str, str] = {}
    for step, member in members:
        found |= _list_references(member, (*path, step))
    return found


def _list_addresses(connector: Connector, config: Config) -> set[tuple[Path, str]]:
    """Return where a config leads to, the defaults of its connector included."""
    return {(path, text) for path, _, text in find_addresses(config, connector.schema.root, (), with_defaults=True)}


def _derive(key: bytes, purpose: str) -> bytes:
    """Return a key for one purpose, so that what is made for one is worth nothing to another."""
    return hmac.new(key, purpose.encode(), hashlib.sha256).digest()
