"""Templates are pushed to the sandbox: what is planned, what changes, and all that stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox, TemplateType

from connector_core import Message, Template, sample_payload
from connector_core.testing.wire_behaviours import pass_on
from connector_core.testing.wire_server import WireServer

from .planned_changes import SIGN_IN, STARTERS, name_templates, plan, read_actions

if TYPE_CHECKING:
    from connector_core import Connector


@pytest.fixture
def config(sandbox: PostmarkSandbox) -> dict[str, Any]:
    """Return a config whose four templates aren't in the sandbox."""
    return {**sandbox.config, "templates": name_templates()}


# What is planned and done


def test_missing_templates_are_created_under_their_aliases(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    config["templates"] = name_templates(SignIn__fr="sign-in-fr", MfaVerification="mfa", welcome="welcome")

    changes = plan(postmark, config)
    assert set(read_actions(changes).values()) == {"create"}
    for change in changes.values():
        change.apply()

    made = {one.alias: one for one in sandbox.account.templates[9:]}
    assert {alias: one.name for alias, one in made.items()} == {
        "sign-in": "Sign in",
        "register": "Register",
        "forgot": "Forgot password",
        "generic": "Generic",
        "sign-in-fr": "Sign in (fr)",
        "mfa": "MFA verification",
        "welcome": "welcome",
    }
    french = next(one for one in STARTERS if one.usage_type == "SignIn" and one.locale == "fr")
    assert (made["sign-in-fr"].subject, made["sign-in-fr"].html, made["sign-in-fr"].text) == (
        french.subject,
        french.html,
        french.text,
    )
    assert all(one.type is TemplateType.STANDARD and one.layout_id is None for one in made.values())


def test_a_mail_can_be_sent_by_each_template_that_was_created(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    config["templates"] = name_templates(OrganizationInvitation="invitation", BindMfa="bind")
    for change in plan(postmark, config).values():
        change.apply()

    for entry in config["templates"]:
        payload = sample_payload(entry["usageType"])
        postmark.send_message(config, Message("ann@example.com", entry["usageType"], payload))
        mail = sandbox.messages[-1]
        assert all(value in mail.text and value in mail.html for value in payload.values())


def test_a_template_with_other_words_is_updated_and_keeps_its_name_and_alias(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    faulty = sandbox.account.find_template("logto-sign-in")
    assert faulty is not None
    sandbox.account.change_template(faulty.id, name="Ours", text=faulty.text.replace("{{code}}", "{{cod}}"))

    changes = plan(postmark, sandbox.config)
    assert [name for name, change in changes.items() if change.action == "update"] == ["logto-sign-in"]
    before = changes["logto-sign-in"].before
    assert before is not None
    assert "{{cod}}" in before.text
    changes["logto-sign-in"].apply()

    mended = sandbox.account.find_template("Logto-Sign-In")
    assert mended is not None
    assert (mended.id, mended.name, mended.alias) == (faulty.id, "Ours", "logto-sign-in")
    assert (mended.subject, mended.html, mended.text) == (faulty.subject, faulty.html, faulty.text)


def test_a_template_that_is_named_by_its_id_is_updated(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    one = sandbox.account.add_template(template_id=77, name="No alias", subject="s", html="h", text="t")
    config = {**sandbox.config, "templates": name_templates(BindMfa=77)}

    change = plan(postmark, config)["77"]
    assert (change.action, change.path) == ("update", "$.templates[4].templateId")
    change.apply()

    updated = sandbox.account.find_template(77)
    assert updated is not None
    assert (updated.name, updated.alias) == (one.name, None)
    assert "{{code}}" in updated.text


def test_a_push_that_is_repeated_keeps_everything(postmark: Connector, config: dict[str, Any]) -> None:
    config["templates"] = name_templates(SignIn__fr="sign-in-fr", Register__zh_CN="register-zh", Welcome="welcome")
    for templates, actions in ((STARTERS, {"create"}), ([SIGN_IN, *STARTERS], {"update", "keep"})):
        changes = plan(postmark, config, templates)
        assert set(read_actions(changes).values()) == actions
        for change in changes.values():
            change.apply()
        assert set(read_actions(plan(postmark, config, templates)).values()) == {"keep"}


def test_applying_a_change_again_does_nothing(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    change = plan(postmark, config)["sign-in"]
    change.apply()
    made = sandbox.account.templates
    change.apply()
    assert sandbox.account.templates == made


def test_a_plan_changes_nothing(postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]) -> None:
    before = sandbox.account.templates
    changes = plan(postmark, config)
    assert set(read_actions(changes).values()) == {"create"}
    assert sandbox.account.templates == before
    assert sandbox.messages == []


def test_without_templates_a_plan_tells_what_is_there(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    config = {**sandbox.config, "templates": name_templates(SignIn="logto-sign-in")}

    changes = plan(postmark, config, [])

    stored = sandbox.account.find_template("logto-sign-in")
    before = changes["logto-sign-in"].before
    assert stored is not None
    assert before is not None
    assert (before.usage_type, before.locale) == ("SignIn", None)
    assert (before.subject, before.html, before.text) == (stored.subject, stored.html, stored.text)
    assert changes["logto-sign-in"].action == "keep"
    assert changes["register"].before is None


def test_nothing_but_the_templates_of_the_config_is_asked_for_or_written(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    foreign = sandbox.account.templates

    with WireServer(pass_on(sandbox.url)) as server:
        for change in plan(postmark, {**config, "apiUrl": server.url}).values():
            change.apply()

    aliases = [entry["templateAlias"] for entry in config["templates"]]
    assert sandbox.account.templates[: len(foreign)] == foreign
    assert {(one.method, one.target) for one in server.requests} == {
        ("POST", "/templates"),
        *(("GET", f"/templates/{alias}") for alias in aliases),
    }
    assert [one.json()["Alias"] for one in server.requests if one.method == "POST"] == aliases


def test_an_update_sends_the_words_alone(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    with WireServer(pass_on(sandbox.url)) as server:
        config = {**sandbox.config, "apiUrl": server.url}
        plan(postmark, config, [SIGN_IN])["logto-sign-in"].apply()

    (update,) = (one for one in server.requests if one.method == "PUT")
    stored = sandbox.account.find_template("logto-sign-in")
    assert stored is not None
    assert update.target == f"/templates/{stored.id}"
    assert update.json() == {"Subject": SIGN_IN.subject, "HtmlBody": SIGN_IN.html, "TextBody": SIGN_IN.text}


def test_line_ends_and_blanks_at_the_end_are_no_change(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    for one in sandbox.account.templates:
        html, text = one.html.replace("\n", "\r\n"), one.text.replace("\n", "\r\n").rstrip()
        sandbox.account.change_template(one.id, html=html, text=text)
        assert (html, text) != (one.html, one.text)
    assert set(read_actions(plan(postmark, sandbox.config)).values()) == {"keep"}


@pytest.mark.parametrize(
    "entries",
    [
        name_templates(),
        name_templates(SignIn__fr="sign-in-fr", SignIn__zh_CN="sign-in-zh", SignIn__zh="zh", Register__de="no-starter"),
        name_templates(Welcome="welcome", Welcome__fr="welcome-fr", OrganizationInvitation="invitation"),
        name_templates(SignIn=77, Register=1001, BindMfa=1002, Welcome=2**40),
        name_templates(SignIn="shared", Register="shared", ForgotPassword="shared", Generic="shared"),
        name_templates(SignIn="shared", Register="Shared", SignIn__fr="shared", Register__ko="korean"),
        name_templates(Register="logto-generic", ForgotPassword="logto-sign-in"),
    ],
    ids=["aliases", "languages", "own types", "ids", "one for all", "shared by languages", "standard ones"],
)
def test_a_new_sandbox_has_what_a_push_would_make(postmark: Connector, entries: list[dict[str, Any]]) -> None:
    given = {"serverToken": "t", "fromEmail": "a@example.com", "templates": entries}
    with PostmarkSandbox(given) as sandbox:
        assert set(read_actions(plan(postmark, sandbox.config)).values()) == {"keep"}


def test_a_language_without_a_starter_is_english_in_the_sandbox_and_blocked_elsewhere(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    entries = name_templates(SignIn__de="german")
    assert plan(postmark, {**sandbox.config, "templates": entries})["german"].action == "blocked"
    with PostmarkSandbox({**sandbox.config, "templates": entries}) as adopted:
        changes = plan(postmark, adopted.config)
    assert changes["german"].action == "keep"
    before, english = changes["german"].before, changes["sign-in"].before
    assert before is not None
    assert english is not None
    assert before.says_the_same(english)


def test_a_template_as_large_as_postmark_takes_is_read(postmark: Connector, config: dict[str, Any]) -> None:
    large = Template(usage_type="SignIn", subject="s", html="é" * 500_000, text="é" * 500_000)
    plan(postmark, config, [large])["sign-in"].apply()
    before = plan(postmark, config, [large])["sign-in"].before
    assert before is not None
    assert before.says_the_same(large)


# Entries that share a template


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        (name_templates(SignIn="shared", Register="shared"), ("SignIn", "en")),
        (name_templates(Register="shared", Generic="shared"), ("Generic", "en")),
        (name_templates(SignIn="Shared", Generic="sHARED"), ("Generic", "en")),
        (name_templates(SignIn__ko="shared", SignIn__fr="shared"), ("SignIn", "ko")),
        (name_templates(SignIn__ko="shared", Register="shared"), ("Register", "en")),
        (name_templates(SignIn__ko="shared", Generic__fr="shared"), ("Generic", "fr")),
    ],
)
def test_a_template_that_entries_share_is_one_change_with_words_that_fit_all(
    postmark: Connector, sandbox: PostmarkSandbox, entries: list[dict[str, Any]], wanted: tuple[str, str]
) -> None:
    named = [entry["templateAlias"] for entry in entries]

    changes = plan(postmark, {**sandbox.config, "templates": entries})

    first = next(index for index, alias in enumerate(named) if alias.lower() == "shared")
    change = changes[named[first]]
    assert len(changes) == len({alias.lower() for alias in named})
    assert change.path == f"$.templates[{first}].templateAlias"
    assert change.after is not None
    assert (change.after.usage_type, change.after.locale) == wanted


def test_an_alias_and_an_id_of_the_same_template_are_one_change(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    sandbox.account.add_template(template_id=77, alias="mine", name="Mine", subject="s", html="h", text="t")
    config = {**sandbox.config, "templates": name_templates(SignIn="mine", Generic=77)}

    changes = plan(postmark, config)

    assert list(changes) == ["mine", "register", "forgot"]
    before, after = changes["mine"].before, changes["mine"].after
    assert before is not None
    assert after is not None
    assert before.usage_type == after.usage_type == "Generic"
    changes["mine"].apply()
    assert plan(postmark, config)["mine"].action == "keep"
