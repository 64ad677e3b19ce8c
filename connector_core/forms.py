"""Forms for administrators, made from a config schema: the items of a form, and a config to start from."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from connector_core.settings import gather_words, read_settings, sole_type, start_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connector_core.schema import ConfigSchema
    from connector_core.settings import Setting


def make_form_items(schema: ConfigSchema) -> list[dict[str, Any]]:
    """Return an item for each setting, in the shape of Logto's `formItems`, in the order a form shows them."""
    return [_make_item(setting) for setting in read_settings(schema)]


def make_template_config(schema: ConfigSchema) -> dict[str, Any]:
    """Return a config to start from: every required setting, with its example, its placeholder or an empty value."""
    start = {}
    for key in schema.document.get("required", ()):
        words = gather_words(schema, schema.document["properties"].get(key, {}))
        value = start_value(words)
        empty = copy.copy(_EMPTY.get(sole_type(words)))
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

_LOGTO_TYPES = {
    "text": "Text",
    "multiline": "MultilineText",
    "number": "Number",
    "switch": "Switch",
    "choice": "Select",
    "choices": "MultiSelect",
}
"""Logto's names for kinds of settings; it has one for all others, `Json`."""


def _make_item(setting: Setting) -> dict[str, Any]:
    item: dict[str, Any] = {
        "key": setting.key,
        "label": setting.label,
        "type": _LOGTO_TYPES.get(setting.kind, "Json"),
        "required": setting.required,
    }
    shown_when = [{"targetKey": key, "expectValue": value} for key, value in setting.show_when.items()]
    optional = {
        "placeholder": setting.placeholder,
        "description": setting.description,
        "defaultValue": copy.deepcopy(setting.start),
        "isConfidential": setting.secret or None,
        "showConditions": shown_when or None,
        "selectItems": [{"value": value, "title": str(value)} for value in setting.choices] or None,
    }
    return item | {name: value for name, value in optional.items() if value is not None}
