"""The secrets in a config: where they are, hidden from whoever looks at it, and kept when it comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connector_core.config import is_reference
from connector_core.jsonvalue import copy_json
from connector_core.secrets import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core.schema import ConfigSchema, Place
    from connector_core.store.stored_config import Path

_ABSENT = object()


def redact_config(schema: ConfigSchema, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy that is safe to show: secrets become `***`, references to secrets stay.

    The value of a key that the schema doesn't know is hidden too: it may be a misspelled secret.
    """
    return _replace_secrets(schema, config, lambda _path, _value: HIDDEN)


def find_secret_paths(schema: ConfigSchema, config: Mapping[str, Any]) -> frozenset[Path]:
    """Return where the config has a secret in clear: what `redact_config` hides."""
    found: set[Path] = set()

    _replace_secrets(schema, config, lambda path, _value: found.add(path))
    return frozenset(found)


def keep_secrets(schema: ConfigSchema, config: Mapping[str, Any], stored_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with the stored secrets in the places where `redact_config` had put `***`.

    A `***` for which nothing is stored at the same path stays.
    """

    def keep(path: Path, value: Any) -> Any:
        stored = _look_up(stored_config, path) if value == HIDDEN else _ABSENT
        return value if stored is _ABSENT else stored

    return _replace_secrets(schema, config, keep)


def _replace_secrets(
    schema: ConfigSchema, config: Mapping[str, Any], replace: Callable[[Path, Any], Any]
) -> dict[str, Any]:
    replaced: dict[str, Any] = copy_json(_walk(config, schema.root, (), replace), lambda _path, _reason: None)
    return replaced


def _walk(value: Any, place: Place | None, path: Path, replace: Callable[[Path, Any], Any]) -> Any:
    if place is None:
        return replace(path, value)
    if place.secret:
        return value if is_reference(value) or value is None else replace(path, value)
    if isinstance(value, Mapping):
        free = "object" in place.types and not place.closed and not place.properties and place.others is None
        return {
            name: member if free else _walk(member, place.properties.get(name, place.others), (*path, name), replace)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _walk(member, place.items, (*path, index), replace) if place.items else member
            for index, member in enumerate(value)
        ]
    return value


def _look_up(config: Any, path: Path) -> Any:
    """Return the value at a path, or `_ABSENT`."""
    for step in path:
        try:
            config = config[step]
        except (KeyError, IndexError, TypeError):
            return _ABSENT
    return config
