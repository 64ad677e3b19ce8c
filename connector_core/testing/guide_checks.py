"""Checks of the guide: its examples work, and its table of settings is the schema's."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from connector_core.testing.config_paths import walk
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.subject import Subject

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^\|.*\n\|[ :|-]+\n((?:\|.*\n?)+)", re.MULTILINE)
_KEY = re.compile(r"^\|\s*`([^`]+)`\s*\|")


class GuideChecks(SubjectChecks):
    """The guide in each of its languages."""

    def test_every_example_in_the_guide_is_valid(self, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
        """Guards administrators who paste an example.

        To mend: the sentence names the example. A JSON block is a config, a part of one, or a list of templates.
        """
        whole = 0
        for language, guide in subject.connector.metadata.guide.items():
            for number, text in enumerate(_json_blocks(guide), 1):
                where = f"JSON example {number} of the guide ({language})"
                try:
                    example = json.loads(text)
                except ValueError as error:
                    pytest.fail(f"{where} is no JSON: {error}")
                config = self._complete(subject, example)
                whole += config == example
                secrets = subject.list_secrets(self.config)
                for path, name, _ in walk(config, None):
                    if path[-1] == "$env":
                        monkeypatch.setenv(name, secrets.get(path[:-1], "made-up-secret"))
                found = subject.connector.validate_config(config)
                issues = [issue for issue in found if issue.code != "file_unreadable"]
                assert not issues, f"{where} has an issue: {issues[0].path} {issues[0].message}"
        assert whole, "The guide shows no whole config: add one as a JSON block."

    def test_the_settings_in_the_guide_are_those_of_the_schema(self, subject: Subject) -> None:
        """Guards administrators who look a setting up.

        To mend: keep one table with a row for each setting of the schema, its key in the first column as code.
        """
        keys = list(subject.schema.document["properties"])
        for language, guide in subject.connector.metadata.guide.items():
            tables = [_first_column(table) for table in _TABLE.findall(guide)]
            closest = max(tables, key=lambda table: len(set(table) & set(keys)), default=[])
            missing = [key for key in keys if key not in closest]
            assert not missing, f"The guide ({language}) lacks settings in its table: {', '.join(missing)}."
            unknown = [key for key in closest if key.partition(".")[0] not in keys]
            assert not unknown, f"The guide ({language}) has settings that don't exist: {', '.join(unknown)}."

    def test_all_languages_of_the_guide_show_the_same_code(self, subject: Subject) -> None:
        """Guards translations that fall behind.

        To mend: make the code blocks of all languages equal.
        """
        blocks = {language: _BLOCK.findall(guide) for language, guide in subject.connector.metadata.guide.items()}
        first = next(iter(blocks.values()))
        different = [language for language, found in blocks.items() if found != first]
        assert not different, f"Other code than in the first language: {', '.join(different)}."
        guides = list(subject.connector.metadata.guide.values())
        assert len(set(guides)) == len(guides), "Two languages have the same guide: translate it."

    def _complete(self, subject: Subject, example: Any) -> dict[str, Any]:
        """Return a config that has an example in its place."""
        config = subject.config
        if isinstance(example, list):
            setting = subject.templates
            if setting is None:
                pytest.fail("The guide shows a list, and no setting is a list of templates.")
            return {**config, setting.key: example}
        required = set(subject.schema.document.get("required", ()))
        return example if required <= set(example) else {**config, **example}


def _json_blocks(guide: str) -> Iterator[str]:
    for language, text in _BLOCK.findall(guide):
        if language == "json":
            yield text


def _first_column(table: str) -> list[str]:
    return [found[1] for row in table.splitlines() if (found := _KEY.match(row))]
