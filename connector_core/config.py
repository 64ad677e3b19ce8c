"""Configs: read against a schema, completed, frozen, with their secrets wrapped."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from connector_core.errors import ConfigIssue, InvalidConfig
from connector_core.jsonvalue import FrozenDict, copy_json, format_path, freeze
from connector_core.secrets import Redaction, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from connector_core.schema import ConfigSchema, Place

MAX_CONFIG_BYTES = 1_000_000
"""The size of a config as JSON; one with a hundred templates has about 10,000."""

_MAX_SECRET_FILE_BYTES = 64_000
_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}

_LONGEST_GUESSABLE = 3
_MOST_KEPT = 100

T = TypeVar("T")


class Config(FrozenDict):
    """A config that was read: immutable, complete with defaults, its secrets wrapped as `Secret`.

    What a connector makes of it once, such as an index or a connection, `keep` holds as long as the config is used.
    """

    __slots__ = ("_kept", "_unread")

    def __init__(self, settings: Mapping[str, Any], unread: frozenset[str] = frozenset()) -> None:
        super().__init__(settings)
        self._kept: dict[tuple[int, Callable[[Config], Any]], Any] = {}
        self._unread = unread

    def keep(self, make: Callable[[Config], T]) -> T:
        """Return what `make(config)` returned the first time, made anew in a forked process.

        It belongs to this config alone and may be used by many threads at once; where it has a `close` method, that
        is called when the configured connector is closed.

        Args:
            make: a function or class of a module; a lambda would be a new one for every send.

        Raises:
            TypeError: so much is kept that `make` must be a new function each time.

        """
        key = (os.getpid(), make)
        try:
            kept: T = self._kept[key]
        except KeyError:
            if len(self._kept) >= _MOST_KEPT:
                raise TypeError(
                    "config.keep holds too much: give it a function or class of a module, since one that is defined "
                    "within another is a new one for every send"
                ) from None
            made = make(self)
            kept = self._kept.setdefault(key, made)
            if kept is not made:  # another thread was faster
                _close(made)
        return kept

    def close(self) -> None:
        """Close what is kept; the next `keep` makes it anew."""
        here = os.getpid()
        for key in list(self._kept):
            if key[0] == here:
                _close(self._kept.pop(key, None))  # another thread may be closing, too

    @property
    def unread(self) -> frozenset[str]:
        """Return the paths whose value could not be read, of which an issue tells already."""
        return self._unread

    def redaction(self) -> Redaction:
        """Return what strikes this config's secrets out of texts.

        Secrets of up to three characters stay: they protect nothing, and striking them would garble every sentence.
        """
        return Redaction(text for text in _secret_texts(self) if len(text) > _LONGEST_GUESSABLE)

    def reveal(self) -> dict[str, Any]:
        """Return a plain copy with the secrets in clear, for the check against the schema."""
        plain: dict[str, Any] = _reveal(self)
        return plain

    def __reduce__(self) -> NoReturn:
        raise TypeError("a config that was read holds secrets and can't be pickled: pass the JSON it was made from")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a config: None where it is no JSON object at all, and the issues found on the way."""

    config: Config | None
    issues: tuple[ConfigIssue, ...]


def parse_config(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object that a config file holds.

    Args:
        text: the content of the file, UTF-8 where it is bytes, at most `MAX_CONFIG_BYTES`.

    Raises:
        InvalidConfig: it is too large, no JSON, repeats a key, or is not an object; with one issue.

    """
    if len(text) > MAX_CONFIG_BYTES:
        raise _unreadable(
            "too_large", f"The config is larger than {MAX_CONFIG_BYTES // 1000} kB: is it the right file?"
        )
    try:
        config = json.loads(text, object_pairs_hook=_object_without_repeats)
    except json.JSONDecodeError as cause:
        problem = f"The config is no JSON: {cause.msg} at line {cause.lineno}, column {cause.colno}."
        # The cause quotes the document, secrets included.
        raise _unreadable("not_json", problem) from None
    except UnicodeDecodeError:
        raise _unreadable("not_json", "The config is no JSON: save it as UTF-8.") from None
    except ValueError:
        raise _unreadable("not_json", "The config is no JSON: it has a number with too many digits.") from None
    except RecursionError:
        raise _unreadable("not_json", "The config is nested too deeply to be one.") from None
    if not isinstance(config, dict):
        raise _unreadable("wrong_type", _not_an_object(config))
    return config


def read_config(schema: ConfigSchema, config: object, *, resolve_references: bool = True) -> Reading:
    """Read a config: copy it, fill in defaults, follow references to secrets, wrap secrets, freeze.

    Args:
        schema: the schema of the connector's config.
        config: the config, a JSON object as Python has it; it is not changed.
        resolve_references: whether `{"$env": ...}` and `{"$file": ...}` are followed in the place of a secret.

    """
    if not isinstance(config, dict):
        return Reading(None, (ConfigIssue("$", "wrong_type", _not_an_object(config)),))
    issues: list[ConfigIssue] = []

    def report(path: tuple[str | int, ...], reason: str) -> None:
        issues.append(ConfigIssue(format_path(path), "not_json", f"This value {reason}."))

    plain = copy_json(config, report)
    completed = _complete(plain, schema.root, (), issues, resolve_references=resolve_references)
    return Reading(Config(completed, frozenset(issue.path for issue in issues)), tuple(issues))


def _complete(
    value: Any,
    place: Place | None,
    path: tuple[str | int, ...],
    issues: list[ConfigIssue],
    *,
    resolve_references: bool,
) -> Any:
    """Return a value with defaults and secrets, frozen."""
    if place is None:
        return freeze(value)
    if place.secret:
        if resolve_references and is_reference(value):
            value = _follow(value, path, issues)
        return None if value is None else Secret(value)
    if isinstance(value, dict):
        defaults = {name: member.default for name, member in place.properties.items() if member.has_default}
        whole = {**value, **{name: default for name, default in defaults.items() if name not in value}}
        return FrozenDict(
            {
                name: _complete(
                    member,
                    place.properties.get(name, place.others),
                    (*path, name),
                    issues,
                    resolve_references=resolve_references,
                )
                for name, member in whole.items()
            }
        )
    if isinstance(value, list):
        return tuple(
            _complete(member, place.items, (*path, index), issues, resolve_references=resolve_references)
            for index, member in enumerate(value)
        )
    return value


def is_reference(value: Any) -> bool:
    """Return whether a value stands for a secret kept elsewhere: `{"$env": ...}` or `{"$file": ...}`."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, name),) = value.items()
    return kind in {"$env", "$file"} and isinstance(name, str)


def _follow(reference: dict[str, str], path: tuple[str | int, ...], issues: list[ConfigIssue]) -> str | None:
    """Return the secret that a reference stands for, or None with an issue."""
    ((kind, name),) = reference.items()
    if not name or "\0" in name:
        issues.append(ConfigIssue(format_path(path), "bad_reference", f"{kind} names nothing: give it a text."))
        return None
    if kind == "$env":
        try:
            found = os.environ.get(name)
        except ValueError:  # no variable has such a name
            found = None
        if not found:
            problem = f"The environment variable {name} is not set: set it where the application starts."
            issues.append(ConfigIssue(format_path(path), "env_missing", problem))
            return None
        return found
    try:
        text = _read_secret_file(name)
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else str(cause)
        problem = f"The file {name} can't be used ({reason}): check its path, permissions and content."
        issues.append(ConfigIssue(format_path(path), "file_unreadable", problem))
        return None
    return text


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe that nobody writes to is at its end then, where it would block for good."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor


def _read_secret_file(name: str) -> str:
    with open(name, "rb", opener=_open_without_waiting) as file:
        content = file.read(_MAX_SECRET_FILE_BYTES + 1)
    if len(content) > _MAX_SECRET_FILE_BYTES:
        raise ValueError("it is too large for a secret")
    try:
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    if not text:
        raise ValueError("it is empty")
    return text


def _reveal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _reveal(member) for name, member in value.items()}
    if isinstance(value, tuple):
        return [_reveal(member) for member in value]
    return value.reveal() if isinstance(value, Secret) else value


def _secret_texts(value: Any) -> Iterator[str]:
    if isinstance(value, Secret):
        revealed: Any = value.reveal()  # of an invalid config, it may be something else than a text
        yield revealed if isinstance(revealed, str) else json.dumps(revealed)
    elif isinstance(value, dict):
        for member in value.values():
            yield from _secret_texts(member)
    elif isinstance(value, tuple):
        for member in value:
            yield from _secret_texts(member)


def _close(kept: Any) -> None:
    """Close what was kept; where that fails, nothing is lost, and a message that was sent stays sent."""
    close = getattr(kept, "close", None)
    if callable(close):
        with suppress(Exception):  # a foreign connector may raise anything
            close()


def _not_an_object(config: object) -> str:
    kind = _KINDS.get(type(config), "nothing" if config is None else type(config).__name__)
    return f"The config is {kind}: write a JSON object, with the settings by name between braces."


def _unreadable(code: str, message: str) -> InvalidConfig:
    return InvalidConfig(message, [ConfigIssue("$", code, message)])


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _unreadable(
                "repeated", f"An object in the config has the key {json.dumps(key)} twice: keep one of them."
            )
        found[key] = value
    return found
