"""The store in a database: its tables, its address, and what it refuses."""

from __future__ import annotations

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable
from stores import CONFIG, Place, count_up, save

from connector_core import StoreError
from connector_core.store import SqlStore, open_store
from connector_core.store.sql_tables import CHANGES, CONFIGS

if TYPE_CHECKING:
    from sqlalchemy.schema import ExecutableDDLElement

DATABASES = pytest.mark.parametrize("place", ["sqlite", "postgresql"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("place", ["postgresql"], indirect=True)
PAGE = (Path(__file__).parent.parent / "docs" / "stores.md").read_text("utf-8")


def squeeze(statement: ExecutableDDLElement | str) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    written = statement if isinstance(statement, str) else str(statement.compile(dialect=dialect))
    return re.sub(r"\s+", " ", written).replace("( ", "(").replace(" )", ")").strip().removesuffix(";")


def test_the_page_shows_the_tables_that_are_made() -> None:
    (block,) = re.findall(r"^```sql\n(CREATE.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    shown = [squeeze(statement) for statement in block.split(";\n\n")]

    (index,) = CONFIGS.indexes
    assert shown == [squeeze(CreateTable(CONFIGS)), squeeze(CreateIndex(index)), squeeze(CreateTable(CHANGES))]


@POSTGRESQL
def test_tables_that_were_made_as_the_page_shows_are_used(place: Place) -> None:
    (block,) = re.findall(r"^```sql\n(CREATE.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    place.run(block)

    saved = save(place.open(), activate=True)

    assert place.run("SELECT connector_id, revision FROM connector_configs") == [("alpha-mail", saved.revision)]


@DATABASES
def test_the_database_itself_refuses_a_second_active_config_of_a_type(place: Place) -> None:
    save(place.open(), "alpha-mail", activate=True)
    save(place.open(), "beta-mail")

    with pytest.raises(IntegrityError):
        place.run("UPDATE connector_configs SET active = true")


@DATABASES
def test_a_store_can_use_the_engine_of_the_application(place: Place) -> None:
    engine = create_engine(place.location, poolclass=NullPool)

    saved = save(SqlStore(engine), activate=True)

    assert SqlStore(engine).find_active("Email") == saved
    assert place.open().list() == [saved]


@DATABASES
def test_no_log_has_a_secret_and_that_of_the_application_stays_as_it_was(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    engine = create_engine(place.location, poolclass=NullPool)
    caplog.set_level("INFO", "sqlalchemy.engine")

    for store, connector_id in [(SqlStore(engine), "alpha-mail"), (place.open(), "beta-mail")]:
        save(store, connector_id)
    with engine.connect() as connection:
        connection.execute(text("SELECT :word AS word"), {"word": "the application's own"})

    assert caplog.text.count("INSERT INTO connector_configs") == 2
    assert "made-up" not in caplog.text
    assert "the application's own" in caplog.text


@POSTGRESQL
def test_a_database_with_another_isolation_level_loses_nothing_either(place: Place) -> None:
    strict = SqlStore(f"{place.location}%20-c%20default_transaction_isolation%3Dserializable")
    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(count_up, strict, f"author-{number}", 5) for number in range(3)]:
            done.result()
    strict.close()

    assert [one.config for one in place.open().list()] == [{"count": 15}]


@DATABASES
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE connector_configs SET config = 'no JSON made-up'",
        "UPDATE connector_configs SET config = '7'",
        "UPDATE connector_configs SET secrets = '[7]'",
        "UPDATE connector_configs SET secrets = 'made-up'",
    ],
)
def test_a_row_that_something_else_changed_is_told(place: Place, damage: str) -> None:
    save(place.open())
    place.run(damage)

    with pytest.raises(StoreError, match="A row of the store can't be understood") as caught:
        place.open().list()

    assert "made-up" not in str(caught.value)
    assert caught.value.__context__ is None


@DATABASES
def test_what_the_database_refuses_is_told_without_what_it_was_given(place: Place) -> None:
    store = place.open()
    store.list()
    place.run("DROP TABLE connector_configs")

    with pytest.raises(StoreError, match=r"can't be used \(.*connector_configs.*\): check its address") as caught:
        save(store)

    assert "made-up" not in str(caught.value)
    assert caught.value.__context__ is None


@DATABASES
def test_a_step_that_fails_in_the_middle_leaves_nothing_behind(place: Place) -> None:
    store = place.open()
    saved = save(store, "alpha-mail", activate=True)
    place.run("ALTER TABLE connector_config_changes RENAME TO elsewhere")

    with pytest.raises(StoreError, match="can't be used"):
        save(store, "beta-mail", activate=True)

    place.run("ALTER TABLE elsewhere RENAME TO connector_config_changes")
    assert store.list() == [saved]


@POSTGRESQL
def test_a_connection_that_the_server_cut_is_replaced(place: Place) -> None:
    store = SqlStore(f"{place.location}&application_name=connector_core_cut")
    saved = save(store)

    cut = place.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'connector_core_cut'"
    )

    assert cut == [(True,)]
    assert store.list() == [saved]
    store.close()


@POSTGRESQL
def test_a_name_that_the_database_can_not_keep_is_told(place: Place) -> None:
    with pytest.raises(StoreError, match="can't be used"):
        save(place.open(), "alpha\0mail")


def test_only_the_owner_may_read_an_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///configs.db")
    monkeypatch.chdir("/")

    save(store)

    assert stat.S_IMODE((tmp_path / "configs.db").stat().st_mode) == 0o600
    assert store.list()[0].config == CONFIG


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("://made-up-word", "That is no URL of a database: write postgresql"),
        ("postgresql+psycopg://ada:made-up-word@host:port/x", "That is no URL of a database: write postgresql"),
        ("postgresql://ada:made@up-word@127.0.0.1/x", "has an @ in its password: write it as %40"),
        ("mysql://ada:made-up-word@127.0.0.1/x", "A store can't be in mysql: use PostgreSQL or SQLite"),
        ("postgresql+nothing://ada:made-up-word@127.0.0.1/x", "The driver of postgresql.nothing is not here"),
        ("sqlite://", "A store in SQLite needs a file"),
        ("sqlite:///:memory:", "A store in SQLite needs a file"),
        ("sqlite:////no/such/folder/configs.db", "The store /no/such/folder/configs.db can't be made"),
    ],
)
def test_an_address_that_can_not_be_is_told_without_its_password(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as caught:
        open_store(url)

    assert "up-word" not in f"{caught.value} {caught.value.__context__!r}"


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_a_server_that_is_not_there_is_told_without_the_password(scheme: str, free_port: int) -> None:
    query = "password=made-up-word&application_name=made-up-word"
    store = open_store(f"{scheme}://ada:made-up-word@127.0.0.1:{free_port}/x?{query}")

    with pytest.raises(StoreError, match=r"The store postgresql\+psycopg://ada:\*\*\*@127.0.0.1:\d+/x can't") as caught:
        store.list()

    assert "made-up-word" not in f"{caught.value} {store!r}"
    assert caught.value.__context__ is None


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
