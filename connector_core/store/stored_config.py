"""What a store keeps: configs, and who changed them; plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

Path = tuple[str | int, ...]
"""The steps from a config to a value in it: `("templates", 0, "usageType")`."""

Action = Literal["saved", "activated", "deactivated", "deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConfig:
    """A config as a store keeps it.

    `config` is the JSON object that somebody saved: its secrets in clear, unless they are references (`$env`, `$file`),
    which stay as they are. `secrets` holds the paths of those in clear. `type` is the connector's, so that a config
    whose connector is gone still says what it is for. `revision` names this content: each save makes a new one, which
    was never there before. Where `is_locked`, a secret is encrypted with a key that is not here: only `list` gives such
    a config, with what is encrypted as it is, so that it can be deleted.
    """

    connector_id: str
    type: str
    config: Mapping[str, Any] = field(repr=False)
    secrets: frozenset[Path] = frozenset()
    active: bool = False
    is_locked: bool = False
    revision: str
    changed_at: datetime
    changed_by: str


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """A setting before and after a change, as JSON, None where it wasn't there; a secret shows as `***`."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who did what to a stored config, and when."""

    at: datetime
    author: str
    connector_id: str
    action: Action
    settings: tuple[ChangedSetting, ...] = ()


class Store(Protocol):
    """Where configs live: one for each connector, of which one for each type is active.

    Every change is one atomic step, safe among threads and processes, and is noted in the history. A change names the
    revision that it is based on (`""` where nothing is stored yet).

    All methods raise a `StoreError` where the store can't be read or written. Those that change something raise a
    `StoreConflict` where somebody else's change came first; nothing is changed then.
    """

    def get(self, connector_id: str) -> StoredConfig | None:
        """Return the config of a connector."""

    def find_active(self, type: str) -> StoredConfig | None:  # noqa: A002  the word of the metadata
        """Return the active config of a type of connector, such as `Email`."""

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
        """Keep a config; with `activate` it takes the place of the active one of its type in the same step.

        Without, an active config stays active, and another stays inactive.
        """

    def set_active(self, connector_id: str, *, active: bool, author: str, revision: str) -> StoredConfig:
        """Make a config the active one of its type, or make it inactive; its revision stays."""

    def delete(self, connector_id: str, *, author: str, revision: str) -> None:
        """Forget a config."""

    def history(self, connector_id: str | None = None, *, limit: int = 100) -> list[Change]:
        """Return the newest changes, newest first, of one connector or of all."""

    def list(self) -> list[StoredConfig]:
        """Return all configs, sorted by the connector's id."""
