"""Which configs the Mailgun connector takes: Logto's own, and no others that Mailgun would refuse later."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from connector_core import Connector, Host

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED = ("Register", "SignIn", "ForgotPassword", "Generic")
CONFIG: dict[str, Any] = {
    "domain": "mg.example.com",
    "apiKey": "made-up-key-5f2c9a71",
    "from": "noreply@mg.example.com",
    "deliveries": {usage_type: {"subject": "Code", "html": "<p>{{code}}</p>"} for usage_type in REQUIRED},
}


@pytest.fixture(scope="module")
def mailgun() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["mailgun-email"]


def find_issues(mailgun: Connector, **settings: Any) -> list[tuple[str, str]]:
    config = {key: value for key, value in {**CONFIG, **settings}.items() if value is not None}
    return [(issue.path, issue.code) for issue in mailgun.validate_config(config)]


def with_delivery(delivery: Any, usage_type: str = "SignIn") -> dict[str, Any]:
    return {**CONFIG["deliveries"], usage_type: delivery}


def test_the_config_of_logto_is_taken(mailgun: Connector) -> None:
    config = {
        "endpoint": "https://api.eu.mailgun.net",
        "domain": "sandbox0123456789abcdef0123456789abcdef.mailgun.org",
        "apiKey": "key-0123456789abcdef0123456789abcdef",
        "from": "Sender Name <me@samples.mailgun.org>",
        "deliveries": {
            "Register": {
                "subject": "{{code}} is your verification code",
                "replyTo": "Foo <foo@bar.com>",
                "html": "<h1>Hello</h1><p>Your verification code is {{code}}.</p>",
                "text": "Hello. Your verification code is {{code}}.",
            },
            "SignIn": {
                "subject": "Hello again",
                "replyTo": "Foo <foo@bar.com>",
                "template": "logto-sign-in",
                "variables": {"bar": "baz", "list": [1, {"a": None}]},
            },
            "ForgotPassword": {"template": "logto-forgot-password"},
            "Generic": {"html": "Your code is {{code}}"},
        },
    }
    assert mailgun.validate_config(config) == []


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"domain": ""}, "empty"),
        ({"deliveries": with_delivery({"subject": "", "html": "{{code}}"})}, "empty"),
        ({"deliveries": with_delivery({"html": "{{code}}", "text": ""})}, "empty"),
        ({"deliveries": with_delivery({"html": "{{code}}", "replyTo": ""})}, "empty"),
        ({"deliveries": with_delivery({"html": "{{code}}", "note": "x"})}, "unknown_key"),
        ({"deliveries": with_delivery({"html": "{{code}}", "template": "x"})}, "no_variant"),
        ({"note": "x"}, "unknown_key"),
        ({"from": "Foo, Inc. <foo@mg.example.com>"}, "bad_format"),
        ({"from": "zoé@mg.example.com"}, "not_allowed"),
        ({"deliveries": {"Generic": CONFIG["deliveries"]["Generic"]}}, "required"),
    ],
)
def test_what_logto_takes_and_this_connector_does_not_is_what_the_guide_says(
    mailgun: Connector, settings: dict[str, Any], code: str
) -> None:
    """Source: logto-io/logto, packages/connectors/connector-mailgun/src/types.ts."""
    assert {found for _, found in find_issues(mailgun, **settings)} == {code}


def test_the_form_has_the_settings_of_logto_in_its_order_and_a_start_that_is_valid(mailgun: Connector) -> None:
    items = {item["key"]: item for item in mailgun.form_items()}
    assert list(items)[:5] == ["endpoint", "domain", "apiKey", "from", "deliveries"]
    assert [key for key, item in items.items() if item["required"]] == ["domain", "apiKey", "from", "deliveries"]
    assert [key for key, item in items.items() if item.get("isConfidential")] == ["apiKey"]
    assert items["deliveries"]["type"] == "Json"
    assert find_issues(mailgun, deliveries=items["deliveries"]["defaultValue"]) == []


def test_without_an_endpoint_the_one_of_the_us_holds(mailgun: Connector) -> None:
    assert mailgun.configure(CONFIG).config["endpoint"] == "https://api.mailgun.net"


@pytest.mark.parametrize(
    "settings",
    [
        {"endpoint": "https://api.mailgun.net/"},
        {"endpoint": "https://proxy.example.com/mailgun"},
        {"endpoint": "http://127.0.0.1:8000"},
        {"domain": "MG.Example.com"},
        {"domain": "xn--mnchen-3ya.de"},
        {"domain": "a-b.c_d.example.com"},
        {"from": "Example <noreply@example.com>"},
        {"from": '"Example, Inc." <noreply@example.com>'},
        {"from": "Jürgen <noreply@münchen.de>"},
        {"from": '"Jürgen @ home" <noreply@example.com>'},
        {"tag": "sign in #1"},
        {"testMode": True, "trackClicks": False, "trackOpens": True},
        {"trackClicks": "htmlonly"},
        {"deliveries": with_delivery({"text": "{{code}}"})},
        {"deliveries": with_delivery({"html": "{{code}}", "text": "{{code}}", "replyTo": "Jürgen <a@münchen.de>"})},
        {"deliveries": with_delivery({"template": "Grüße 1", "variables": {}})},
        {"deliveries": with_delivery({"html": "{{code}} {{product}}", "variables": {"product": "Example"}})},
        {"deliveries": with_delivery([{"text": "{{code}}"}, {"text": "{{code}}", "locale": "de"}])},
        {"deliveries": with_delivery({"text": "{{code}}"}, "HostsOwnType")},
    ],
)
def test_a_sensible_config_is_taken(mailgun: Connector, settings: dict[str, Any]) -> None:
    assert find_issues(mailgun, **settings) == []


@pytest.mark.parametrize("usage_type", REQUIRED)
def test_each_of_the_four_usage_types_must_have_a_delivery(mailgun: Connector, usage_type: str) -> None:
    deliveries = {name: delivery for name, delivery in CONFIG["deliveries"].items() if name != usage_type}
    (issue,) = mailgun.validate_config({**CONFIG, "deliveries": deliveries})
    assert (issue.path, issue.code) == (f"$.deliveries.{usage_type}", "required")
    assert usage_type in issue.message


@pytest.mark.parametrize(
    ("settings", "path", "code"),
    [
        ({"endpoint": ""}, "$.endpoint", "empty"),
        ({"endpoint": "http://api.mailgun.net"}, "$.endpoint", "bad_format"),
        ({"endpoint": "https://user:word@api.mailgun.net"}, "$.endpoint", "bad_format"),
        ({"endpoint": "https://api.mailgun.net/?a=b"}, "$.endpoint", "bad_format"),
        ({"endpoint": "https://api.mailgun.net/v3"}, "$.endpoint", "not_allowed"),
        ({"endpoint": "https://api.mailgun.net/v3/"}, "$.endpoint", "not_allowed"),
        ({"endpoint": 7}, "$.endpoint", "wrong_type"),
        ({"region": "eu"}, "$.region", "unknown_key"),
        ({"domain": None}, "$.domain", "required"),
        ({"domain": ""}, "$.domain", "empty"),
        ({"domain": "your-mailgun-domain.com"}, "$.domain", "placeholder"),
        ({"domain": "https://mg.example.com"}, "$.domain", "bad_format"),
        ({"domain": "mg.example.com/messages"}, "$.domain", "bad_format"),
        ({"domain": "mg.example.com/../other.example.com"}, "$.domain", "bad_format"),
        ({"domain": "mg.example.com%2Fother"}, "$.domain", "bad_format"),
        ({"domain": "mg.example.com?a=b"}, "$.domain", "bad_format"),
        ({"domain": "mg.example.com#"}, "$.domain", "bad_format"),
        ({"domain": ".."}, "$.domain", "bad_format"),
        ({"domain": "mg..example.com"}, "$.domain", "bad_format"),
        ({"domain": "localhost"}, "$.domain", "bad_format"),
        ({"domain": "noreply@mg.example.com"}, "$.domain", "bad_format"),
        ({"domain": "münchen.de"}, "$.domain", "bad_format"),
        ({"domain": "mg.example.com\n"}, "$.domain", "bad_format"),
        ({"apiKey": None}, "$.apiKey", "required"),
        ({"apiKey": ""}, "$.apiKey", "empty"),
        ({"apiKey": 7}, "$.apiKey", "wrong_type"),
        ({"apiKey": "two words"}, "$.apiKey", "bad_format"),
        ({"apiKey": "key\r\nX-Other: 1"}, "$.apiKey", "bad_format"),
        ({"apiKey": "<your-mailgun-api-key>"}, "$.apiKey", "placeholder"),
        ({"from": None}, "$.from", "required"),
        ({"from": ""}, "$.from", "empty"),
        ({"from": "nonsense"}, "$.from", "bad_format"),
        ({"from": "Example, Inc <a@example.com>"}, "$.from", "bad_format"),
        ({"from": "a@example.com\nBcc: b@example.com"}, "$.from", "bad_format"),
        ({"from": "Sender Name <foo@example.com>"}, "$.from", "placeholder"),
        ({"from": "jürgen@example.com"}, "$.from", "not_allowed"),
        ({"from": '"A" <jürgen@münchen.de>'}, "$.from", "not_allowed"),
        ({"from": "a@xn--ü.example"}, "$.from", "bad_format"),
        ({"tag": ""}, "$.tag", "empty"),
        ({"tag": "x" * 129}, "$.tag", "too_long"),
        ({"tag": "grüße"}, "$.tag", "bad_format"),
        ({"tag": "a\nb"}, "$.tag", "bad_format"),
        ({"testMode": "yes"}, "$.testMode", "wrong_type"),
        ({"trackClicks": "yes"}, "$.trackClicks", "not_allowed"),
        ({"trackClicks": 1}, "$.trackClicks", "not_allowed"),
        ({"trackOpens": "htmlonly"}, "$.trackOpens", "wrong_type"),
        ({"trackOpens": 1}, "$.trackOpens", "wrong_type"),
        ({"deliveries": None}, "$.deliveries", "required"),
        ({"deliveries": []}, "$.deliveries", "wrong_type"),
        ({"deliveries": with_delivery("<p>{{code}}</p>")}, "$.deliveries.SignIn", "wrong_type"),
        ({"deliveries": with_delivery({})}, "$.deliveries.SignIn", "no_variant"),
        ({"deliveries": with_delivery({"subject": "Code"})}, "$.deliveries.SignIn", "no_variant"),
        ({"deliveries": with_delivery({"html": "x", "template": "x"})}, "$.deliveries.SignIn", "no_variant"),
        ({"deliveries": with_delivery({"text": "x", "template": "x"})}, "$.deliveries.SignIn", "no_variant"),
        ({"deliveries": with_delivery({"html": ""})}, "$.deliveries.SignIn.html", "empty"),
        ({"deliveries": with_delivery({"html": 7})}, "$.deliveries.SignIn.html", "wrong_type"),
        ({"deliveries": with_delivery({"htm": "x", "text": "x"})}, "$.deliveries.SignIn.htm", "unknown_key"),
        (
            {"deliveries": with_delivery({"text": "x", "usageType": "A"})},
            "$.deliveries.SignIn.usageType",
            "unknown_key",
        ),
        ({"deliveries": with_delivery({"text": "x", "subject": "a\nb"})}, "$.deliveries.SignIn.subject", "bad_format"),
        ({"deliveries": with_delivery({"template": ""})}, "$.deliveries.SignIn.template", "empty"),
        ({"deliveries": with_delivery({"template": "a\nb"})}, "$.deliveries.SignIn.template", "bad_format"),
        ({"deliveries": with_delivery({"text": "x", "variables": []})}, "$.deliveries.SignIn.variables", "wrong_type"),
        ({"deliveries": with_delivery({"text": "x", "replyTo": "x"})}, "$.deliveries.SignIn.replyTo", "bad_format"),
        (
            {"deliveries": with_delivery({"text": "x", "replyTo": "ü@b.c"})},
            "$.deliveries.SignIn.replyTo",
            "not_allowed",
        ),
        (
            {"deliveries": with_delivery({"text": "x", "replyTo": "a@ü..b"})},
            "$.deliveries.SignIn.replyTo",
            "bad_format",
        ),
        ({"deliveries": with_delivery({"text": "x", "locale": "de_CH"})}, "$.deliveries.SignIn.locale", "bad_format"),
        ({"deliveries": with_delivery([])}, "$.deliveries.SignIn", "too_few"),
        ({"deliveries": with_delivery([{"text": "x"}, 7])}, "$.deliveries.SignIn[1]", "wrong_type"),
        (
            {"deliveries": with_delivery([{"replyTo": "a@xn--ü.b", "text": "x"}])},
            "$.deliveries.SignIn[0].replyTo",
            "bad_format",
        ),
        ({"deliveries": with_delivery({"text": "x"}, "")}, '$.deliveries[""]', "bad_key"),
        ({"deliveries": with_delivery({"text": "x"}, "A\nB")}, '$.deliveries["A\\nB"]', "bad_key"),
    ],
)
def test_a_wrong_setting_is_an_issue_at_its_place(
    mailgun: Connector, settings: dict[str, Any], path: str, code: str
) -> None:
    assert set(find_issues(mailgun, **settings)) == {(path, code)}


@pytest.mark.parametrize(("first", "second"), [(None, None), ("de", "de"), ("pt-BR", "pt-br")])
def test_two_entries_of_one_usage_type_and_locale_are_an_issue(
    mailgun: Connector, first: str | None, second: str | None
) -> None:
    entries = [{"text": "x", **({"locale": locale} if locale else {})} for locale in (first, second)]
    assert find_issues(mailgun, deliveries=with_delivery(entries)) == [("$.deliveries.SignIn[1]", "repeated")]


def test_all_that_is_wrong_is_found_at_once(mailgun: Connector) -> None:
    found = find_issues(mailgun, domain="", apiKey="", deliveries=with_delivery({"replyTo": "x"}), region="eu")
    assert [path for path, _ in found] == [
        "$.apiKey",
        "$.deliveries.SignIn",
        "$.deliveries.SignIn.replyTo",
        "$.domain",
        "$.region",
    ]


def test_the_sentence_for_a_mixture_names_the_three_ways(mailgun: Connector) -> None:
    (issue,) = mailgun.validate_config({**CONFIG, "deliveries": with_delivery({"html": "x", "template": "y"})})
    assert issue.message == "Give either html, text or both, or the name of a template at Mailgun."


def test_the_key_is_hidden_in_a_copy_to_show_and_the_deliveries_stay(mailgun: Connector) -> None:
    shown = mailgun.redact_config({**CONFIG, "deliveries": with_delivery({"template": "x", "variables": {"a": [1]}})})
    assert shown["apiKey"] == "***"
    assert shown["deliveries"]["SignIn"] == {"template": "x", "variables": {"a": [1]}}


@pytest.mark.parametrize(
    "settings",
    [
        {"domain": "a." * 50_000},
        {"domain": "a-" * 50_000},
        {"from": "ü" * 100_000},
        {"from": "<ü" * 50_000},
        {"endpoint": "https://" + "/v3" * 30_000 + "x"},
        {"deliveries": {"x" * 100_000 + "\t": {}}},
    ],
)
def test_a_monstrous_value_is_judged_in_no_time(settings: dict[str, Any]) -> None:
    code = (
        "import json, sys\n"
        "from connector_core import Host\n"
        "sys.exit(not Host.discover()['mailgun-email'].validate_config(json.load(sys.stdin)))"
    )
    done = subprocess.run(  # noqa: S603  our own code, in a process that can be ended
        [sys.executable, "-c", code],
        input=json.dumps({**CONFIG, **settings}),
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 0
