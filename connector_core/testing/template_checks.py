"""Checks of the hook `provision_templates`: templates that a config names are put where the provider keeps them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from connector_core.errors import AuthorizationFailed, ConnectorError, SendError
from connector_core.jsonvalue import format_path
from connector_core.payloads import main_variable, sample_payload
from connector_core.starters import starter_templates
from connector_core.templates import list_template_entries
from connector_core.testing.config_paths import read_path
from connector_core.testing.hooks import PROVISION
from connector_core.testing.subject import SubjectChecks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connector_core.connector import Connector
    from connector_core.provisioning import Action, Template, TemplateChange
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.subject import Subject

_NEW = "(new)"
"""What stands in each mail after an update, and in none before."""


class TemplateChecks(SubjectChecks):
    """What becomes of the provider's templates; for connectors that can reach them."""

    def test_a_plan_without_templates_tells_what_is_there(self, subject: Subject) -> None:
        """Guards hosts that show or copy what the provider has: each template that the config names, as it is.

        To mend: return a change for each template that the config names, with its path, its name, the usage type and
        the locale of the entry, and what is there as `before`; let the sandbox have the templates of its config.
        """
        if not subject.has(PROVISION):
            return
        sandbox = subject.start_sandbox()
        changes = require_plan(subject, sandbox.config)
        told = {change.path: change for change in changes}
        for path, name in find_names(subject, sandbox.config).items():
            assert path in told, f"The plan lacks a template that the config names: {path}."
            assert told[path].name == name, f"The plan calls the template at {path} {told[path].name}."
            entry = _find_entry(subject, sandbox.config, path)
            use = (told[path].usage_type, told[path].locale)
            assert use == (entry["usageType"], entry.get("locale")), f"The template at {path} isn't for {use}."
        for change in changes:
            assert change.before is not None, f"The template at {change.path} is there, and the plan lacks it."
            assert change.action == "keep", f"Nothing was asked for, and the plan is to {change.action} {change.path}."

    def test_a_plan_changes_nothing(self, subject: Subject) -> None:
        """Guards administrators who only look: nothing is changed before `apply`.

        To mend: put all that writes to the provider into the function that you hand over as `apply`.
        """
        if not subject.has(PROVISION):
            return
        sandbox = subject.start_sandbox()
        new = self._name_new_templates(subject, sandbox.config)
        for config in (sandbox.config, new):
            first = _plan_named(subject, config, starters())
            assert _plan_named(subject, config, starters()) == first, "A plan alone has changed what is there."
        others = [change for change in first if change.action not in {"create", "blocked"}]
        assert new == sandbox.config or not others, f"All are new, and the plan is to {_describe(others)}"

    def test_a_push_is_repeatable(self, subject: Subject) -> None:
        """Guards administrators who push twice: what is there already is kept, and mails can be sent by it.

        To mend: compare what the provider gives back with what shall be there, and propose a change only where they
        differ; `apply` creates what isn't there and updates what is. Where the provider alone gives its templates their
        ids, what isn't there is blocked.
        """
        if not subject.has(PROVISION):
            return
        sandbox = subject.start_sandbox()
        config = self._name_new_templates(subject, sandbox.config)
        first: Action = "create"
        if not any(change.action == first for change in _plan_named(subject, config, starters())):
            config, first = sandbox.config, "update"
        pushed = _push(subject, config, starters(), first)
        self._send_by(subject, sandbox, config, pushed)
        _push(subject, config, [_mark_new(one) for one in starters()], "update")
        count = len(sandbox.messages)
        self._send_by(subject, sandbox, config, pushed)
        old = [one.subject for one in sandbox.messages[count:] if _NEW not in f"{one.subject} {one.text} {one.html}"]
        assert not old, f"After an update mails are still the old ones: {old}"

    def test_a_push_leaves_other_templates_as_they_are(self, subject: Subject) -> None:
        """Guards the templates that somebody wrote at the provider: none is lost, and none is overwritten.

        To mend: write to the template that the config names alone, and delete nothing.
        """
        if not subject.has(PROVISION):
            return
        sandbox = subject.start_sandbox()
        new = self._name_new_templates(subject, sandbox.config)
        if new == sandbox.config:
            return  # where a template has a number, the config can't name another one that is there
        before = require_plan(subject, sandbox.config)
        for change in _plan_named(subject, new, starters()):
            change.apply()
        assert require_plan(subject, sandbox.config) == before, "A push has changed templates that the config lacks."
        assert list(sandbox.messages) == [], "A push sent a message."

    def test_a_plan_with_wrong_credentials_is_an_authorization_failure(self, subject: Subject) -> None:
        """Guards against a plan to create what is there, made where nobody was let in.

        To mend: raise `AuthorizationFailed` with the provider's reply (`make_refusal` does for 401 and 403).
        """
        if not subject.has(PROVISION):
            return
        sandbox = subject.start_sandbox()
        for where, config in self.break_credentials(subject, sandbox.config).items():
            said = ask_plan(subject, config, starters())
            assert isinstance(said, AuthorizationFailed), f"With a wrong {where} the plan is {show(said)}."

    @staticmethod
    def _name_new_templates(subject: Subject, config: dict[str, Any]) -> dict[str, Any]:
        """Return a config whose templates aren't at the provider yet; those that have a number stay."""
        setting = subject.templates
        for path, name in setting.stored_names(config).items() if setting is not None else ():
            config = subject.name_new_template(config, path, name)
        return config

    @staticmethod
    def _send_by(subject: Subject, sandbox: Sandbox, config: dict[str, Any], pushed: Iterable[str]) -> None:
        """Send a message by each of the templates that were pushed."""
        for path in pushed:
            entry = _find_entry(subject, config, path)
            usage_type = entry["usageType"]
            payload = sample_payload(usage_type, entry.get("locale"))
            subject.send(config, subject.make_message(usage_type=usage_type, **payload))
            shown = f"{sandbox.messages[-1].text} {sandbox.messages[-1].html}"
            name = main_variable(usage_type)
            assert payload[name] in shown, f"A mail by the template that was pushed for {usage_type} lacks its {name}."


def _mark_new(template: Template) -> Template:
    """Return a template that says something else, in each part: not every provider keeps a subject with it."""
    return replace(
        template,
        subject=f"{template.subject} {_NEW}",
        html=template.html.replace("</body>", f"<p>{_NEW}</p></body>"),
        text=f"{template.text}\n\n{_NEW}",
    )


@cache
def starters() -> Sequence[Template]:
    """Return what new templates shall say."""
    return tuple(starter_templates())


def find_names(subject: Subject, config: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the provider's templates in a config, by their path; its numbers where it has no name.

    There must be some.
    """
    setting = subject.templates
    names = {} if setting is None else setting.stored_names(config) or setting.stored_numbers(config)
    if not names:
        pytest.fail(
            "Give the test's config entries that name a template of the provider, in a key that starts with "
            "`template`, such as `templateAlias`."
        )
    return {format_path(path): name for path, name in names.items()}


def ask_plan(
    subject: Subject, config: Mapping[str, Any], templates: Sequence[Template] = (), connector: Connector | None = None
) -> list[TemplateChange] | SendError:
    """Return the plan, or the error, which must be one that a host can act upon; each change must be, too."""
    with (connector or subject.connector).configure(config) as configured:
        try:
            changes = configured.plan_templates(templates)
        except SendError as error:
            return error
        except ConnectorError as error:
            pytest.fail(f"provision_templates raised no SendError: {error} ({error.__cause__!r})")
    for change in changes:
        path = read_path(change.path)
        place = subject.schema.root.at(path) if path else None
        assert place, f"A change leads to no setting of the schema: {change.path}."
        assert change.name, f"The change at {change.path} lacks the name of the template."
        assert change.action != "blocked" or change.problem.strip(), f"{change.path} is blocked, and nobody says why."
    return changes


def require_plan(
    subject: Subject, config: Mapping[str, Any], templates: Sequence[Template] = ()
) -> list[TemplateChange]:
    """Return the plan; there must be one."""
    changes = ask_plan(subject, config, templates)
    if isinstance(changes, SendError):
        pytest.fail(f"There should have been a plan, but asking for it failed: {changes}")
    return changes


def _plan_named(subject: Subject, config: Mapping[str, Any], templates: Sequence[Template]) -> list[TemplateChange]:
    """Return the part of the plan that is about templates with a name, or, where none has one, with a number."""
    names = find_names(subject, config)
    return [change for change in require_plan(subject, config, templates) if change.path in names]


def _push(subject: Subject, config: Mapping[str, Any], templates: Sequence[Template], action: Action) -> list[str]:
    """Apply the plan, and check that there is nothing more to do; return the paths of what became of it."""
    proposed = _plan_named(subject, config, templates)
    pushed = [change.path for change in proposed if change.action == action]
    assert pushed, f"Nothing to {action}: the plan is to {_describe(proposed)}"
    for change in proposed:
        change.apply()
    again = _plan_named(subject, config, templates)
    more = [change for change in again if change.action != ("keep" if change.path in pushed else "blocked")]
    assert not more, f"After a push the plan is to {_describe(more)}"
    for change in again:
        change.apply()
    assert _plan_named(subject, config, templates) == again, "To apply what is kept or blocked has changed something."
    return pushed


def _find_entry(subject: Subject, config: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """Return the entry of the templates that a path leads into."""
    setting = subject.templates
    assert setting is not None
    return dict(list_template_entries(config[setting.key]))[(read_path(path) or ())[1:-1]]


def show(said: object) -> str:
    """Return an answer or an error for the sentence of an assertion."""
    return f"to {_describe(said)}" if isinstance(said, list) else repr(said)


def _describe(changes: Iterable[TemplateChange]) -> str:
    return ", ".join(f"{change.action} {change.path} {change.problem}".strip() for change in changes) or "do nothing"
