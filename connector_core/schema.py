"""JSON Schemas: the public ones, the dialect of config schemas, and what one says of each place in a config."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from connector_core.errors import InvalidConnector
from connector_core.jsonvalue import FrozenDict, format_path
from connector_core.schema_words import compile_pattern, validator_class

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

    from connector_core.metadata import ConnectorMetadata

EMAIL = "urn:connector-core:email"
DIALECT = "urn:connector-core:config-dialect"
METADATA = "urn:connector-core:metadata"
MESSAGE = "urn:connector-core:message"

_FILES = {
    EMAIL: "email.schema.json",
    DIALECT: "config-dialect.schema.json",
    METADATA: "metadata.schema.json",
    MESSAGE: "message.schema.json",
}
_SHARED = (EMAIL,)
"""The schemas that a config schema may refer to."""


@cache
def public_schema(urn: str) -> FrozenDict:
    """Return one of the public schemas by its `urn:` id."""
    import pkgutil

    content = pkgutil.get_data("connector_core", f"schemas/{_FILES[urn]}")
    assert content is not None  # noqa: S101  the distribution carries the file
    return FrozenDict(json.loads(content))


@cache
def public_validator(urn: str) -> Validator:
    """Return the validator of a public schema; its references lead to definitions, its own or shared ones.

    They are looked up here, which takes half of the time that a registry of schemas needs.
    """
    from jsonschema.validators import extend

    schema = public_schema(urn)
    definitions = {
        f"{prefix}#/$defs/{name}": definition
        for prefix, source in [("", schema), *((shared, public_schema(shared)) for shared in _SHARED)]
        for name, definition in source.get("$defs", {}).items()
    }

    def follow(validator: Any, reference: str, instance: Any, _schema: object) -> Iterator[ValidationError]:
        yield from validator.descend(instance, definitions[reference])

    made: type[Validator] = extend(validator_class(), {"$ref": follow})  # type: ignore[no-untyped-call]  # jsonschema's own
    return made(schema)


def check_metadata(metadata: ConnectorMetadata) -> None:
    """Check what a connector says of itself against `schemas/metadata.schema.json`.

    Raises:
        InvalidConnector: the first thing that is wrong, with its path.

    """
    _check_against(METADATA, metadata.to_json(), "metadata")


def check_config_schema(schema: Mapping[str, Any]) -> None:
    """Check a config schema against the dialect (`schemas/config-dialect.schema.json`).

    Raises:
        InvalidConnector: the first thing that is wrong, with its path and, for a typo, the word that was meant.

    """
    _check_against(DIALECT, schema, "config schema")


def _check_against(urn: str, value: Mapping[str, Any], what: str) -> None:
    from jsonschema.exceptions import best_match

    error = best_match(public_validator(urn).iter_errors(_plain(value)))
    if error is not None:
        path = format_path(list(error.absolute_path))
        raise InvalidConnector(f"The {what} is invalid at {path}: {_explain(error)}.")


def _explain(error: ValidationError) -> str:
    from difflib import get_close_matches

    if error.validator != "additionalProperties" or not isinstance(error.schema, dict):
        return error.message
    known = error.schema["properties"]
    words: Any = error.instance
    word = next(word for word in words if word not in known)
    near = get_close_matches(word, known, n=1)
    return f"the word {word!r} is unknown" + (f", did you mean {near[0]!r}?" if near else "")


def _check_patterns(value: Any) -> None:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            try:
                compile_pattern(value["pattern"])
            except re.error as cause:
                raise InvalidConnector(f"The config schema is invalid: {value['pattern']!r} is no pattern.") from cause
        for word, member in value.items():
            if word not in {"x-error", "x-show-when"}:  # their keys may be the names of words
                _check_patterns(member)
    elif isinstance(value, list | tuple):
        for member in value:
            _check_patterns(member)


def _check_conditions(place: Place) -> None:
    """Check that the form shows each setting by the values of others beside it."""
    for name, member in place.properties.items():
        for other in member.show_when or ():
            if other == name or other not in place.properties:
                raise InvalidConnector(
                    f"The config schema is invalid: x-show-when of {name} names {other}, which is no other setting "
                    "beside it."
                )


def _plain(value: Any) -> Any:
    """Return frozen JSON as dicts and lists, the only shapes that jsonschema knows."""
    if isinstance(value, dict):
        return {key: _plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return value


@dataclass(slots=True)
class Place:
    """What a config schema says of one place in a config, all its subschemas taken together."""

    title: str | None = None
    format: str | None = None
    types: set[str] = field(default_factory=set)
    secret: bool = False
    default: Any = None
    has_default: bool = False
    placeholder: str | None = None
    show_when: Mapping[str, Any] | None = None
    closed: bool = False
    properties: dict[str, Place] = field(default_factory=dict)
    others: Place | None = None
    items: Place | None = None

    def declared_names(self) -> Iterator[str]:
        """Yield the names of all settings at and below this place."""
        for name, member in self.properties.items():
            yield name
            yield from member.declared_names()
        for below in (self.others, self.items):
            if below is not None:
                yield from below.declared_names()

    def at(self, path: tuple[str | int, ...]) -> Place | None:
        """Return the place at a path below this one, or None where the schema says nothing of it."""
        place: Place | None = self
        for step in path:
            if place is None:
                return None
            place = place.items if isinstance(step, int) else place.properties.get(step, place.others)
        return place


class ConfigSchema:
    """A config schema that was found to be in the dialect: its own document, its validator and its places."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        check_config_schema(document)
        _check_patterns(document)
        self.document = _bundle(_plain(document))
        self._check_references(self.document, (), set())
        self.root = self._place(self.document)

    @cached_property
    def validator(self) -> Validator:
        """Return the validator of the document, made when the first config is checked."""
        return validator_class()(self._inline(self.document))

    def subschemas(self, schema: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], bool]]:
        """Yield every subschema that speaks of the same place as `schema`, nearest first.

        With each comes whether it holds in any case: one branch of `oneOf`, `anyOf` or `if` holds only sometimes.
        """
        pending = [(schema, True)]
        while pending:
            part, always = pending.pop(0)
            yield part, always
            if "$ref" in part:
                pending.append((self._resolve(part["$ref"]), always))
            pending += [(branch, always) for branch in part.get("allOf", ())]
            for word in ("oneOf", "anyOf"):
                pending += [(branch, False) for branch in part.get(word, ())]
            pending += [(part[word], False) for word in ("then", "else") if word in part]

    def _check_references(self, value: Any, trail: tuple[str, ...], checked: set[str]) -> None:
        """Check that every $ref leads somewhere, and none back to where it stands: a form can't show recursion."""
        if isinstance(value, list):
            for member in value:
                self._check_references(member, trail, checked)
        if not isinstance(value, dict):
            return
        reference = value.get("$ref")
        if reference in trail:
            raise InvalidConnector(f"The config schema is invalid: $ref {reference} leads back to itself.")
        if isinstance(reference, str) and reference not in checked:
            self._check_references(self._resolve(reference), (*trail, reference), checked)
            checked.add(reference)
        for member in value.values():
            self._check_references(member, trail, checked)

    def _resolve(self, reference: str) -> Mapping[str, Any]:
        urn, _, pointer = reference.partition("#")
        target: Any = public_schema(urn) if urn in _SHARED else self.document if not urn else None
        for step in pointer.strip("/").split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise InvalidConnector(f"The config schema is invalid: $ref {reference} leads nowhere.")
        return self._absolute(target, urn)

    def _inline(self, value: Any) -> Any:
        """Return a schema with every $ref replaced by what it leads to, which jsonschema checks twice as fast."""
        if isinstance(value, list):
            return [self._inline(member) for member in value]
        if not isinstance(value, dict):
            return value
        inlined = {key: self._inline(member) for key, member in value.items() if key not in {"$ref", "$defs"}}
        if "$ref" in value:
            target = self._inline(self._resolve(value["$ref"]))
            inlined = {**inlined, "allOf": [target, *inlined.get("allOf", [])]} if inlined else target
        return inlined

    @staticmethod
    def _absolute(schema: dict[str, Any], urn: str) -> dict[str, Any]:
        """Return a schema of another document with its local references made absolute."""
        if not urn:
            return schema

        def visit(value: Any) -> Any:
            if isinstance(value, dict):
                visited = {key: visit(member) for key, member in value.items()}
                reference = visited.get("$ref")
                if isinstance(reference, str) and reference.startswith("#"):
                    visited["$ref"] = urn + reference
                return visited
            return [visit(member) for member in value] if isinstance(value, list) else value

        absolute: dict[str, Any] = visit(schema)
        return absolute

    def _place(self, schema: Mapping[str, Any]) -> Place:
        place = Place()
        members: dict[str, list[Mapping[str, Any]]] = {}
        others: list[Mapping[str, Any]] = []
        items: list[Mapping[str, Any]] = []
        for part, always in self.subschemas(schema):
            place.title = place.title or part.get("title")
            place.format = place.format or part.get("format")
            stated = part.get("type", ())
            place.types |= {stated} if isinstance(stated, str) else set(stated)
            place.placeholder = place.placeholder or part.get("x-placeholder")
            place.show_when = place.show_when or part.get("x-show-when")
            place.secret = place.secret or part.get("writeOnly", False)
            place.closed = place.closed or part.get("additionalProperties") is False
            if always and "default" in part and not place.has_default:
                place.default, place.has_default = part["default"], True
            for name, member in part.get("properties", {}).items():
                members.setdefault(name, []).append(member)
            if isinstance(part.get("additionalProperties"), dict):
                others.append(part["additionalProperties"])
            if "items" in part:
                items.append(part["items"])
        place.properties = {name: self._place({"allOf": parts}) for name, parts in members.items()}
        _check_conditions(place)
        place.others = self._place({"allOf": others}) if others else None
        place.items = self._place({"allOf": items}) if items else None
        return place


def _bundle(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the shared schemas that it refers to embedded, so that any tool can use it alone."""
    text = json.dumps(document)
    used = {urn: _plain(public_schema(urn)) for urn in _SHARED if f'"{urn}#' in text}
    return {**document, "$defs": {**document.get("$defs", {}), **used}} if used else document
