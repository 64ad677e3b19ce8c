"""The words of JSON Schema that mean more here than in jsonschema, or are checked in another way."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from connector_core.address import ascii_address
from connector_core.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator


@cache
def validator_class() -> type[Validator]:
    """Return the class of validators that know our words; it fetches nothing, and makes nothing of `$ref`."""
    from jsonschema.validators import Draft202012Validator, extend

    words = {"contains": _contains, "pattern": _pattern, "format": _format}
    made: type[Validator] = extend(Draft202012Validator, words)  # type: ignore[no-untyped-call]  # jsonschema's own
    return made


def _contains(validator: Any, wanted: Mapping[str, Any], instance: Any, _schema: object) -> Iterator[ValidationError]:
    """Check `contains` up to the first match; jsonschema goes on to count them, for words that the dialect lacks."""
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "array"):
        matching = validator.evolve(schema=wanted)
        if not any(matching.is_valid(member) for member in instance):
            yield ValidationError("no entry matches")


def _pattern(validator: Any, pattern: str, instance: Any, _schema: object) -> Iterator[ValidationError]:
    """Check `pattern` as JSON Schema means it: `$` is the very end, where Python lets a line break follow."""
    from jsonschema.exceptions import ValidationError

    if validator.is_type(instance, "string") and not compile_pattern(pattern).search(instance):
        yield ValidationError("the text does not match")


def _format(validator: Any, name: str, instance: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    """Check what a pattern can't say of an address: that its host or domain can be one."""
    from jsonschema.exceptions import ValidationError

    find_domain = _DOMAINS.get(name)
    if find_domain is None or not validator.is_type(instance, "string"):
        return
    if not compile_pattern(schema.get("pattern", "")).search(instance):
        return  # the pattern tells
    try:
        ascii_address(f"x@{find_domain(instance)}")
    except (ValueError, InvalidMessage):
        yield ValidationError("the domain can't be one")


def find_host(url: str) -> str | None:
    """Return the host of a URL, an IPv6 address without its brackets.

    Raises:
        ValueError: the text is no URL.

    """
    from urllib.parse import urlsplit

    return urlsplit(url).hostname


_DOMAINS: Mapping[str, Callable[[str], str | None]] = {
    "address": lambda address: address.rpartition("@")[2],
    "host": lambda host: host,
    "mailbox": lambda mailbox: mailbox.rpartition("@")[2].removesuffix(">"),
    "url": find_host,
}
"""What finds the domain in a text, by the format of the text."""


@cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Return an ECMA-262 pattern as Python has it: an anchor `$` becomes `\Z`."""
    return re.compile(re.sub(r"(\\.|\[(?:\\.|[^\]\\])*\])|\$", lambda found: found[1] or r"\Z", pattern))
