"""The tables in docs/ that are made from the code: what each connector supports, and the conformance kit's checks.

`python tests/support_table.py` writes docs/connectors.md, and the table of checks in docs/writing-a-connector.md.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from connector_support import OPTIONS, ROOT, find_support, list_checks

from connector_core.testing import HttpConnectorTests

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DOCS = ROOT / "docs"
SUPPORT_PAGE = "connectors.md"
DEVELOPER_PAGE = "writing-a-connector.md"

_INTRODUCTION = """\
# Connectors

What the connectors of this repository support. `make docs` makes this page from their code: from metadata, config
schemas, hooks and test classes. [writing-a-connector.md](writing-a-connector.md) tells how to write another one.
"""

_WHO = """
## Who they are

*Over* is how a connector reaches its provider, *Sandbox* whether it ships one, *Checks* how many checks of the
conformance kit it passes.
"""

_MAILS = """
## What they send

*Templates* says where a mail gets its words. `local`: from templates in the config, which the connector renders.
`provider`: from templates that are stored at the provider, and named in the config. `both`: each template of the
config chooses. `endpoint`: the config has no templates, and whoever gets the message writes the mail. *Locale* says
whether a usage type may have a template for each language, *Required* which usage types must have one.
"""

_OPTIONS = """
## What a message may have

Which options of a message a connector sends (`messageOptions` of its metadata); a message with another one is refused.
*Batch* is how many messages go out in one request, where there are batches; without them `send_messages` sends one
request for each message, several at the same time.
"""

_LIMITS = """
The limits that are checked before a message goes out (`messageLimits` of the metadata):
"""

_ASKS = """
## What they ask the provider

Without sending anything. *Live check* says whether `check_connection` tells if a config works at the provider,
*Templates* whether `plan_templates` reads and writes the templates that the provider stores, *Usage* whether
`get_usage` tells how many messages went out.
"""

_SETTINGS = """
## Their settings

`auth.pass` is the key `pass` in the object `auth`. A secret may also be `{"$env": ...}` or `{"$file": ...}`. Every
setting is explained in the guide, which the name above leads to.
"""


def describe_check(check: Any) -> str:
    """Return what a check guards, from its docstring: `Guards against ...` and how to mend it."""
    said = re.sub(r"\s+", " ", (inspect.getdoc(check) or "").split("\n\n")[0])
    found = re.fullmatch(r"Guards (.+)\.", said)
    assert found is not None, f"The docstring of {check.__name__} doesn't say what it guards."
    return found[1]


def write_check_rows() -> str:
    """Return the rows of the table of the kit's checks; those for HTTP only come last."""
    rows = ((f"`{name}`", describe_check(check)) for name, check in list_checks(HttpConnectorTests).items())
    return "".join(_write_row(row) for row in rows)


def replace_check_rows(page: str) -> str:
    """Return the page for connector developers with the table of the kit's checks as it is now."""
    table = re.compile(r"(?<=^\| Check \| It guards \|\n\| --- \| --- \|\n)(\|.*\n)*", re.MULTILINE)
    replaced, count = table.subn(lambda _: write_check_rows(), page)
    assert count == 1
    return replaced


def write_support_page() -> str:
    """Return the page that says what each connector supports."""
    everything = find_support()
    who = [
        (
            f"[{one.connector.name()}](../{one.folder.relative_to(ROOT).as_posix()}/README.md)",
            f"`{one.connector.id}`",
            f"`{one.connector.distribution}`",
            one.protocol,
            _say(one.ships_sandbox),
            str(one.check_count),
            ", ".join(one.connector.metadata.guide),
            ", ".join(one.connector.metadata.description),
        )
        for one in everything
    ]
    mails = [
        (
            one.connector.name(),
            f"`{one.rendering}`",
            _say("locale" in one.entry_keys) if one.template_setting else "none",
            _quote(one.required_types),
            _quote(sorted(one.entry_keys - {"usageType", "locale"})),
        )
        for one in everything
    ]
    options = [(one.connector.name(), *map(_say, one.options), one.batch) for one in everything]
    limits = [(one.connector.name(), ", ".join(one.limits) or "none") for one in everything]
    asks = [(one.connector.name(), *map(_say, one.asks)) for one in everything]
    settings = [
        (one.connector.name(), _quote(one.required), _quote(one.secrets), _quote(one.further)) for one in everything
    ]
    return "".join(
        [
            _INTRODUCTION,
            _WHO,
            _write_table("Connector|Id|Distribution|Over|Sandbox|Checks|Guide|Description", who),
            _MAILS,
            _write_table("Connector|Templates|Locale|Required|A template has", mails),
            _OPTIONS,
            _write_table("|".join(("Connector", *(f"`{option}`" for option in OPTIONS), "Batch")), options),
            _LIMITS,
            _write_table("Connector|Limits", limits),
            _ASKS,
            _write_table("Connector|Live check|Templates|Usage", asks),
            _SETTINGS,
            _write_table("Connector|Required|Secret|Further", settings),
        ]
    )


def _say(is_so: bool) -> str:  # noqa: FBT001  it is all that is said
    return "yes" if is_so else "no"


def _quote(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _write_table(heads: str, rows: Iterable[tuple[str, ...]]) -> str:
    names = heads.split("|")
    return "\n" + "".join(_write_row(row) for row in (names, ["---"] * len(names), *rows))


def _write_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def write_pages(docs: Path) -> None:
    """Write what is made from the code into a folder that holds the page for connector developers."""
    (docs / SUPPORT_PAGE).write_text(write_support_page(), "utf-8")
    page = docs / DEVELOPER_PAGE
    page.write_text(replace_check_rows(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write_pages(DOCS)
