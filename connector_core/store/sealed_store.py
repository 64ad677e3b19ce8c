"""What the stores of the core have in common: secrets sealed, conflicts found, changes noted.

A store of another kind needs only to read what is kept, and to write one step at a time.
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from connector_core.errors import StoreConflict, StoreError
from connector_core.jsonvalue import copy_json, format_path
from connector_core.store.comparison import compare_configs
from connector_core.store.seal import Seal
from connector_core.store.stored_config import Change, StoredConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from connector_core.store.stored_config import Action, ChangedSetting, Path

_LONGEST_AUTHOR = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One atomic change of a store: the configs to keep, in this order, the one to forget, what the history notes."""

    kept: tuple[StoredConfig, ...] = ()
    forgotten: str | None = None
    changes: tuple[Change, ...] = ()


class SealedStore(ABC):
    """A `Store` that keeps configs at rest, which are `StoredConfig` with sealed secrets.

    Args:
        keys: Fernet keys, the newest first: it seals, and all of them open. Without any, secrets are kept in clear.

    """

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._seal = Seal(keys)

    @abstractmethod
    def _read(self) -> Mapping[str, StoredConfig]:
        """Return what is kept, by the connector's id."""

    @abstractmethod
    def _take(self, plan: Callable[[Mapping[str, StoredConfig]], Step]) -> None:
        """Take one step, atomically: nobody else writes between the reading that `plan` gets and the writing.

        Nothing is written where `plan` raises.
        """

    @abstractmethod
    def history(self, connector_id: str | None = None, *, limit: int = 100) -> list[Change]:
        """Return the newest changes, newest first, of one connector or of all."""

    def get(self, connector_id: str) -> StoredConfig | None:
        """Return the config of a connector."""
        found = self._read_one(connector_id)
        return None if found is None else self._seal.open(found)

    def find_active(self, type: str) -> StoredConfig | None:  # noqa: A002  the word of the metadata
        """Return the active config of a type of connector, such as `Email`."""
        found = self._read_active(type)
        return None if found is None else self._seal.open(found)

    def save(  # noqa: PLR0913  each of them is stored
        self,
        connector_id: str,
        config: Mapping[str, Any],
        *,
        type: str,  # noqa: A002  the word of the metadata
        secrets: Collection[Path],
        author: str,
        revision: str,
        activate: bool,
    ) -> StoredConfig:
        """Keep a config; with `activate` it takes the place of the active one of its type in the same step."""
        saved = StoredConfig(
            connector_id=connector_id,
            type=type,
            config=_copy(connector_id, config),
            secrets=frozenset(secrets),
            revision=uuid.uuid4().hex,
            changed_at=datetime.now(UTC),
            changed_by=_clean(author),
        )
        sealed = self._seal.close(saved)

        def plan(found: Mapping[str, StoredConfig]) -> Step:
            nonlocal saved
            before = _check_revision(found, connector_id, revision)
            if saved.secrets:
                self._seal.check_keys(found.values())
            was_active = before is not None and before.active and before.type == type
            saved = replace(saved, active=activate or was_active)
            changes = [_note(saved, "saved", self._compare(before, saved))]
            if not saved.active or was_active:
                return Step(kept=(replace(sealed, active=saved.active),), changes=tuple(changes))
            others, notes = _deactivate_others(found, saved, saved.changed_at)
            notes.append(_note(saved, "activated"))
            return Step(kept=(*others, replace(sealed, active=True)), changes=(*changes, *notes))

        self._take(plan)
        return saved

    def set_active(self, connector_id: str, *, active: bool, author: str, revision: str) -> StoredConfig:
        """Make a config the active one of its type, or make it inactive; its revision stays."""
        opened: StoredConfig | None = None

        def plan(found: Mapping[str, StoredConfig]) -> Step:
            nonlocal opened
            before = _check_presence(found, connector_id, revision)
            changed = replace(before, active=active)
            opened = self._seal.open(changed)  # before anything is written: a key may be lost
            if before.active == active:
                return Step()
            now, person = datetime.now(UTC), _clean(author)
            noted = replace(changed, changed_at=now, changed_by=person)
            others, notes = _deactivate_others(found, noted, now) if active else ([], [])
            notes.append(_note(noted, "activated" if active else "deactivated"))
            return Step(kept=(*others, changed), changes=tuple(notes))

        self._take(plan)
        assert opened is not None  # noqa: S101  _take calls the plan, which sets it or raises
        return opened

    def delete(self, connector_id: str, *, author: str, revision: str) -> None:
        """Forget a config."""

        def plan(found: Mapping[str, StoredConfig]) -> Step:
            before = _check_presence(found, connector_id, revision)
            noted = replace(before, changed_at=datetime.now(UTC), changed_by=_clean(author))
            return Step(forgotten=connector_id, changes=(_note(noted, "deleted"),))

        self._take(plan)

    def rotate(self) -> None:
        """Seal all secrets with the newest key, those that are in clear included; revisions and history stay.

        Raises:
            StoreError: a secret is sealed with a key that isn't given; nothing was changed.

        """
        self._take(lambda found: Step(kept=tuple(self._seal.close(self._seal.open(one)) for one in found.values())))

    def list(self) -> list[StoredConfig]:
        """Return all configs, sorted by the connector's id; one that no key opens is locked."""
        return [self._open_or_lock(one) for _, one in sorted(self._read().items())]

    def close(self) -> None:
        """Close what the store keeps open, which the next use opens again; a file keeps nothing."""
        return

    def _read_one(self, connector_id: str) -> StoredConfig | None:
        return self._read().get(connector_id)

    def _read_active(self, type: str) -> StoredConfig | None:  # noqa: A002  the word of the metadata
        return next((one for one in self._read().values() if one.active and one.type == type), None)

    def _open_or_lock(self, kept: StoredConfig) -> StoredConfig:
        try:
            return self._seal.open(kept)
        except StoreError:
            return replace(kept, is_locked=True)

    def _compare(self, before: StoredConfig | None, after: StoredConfig) -> tuple[ChangedSetting, ...]:
        if before is None:
            return compare_configs({}, (), after.config, after.secrets)
        with suppress(StoreError):  # its key is lost: a new config must be possible, and each secret has changed
            before = self._seal.open(before)
        return compare_configs(before.config, before.secrets, after.config, after.secrets)


def _check_revision(found: Mapping[str, StoredConfig], connector_id: str, revision: str) -> StoredConfig | None:
    """Return what is stored, which must have the revision that a change is based on."""
    stored = found.get(connector_id)
    if stored is None:
        if revision:
            raise StoreConflict(
                f"The config of {connector_id} was deleted meanwhile: save it as a new one, or leave it."
            )
    elif stored.revision != revision:
        who, when = stored.changed_by, f"{stored.changed_at:%Y-%m-%d %H:%M:%S} UTC"
        raise StoreConflict(
            f"The config of {connector_id} was saved by {who} at {when}, after you read it: read it again and repeat "
            "your change."
        )
    return stored


def _check_presence(found: Mapping[str, StoredConfig], connector_id: str, revision: str) -> StoredConfig:
    stored = _check_revision(found, connector_id, revision)
    if stored is None:
        raise StoreConflict(f"There is no config of {connector_id}: save one first.")
    return stored


def _deactivate_others(
    found: Mapping[str, StoredConfig], active: StoredConfig, now: datetime
) -> tuple[list[StoredConfig], list[Change]]:
    """Return the configs that give way to the active one of their type, and what the history notes of them."""
    others = [
        replace(one, active=False)
        for one in found.values()
        if one.active and one.type == active.type and one.connector_id != active.connector_id
    ]
    noted = (replace(one, changed_at=now, changed_by=active.changed_by) for one in others)
    return others, [_note(one, "deactivated") for one in noted]


def _note(stored: StoredConfig, action: Action, settings: tuple[ChangedSetting, ...] = ()) -> Change:
    return Change(
        at=stored.changed_at,
        author=stored.changed_by,
        connector_id=stored.connector_id,
        action=action,
        settings=settings,
    )


def _copy(connector_id: str, config: Mapping[str, Any]) -> dict[str, Any]:
    def refuse(path: Path, reason: str) -> NoReturn:
        raise StoreError(f"The config of {connector_id} can't be kept: {format_path(path)} {reason}.")

    copied: dict[str, Any] = copy_json(dict(config), refuse)
    return copied


def _clean(author: str) -> str:
    """Return an author as one line that every store can keep."""
    return "".join(letter if letter.isprintable() else " " for letter in author).strip()[:_LONGEST_AUTHOR]
