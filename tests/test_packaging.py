"""The distributions: built, installed into empty environments away from the repository, and used there."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import venv
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from build import ProjectBuilder
from build.env import DefaultIsolatedEnv
from pyproject_hooks import quiet_subprocess_runner

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parent.parent
CONNECTORS = {
    f"connector_{folder.parent.name.replace('-', '_')}": folder.parent
    for folder in sorted(ROOT.glob("connectors/*/pyproject.toml"))
}
SOURCES = {"connector_core": ROOT, **CONNECTORS}
CONNECTOR_FILES = {"py.typed", "connector.json", "config.schema.json", "logo.svg", "README.md", "README.fr.md"}
PACKAGES = [*SOURCES]
Archive = dict[str, bytes]
pytestmark = pytest.mark.own_environment


def run(*command: object, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    ended = subprocess.run(  # noqa: S603  our own commands
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert not check or ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def build(environment: DefaultIsolatedEnv, source: Path, out: Path) -> None:
    """Build an sdist and a wheel from it, and a wheel straight from the tree."""

    def make(kind: Literal["sdist", "wheel"], folder: Path, into: str) -> Path:
        builder = ProjectBuilder.from_isolated_env(environment, folder, runner=quiet_subprocess_runner)
        return Path(builder.build(kind, out / into))

    make("wheel", source, "tree")
    sdist = make("sdist", source, "both")
    with tarfile.open(sdist) as archive:
        archive.extractall(out / "unpacked", filter="data")
    make("wheel", out / "unpacked" / sdist.name.removesuffix(".tar.gz"), "both")


class Environment:
    """A virtual environment of its own, and an empty folder to work in."""

    def __init__(self, folder: Path, requirements: Iterable[str]) -> None:
        venv.create(folder, with_pip=False)
        self.scripts = folder / ("Scripts" if os.name == "nt" else "bin")
        self.cwd = folder.with_name(f"{folder.name}-work")
        self.cwd.mkdir()
        pip = (sys.executable, "-m", "pip", "--python", self.scripts / "python")
        run(*pip, "install", "--quiet", *requirements)

    def python(self, code: str) -> str:
        return run(self.scripts / "python", "-I", "-W", "error", "-c", code, cwd=self.cwd).stdout

    def connectors(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run(self.scripts / "connectors", *arguments, cwd=self.cwd, check=check)


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build an sdist and a wheel from it, and a wheel straight from the tree, of each distribution."""
    out = tmp_path_factory.mktemp("dist")
    (needed,) = {frozenset(ProjectBuilder(source).build_system_requires) for source in SOURCES.values()}
    # All need the same, and nothing that isn't said, so one environment serves them all.
    with DefaultIsolatedEnv() as environment, ThreadPoolExecutor(os.cpu_count()) as pool:
        environment.install(needed)
        list(pool.map(partial(build, environment, out=out), SOURCES.values()))
    return out


@pytest.fixture(scope="session")
def wheels(dist: Path) -> dict[str, Path]:
    return {package: next((dist / "both").glob(f"{package}-*.whl")) for package in PACKAGES}


@pytest.fixture(scope="session")
def environments(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Environment]:
    folder = tmp_path_factory.mktemp("environments")
    core, *connectors = (wheels[package] for package in PACKAGES)
    extras = {"bare": "", "with-cli": "[cli]"}
    with ThreadPoolExecutor(2) as pool:
        return [
            *pool.map(
                lambda name: Environment(
                    folder / name, [f"connector-core{extras[name]} @ {core.as_uri()}", *map(str, connectors)]
                ),
                extras,
            )
        ]


@pytest.fixture
def bare(environments: list[Environment]) -> Environment:
    return environments[0]


@pytest.fixture
def with_cli(environments: list[Environment]) -> Environment:
    return environments[1]


def read_wheel(path: Path) -> Archive:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def read_sdist(path: Path) -> Archive:
    found: Archive = {}
    with tarfile.open(path) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)  # a link is followed
            if content is not None:
                found[member.name.partition("/")[2]] = content.read()
    return found


def list_files(package: str) -> set[str]:
    """Return the files of a package in the repository, following the link to the schemas."""
    found = set()
    for folder, _, names in os.walk(SOURCES[package] / package, followlinks=True):
        if not folder.endswith("__pycache__"):
            found |= {str((Path(folder) / name).relative_to(SOURCES[package])) for name in names}
    return found


@pytest.mark.parametrize("package", CONNECTORS)
def test_a_connector_has_metadata_schema_logo_and_guides_in_its_package(package: str) -> None:
    assert {f"{package}/{name}" for name in CONNECTOR_FILES} <= list_files(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_holds_the_package_its_data_and_the_licence_and_nothing_else(
    wheels: dict[str, Path], package: str
) -> None:
    archive = read_wheel(wheels[package])
    info = next(name.partition("/")[0] for name in archive if ".dist-info/" in name)
    assert archive[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    rest = {name for name in archive if not name.startswith(f"{info}/")}
    assert rest == list_files(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_data_in_a_wheel_is_that_of_the_repository(wheels: dict[str, Path], package: str) -> None:
    archive = read_wheel(wheels[package])
    for name in list_files(package):
        assert archive[name] == (SOURCES[package] / name).read_bytes()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_from_the_sdist_is_the_wheel_from_the_tree(dist: Path, wheels: dict[str, Path], package: str) -> None:
    tree = read_wheel(next((dist / "tree").glob(f"{package}-*.whl")))
    both = read_wheel(wheels[package])
    assert sorted(both) == sorted(tree)
    assert [name for name in both if both[name] != tree[name]] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_an_sdist_holds_what_a_build_needs_and_nothing_of_the_others(dist: Path, package: str) -> None:
    archive = read_sdist(next((dist / "both").glob(f"{package}-*.tar.gz")))
    wanted = list_files(package) | {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"}
    assert wanted <= set(archive)
    strays = {name for name in set(archive) - wanted if not name.startswith(("schemas/", "README", ".gitignore"))}
    assert strays == set()
    assert archive["LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_nothing_that_is_published_names_a_folder_of_this_machine(dist: Path) -> None:
    for wheel in dist.glob("*/*.whl"):
        assert [name for name, content in read_wheel(wheel).items() if str(ROOT).encode() in content] == []


def test_the_metadata_names_licence_python_and_extras(wheels: dict[str, Path]) -> None:
    core, *connectors = (
        next(content.decode() for name, content in read_wheel(wheels[package]).items() if name.endswith("/METADATA"))
        for package in PACKAGES
    )
    for text in (core, *connectors):
        assert "License-Expression: MIT\n" in text
        assert "Requires-Python: >=3.11\n" in text
    assert re.findall(r"Provides-Extra: (\w+)\n", core) == [
        "celery",
        "cli",
        "console",
        "new",
        "rate",
        "redis",
        "sandbox",
        "sql",
        "store",
        "telemetry",
        "testing",
    ]
    for text in connectors:
        assert "Provides-Extra: sandbox\n" in text
        assert "Requires-Dist: connector-core>=0.1\n" in text


def test_the_command_line_lists_every_installed_connector(with_cli: Environment) -> None:
    listed = json.loads(with_cli.connectors("list", "--json").stdout)
    assert listed["failures"] == []
    distributions = {connector["distribution"] for connector in listed["connectors"]}
    assert distributions == {package.replace("_", "-") for package in CONNECTORS}


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_the_command_line_shows_the_guides_that_were_installed(with_cli: Environment, locale: str) -> None:
    name = {"en": "README.md", "fr": "README.fr.md"}[locale]
    shown = with_cli.connectors("show", "postmark-mail", "--guide", "--locale", locale).stdout
    assert shown.strip() == (SOURCES["connector_postmark"] / name).read_text("utf-8").strip()


def test_without_the_extra_cli_the_command_says_what_to_install(bare: Environment) -> None:
    ended = bare.connectors("list", check=False)
    assert ended.returncode == 1
    assert ended.stderr.strip() == 'The command line needs Click: pip install "connector-core[cli]"'
    assert ended.stdout == ""


def test_without_the_extra_sandbox_each_sandbox_says_what_to_install(bare: Environment) -> None:
    printed = bare.python(
        "from connector_core import *\n"
        "for connector in Host.discover().values():\n"
        "    try:\n"
        "        with connector.create_sandbox(): pass\n"
        "    except ConnectorError as error: print(error)\n"
    )
    wanted = [f'pip install "{package.replace("_", "-")}[sandbox]"' for package in CONNECTORS]
    assert sorted(re.findall(r"pip install .*", printed)) == sorted(wanted)


def test_without_the_extra_sandbox_the_command_line_says_what_to_install(with_cli: Environment) -> None:
    ended = with_cli.connectors("sandbox", "postmark-mail", check=False)
    assert ended.returncode == 1
    assert 'pip install "connector-postmark[sandbox]"' in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_installed_connector_sends_and_tells_of_a_provider_that_refuses_connections(bare: Environment) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # bound and not listening: whoever connects is refused
        printed = bare.python(
            "import json\n"
            "from connector_core import *\n"
            "connector = Host.discover()['postmark-mail']\n"
            "config = {**connector.template_config(), 'serverToken': 'token', 'fromEmail': 'a@example.com',\n"
            f"          'apiUrl': 'http://127.0.0.1:{unheard.getsockname()[1]}'}}\n"
            "try: connector.send_message(config, Message('b@example.com', 'SignIn', {'code': '1'}))\n"
            "except SendError as error: print(json.dumps(error.to_json()))\n"
        )
    error = json.loads(printed)
    assert (error["code"], error["outcome"], error["retryable"]) == ("provider_unavailable", "not_sent", True)


def test_an_installed_connector_validates_without_the_repository(bare: Environment) -> None:
    printed = bare.python(
        "import connector_core, connector_postmark\n"
        "print(connector_core.__file__, connector_postmark.__file__)\n"
        "from connector_core import Host\n"
        "print(len(Host.discover()['postmark-mail'].validate_config({})))\n"
    )
    files, count = printed.splitlines()
    assert str(ROOT) not in files
    assert count == "3"
