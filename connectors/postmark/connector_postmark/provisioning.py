"""Templates at Postmark: what is there, what has to change, and the change itself (Templates API).

Only templates that the config names are read or written, and none is ever deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from connector_core import (
    InvalidMessage,
    ProviderUnavailable,
    SendError,
    Template,
    TemplateChange,
    TemplateNotFound,
    ask_at_once,
    choose_template,
    clean_header,
)
from connector_postmark.api import PostmarkApi
from connector_postmark.named_templates import find_named_templates
from connector_postmark.refusals import refuse_foreign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core import Config, Transport
    from connector_postmark.named_templates import NamedTemplate

_ACTION = "validate"
"""What stands in the place of an alias in the address of an action, so that a template of this alias can't be read."""

_LAYOUT = "Layout"
_PAGE = re.compile(r"<(!doctype|html|body)\b", re.IGNORECASE)
_LONGEST_ALIAS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A template as it is at Postmark; `layout` is the alias of the one that it stands in.

    One that was deleted can still be read by its id, and is then not active (tests of Postmark's .NET client).
    """

    id: int
    is_active: bool
    is_layout: bool
    layout: str | None
    content: Template

    def is_still(self, other: _Stored) -> bool:
        """Return whether nothing that a change looked at is different."""
        kinds = {(one.id, one.is_active, one.is_layout, one.layout) for one in (self, other)}
        return len(kinds) == 1 and self.content.says_the_same(other.content)


def plan_changes(config: Config, templates: Sequence[Template], transport: Transport) -> list[TemplateChange]:
    """Return what has to change at Postmark for each template that the config names.

    Args:
        config: the config.
        templates: what the templates shall say; none where they are only read.
        transport: carries the requests, up to eight at once.

    Raises:
        SendError: Postmark can't be reached, refuses, or answers nonsense.

    """
    api = PostmarkApi(config, transport)
    named = find_named_templates(config["templates"])
    stored = list(ask_at_once(partial(_read, api), named))
    return [_plan_change(api, one, there, templates) for one, there in _join_same(named, stored)]


def _join_same(
    named: Sequence[NamedTemplate], stored: Sequence[_Stored | None]
) -> list[tuple[NamedTemplate, _Stored | None]]:
    """Return each template once, even where the config names it by its alias in one entry and by its id in another."""
    joined: dict[str | int, tuple[NamedTemplate, _Stored | None]] = {}
    for one, there in zip(named, stored, strict=True):
        key = one.reference if there is None else there.id
        joined[key] = (joined[key][0].join(one), there) if key in joined else (one, there)
    return list(joined.values())


def _plan_change(
    api: PostmarkApi, named: NamedTemplate, there: _Stored | None, templates: Sequence[Template]
) -> TemplateChange:
    wanted = choose_template(templates, named.usage_type, named.locale)
    before = None if there is None else replace(there.content, usage_type=named.usage_type, locale=named.locale)
    problem = _find_problem(named, there, wanted)
    change = TemplateChange(
        path=named.path,
        name=str(named.reference),
        usage_type=named.usage_type,
        locale=named.locale,
        before=before,
        after=wanted,
        problem=problem,
    )
    if wanted is None or change.action not in {"create", "update"}:
        return change
    return replace(change, apply=partial(_apply, api, named, there, wanted))


def _find_problem(named: NamedTemplate, there: _Stored | None, wanted: Template | None) -> str:
    """Return why a template can't become what is wanted, and what to do instead; empty where it can."""
    if there is None:
        return _find_problem_of_new(named.reference)
    if not there.is_active:
        return "This template is not active at Postmark, which is what becomes of a deleted one: name another one here."
    if there.is_layout:
        return (
            "This is a layout at Postmark, which sends no mail and stays one: give the layout another alias there, or "
            "name another template here."
        )
    if wanted is None or there.content.says_the_same(wanted):
        return ""
    return _find_problem_of_update(there, wanted)


def _find_problem_of_update(there: _Stored, wanted: Template) -> str:
    if there.layout is not None and _PAGE.search(wanted.html):
        # To take the layout away would undo a design that somebody chose.
        layout = clean_header(there.layout)[:_LONGEST_ALIAS]
        return (
            f"This template stands in the layout {layout}, which is a page itself, and what shall be there is a whole "
            "page: take the template out of the layout in Postmark, or give only what goes into the layout."
        )
    old, new = there.content, wanted
    for part, was, is_wanted in (("HTML", old.html, new.html), ("plain text", old.text, new.text)):
        if was and not is_wanted:
            return f"Postmark keeps a part that is given as empty: empty the {part} of this template there."
    return ""


def _find_problem_of_new(reference: str | int) -> str:
    if isinstance(reference, int):
        return (
            f"Postmark has no template {reference} on this server, and chooses the ids of new ones itself: create it "
            "in Postmark and put its id here, or give it an alias (templateAlias) in place of the id."
        )
    if _is_action(reference):
        return f"Postmark's API can't find a template by the alias {reference}: choose another alias."
    return ""


def _is_action(reference: str | int) -> bool:
    return str(reference).lower() == _ACTION


def _read(api: PostmarkApi, named: NamedTemplate) -> _Stored | None:
    """Return a template as it is at Postmark, None where there is none."""
    if _is_action(named.reference):
        return None
    try:
        answer = api.request("GET", f"/templates/{named.reference}")
    except TemplateNotFound:
        return None
    template_id = answer.get("TemplateId")
    texts = [answer.get(key) for key in ("Subject", "HtmlBody", "TextBody", "TemplateType", "LayoutTemplate")]
    has_content = "HtmlBody" in answer or "TextBody" in answer
    if type(template_id) is not int or not has_content or not all(isinstance(text, str | None) for text in texts):
        raise refuse_foreign()
    subject, html, text, kind, layout = (text or "" for text in texts)  # an empty part is null
    content = Template(usage_type=named.usage_type, subject=subject, html=html, text=text)
    is_active = answer.get("Active") is not False
    return _Stored(
        id=template_id, is_active=is_active, is_layout=kind == _LAYOUT, layout=layout or None, content=content
    )


def _apply(api: PostmarkApi, named: NamedTemplate, before: _Stored | None, wanted: Template) -> None:
    """Create or update a template, unless it is no longer what it was.

    Raises:
        SendError: Postmark refuses, or somebody changed the template in the meantime.

    """
    now = _read(api, named)
    if now is not None and now.is_active and not now.is_layout and now.content.says_the_same(wanted):
        return  # done before, by us or by somebody else
    if (now is None) != (before is None) or (now and before and not now.is_still(before)):
        raise InvalidMessage(
            f"The template {named.reference} at Postmark is no longer what it was when the change was planned, so it "
            "was left as it is: look at it, and plan the change again."
        )
    content = {"Subject": wanted.subject, "HtmlBody": wanted.html, "TextBody": wanted.text}
    if before is None:
        new = {"Name": named.title, "Alias": named.reference, "TemplateType": "Standard"}
        _write(api, named, "POST", "/templates", {**new, **content})
    else:
        if before.layout is not None:  # named again, so that no reading of the API takes the template out of it
            content["LayoutTemplate"] = before.layout
        # By the id, for the alias might be another template's by now.
        _write(api, named, "PUT", f"/templates/{before.id}", content)


def _write(api: PostmarkApi, named: NamedTemplate, method: str, path: str, body: dict[str, Any]) -> None:
    try:
        answer = api.request(method, path, body)
        if type(answer.get("TemplateId")) is not int:
            raise refuse_foreign()
    except SendError as error:
        if error.outcome == "not_sent":
            raise
        status = error.provider.status if error.provider is not None else None
        why = error.reason or f"HTTP {status}"
    else:
        return
    raise ProviderUnavailable(
        f"Postmark gave no clear answer ({why}), so nobody knows whether it has the template {named.reference} now: do "
        "it again, which is safe."
    )
