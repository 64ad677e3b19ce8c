"""Secrets: wrapped so that nothing shows them by accident, and struck out of text that might."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, final

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"

_LONGEST_MIXED = 1000
"""Characters; of a longer secret, such as a private key, mixed notations would make too large a pattern."""


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

    A secret is found in every notation in which software writes it: as it is, in JSON, in `repr` of text and of
    bytes, and in a URL.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        # Asterisks alone could never be hidden by asterisks.
        longest_first = sorted({secret for secret in secrets if secret.strip("*")}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_any_notation, longest_first))) if longest_first else None

    def redact(self, text: str) -> str:
        """Return `text` with `***` in place of each secret."""
        while self._pattern is not None:
            # What was put in may make a secret anew together with what stands beside it.
            text, count = self._pattern.subn(HIDDEN, text)
            if not count:
                break
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

        What shows a secret all the same, since its text can't be changed, is taken off the chain.
        """
        self._redact_chain(error, set())

    def _redact_chain(self, error: BaseException, seen: set[int]) -> None:
        seen.add(id(error))
        self._redact_fields(error)
        for member in _members(error):
            self._redact_chain(member, seen)
        for link in ("__cause__", "__context__"):
            behind = getattr(error, link)
            if behind is not None and id(behind) not in seen:
                self._redact_chain(behind, seen)
            if behind is not None and self._is_shown_by(behind):
                setattr(error, link, None)

    def _redact_fields(self, error: BaseException) -> None:
        # What can't be changed, for whatever reason a foreign class has, is judged by what it shows.
        with suppress(Exception):
            error.args = tuple(self._redact_field(argument) for argument in error.args)
        for name, value in tuple(vars(error).items()):
            with suppress(Exception):
                setattr(error, name, self._redact_field(value))

    def _redact_field(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, bytes):
            return self.redact(value.decode("latin-1")).encode("latin-1", "replace")
        if isinstance(value, dict):
            return {self._redact_field(key): self._redact_field(member) for key, member in value.items()}
        if type(value) in {list, tuple, set, frozenset}:
            return type(value)(self._redact_field(member) for member in value)
        if is_dataclass(value) and not isinstance(value, type | BaseException):
            changed = {part.name: self._redact_field(getattr(value, part.name)) for part in fields(value) if part.init}
            return replace(value, **changed)
        return value

    def _is_shown_by(self, error: BaseException) -> bool:
        """Return whether an exception shows a secret, or can't be shown at all."""
        try:
            shown = f"{error} {error!r} {vars(error)}"
        except Exception:  # noqa: BLE001  the __str__ of a foreign exception may do anything
            return True
        if self._pattern is not None and self._pattern.search(shown):
            return True
        return any(self._is_shown_by(member) for member in _members(error))


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def _any_notation(secret: str) -> str:
    """Return a pattern of the ways in which software writes a secret: one notation throughout, or mixed ones."""
    whole = sorted(_write(secret), key=len, reverse=True)
    if len(secret) > _LONGEST_MIXED:
        return "|".join(map(re.escape, whole))
    # Atomic groups, so that a run of backslashes, which are doubled by some, is tried in one way only.
    mixed = "".join(
        f"(?>{'|'.join(map(re.escape, sorted(_write(character), key=len, reverse=True)))})" for character in secret
    )
    return "|".join([*map(re.escape, whole), mixed])


def _write(text: str) -> set[str]:
    """Return a text in the notations of JSON, `repr` of text and of bytes, and URLs."""
    from urllib.parse import quote, quote_plus

    encoded = text.encode("utf-8", "surrogatepass")
    in_url = quote(encoded, safe="")
    notations = {
        text,
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(text)[1:-1].replace("/", "\\/"),
        repr(text)[1:-1],
        ascii(text)[1:-1],
        repr(encoded)[2:-1],
        encoded.decode("latin-1"),
        "".join(f"%{byte:02X}" for byte in encoded),
        in_url,
        quote(encoded),
        quote_plus(encoded),
        re.sub("%..", lambda byte: byte[0].lower(), in_url),
    }
    if text in {"'", '"', "/"}:
        notations.add(f"\\{text}")
    if text == " ":
        notations.add("+")
    return notations
