"""The commands that write templates to the provider, and from it to a folder."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from connector_core.cli.options import (
    as_json_option,
    config_option,
    connector_argument,
    debug_option,
    discover,
    open_config,
)
from connector_core.cli.output import FAILED, Group, find_width
from connector_core.cli.template_choice import Choice, find_languages
from connector_core.cli.template_diff import describe_differences, list_differences
from connector_core.errors import ConnectorError
from connector_core.starters import STARTER_LOCALES, starter_templates
from connector_core.template_folder import read_templates, write_templates

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from connector_core.cli.output import Session
    from connector_core.provisioning import Template, TemplateChange

_COLOURS = {"create": "green", "update": "yellow", "blocked": "red", "missing": "yellow", "kept": "red"}


@click.group("templates", cls=Group)
@debug_option
def templates() -> None:
    """Write templates to the provider, or those of the provider to a folder."""


@templates.command("push")
@connector_argument
@config_option
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option(
    "--locale",
    "languages",
    metavar="LIST",
    help="The languages, such as en,fr; an entry without a locale takes the first.  [default: all there are]",
)
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of templates, as `pull` writes it.  [default: the starter templates]",
)
@click.option("--type", "usage_types", multiple=True, help="Only this usage type; may be given several times.")
@click.option("--yes", "is_sure", is_flag=True, help="Replace templates that differ without asking.")
@as_json_option
@debug_option
@click.pass_obj
def push_templates(  # noqa: PLR0913, PLR0917  one argument an option
    session: Session,
    connector_id: str,
    config_file: BinaryIO,
    dry_run: bool,  # noqa: FBT001  Click calls it by keyword
    languages: str | None,
    folder: Path | None,
    usage_types: tuple[str, ...],
    is_sure: bool,  # noqa: FBT001  the same
) -> None:
    """Create the templates that a config names, and update those that differ; nothing is deleted.

    An update replaces what somebody wrote, so it is asked for each, or needs --yes.
    """
    choice = _choose(session, folder, languages, usage_types)
    with discover() as host:
        connector = host[connector_id]
        with connector.configure(open_config(session, connector, config_file)) as configured:
            planned = configured.plan_templates(choice.templates)
            _refuse_unknown_types(session, usage_types, dict.fromkeys(change.usage_type for change in planned))
            changes = list(choice.limit(planned))
            for sentence in choice.describe_unused(changes):
                session.note(sentence)
            asks = not (dry_run or is_sure) and _is_at_a_terminal(session, config_file)
            width = find_width(session.clean(change.path) for change in changes)
            documents = []
            for change in changes:
                _show_change(session, change, width)
                is_wanted = not dry_run and (change.action == "create" or is_sure or (asks and _ask(session, change)))
                documents.append(_apply(session, change, is_wanted=is_wanted))
    session.print_result({"connector": connector_id, "changes": documents}, _summarize(documents, is_plan=dry_run))
    if dry_run:
        return
    left = [one["name"] for one in documents if one["action"] == "update" and not (one["applied"] or "error" in one)]
    if left and not asks:
        session.note(f"Not updated without --yes: {', '.join(left)}.")
    if any("error" in one or one["action"] == "blocked" for one in documents):
        raise click.exceptions.Exit(FAILED)


@templates.command("pull")
@connector_argument
@config_option
@click.option(
    "--into",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("templates"),
    show_default=True,
    help="The folder to write to.",
)
@click.option("--yes", "is_sure", is_flag=True, help="Replace files that say something else.")
@as_json_option
@debug_option
@click.pass_obj
def pull_templates(
    session: Session,
    connector_id: str,
    config_file: BinaryIO,
    folder: Path,
    is_sure: bool,  # noqa: FBT001  Click calls it by keyword
) -> None:
    """Write the templates that a config names to a folder, as they are at the provider, for `push --from`."""
    with discover() as host:
        connector = host[connector_id]
        with connector.configure(open_config(session, connector, config_file)) as configured:
            changes = configured.plan_templates()
    found = {
        place: replace(change.before, usage_type=change.usage_type, locale=change.locale)
        for place, change in enumerate(changes)
        if change.before is not None
    }
    written = {id(one.template): one for one in write_templates(folder, found.values(), overwrite=is_sure)}
    documents = []
    for place, change in enumerate(changes):
        document = {"path": change.path, "name": change.name}
        if place in found:
            one = written[id(found[place])]
            documents.append({"status": one.status, **document, "files": list(one.files)})
        elif change.problem:
            documents.append({"status": "blocked", **document, "files": [], "problem": change.problem})
        else:
            documents.append({"status": "missing", **document, "files": []})
    document = {"connector": connector_id, "folder": str(folder), "templates": session.redaction.redact_json(documents)}
    session.print_result(document, _describe_files(session, documents, folder))
    if any(one["status"] == "kept" for one in documents):
        session.note(f"Files in {folder} that say something else were left as they are: replace them with --yes.")
    if any(one["status"] in {"kept", "blocked"} for one in documents):
        raise click.exceptions.Exit(FAILED)


def _choose(session: Session, folder: Path | None, named: str | None, usage_types: Sequence[str]) -> Choice:
    """Return the templates to push."""
    given: list[Template] = [] if folder is None else read_templates(folder)
    if folder is not None and not given:
        advice = "write some, such as SignIn.subject.txt with SignIn.html, or pull them"
        raise ConnectorError(f"There are no templates in {folder}: {advice}.")
    available = STARTER_LOCALES if folder is None else [one.locale for one in given if one.locale is not None]
    try:
        languages = [] if named is None else find_languages(named, available)
    except ValueError as cause:
        raise click.BadParameter(session.clean(str(cause)), param_hint="'--locale'") from None
    if folder is None:
        given = starter_templates(languages or STARTER_LOCALES)
    elif languages:
        order = {language: place for place, language in enumerate([None, *languages])}
        given = sorted((one for one in given if one.locale in order), key=lambda one: order[one.locale])
    return Choice(templates=given, languages=languages, usage_types=usage_types, is_exact=folder is not None)


def _refuse_unknown_types(session: Session, named: Sequence[str], known: Collection[str]) -> None:
    for usage_type in named:
        if usage_type not in known:
            problem = f"the config names no template of its own for {usage_type}: choose among {', '.join(known)}."
            raise click.BadParameter(session.clean(problem), param_hint="'--type'")


def _is_at_a_terminal(session: Session, config_file: BinaryIO) -> bool:
    """Return whether there is somebody to ask."""
    if session.as_json or sys.stdin is None or config_file is sys.stdin.buffer:
        return False
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(session: Session, change: TemplateChange) -> bool:
    question = f"Replace {session.clean(change.name)} at the provider?"
    return change.action == "update" and click.confirm(question, err=True)


def _show_change(session: Session, change: TemplateChange, width: int) -> None:
    if session.as_json:
        return
    action = click.style(f"{change.action:<7}", fg=_COLOURS.get(change.action))
    click.echo(f"{action}  {session.clean(change.path):<{width}}  {session.clean(change.name)}")
    if change.problem:
        click.echo(f"    {session.clean(change.problem)}")
    elif change.after is not None and change.before is None:
        click.echo(f"    Subject: {session.clean(change.after.subject)}")
    elif change.after is not None and change.before is not None and change.action == "update":
        click.echo(describe_differences(session, list_differences(change.before, change.after)))


def _apply(session: Session, change: TemplateChange, *, is_wanted: bool) -> dict[str, Any]:
    """Apply a change where it is wanted; return what became of it."""
    document: dict[str, Any] = {"action": change.action, "path": change.path, "name": change.name, "applied": False}
    if change.problem:
        document["problem"] = change.problem
    elif change.action == "update" and change.before is not None and change.after is not None:
        document["diff"] = "\n".join(list_differences(change.before, change.after))
    if is_wanted and change.action in {"create", "update"}:
        try:
            change.apply()
        except ConnectorError as error:
            document["error"] = error.to_json()
            if not session.as_json:
                session.note(f"    Error: {error}")
        else:
            document["applied"] = True
    cleaned: dict[str, Any] = session.redaction.redact_json(document)
    return cleaned


def _summarize(documents: Sequence[dict[str, Any]], *, is_plan: bool) -> str:
    """Return a line that counts what was done, or would be."""
    words = {
        ("create", False): "to create" if is_plan else "not created",
        ("create", True): "created",
        ("update", False): "to update" if is_plan else "not updated",
        ("update", True): "updated",
        ("keep", False): "unchanged",
        ("blocked", False): "blocked",
    }
    outcomes = [words[one["action"], one["applied"]] for one in documents]
    counts = [f"{outcomes.count(word):,} {word}" for word in words.values() if word in outcomes]
    start = "Nothing was changed" if is_plan else "Done"
    return f"{start}: {', '.join(counts) or 'there is no template to write'}."


def _describe_files(session: Session, documents: Sequence[dict[str, Any]], folder: Path) -> str:
    width = find_width(session.clean(one["path"]) for one in documents)
    lines = []
    for one in documents:
        status = click.style(f"{one['status']:<9}", fg=_COLOURS.get(one["status"]))
        if one["files"]:
            words = str(folder / f"{one['files'][0].removesuffix('.subject.txt')}.*")
        else:
            words = one.get("problem", f"{one['name']} is not at the provider")
        lines.append(f"{status}  {session.clean(one['path']):<{width}}  {session.clean(words)}")
    statuses = [one["status"] for one in documents]
    counts = [f"{statuses.count(status):,} {status}" for status in dict.fromkeys(statuses)]
    return "\n".join([*lines, f"Templates in {session.clean(str(folder))}: {', '.join(counts) or 'none'}."])
