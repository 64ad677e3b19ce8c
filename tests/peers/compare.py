"""What `make bench-peers` prints: this project beside other clients, on one machine, against the same local server.

Usage: python tests/peers/compare.py [--rounds N] [--write]. With --write, docs/benchmarks.md and its picture are made
anew.
Each client has a process of its own; in each round all of them take their turn, the order rotating.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "benchmarks.md"
PICTURE = PAGE.with_suffix(".png")
LINE_WIDTH = 120
START, END = "<!-- figures -->\n", "<!-- end of the figures -->\n"

OURS, BARE = "connector-core", "bare requests"
PYTHON_CLIENTS = {
    OURS: "connector-core",
    BARE: "requests",
    "postmarker": "postmarker",
    "postmark-python": "postmark-python",
    "postmark-python async": "postmark-python",
    "django-anymail": "django-anymail",
}
NPM_CLIENT = "postmark (npm)"

SINGLES, BATCH = 300, 10_000
WAITS = (0, 20)
"""Milliseconds that the server waits before an answer: none shows what a client itself costs, the other a provider."""


class Figure(NamedTuple):
    """What was measured of one client: milliseconds for a message, by the round."""

    client: str
    way: str
    wait: int
    times: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.times)


@dataclass
class Client:
    """A client in a process of its own, which sends so many messages in one of its ways when it is told to."""

    name: str
    process: subprocess.Popen[str]
    ways: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ways = self._read().split("\t")

    def send(self, way: str, count: int) -> float:
        """Return the milliseconds for a message."""
        assert self.process.stdin
        print(way, count, file=self.process.stdin, flush=True)
        return float(self._read()) / count * 1000

    def _read(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline().strip()
        if not line:
            raise SystemExit(f"{self.name} failed")
        return line


def start(stack: ExitStack, *command: str) -> subprocess.Popen[str]:
    """Start a program that ends with the stack."""
    process = subprocess.Popen(  # noqa: S603  our own commands
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=FOLDER
    )
    stack.callback(process.wait, 20)
    stack.callback(process.stdin.close)  # type: ignore[union-attr]  # a pipe
    return process


def start_clients(stack: ExitStack, url: str) -> Iterator[Client]:
    """Yield every client, ready to send."""
    for name in PYTHON_CLIENTS:
        yield Client(name, start(stack, sys.executable, "clients.py", name, url))
    yield Client(NPM_CLIENT, start(stack, find_node(), "client.mjs", url))


def find_node() -> str:
    """Return the path of node, with the client that package.json names installed."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise SystemExit("The npm client needs node and npm: install them first.")
    if not (FOLDER / "node_modules" / "postmark").exists():
        install = [npm, "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(install, cwd=FOLDER, check=True)  # noqa: S603  fixed words
    return node


def measure(rounds: int, wait: int) -> list[Figure]:
    """Return the figures of all clients against a server that waits so long before each answer."""
    times: dict[tuple[str, str], list[float]] = {}
    with ExitStack() as stack:
        server = start(stack, sys.executable, "server.py", str(wait))
        assert server.stdout
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        clients = [*start_clients(stack, url)]
        jobs = [(one, way) for one in clients for way in one.ways if not wait or way.startswith("batch")]
        for client, way in jobs:  # what is imported and compiled at first
            client.send(way, 20 if way.startswith("single") else 1000)
        for number in range(rounds):
            turn = number % len(jobs)
            for client, way in jobs[turn:] + jobs[:turn]:
                count = SINGLES if way.startswith("single") else BATCH
                times.setdefault((client.name, way), []).append(client.send(way, count))
            print(f"round {number + 1} of {rounds}, {wait} ms", file=sys.stderr)
    return [Figure(client, way, wait, tuple(found)) for (client, way), found in times.items()]


def write_table(figures: list[Figure], unit: str, rates: bool) -> str:  # noqa: FBT001  one of two kinds
    """Return figures as a Markdown table, the fastest first."""
    ours = next(one.median for one in figures if one.client == OURS)
    rows = [f"| Client | {unit} | From | To | Beside connector-core |", "| --- | --- | --- | --- | --- |"]
    for one in sorted(figures, key=lambda figure: figure.median):
        low, high = min(one.times), max(one.times)
        shown = [1000 / one.median, 1000 / high, 1000 / low] if rates else [one.median, low, high]
        texts = [f"{value:,.0f}" if rates else f"{value:.3f}" for value in shown]
        name = one.client if one.way in {"single", "batch"} else f"{one.client}, {one.way.removeprefix('batch, ')}"
        share = f"{ours / one.median:.2f}x the rate" if rates else f"{one.median / ours:.2f}x the time"
        rows.append(f"| {name} | {texts[0]} | {texts[1]} | {texts[2]} | {share} |")
    return "\n".join(rows)


def write_figures(figures: list[Figure], rounds: int) -> str:
    """Return the figures as the part of the page that is made anew."""
    parts = [describe_machine(rounds)]
    singles = [one for one in figures if one.way.startswith("single")]
    parts += ["### One message after the other", write_table(singles, "Milliseconds a message", rates=False)]
    for wait in WAITS:
        title = f"### {BATCH:,} messages, {'answered at once' if not wait else f'each answer after {wait} ms'}"
        batches = [one for one in figures if one.way.startswith("batch") and one.wait == wait]
        parts += [title, write_table(batches, "Messages a second", rates=True)]
    return "\n\n".join(parts) + "\n"


def describe_machine(rounds: int) -> str:
    """Return what was compared, where, and how often."""
    versions = ", ".join(f"{name} {version(name)}" for name in dict.fromkeys(PYTHON_CLIENTS.values()))
    node = subprocess.run([find_node(), "--version"], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603  fixed words
    npm = json.loads((FOLDER / "node_modules" / "postmark" / "package.json").read_text("utf-8"))["version"]
    with_what = f"Measured with {versions} and postmark {npm} (npm)"
    python = f"Python {platform.python_version()}, Node.js {node.removeprefix('v')}"
    where = f"{python}, {platform.system()}, {os.cpu_count()} cores"
    return fill(f"{with_what}; {where}; median of {rounds} rounds, with the best and the worst.", LINE_WIDTH)


def draw(figures: list[Figure]) -> None:
    """Draw the medians as bars, with the best and the worst round, into the picture of the page."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    groups = [
        ("One message, milliseconds", [one for one in figures if one.way.startswith("single")], False),
        *(
            (f"{BATCH:,} messages, a second" + (f"\n(answers after {wait} ms)" if wait else "\n(answered at once)"),
             [one for one in figures if one.way.startswith("batch") and one.wait == wait], True)
            for wait in WAITS
        ),
    ]  # fmt: skip
    figure, axes = plt.subplots(1, len(groups), figsize=(15, 4.2), layout="constrained")
    for axis, (title, some, rates) in zip(axes, groups, strict=True):
        ordered = sorted(some, key=lambda one: one.median, reverse=True)
        names = [one.client if one.way in {"single", "batch"} else f"{one.client},\n{one.way}" for one in ordered]
        values = [[1000 / time if rates else time for time in one.times] for one in ordered]
        middles = [statistics.median(found) for found in values]
        spread = [
            [middle - min(found) for middle, found in zip(middles, values, strict=True)],
            [max(found) - middle for middle, found in zip(middles, values, strict=True)],
        ]
        colors = ["#0b6e4f" if one.client == OURS else "#8d99ae" for one in ordered]
        axis.barh(names, middles, xerr=spread, color=colors, ecolor="#2b2d42", capsize=2)
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.08)
    figure.savefig(PICTURE, dpi=110, metadata={"Software": None})


def main() -> None:
    """Measure, print the figures, and write them into the docs where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    figures = [one for wait in WAITS for one in measure(options.rounds, wait)]
    text = write_figures(figures, options.rounds)
    print(text)
    if options.write:
        before, rest = PAGE.read_text("utf-8").split(START)
        PAGE.write_text(before + START + "\n" + text + "\n" + END + rest.split(END)[1], "utf-8")
        draw(figures)


if __name__ == "__main__":
    main()
