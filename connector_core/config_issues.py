"""What jsonschema finds, as config issues: a path, a stable code and a sentence for people.

No sentence repeats a value of the config, since an administrator may paste a secret into any field.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from connector_core.errors import ConfigIssue
from connector_core.jsonvalue import format_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jsonschema.exceptions import ValidationError

    from connector_core.config import Config
    from connector_core.schema import ConfigSchema, Place

Path = tuple[str | int, ...]

_TYPE_NAMES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}


def find_schema_issues(schema: ConfigSchema, config: Config) -> list[ConfigIssue]:
    """Return all that the schema finds wrong with a config that was read, sorted by path."""
    plain = config.reveal()
    issues = {
        issue: None  # a dict, for the order and against repetition
        for error in schema.validator.iter_errors(plain)
        for issue in _explain(error, schema.root, ())
    }
    issues |= dict.fromkeys(_find_placeholders(plain, schema.root, ()))
    # Of a value that is of the wrong type, or could not be read, nothing else is worth saying.
    mistyped = {issue.path for issue in issues if issue.code == "wrong_type"}
    return sort_issues(
        issue
        for issue in issues
        if issue.path not in config.unread and (issue.code == "wrong_type" or issue.path not in mistyped)
    )


def sort_issues(issues: Iterable[ConfigIssue]) -> list[ConfigIssue]:
    """Return issues by path, entry 2 of a list before entry 10, and those of one path by code."""
    return sorted(issues, key=lambda issue: (_natural_order(issue.path), issue.code, issue.message))


def _natural_order(path: str) -> list[tuple[int, str]]:
    return [(int(part) if part[0].isdecimal() else 0, part) for part in re.split(r"(?<=\[)(\d{1,9})(?=\])", path)]


def _explain(error: ValidationError, root: Place, base: Path) -> Iterator[ConfigIssue]:
    """Yield the issues that one error of jsonschema stands for; `base` leads to the instance it started from."""
    path = (*base, *error.relative_path)
    keyword = str(error.validator)
    value: Any = error.validator_value
    instance: Any = error.instance
    schema: Mapping[str, Any] = error.schema if isinstance(error.schema, dict) else {}
    own_sentence = schema.get("x-error", {}).get(keyword)
    if "propertyNames" in list(error.relative_schema_path)[:-1]:
        yield _issue((*path, instance), "bad_key", own_sentence or "The name of this entry is not allowed here.")
    elif keyword == "additionalProperties":
        known = schema.get("properties", {})
        for key in instance:
            if key not in known:
                yield _issue((*path, key), "unknown_key", _unknown_key(key, known))
    elif keyword in {"required", "dependentRequired"}:
        for key in _missing_keys(keyword, value, instance):
            yield _issue((*path, key), "required", own_sentence or f"{_name(root, (*path, key))} is missing.")
    elif keyword in {"oneOf", "anyOf"} and own_sentence is None and error.context:
        yield from _explain_nearest_branch(error, root, path)
    elif instance == "" and keyword in {"minLength", "pattern", "format", "enum", "const"}:
        yield _issue(path, "empty", f"{_name(root, path)} is empty.")
    else:
        code, make_sentence = _SENTENCES.get(keyword, ("invalid", lambda name, _value: f"{name} is not valid."))
        yield _issue(path, code, own_sentence or make_sentence(_name(root, path), value))


def _missing_keys(keyword: str, value: Any, instance: Mapping[str, Any]) -> list[str]:
    wanted = (
        value if keyword == "required" else [key for trigger in value if trigger in instance for key in value[trigger]]
    )
    return [key for key in wanted if key not in instance]


def _explain_nearest_branch(error: ValidationError, root: Place, path: Path) -> Iterator[ConfigIssue]:
    """Yield the issues of the branch that has the fewest, so that the sentence is about what was meant."""
    branches: dict[Any, list[ValidationError]] = {}
    for found in error.context or ():
        branches.setdefault(found.relative_schema_path[0], []).append(found)
    # A branch that another "type" field selects was not meant at all.
    nearest = min(branches.values(), key=lambda found: (any(one.validator == "const" for one in found), len(found)))
    for found in nearest:
        yield from _explain(found, root, path)


def _find_placeholders(value: Any, place: Place | None, path: Path) -> Iterator[ConfigIssue]:
    """Yield an issue for each value that still is what the empty form shows."""
    if place is None:
        return
    if place.placeholder is not None and value == place.placeholder:
        yield _issue(path, "placeholder", f"{place.title or path[-1]} is still the placeholder: put your own value in.")
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _find_placeholders(member, place.properties.get(name, place.others), (*path, name))
    elif isinstance(value, list) and place.items is not None:
        for index, member in enumerate(value):
            yield from _find_placeholders(member, place.items, (*path, index))


def _issue(path: Path, code: str, message: str) -> ConfigIssue:
    return ConfigIssue(format_path(path), code, message)


def _name(root: Place, path: Path) -> str:
    """Return what people call a place: its title, else its key, else what it is."""
    place = root.at(path)
    if place is not None and place.title is not None and path:
        return place.title
    if not path:
        return "The config"
    return f"Entry {path[-1] + 1}" if isinstance(path[-1], int) else f'"{path[-1]}"'


def _unknown_key(key: str, known: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    by_lower_case = {name.lower(): name for name in known}
    near = get_close_matches(key.lower(), by_lower_case, n=1, cutoff=0.6)
    if near:
        return f'There is no such setting: did you mean "{by_lower_case[near[0]]}"?'
    return f"There is no such setting: remove it. Those that exist are {', '.join(known) or 'none'}."


def _any_of(values: Iterable[Any]) -> str:
    return ", ".join(value if isinstance(value, str) else str(value).lower() for value in values)


def _types(value: str | list[str]) -> str:
    return " or ".join(_TYPE_NAMES[name] for name in ([value] if isinstance(value, str) else value))


_SENTENCES: dict[str, tuple[str, Callable[[str, Any], str]]] = {
    "type": ("wrong_type", lambda name, value: f"{name} must be {_types(value)}."),
    "enum": ("not_allowed", lambda name, value: f"{name} must be one of: {_any_of(value)}."),
    "const": ("not_allowed", lambda name, value: f"{name} must be {_any_of([value])}."),
    "minLength": ("too_short", lambda name, value: f"{name} must have at least {value} characters."),
    "maxLength": ("too_long", lambda name, value: f"{name} must have at most {value} characters."),
    "pattern": ("bad_format", lambda name, _value: f"{name} is not in the expected form."),
    "format": ("bad_format", lambda name, _value: f"The domain of {name} can't be one: check its spelling."),
    "minimum": ("too_small", lambda name, value: f"{name} must be at least {value}."),
    "exclusiveMinimum": ("too_small", lambda name, value: f"{name} must be more than {value}."),
    "maximum": ("too_large", lambda name, value: f"{name} must be at most {value}."),
    "exclusiveMaximum": ("too_large", lambda name, value: f"{name} must be less than {value}."),
    "multipleOf": ("bad_format", lambda name, value: f"{name} must be a multiple of {value}."),
    "minItems": ("too_few", lambda name, value: f"{name} must have at least {value} entries."),
    "maxItems": ("too_many", lambda name, value: f"{name} must have at most {value} entries."),
    "minProperties": ("too_few", lambda name, value: f"{name} must have at least {value} entries."),
    "maxProperties": ("too_many", lambda name, value: f"{name} must have at most {value} entries."),
    "uniqueItems": ("repeated", lambda name, _value: f"{name} has the same entry twice."),
    "contains": ("missing_item", lambda name, _value: f"{name} lacks an entry that must be there."),
    "oneOf": ("no_variant", lambda name, _value: f"{name} fits more than one of the forms it may have."),
    "anyOf": ("no_variant", lambda name, _value: f"{name} has none of the forms it may have."),
    "not": ("not_allowed", lambda name, _value: f"{name} has a form that is not allowed."),
}
