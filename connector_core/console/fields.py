"""The fields of a form: each setting of a connector with its value in a draft, its rows and what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from connector_core.config import is_reference
from connector_core.console.draft import MOST_ROWS, Row, make_slot, show_json
from connector_core.jsonvalue import format_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from connector_core.console.draft import Draft, TypedSecrets
    from connector_core.settings import Setting

Path = tuple[str | int, ...]

NEW_ROW = "new-row-{depth}"
"""The id of the row that a script copies when somebody adds one; `{depth}` tells nested lists apart."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values that a field may have; `value` is JSON, `title` what it shows."""

    value: str
    title: Any
    selected: bool


@dataclass(frozen=True, slots=True)
class SecretState:
    """What a page may know of a secret: where it comes from, never what it is.

    `kept` is the path of the stored secret that stays unless it is replaced, `typed` the token of one that was typed
    and not yet saved; `source` is `$env`, `$file` or empty, `name` that of the variable or file.
    """

    source: str = ""
    name: str = ""
    kept: str = ""
    typed: str = ""


@dataclass(slots=True)
class FormRow:
    """An entry of a list or a map: its id, its key where it is a map's, and its field."""

    id: str
    slot: str
    field: Field
    key: str = ""
    is_fixed: bool = False
    issues: list[str] = dataclasses.field(default_factory=list)


@dataclass(slots=True)
class Field:
    """One setting in a form."""

    setting: Setting
    slot: str
    path: str
    kind: str
    value: str = ""
    options: list[Option] = dataclasses.field(default_factory=list)
    secret: SecretState | None = None
    members: list[Field] = dataclasses.field(default_factory=list)
    rows: list[FormRow] = dataclasses.field(default_factory=list)
    new_row: FormRow | None = None
    issues: list[str] = dataclasses.field(default_factory=list)
    is_set: bool = False

    def walk(self) -> Iterator[Field]:
        """Yield this field and all below it, those of a row that is not there yet left out."""
        yield self
        for below in [*self.members, *(row.field for row in self.rows)]:
            yield from below.walk()

    @property
    def is_troubled(self) -> bool:
        """Return whether an issue stands at this field or below it."""
        return any(one.issues for one in self.walk()) or any(row.issues for one in self.walk() for row in one.rows)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a draft, and the issues that belong to no field."""

    fields: list[Field]
    issues: list[str]

    def walk(self) -> Iterator[Field]:
        """Yield every field."""
        for one in self.fields:
            yield from one.walk()

    def list_issues(self) -> list[tuple[str, str]]:
        """Return each issue with the slot of its field, `""` where it has none."""
        found = [("", message) for message in self.issues]
        for one in self.walk():
            found += [(one.slot, message) for message in one.issues]
            found += [(row.slot, message) for row in one.rows for message in row.issues]
        return found


def build_form(
    settings: Iterable[Setting],
    draft: Draft,
    *,
    shown: Mapping[str, Any],
    stored_secrets: Mapping[str, Any],
    typed_secrets: TypedSecrets,
) -> Form:
    """Return the fields of a draft.

    Args:
        settings: the settings of the connector.
        draft: the config that is being written.
        shown: the same config without its secrets, for what is shown as JSON.
        stored_secrets: the secrets of the stored config by JSON path.
        typed_secrets: makes tokens of those that were typed and not yet saved.

    """
    builder = _Builder(draft, shown, stored_secrets, typed_secrets)
    form = Form(builder.build_members(settings, draft.config, "", ()), [])
    _place_issues(form, draft)
    return form


class _Builder:
    """Builds fields one by one."""

    def __init__(self, draft: Draft, shown: Mapping[str, Any], stored: Mapping[str, Any], typed: TypedSecrets) -> None:
        self._draft = draft
        self._shown = shown
        self._stored = stored
        self._typed = typed

    def build_members(self, settings: Iterable[Setting], value: Any, slot: str, path: Path) -> list[Field]:
        """Return the fields of an object's members; one that is out of use stands only where it has a value."""
        members = value if isinstance(value, dict) else {}
        return [
            self._build(setting, members.get(setting.key), make_slot(slot, setting.key), (*path, setting.key))
            for setting in settings
            if not setting.deprecated or setting.key in members
        ]

    def _build(self, setting: Setting, value: Any, slot: str, path: Path) -> Field:
        kind = "json" if slot in self._draft.texts or not _fits(setting, value) else setting.kind
        made = Field(setting, slot, format_path(path), kind, is_set=value not in (None, "", [], {}))
        if setting.secret and kind != "json":
            made.secret = self._describe_secret(value, made.path)
        elif kind == "json":
            made.value = self._show_as_json(setting, value, slot, path)
        elif kind == "group":
            made.members = self.build_members(setting.members, value, slot, path)
        elif kind in {"list", "map"}:
            made.rows = self._build_rows(setting, value, slot, path)
            made.new_row = self._build_new_row(setting, slot, path)
        elif kind in {"choice", "choices", "switch"}:
            made.options = _list_options(setting, value)
        elif value is not None:
            made.value = value if isinstance(value, str) else json.dumps(value)
        return made

    def _build_rows(self, setting: Setting, value: Any, slot: str, path: Path) -> list[FormRow]:
        rows = self._draft.rows.get(slot)
        if rows is None and setting.kind == "map":
            rows = [Row(str(number), member, key) for number, (key, member) in enumerate((value or {}).items())]
        elif rows is None:
            rows = [Row(str(number), member) for number, member in enumerate(value or [])]
        return [self._build_row(setting, row, slot, (*path, row.key or number)) for number, row in enumerate(rows)]

    def _build_row(self, setting: Setting, row: Row, slot: str, path: Path) -> FormRow:
        known = {member.key: member for member in setting.members}
        entry = known.get(row.key, setting.entry) if setting.kind == "map" else setting.entry
        assert entry is not None  # noqa: S101  a list and a map have one
        row_slot = make_slot(slot, row.id)
        is_fixed = row.key in known and known[row.key].required
        return FormRow(row.id, row_slot, self._build(entry, row.value, row_slot, path), row.key, is_fixed)

    def _build_new_row(self, setting: Setting, slot: str, path: Path) -> FormRow:
        depth = slot.count("/new-row-")
        assert setting.entry is not None  # noqa: S101  a list and a map have one
        empty: Any = {} if setting.entry.kind == "group" else None if setting.entry.secret else ""
        return self._build_row(replace(setting, members=()), Row(NEW_ROW.format(depth=depth), empty), slot, (*path, -1))

    def _describe_secret(self, value: Any, path: str) -> SecretState:
        if is_reference(value):
            ((source, name),) = value.items()
            return SecretState(source, name)
        if value is None:
            return SecretState()
        if value in self._draft.typed:
            return SecretState(typed=self._typed.seal(value))
        if self._stored.get(path) == value:
            return SecretState(kept=path)
        elsewhere = next((other for other, secret in self._stored.items() if secret == value), "")
        return SecretState(kept=elsewhere) if elsewhere else SecretState(typed=self._typed.seal(value))

    def _show_as_json(self, setting: Setting, value: Any, slot: str, path: Path) -> str:
        """Return a value as JSON without its secrets; what could not be read comes back as it was typed."""
        holds_secret = any(one.secret for one in setting.walk())
        if slot in self._draft.texts:
            return "" if holds_secret else self._draft.texts[slot]
        if value is None or not holds_secret:
            return "" if value is None else show_json(value)
        shown: Any = self._shown
        try:
            for step in path:
                shown = shown[step]
        except (KeyError, IndexError, TypeError):  # an entry without a usable name is in no config
            return ""
        return show_json(shown)


def _fits(setting: Setting, value: Any) -> bool:
    """Return whether a setting's own kind of field can show a value; if not, it is shown as JSON."""
    if value is None or setting.secret:
        return True
    if setting.kind in {"list", "choices"}:
        return isinstance(value, list) and len(value) <= MOST_ROWS
    if setting.kind in {"group", "map"}:
        return (
            isinstance(value, dict)
            and len(value) <= MOST_ROWS
            and (setting.kind == "map" or set(value) <= {member.key for member in setting.members})
        )
    if setting.kind == "switch":
        return isinstance(value, bool)
    if setting.kind == "text" and isinstance(value, str):
        return "\n" not in value and "\r" not in value  # a browser drops line breaks where there is one line
    return setting.kind != "json" and not isinstance(value, dict | list)


def _list_options(setting: Setting, value: Any) -> list[Option]:
    chosen = value if isinstance(value, list) else [value]
    choices = (True, False) if setting.kind == "switch" else setting.choices
    if setting.kind == "switch" and setting.has_default and value is None:
        chosen = [setting.start]
    by_title: dict[str, Any] = {}
    for choice in choices:  # of those that differ in case alone, the one in use, else the first
        title = json.dumps(choice).lower()
        if title not in by_title or _is_among(choice, chosen):
            by_title[title] = choice
    others = [one for one in chosen if one not in (None, "") and not _is_among(one, by_title.values())]
    return [Option(json.dumps(one), one, _is_among(one, chosen)) for one in [*by_title.values(), *others]]


def _is_among(value: Any, values: Iterable[Any]) -> bool:
    """Return whether a JSON value is among others; Python takes true for 1."""
    return any(type(value) is type(other) and value == other for other in values)


def _place_issues(form: Form, draft: Draft) -> None:
    """Put each issue beside the field that it is about, or the nearest one around that."""
    by_slot: dict[str, list[str]] = {one.slot: one.issues for one in form.walk()}
    by_slot |= {row.slot: row.issues for one in form.walk() for row in one.rows if one.kind == "map"}
    for unread in draft.unread:
        by_slot.get(unread.slot, form.issues).append(unread.message)
    unread_paths = {one.path for one in form.walk() if one.slot in draft.texts}
    by_path = {one.path: one.issues for one in form.walk()}
    for issue in draft.issues:
        if issue.path in unread_paths:
            continue  # it is told already that it could not be read
        place = next((by_path[path] for path in _list_places(issue.path) if path in by_path), form.issues)
        if issue.message not in place:
            place.append(issue.message)


def _list_places(path: str) -> Iterator[str]:
    """Yield a JSON path, and those around it from the nearest one on."""
    yield path
    for end in range(len(path) - 1, 0, -1):
        if path[end] in ".[":
            yield path[:end]
