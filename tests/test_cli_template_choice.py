"""Which entry of a config a template is for, in each shape that a config may have."""

from __future__ import annotations

from typing import Any

import pytest
from live_fakes import make_template

from connector_core import TemplateChange, starter_templates
from connector_core.cli.template_choice import Choice, Entries, Purpose

LIST: dict[str, Any] = {
    "templates": [{"usageType": "SignIn", "alias": "a"}, {"usageType": "SignIn", "alias": "b", "locale": "fr"}] * 6
}
OBJECT: dict[str, Any] = {
    "headers": {"X-Tag": {"value": "a"}},
    "deliveries": {
        "SignIn": {"template": "a"},
        "My own: type": [{"template": "b"}, {"template": "c", "locale": "fr"}],
        "Register": "no entry at all",
    },
}


def plan(path: str, name: str = "a", **sides: Any) -> TemplateChange:
    return TemplateChange(path=path, name=name, before=sides.get("before"), after=sides.get("after"))


@pytest.mark.parametrize(
    ("config", "path", "purpose"),
    [
        (LIST, "$.templates[0]", Purpose("SignIn", None)),
        (LIST, "$.templates[1].alias", Purpose("SignIn", "fr")),
        (LIST, "$.templates[11].alias", Purpose("SignIn", "fr")),
        (OBJECT, "$.deliveries.SignIn", Purpose("SignIn", None)),
        (OBJECT, "$.deliveries.SignIn.template", Purpose("SignIn", None)),
        (OBJECT, '$.deliveries["My own: type"][1].template', Purpose("My own: type", "fr")),
    ],
)
def test_the_entry_of_a_change_is_found_by_its_path(config: dict[str, Any], path: str, purpose: Purpose) -> None:
    assert Entries(config).find_purpose(plan(path)) == purpose


def test_what_the_connector_read_says_itself_what_it_is_for() -> None:
    before = make_template(usage_type="Generic", locale="fr")
    assert Entries(LIST).find_purpose(plan("$.templates[0].alias", before=before)) == Purpose("Generic", "fr")


@pytest.mark.parametrize("path", ["$.elsewhere", "$.deliveries", "$", "$.deliveries.SignInOther"])
def test_a_change_of_another_setting_is_for_what_it_shall_say(path: str) -> None:
    after = make_template(usage_type="Register", locale="ko")
    assert Entries(OBJECT).find(plan(path)) is None
    assert Entries(OBJECT).find_purpose(plan(path, after=after)) == Purpose("Register", "ko")


@pytest.mark.parametrize(
    ("config", "change", "advice"),
    [
        (
            LIST,
            plan("$.templates[0].alias"),
            (
                ': add one for each usage type, such as {"usageType": "SignIn", "alias": "a-ko", "locale": "ko"} in '
                "$.templates."
            ),
        ),
        (
            OBJECT,
            plan("$.deliveries.SignIn.template"),
            ': add one for each usage type, such as {"template": "a-ko", "locale": "ko"} in $.deliveries.SignIn.',
        ),
        (OBJECT, plan("$.deliveries.SignIn.template", "another name"), "."),
        (OBJECT, plan("$.elsewhere"), "."),
    ],
)
def test_a_language_without_an_entry_is_told_with_an_entry_of_the_configs_own_shape(
    config: dict[str, Any], change: TemplateChange, advice: str
) -> None:
    choice = Choice(starter_templates(["en", "ko"]), ["en", "ko"], is_exact=False)
    assert [*choice.describe_unused([change], Entries(config))] == [f"No entry of the config is for ko{advice}"]
