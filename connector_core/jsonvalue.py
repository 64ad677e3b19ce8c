"""JSON values in memory: copies that are surely JSON, frozen ones, and paths into them."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_DEPTH = 64
"""Levels of nesting in a config or a payload; real ones have fewer than ten."""

_MAX_INTEGER_BITS = 4096
"""Far above what any JSON reader keeps exactly, below what Python refuses to write (4,300 digits)."""

_PLAIN = frozenset({str, bool, type(None)})
"""Types whose values are JSON, whatever they are."""

_PLAIN_KEY = re.compile(r"[A-Za-z_$][\w$-]*\Z", re.ASCII)


class FrozenDict(dict[str, Any]):
    """A dict that refuses to change and still goes through `json.dumps`."""

    __slots__ = ()

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this JSON object is immutable: make a new one with {**old, ...}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

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
    if type(value) is dict:  # most payloads are a few texts
        for name, member in value.items():
            if type(name) is not str or type(member) not in _PLAIN:
                break
        else:
            return dict(value)
    return _copy(value, (), report)


def _copy(
    value: Any,
    path: tuple[str | int, ...],
    report: Callable[[tuple[str | int, ...], str], None],
    around: tuple[Any, ...] = (),
) -> Any:
    """Copy a value that lies at `path`, inside the objects and arrays `around` it."""
    problem = _find_problem(value, around)
    if problem is not None:
        return report(path, problem)
    if isinstance(value, list | tuple):
        return [_copy(member, (*path, index), report, (*around, value)) for index, member in enumerate(value)]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                report(path, f"has a key that is no text but {type(key).__name__}")
        return {
            key: _copy(member, (*path, key), report, (*around, value))
            for key, member in value.items()
            if isinstance(key, str)
        }
    return _as_plain(value)


def _as_plain(value: Any) -> Any:
    """Return a scalar without the subclass it may be of, such as a member of StrEnum."""
    if isinstance(value, str):
        return str.__str__(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _find_problem(value: Any, around: tuple[Any, ...]) -> str | None:
    """Return why a value is no JSON, or None where it is; of an object or array, its members are not looked at."""
    if isinstance(value, dict | list | tuple):
        if len(around) >= MAX_DEPTH:
            return f"is nested more than {MAX_DEPTH} levels deep"
        return "holds itself" if any(outer is value for outer in around) else None
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        return "has more digits than a number may have"
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, which JSON can't express"
    if value is None or isinstance(value, str | int | float):
        return None
    return f"is a {type(value).__name__}, which JSON can't express: turn it into text or a number"


def replace_at(
    value: Any,
    paths: Collection[tuple[str | int, ...]],
    make: Callable[[tuple[str | int, ...], Any], Any],
    path: tuple[str | int, ...] = (),
) -> Any:
    """Return a deep copy of a JSON value with `make(path, value)` in place of what is at each of some paths."""
    if path in paths:
        return make(path, value)
    if isinstance(value, dict):
        return {name: replace_at(member, paths, make, (*path, name)) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [replace_at(member, paths, make, (*path, index)) for index, member in enumerate(value)]
    return value


def format_path(path: tuple[str | int, ...] | list[str | int]) -> str:
    """Return a JSON path such as `$.templates[0].usageType`, or `$.headers["odd key"]` (RFC 9535, section 2.3)."""
    steps = [
        f"[{step}]" if isinstance(step, int) else f".{step}" if _PLAIN_KEY.match(step) else f"[{json.dumps(step)}]"
        for step in path
    ]
    return "$" + "".join(steps)
