"""The settings that a config schema describes, as a tree: what a form shows of each, whatever draws the form."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connector_core.schema import ConfigSchema

Kind = Literal["text", "multiline", "number", "switch", "choice", "choices", "list", "group", "map", "json"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, or an entry of a list or a map, whose `key` is empty.

    `start` is what a form starts with: the default, or the example of a value too large to type. `suggestions` are
    values that a person may choose and need not. `show_when` has the values that settings beside this one must have
    for it to matter. A `group` has `members`; a `list` and a `map` have an `entry`, and a map's `members` are the keys
    that it knows. `json` is what no other kind can show.
    """

    key: str
    label: str
    kind: Kind
    required: bool = False
    description: str | None = None
    placeholder: str | None = None
    start: Any = None
    has_default: bool = False
    secret: bool = False
    deprecated: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()
    suggestions: tuple[Any, ...] = ()
    show_when: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Setting, ...] = ()
    entry: Setting | None = None

    def walk(self) -> Iterator[Setting]:
        """Yield this setting and all below it."""
        yield self
        for below in (*self.members, *((self.entry,) if self.entry else ())):
            yield from below.walk()


def read_settings(schema: ConfigSchema) -> tuple[Setting, ...]:
    """Return the settings of a config in the order in which a form shows them."""
    return _read_members(schema, schema.document)


def gather_words(schema: ConfigSchema, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words that surely hold for a setting, the nearest of each, and of `type` all that may hold."""
    gathered: dict[str, Any] = {}
    types: list[str] = []
    for part, always in schema.subschemas(declared):
        stated = part.get("type", ())
        types += [stated] if isinstance(stated, str) else stated
        if always:
            gathered = {**part, **gathered}
    return {**gathered, "type": list(dict.fromkeys(types))}


def sole_type(words: Mapping[str, Any]) -> str | None:
    """Return the one type that a setting has, `object` for several, since JSON shows them; None where none is named."""
    if len(words["type"]) > 1:
        return "object"
    return words["type"][0] if words["type"] else None


def start_value(words: Mapping[str, Any]) -> Any:
    """Return the value a form starts with: the default, or the example of a value too large to type."""
    if "default" in words:
        return copy.deepcopy(words["default"])
    if sole_type(words) in {"array", "object"} and words.get("examples"):
        return copy.deepcopy(words["examples"][0])
    return None


def _read_members(schema: ConfigSchema, declared: Mapping[str, Any]) -> tuple[Setting, ...]:
    parts: dict[str, list[Mapping[str, Any]]] = {}
    required: set[str] = set()
    for part, always in schema.subschemas(declared):
        if always:
            required |= set(part.get("required", ()))
        for key, member in part.get("properties", {}).items():
            parts.setdefault(key, []).append(member)
    found = [
        (gather_words(schema, _join(several)).get("x-order", math.inf), _read(schema, key, several, key in required))
        for key, several in parts.items()
    ]
    return tuple(setting for _, setting in sorted(found, key=lambda pair: pair[0]))


def _read(schema: ConfigSchema, key: str, parts: list[Mapping[str, Any]], required: bool) -> Setting:  # noqa: FBT001
    declared = _join(parts)
    words = gather_words(schema, declared)
    secret = any(part.get("writeOnly") for part, _ in schema.subschemas(declared))
    members: tuple[Setting, ...] = ()
    entry = None
    kind = _choose_kind(words)
    if secret and kind == "json":
        kind = "text"
    elif sole_type(words) == "object" and kind == "json":
        members = _read_members(schema, declared)
        entry = _read_entry(schema, declared, "additionalProperties")
        is_closed = any(part.get("additionalProperties") is False for part, _ in schema.subschemas(declared))
        kind = _choose_kind_of_object(words["type"], members, entry, is_closed=is_closed)
    elif kind == "list":
        entry = _read_entry(schema, declared, "items")
        kind = kind if entry is not None and entry.kind not in {"json", "list", "map"} else "json"
    return Setting(
        key=key,
        label=words.get("title") or key,
        kind=kind,
        required=required,
        description=words.get("description"),
        placeholder=next((p["x-placeholder"] for p, _ in schema.subschemas(declared) if "x-placeholder" in p), None),
        start=start_value(words),
        has_default="default" in words,
        secret=secret,
        deprecated=words.get("deprecated", False),
        whole=words["type"] == ["integer"],
        choices=_read_choices(words),
        suggestions=tuple(words.get("examples", ())) if kind == "text" and not secret else (),
        show_when=words.get("x-show-when", {}),
        members=members,
        entry=entry,
    )


def _read_entry(schema: ConfigSchema, declared: Mapping[str, Any], word: str) -> Setting | None:
    """Return the setting that stands for each entry of a list or a map; None where the schema says nothing of them."""
    parts = [part[word] for part, _ in schema.subschemas(declared) if isinstance(part.get(word), Mapping)]
    return _read(schema, "", parts, required=True) if parts else None


def _choose_kind(words: Mapping[str, Any]) -> Kind:
    """Return the kind of a setting; of an object and of what may be several things, `json`."""
    stated = sole_type(words)
    if "enum" in words or "const" in words:
        return "choice"
    if stated == "array":
        return "choices" if "enum" in words.get("items", {}) else "list"
    if stated in {"string", None}:
        return "multiline" if words.get("format") == "multiline" else "text"
    if stated == "boolean":
        return "switch"
    return "number" if stated in {"integer", "number"} else "json"


def _choose_kind_of_object(
    types: list[str], members: tuple[Setting, ...], entry: Setting | None, *, is_closed: bool
) -> Kind:
    if types != ["object"]:
        return "json"
    if entry is not None:
        return "map" if entry.kind not in {"json", "list", "map"} else "json"
    return "group" if members and is_closed else "json"


def _read_choices(words: Mapping[str, Any]) -> tuple[Any, ...]:
    if "const" in words:
        return (words["const"],)
    return tuple(words.get("enum") or words.get("items", {}).get("enum") or ())


def _join(parts: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return one schema that says what several say of the same place."""
    several = list(parts)
    return several[0] if len(several) == 1 else {"allOf": several}
