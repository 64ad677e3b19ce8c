"""Checks of the config schema: what is wrong must be an issue, and what is secret must be marked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from connector_core.jsonvalue import format_path
from connector_core.testing.config_paths import replaced, walk, without
from connector_core.testing.subject import SubjectChecks
from connector_core.testing.template_setting import REQUIRED_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from connector_core.schema import Place
    from connector_core.testing.config_paths import Path
    from connector_core.testing.subject import Subject

_LAST_WORDS = frozenset(
    {"authorization", "credential", "credentials", "pass", "passphrase", "passwd", "password", "secret", "token"}
)
_WORDS_BEFORE_KEY = frozenset({"access", "api", "auth", "private", "secret", "server", "shared", "signing"})
_SHORTEST_SECRET = 12


class ConfigChecks(SubjectChecks):
    """The config that the test class names, and what a person may do wrong with it."""

    def test_the_config_is_valid(self, subject: Subject) -> None:
        """Guards the other checks, which start from this config.

        To mend: the sentence names the setting.
        """
        issues = subject.connector.validate_config(subject.config)
        assert not issues, f"{issues[0].path}: {issues[0].message}"

    def test_every_secret_is_marked(self, subject: Subject) -> None:
        """Guards that forms, logs and redacted copies hide what is secret.

        To mend: give the setting `"writeOnly": true, "format": "password"`; name a setting that only sounds like a
        secret in `public_settings`.
        """
        unmarked = [path for path in _find_unmarked(subject.schema.root, "$") if path not in self.public_settings]
        assert not unmarked, f"Sounds like a secret and isn't marked as one: {', '.join(unmarked)}."
        secrets = subject.list_secrets(self.config)
        assert secrets or not self.has_secrets, "The test's config has no secret: name one, or say has_secrets = False."
        short = [format_path(path) for path, text in secrets.items() if len(text) < _SHORTEST_SECRET]
        assert not short, f"Give the test's config made-up secrets of at least {_SHORTEST_SECRET} characters: {short}."

    def test_an_unknown_setting_is_an_issue(self, subject: Subject) -> None:
        """Guards against misspelled settings that nobody notices.

        To mend: give each object in the schema `"additionalProperties": false`.
        """
        for path in _list_closed_objects(self.config, subject.schema.root, ()):
            self._expect_issue(subject, replaced({"": subject.config}, ("", *path, "kitUnknown"), 1)[""], path)

    def test_an_empty_text_is_an_issue(self, subject: Subject) -> None:
        """Guards against settings that were left empty.

        To mend: give each text in the schema `"minLength": 1` or a pattern.
        """
        for path, value, place in walk(self.config, subject.schema.root):
            if isinstance(value, str) and place is not None and not _is_in_free_object(path, subject.schema.root):
                self._expect_issue(subject, replaced(subject.config, path, ""), path)

    def test_a_value_of_the_wrong_type_is_an_issue(self, subject: Subject) -> None:
        """Guards against values that a send would trip over.

        To mend: give each setting in the schema its `type`.
        """
        for path, _, place in walk(self.config, subject.schema.root):
            if place is not None:
                self._expect_issue(subject, replaced(subject.config, path, [["kit"]]), path)

    def test_a_missing_setting_is_an_issue_or_not_needed(self, subject: Subject) -> None:
        """Guards against configs that are accepted and can't send.

        To mend: name the setting in `required` of the schema, or send without it.
        """
        for key in self.config:
            less = without(subject.config, (key,))
            if not subject.connector.validate_config(less):
                sandbox = subject.start_sandbox(less)
                config = {name: value for name, value in sandbox.config.items() if name != key}
                attempt = subject.attempt(config, self.message)
                assert attempt.error is None, f"Without {key} the config is accepted, but a send fails: {attempt.error}"

    def test_a_missing_usage_type_is_an_issue(self, subject: Subject) -> None:
        """Guards that people can sign in: the four usage types that every host needs have templates.

        To mend: build the setting on `urn:connector-core:email#/$defs/templates`, or require the four keys.
        """
        setting = subject.templates
        for usage_type in REQUIRED_TYPES if setting else ():
            assert setting is not None
            self._expect_issue(subject, setting.without_type(subject.config, usage_type), (setting.key,))

    def test_a_repeated_template_is_an_issue(self, subject: Subject) -> None:
        """Guards against two entries of which nobody knows which is used.

        To mend: add `find_repeated_templates(config)` to the hook `validate_config`.
        """
        setting = subject.templates
        if setting is not None:
            self._expect_issue(subject, setting.with_entry(subject.config, "SignIn", None, "SignIn"), (setting.key,))

    @staticmethod
    def _expect_issue(subject: Subject, config: Mapping[str, Any], path: Path) -> None:
        issues = subject.connector.validate_config(config)
        near = [issue for issue in issues if issue.path.startswith(format_path(path[:1]))]
        if not near:
            pytest.fail(f"The config is accepted though something is wrong at {format_path(path)}.")


def _find_unmarked(place: Place, path: str) -> Iterator[str]:
    for name, member in place.properties.items():
        if _sounds_secret(name) and "string" in (member.types or {"string"}) and not member.secret:
            yield f"{path}.{name}"
        yield from _find_unmarked(member, f"{path}.{name}")
    if place.items is not None:
        yield from _find_unmarked(place.items, f"{path}[]")


def _sounds_secret(name: str) -> bool:
    words = [word.lower() for word in re.findall(r"[A-Za-z][a-z]*|[A-Z]+(?![a-z])", name)]
    if words and words[-1] == "key":
        return len(words) > 1 and words[-2] in _WORDS_BEFORE_KEY
    return bool(words) and words[-1] in _LAST_WORDS


def _list_closed_objects(value: Any, place: Place | None, path: Path) -> Iterator[Path]:
    """Yield the path of each object in a config whose settings the schema names."""
    if isinstance(value, dict) and place is not None:
        if place.properties and place.others is None:
            yield path
        for name, member in value.items():
            yield from _list_closed_objects(member, place.properties.get(name, place.others), (*path, name))
    elif isinstance(value, list | tuple) and place is not None:
        for index, member in enumerate(value):
            yield from _list_closed_objects(member, place.items, (*path, index))


def _is_in_free_object(path: Path, root: Place) -> bool:
    """Return whether a path leads through a key that the schema doesn't name, such as a header of the author's own."""
    place: Place | None = root
    for step in path:
        if place is None or (isinstance(step, str) and step not in place.properties):
            return True
        place = place.items if isinstance(step, int) else place.properties[step]
    return False
