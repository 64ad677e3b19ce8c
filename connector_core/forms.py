"""Forms for administrators, made from a config schema: the items of a form, and a config to start from."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core.schema import ConfigSchema


def make_form_items(schema: ConfigSchema) -> list[dict[str, Any]]:
    """Return an item for each setting, in the shape of Logto's `formItems`, in the order a form shows them."""
    required = schema.document.get("required", ())
    ordered: list[tuple[float, dict[str, Any]]] = []
    for key, declared in schema.document["properties"].items():
        words = _gather_words(schema, declared)
        place = schema.root.properties[key]
        item: dict[str, Any] = {
            "key": key,
            "label": place.title or key,
            "type": _item_type(words),
            "required": key in required,
        }
        optional = {
            "placeholder": place.placeholder,
            "description": words.get("description"),
            "defaultValue": _start_value(words),
            "isConfidential": place.secret or None,
            "selectItems": _select_items(words),
        }
        item |= {name: value for name, value in optional.items() if value is not None}
        ordered.append((words.get("x-order", math.inf), item))
    return [item for _, item in sorted(ordered, key=lambda pair: pair[0])]


def make_template_config(schema: ConfigSchema) -> dict[str, Any]:
    """Return a config to start from: every required setting, with its example, its placeholder or an empty value."""
    start = {}
    for key in schema.document.get("required", ()):
        words = _gather_words(schema, schema.document["properties"].get(key, {}))
        value = _start_value(words)
        empty = copy.copy(_EMPTY.get(_sole_type(words)))
        start[key] = words.get("x-placeholder", empty) if value is None else value
    return start


_EMPTY: Mapping[Any, Any] = {
    "string": "",
    None: "",
    "array": [],
    "object": {},
    "boolean": False,
    "integer": 0,
    "number": 0,
}


def _gather_words(schema: ConfigSchema, declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words that surely hold for a setting, the nearest of each, and of `type` all that may hold."""
    gathered: dict[str, Any] = {}
    types: list[str] = []
    for part, always in schema.subschemas(declared):
        stated = part.get("type", ())
        types += [stated] if isinstance(stated, str) else stated
        if always:
            gathered = {**part, **gathered}
    return {**gathered, "type": list(dict.fromkeys(types))}


def _sole_type(words: Mapping[str, Any]) -> str | None:
    """Return the one type that a setting has; None where the schema names none."""
    if len(words["type"]) > 1:
        return "object"
    return words["type"][0] if words["type"] else None


def _item_type(words: Mapping[str, Any]) -> str:
    kind = _sole_type(words)
    if "enum" in words:
        return "Select"
    if kind == "array" and "enum" in words.get("items", {}):
        return "MultiSelect"
    if kind in {"string", None}:
        return "MultilineText" if words.get("format") == "multiline" else "Text"
    return {"boolean": "Switch", "integer": "Number", "number": "Number"}.get(str(kind), "Json")


def _start_value(words: Mapping[str, Any]) -> Any:
    """Return the value a form starts with: the default, or the example of a value too large to type."""
    if "default" in words:
        return copy.deepcopy(words["default"])
    if _sole_type(words) in {"array", "object"} and words.get("examples"):
        return copy.deepcopy(words["examples"][0])
    return None


def _select_items(words: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    values = words.get("enum") or words.get("items", {}).get("enum")
    return [{"value": value, "title": str(value)} for value in values] if values else None
