"""Templates are pushed to the sandbox: what is planned, what changes, and all that stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox, TemplateType

from connector_core import InvalidMessage, Message, Template, sample_payload, starter_templates
from connector_core.testing.wire_behaviours import pass_on, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from connector_core import Connector, TemplateChange
    from connector_core.testing.wire_server import Line

STARTERS = starter_templates()
PAGE = "<body>{{{ @content }}}</body>"
SIGN_IN = Template(usage_type="SignIn", subject="Sign in", html="<p>{{code}}</p>", text="{{code}}")
MISSING = {"ErrorCode": 1101, "Message": "The Template's 'Alias' associated with this request was not found."}


def name_templates(**named: str | int) -> list[dict[str, Any]]:
    """Return entries for the required usage types and those named; `a__fr` is for `a` in French."""
    entries = {"SignIn": "sign-in", "Register": "register", "ForgotPassword": "forgot", "Generic": "generic", **named}
    return [
        {
            "usageType": key.partition("__")[0],
            "templateAlias" if isinstance(value, str) else "templateId": value,
            **({"locale": key.partition("__")[2].replace("_", "-")} if "__" in key else {}),
        }
        for key, value in entries.items()
    ]


def plan(
    postmark: Connector, config: dict[str, Any], templates: Iterable[Template] = STARTERS
) -> dict[str, TemplateChange]:
    """Return the changes by the name of the template, in their order."""
    with postmark.configure(config) as configured:
        changes = configured.plan_templates(templates)
    by_name = {change.name: change for change in changes}
    assert len(by_name) == len(changes)
    return by_name


def read_actions(changes: dict[str, TemplateChange]) -> dict[str, str]:
    return {name: change.action for name, change in changes.items()}


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


# What is left alone, and what to do then


def check_blocked(sandbox: PostmarkSandbox, change: TemplateChange, *words: str) -> None:
    """Require that a change is blocked with a sentence that has some words, and does nothing."""
    before = sandbox.account.templates
    assert change.action == "blocked"
    assert all(word in change.problem for word in words), change.problem
    change.apply()
    assert sandbox.account.templates == before


@pytest.mark.parametrize("templates", [STARTERS, []])
def test_a_layout_stays_a_layout(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any], templates: Sequence[Template]
) -> None:
    sandbox.account.add_template(alias="sign-in", name="Frame", html=PAGE, text="", type=TemplateType.LAYOUT)

    change = plan(postmark, config, templates)["sign-in"]

    check_blocked(sandbox, change, "layout", "another alias")
    assert change.before is not None
    assert change.before.html == PAGE


@pytest.fixture
def framed(sandbox: PostmarkSandbox) -> None:
    """Have the template for signing in inside a layout."""
    layout = sandbox.account.add_template(alias="frame", name="Frame", html=PAGE, type=TemplateType.LAYOUT)
    content: dict[str, Any] = {"subject": SIGN_IN.subject, "html": SIGN_IN.html, "text": SIGN_IN.text}
    sandbox.account.add_template(alias="sign-in", name="Sign in", layout_id=layout.id, **content)


@pytest.mark.usefixtures("framed")
@pytest.mark.parametrize(
    "html", [STARTERS[0].html, "<!DOCTYPE html><p>{{code}}</p>", "<HTML>{{code}}</HTML>", "<body\n>{{code}}</body>"]
)
def test_a_whole_page_is_not_put_into_a_layout(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any], html: str
) -> None:
    page = Template(usage_type="SignIn", subject="Sign in", html=html, text="{{code}}")
    check_blocked(sandbox, plan(postmark, config, [page])["sign-in"], "layout frame", "out of the layout")


@pytest.mark.usefixtures("framed")
def test_what_goes_into_a_layout_is_updated_in_there(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    words = Template(usage_type="SignIn", subject="Sign in", html="<h1>{{code}}</h1>", text="{{code}}")
    assert plan(postmark, config, [SIGN_IN])["sign-in"].action == "keep"
    before = sandbox.account.find_template("sign-in")
    assert before is not None
    with WireServer(pass_on(sandbox.url)) as server:
        plan(postmark, {**config, "apiUrl": server.url}, [words])["sign-in"].apply()
    assert [one.json()["LayoutTemplate"] for one in server.requests if one.method == "PUT"] == ["frame"]
    assert sandbox.account.find_template("sign-in") == replace(before, html=words.html)


def test_an_id_that_does_not_exist_is_for_postmark_to_choose(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    config = {**sandbox.config, "templates": name_templates(SignIn=77)}
    check_blocked(sandbox, plan(postmark, config)["77"], "template 77", "templateAlias")


def test_a_template_named_like_an_action_is_not_taken_for_one(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    config = {**sandbox.config, "templates": name_templates(SignIn="Validate")}
    check_blocked(sandbox, plan(postmark, config)["Validate"], "another alias")


@pytest.mark.parametrize("templates", [STARTERS, []])
def test_a_template_that_was_deleted_is_left_alone(
    postmark: Connector, sandbox: PostmarkSandbox, templates: Sequence[Template]
) -> None:
    """Postmark still tells of a deleted template by its id."""
    sandbox.account.add_template(template_id=77, name="Old", subject="s", html="h", text="t", active=False)
    config = {**sandbox.config, "templates": name_templates(SignIn=77)}
    check_blocked(sandbox, plan(postmark, config, templates)["77"], "not active", "another one")


@pytest.mark.parametrize("part", ["html", "text"])
def test_a_part_is_not_emptied(postmark: Connector, sandbox: PostmarkSandbox, part: str) -> None:
    parts = {"html": SIGN_IN.html, "text": SIGN_IN.text, part: ""}
    bare = Template(usage_type="SignIn", subject="Sign in", **parts)
    check_blocked(sandbox, plan(postmark, sandbox.config, [bare])["logto-sign-in"], "empty the")


def test_a_part_that_is_empty_already_stays_so(postmark: Connector, config: dict[str, Any]) -> None:
    bare = Template(usage_type="SignIn", subject="Sign in", html="", text="{{code}}")
    plan(postmark, config, [bare])["sign-in"].apply()
    assert plan(postmark, config, [bare])["sign-in"].action == "keep"
    mended = Template(usage_type="SignIn", subject="Sign in", html="<p>{{code}}</p>", text="{{code}}")
    plan(postmark, config, [mended])["sign-in"].apply()
    assert plan(postmark, config, [mended])["sign-in"].action == "keep"


# Somebody else at work


def check_refused(sandbox: PostmarkSandbox, change: TemplateChange) -> None:
    """Require that a change is refused, and does nothing."""
    before = sandbox.account.templates
    with pytest.raises(InvalidMessage, match=f"{change.name} at Postmark is no longer what it was") as caught:
        change.apply()
    assert (caught.value.outcome, caught.value.retryable) == ("not_sent", False)
    assert sandbox.account.templates == before


SAYS_WHAT_IS_WANTED = {"subject": SIGN_IN.subject, "html": SIGN_IN.html, "text": SIGN_IN.text}


@pytest.mark.parametrize(
    "content",
    [
        {"text": "other"},
        {"subject": "other"},
        {"type": TemplateType.LAYOUT},
        {"active": False},
        {"active": False, **SAYS_WHAT_IS_WANTED},
    ],
)
def test_a_template_that_changed_after_the_plan_is_left_alone(
    postmark: Connector, sandbox: PostmarkSandbox, content: dict[str, Any]
) -> None:
    change = plan(postmark, sandbox.config, [SIGN_IN])["logto-sign-in"]
    stored = sandbox.account.find_template("logto-sign-in")
    assert stored is not None
    sandbox.account.change_template(stored.id, **content)
    check_refused(sandbox, change)


def test_a_template_that_got_a_layout_after_the_plan_is_left_alone(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    change = plan(postmark, sandbox.config, [SIGN_IN])["logto-sign-in"]
    layout = sandbox.account.add_template(alias="frame", name="Frame", html=PAGE, type=TemplateType.LAYOUT)
    stored = sandbox.account.find_template("logto-sign-in")
    assert stored is not None
    sandbox.account.change_template(stored.id, layout_id=layout.id)
    check_refused(sandbox, change)


def test_a_template_that_went_after_the_plan_is_not_made_again(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    change = plan(postmark, sandbox.config, [SIGN_IN])["logto-sign-in"]
    stored = sandbox.account.find_template("logto-sign-in")
    assert stored is not None
    sandbox.account.remove_template(stored)
    check_refused(sandbox, change)


def test_an_alias_that_was_taken_after_the_plan_is_left_alone(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    change = plan(postmark, config)["sign-in"]
    sandbox.account.add_template(alias="sign-in", name="Theirs", subject="s", html="h", text="t")
    check_refused(sandbox, change)


def test_an_alias_that_was_taken_at_the_last_moment_is_refused_by_postmark(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    config["templates"] = name_templates(SignIn="taken")
    pass_to_sandbox = pass_on(sandbox.url)
    with WireServer(*[pass_to_sandbox] * 4, respond_json(MISSING, 422), pass_to_sandbox) as server:
        change = plan(postmark, {**config, "apiUrl": server.url})["taken"]
        sandbox.account.add_template(alias="taken", name="Theirs", subject="s", html="h", text="t")
        before = sandbox.account.templates
        with pytest.raises(InvalidMessage, match="alias 'taken' is taken") as caught:
            change.apply()
    assert caught.value.provider is not None
    assert caught.value.provider.code == 1122
    assert sandbox.account.templates == before


def test_a_template_that_got_the_alias_at_the_last_moment_is_left_alone(
    postmark: Connector, sandbox: PostmarkSandbox
) -> None:
    pass_to_sandbox = pass_on(sandbox.url)
    planned = sandbox.account.find_template("logto-sign-in")
    assert planned is not None

    def move_alias(line: Line) -> None:
        sandbox.account.change_template(planned.id, alias="old")
        sandbox.account.add_template(alias="logto-sign-in", name="Theirs", subject="s", html="h", text="t")
        pass_to_sandbox(line)

    with WireServer(*[pass_to_sandbox] * 10, move_alias) as server:
        change = plan(postmark, {**sandbox.config, "apiUrl": server.url}, [SIGN_IN])["logto-sign-in"]
        change.apply()

    theirs = sandbox.account.find_template("logto-sign-in")
    updated = sandbox.account.find_template(planned.id)
    assert theirs is not None
    assert updated is not None
    assert (theirs.name, theirs.html) == ("Theirs", "h")
    assert updated.html == SIGN_IN.html


def test_what_somebody_else_has_done_already_is_done(
    postmark: Connector, sandbox: PostmarkSandbox, config: dict[str, Any]
) -> None:
    change = plan(postmark, config, [SIGN_IN])["sign-in"]
    sandbox.account.add_template(
        alias="sign-in", name="Theirs", subject=SIGN_IN.subject, html=SIGN_IN.html, text=SIGN_IN.text
    )
    before = sandbox.account.templates
    change.apply()
    assert sandbox.account.templates == before


def test_words_that_postmark_refuses_are_told_in_its_own_words(postmark: Connector, sandbox: PostmarkSandbox) -> None:
    broken = Template(usage_type="SignIn", subject="Sign in", html="<p>{{#code}}</p>", text="{{code}}")
    with pytest.raises(InvalidMessage, match="mend what it names") as caught:
        plan(postmark, sandbox.config, [broken])["logto-sign-in"].apply()
    assert "HtmlBody" in str(caught.value)
    assert "send" not in str(caught.value)
