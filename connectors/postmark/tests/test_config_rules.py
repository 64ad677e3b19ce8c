"""Which configs the Postmark connector takes: Logto's own, and no others that Postmark would refuse later."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from connector_core import USAGE_TYPES, Connector, Host

REQUIRED = ("Register", "SignIn", "ForgotPassword", "Generic")
CONFIG: dict[str, Any] = {
    "serverToken": "11111111-2222-3333-4444-555555555555",
    "fromEmail": "noreply@example.com",
    "templates": [{"usageType": name, "templateAlias": f"logto-{name.lower()}"} for name in REQUIRED],
}


@pytest.fixture(scope="module")
def postmark() -> Connector:
    return Host.discover()["postmark-mail"]


def find_issues(postmark: Connector, **settings: Any) -> list[tuple[str, str]]:
    config = {key: value for key, value in {**CONFIG, **settings}.items() if value is not None}
    return [(issue.path, issue.code) for issue in postmark.validate_config(config)]


def with_entry(**entry: Any) -> list[dict[str, Any]]:
    return [*CONFIG["templates"], entry]


def test_the_four_templates_of_the_guide_are_enough(postmark: Connector) -> None:
    config = {
        "serverToken": "POSTMARK_API_TEST",
        "fromEmail": "noreply@example.com",
        "templates": [
            {"usageType": "Register", "templateAlias": "logto-register"},
            {"usageType": "SignIn", "templateAlias": "logto-sign-in"},
            {"usageType": "ForgotPassword", "templateAlias": "logto-forgot-password"},
            {"usageType": "Generic", "templateAlias": "logto-generic"},
        ],
    }
    assert postmark.validate_config(config) == []


def test_the_nine_templates_of_logtos_form_are_taken(postmark: Connector) -> None:
    items = {item["key"]: item for item in postmark.form_items()}
    assert [entry["usageType"] for entry in items["templates"]["defaultValue"]] == list(USAGE_TYPES)
    assert find_issues(postmark, templates=items["templates"]["defaultValue"]) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"fromEmail": "Example <noreply@example.com>"},
        {"fromEmail": '"Example, Inc." <noreply@example.com>'},
        {"fromEmail": "noreply@sub.example.co.uk"},
        {"fromEmail": "noreply@münchen.de"},
        {"templates": with_entry(usageType="HostsOwnType", templateAlias="x")},
        {"templates": with_entry(usageType="BindMfa", templateAlias="Upper.Case_and-dash")},
        {"templates": with_entry(usageType="BindMfa", templateId=4711)},
        {"templates": with_entry(usageType="SignIn", templateAlias="x", locale="de")},
        {"apiUrl": "https://api.postmarkapp.com/"},
        {"apiUrl": "http://localhost:8000"},
        {"apiUrl": "http://[::1]:8000/path"},
        {"headers": {"X-PM-Bounce-Type": "x", "List-Unsubscribe": "<https://example.com/>"}},
        {"metadata": {f"k{number}": "v" * 80 for number in range(10)}},
    ],
)
def test_a_sensible_config_is_taken(postmark: Connector, settings: dict[str, Any]) -> None:
    assert find_issues(postmark, **settings) == []


@pytest.mark.parametrize("usage_type", REQUIRED)
def test_each_of_the_four_usage_types_must_have_a_template(postmark: Connector, usage_type: str) -> None:
    templates = [entry for entry in CONFIG["templates"] if entry["usageType"] != usage_type]
    assert find_issues(postmark, templates=templates) == [("$.templates", "missing_item")]
    (issue,) = postmark.validate_config({**CONFIG, "templates": templates})
    assert usage_type in issue.message


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"serverToken": None}, "$.serverToken"),
        ({"serverToken": ""}, "$.serverToken"),
        ({"serverToken": 7}, "$.serverToken"),
        ({"serverToken": "two words"}, "$.serverToken"),
        ({"serverToken": "line\nbreak"}, "$.serverToken"),
        ({"serverToken": "<your-server-token>"}, "$.serverToken"),
        ({"fromEmail": None}, "$.fromEmail"),
        ({"fromEmail": ""}, "$.fromEmail"),
        ({"fromEmail": "nonsense"}, "$.fromEmail"),
        ({"fromEmail": "a@example.com, b@example.com"}, "$.fromEmail"),
        ({"fromEmail": "Ann <a@example.com>\nBcc: eve@example.com"}, "$.fromEmail"),
        ({"fromEmail": "<from_email_address@your.domain>"}, "$.fromEmail"),
        ({"fromEmail": "noreply@-münchen-.de"}, "$.fromEmail"),
        ({"fromEmail": "jürgen@example.com"}, "$.fromEmail"),
        ({"fromEmail": "Jürgen <jürgen@example.com>"}, "$.fromEmail"),
        ({"replyTo": "jürgen@example.com"}, "$.replyTo"),
        ({"replyTo": ""}, "$.replyTo"),
        ({"templates": None}, "$.templates"),
        ({"templates": "[]"}, "$.templates"),
        ({"apiUrl": ""}, "$.apiUrl"),
        ({"apiUrl": "http://api.postmarkapp.com"}, "$.apiUrl"),
        ({"apiUrl": "http://localhost.example.com"}, "$.apiUrl"),
        ({"apiUrl": "http://127.0.0.1.example.com"}, "$.apiUrl"),
        ({"apiUrl": "http://localhost@example.com"}, "$.apiUrl"),
        ({"apiUrl": "https://user:pass@example.com"}, "$.apiUrl"),
        ({"apiUrl": "https://example.com/?q=1"}, "$.apiUrl"),
        ({"apiUrl": "ftp://example.com"}, "$.apiUrl"),
        ({"apiUrl": "api.postmarkapp.com"}, "$.apiUrl"),
        ({"messageStream": "two words"}, "$.messageStream"),
        ({"tag": ""}, "$.tag"),
        ({"tag": "t" * 1001}, "$.tag"),
        ({"trackOpens": "true"}, "$.trackOpens"),
        ({"trackLinks": True}, "$.trackLinks"),
        ({"trackLinks": "All"}, "$.trackLinks"),
        ({"inlineCss": 1}, "$.inlineCss"),
        ({"metadata": {f"k{number}": "v" for number in range(11)}}, "$.metadata"),
        ({"metadata": {"a-key-of-21-characters": "v"}}, "$.metadata.a-key-of-21-characters"),
        ({"metadata": {"k": "v" * 81}}, "$.metadata.k"),
        ({"metadata": {"k": 7}}, "$.metadata.k"),
        ({"headers": {"X Y": "v"}}, '$.headers["X Y"]'),
        ({"headers": {"X-Y": "v\r\nBcc: eve@example.com"}}, "$.headers.X-Y"),
        ({"headers": [{"Name": "X", "Value": "v"}]}, "$.headers"),
        ({"servertoken": "x"}, "$.servertoken"),
        ({"templates": with_entry(usageType="BindMfa")}, "$.templates[4]"),
        ({"templates": with_entry(usageType="BindMfa", templateAlias="x", templateId=1)}, "$.templates[4]"),
        ({"templates": with_entry(usageType="BindMfa", templateAlias="")}, "$.templates[4].templateAlias"),
        ({"templates": with_entry(usageType="BindMfa", templateAlias="1x")}, "$.templates[4].templateAlias"),
        ({"templates": with_entry(usageType="BindMfa", templateId="7")}, "$.templates[4].templateId"),
        ({"templates": with_entry(usageType="BindMfa", templateId=0)}, "$.templates[4].templateId"),
        ({"templates": with_entry(usageType="", templateAlias="x")}, "$.templates[4].usageType"),
        ({"templates": with_entry(usageType="BindMfa", templateAlias="x", locale="")}, "$.templates[4].locale"),
    ],
)
def test_a_wrong_setting_is_one_issue_at_its_place(postmark: Connector, settings: dict[str, Any], path: str) -> None:
    assert [found for found, _ in find_issues(postmark, **settings)] == [path]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"serverToken": "abc\n"}, "$.serverToken"),
        ({"fromEmail": "a@example.com\n"}, "$.fromEmail"),
        ({"replyTo": "Ann <a@example.com>\n"}, "$.replyTo"),
        ({"apiUrl": "https://example.com\n"}, "$.apiUrl"),
        ({"messageStream": "outbound\n"}, "$.messageStream"),
        ({"headers": {"X-Trace\n": "v"}}, '$.headers["X-Trace\\n"]'),
        ({"headers": {"X-Trace": "v\n"}}, "$.headers.X-Trace"),
        ({"templates": with_entry(usageType="BindMfa", templateAlias="x\n")}, "$.templates[4].templateAlias"),
        ({"templates": with_entry(usageType="BindMfa\n", templateAlias="x")}, "$.templates[4].usageType"),
        ({"templates": with_entry(usageType="BindMfa", templateAlias="x", locale="de\n")}, "$.templates[4].locale"),
    ],
)
def test_a_line_break_at_the_end_of_a_setting_is_an_issue(
    postmark: Connector, settings: dict[str, Any], path: str
) -> None:
    assert [found for found, _ in find_issues(postmark, **settings)] == [path]


@pytest.mark.parametrize("name", ["From", "reply-to", "TO", "Cc", "bcc", "Subject"])
def test_a_header_that_postmark_fills_in_itself_is_not_allowed(postmark: Connector, name: str) -> None:
    assert find_issues(postmark, headers={name: "x"}) == [(f"$.headers.{name}", "not_allowed")]


def test_a_header_that_differs_from_another_only_in_case_is_repeated(postmark: Connector) -> None:
    assert find_issues(postmark, headers={"X-Trace": "1", "x-trace": "2"}) == [("$.headers.x-trace", "repeated")]


@pytest.mark.parametrize(
    ("first", "second"), [(None, None), ("de", "de"), ("de", "DE"), ("pt-BR", "pt-br"), ("zh-Hant", "ZH-hant")]
)
def test_two_templates_of_one_usage_type_and_locale_are_an_issue(
    postmark: Connector, first: str | None, second: str | None
) -> None:
    entries = [
        {"usageType": "BindMfa", "templateAlias": f"alias-{number}", **({"locale": locale} if locale else {})}
        for number, locale in enumerate((first, second))
    ]
    assert find_issues(postmark, templates=[*CONFIG["templates"], *entries]) == [("$.templates[5]", "repeated")]


def test_two_templates_of_different_locales_are_none(postmark: Connector) -> None:
    entries = [{"usageType": "BindMfa", "templateAlias": "x", "locale": locale} for locale in ("de", "de-CH", "fr")]
    assert find_issues(postmark, templates=[*CONFIG["templates"], *entries]) == []


def test_all_that_is_wrong_is_found_at_once(postmark: Connector) -> None:
    found = find_issues(
        postmark, serverToken="", fromEmail="jürgen@example.com", headers={"From": "x"}, tag=7, templates=[]
    )
    assert {path for path, _ in found} == {"$.serverToken", "$.fromEmail", "$.headers.From", "$.tag", "$.templates"}


def test_a_config_without_the_extras_of_ours_gets_the_address_of_postmark(postmark: Connector) -> None:
    assert postmark.configure(CONFIG).config["apiUrl"] == "https://api.postmarkapp.com"


@pytest.mark.parametrize("sender", ["Example, Inc <a@example.com>", "a@example..com", "A <a@.>", "a@b.c <a@b.c>"])
def test_a_sender_that_postmark_could_not_read_is_an_issue(postmark: Connector, sender: str) -> None:
    assert find_issues(postmark, fromEmail=sender) == [("$.fromEmail", "bad_format")]


@pytest.mark.parametrize(
    "sender", ['"Example, Inc" <a@example.com>', "Example (Test) <a@b.example.com>", "<a@b.c>", "Jo O'Neill <jo@b.c>"]
)
def test_a_sender_with_a_sensible_name_is_taken(postmark: Connector, sender: str) -> None:
    assert find_issues(postmark, fromEmail=sender) == []


def test_an_issue_of_a_metadata_key_says_how_long_it_may_be(postmark: Connector) -> None:
    (issue,) = postmark.validate_config({**CONFIG, "metadata": {"k" * 21: "v"}})
    assert (issue.path, issue.message) == ("$.metadata." + "k" * 21, "A key of metadata has 1 to 20 characters.")


@pytest.mark.parametrize(
    "sender", ['"Acme" Support <a@b.example>', '"Acme \\"X\\"" <a@b.example>', "Acme GmbH & Co. <a@b.example>"]
)
def test_a_sender_with_a_quoted_part_is_taken(postmark: Connector, sender: str) -> None:
    assert find_issues(postmark, fromEmail=sender) == []


@pytest.mark.parametrize("host", ["[:::]", "[1.2.3.4]", "exa\u2100mple.com", "a..b", ".", "*", "a:99999"])
def test_an_address_whose_host_can_not_be_one_is_an_issue(postmark: Connector, host: str) -> None:
    assert find_issues(postmark, apiUrl=f"https://{host}") == [("$.apiUrl", "bad_format")]


@pytest.mark.parametrize(
    "host", ["[::1]:8443", "api.example.com", "API.Example.COM", "b\u00fccher.example", "postmark"]
)
def test_an_address_with_a_sensible_host_is_taken(postmark: Connector, host: str) -> None:
    assert find_issues(postmark, apiUrl=f"https://{host}/proxy") == []


@pytest.mark.parametrize(
    "settings",
    [
        {"fromEmail": "x" + " " * 100_000},
        {"fromEmail": '"' * 100_000},
        {"fromEmail": "a." * 50_000},
        {"templates": [{"usageType": "a" * 100_000 + "\t", "templateAlias": "a"}]},
        {"templates": [{"usageType": " " * 100_000, "templateAlias": "a"}]},
        {"apiUrl": "https://" + "a." * 50_000},
    ],
)
def test_a_monstrous_value_is_judged_in_no_time(settings: dict[str, Any]) -> None:
    code = (
        "import json, sys\n"
        "from connector_core import Host\n"
        "sys.exit(not Host.discover()['postmark-mail'].validate_config(json.load(sys.stdin)))"
    )
    done = subprocess.run(  # noqa: S603  our own code, in a process that can be ended
        [sys.executable, "-c", code],
        input=json.dumps({**CONFIG, **settings}),
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 0


def test_a_token_that_is_used_as_a_key_is_not_shown_in_a_path(postmark: Connector) -> None:
    token = "tok-5f2c9a"
    config = {**CONFIG, "serverToken": token, "headers": {token.upper(): "a", token: "b"}, "metadata": {token: 5}}
    issues = postmark.validate_config(config)
    assert len(issues) == 2
    assert not [issue for issue in issues if token in f"{issue.path} {issue.message}"]
