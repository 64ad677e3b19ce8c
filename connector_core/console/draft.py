"""Drafts: a config as somebody is writing it, which may be incomplete, wrong, or not even readable yet."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connector_core.config import parse_config
from connector_core.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core.errors import ConfigIssue

ROW_MARK = "#rows"
JSON_MARK = "#json"
KEY_MARK = "#key"
SOURCE_MARK = "#from"
NAME_MARK = "#name"
KEPT_MARK = "#kept"
TYPED_MARK = "#typed"
"""What follows the slot of a setting in the names of its further inputs."""

MOST_ROWS = 1000
"""How many entries of a list or a map a form shows one by one; of more it shows the JSON."""

_MOST_LEVELS = 200
TYPED_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a list or a map as the form holds it; `key` is that of a map's entry."""

    id: str
    value: Any = field(repr=False)
    key: str = ""


@dataclass(frozen=True, slots=True)
class SlotIssue:
    """What is wrong with an input that no config can tell of, since it could not be read."""

    slot: str
    message: str


@dataclass(slots=True)
class Draft:
    """A config that is being written.

    `texts` holds by slot what could not be read as JSON, `rows` by slot the entries of lists and maps with the ids that
    the form knows them by, since entries without a usable key are in no config. `typed` has the secrets that somebody
    typed and that are not saved yet; one may be the same as a stored one.
    """

    config: dict[str, Any] = field(repr=False)
    texts: dict[str, str] = field(default_factory=dict, repr=False)
    rows: dict[str, list[Row]] = field(default_factory=dict, repr=False)
    typed: list[Any] = field(default_factory=list, repr=False)
    unread: list[SlotIssue] = field(default_factory=list)
    issues: list[ConfigIssue] = field(default_factory=list)


class TypedSecrets:
    """Lets a page carry secrets that were typed and not yet saved, as tokens that only this console can read.

    Args:
        key: the console's own key, 32 bytes.

    """

    def __init__(self, key: bytes) -> None:
        import base64

        from cryptography.fernet import Fernet

        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, secret: Any) -> str:
        """Return the token of a secret."""
        return self._fernet.encrypt(json.dumps(secret).encode()).decode()

    def unseal(self, token: str) -> Any:
        """Return the secret of a token; None where it is none of ours, or older than twelve hours."""
        from cryptography.fernet import InvalidToken

        try:
            return json.loads(self._fernet.decrypt(token.encode(), ttl=TYPED_SECONDS))
        except (InvalidToken, ValueError):
            return None


def make_slot(parent: str, step: str) -> str:
    """Return the name by which a form knows a setting: the steps to it, each after a slash."""
    return f"{parent}/{step.replace('~', '~0').replace('/', '~1').replace('#', '~2')}"


def is_deep(value: Any) -> bool:
    """Return whether a JSON value is nested so deeply that what walks it could fail; no config is."""
    layer = [value]
    for _ in range(_MOST_LEVELS):
        layer = [
            member
            for one in layer
            if isinstance(one, dict | list)
            for member in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(layer)


def parse_document(text: str | bytes) -> dict[str, Any]:
    """Return the config in a text, as `parse_config` does.

    Raises:
        InvalidConfig: it can't be read, or is nested too deeply for a page.

    """
    config = parse_config(text)
    if is_deep(config):
        raise InvalidConfig("The config is nested too deeply to be one.")
    return config


def show_json(value: Any) -> str:
    """Return a JSON value as people edit it."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can express
        return json.dumps(value, indent=2)
    return text


def list_secrets(config: Mapping[str, Any], paths: frozenset[tuple[str | int, ...]]) -> dict[str, Any]:
    """Return the secrets of a stored config by their JSON path."""
    from connector_core.jsonvalue import format_path

    found: dict[str, Any] = {}
    for path in paths:
        value: Any = config
        for step in path:
            value = value[step]
        found[format_path(path)] = value
    return found
