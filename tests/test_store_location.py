"""Where a store is, said in an argument or by the environment, and what each way needs to be installed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from stores import KEYS, save

import connector_core.store
from connector_core import StoreError
from connector_core.store import FileStore, SqlStore, open_store

if TYPE_CHECKING:
    from pathlib import Path


def test_a_path_is_a_file_and_a_url_is_a_database(tmp_path: Path) -> None:
    assert isinstance(open_store(tmp_path / "configs.json"), FileStore)
    assert isinstance(open_store(f"{tmp_path}/configs.json"), FileStore)
    assert isinstance(open_store(f"sqlite:///{tmp_path}/configs.db"), SqlStore)


def test_the_environment_says_where_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_CORE_STORE", str(tmp_path / "configs.json"))

    saved = save(open_store())

    assert FileStore(tmp_path / "configs.json").list() == [saved]


def test_a_mistyped_url_is_no_file_and_its_password_is_not_shown() -> None:
    with pytest.raises(StoreError, match="That is no URL of a database") as caught:
        open_store("postgres//ada:made-up-password@db.example.com/app")

    assert "made-up-password" not in str(caught.value)


@pytest.mark.parametrize("location", [None, ""])
def test_without_a_location_the_error_says_how_to_give_one(location: str | None) -> None:
    with pytest.raises(StoreError, match="name a file or a database, or set CONNECTOR_CORE_STORE"):
        open_store(location)


def test_the_environment_has_the_keys_newest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "configs.json"
    save(FileStore(path, keys=[KEYS[1]]))
    monkeypatch.setenv("CONNECTOR_CORE_STORE_KEYS", f" {KEYS[0]}, {KEYS[1]} ,")

    open_store(path).rotate()

    assert len(FileStore(path, keys=[KEYS[0]]).list()) == 1
    assert len(open_store(path).list()) == 1


def test_keys_that_are_given_take_the_place_of_those_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTOR_CORE_STORE_KEYS", KEYS[0])
    path = tmp_path / "configs.json"

    save(open_store(path, keys=[]))

    assert "$sealed" not in path.read_text()


@pytest.mark.parametrize(
    ("module", "location", "keys", "says"),
    [
        ("filelock", "configs.json", [], 'pip install "connector-core[store]"'),
        ("cryptography", "configs.json", KEYS[:1], 'pip install "connector-core[store]"'),
        ("sqlalchemy", "sqlite:///configs.db", [], 'pip install "connector-core[sql]"'),
        ("psycopg", "postgresql://127.0.0.1/x", [], 'pip install "psycopg[binary]"'),
    ],
)
def test_what_is_not_installed_is_told(tmp_path: Path, module: str, location: str, keys: list[str], says: str) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from connector_core.store import open_store\n"
        f"store = open_store({location!r}, keys={keys})\n"
        'store.save("a", {}, type="Email", secrets=(), author="a", revision="", activate=False)'
    )

    done = subprocess.run(  # noqa: S603  our own
        [sys.executable, "-c", program], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert "StoreError" in done.stderr
    assert says in done.stderr


def test_a_host_without_a_store_loads_nothing_of_one() -> None:
    program = (
        "import sys, connector_core.store\n"
        "from connector_core import Host\n"
        "Host.discover()\n"
        "from connector_core.store import Store, StoredConfig\n"
        'print([name for name in ("cryptography", "sqlalchemy", "filelock") if name in sys.modules])'
    )

    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)  # noqa: S603  our own

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", connector_core.store.__all__)
def test_each_name_of_the_package_can_be_imported(name: str) -> None:
    connector_core.store.__dict__.pop(name, None)  # what an earlier test imported

    assert getattr(connector_core.store, name) is vars(connector_core.store)[name]
    assert name in dir(connector_core.store)


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Stor'"):
        connector_core.store.Stor  # noqa: B018  the access is the test
