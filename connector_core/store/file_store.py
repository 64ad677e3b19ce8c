"""A store in one JSON file, for an application on one machine."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connector_core.errors import StoreError
from connector_core.store.record import UNREADABLE, read_change, read_stored, write_change, write_stored
from connector_core.store.sealed_store import SealedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from connector_core.store.sealed_store import Step
    from connector_core.store.stored_config import Change, StoredConfig

FORMAT = "connector-core-store"
VERSION = 1
MAX_CHANGES = 1000
"""How many changes the history of a file keeps."""

_LOCK_SECONDS = 20
_COARSEST_CLOCK = 2_000_000_000
"""Nanoseconds; some file systems note the time of a change no finer."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What a file holds, and by what to see that it is still the same file."""

    configs: Mapping[str, StoredConfig]
    changes: tuple[Mapping[str, Any], ...] = ()
    version: tuple[int, int, int] | None = None


class FileStore(SealedStore):
    """A store in one JSON file; safe among threads, processes and after a fork, and whenever a process is killed.

    The file is replaced as a whole, readable for its owner alone. A file that is missing is an empty store; its folder
    must exist.

    Args:
        path: the file; a symbolic link is followed.
        keys: Fernet keys, the newest first: it seals, and all of them open. Without any, secrets are kept in clear.

    Raises:
        StoreError: a key is none, or the extra `store` is not installed.

    """

    def __init__(self, path: str | os.PathLike[str], *, keys: Sequence[str] = ()) -> None:
        super().__init__(keys)
        self._path = Path(path).absolute()
        self._cache = _Content({})

    def __repr__(self) -> str:
        return f"<FileStore {self._path}>"

    def history(self, connector_id: str | None = None, *, limit: int = 100) -> list[Change]:
        """Return the newest changes, newest first, of one connector or of all; a file keeps the newest 1000."""
        found: list[Change] = []
        for record in reversed(self._load().changes):
            if len(found) >= limit:
                break
            if connector_id in {None, record["connectorId"]}:
                found.append(read_change(record))
        return found

    def _read(self) -> Mapping[str, StoredConfig]:
        return self._load().configs

    def _take(self, plan: Callable[[Mapping[str, StoredConfig]], Step]) -> None:
        with self._explain("changed"):
            path = self._path.resolve()
            self._check_folder(path)
            with self._lock(path):
                content = self._load()
                step = plan(content.configs)
                if not (step.kept or step.forgotten):
                    return
                configs = {**content.configs, **{one.connector_id: one for one in step.kept}}
                if step.forgotten:
                    del configs[step.forgotten]
                changes = (*content.changes, *map(write_change, step.changes))[-MAX_CHANGES:]
                _replace_file(path, _write_content(configs, changes))

    def _load(self) -> _Content:
        """Return what the file holds, read anew where it isn't surely the one that was read last."""
        with self._explain("read"):
            try:
                found = self._path.stat()
            except FileNotFoundError:
                self._check_folder(self._path)
                return _Content({})
            cached = self._cache
            if cached.version == _version(found):
                return cached
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                text = file.read()
            content = self._parse(text)
            # Two changes within one tick of the clock look the same: a file that is so new is read again next time.
            if time.time_ns() - found.st_mtime_ns > _COARSEST_CLOCK:
                content = self._cache = _Content(content.configs, content.changes, _version(found))
            return content

    def _parse(self, text: bytes) -> _Content:
        problem = "it was changed by something else, or it is another file"
        try:
            document = json.loads(text)
            if document["format"] == FORMAT and document["version"] == VERSION:
                configs = {name: read_stored(name, record) for name, record in document["configs"].items()}
                changes = tuple(document["changes"])
                for record in changes:
                    read_change(record)
                return _Content(configs, changes)
            if document["format"] == FORMAT:
                problem = "a newer release wrote it"
        except (*UNREADABLE, RecursionError):
            pass
        # Outside of the except block: the cause would hold the file's text, secrets included.
        raise StoreError(
            f"The store {self._path} can't be understood, since {problem}: put a good copy in its place, or name "
            "another file."
        )

    @staticmethod
    def _check_folder(path: Path) -> None:
        if not path.parent.is_dir():
            raise StoreError(f"The folder {path.parent} of the store does not exist: create it, or name another file.")

    @contextmanager
    def _lock(self, path: Path) -> Iterator[None]:
        """Keep all others, threads and processes, from changing the file."""
        try:
            from filelock import FileLock, Timeout
        except ImportError as cause:
            raise StoreError('A store in a file needs an extra: pip install "connector-core[store]".') from cause
        try:
            with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS, mode=0o600):
                yield
        except Timeout:
            raise StoreError(
                f"The store {self._path} has been in use for {_LOCK_SECONDS} seconds: see which process hangs, and try "
                "again."
            ) from None

    @contextmanager
    def _explain(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as cause:
            reason = cause.strerror or type(cause).__name__
            raise StoreError(
                f"The store {self._path} can't be {done} ({reason}): check the path, its folder, the file with .lock "
                "beside it, and the permissions of all three."
            ) from cause


def _version(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _write_content(configs: Mapping[str, StoredConfig], changes: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the text of a file: one line for each config and each change, so that people can compare two files."""
    head = f'{{"format": "{FORMAT}", "version": {VERSION},'
    kept = ",\n".join(f"{json.dumps(name)}: {json.dumps(write_stored(one))}" for name, one in sorted(configs.items()))
    noted = ",\n".join(map(json.dumps, changes))
    return f'{head}\n"configs": {{\n{kept}\n}},\n"changes": [\n{noted}\n]}}\n'.encode("ascii")


def _replace_file(path: Path, text: bytes) -> None:
    """Put a text in the place of a file; at any moment, a crash included, the old one or the new one is there."""
    new = path.with_name(f"{path.name}.new")  # only the holder of the lock uses it: what a crash left is replaced
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if hasattr(os, "fchown"):
            with suppress(OSError):  # there is no file yet, or this user may give nothing away
                owner = path.stat()  # what root saves, the application must be able to read as before
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    with suppress(OSError):  # the new file is there; not every system opens a folder, nor flushes one
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
