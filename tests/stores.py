"""Stores of each kind for the tests, every one empty and the test's own."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from postgresql import find_programs, find_running_server, start_server

from connector_core import StoreConflict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from connector_core.store import SealedStore, StoredConfig

KINDS = ["file", "sqlite", "postgresql"]
KEYS = [
    base64.urlsafe_b64encode(hashlib.sha256(f"made-up key {number}".encode()).digest()).decode() for number in range(3)
]
"""Fernet keys that nobody uses."""

CONFIG: dict[str, Any] = {
    "token": "made-up-token-5f2c9a",
    "key": {"$env": "MADE_UP_KEY"},
    "sender": "noreply@example.com",
    "templates": [{"usageType": "SignIn", "password": "made-up-word-77b1"}],
}
SECRETS: list[tuple[str | int, ...]] = [("token",), ("templates", 0, "password")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def list_paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    members: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for step, member in members for found in list_paths(member, (*path, step)))]


class Place:
    """Where a store of some kind is; opened again, it is as another process would open it."""

    def __init__(self, kind: str, location: str) -> None:
        self.kind = kind
        self.location = location
        self._opened: list[SealedStore] = []

    def open(self, keys: Sequence[str] = ()) -> SealedStore:
        from connector_core.store import open_store

        store = open_store(self.location, keys=keys)
        self._opened.append(store)
        return store

    def close(self) -> None:
        for store in self._opened:
            store.close()

    def read_all(self) -> str:
        """Return everything that is kept, as it is kept."""
        if self.kind == "file":
            return Path(self.location).read_text("ascii")
        configs, changes = (
            self.run("SELECT * FROM connector_configs"),
            self.run("SELECT * FROM connector_config_changes"),
        )
        return json.dumps([[str(value) for value in row] for row in [*configs, *changes]])

    def run(self, statement: str) -> list[Sequence[Any]]:
        """Run a statement in the database, past the store."""
        from sqlalchemy import NullPool, create_engine, text

        with create_engine(self.location, poolclass=NullPool).begin() as connection:
            result = connection.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []


def save(  # noqa: PLR0913  each of them is stored
    store: SealedStore,
    connector_id: str = "alpha-mail",
    config: Mapping[str, Any] = CONFIG,
    *,
    secrets: Collection[tuple[str | int, ...]] = SECRETS,
    revision: str = "",
    activate: bool = False,
    author: str = "ada",
    kind: str = "Email",
) -> StoredConfig:
    return store.save(
        connector_id, config, type=kind, secrets=secrets, author=author, revision=revision, activate=activate
    )


def count_up(store: SealedStore, author: str, times: int) -> None:
    """Save a config so many times, each time with a higher number, as somebody who tries again after a conflict."""
    done = 0
    while done < times:
        stored = store.get("alpha-mail")
        count, revision = (stored.config["count"], stored.revision) if stored else (0, "")
        with suppress(StoreConflict):
            save(store, config={"count": count + 1}, secrets=(), revision=revision, author=author)
            done += 1


def start_program(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a program of ours in a new interpreter."""
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603  our own


def finish(process: subprocess.Popen[str]) -> str:
    """Return what a program printed; it must have ended well."""
    printed, _ = process.communicate(timeout=100)
    assert process.returncode == 0, printed
    return printed


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Give the URL of a server on which the tests may make schemas."""
    with ExitStack() as stack:
        url = find_running_server()
        programs = find_programs()
        if url is None and programs is not None:
            url = stack.enter_context(start_server(programs))
        if url is None:
            pytest.skip("PostgreSQL is not installed")
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Give the URL of a schema that is the test's own."""
    from sqlalchemy import NullPool, create_engine, text

    schema = f"test_{uuid.uuid4().hex}"
    engine = create_engine(postgresql_server, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    yield f"{postgresql_server}?options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Give a place for a store of each kind."""
    locations = {"file": str(tmp_path / "configs.json"), "sqlite": f"sqlite:///{tmp_path}/configs.db"}
    location = locations.get(request.param) or request.getfixturevalue("postgresql_url")
    found = Place(request.param, location)
    yield found
    found.close()


@pytest.fixture
def store(place: Place) -> SealedStore:
    """Give a store of each kind, without keys."""
    return place.open()
