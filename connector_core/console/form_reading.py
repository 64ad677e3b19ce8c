"""What a browser sent of a form, read as a config; nothing that was typed is lost on the way."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from connector_core.console.draft import (
    JSON_MARK,
    KEPT_MARK,
    KEY_MARK,
    MOST_ROWS,
    NAME_MARK,
    ROW_MARK,
    SOURCE_MARK,
    TYPED_MARK,
    Draft,
    Row,
    SlotIssue,
    is_deep,
    make_slot,
)
from connector_core.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from werkzeug.datastructures import MultiDict

    from connector_core.console.draft import TypedSecrets
    from connector_core.console.texts import Texts
    from connector_core.settings import Setting

_ABSENT: Final = object()
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_ROW_ID = re.compile(r"[0-9]{1,9}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}")


def read_form(
    settings: Iterable[Setting],
    data: MultiDict[str, str],
    *,
    stored_secrets: Mapping[str, Any],
    typed_secrets: TypedSecrets,
    texts: Texts,
) -> Draft:
    """Return the draft that a form holds.

    Args:
        settings: the settings of the connector.
        data: what the browser sent, by the names that `fields.py` gave.
        stored_secrets: the secrets of the stored config by JSON path, for those that are kept.
        typed_secrets: reads those that were typed before and not yet saved.
        texts: the words of the reader's language.

    Raises:
        InvalidConfig: a list or a map has more entries than a form can show.

    """
    reader = _FormReader(data, stored_secrets, typed_secrets, texts)
    config = reader.read_members(settings, "")
    return Draft(config, reader.unreadable, reader.rows, reader.typed, reader.issues)


class _FormReader:
    """Reads settings one by one, and keeps what no config can hold."""

    def __init__(self, data: MultiDict[str, str], stored: Mapping[str, Any], typed: TypedSecrets, texts: Texts) -> None:
        self._data = data
        self._stored = stored
        self._typed = typed
        self._t = texts
        self.unreadable: dict[str, str] = {}
        self.rows: dict[str, list[Row]] = {}
        self.issues: list[SlotIssue] = []
        self.typed: list[Any] = []
        self._readers: dict[str, Callable[[Setting, str], Any]] = {
            "text": self._read_text,
            "multiline": self._read_multiline,
            "number": self._read_number,
            "switch": self._read_switch,
            "choice": self._read_choice,
            "choices": self._read_choices,
            "list": self._read_list,
            "group": self._read_group,
            "map": self._read_map,
            "json": self._read_json,
        }

    def read_members(self, settings: Iterable[Setting], slot: str) -> dict[str, Any]:
        """Return the members of an object that the form holds; one that says no more than the default is left out."""
        found = {}
        for setting in settings:
            value = self._read(setting, make_slot(slot, setting.key))
            if value is _ABSENT or (setting.has_default and value == setting.start):
                continue
            found[setting.key] = value
        return found

    def _read(self, setting: Setting, slot: str) -> Any:
        if f"{slot}{JSON_MARK}" in self._data:
            return self._read_json(setting, slot)
        if setting.secret:
            return self._read_secret(slot)
        return self._readers[setting.kind](setting, slot)

    def _read_text(self, _setting: Setting, slot: str) -> Any:
        return self._data.get(slot, "").strip() or _ABSENT

    def _read_multiline(self, _setting: Setting, slot: str) -> Any:
        text = self._data.get(slot, "").replace("\r\n", "\n")
        return text if text.strip() else _ABSENT

    def _read_number(self, _setting: Setting, slot: str) -> Any:
        text = self._data.get(slot, "").strip()
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _DECIMAL.fullmatch(text) else text or _ABSENT

    def _read_switch(self, setting: Setting, slot: str) -> Any:
        text = self._data.get(slot, "")
        if setting.has_default:
            return text == "true"
        return {"true": True, "false": False}.get(text, _ABSENT)

    def _read_choice(self, _setting: Setting, slot: str) -> Any:
        text = self._data.get(slot, "")
        return _read_option(text) if text else _ABSENT

    def _read_choices(self, setting: Setting, slot: str) -> Any:
        chosen = [_read_option(text) for text in self._data.getlist(slot) if text]
        return chosen if chosen or setting.required else _ABSENT

    def _read_list(self, setting: Setting, slot: str) -> Any:
        assert setting.entry is not None  # noqa: S101  a list has one
        rows = []
        for row_id in self._row_ids(slot):
            value = self._read(setting.entry, make_slot(slot, row_id))
            rows.append(Row(row_id, "" if value is _ABSENT else value))
        self.rows[slot] = rows
        return [row.value for row in rows] if rows or setting.required else _ABSENT

    def _read_group(self, setting: Setting, slot: str) -> Any:
        found = self.read_members(setting.members, slot)
        return found if found or setting.required else _ABSENT

    def _read_map(self, setting: Setting, slot: str) -> Any:
        known = {member.key: member for member in setting.members}
        found: dict[str, Any] = {}
        rows = []
        for row_id in self._row_ids(slot):
            row_slot = make_slot(slot, row_id)
            key = self._data.get(f"{row_slot}{KEY_MARK}", "").strip()
            entry = known.get(key, setting.entry)
            assert entry is not None  # noqa: S101  a map has one
            value = self._read(entry, row_slot)
            value = {} if value is _ABSENT and entry.kind == "group" else "" if value is _ABSENT else value
            rows.append(Row(row_id, value, key))
            if key in found:
                self.issues.append(SlotIssue(row_slot, self._t("There is another entry of this name.")))
            elif key:
                found[key] = value
            elif value not in ("", {}):
                self.issues.append(SlotIssue(row_slot, self._t("Give this entry a name.")))
        self.rows[slot] = rows
        return found if found or setting.required else _ABSENT

    def _read_json(self, setting: Setting, slot: str) -> Any:
        text = self._data.get(f"{slot}{JSON_MARK}", "")
        if not text.strip():
            return _ABSENT
        try:
            value = json.loads(text)
            if is_deep(value):
                raise RecursionError  # which json.loads raises of what is a little deeper
        except (ValueError, RecursionError) as error:
            problem = self._t("{label} is no JSON.", label=setting.label)
            if isinstance(error, json.JSONDecodeError):
                problem = self._t(
                    "{label} is no JSON: look at line {line}, column {column}.",
                    label=setting.label,
                    line=error.lineno,
                    column=error.colno,
                )
            self.issues.append(SlotIssue(slot, problem))
            self.unreadable[slot] = text
            return _ABSENT
        return value

    def _read_secret(self, slot: str) -> Any:
        source = self._data.get(f"{slot}{SOURCE_MARK}", "")
        if source in {"$env", "$file"}:
            return {source: self._data.get(f"{slot}{NAME_MARK}", "").strip()}
        if source == "none":
            return _ABSENT
        new = self._data.get(slot, "").strip() or self._typed.unseal(self._data.get(f"{slot}{TYPED_MARK}", ""))
        if new is None:
            return self._stored.get(self._data.get(f"{slot}{KEPT_MARK}", ""), _ABSENT)
        self.typed.append(new)
        return new

    def _row_ids(self, slot: str) -> list[str]:
        ids = list(dict.fromkeys(self._data.getlist(f"{slot}{ROW_MARK}")))
        if len(ids) > MOST_ROWS:
            problem = self._t("A list has more than {most} entries: write it as JSON.", most=MOST_ROWS)
            raise InvalidConfig(problem)
        return ids


def change_rows(data: MultiDict[str, str], action: str) -> bool:
    """Add or remove the row that a button without script names, such as `add:/templates`; return whether it did."""
    verb, _, slot = action.partition(":")
    if verb == "add":
        ids = [int(one) for one in data.getlist(f"{slot}{ROW_MARK}") if _ROW_ID.fullmatch(one)]
        data.add(f"{slot}{ROW_MARK}", str(max(ids, default=-1) + 1))
    elif verb == "remove":
        parent, _, row_id = slot.rpartition("/")
        data.setlist(f"{parent}{ROW_MARK}", [one for one in data.getlist(f"{parent}{ROW_MARK}") if one != row_id])
    return verb in {"add", "remove"}


def _read_option(text: str) -> Any:
    """Return the value that an option stands for; they are written as JSON, since a choice may be true or a number."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
