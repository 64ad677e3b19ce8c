"""What a push refuses to change: what the words don't fit, and what somebody else has changed since the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox, TemplateType

from connector_core import InvalidMessage, Template
from connector_core.testing.wire_behaviours import pass_on, respond_json
from connector_core.testing.wire_server import WireServer

from .planned_changes import SIGN_IN, STARTERS, name_templates, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connector_core import Connector, TemplateChange
    from connector_core.testing.wire_server import Line

PAGE = "<body>{{{ @content }}}</body>"
MISSING = {"ErrorCode": 1101, "Message": "The Template's 'Alias' associated with this request was not found."}


@pytest.fixture
def config(sandbox: PostmarkSandbox) -> dict[str, Any]:
    """Return a config whose four templates aren't in the sandbox."""
    return {**sandbox.config, "templates": name_templates()}


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
