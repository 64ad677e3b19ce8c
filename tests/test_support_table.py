"""docs/connectors.md is what the code says, and what its generator reads off the code is what happens."""

from __future__ import annotations

import re
import sys
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest
from connector_support import OPTIONS, Support, find_support, list_checks
from installed import INSTALLED
from readme_page import ROOT, run
from support_table import (
    DEVELOPER_PAGE,
    DOCS,
    SUPPORT_PAGE,
    describe_check,
    replace_check_rows,
    write_pages,
    write_support_page,
)

from connector_core import Message, SendResult, UnsupportedFeature
from connector_core.testing.option_samples import make_samples, with_samples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = (DOCS / SUPPORT_PAGE).read_text("utf-8")


@pytest.fixture(params=INSTALLED)
def support(request: pytest.FixtureRequest) -> Support:
    (found,) = (one for one in find_support() if one.connector.id == request.param)
    return found


def test_the_page_is_what_the_generator_gives() -> None:
    assert write_support_page() == PAGE, "Run: make docs"


def test_every_connector_of_this_repository_is_in_every_table() -> None:
    rows = Counter(row.split("|")[1].strip() for row in PAGE.splitlines() if row.startswith("| "))

    assert sorted(one.connector.id for one in find_support()) == INSTALLED
    for one in find_support():
        name = one.connector.name()
        assert rows[name] + rows[f"[{name}](../{one.folder.relative_to(ROOT).as_posix()}/README.md)"] == 6


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", PAGE))
def test_a_link_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (DOCS / target).is_file()


def test_a_connector_says_how_it_reaches_its_provider(support: Support) -> None:
    assert support.protocol
    assert support.tests


def test_the_number_of_checks_is_that_of_the_tests_that_pytest_finds() -> None:
    files = {file: one for one in find_support() for file in one.folder.glob("tests/test_*conformance.py")}
    done = run(sys.executable, "-m", "pytest", "--collect-only", "-q", *map(str, files), cwd=ROOT)
    checks = {tests.__name__: list_checks(tests) for one in find_support() for tests in one.tests}

    found: Counter[str] = Counter()
    for path, tests, name in re.findall(r"^(.+?)::(\w+)::(\w+)", done.stdout, re.MULTILINE):
        found[files[ROOT / path].connector.id] += name in checks.get(tests, ())
    assert found == {one.connector.id: one.check_count for one in find_support()}


def test_a_config_needs_its_required_settings_and_no_others(support: Support) -> None:
    config = dict(support.tests[0].config)
    needed = {name: config[name] for name in support.required}

    assert support.connector.validate_config(needed) == []
    for name in needed:
        less = {key: value for key, value in needed.items() if key != name}
        assert support.connector.validate_config(less) != []


def test_the_secrets_are_what_a_redacted_config_hides(support: Support) -> None:
    for tests in support.tests:
        redacted = support.connector.redact_config(tests.config)
        hidden = [
            path if key is None else f"{path}.{key}"
            for path, value in redacted.items()
            for key, text in (value.items() if isinstance(value, dict) else [(None, value)])
            if text == "***"
        ]
        assert set(hidden) <= set(support.secrets)
        assert hidden


def test_a_mail_is_rendered_where_the_page_says(support: Support) -> None:
    tests = support.tests[0]
    with support.connector.create_sandbox(tests.config) as sandbox:
        for usage_type in ("SignIn", "Register", "ForgotPassword", "Generic"):
            message = Message(tests.message.to, usage_type, tests.message.payload)
            assert isinstance(support.connector.send_message(sandbox.config, message), SendResult)
        finished = {message.payload is None for message in sandbox.messages}

    seen = {"provider": {False}, "endpoint": {False}, "local": {True}}
    assert finished <= seen.get(support.rendering, {True, False})


def test_a_template_may_have_a_locale_where_the_page_says(support: Support) -> None:
    setting, config = support.template_setting, dict(support.tests[0].config)
    issues = setting and support.connector.validate_config(setting.with_entry(config, "SignIn", "de", "SignIn"))

    assert (issues == []) is ("locale" in support.entry_keys)


def test_a_connector_asks_its_provider_what_the_page_says(support: Support) -> None:
    connector, today = support.connector, datetime.now(UTC).date()
    with (
        connector.create_sandbox(support.tests[0].config) as sandbox,
        connector.configure(sandbox.config) as configured,
    ):
        asks = (configured.check_connection, configured.plan_templates, partial(configured.get_usage, today))

        assert [is_supported(ask) for ask in asks] == support.asks


def test_a_connector_sends_the_options_that_the_page_says(support: Support) -> None:
    samples = make_samples("outbound")
    with support.connector.create_sandbox(support.tests[0].config) as sandbox:
        sent = [
            is_supported(
                partial(
                    support.connector.send_message, sandbox.config, with_samples(support.tests[0].message, [sample])
                )
            )
            for sample in samples.values()
        ]

    assert [*samples] == [*OPTIONS]
    assert sent == support.options


def is_supported(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except UnsupportedFeature:
        return False
    return True


def test_the_table_of_checks_is_replaced_whole() -> None:
    page = "Before\n\n| Check | It guards |\n| --- | --- |\n| `test_old` | what was |\n\nAfter\n"
    replaced = replace_check_rows(page)

    assert "test_old" not in replaced
    assert replaced.startswith("Before\n\n| Check | It guards |\n| --- | --- |\n| `test_it_loads` |")
    assert replaced.endswith(" |\n\nAfter\n")
    assert replace_check_rows(replaced) == replaced


def test_the_generator_writes_both_pages(tmp_path: Path) -> None:
    developer_page = (DOCS / DEVELOPER_PAGE).read_text("utf-8")
    (tmp_path / DEVELOPER_PAGE).write_text(developer_page.replace("| `test_it_loads` |", "| `test_old` |"), "utf-8")
    write_pages(tmp_path)

    written = {page.name: page.read_text("utf-8") for page in tmp_path.iterdir()}
    assert written == {SUPPORT_PAGE: PAGE, DEVELOPER_PAGE: developer_page}


def test_a_check_that_does_not_say_what_it_guards_is_no_check() -> None:
    def test_nothing() -> None:
        """Test nothing."""

    with pytest.raises(AssertionError) as raised:
        describe_check(test_nothing)

    assert "test_nothing doesn't say what it guards" in str(raised.value)
