"""JSON values in memory: copies that are surely JSON, frozen ones, and paths into them."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 64
"""Levels of nesting in a config or a payload; real ones have fewer than ten."""

_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*\Z", re.ASCII)


class FrozenDict(dict[str, Any]):
    """A dict that refuses to change and still goes through `json.dumps`."""

    __slots__ = ()

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this JSON object is immutable: make a new one with {**old, ...}")

    __setitem__ = __delitem__ = __ior__ = _refuse  # type: ignore[assignment]  # refusing is the point
    clear = pop = popitem = setdefault = update = _refuse  # type: ignore[assignment]  # the same

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)


def freeze(value: Any) -> Any:
    """Return a JSON value whose objects are `FrozenDict` and whose arrays are tuples."""
    if isinstance(value, dict):
        return FrozenDict({key: freeze(member) for key, member in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(member) for member in value)
    return value


def copy_json(value: Any, report: Callable[[tuple[str | int, ...], str], None]) -> Any:
    """Return a deep copy of a JSON value made of dict, list, str, int, float, bool and None alone.

    What is no JSON becomes None in the copy, and `report(path, reason)` is called for it.
    """
    return _copy(value, (), report)


def _copy(  # noqa: PLR0911  one return a kind of value reads best
    value: Any, path: tuple[str | int, ...], report: Callable[[tuple[str | int, ...], str], None]
) -> Any:
    kind = type(value)
    if kind is str or kind is bool or kind is int or value is None:
        return value
    if isinstance(value, dict):
        if len(path) >= MAX_DEPTH:
            return report(path, f"is nested more than {MAX_DEPTH} levels deep")
        copied = {}
        for key, member in value.items():
            if isinstance(key, str):
                copied[key] = _copy(member, (*path, key), report)
            else:
                report(path, f"has a key that is no text but {type(key).__name__}")
        return copied
    if isinstance(value, list | tuple):
        if len(path) >= MAX_DEPTH:
            return report(path, f"is nested more than {MAX_DEPTH} levels deep")
        return [_copy(member, (*path, index), report) for index, member in enumerate(value)]
    if isinstance(value, str | int):  # a subclass, such as a member of StrEnum or IntEnum
        return str.__str__(value) if isinstance(value, str) else int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else report(path, f"is {value}, which JSON can't express")
    return report(path, f"is a {kind.__name__}, which JSON can't express: turn it into text or a number")


def format_path(path: tuple[str | int, ...] | list[str | int]) -> str:
    """Return a JSON path such as `$.templates[0].usageType`, or `$.headers["odd key"]` (RFC 9535, section 2.3)."""
    steps = [
        f"[{step}]" if isinstance(step, int) else f".{step}" if _PLAIN_KEY.match(step) else f"[{json.dumps(step)}]"
        for step in path
    ]
    return "$" + "".join(steps)
