"""What changed between two configs, told without their secrets."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

from connector_core.config import is_reference
from connector_core.jsonvalue import format_path
from connector_core.secrets import HIDDEN
from connector_core.store.stored_config import ChangedSetting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from connector_core.store.stored_config import Path

MAX_SHOWN = 200
"""Characters of a value in the history."""

_MAX_SETTINGS = 100
_ABSENT = object()


def compare_configs(
    before: Mapping[str, Any],
    before_secrets: Collection[Path],
    after: Mapping[str, Any],
    after_secrets: Collection[Path],
) -> tuple[ChangedSetting, ...]:
    """Return which settings differ, in the order of the config, at most a hundred of them.

    What is new or gone is one setting with all that is in it.
    """
    secrets = {*before_secrets, *after_secrets}  # what is a secret on one side says too much on the other
    pairs = islice(_compare(dict(before), dict(after), secrets, ()), _MAX_SETTINGS)
    return tuple(
        ChangedSetting(format_path(path), _show(old, path, secrets), _show(new, path, secrets))
        for path, old, new in pairs
    )


def _compare(before: Any, after: Any, secrets: set[Path], path: Path) -> Iterator[tuple[Path, Any, Any]]:
    steps = None if path in secrets else _common_steps(before, after)
    if steps is None:
        if _write(before) != _write(after):
            yield path, before, after
        return
    for step in steps:
        yield from _compare(_get(before, step), _get(after, step), secrets, (*path, step))


def _common_steps(before: Any, after: Any) -> list[str | int] | None:
    """Return the steps into two objects or two lists, or None where they are something else."""
    if isinstance(before, dict) and isinstance(after, dict):
        return list({**before, **after})
    if isinstance(before, list) and isinstance(after, list):
        return list(range(max(len(before), len(after))))
    return None


def _get(value: Any, step: Any) -> Any:
    if isinstance(value, list):
        return value[step] if step < len(value) else _ABSENT
    return value.get(step, _ABSENT)


def _write(value: Any) -> str | None:
    return None if value is _ABSENT else json.dumps(value, sort_keys=True)


def _show(value: Any, path: Path, secrets: Collection[Path]) -> str | None:
    if value is _ABSENT:
        return None
    if _is_hidden(value, path, secrets):
        return HIDDEN
    text = json.dumps(_hide(value, path, secrets), ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _hide(value: Any, path: Path, secrets: Collection[Path]) -> Any:
    if _is_hidden(value, path, secrets):
        return HIDDEN
    if isinstance(value, dict):
        return {name: _hide(member, (*path, name), secrets) for name, member in value.items()}
    if isinstance(value, list):
        return [_hide(member, (*path, index), secrets) for index, member in enumerate(value)]
    return value


def _is_hidden(value: Any, path: Path, secrets: Collection[Path]) -> bool:
    return path in secrets and value is not None and not is_reference(value)
