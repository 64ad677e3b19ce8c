"""The README is true: its programs run, and its tables and shapes are those of the code."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click
import pytest
from readme_page import BLOCKS, COMMAND_LINE, PROGRAMS, README, ROOT, read_table, run, write_distribution

from connector_core import Connector, ConnectorError, Host, Limits, SendError, errors
from connector_core.cli.commands import connectors
from connector_core.config import MAX_CONFIG_BYTES
from connector_core.live import CHECK_SECONDS, USAGE_SECONDS
from connector_core.payloads import TEST_CODE
from connector_core.stored_configs import StoredConfigs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from connector_core import Sandbox


def shape(value: Any) -> Any:
    """Return what kind of values a JSON value holds, with the keys of its objects."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value)


def test_the_readme_has_the_programs_that_the_tests_below_look_for() -> None:
    assert list(PROGRAMS) == [
        "A host in ten lines",
        "Options, and many messages",
        "Know that it works",
        "Stored configs",
        "Secrets",
        "Errors",
        "Middleware",
        "Async hosts",
        "Write a connector",
    ]


@pytest.mark.parametrize("section", PROGRAMS)
def test_the_programs_of_a_section_print_what_stands_below_them(section: str, tmp_path: Path) -> None:
    wanted = "".join(block.text for block in BLOCKS if block.section == section and block.language == "text")

    done = run(sys.executable, "-W", "error", "-c", PROGRAMS[section], cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, wanted, "")


def test_the_host_has_ten_lines() -> None:
    lines = [line for line in PROGRAMS["A host in ten lines"].splitlines() if line]

    assert len(lines) <= 10


def test_the_table_of_errors_has_every_class_with_its_code_outcome_and_retryable() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, ConnectorError)]
    rows = [
        [
            f"`{one.__name__}`",
            f"`{one.code}`",
            *([f"`{one.outcome}`", "yes" if one.retryable else "no"] if issubclass(one, SendError) else ["", ""]),
        ]
        for one in classes
    ]

    assert [row[:4] for row in read_table("Error")] == rows


def test_the_table_of_errors_says_of_each_what_to_do() -> None:
    assert all(len(row) == 5 and row[4] for row in read_table("Error"))


def test_the_table_of_limits_has_every_limit_with_its_default() -> None:
    assert [row[:2] for row in read_table("Limit")] == [[f"`{one.name}`", str(one.default)] for one in fields(Limits)]


def test_the_table_of_the_connector_has_every_public_name() -> None:
    named = re.findall(r"`(\w+)(?:\(.*?\))?`", "".join(row[0] for row in read_table("Name")))
    attributes = {"metadata", "distribution", "version"}  # set when the connector is made

    assert set(named) == {name for name in vars(Connector) if not name.startswith("_")} | attributes


def test_the_table_of_stored_configs_has_every_public_name() -> None:
    named = re.findall(r"`(\w+)\(", "".join(row[0] for row in read_table("Method of `host.configs`")))

    assert sorted(named) == sorted(name for name in vars(StoredConfigs) if not name.startswith("_"))


def test_the_table_of_variables_has_those_that_the_core_reads() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "connector_core").rglob("*.py"))
    read = set(re.findall(r'= "(CONNECTOR_CORE_\w+)"', source))

    assert {row[0].strip("`") for row in read_table("Variable")} == read


def test_the_table_of_extras_has_every_extra_of_the_core() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert [row[0] for row in read_table("Extra")] == [f"`{extra}`" for extra in project["optional-dependencies"]]


def test_the_table_of_connectors_has_every_connector_of_the_repository() -> None:
    found = {(f"`{one.distribution}`", f"`{one.id}`") for one in Host.discover().values()}

    assert {(row[0], row[1]) for row in read_table("Connector")} == found


def test_the_table_of_targets_has_every_target_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    assert sorted(row[0] for row in read_table("Target")) == sorted(f"`make {target}`" for target in targets)


def list_commands() -> dict[str, click.Command]:
    """Return each command by its words, those of a group one by one."""
    return {
        f"{name} {subname}".strip(): subcommand
        for name, command in connectors.commands.items()
        for subname, subcommand in (command.commands if isinstance(command, click.Group) else {"": command}).items()
    }


def list_options(command: click.Command) -> set[str]:
    return {option for one in command.params if isinstance(one, click.Option) for option in one.opts}


def test_the_table_of_commands_has_every_command_with_every_option() -> None:
    rows = {re.match(r"`([a-z -]*[a-z])", row[0])[1]: " ".join(row) for row in read_table("Command")}  # type: ignore[index]  # fails the test

    assert set(rows) == set(list_commands())
    for name, command in list_commands().items():
        assert set(re.findall(r"--[a-z]+(?:-[a-z]+)*", rows[name])) == list_options(command) - {"--json", "--debug"}


def test_the_table_of_commands_has_the_order_in_which_they_are_used() -> None:
    words = [row[0].strip("`").split()[0] for row in read_table("Command")]

    assert list(dict.fromkeys(words)) == [
        *("list", "show", "validate", "send", "send-many", "check", "test", "usage", "templates", "sandbox"),
        *("console", "new"),
    ]


def test_every_command_takes_json_and_debug() -> None:
    for command in list_commands().values():
        assert {"--json", "--debug"} <= list_options(command)


def test_the_numbers_of_the_command_line_are_those_of_the_code() -> None:
    assert f"default the code `{TEST_CODE}`" in README
    assert f"default {USAGE_SECONDS:g}) is how long" in README
    assert f"over within {CHECK_SECONDS:g} seconds" in README
    assert f"gives up after {USAGE_SECONDS:g} seconds" in README
    assert MAX_CONFIG_BYTES == 1_000_000
    assert "at most 1 MB" in README


@pytest.mark.parametrize(
    "line", [line for b in BLOCKS if b.language == "sh" for line in b.text.splitlines() if line.startswith(".venv/")]
)
def test_a_command_line_does_what_it_says(line: str, tmp_path: Path) -> None:
    program, *arguments = shlex.split(line)

    done = run(*COMMAND_LINE, *arguments, cwd=tmp_path)

    assert program == ".venv/bin/connectors"
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("line", [line for b in BLOCKS for line in b.text.splitlines() if line.startswith("pip ")])
def test_a_line_that_installs_names_distributions_and_extras_that_exist(line: str) -> None:
    for requirement in shlex.split(line)[2:]:
        folder, extras = re.fullmatch(r"(.+?)\[(.+)\]", requirement).groups()  # type: ignore[union-attr]  # fails the test
        project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text("utf-8"))["project"]
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", README))
def test_a_link_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (ROOT / target).is_file()


def find_shape(intro: str) -> Any:
    """Return the JSON value that stands below a paragraph which begins or ends like this."""
    (text,) = (b.text for b in BLOCKS if b.language == "json" and intro in b.intro)
    return json.loads(text)


def test_list_prints_the_shape_shown(tmp_path: Path) -> None:
    write_distribution(tmp_path, "connector-broken", {"broken-mail": "no_such_module"})

    done = run(*COMMAND_LINE, "list", "--json", path=tmp_path)

    assert shape(json.loads(done.stdout)) == shape(find_shape("`connectors list --json`"))
    assert done.returncode == 0


def test_validate_prints_the_shape_and_the_issue_shown(tmp_path: Path) -> None:
    shown = find_shape("`connectors validate postmark-mail")
    config = json.loads(run(*COMMAND_LINE, "show", "postmark-mail", "--template").stdout)
    config["templates"][0]["usageTyp"] = "SignIn"
    (tmp_path / "config.json").write_text(json.dumps(config))

    done = run(*COMMAND_LINE, "validate", "postmark-mail", "--config", "config.json", "--json", cwd=tmp_path)
    printed = json.loads(done.stdout)

    assert shape(printed) == shape(shown)
    assert shown["issues"][0] in printed["issues"]
    assert done.returncode == 1


def test_send_prints_the_shape_shown() -> None:
    shown = find_shape("`connectors send postmark-mail")

    done = run(*COMMAND_LINE, "send", "postmark-mail", "--to", "a@example.com", "--sandbox", "--json")

    assert shape(json.loads(done.stdout)) == shape(shown)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Host.discover() as host, host["postmark-mail"].create_sandbox() as running:
        yield running


def write_config(folder: Path, config: dict[str, Any], alias: str = "app-sign-in") -> None:
    """Write a config whose first template nobody has created yet."""
    config["templates"][0]["templateAlias"] = alias
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def run_shown(intro: str, cwd: Path, code: int) -> Any:
    """Run the command line that stands in the paragraph before a shape; return what it prints."""
    (block,) = (b for b in BLOCKS if b.language == "json" and intro in b.intro)
    _, *arguments = shlex.split(block.intro.split("`")[1])
    done = run(*COMMAND_LINE, *arguments, cwd=cwd)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_check_prints_the_shape_and_the_finding_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    write_config(tmp_path, sandbox.config)

    printed = run_shown("`connectors check postmark-mail", tmp_path, 1)

    shown = find_shape("`connectors check postmark-mail")
    assert shape(printed) == shape(shown)
    assert (printed["works"], shown["works"]) == (False, False)
    assert shown["findings"] == [one for one in printed["findings"] if one["level"] != "ok"]


def test_test_prints_the_shapes_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    shown = find_shape("`connectors test postmark-mail")
    write_config(tmp_path, sandbox.config, "logto-sign-in")

    printed = run_shown("`connectors test postmark-mail", tmp_path, 0)
    inactive = find_shape("An error of any\ncommand has this shape")["error"]["recipients"][0]
    options = ["--config", "config.json", "--to", inactive, "--json"]
    failed = json.loads(run(*COMMAND_LINE, "test", "postmark-mail", *options, cwd=tmp_path).stdout)

    assert shape(printed) == shape(shown)
    assert shown["findings"][0] in printed["findings"]
    assert failed["messages"][0].keys() == shown["messages"][1].keys()
    assert failed["messages"][0]["error"]["code"] == shown["messages"][1]["error"]["code"]


def test_usage_prints_the_shape_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    write_config(tmp_path, sandbox.config)

    assert shape(run_shown("`connectors usage postmark-mail", tmp_path, 0)) == shape(
        find_shape("`connectors usage postmark-mail")
    )


def test_templates_print_the_shapes_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    write_config(tmp_path, sandbox.config, "logto-sign-in")
    pulled = run_shown("`connectors templates pull postmark-mail", tmp_path, 0)
    (tmp_path / "templates" / "SignIn.subject.txt").write_text("Your code\n")
    options = ["--config", "config.json", "--from", "templates", "--yes"]
    run(*COMMAND_LINE, "templates", "push", "postmark-mail", *options, cwd=tmp_path)

    pushed = run_shown("`connectors templates push postmark-mail", tmp_path, 0)

    assert pulled["templates"][0] == find_shape("`connectors templates pull postmark-mail")["templates"][0]
    assert pulled.keys() == find_shape("`connectors templates pull postmark-mail").keys()
    assert pushed["changes"][0] == find_shape("`connectors templates push postmark-mail")["changes"][0]
    assert pushed.keys() == find_shape("`connectors templates push postmark-mail").keys()


def test_the_way_from_a_config_to_mails_that_arrive_can_be_gone(sandbox: Sandbox, tmp_path: Path) -> None:
    lines = [line for b in BLOCKS if b.section == "Try a config" for line in b.text.splitlines()]
    write_config(tmp_path, sandbox.config)

    codes = {line: run(*COMMAND_LINE, *shlex.split(line)[1:], cwd=tmp_path).returncode for line in lines}

    assert [line for line, code in codes.items() if code] == ["connectors check postmark-mail --config config.json"]
    assert [message.to for message in sandbox.messages] == [("you@example.com",)]
    assert len([*(tmp_path / "mails").iterdir()]) == 3 * len(sandbox.config["templates"])


def test_an_error_has_the_shape_shown() -> None:
    shown = find_shape("An error of any\ncommand has this shape")["error"]

    done = run(*COMMAND_LINE, "send", "postmark-mail", "--to", shown["recipients"][0], "--sandbox", "--json")
    printed = json.loads(done.stdout)["error"]

    assert shape(printed) == shape(shown)
    assert {**printed, "message": "", "provider": ""} == {**shown, "message": "", "provider": ""}
    assert printed["message"].startswith(shown["message"])
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["list"]),
        (1, ["show", "no-such-mail"]),
        (2, ["lst"]),
        (2, ["list", "--jsn"]),
        (2, ["send", "postmark-mail", "--sandbox"]),
    ],
)
def test_an_exit_code_means_what_the_table_says(code: int, arguments: list[str]) -> None:
    assert run(*COMMAND_LINE, *arguments).returncode == code
    assert str(code) in {row[0] for row in read_table("Exit code")}
