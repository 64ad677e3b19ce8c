"""The setting of a config that holds its templates, whatever a connector calls it."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from connector_core.templates import GENERIC, list_template_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from connector_core.schema import Place
    from connector_core.testing.config_paths import Path

STORED_THERE = "template"
"""How the keys of an entry start that name a template of the provider."""

REQUIRED_TYPES = ("Register", "SignIn", "ForgotPassword", GENERIC)
PLACEHOLDER = re.compile(r"{{\s*([\w.]+)\s*}}")
_CODE = re.compile(r"{{\s*code\s*}}")
_SHORTEST_FRAGMENT = 3


@dataclass(frozen=True, slots=True)
class TemplateSetting:
    """A list of entries with `usageType`, or an object by usage type (see `TemplateIndex`)."""

    key: str

    def entries(self, config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return the entry of each usage type for readers of any language."""
        found = (entry for _, entry in list_template_entries(config[self.key]))
        return {entry["usageType"]: entry for entry in found if "locale" not in entry}

    def without_type(self, config: dict[str, Any], usage_type: str) -> dict[str, Any]:
        """Return a config without the entries of a usage type."""
        setting = config[self.key]
        less: Any = (
            {name: value for name, value in setting.items() if name != usage_type}
            if isinstance(setting, dict)
            else [entry for entry in setting if entry["usageType"] != usage_type]
        )
        return {**config, self.key: less}

    def with_entry(self, config: dict[str, Any], usage_type: str, locale: str | None, like: str) -> dict[str, Any]:
        """Return a config with one more entry for a usage type, of the content of another type's."""
        setting = copy.deepcopy(config[self.key])
        entry = {name: value for name, value in self.entries(config)[like].items() if name != "locale"}
        if locale is not None:
            entry["locale"] = locale
        if isinstance(setting, dict):
            del entry["usageType"]
            there = setting[usage_type]
            setting[usage_type] = [*(there if isinstance(there, list) else [there]), entry]
        else:
            setting.append({**entry, "usageType": usage_type})
        return {**config, self.key: setting}

    def with_subject(self, config: dict[str, Any], subject: str) -> dict[str, Any]:
        """Return a config with another subject in each entry that has one."""
        return self._with_changed_entries(config, lambda entry: {"subject": subject} if "subject" in entry else {})

    def with_placeholders(self, config: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Return a config whose content has more placeholders wherever it has that of the code."""
        more = " ".join(f"{{{{{name}}}}}" for name in ("code", *names))

        def change(entry: Mapping[str, Any]) -> dict[str, Any]:
            texts = {key: text for key, text in entry.items() if isinstance(text, str) and key != "subject"}
            return {key: _CODE.sub(more, text) for key, text in texts.items()}

        return self._with_changed_entries(config, change)

    def stored_names(self, config: Mapping[str, Any]) -> dict[Path, str]:
        """Return the names of the provider's templates that a config has, by their path; numbers are the provider's."""
        return {path: name for path, name in self._list_stored(config) if isinstance(name, str)}

    def stored_numbers(self, config: Mapping[str, Any]) -> dict[Path, str]:
        """Return the numbers of the provider's templates that a config has, by their path."""
        return {path: str(number) for path, number in self._list_stored(config) if type(number) is int}

    def _list_stored(self, config: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
        for path, entry in list_template_entries(config[self.key]):
            for key, value in entry.items():
                if key.startswith(STORED_THERE):
                    yield (self.key, *path, key), value

    def _with_changed_entries(
        self, config: dict[str, Any], change: Callable[[Mapping[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        setting = copy.deepcopy(config[self.key])
        for path, entry in list_template_entries(setting):
            target = setting
            for step in path:
                target = target[step]
            target.update({key: value for key, value in change(entry).items() if key in target})
        return {**config, self.key: setting}

    def fragments(self, config: Mapping[str, Any]) -> dict[str, set[str]]:
        """Return for each usage type the pieces of text that stand in its entry alone, placeholders left out."""
        pieces = {usage_type: set(_pieces(entry)) for usage_type, entry in self.entries(config).items()}
        found = {}
        for usage_type, own in pieces.items():
            others = [piece for name, other in pieces.items() if name != usage_type for piece in other]
            found[usage_type] = {piece for piece in own if not any(piece in other for other in others)}
        return found


def find_template_setting(root: Place) -> TemplateSetting | None:
    """Return the setting that holds the templates: a list of entries with `usageType`, or an object by usage type."""
    for key, place in root.properties.items():
        if place.items is not None and "usageType" in place.items.properties:
            return TemplateSetting(key)
        if GENERIC in place.properties:
            return TemplateSetting(key)
    return None


def _pieces(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            if key not in {"usageType", "locale"}:
                yield from _pieces(member, key)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _pieces(member, name)
    elif type(value) is int and value >= 10**_SHORTEST_FRAGMENT:
        yield str(value)
    elif isinstance(value, str):
        for piece in PLACEHOLDER.sub("\n", value).splitlines():
            if len(piece.strip()) >= _SHORTEST_FRAGMENT:
                yield piece.strip()
