"""Checks of what a connector says of itself."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

from connector_core.locales import normalize_locale
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.schema import Place
    from connector_core.testing.subject import Subject

_MEASURE = """
import time
import connector_core
for name in connector_core.__all__:
    getattr(connector_core, name)
started = time.perf_counter()
import {module}
imported = time.perf_counter()
import requests
print((imported - started) / (time.perf_counter() - imported))
"""
_ROUNDS = 3
_DEAREST = 0.5
"""The most that an import may take, as a multiple of requests'."""


class ContractChecks(SubjectChecks):
    """The metadata, the hooks and the cost of loading them."""

    def test_it_loads(self, subject: Subject) -> None:
        """Guards that a host can use the connector at all.

        To mend: the sentence names the hook, the argument or the part of the metadata. A hook's arguments are
        positional, by the names of the hook specification, and a hook is spelled as there.
        """
        assert subject.connector.metadata.type == "Email", "This kit is for connectors of the type Email."

    def test_every_language_has_a_guide_and_a_description(self, subject: Subject) -> None:
        """Guards that administrators read the connector's texts in their language.

        To mend: add the language to `guide` and `description` in connector.json, or name fewer in `languages`.
        """
        metadata = subject.connector.metadata
        for part, texts in (("guide", metadata.guide), ("description", metadata.description)):
            there = {normalize_locale(tag) for tag, text in texts.items() if text.strip()}
            missing = [language for language in self.languages if normalize_locale(language) not in there]
            assert not missing, f"The {part} is missing in: {', '.join(missing)}."

    def test_every_form_item_has_a_label(self, subject: Subject) -> None:
        """Guards that a form shows words, not keys.

        To mend: give each setting of the schema a `title`, those in lists and objects too.
        """
        unlabelled = list(_find_untitled(subject.schema.root, "$"))
        assert not unlabelled, f"Without a title: {', '.join(unlabelled)}."
        same = [item["key"] for item in subject.connector.form_items() if item["label"] == item["key"]]
        assert not same, f"The label is the key itself: {', '.join(same)}."

    def test_importing_it_is_cheap(self, subject: Subject) -> None:
        """Guards that a host starts fast: the plugin's import takes less time than half of `import requests`.

        To mend: import what only a send needs inside the function that needs it; run `python -X importtime -c
        "import the_plugin"`. No requests, no jsonschema: HTTP goes through the transport.
        """
        connector_id = subject.connector.id
        (entry,) = entry_points(group=self.entry_point_group, name=connector_id)
        ratios: list[float] = []
        while len(ratios) < _ROUNDS and min(ratios, default=1) > _DEAREST:  # another process may have slowed a round
            ratios.append(_measure_import(entry.module))
        least = min(ratios)
        assert least <= _DEAREST, f"Importing {entry.module} takes {least:.1f} times as long as requests."

    def test_it_ships_a_sandbox(self, subject: Subject) -> None:
        """Guards that the connector can be tried without an account.

        To mend: write the hook `create_sandbox`. Its config is a new valid one, and its outbox is empty at first.
        """
        sandbox = subject.start_sandbox()
        assert list(sandbox.messages) == [], "The sandbox has messages before any was sent."
        assert sandbox.url.startswith("http://127.0.0.1:"), f"The sandbox serves at {sandbox.url}, not on loopback."
        issues = subject.connector.validate_config(sandbox.config)
        assert not issues, f"The sandbox's config has an issue: {issues[0].path} {issues[0].message}"
        assert sandbox.config is not sandbox.config, "The sandbox gives the same config twice: give a new one."


def _measure_import(module: str) -> float:
    """Return how long the import of a module takes, as a multiple of requests', in a process of its own."""
    path = [folder for folder in sys.path if folder]
    # -S: what a machine's site-packages preload, such as requests, would spoil the comparison.
    command = [sys.executable, "-S", "-c", f"import sys; sys.path = {path!r}\n{_MEASURE.format(module=module)}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own code
    if done.returncode:
        pytest.fail(f"Importing {module} alone fails: {done.stderr.strip().rpartition(chr(10))[2]}")
    return float(done.stdout)


def _find_untitled(place: Place, path: str) -> Iterator[str]:
    for name, member in place.properties.items():
        if not member.title:
            yield f"{path}.{name}"
        yield from _find_untitled(member, f"{path}.{name}")
    for below in (place.items, place.others):
        if below is not None:
            yield from _find_untitled(below, f"{path}[]")
