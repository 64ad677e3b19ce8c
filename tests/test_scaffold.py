"""`connectors new` writes a whole distribution that works as it is."""

from __future__ import annotations

import json
import re
import shlex
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from new_connector import LONGEST, Run, run

from connector_core import Host, Message
from connector_core.scaffold import Names, write_distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
NAMES = ["x", "acme-mail", "a1-b2-c3", "mail", "class", "test", "email", LONGEST]
FILES = {
    ".github/workflows/test.yml",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.fr.md",
    "README.md",
    "connector_acme_mail/README.fr.md",
    "connector_acme_mail/README.md",
    "connector_acme_mail/__init__.py",
    "connector_acme_mail/config.schema.json",
    "connector_acme_mail/connector.json",
    "connector_acme_mail/logo.svg",
    "connector_acme_mail/plugin.py",
    "connector_acme_mail/py.typed",
    "connector_acme_mail/sandbox.py",
    "pyproject.toml",
    "tests/test_acme_mail_conformance.py",
    "tests/test_acme_mail_send.py",
}


def connectors_new(*arguments: str, cwd: Path) -> Run:
    return run(Path(sysconfig.get_path("scripts")) / "connectors", "new", *arguments, cwd=cwd)


def read_files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


every_name = pytest.mark.parametrize("name", NAMES)


# What is written


def test_the_distribution_has_the_files_of_every_connector(tmp_path: Path) -> None:
    folder = write_distribution(Names("acme-mail"), tmp_path)
    assert folder == tmp_path / "connector-acme-mail"
    assert set(read_files(folder)) == FILES
    assert list(tmp_path.iterdir()) == [folder]


@every_name
def test_a_file_has_no_sign_of_its_template_left_and_ends_with_one_line_break(name: str, tmp_path: Path) -> None:
    files = read_files(write_distribution(Names(name), tmp_path))
    signs = re.compile(r"\[\[|\[%|%\]|\[#|#\]|PACKAGE|NAME\b|jinja")
    assert [path for path, text in files.items() if signs.search(path + text)] == []
    assert [path for path, text in files.items() if text and not re.search(r"\S\n\Z", text)] == []
    assert [path for path, text in files.items() if not text] == [f"{Names(name).package}/py.typed"]


@every_name
def test_the_python_files_compile_and_the_data_files_parse(name: str, tmp_path: Path) -> None:
    files = read_files(write_distribution(Names(name), tmp_path))
    read: dict[str, Callable[[str], object]] = {
        "py": lambda text: compile(text, "new.py", "exec"),
        "json": json.loads,
        "toml": tomllib.loads,
    }
    parsed = [read[kind](text) for path, text in files.items() if (kind := path.rpartition(".")[2]) in read]
    assert len(parsed) == 8


@every_name
def test_the_names_of_the_parts_follow_from_the_name(name: str, tmp_path: Path) -> None:
    folder = write_distribution(Names(name), tmp_path)
    package = f"connector_{name.replace('-', '_')}"
    assert folder.name == f"connector-{name}"
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["name"] == f"connector-{name}"
    assert project["project"]["entry-points"] == {"connector_core.connectors": {name: f"{package}.plugin"}}
    assert json.loads((folder / package / "connector.json").read_text())["id"] == name


def test_the_sandbox_is_named_after_the_connector(tmp_path: Path) -> None:
    folder = write_distribution(Names("a1-b2-mail"), tmp_path)
    assert "class A1B2MailSandbox(HttpSandbox):" in (folder / "connector_a1_b2_mail/sandbox.py").read_text()


def test_the_three_places_to_fill_in_are_marked(tmp_path: Path) -> None:
    folder = write_distribution(Names("acme-mail"), tmp_path) / "connector_acme_mail"
    marks = {path: re.findall(r"# (Fill in .*?)\.", text) for path, text in read_files(folder).items()}
    assert {path: found for path, found in marks.items() if found} == {
        "plugin.py": ["Fill in 1 of 3: the request", "Fill in 2 of 3: the answers"],
        "sandbox.py": ["Fill in 3 of 3: the sandbox"],
    }


def test_the_package_holds_the_guides_as_links(tmp_path: Path) -> None:
    folder = write_distribution(Names("acme-mail"), tmp_path)
    for guide in ("README.md", "README.fr.md"):
        assert (folder / "connector_acme_mail" / guide).readlink() == Path("..") / guide


def test_where_there_are_no_links_the_package_holds_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = write_distribution(Names("acme-mail"), tmp_path)
    for guide in ("README.md", "README.fr.md"):
        copied = folder / "connector_acme_mail" / guide
        assert not copied.is_symlink()
        assert copied.read_bytes() == (folder / guide).read_bytes()


@pytest.fixture
def _forget_modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("connector_") and not name.startswith("connector_core"):
            del sys.modules[name]


@every_name
@pytest.mark.usefixtures("_forget_modules")
def test_a_new_connector_is_found_sends_to_its_sandbox_and_checks_its_config_there(
    name: str, tmp_path: Path, install: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_distribution(Names(name), tmp_path)
    group = f"tests.scaffold_{name}"
    install(folder.name, {name: f"{Names(name).package}.plugin"}, group=group)
    monkeypatch.syspath_prepend(folder)
    with Host.discover(group=group) as host:
        assert (list(host), host.failures) == ([name], ())
        with host[name].create_sandbox() as sandbox:
            host[name].send_message(sandbox.config, Message("a@example.com", "SignIn", {"code": "483920"}))
            assert [message.text for message in sandbox.messages] == ["Your code to sign in is 483920."]
            (found,) = host[name].check_connection(sandbox.config)
            assert (found.level, found.code) == ("ok", "credentials_accepted")


# The command


def test_the_folder_goes_to_stdout_and_the_next_steps_to_stderr(tmp_path: Path) -> None:
    into = tmp_path / "my work"
    done = connectors_new("acme-mail", "--into", str(into), cwd=tmp_path)
    folder = into / "connector-acme-mail"
    assert (done.code, done.stdout) == (0, f"{folder}\n")
    assert f"  cd {shlex.quote(str(folder))}\n" in done.stderr
    assert "-m venv .venv\n" in done.stderr
    assert f'-m pip install "connector-core @ {ROOT.as_uri()}" --editable ".[test]"\n' in done.stderr
    assert "-m pytest\n" in done.stderr
    assert re.findall(r"(\S+) +(Fill in \d of 3: .*)", done.stderr) == [
        ("connector_acme_mail/plugin.py", "Fill in 1 of 3: the request"),
        ("connector_acme_mail/plugin.py", "Fill in 2 of 3: the answers"),
        ("connector_acme_mail/sandbox.py", "Fill in 3 of 3: the sandbox"),
    ]


def test_the_result_as_json_names_the_parts(tmp_path: Path) -> None:
    done = connectors_new("acme-mail", "--json", cwd=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "path": str(tmp_path / "connector-acme-mail"),
        "id": "acme-mail",
        "distribution": "connector-acme-mail",
        "package": "connector_acme_mail",
    }
    assert (tmp_path / "connector-acme-mail/pyproject.toml").is_file()


def test_an_error_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    done = connectors_new("Acme", cwd=tmp_path)
    assert done.code == 1
    assert done.error.startswith("Error: 'Acme' can't be the name of a connector: use lower-case letters")


def test_an_error_as_json_has_the_shape_of_every_other(tmp_path: Path) -> None:
    done = connectors_new("acme_mail", "--json", cwd=tmp_path)
    assert (done.code, done.stderr) == (1, "")
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "general"
    assert "acme-mail" in error["message"]


def test_a_missing_name_is_wrong_use(tmp_path: Path) -> None:
    done = connectors_new(cwd=tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert "Missing argument 'NAME'" in done.stderr


# All of it, in an environment of its own


class Environment:
    """A virtual environment, and a folder to work in."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", with_pip=False)  # pip is slow to install
        self.scripts = folder / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
        self.cwd = folder

    def install(self, requirement: str) -> None:
        pip = (sys.executable, "-m", "pip", "--python", self.scripts / "python")
        done = run(*pip, "install", "--quiet", requirement, cwd=self.cwd)
        assert done.code == 0, done.stdout + done.stderr

    def run(self, script: str, *arguments: str | Path) -> Run:
        done = run(self.scripts / script, *arguments, cwd=self.cwd)
        assert done.code == 0, done.stdout + done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run("connectors", *arguments, "--json").stdout)


@pytest.mark.own_environment
@pytest.mark.timeout(400)
def test_a_new_connector_installs_passes_its_own_checks_and_sends(tmp_path: Path) -> None:
    environment = Environment(tmp_path)
    environment.install(f"connector-core[new] @ {ROOT.as_uri()}")
    for name in NAMES:
        environment.json("new", name)
    folder = tmp_path / "connector-acme-mail"
    environment.install(f"{folder}[test,lint]")

    (listed,) = environment.json("list")["connectors"]
    assert (listed["id"], listed["distribution"]) == ("acme-mail", "connector-acme-mail")
    sent = environment.run("connectors", "send", "acme-mail", "--to", "a@example.com", "--sandbox")
    assert sent.stdout.startswith("Sent as ")
    assert "Your code is 000000." in sent.stderr
    assert environment.json("list")["failures"] == []

    # Each folder has settings of its own.
    environment.run("ruff", "check", "--no-cache", *(f"connector-{name}" for name in NAMES))
    environment.run("ruff", "format", "--check", "--no-cache", *(f"connector-{name}" for name in NAMES))

    environment.cwd = folder
    environment.run("mypy")
    closing = environment.run("pytest", "-p", "no:cacheprovider").stdout.splitlines()[-1]
    assert re.fullmatch(r"=+ \d+ passed in .* =+", closing)
