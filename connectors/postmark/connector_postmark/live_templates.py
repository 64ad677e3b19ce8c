"""The templates of a config at Postmark: whether they are there, render, and show what the mail is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connector_core import USAGE_TYPES, Finding, find_unknown_variables, main_variable
from connector_postmark.live_answers import Answer, ask, misshapen, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from connector_postmark.api import PostmarkApi

_PARTS = {"Subject": "subject", "HtmlBody": "HTML", "TextBody": "plain text"}
_BODIES = ("HtmlBody", "TextBody")

_MARK = "zq7xkv93wj"
"""A value that no template has by itself, of letters and digits alone, which no escaping changes."""

_VALUES = {"code": _MARK, "link": f"https://example.com/{_MARK}"}
_NOT_FOUND = 1101
_OF_TEMPLATES = range(1100, 1200)
"""Postmark's error codes that are about templates ("API error codes")."""

_FILLED_IN_BY_POSTMARK = ("pm:", "@")
_MOST_NAMED, _LONGEST_NAME = 5, 40


@dataclass(frozen=True, slots=True)
class Rendering:
    """A template, rendered with a value for the main variable alone.

    Args:
        bodies: the fields of the bodies that it has.
        shown_in: the fields, the subject among them, that show the value.
        variables: the variables that it uses besides, each by the first part of its path.

    """

    bodies: Sequence[str]
    shown_in: frozenset[str]
    variables: Sequence[str]


if TYPE_CHECKING:
    Inspection: TypeAlias = Mapping[str, Finding | Rendering]


def name_template(key: str | int) -> str:
    """Return how a sentence calls a template."""
    return f"template {key}" if isinstance(key, str) else f"template with the id {key}"


def inspect_template(
    api: PostmarkApi, key: str | int, variables: Sequence[str], *, inline_css: bool | None
) -> Inspection:
    """Return how a template renders with a value for each main variable, or what is wrong with it (without a path).

    (Postmark developer docs, "Templates API": Get a template, Validate a template)

    Args:
        api: Postmark's API with the token of the config.
        key: the alias, or as a number the id.
        variables: the main variables of the usage types that it serves, `code` and `link`.
        inline_css: the config's setting.

    Raises:
        SendError: Postmark gave no answer.

    """
    answer = ask(api, "GET", f"/templates/{quote(str(key), safe='')}")
    problem = _find_problem(answer, key)
    if problem is not None:
        return dict.fromkeys(variables, problem)
    content = answer.content
    trial = {part: content[part] for part in _PARTS if content.get(part)}
    if content.get("LayoutTemplate"):
        trial |= {"TemplateType": "Standard", "LayoutTemplate": content["LayoutTemplate"]}
    if inline_css is not None:
        trial["InlineCssForHtmlTestRender"] = inline_css
    return {variable: _render(api, key, trial, variable) for variable in variables}


def judge_template(name: str, usage_type: str, path: str, seen: Finding | Rendering) -> Finding:
    """Return the finding for an entry of the config.

    Args:
        name: how a sentence calls its template.
        usage_type: its usage type; messages of a host's own may carry any variables.
        path: the path of the setting that names the template.
        seen: what was seen of the template.

    """
    if isinstance(seen, Finding):
        return replace(seen, path=path)
    if usage_type not in USAGE_TYPES:
        return Finding("ok", "template_accepted", path, f"The {name} is there and renders.")
    variable = f"{{{{{main_variable(usage_type)}}}}}"
    unknown = find_unknown_variables(usage_type, seen.variables)
    lacking = _join([_PARTS[body] for body in seen.bodies if body not in seen.shown_in])
    fix = f"In Postmark, put {variable} into the {lacking} of the template."
    if unknown:
        code = "unknown_variable"
        message = f"The {name} uses {_describe(unknown)}, which messages of the type {usage_type} don't carry"
        if seen.shown_in:
            fix = "In Postmark, take out of the template what stays empty, or put what messages carry in its place."
        else:
            message += f", and never shows {variable}"
    elif lacking:
        code = "missing_variable"
        never = f"never show {variable}, so they are of no use for {usage_type}"
        where = f"don't show {variable} in their {lacking}"
        message = f"Mails by the {name} {where if seen.shown_in else never}"
    else:
        return Finding("ok", "template_accepted", path, f"The {name} is there, renders and shows {variable}.")
    return Finding("warning" if seen.shown_in else "error", code, path, f"{message}.", fix)


def _find_problem(answer: Answer, key: str | int) -> Finding | None:
    """Return why nothing more can be learned of a template; None where it can be rendered.

    Raises:
        InvalidResponse: the answer is none of Postmark's.

    """
    name, content = name_template(key), answer.content
    if answer.code == _NOT_FOUND:
        fix = "Create it in Postmark, run connectors templates push, or mend the alias in the config."
        if isinstance(key, int):
            fix = "Postmark chooses the ids: copy that of the template from its page in Postmark, or name its alias."
        return Finding("error", "template_not_found", "", f"There is no {name} on the server of the token.", fix)
    if answer.code:
        return _untold(key, answer)
    return _find_problem_of_content(content, name)


def _find_problem_of_content(content: Mapping[str, Any], name: str) -> Finding | None:
    """Return why a template can't be sent.

    Of a deleted template Postmark still tells by its id: it is then not active (tests of Postmark's .NET client).

    Raises:
        InvalidResponse: the answer is none of Postmark's.

    """
    texts = [content.get(member) for member in (*_PARTS, "LayoutTemplate")]
    if type(content.get("TemplateId")) is not int or not all(isinstance(text, str | None) for text in texts):
        raise misshapen("a template")
    if content.get("TemplateType") == "Layout":
        fix = "Name a template of the type Standard: a layout only wraps others."
        return Finding("error", "template_is_layout", "", f"The {name} is a layout, which can't be sent.", fix)
    if content.get("Active") is False:
        message = f"The {name} is not active, which is what becomes of a deleted one, so it can't be sent."
        return Finding("error", "template_inactive", "", message, "Name another template.")
    if not any(content.get(body) for body in _BODIES):
        return _broken(name, "it has neither HTML nor plain text")
    return None


def _render(api: PostmarkApi, key: str | int, trial: Mapping[str, Any], variable: str) -> Finding | Rendering:
    """Return how a template renders with a value for one variable, or why it doesn't.

    The model that Postmark renders with is its own suggestion with what was given put over it, so that every other
    variable shows something, too.

    Raises:
        SendError: Postmark gave no answer.

    """
    model = {variable: _VALUES[variable]}
    answer = ask(api, "POST", "/templates/validate", {**trial, "TestRenderModel": model})
    if answer.code in _OF_TEMPLATES:
        return _broken(name_template(key), answer.said or f"Postmark's error {answer.code}")
    if answer.code:
        return _untold(key, answer)
    results = {part: _read_object(answer.content, part) for part in _PARTS}
    is_valid = answer.content.get("AllContentIsValid")
    if is_valid is False:
        return _broken(name_template(key), next(_read_errors(results), "Postmark does not say why"))
    rendered = {part: results[part].get("RenderedContent") for part in trial if part in _PARTS}
    if is_valid is not True or not all(isinstance(text, str | None) for text in rendered.values()):
        raise misshapen("a rendered template")
    suggested = _read_object(answer.content, "SuggestedTemplateModel")
    return Rendering(
        bodies=[body for body in _BODIES if body in trial],
        shown_in=frozenset(part for part, text in rendered.items() if _MARK in str(text)),
        variables=[name for name in suggested if name not in model and not name.startswith(_FILLED_IN_BY_POSTMARK)],
    )


def _read_object(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a member that is an object or absent.

    Raises:
        InvalidResponse: it is something else.

    """
    value = answer.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise misshapen("a rendered template")
    return value


def _read_errors(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with the parts of a template, each with its place."""
    for part, result in results.items():
        errors = result.get("ValidationErrors")
        for error in errors if isinstance(errors, list) else ():
            if isinstance(error, dict):
                line = f", line {error['Line']}" if type(error.get("Line")) is int else ""
                yield f"{_PARTS[part]}{line}: {shorten(error.get('Message')) or 'no reason given'}"


def _broken(name: str, why: str) -> Finding:
    fix = "Mend the template in Postmark, whose editor shows what is wrong."
    return Finding("error", "template_broken", "", f"The {name} can't be rendered: {why.rstrip('.')}.", fix)


def _untold(key: str | int, answer: Answer) -> Finding:
    message = f"Postmark does not tell of the {name_template(key)} ({answer.code}: {answer.said.rstrip('.')})."
    return Finding("warning", "template_unknown", "", message, "Look at it in Postmark, or send a test mail by it.")


def _describe(unknown: Sequence[tuple[str, str | None]]) -> str:
    """Return the names of unknown variables, each with what may be meant."""
    named = [
        f"{{{{{shorten(name, _LONGEST_NAME) or '...'}}}}}" + (f" (did you mean {{{{{meant}}}}}?)" if meant else "")
        for name, meant in unknown[:_MOST_NAMED]
    ]
    more = len(unknown) - len(named)
    return _join([*named, f"{more} more"] if more else named)


def _join(words: Sequence[str]) -> str:
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last
