"""The guide is the same in both languages, its tables are those of the code, and its examples work."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from connector_sendgrid.options import MOST_METADATA_BYTES
from connector_sendgrid.sandbox import REFUSED_RECIPIENT, SENDER, SendGridSandbox
from guide_page import YES_OR_NO, read_blocks, read_code, read_headings, read_tables

from connector_core import USAGE_TYPES, Connector, Host, InvalidConfig, Message, SendError, TemplateNotFound
from connector_core.payloads import TEST_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
ENGLISH, FRENCH = GUIDES.values()
WITHOUT_ID = {"en": "without `templateId`", "fr": "sans `templateId`"}
COLON = {"en": ":", "fr": " :"}  # a French colon stands apart
COMMAND_LINE = [sys.executable, "-c", "from connector_core.cli import main; main()"]
KEY = "SG.made-up-key-4Xq.9-_7Zt"

FROM_THE_CORE = (
    "account_restricted",
    "general",
    "no_answer",
    "not_reached",
    "not_understood",
    "provider_unavailable",
    "rate_limit_exceeded",
    "timed_out",
    "usage_limit_exceeded",
)
"""Findings that the core makes of a request that failed, and of a check that takes too long."""

every_language = pytest.mark.parametrize("language", GUIDES)


JSON_BLOCKS = [json.loads(block) for block in read_blocks(ENGLISH, "json")]
OBJECTS = [block for block in JSON_BLOCKS if isinstance(block, dict)]
LOCALIZED, DYNAMIC = (block for block in JSON_BLOCKS if isinstance(block, list))
(WHOLE_CONFIG,) = (block for block in OBJECTS if "templates" in block)
LINES = [line for block in read_blocks(ENGLISH, "sh") for line in block.splitlines()]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", KEY)
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")


@pytest.fixture(scope="module")
def sendgrid() -> Connector:
    return Host.discover()["sendgrid-email-service"]


@pytest.fixture(scope="module")
def schema(sendgrid: Connector) -> dict[str, Any]:
    return sendgrid.config_schema


def gather(schema: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    """Return the words of a setting, those of the shared definition that it refers to included."""
    if "$ref" not in declared:
        return declared
    urn, _, pointer = declared["$ref"].partition("#/$defs/")
    return {**schema["$defs"][urn]["$defs"][pointer], **declared}


# The tables


@every_language
def test_the_usage_types_say_which_are_required(language: str, schema: dict[str, Any]) -> None:
    shared = schema["$defs"]["urn:connector-core:email"]["$defs"]["templates"]
    required = {condition["contains"]["properties"]["usageType"]["const"] for condition in shared["allOf"]}
    table = read_tables(GUIDES[language])[0]
    assert [row[:2] for row in table] == [[f"`{name}`", YES_OR_NO[language][name in required]] for name in USAGE_TYPES]


@every_language
def test_the_settings_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    rows = []
    for key, declared in schema["properties"].items():
        words = gather(schema, declared)
        kind = words["type"] + (", secret" if words.get("writeOnly") else "")
        default = f"`{json.dumps(words['default'])}`".replace('"', "") if "default" in words else ""
        rows.append([f"`{key}`", kind, YES_OR_NO[language][key in schema["required"]], default])
    table = read_tables(GUIDES[language])[2]
    assert [row[:4] for row in table] == rows
    assert all(len(row) == 5 and row[4] for row in table)


@every_language
def test_the_keys_of_an_entry_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    entry = schema["properties"]["templates"]["items"]
    without_id = entry["allOf"][0]["else"]["required"]
    rows = []
    for key, declared in entry["properties"].items():
        words = gather(schema, declared)
        kind = words.get("type", "string")
        if "enum" in words:
            kind += f"{COLON[language]} " + ", ".join(f"`{value}`" for value in words["enum"])
        required = WITHOUT_ID[language] if key in without_id else YES_OR_NO[language][key in entry["required"]]
        rows.append([f"`{key}`", kind, required])
    table = read_tables(GUIDES[language])[3]
    assert [row[:3] for row in table] == rows
    assert set(USAGE_TYPES) <= set(read_code(table[0][3]))


@every_language
def test_the_limits_in_the_settings_are_those_of_the_schema(language: str, schema: dict[str, Any]) -> None:
    meaning = {row[0].strip("`"): row[4] for row in read_tables(GUIDES[language])[2]}
    settings = schema["properties"]
    categories = settings["categories"]
    limits = [str(categories["maxItems"]), str(categories["items"]["maxLength"])]
    assert re.findall(r"\d+", meaning["fromName"]) == [str(settings["fromName"]["maxLength"])]
    assert re.findall(r"\d+", meaning["categories"]) == limits


@every_language
def test_the_table_of_errors_has_every_error_of_a_send_with_its_outcome(language: str) -> None:
    kinds: list[type[SendError]] = [SendError, *SendError.__subclasses__()]
    outcomes = {kind.code: kind.outcome for kind in kinds if kind.__module__ == SendError.__module__}
    table = read_tables(GUIDES[language])[5]
    assert {row[0]: row[1] for row in table} == {
        f"`{code}`": f"`{outcome}`" for code, outcome in {**outcomes, InvalidConfig.code: "not_sent"}.items()
    }
    assert all(len(row) == 5 and row[3] and row[4] for row in table)


@every_language
def test_the_options_and_their_limits_are_those_of_the_metadata(language: str, sendgrid: Connector) -> None:
    table = read_tables(GUIDES[language])[4]
    named = [option for row in table for option in read_code(row[0])]
    limits = sendgrid.metadata.message_limits
    numbers = {limits[name] for name in ("recipients", "tags", "tagLength")} | {MOST_METADATA_BYTES}
    declared = ["reply_to" if one == "replyTo" else one for one in sendgrid.metadata.message_options]
    assert named == [one for one in declared if one != "inlineAttachments"]
    assert {int(re.sub(r"\D", "", one)) for row in table for one in re.findall(r"\d+(?:[, ]\d+)?", row[2])} == numbers
    assert limits["messageBytes"] == 30 * 1024**2


@every_language
def test_the_findings_are_those_that_a_live_check_may_have(language: str) -> None:
    files = ("live_check.py", "senders.py")
    source = "".join((FOLDER / "connector_sendgrid" / file).read_text("utf-8") for file in files)
    own = {code: level for level, code in re.findall(r'Finding\(\s*"(\w+)", "(\w+)"', source) if level != "ok"}
    table = {row[0].strip("`"): row[1].strip("`") for row in read_tables(GUIDES[language])[6]}
    assert own.items() <= table.items()
    assert {code: table[code] for code in set(table) - set(own)} == dict.fromkeys(FROM_THE_CORE, "error")
    assert all(len(row) == 4 and row[2] and row[3] for row in read_tables(GUIDES[language])[6])


@every_language
def test_the_statuses_that_have_an_error_of_their_own_are_in_the_table(language: str) -> None:
    table = read_tables(GUIDES[language])[5]
    assert ["`general`", "451"] in [[row[0], row[2]] for row in table]
    assert "408, 500, 502, 504" in [row[2] for row in table if row[0] == "`delivery_unknown`"]


@every_language
def test_how_long_the_mails_of_a_suspended_account_wait_is_what_sendgrid_says(language: str) -> None:
    """Source: SendGrid support, "Account Under Review": queued for up to 72 hours, expiring after that time."""
    assert re.search(r"\b72\b", GUIDES[language])


@every_language
def test_a_link_goes_to_a_known_place_over_https_or_to_a_heading_of_the_page(language: str) -> None:
    guide = GUIDES[language]
    anchors = {"#" + re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for _, text in read_headings(guide)}
    targets = set(re.findall(r"\]\(([^)]+)\)", guide))
    assert targets - anchors == {"https://sendgrid.com", "https://www.rfc-editor.org/rfc/rfc4647#section-3.4"}
    assert re.findall(r"http://\w\S*", guide) == []


@every_language
def test_what_the_guide_says_of_the_sandbox_is_so(language: str) -> None:
    assert f"`{REFUSED_RECIPIENT}`" in GUIDES[language]
    assert f"`{TEST_CODE}`" in GUIDES[language]
    assert SENDER.endswith("@example.com")


# The examples


@pytest.mark.parametrize("block", JSON_BLOCKS, ids=range(len(JSON_BLOCKS)))
def test_each_json_block_makes_a_valid_config(block: Any, sendgrid: Connector, tmp_path: Path) -> None:
    config = {**WHOLE_CONFIG, **({"templates": block} if isinstance(block, list) else block)}
    if "$file" in config["apiKey"]:
        file = tmp_path / Path(config["apiKey"]["$file"]).name
        file.write_text(f"{KEY}\n")
        config["apiKey"] = {"$file": str(file)}
    assert sendgrid.validate_config(config) == []
    assert sendgrid.configure(config).config["apiKey"].reveal() == KEY


def test_the_example_of_optional_settings_has_all_but_the_address(schema: dict[str, Any]) -> None:
    assert set(schema["properties"]) - set(schema["required"]) - {"apiUrl"} in [set(block) for block in OBJECTS]


@pytest.mark.parametrize(
    ("usage_type", "locale", "subject"),
    [("SignIn", "de-CH", "Ihr Code"), ("SignIn", "fr", "Your code"), ("BindMfa", "de-AT", "Ihr Code")],
)
def test_a_locale_chooses_the_entry_as_the_guide_says(
    usage_type: str, locale: str, subject: str, sendgrid: Connector
) -> None:
    with SendGridSandbox({**WHOLE_CONFIG, "apiKey": KEY, "templates": LOCALIZED}) as sandbox:
        sendgrid.send_message(sandbox.config, Message("you@example.com", usage_type, {"code": "1", "locale": locale}))
        assert sandbox.messages[0].subject == subject


def test_an_example_of_a_dynamic_template_sends_the_payload(sendgrid: Connector) -> None:
    with SendGridSandbox({**WHOLE_CONFIG, "apiKey": KEY, "templates": DYNAMIC}) as sandbox:
        sendgrid.send_message(sandbox.config, Message("you@example.com", "SignIn", {"code": "1"}))
        assert sandbox.messages[0].payload == {"code": "1"}


def test_without_any_fitting_entry_there_is_no_template(sendgrid: Connector) -> None:
    entries = [{**entry, "locale": "de"} for entry in WHOLE_CONFIG["templates"]]
    with SendGridSandbox({**WHOLE_CONFIG, "apiKey": KEY, "templates": entries}) as sandbox:
        with pytest.raises(TemplateNotFound):
            sendgrid.send_message(sandbox.config, Message("you@example.com", "SignIn", {"locale": "fr"}))
        assert sandbox.messages == []


# The command lines


@pytest.fixture
def running(tmp_path: Path) -> Iterator[SendGridSandbox]:
    """Serve a sandbox that knows the guide's config, which is in config.json."""
    with SendGridSandbox({**WHOLE_CONFIG, "apiKey": KEY}) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps({**WHOLE_CONFIG, "apiUrl": sandbox.url}))
        yield sandbox


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = shlex.split(line)
    assert program == "connectors"
    return subprocess.run(  # noqa: S603  our own command line
        [*COMMAND_LINE, *arguments], check=False, capture_output=True, text=True, timeout=60, cwd=folder
    )


def lines_of(start: str, *, sandbox: bool = False) -> list[str]:
    return [line for line in LINES if line.startswith(start) and ("--sandbox" in line) == sandbox]


def test_the_guide_has_the_command_lines_that_the_tests_below_run() -> None:
    known = [
        *lines_of("pip install"),
        *lines_of("connectors list"),
        *lines_of("connectors validate"),
        *lines_of("connectors check"),
        *lines_of("connectors usage"),
        *lines_of("connectors show"),
        *lines_of("connectors send "),
        *lines_of("connectors send ", sandbox=True),
        "connectors sandbox sendgrid-email-service",
    ]
    assert sorted(known) == sorted(LINES)


@pytest.mark.parametrize("line", [*lines_of("connectors validate"), *lines_of("connectors list")])
def test_a_line_that_checks_does_so(line: str, running: SendGridSandbox, tmp_path: Path) -> None:
    done = run(line, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "valid" in done.stdout or "sendgrid-email-service" in done.stdout
    assert running.messages == []


def test_the_line_that_asks_sendgrid_finds_nothing_wrong_and_sends_nothing(
    running: SendGridSandbox, tmp_path: Path
) -> None:
    (line,) = lines_of("connectors check")
    done = run(f"{line} --json", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {one["level"] for one in json.loads(done.stdout)["findings"]} == {"ok"}
    assert running.messages == []


def test_the_line_that_asks_for_the_usage_counts_what_was_sent(
    running: SendGridSandbox, sendgrid: Connector, tmp_path: Path
) -> None:
    (line,) = lines_of("connectors usage")
    sendgrid.send_message(running.config, Message("you@example.com", "SignIn", {"code": "1"}))
    done = run(f"{line} --json", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["messages"] == 1


@pytest.mark.parametrize("line", lines_of("connectors send "))
def test_a_line_that_sends_through_the_config_does_so(line: str, running: SendGridSandbox, tmp_path: Path) -> None:
    done = run(line, tmp_path)
    assert done.returncode == 0, done.stderr
    (message,) = running.messages
    payload = json.loads(found[1]) if (found := re.search(r"--payload '(.+)'", line)) else {"code": TEST_CODE}
    assert message.to == ("you@example.com",)
    assert payload["code"] in message.text
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("line", lines_of("connectors send ", sandbox=True))
def test_a_line_that_sends_to_the_sandbox_shows_the_mail(line: str, running: SendGridSandbox, tmp_path: Path) -> None:
    done = run(line, tmp_path)
    assert done.returncode == 0, done.stderr
    assert TEST_CODE in done.stdout + done.stderr
    assert running.messages == []  # it went to a sandbox of its own


def test_the_lines_that_show_something_show_it(tmp_path: Path, schema: dict[str, Any]) -> None:
    make_config, show_guide = lines_of("connectors show")
    config = json.loads(run(make_config.removesuffix(" > config.json"), tmp_path).stdout)
    assert config["templates"] == schema["properties"]["templates"]["examples"][0]
    assert run(show_guide, tmp_path).stdout.strip() == FRENCH.strip()


def test_the_line_that_installs_names_extras_that_exist() -> None:
    (line,) = lines_of("pip install")
    for wanted in shlex.split(line)[2:]:
        name, _, extra = wanted.rstrip("]").partition("[")
        assert extra in (metadata(name).get_all("Provides-Extra") or [])
