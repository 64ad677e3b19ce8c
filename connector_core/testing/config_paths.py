"""Places in a config: what stands there, and copies with something else."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.schema import Place

Path = tuple[str | int, ...]

_STEP = re.compile(r'\.([\w$-]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')
_PATH = re.compile(rf"\$(?:{_STEP.pattern})*")


def read_path(text: str) -> Path | None:
    """Return the steps of a JSON path such as `$.templates[0].subject`, or None where that is none."""
    if not _PATH.fullmatch(text):
        return None
    return tuple(
        int(index) if index else json.loads(quoted) if quoted else name for name, index, quoted in _STEP.findall(text)
    )


def walk(value: Any, place: Place | None, path: Path = ()) -> Iterator[tuple[Path, Any, Place | None]]:
    """Yield each value of a config that is no object and no list, with its path and what the schema says of it."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from walk(member, place and place.properties.get(name, place.others), (*path, name))
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from walk(member, place and place.items, (*path, index))
    else:
        yield path, value, place


def replaced(value: Any, path: Path, new: Any) -> Any:
    """Return a copy of a config with another value at a path."""
    changed = copy.deepcopy(value)
    target = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = new
    return changed


def without(value: Any, path: Path) -> Any:
    """Return a copy of a config that lacks what is at a path."""
    changed = copy.deepcopy(value)
    target = changed
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    return changed
