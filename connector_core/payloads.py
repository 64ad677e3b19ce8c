"""What messages carry: the variables that the shared usage types bring, for checks and test mails.

The names are those of Logto, whose payload is any JSON object: a host's own usage types may bring other variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connector_core.message import USAGE_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

TEST_CODE = "000000"
"""The code in a message that is sent to try a config."""

TEST_LINK = "https://example.com/invitation"
"""The link in the same; it leads nowhere (RFC 2606, section 3)."""

_INVITATION = "OrganizationInvitation"
_POSSIBLE = ("code", "link", "locale", "uiLocales", "application", "organization", "user", "inviter")
"""The variables that a message of a shared usage type may carry; all but the first two are extras."""


def main_variable(usage_type: str) -> str:
    """Return the variable without which a mail is useless: `link` of an invitation, `code` of all others."""
    return "link" if usage_type == _INVITATION else "code"


def sample_payload(usage_type: str, locale: str | None = None) -> dict[str, Any]:
    """Return a payload as each message of a usage type has it at least, with a code or a link that is none.

    Args:
        usage_type: the usage type.
        locale: the language of the reader, which is put in where it is given.

    """
    name = main_variable(usage_type)
    payload: dict[str, Any] = {name: TEST_LINK if name == "link" else TEST_CODE}
    return payload if locale is None else {**payload, "locale": locale}


def find_unknown_variables(usage_type: str, names: Iterable[str]) -> list[tuple[str, str | None]]:
    """Return the variables among `names` that messages of a usage type don't carry, each with what may be meant.

    A host's own usage type may carry anything, so nothing is unknown there.
    """
    from difflib import get_close_matches

    if usage_type not in USAGE_TYPES:
        return []
    unknown = [name for name in dict.fromkeys(names) if name not in _POSSIBLE]
    return [(name, next(iter(get_close_matches(name, _POSSIBLE, n=1)), None)) for name in unknown]
