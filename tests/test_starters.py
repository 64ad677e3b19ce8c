"""The starter templates: complete in each language, in words that fit, and understood by every renderer."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox.rendering import parse, suggest_model
from hypothesis import given
from hypothesis import strategies as st
from readme_page import COMMAND_LINE, ROOT, read_blocks, run
from starter_page import find_coloured_texts, read_page

import connector_core
from connector_core import (
    STARTER_LOCALES,
    USAGE_TYPES,
    Host,
    Message,
    Template,
    main_variable,
    render_content,
    sample_payload,
    starter_templates,
)
from connector_core.rendering import derive_text

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTERS = starter_templates()
CODES = [one for one in STARTERS if main_variable(one.usage_type) == "code"]
INVITATIONS = [one for one in STARTERS if main_variable(one.usage_type) == "link"]
GUARDING = {"ForgotPassword", "UserPermissionValidation", "MfaVerification", "BindMfa"}
"""Usage types whose code keeps out whoever holds the phone, so that a locked screen must not show it."""

LONGEST_PREVIEW = 120
"""Columns of a mail that a notification shows beside its subject; a Chinese or Korean letter takes two."""

LANGUAGE_FOLDER = Path(connector_core.__file__).parent / "starters"
PAGE = (ROOT / "docs" / "starter-templates.md").read_text("utf-8")
BLOCKS = list(read_blocks(PAGE))


def name(template: Template) -> str:
    return f"{template.locale}-{template.usage_type}"


every_starter = pytest.mark.parametrize("starter", STARTERS, ids=name)
every_code = pytest.mark.parametrize("starter", CODES, ids=name)
every_invitation = pytest.mark.parametrize("starter", INVITATIONS, ids=name)
every_language = pytest.mark.parametrize("locale", STARTER_LOCALES)


def find_placeholders(text: str) -> list[str]:
    """Return what stands between double braces, and any other run of braces as it is."""
    return [re.sub(r"^\{\{(\w+)\}\}$", r"\1", found) for found in re.findall(r"\{{2,}.*?\}{2,}|\{{2,}", text)]


def squeeze(text: str) -> str:
    return " ".join(text.split())


def read_words(locale: str) -> dict[str, dict[str, Any]]:
    words: dict[str, dict[str, Any]] = json.loads((LANGUAGE_FOLDER / f"{locale}.json").read_text("utf-8"))
    return words


# What there is


def test_each_language_has_a_template_for_each_usage_type_and_the_languages_come_in_the_order_given() -> None:
    wanted = ["fr", "ko", "en"]

    made = [(one.locale, one.usage_type) for one in starter_templates(wanted)]

    assert made == [(locale, usage_type) for locale in wanted for usage_type in USAGE_TYPES]


def test_without_languages_all_there_are_come_english_first() -> None:
    assert list(dict.fromkeys(one.locale for one in STARTERS)) == list(STARTER_LOCALES)
    assert STARTER_LOCALES[0] == "en"


def test_the_languages_are_those_that_have_a_file() -> None:
    assert {file.stem for file in LANGUAGE_FOLDER.glob("*.json")} == set(STARTER_LOCALES)


def test_no_language_gives_no_templates() -> None:
    assert starter_templates([]) == []


@pytest.mark.parametrize("locale", ["xx", "EN", "fr-CA", "", "../en"])
def test_an_unknown_language_is_an_error_that_names_those_there_are(locale: str) -> None:
    with pytest.raises(ValueError, match="There are no starter templates in ") as caught:
        starter_templates(["en", locale])

    assert repr(locale) in str(caught.value)
    assert str(caught.value).endswith(f"choose among {', '.join(STARTER_LOCALES)}.")


@every_language
def test_a_language_has_words_for_everything_and_none_too_many(locale: str) -> None:
    words, english = read_words(locale), read_words("en")

    assert list(words["templates"]) == list(USAGE_TYPES)
    assert set(words["shared"]) == set(english["shared"])
    assert {frozenset(one) for one in words["templates"].values()} == {frozenset(english["templates"]["SignIn"])}
    assert all(
        word and word == word.strip() and "\n" not in word
        for one in [words["shared"], *words["templates"].values()]
        for word in one.values()
    )


@pytest.mark.parametrize("usage_type", USAGE_TYPES)
def test_no_two_languages_say_the_same(usage_type: str) -> None:
    own = [one for one in STARTERS if one.usage_type == usage_type]

    for part in ("subject", "html", "text"):
        assert len({getattr(one, part) for one in own}) == len(STARTER_LOCALES)


@every_language
def test_no_two_usage_types_say_the_same(locale: str) -> None:
    own = starter_templates([locale])

    for part in ("subject", "html", "text"):
        assert len({getattr(one, part) for one in own}) == len(USAGE_TYPES)


# Placeholders


@every_starter
def test_the_main_variable_is_the_only_placeholder_and_stands_in_html_and_text(starter: Template) -> None:
    main = main_variable(starter.usage_type)

    assert set(find_placeholders(starter.html)) == {main}
    assert find_placeholders(starter.text) == [main]
    assert set(find_placeholders(starter.subject)) <= {"code"}
    assert "$" not in starter.subject + starter.html + starter.text


@every_starter
def test_the_template_language_of_postmark_takes_it(starter: Template) -> None:
    parts = [parse(part) for part in (starter.subject, starter.html, starter.text)]

    assert [list(part.issues) for part in parts] == [[], [], []]
    assert list(suggest_model(*parts)) == [main_variable(starter.usage_type)]


@every_code
def test_html_and_text_show_the_code_once_and_unbroken(starter: Template) -> None:
    content = render_content({"code": "483920"}, subject=starter.subject, html=starter.html, text=starter.text)

    assert [one.text for one in find_coloured_texts(read_page(content.html), "light")].count("483920") == 1
    assert content.html.count("483920") == content.text.count("483920") == 1
    assert "{{" not in content.subject + content.html + content.text


@given(code=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))
def test_html_and_text_show_the_same_code_whatever_it_is(code: str) -> None:
    content = render_content({"code": code}, subject=CODES[0].subject, html=CODES[0].html, text=CODES[0].text)

    assert code in [one.text for one in find_coloured_texts(read_page(content.html), "light")]
    assert code in content.text.split("\n")


@every_invitation
def test_a_link_with_signs_of_markup_leads_where_it_should_and_is_there_to_copy(starter: Template) -> None:
    link = "https://example.com/join?token=a&b=\"c\"&d='<e>'"

    content = render_content({"link": link}, subject=starter.subject, html=starter.html, text=starter.text)
    page = read_page(content.html)

    assert [one.get("href") for one in page.iter("a")] == [link, link]
    assert [one.text for one in page.iter("a")][1:] == [link]
    assert link in content.text.split("\n")


# Words


@every_code
def test_the_subject_shows_the_code_but_where_a_locked_screen_must_not(starter: Template) -> None:
    assert ("{{code}}" in starter.subject) == (starter.usage_type not in GUARDING)


@every_code
def test_what_a_notification_shows_of_a_mail_ends_before_a_code_that_must_not_be_seen(starter: Template) -> None:
    body = re.sub(r"<head>.*</head>", "", starter.html, flags=re.DOTALL)
    before = squeeze(derive_text(body)).partition("{{code}}")[0]
    columns = sum(1 + (unicodedata.east_asian_width(letter) in "FW") for letter in before)

    assert columns >= LONGEST_PREVIEW or starter.usage_type not in GUARDING


@every_starter
def test_a_subject_is_short_enough_to_be_seen_whole(starter: Template) -> None:
    assert len(render_content(sample_payload(starter.usage_type), subject=starter.subject, text="-").subject) <= 60


@every_code
def test_the_plain_text_says_what_a_reader_of_the_html_sees(starter: Template) -> None:
    seen = [one.text for one in find_coloured_texts(read_page(starter.html), "light")]

    assert [line for line in starter.text.splitlines() if line] == seen


@every_invitation
def test_the_plain_text_of_an_invitation_says_what_the_html_says_but_for_its_button(starter: Template) -> None:
    seen = [one.text for one in find_coloured_texts(read_page(starter.html), "light")]
    shared = read_words(str(starter.locale))["shared"]

    assert [line for line in starter.text.splitlines() if line] == [
        text for text in seen if text not in {shared["button"], shared["address"]}
    ]


@every_starter
def test_the_plain_text_ends_with_a_line_end_and_has_no_trailing_blanks(starter: Template) -> None:
    assert starter.text == "\n".join(line.rstrip(" ") for line in starter.text.split("\n"))
    assert starter.text.endswith("\n")
    assert not starter.text.endswith("\n\n")


# Where the words come from


def run_python(program: str, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-W", "error", "-c", program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    ).stdout


def test_importing_the_package_loads_no_starters() -> None:
    assert run_python("import connector_core, sys; print('connector_core.starters' in sys.modules)") == "False\n"


def test_they_are_read_from_a_zip_file_too(tmp_path: Path) -> None:
    package = LANGUAGE_FOLDER.parent
    with zipfile.ZipFile(tmp_path / "core.zip", "w") as archive:
        for file in [*package.glob("*.py"), *LANGUAGE_FOLDER.glob("*.*")]:
            archive.write(file, file.relative_to(package.parent))
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import connector_core\n"
        "print('core.zip' in connector_core.__file__, len(connector_core.starter_templates()))"
    )

    assert run_python(program, str(tmp_path / "core.zip")) == f"True {len(STARTERS)}\n"


# The page about them


def read_rows(first_heading: str) -> list[list[str]]:
    (table,) = re.findall(rf"^\| {first_heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip(" `") for cell in row.strip("|").split(" |")] for row in table.splitlines()]


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as host:
        yield host


def test_the_page_shows_the_subject_and_the_variable_of_each() -> None:
    assert read_rows("Usage type") == [
        [one.usage_type, one.subject, f"{{{{{main_variable(one.usage_type)}}}}}"] for one in starter_templates(["en"])
    ]


def test_the_page_names_the_languages() -> None:
    assert re.findall(r"\(`([\w-]+)`\)", PAGE) == list(STARTER_LOCALES)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", PAGE))
def test_a_link_of_the_page_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (ROOT / "docs" / target).is_file()


@pytest.mark.parametrize("line", [line for b in BLOCKS if b.language == "sh" for line in b.text.splitlines()])
def test_a_command_line_of_the_page_does_what_it_says(line: str, host: Host, tmp_path: Path) -> None:
    with host["postmark-mail"].create_sandbox() as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config))
        program, *arguments = shlex.split(line)
        done = run(*COMMAND_LINE, *arguments, cwd=tmp_path)

    assert program == "connectors"
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def print_entries(row: list[str]) -> list[dict[str, Any]]:
    """Run the program of the page with the keys of a row of its table in the place of those that it writes."""
    (program,) = (block.text for block in BLOCKS if block.language == "python")
    (written,) = (one for one in read_rows("Connector") if one[0] == "SMTP")
    lines = program.splitlines(keepends=True)
    for old, new in zip(written[2:], row[2:], strict=True):
        lines = [
            line.replace(f'"{old}":', f'"{new}":')
            for line in lines
            if new != "none" or not line.strip().startswith(f'"{old}":')
        ]
    entries: list[dict[str, Any]] = json.loads(run_python("".join(lines)))
    return entries


@pytest.mark.parametrize("row", read_rows("Connector"), ids=lambda row: row[0])
@pytest.mark.parametrize("locale", ["fr-CA", "de"])
def test_the_entries_that_the_program_of_the_page_prints_serve_a_connector(
    row: list[str], locale: str, host: Host
) -> None:
    (connector,) = (one for one in host.values() if one.name().startswith(row[0]))
    entries: Any = print_entries(row)
    if row[1] == "deliveries":
        grouped: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            grouped.setdefault(entry.pop("usageType"), []).append(entry)
        entries = grouped
    with connector.create_sandbox() as sandbox:
        config = {**sandbox.config, row[1]: entries}
        assert connector.validate_config(config) == []
        connector.send_message(config, Message("a@example.com", "SignIn", {"code": "483920", "locale": locale}))
        (sent,) = sandbox.messages

    assert sent.subject == (
        "483920 est votre code de connexion" if locale == "fr-CA" else "483920 is your sign-in code"
    )
