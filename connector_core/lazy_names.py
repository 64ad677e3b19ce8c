"""Packages whose public names are imported when they are first used (PEP 562), since what is behind some is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def import_lazily(
    namespace: dict[str, Any], homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package.

    Args:
        namespace: the package's `globals()`, which keeps what was imported.
        homes: the module within the package that each public name comes from.

    """
    package = namespace["__name__"]

    def import_name(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        value = namespace[name] = getattr(import_module(f"{package}.{homes[name]}"), name)
        return value

    def list_names() -> list[str]:
        return sorted({*namespace, *namespace["__all__"]})

    return import_name, list_names
