"""What the connectors of this repository have in common, and that the core knows none of them."""

from __future__ import annotations

import ast
import io
import json
import sys
import tokenize
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from installed import INSTALLED, ROOT

from connector_core import Host, InvalidConfig, Message, SendError, SendResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connector_core import Connector

PROVIDERS = ("postmark", "mailgun", "sendgrid")
HTTP_CONNECTORS = ("http-email", "mailgun", "sendgrid")
MOST_LINES = 150
MOST_OPTION_LINES = 120
OPTIONS = "options.py"
"""The module of the options of a message, without which a connector sends messages that have none."""

OPTIONAL_HOOKS = frozenset({"answers.py", "live_check.py", "provisioning.py", "senders.py", "templates.py", "usage.py"})
"""Modules of hooks that a connector sends without, as a test below sees to."""

SECRET = "made-up-secret-4711"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as host:
        yield host


def make_config(connector: Connector) -> dict[str, Any]:
    """Return a config of a connector with a secret that can be told."""
    with connector.create_sandbox() as sandbox:
        text = json.dumps(sandbox.config)
    secrets = [item["key"] for item in connector.form_items() if item.get("isConfidential")]
    config: dict[str, Any] = json.loads(text)
    return {**config, **dict.fromkeys(set(secrets) & set(config), SECRET)}


@pytest.mark.parametrize(("own", "other"), [*permutations(INSTALLED, 2)])
def test_a_config_given_to_another_connector_is_refused_without_its_secret(host: Host, own: str, other: str) -> None:
    config = make_config(host[own])

    issues = host[other].validate_config(config)
    with pytest.raises(InvalidConfig) as raised:
        host[other].send_message(config, Message("person@example.com", "SignIn", {"code": "483920"}))

    assert "unknown_key" in {issue.code for issue in issues}
    assert SECRET not in f"{issues} {raised.value!r} {raised.value} {raised.value.to_json()}"


def test_one_message_goes_through_every_connector(host: Host) -> None:
    message = Message("person@example.com", "SignIn", {"code": "483920", "locale": "en"})
    arrived = {}
    for connector in host.values():
        with connector.create_sandbox() as sandbox:
            connector.send_message(sandbox.config, message)
            (accepted,) = sandbox.messages
        arrived[connector.id] = (accepted.to, "483920" in accepted.text)

    assert arrived == dict.fromkeys(INSTALLED, (("person@example.com",), True))


def count_lines(source: str) -> int:
    """Return the number of lines that hold code: no blank ones, no comments."""
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in blank:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines)


def find_package(name: str) -> Path:
    (package,) = (ROOT / "connectors" / name).glob("connector_*")
    return package


WITH_OPTIONS = [name for name in HTTP_CONNECTORS if (find_package(name) / OPTIONS).exists()]


def list_modules(name: str) -> tuple[list[Path], list[Path]]:
    """Return the modules that a connector sends with, and those that it sends without; its sandbox is neither."""
    package, spared = find_package(name), OPTIONAL_HOOKS | {OPTIONS}
    files = [file for file in package.rglob("*.py") if "sandbox" not in file.relative_to(package).parts[0]]
    return [file for file in files if file.name not in spared], [file for file in files if file.name in spared]


@pytest.mark.parametrize("name", HTTP_CONNECTORS)
def test_an_author_writes_few_lines_for_a_connector_that_sends(name: str) -> None:
    """The bound is for all that a connector needs to send; what optional hooks add has a bound of its own, below."""
    sending, _ = list_modules(name)

    assert sum(count_lines(file.read_text("utf-8")) for file in sending) <= MOST_LINES


@pytest.mark.parametrize("name", HTTP_CONNECTORS)
def test_an_author_writes_few_lines_for_each_module_of_an_optional_hook(name: str) -> None:
    """The bound is for each module by itself, since an author adds a hook when it is wanted."""
    _, optional = list_modules(name)

    assert {file.name for file in optional if count_lines(file.read_text("utf-8")) > MOST_LINES} == set()


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_an_author_writes_few_lines_for_the_options_of_a_message(name: str) -> None:
    """The bound is apart from that for sending: an author adds options when they are wanted."""
    assert count_lines((find_package(name) / OPTIONS).read_text("utf-8")) <= MOST_OPTION_LINES


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_without_the_module_of_options_a_plain_message_is_sent(
    host: Host, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = find_package(name).name
    (connector,) = (one for one in host.values() if one.distribution.replace("-", "_") == package)
    monkeypatch.setitem(sys.modules, f"{package}.options", None)  # an import of it fails
    plain = Message("person@example.com", "SignIn", {"code": "483920"})

    with connector.create_sandbox() as sandbox, connector.configure(sandbox.config) as configured:
        outcomes = [*configured.send_messages([plain, replace(plain, cc=["copy@example.com"])])]

    sent, failed = outcomes
    assert isinstance(sent, SendResult)
    assert isinstance(failed, SendError)
    assert isinstance(failed.__cause__, ImportError)


@pytest.mark.parametrize("name", HTTP_CONNECTORS)
def test_a_send_loads_no_module_of_an_optional_hook(name: str) -> None:
    sending, optional = list_modules(name)
    statements = [one for file in sending for one in ast.parse(file.read_text("utf-8")).body]
    imported = {one.module.rpartition(".")[2] for one in statements if isinstance(one, ast.ImportFrom) and one.module}

    assert imported & {file.stem for file in optional} == set()


def test_the_core_names_no_provider() -> None:
    files = [
        path
        for folder in ("connector_core", "schemas")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".json", ".html", ".jinja"} and path.is_file()
    ]
    named = [path.name for path in files for word in PROVIDERS if word in path.read_text("utf-8").lower()]

    assert files
    assert named == []
