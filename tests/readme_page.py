"""Pages as the tests read them: blocks, the tables of the README, and the command line that it speaks of."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMAND_LINE = [sys.executable, "-c", "from connector_core.cli import main; main()"]


class Block(NamedTuple):
    """A fenced block: where it stands, the paragraph before it, its language and its text."""

    section: str
    intro: str
    language: str
    text: str


def read_blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page; a section is what stands below any heading but the page's own."""
    section = ""
    before = 0
    for found in re.finditer(r"^##+ ([^\n]+)$|^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        if found[1]:
            section = found[1]
        else:
            paragraph = page[before : found.start()].strip().rpartition("\n\n")[2]
            yield Block(section, paragraph, found[2], found[3])
        before = found.end()


BLOCKS = list(read_blocks(README))
PROGRAMS = {
    section: "".join(b.text for b in BLOCKS if b.section == section and b.language == "python")
    for section in dict.fromkeys(b.section for b in BLOCKS if b.language == "python")
}


def read_table(first_heading: str) -> list[list[str]]:
    """Return the rows of the one table whose first column has this heading."""
    tables = re.findall(rf"^\| {first_heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert len(tables) == 1
    return [[cell.strip() for cell in row.strip("|").split(" |")] for row in tables[0].splitlines()]


def run(*command: str, cwd: Path | None = None, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(path or "")}
    return subprocess.run(  # noqa: S603  our own command line
        command, check=False, capture_output=True, text=True, timeout=60, cwd=cwd, env=env
    )


def write_distribution(folder: Path, name: str, entry_points: dict[str, str]) -> None:
    """Write what an installer writes, so that the entry points are found where the folder is on the path."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = "".join(f"{key} = {value}\n" for key, value in entry_points.items())
    (info / "entry_points.txt").write_text(f"[connector_core.connectors]\n{lines}")
