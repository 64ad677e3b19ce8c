"""JSON bodies as Postmark reads them: keys in any case, null and "" as absent, types checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from connector_postmark.sandbox.refusals import Refusal, invalid_fields

_DEEPEST = 100
_MOST_DIGITS = 18

Reader = Callable[[Any], Any]
Fields = Mapping[str, Reader]


class Unreadable(Exception):
    """A value doesn't have the JSON type that its field needs."""


def parse_json(data: bytes) -> Any:
    """Parse a request's body; refuse what is no JSON with 402."""
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal(402, "Received invalid JSON input.") from None
    if _is_too_deep(value):
        raise Refusal(402, "Received invalid JSON input.")
    return value


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse a body that has to be a JSON object; refuse anything else with 403."""
    return as_object(parse_json(data))


def as_object(value: Any) -> dict[str, Any]:
    """Return a JSON object, or refuse with 403."""
    if not isinstance(value, dict):
        raise Refusal(403, "Received valid, but incompatible JSON input.")
    return value


def fold_keys(body: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `body` has under `names`, whatever the case of its keys; unknown keys are left out."""
    known = {name.lower(): name for name in names}
    return {known[key.lower()]: value for key, value in body.items() if key.lower() in known}


def read_fields(body: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Return the fields that are there, read; refuse with 403, naming every field of a wrong type."""
    read, wrong = {}, []
    for name, value in fold_keys(body, fields).items():
        try:
            understood = None if value is None else fields[name](value)
        except Unreadable:
            wrong.append(name)
            continue
        if understood is not None:
            read[name] = understood
    if wrong:
        raise invalid_fields(*wrong)
    return read


def text(value: Any) -> str | None:
    """Read a string; an empty one is absent."""
    return text_or_empty(value) or None


def text_or_empty(value: Any) -> str:
    """Read a string that may be empty on purpose."""
    if not isinstance(value, str):
        raise Unreadable
    return value


def switch(value: Any) -> bool | None:
    """Read a boolean; Postmark's .NET understands the words, too."""
    words = {"true": True, "false": False, "": None}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    if not isinstance(value, bool):
        raise Unreadable
    return value


def number(value: Any) -> int | None:
    """Read a whole number; 0 and "" are absent, as clients send them beside an alias."""
    if isinstance(value, str) and (not value or (value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS)):
        value = int(value or 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable
    return value or None


def choice(*options: str) -> Reader:
    """Make a reader of one of some words, in any case."""

    def read(value: Any) -> str | None:
        named = {option.lower(): option for option in options}
        word = text_or_empty(value).lower()
        if word and word not in named:
            raise Unreadable
        return named.get(word)

    return read


def pairs(value: Any) -> dict[str, str]:
    """Read an object of scalars, as Metadata is, into strings."""
    if not isinstance(value, dict) or any(isinstance(each, dict | list) for each in value.values()):
        raise Unreadable
    return {key: _scalar(each) for key, each in value.items() if each is not None}


def items(fields: Fields) -> Reader:
    """Make a reader of a list of objects, whose keys have any case, too."""

    def read(value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list):
            raise Unreadable
        try:
            return [read_fields(as_object(each), fields) for each in value]
        except Refusal:
            raise Unreadable from None

    return read


def anything(value: Any) -> Any:
    """Leave a value as it is; whoever uses it checks it."""
    return value


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_too_deep(value: Any) -> bool:
    """Tell whether a value is nested deeper than Python's own recursion lets us handle everywhere."""
    level = [value]
    for _ in range(_DEEPEST):
        nested = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level = [inner for each in nested for inner in each]
    return bool(level)


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
