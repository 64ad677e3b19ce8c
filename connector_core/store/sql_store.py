"""A store in a database, for an application on many machines."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from connector_core.errors import StoreError
from connector_core.secrets import Redaction
from connector_core.store.record import UNREADABLE
from connector_core.store.sealed_store import SealedStore

try:
    from sqlalchemy import URL, Engine, NullPool, create_engine, delete, insert, inspect, make_url, select, text, update
    from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
except ImportError as cause:
    raise StoreError('A store in a database needs an extra: pip install "connector-core[sql]".') from cause

from connector_core.store.sql_tables import (
    CHANGES,
    CONFIGS,
    METADATA,
    make_change_row,
    make_config_row,
    read_change_row,
    read_config_row,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Row

    from connector_core.store.sealed_store import Step
    from connector_core.store.stored_config import Change, StoredConfig

_LOCK_SECONDS = 20
_CONNECT_SECONDS = 10
_LOCK = 0x636F6E6E
"""The advisory lock of PostgreSQL that whoever changes a store holds; any number that others hardly use."""

_LONGEST_REASON = 200

T = TypeVar("T")


class SqlStore(SealedStore):
    """A store in SQLite or PostgreSQL; safe among threads, processes and machines, and after a fork.

    Its two tables are made at the first use, where they are missing.

    Args:
        database: a URL such as `postgresql+psycopg://user:password@host/name` or `sqlite:///configs.db`, or an engine
            of SQLAlchemy that the application has already; after a fork, such an engine is the application's to renew.
        keys: Fernet keys, the newest first: it seals, and all of them open. Without any, secrets are kept in clear.

    Raises:
        StoreError: that is no such database, a key is none, or something must be installed.

    """

    def __init__(self, database: str | URL | Engine, *, keys: Sequence[str] = ()) -> None:
        super().__init__(keys)
        self._owned = not isinstance(database, Engine)
        self._engine = _hide_parameters(database) if isinstance(database, Engine) else _make_engine(database)
        url = self._engine.url
        _check_backend(url)
        self._shown = url.set(query={}).render_as_string(hide_password=True)
        self._redaction = Redaction(
            str(value)
            for name, value in [("password", url.password), *url.query.items()]
            if value and "password" in name
        )
        self._process = os.getpid()
        self._prepared = False

    def __repr__(self) -> str:
        return f"<SqlStore {self._shown}>"

    def close(self) -> None:
        """Close the pooled connections; the next use opens new ones."""
        if self._owned:
            self._engine.dispose()

    def history(self, connector_id: str | None = None, *, limit: int = 100) -> list[Change]:
        """Return the newest changes, newest first, of one connector or of all."""
        query = select(CHANGES).order_by(CHANGES.c.id.desc()).limit(limit)
        if connector_id is not None:
            query = query.where(CHANGES.c.connector_id == connector_id)
        return self._run(lambda connection: [_understand(read_change_row, row) for row in connection.execute(query)])

    def _read(self) -> Mapping[str, StoredConfig]:
        return self._run(_find)

    def _read_one(self, connector_id: str) -> StoredConfig | None:
        condition = CONFIGS.c.connector_id == connector_id
        return self._run(lambda connection: _find(connection, condition)).get(connector_id)

    def _read_active(self, type: str) -> StoredConfig | None:  # noqa: A002  the word of the metadata
        conditions = CONFIGS.c.active, CONFIGS.c.type == type
        return next(iter(self._run(lambda connection: _find(connection, *conditions)).values()), None)

    def _take(self, plan: Callable[[Mapping[str, StoredConfig]], Step]) -> None:
        def take(connection: Connection) -> None:
            with _change(connection):
                found = _find(connection)
                step = plan(found)
                _write_step(connection, step, found)

        self._run(take)

    def _run(self, work: Callable[[Connection], T]) -> T:
        """Work with a connection on which each statement stands for itself; a failure is told without any content."""
        if self._owned and self._process != os.getpid():
            self._engine.dispose(close=False)  # the connections are those of the process that this was forked from
            self._process = os.getpid()
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                self._prepare(connection)
                return work(connection)
        except SQLAlchemyError as error:
            reason = self._redaction.redact(_explain(error))
        # Outside of the except block: the cause may hold parameters, secrets included.
        raise StoreError(f"The store {self._shown} can't be used ({reason}): check its address, and its permissions.")

    def _prepare(self, connection: Connection) -> None:
        if self._prepared:
            return
        here = inspect(connection)
        if not all(here.has_table(table.name) for table in METADATA.sorted_tables):
            with _change(connection):
                METADATA.create_all(connection)
        self._prepared = True


def _hide_parameters(engine: Engine) -> Engine:
    """Return an engine with the same connections whose log has no parameters, which may be secrets."""
    own = engine.execution_options()
    own.hide_parameters = True
    return own


def _make_engine(database: str | URL) -> Engine:
    try:
        url = make_url(database)
    except (ArgumentError, ValueError):
        url = None
    if url is None:  # outside of the except block: the cause quotes the URL, its password included
        raise StoreError("That is no URL of a database: write postgresql+psycopg://user:password@host/name.")
    if "@" in (url.host or ""):  # what stands before it is the rest of a password, which must not be shown
        raise StoreError("The URL of the database has an @ in its password: write it as %40.")
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    _check_backend(url)
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.get_backend_name() == "sqlite":
        url = url.set(database=str(_create_file(url.database)))
        options = {"poolclass": NullPool, "connect_args": {"timeout": _LOCK_SECONDS}}
    elif "psycopg" in url.drivername and "connect_timeout" not in url.query:
        options["connect_args"] = {"connect_timeout": _CONNECT_SECONDS}
    try:
        return create_engine(url, hide_parameters=True, **options)
    except (ArgumentError, ImportError) as cause:
        problem = f"The driver of {url.drivername} is not here ({type(cause).__name__})"
    raise StoreError(
        f'{problem}: pip install "psycopg[binary]", and write postgresql+psycopg://user:password@host/name.'
    )


def _check_backend(url: URL) -> None:
    if url.get_backend_name() not in {"sqlite", "postgresql"}:
        raise StoreError(f"A store can't be in {url.get_backend_name()}: use PostgreSQL or SQLite.")


def _create_file(database: str | None) -> Path:
    """Create the file of an SQLite database, which SQLite would make readable for others."""
    if not database or ":memory:" in database or database.startswith("file:"):
        raise StoreError("A store in SQLite needs a file: write sqlite:///configs.db.")
    path = Path(database).absolute()
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as cause:
        reason = cause.strerror or type(cause).__name__
        raise StoreError(f"The store {path} can't be made ({reason}): check its folder.") from cause
    return path


@contextmanager
def _change(connection: Connection) -> Iterator[None]:
    """Make one transaction, with nobody else changing anything at the same time; others may read."""
    if connection.dialect.name == "sqlite":
        begin = ["BEGIN IMMEDIATE"]
    else:
        wait = f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"
        begin = ["BEGIN ISOLATION LEVEL READ COMMITTED", wait, f"SELECT pg_advisory_xact_lock({_LOCK})"]
    try:
        for statement in begin:
            connection.execute(text(statement))
        yield
        connection.execute(text("COMMIT"))
    except BaseException:
        with suppress(SQLAlchemyError):
            connection.execute(text("ROLLBACK"))
        raise


def _find(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, StoredConfig]:
    rows = connection.execute(select(CONFIGS).where(*conditions))
    return {row.connector_id: _understand(read_config_row, row) for row in rows}


def _write_step(connection: Connection, step: Step, found: Mapping[str, StoredConfig]) -> None:
    for stored in step.kept:
        row, place = make_config_row(stored), CONFIGS.c.connector_id == stored.connector_id
        here = stored.connector_id in found
        connection.execute(update(CONFIGS).where(place).values(row) if here else insert(CONFIGS).values(row))
    if step.forgotten is not None:
        connection.execute(delete(CONFIGS).where(CONFIGS.c.connector_id == step.forgotten))
    for change in step.changes:
        connection.execute(insert(CHANGES).values(make_change_row(change)))


def _understand(read: Callable[[Row[Any]], T], row: Row[Any]) -> T:
    """Return what a row holds; what fails is told without any content."""
    with suppress(*UNREADABLE):
        return read(row)
    raise StoreError("A row of the store can't be understood, since something else changed it: put a good copy there.")


def _explain(error: SQLAlchemyError) -> str:
    """Return what the database says, without the lines in which it may quote what it was given."""
    if not isinstance(error, DBAPIError) or error.orig is None:
        return type(error).__name__
    lines = str(error.orig).splitlines() or [type(error.orig).__name__]
    return lines[0][:_LONGEST_REASON]
