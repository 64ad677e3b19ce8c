"""What a connector says of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from connector_core.errors import InvalidConnector
from connector_core.jsonvalue import freeze
from connector_core.locales import candidate_locales, normalize_locale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorMetadata:
    """Who a connector is.

    Args:
        id: the connector's id, the name of its entry point: `acme-mail`.
        type: `Email` or `Sms`.
        name: its name by language; English (`en`) must be there.
        description: one sentence by language.
        config_schema: the JSON Schema of its config, in the dialect of `schemas/config-dialect.schema.json`.
        guide: the Markdown page for administrators by language.
        logo: an SVG image as text; `logo_dark` the same for dark pages.
        target: what the connector connects to; the id where nothing else is said.
        platform: None unless the connector serves one platform only.
        message_options: which options of a message the connector can send, by their names in JSON: `cc`, `replyTo`,
            ..., and `inlineAttachments`. A message with another one is refused before the connector is asked.
        message_limits: what the provider allows of a message and of a batch, by name; see `message_limits.py`. A
            message beyond is refused before the connector is asked.

    """

    id: str
    type: str
    name: Mapping[str, str]
    description: Mapping[str, str]
    config_schema: Mapping[str, Any]
    guide: Mapping[str, str] = field(default_factory=dict)
    logo: str | None = None
    logo_dark: str | None = None
    target: str | None = None
    platform: str | None = None
    message_options: Sequence[str] = ()
    message_limits: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, package: str, file: str = "connector.json") -> ConnectorMetadata:
        """Read the metadata of the connector whose package holds a `connector.json`.

        Args:
            package: the import name of the package, usually `__package__`.
            file: the name of the JSON file; the files it names (logo, guide, config schema) lie beside it.

        Raises:
            InvalidConnector: a file is missing or malformed; the sentence names it.

        """
        document = _read_json(package, file)
        try:
            return cls(
                id=document.pop("id"),
                type=document.pop("type"),
                name=freeze(document.pop("name")),
                description=freeze(document.pop("description")),
                config_schema=freeze(_read_json(package, document.pop("configSchema"))),
                guide=freeze({tag: _read(package, name) for tag, name in document.pop("guide").items()}),
                logo=_read_optional(package, document.pop("logo", None)),
                logo_dark=_read_optional(package, document.pop("logoDark", None)),
                target=document.pop("target", None),
                platform=document.pop("platform", None),
                message_options=freeze(document.pop("messageOptions", [])),
                message_limits=freeze(document.pop("messageLimits", {})),
                **document,
            )
        except KeyError as cause:
            raise InvalidConnector(f"{file} of {package} lacks the key {cause}.") from cause
        except (AttributeError, TypeError) as cause:
            unknown = ", ".join(document) or "its values"
            raise InvalidConnector(
                f"{file} of {package} is not in the shape of metadata: look at {unknown}."
            ) from cause

    def to_json(self) -> dict[str, Any]:
        """Return the metadata as a JSON object in camelCase, in the shape of `schemas/metadata.schema.json`."""
        return {
            "id": self.id,
            "target": self.target or self.id,
            "platform": self.platform,
            "type": self.type,
            "name": self.name,
            "description": self.description,
            "logo": self.logo,
            "logoDark": self.logo_dark,
            "guide": self.guide,
            "messageOptions": _thaw(self.message_options),
            "messageLimits": self.message_limits,
            "configSchema": self.config_schema,
        }


def _thaw(value: object) -> object:
    """Return a sequence as JSON has it, and anything else as it is, for the schema to refuse."""
    return list(value) if isinstance(value, tuple) else value


def choose_language(texts: Mapping[str, str], locale: str | None = None) -> str:
    """Return the text for a reader of `locale` by RFC 4647 lookup, English where there is none, else any."""
    by_tag = {normalize_locale(tag): text for tag, text in texts.items()}
    for tag in candidate_locales(locale):
        if tag in by_tag:
            return by_tag[tag]
    return by_tag.get(DEFAULT_LANGUAGE) or next(iter(by_tag.values()), "")


def _read(package: str, name: str) -> str:
    import pkgutil

    try:
        content = pkgutil.get_data(package, name)
    except OSError as cause:
        raise InvalidConnector(f"The file {name} is not in the package {package}.") from cause
    if content is None:
        raise InvalidConnector(f"The package {package} can't hold files: install it as files or as a zip.")
    return content.decode("utf-8")


def _read_optional(package: str, name: str | None) -> str | None:
    return None if name is None else _read(package, name)


def _read_json(package: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(_read(package, name))
    except ValueError as cause:
        raise InvalidConnector(f"{name} of {package} is no JSON: {cause}.") from cause
    if not isinstance(document, dict):
        raise InvalidConnector(f"{name} of {package} is not a JSON object.")
    return document
