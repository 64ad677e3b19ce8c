"""JSON that somebody typed and that can't be read: whether it may go back to the browser as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connector_core.settings import Setting

_HIDDEN_OR_ELSEWHERE = r'\s*:\s*(?:"\*\*\*"|\{\s*"\$(?:env|file)"\s*:\s*"[^"]*"\s*\})'
_NAME = re.compile(r"""([\w$.-]+)\s*["']?\s*:(?!//)""")


def surely_holds_no_secret(text: str, settings: Iterable[Setting]) -> bool:
    """Return whether a text that should be a config names nothing but settings that are no secrets.

    Nobody can tell where the values of broken JSON end, so the name of a secret is enough to doubt, unless `***` or a
    reference follows it, and so is a name that the connector doesn't know: it may be a misspelled one.

    Args:
        text: what was typed.
        settings: the settings of the connector.

    """
    found = [one for setting in settings for one in setting.walk()]
    secret = {one.key for one in found if one.secret}
    names = "|".join(sorted(map(re.escape, secret)))
    rest = re.sub(rf'"(?:{names})"{_HIDDEN_OR_ELSEWHERE}', "", text) if names else text
    if names and re.search(rf"\b(?:{names})\b", rest, re.IGNORECASE):
        return False
    is_object = text.lstrip().startswith("{")  # anything else may be a token that was pasted alone
    return is_object and set(_NAME.findall(rest)) <= {one.key for one in found} - secret
