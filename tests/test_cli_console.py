"""The command that serves the console: what it allows where, and where it can't listen."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from command_line import start
from console_site import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = "/connectors/postmark-mail"


@contextmanager
def visit(store: Path, *options: str) -> Iterator[Visitor]:
    """Serve a console as a process of its own, and sign in."""
    process = start("console", "--port", "0", "--store", str(store), "--json", *options)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        token = process.stderr.readline().removeprefix("Token to sign in: ").strip()
        port = json.loads(process.stdout.readline())["url"].rstrip("/").rpartition(":")[2]
        visitor = Visitor(f"http://127.0.0.1:{port}")
        assert visitor.sign_in(token).status_code == 303
        yield visitor
        visitor.close()
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize(
    ("options", "is_local"),
    [
        ((), True),
        (("--host-name", "localhost"), True),
        (("--host-name", "mail.example.com"), False),
        (("--bind", "0.0.0.0"), False),  # noqa: S104  the case
    ],
)
def test_this_machine_is_within_reach_of_a_console_for_this_machine_alone(
    options: tuple[str, ...], tmp_path: Path, *, is_local: bool
) -> None:
    with visit(tmp_path / "configs.json", *options) as visitor:
        shown = visitor.get(PAGE).text
        refused = visitor.send_form(PAGE, **{"/apiUrl": "http://127.0.0.1:9/", "action": "save"}).text

    assert ("Use a sandbox" in shown) is is_local
    assert ("Environment variable" in shown) is is_local
    assert ("leads to an address that is not public" in refused) is not is_local


def test_it_answers_to_the_names_that_it_was_given_and_on_loopback_to_its_own(tmp_path: Path) -> None:
    with visit(tmp_path / "configs.json", "--host-name", "Mail.example.com") as visitor:
        names = ("mail.example.com", "localhost", "evil.example")
        statuses = [visitor.get("/", headers={"Host": name}).status_code for name in names]

    assert statuses == [303, 303, 403]


def test_an_address_that_is_not_of_this_machine_is_told(tmp_path: Path) -> None:
    process = start("console", "--bind", "192.0.2.1", "--port", "0", "--store", str(tmp_path / "configs.json"))

    _, said = process.communicate()

    assert process.returncode == 1
    assert "The address 192.0.2.1 can't be used (" in said
    assert said.endswith("choose another with --bind.\n")
