"""Secrets: wrapped so that nothing shows them by accident, and struck out of text that might."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, final

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"


@final
class Secret:
    """A text that `repr`, `str`, logs and tracebacks show as `***`; `reveal()` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret text; call it as late as possible and keep what it returns in no variable."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({HIDDEN})"

    def __str__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret can't be pickled: pass the config's own form, with {'$env': ...}, instead")


class Redaction:
    """Strikes known secrets out of text and out of exceptions.

    Each secret is struck in the forms in which software writes it: as it is, as JSON, as `repr` and as part of a URL.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in _written_forms(secret)}
        self._forms = sorted(forms, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """Return `text` with `***` in place of each secret."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def redact_json(self, value: Any) -> Any:
        """Return a JSON value with every text in it, keys included, freed of secrets."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, dict):
            return {self.redact(key): self.redact_json(member) for key, member in value.items()}
        if isinstance(value, list | tuple):
            return [self.redact_json(member) for member in value]
        return value

    def redact_exception(self, error: BaseException) -> None:
        """Strike the secrets out of an exception and of all that it was raised from, in place.

        A cause whose text can't be changed is taken off the chain.
        """
        seen: set[int] = set()
        pending: list[BaseException | None] = [error]
        while pending:
            found = pending.pop()
            if found is None or id(found) in seen:
                continue
            seen.add(id(found))
            self._redact_fields(found)
            if self._shows_secret(found.__cause__):
                found.__cause__ = None
            if self._shows_secret(found.__context__):
                found.__context__ = None
            pending += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]

    def _redact_fields(self, error: BaseException) -> None:
        error.args = tuple(self._redact_field(argument) for argument in error.args)
        for name, value in vars(error).items():
            setattr(error, name, self._redact_field(value))

    def _redact_field(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(self._redact_field(member) for member in value)
        if isinstance(value, list | dict):
            return self.redact_json(value)
        if is_dataclass(value) and not isinstance(value, type):
            changed = {part.name: self._redact_field(getattr(value, part.name)) for part in fields(value) if part.init}
            return replace(value, **changed)
        return value

    def _shows_secret(self, error: BaseException | None) -> bool:
        """Return whether an exception shows a secret even after its fields were freed of them."""
        if error is None:
            return False
        self._redact_fields(error)
        shown = f"{error} {error!r}"
        return any(form in shown for form in self._forms)


def _written_forms(secret: str) -> set[str]:
    """Return the spellings of a secret that turn up in messages, dumps and URLs."""
    from urllib.parse import quote, quote_plus

    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(secret, safe="", errors="replace"),
        quote_plus(secret, errors="replace"),
    }
