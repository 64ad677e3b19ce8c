"""The page for connector developers is true: its commands run, its code makes a connector that passes the kit."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import sysconfig
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from installed import INSTALLED
from readme_page import COMMAND_LINE, ROOT, Block, read_blocks
from support_table import DEVELOPER_PAGE, DOCS, replace_check_rows

import connector_core
from connector_core import Response, SendError, errors, hookspecs, make_refusal
from connector_core.schema import DIALECT, EMAIL, public_schema
from connector_core.testing import ConnectorTests, HttpConnectorTests, wire_behaviours
from connector_core.testing.http_checks import HttpChecks
from connector_core.testing.subject import SubjectChecks

PAGE = (DOCS / DEVELOPER_PAGE).read_text("utf-8")
LONGEST_COMMANDS = 120.0
"""Seconds for the commands of one block; the longest takes 15."""


BLOCKS = list(read_blocks(PAGE))


# The page, from top to bottom


class Reader:
    """Somebody who follows the page in a new folder, on a machine that has everything which pip would fetch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start: list[str] = []
        here = folder / "machine"
        here.mkdir()
        packages = sysconfig.get_path("purelib")
        (here / "sitecustomize.py").write_text(f"import site\nsite.addsitedir({packages!r})\n")
        command = here / "connectors"  # pip finds the core installed, and writes no command
        command.write_text(f'#!/bin/sh\nexec python -c "{COMMAND_LINE[-1]}" "$@"\n')
        command.chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(here), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONPATH": str(here),
            "CONNECTOR_CORE_BLOCK": ",".join(INSTALLED),
            "NO_PROXY": "127.0.0.1",
            "PIP_NO_COMPILE": "1",  # most of what is installed is never imported
        }

    def run(self, commands: str) -> tuple[int, str]:
        """Run commands where those before have left off: in the same folder and virtual environment."""
        done = subprocess.run(  # noqa: S603  the page's own commands
            ["/bin/sh", "-e", "-c", "\n".join([*self.start, commands])],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LONGEST_COMMANDS,
        )
        self.start += [line for line in commands.splitlines() if line.startswith(("cd ", ". "))]
        return done.returncode, done.stdout

    def change(self, block: Block) -> None:
        """Change the file that stands before a block."""
        named = re.search(r"`([\w./]+\.(?:json|md|py))`(?:,\s+above\s+(the\s+row\s+of\s+)?`(\w+)`)?", block.intro)
        assert named is not None, f"No file is named before:\n{block.text}"
        file = self.folder / "connector-acme-mail" / named[1]
        text = file.read_text("utf-8")
        if named[3]:
            changed = put_above(text, block.text, f"| `{named[3]}` " if named[2] else f'"{named[3]}":')
        else:
            changed = put_in(text, block.text)
        file.write_text(changed, "utf-8")


def put_above(text: str, added: str, start: str) -> str:
    """Put lines above the only one that starts like this."""
    line = re.compile(rf"^(?= *{re.escape(start)})", re.MULTILINE)
    assert len(line.findall(text)) == 1
    return line.sub(lambda _: added, text)


def put_in(text: str, added: str) -> str:
    """Put each definition in the place of that with the same name, and what is new beside it, imports first."""
    new = ast.parse(added)
    imports = [source_of(added, node) for node in new.body if isinstance(node, ast.Import | ast.ImportFrom)]
    future = "from __future__ import annotations\n"
    assert future in text
    text = text.replace(future, "\n".join([future, *imports, ""]), 1)
    last = ""
    for node in new.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.If):
            text = put_below(text, source_of(added, node))
            continue
        name = name_of(node)
        assert name is not None
        text = put_one(text, source_of(added, node), name, node, after=last)
        last = name
    return text


def put_below(text: str, source: str) -> str:
    """Put lines below the condition that stands before them."""
    condition, _, lines = source.partition("\n")
    assert text.count(f"\n{condition}\n") == 1
    return text.replace(f"\n{condition}\n", f"\n{condition}\n{lines}\n")


def put_one(text: str, source: str, name: str, node: ast.stmt, *, after: str) -> str:
    there = find_named(ast.parse(text).body, name)
    if isinstance(there, ast.ClassDef) and isinstance(node, ast.ClassDef):
        for member in node.body:
            wanted = name_of(member)
            klass = find_named(ast.parse(text).body, name)
            assert isinstance(klass, ast.ClassDef)
            old = find_named(klass.body, wanted)
            new = source_of(source, member, of=node)
            if old is None and isinstance(member, ast.FunctionDef):
                old = klass.body[-1]
                new = f"{source_of(text, old)}\n\n{new}"
            assert old is not None, f"{name} has no {wanted}"
            text = replace_lines(text, old, new)
        return text
    if there is not None:
        return replace_lines(text, there, source)
    neighbour = find_named(ast.parse(text).body, after) or ast.parse(text).body[-1]
    lines = text.splitlines(keepends=True)
    if isinstance(node, ast.FunctionDef) and not after:  # before the first class or function, which may use it
        neighbour = next(n for n in ast.parse(text).body if isinstance(n, ast.ClassDef | ast.FunctionDef))
        lines.insert(first_line(neighbour) - 1, f"{source}\n\n\n")
    else:
        lines.insert(neighbour.end_lineno or 0, f"\n\n{source}\n")
    return "".join(lines)


def name_of(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return next((target.id for target in targets if isinstance(target, ast.Name)), None)


def find_named(nodes: list[ast.stmt], name: str | None) -> ast.stmt | None:
    return next((node for node in nodes if name and name_of(node) == name), None)


def first_line(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    return min([node.lineno, *(one.lineno for one in decorators)])


def source_of(text: str, node: ast.stmt, *, of: ast.stmt | None = None) -> str:
    offset = 0 if of is None else first_line(of) - 1
    return "\n".join(text.splitlines()[first_line(node) - 1 - offset : (node.end_lineno or 0) - offset])


def replace_lines(text: str, node: ast.stmt, source: str) -> str:
    lines = text.splitlines(keepends=True)
    lines[first_line(node) - 1 : node.end_lineno] = [f"{source}\n"]
    return "".join(lines)


def fits(printed: str, shown: str) -> bool:
    """Return whether what was printed holds what the page shows, in which `...` stands for anything."""
    pieces = [re.escape(piece) for piece in re.split(r"\.\.\.\n?", shown.rstrip("\n"))]
    return re.search(".*?".join(pieces), printed, re.DOTALL) is not None


@pytest.mark.timeout(400)
@pytest.mark.own_code
def test_who_follows_the_page_has_a_connector_that_passes_every_check(tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block, following in zip(BLOCKS, [*BLOCKS[1:], None], strict=True):
        if block.language == "sh":
            code, printed = reader.run(block.text)
            shown = following.text if following and following.language == "text" else ""
            assert fits(printed, shown), f"Other than the page shows:\n{block.text}\n{printed}"
            assert code == ("Error: " in shown), f"{block.text}\n{printed}"
        elif block.language != "text":
            reader.change(block)


def test_every_block_is_of_a_language_that_is_run_or_compared() -> None:
    languages = {block.language for block in BLOCKS}

    assert languages == {"sh", "text", "python", "json", "markdown"}
    assert all(one.language == "sh" for one, two in pairwise(BLOCKS) if two.language == "text")


@pytest.mark.parametrize(
    ("printed", "shown", "is_there"),
    [
        ("a\nb\nc\n", "a\n...\nc\n", True),
        ("a\nb\nc\n", "b\n", True),
        ("a\nb\n", "b\n...\na\n", False),
        ("= 9 passed in 1 s =\n", "... passed in ...\n", True),
        ("= 1 failed in 1 s =\n", "... passed in ...\n", False),
    ],
)
def test_three_dots_stand_for_anything(printed: str, shown: str, *, is_there: bool) -> None:
    assert fits(printed, shown) is is_there


def test_a_block_replaces_what_has_the_same_name_and_adds_the_rest() -> None:
    text = (
        '"""Doc."""\n\nfrom __future__ import annotations\n\nA = 1\n"""Says."""\n\n\n@hook\ndef f():\n    pass\n\n\n'
        "class C:\n    x = 1\n\n    def g(self):\n        pass\n"
    )

    changed = put_in(
        text,
        "import os\n\nA = 2\n\n\ndef f():\n    return 1\n\n\ndef h():\n    pass\n\n\n"
        "class C:\n    x = 2\n\n    def i(self):\n        return 1\n",
    )

    assert changed == (
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport os\n\nA = 2\n"""Says."""\n\n\n'
        "def f():\n    return 1\n\n\ndef h():\n    pass\n\n\nclass C:\n    x = 2\n\n    def g(self):\n        pass\n\n"
        "    def i(self):\n        return 1\n"
    )


def test_an_import_for_types_goes_below_the_others() -> None:
    text = "from __future__ import annotations\n\nif TYPE_CHECKING:\n    import os\n\nA = 1\n"

    changed = put_in(text, "if TYPE_CHECKING:\n    import re\n\nA = 2\n")

    assert changed == (
        "from __future__ import annotations\n\n\nif TYPE_CHECKING:\n    import re\n    import os\n\nA = 2\n"
    )


# Its tables


def read_table(first_heading: str) -> list[list[str]]:
    """Return the rows of the one table whose first column has this heading."""
    (rows,) = re.findall(rf"^\| {first_heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def read_section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_the_table_of_hooks_has_every_hook_with_its_arguments() -> None:
    specs = [one for one in vars(hookspecs).values() if hasattr(one, "connector_core_spec")]
    written = [f"`{one.__name__}({', '.join(inspect.signature(one).parameters)})`" for one in specs]

    assert [row[0] for row in read_table("Hook")] == written


def test_the_table_of_checks_is_that_of_the_kit() -> None:
    assert replace_check_rows(PAGE) == PAGE, "Run: make docs"


def test_the_last_check_of_what_is_not_http_is_named() -> None:
    (last,) = re.findall(r"has those up to `(\w+)`", PAGE)
    names = [row[0].strip("`") for row in read_table("Check")]

    assert [name for name in names if not hasattr(ConnectorTests, name)] == names[names.index(last) + 1 :]


def test_everything_that_a_class_of_the_kit_may_name_is_told() -> None:
    declared = [*SubjectChecks.__annotations__, *HttpChecks.__annotations__]
    named = [name for name in declared if not name.startswith("_")]

    assert [name for name in named if f"`{name}" not in read_section("The conformance kit")] == []
    assert all(hasattr(HttpConnectorTests, name) or name in PAGE for name in named)


def test_the_table_of_errors_has_every_error_of_a_send_with_its_outcome() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, SendError)]
    rows = {row[0]: row[3] for row in read_table("Error")}

    assert rows == {f"`{one.__name__}`": f"`{one.outcome}`" for one in classes}


def test_a_status_alone_makes_the_error_of_its_row() -> None:
    for name, _, statuses, outcome in read_table("Error"):
        for status in re.findall(r"\d+", statuses):
            error = make_refusal(Response(int(status), {}, b""), "Acme")
            assert (f"`{type(error).__name__}`", f"`{error.outcome}`") == (name, outcome)


def test_the_formats_and_words_of_the_dialect_and_the_shared_definitions_are_told() -> None:
    told = read_section("The config schema")
    words: Any = public_schema(DIALECT)["$defs"]["schema"]["properties"]
    definitions: Any = public_schema(EMAIL)["$defs"]

    wanted = [*words["format"]["enum"], *(word for word in words if word.startswith("x-")), *definitions]
    assert [name for name in wanted if f"`{name}`" not in told] == []


def test_what_the_page_names_of_the_core_is_there() -> None:
    called = set(re.findall(r"`(\w+)\(", PAGE)) - {row[0].strip("`").partition("(")[0] for row in read_table("Hook")}
    public = {*connector_core.__all__, *vars(wire_behaviours), "Refusal"}

    assert called - public == {"make"}  # what the reader gives to config.keep
    assert {"hang_up", "reset", "stay_silent"} <= vars(wire_behaviours).keys()


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)]+)\)", PAGE))
def test_a_link_leads_to_a_file_of_the_repository(target: str) -> None:
    assert (DOCS / target).is_file()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:connector_core|schemas|connectors)/[\w./-]+)`", PAGE))))
def test_a_path_of_the_repository_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_blocks_for_json_files_are_members_of_an_object() -> None:
    members = [json.loads(f"{{{one.text.rstrip().rstrip(',')}}}") for one in BLOCKS if one.language == "json"]

    assert [list(one) for one in members] == [["replyTo"], ["messageOptions", "messageLimits"]]
