"""Discovery: connectors found by entry point, each loaded by itself, so that one that fails harms no other."""

from __future__ import annotations

import inspect
import os
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from connector_core import hookspecs
from connector_core.errors import ConnectorError, InvalidConnector
from connector_core.metadata import ConnectorMetadata
from connector_core.schema import ConfigSchema, check_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "connector_core.connectors"
BLOCK_VARIABLE = "CONNECTOR_CORE_BLOCK"
STRICT_VARIABLE = "CONNECTOR_CORE_STRICT"
REQUIRED_HOOKS = ("connector_metadata", "send_message")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConnector:
    """A connector that keeps the contract, and where it comes from."""

    plugin: object
    metadata: ConnectorMetadata
    schema: ConfigSchema
    distribution: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFailure:
    """A connector that was left out, and why."""

    distribution: str
    version: str
    entry_point: str
    cause: BaseException

    @property
    def error(self) -> str:
        """Return the cause in one sentence."""
        if isinstance(self.cause, ConnectorError):
            return str(self.cause)
        try:
            text = str(self.cause)
        except Exception:  # noqa: BLE001  the exception is a foreign one
            text = ""
        return f"{type(self.cause).__name__}: {text}".rstrip(": ")

    def to_json(self) -> dict[str, str]:
        """Return the failure as a JSON object in camelCase."""
        return {
            "distribution": self.distribution,
            "version": self.version,
            "entryPoint": self.entry_point,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class _Claim:
    """An entry point, which claims an id, and the distribution that it comes from."""

    entry: EntryPoint
    distribution: str
    version: str


def blocked_ids() -> frozenset[str]:
    """Return the ids that the environment leaves out."""
    return frozenset(name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(",")) - {""}


def make_manager() -> pluggy.PluginManager:
    """Return a plugin manager that knows the hooks."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def load_connectors(
    manager: pluggy.PluginManager, *, group: str = ENTRY_POINT_GROUP
) -> tuple[dict[str, LoadedConnector], tuple[LoadFailure, ...]]:
    """Load and register every connector that is installed.

    `CONNECTOR_CORE_BLOCK=id,id` leaves connectors out; with `CONNECTOR_CORE_STRICT=1` the first failure is raised.

    Raises:
        InvalidConnector: a connector failed and the environment asks to be strict.

    """
    from importlib.metadata import entry_points

    blocked = blocked_ids()
    strict = os.environ.get(STRICT_VARIABLE, "") not in {"", "0"}
    wanted = sorted((one for one in entry_points(group=group) if one.name not in blocked), key=lambda one: one.name)
    claims: dict[str, list[_Claim]] = {}
    for entry in wanted:
        claims.setdefault(entry.name, []).append(_Claim(entry, *_read_origin(entry)))
    loaded: dict[str, LoadedConnector] = {}
    failures: list[LoadFailure] = []
    for claim in (claim for same_id in claims.values() for claim in same_id):
        name = claim.entry.name
        try:
            _check_sole_claim(claim, claims[name])
            loaded[name] = _load(manager, claim)
        except KeyboardInterrupt:
            raise
        except BaseException as cause:
            failure = LoadFailure(distribution=claim.distribution, version=claim.version, entry_point=name, cause=cause)
            if strict:
                raise InvalidConnector(
                    f"The connector {name} of {failure.distribution} failed to load: {failure.error}"
                ) from cause
            failures.append(failure)
    return loaded, tuple(failures)


def register_plugin(manager: pluggy.PluginManager, plugin: object, name: str | None = None) -> None:
    """Register a plugin whose hooks are all known and can be called.

    Raises:
        InvalidConnector: a hook is misspelled, or takes arguments that a hook call can't give.

    """
    if inspect.isclass(plugin):
        raise InvalidConnector(f"{plugin.__name__} is a class: register an instance of it, or a module.")
    if not isinstance(plugin, Hashable):
        raise InvalidConnector(f"A {type(plugin).__name__} can't be hashed: give it @dataclass(eq=False), or __hash__.")
    try:
        manager.register(plugin, name)
    except ValueError as cause:
        raise InvalidConnector("The plugin is registered already.") from cause
    except pluggy.PluginValidationError as cause:
        problem = " ".join(str(cause).split())
        raise InvalidConnector(f"A hook asks for an argument that doesn't exist: {problem}") from cause
    try:
        _check_hooks(manager, plugin)
    except InvalidConnector:
        manager.unregister(plugin)
        raise


def _load(manager: pluggy.PluginManager, claim: _Claim) -> LoadedConnector:
    entry = claim.entry
    plugin = entry.load()
    register_plugin(manager, plugin, f"{claim.distribution}:{entry.name}")
    try:
        implemented = {caller.name for caller in manager.get_hookcallers(plugin) or ()}
        for name in REQUIRED_HOOKS:
            if name not in implemented:
                raise InvalidConnector(f"The hook {name} is missing: write it, marked with @hookimpl.")
        others = [other for other in manager.get_plugins() if other is not plugin]
        metadata = manager.subset_hook_caller("connector_metadata", others)()
        if not isinstance(metadata, ConnectorMetadata):
            raise InvalidConnector("The hook connector_metadata must return a ConnectorMetadata.")
        check_metadata(metadata)
        if metadata.id != entry.name:
            raise InvalidConnector(
                f"The metadata's id is {metadata.id}, but the entry point is named {entry.name}: make them the same."
            )
        return LoadedConnector(
            plugin=plugin,
            metadata=metadata,
            schema=ConfigSchema(metadata.config_schema),
            distribution=claim.distribution,
            version=claim.version,
        )
    except BaseException:
        manager.unregister(plugin)
        raise


def _check_sole_claim(claim: _Claim, claims: Iterable[_Claim]) -> None:
    others = sorted(other.distribution for other in claims if other is not claim)
    if others:
        # Choosing one of them could hand credentials to the wrong one.
        raise InvalidConnector(
            f"The id {claim.entry.name} is claimed by {', '.join(others)} too, so none is used: uninstall all but one."
        )


def _check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    for caller in manager.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            if implementation.plugin is not plugin:
                continue
            if not caller.has_spec() and not implementation.optionalhook:
                raise InvalidConnector(_unknown_hook(caller.name))
            _check_parameters(caller.name, implementation.function)


def _check_parameters(name: str, function: Any) -> None:
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise InvalidConnector(
                f"The hook {name} takes {parameter.name} by keyword only, which hooks can't be given: remove the *."
            )


def _unknown_hook(name: str) -> str:
    from difflib import get_close_matches

    known = [name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")]
    near = get_close_matches(name, known, n=1)
    return f"There is no hook {name}" + (f": did you mean {near[0]}?" if near else f": there are {', '.join(known)}.")


def _read_origin(entry: EntryPoint) -> tuple[str, str]:
    """Return the name and the version of an entry's distribution, each empty where the distribution is damaged."""
    if entry.dist is None:
        return "", ""
    try:
        fields = entry.dist.metadata
        name, version = (str(fields[key]) if key in fields else "" for key in ("Name", "Version"))
    except Exception:  # noqa: BLE001  Python's versions raise differently where the file is missing
        return "", ""
    return name, version
