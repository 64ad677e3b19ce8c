"""What the tests of the core share: a clean environment, and distributions on disk."""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fakes import FakeConnector

GROUP = "connector_core.connectors"
ROOT = Path(__file__).parent.parent
INSTALLED = sorted(json.loads(file.read_text("utf-8"))["id"] for file in ROOT.glob("connectors/*/*/connector.json"))
"""The ids of the connectors of this repository, which every environment of the tests has."""

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is set on the machine that runs the tests out of them."""
    for name in [*os.environ]:
        if name.startswith("CONNECTOR_CORE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a distribution by hand: its dist-info and its modules, in a folder of its own on sys.path."""

    def write(
        distribution: str,
        entries: dict[str, str],
        modules: dict[str, str] | None = None,
        *,
        version: str = "1.0",
        group: str = GROUP,
    ) -> Path:
        site = tmp_path / f"site-{next(_numbers)}"
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
        for name, source in (modules or {}).items():
            (site / f"{name}.py").write_text(source)
            monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(site)
        return site

    return write


@pytest.fixture
def make_host(install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Host]]:
    """Make a host of exactly the given connectors, each found by entry point in a distribution of its own."""
    hosts: list[Host] = []

    def make(*connectors: FakeConnector, plugins: Iterable[object] = (), **options: Any) -> Host:
        group = f"tests.connectors_{next(_numbers)}"
        for connector in connectors:
            module = ModuleType(f"fake_connector_{next(_numbers)}")
            vars(module)["plugin"] = connector
            monkeypatch.setitem(sys.modules, module.__name__, module)
            name = connector.metadata.id
            install(f"dist-{name}", {name: f"{module.__name__}:plugin"}, group=group)
        host = Host.discover(plugins=plugins, group=group, **options)
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        host.close()
