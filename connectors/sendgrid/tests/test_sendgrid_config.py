"""Which configs the SendGrid connector takes: Logto's own, and no others that SendGrid would refuse later."""

from __future__ import annotations

from typing import Any

import pytest

from connector_core import USAGE_TYPES, Connector, Host

REQUIRED = ("Register", "SignIn", "ForgotPassword", "Generic")
TEMPLATE_ID = "d-0123456789abcdef0123456789abcdef"
CONFIG: dict[str, Any] = {
    "apiKey": "SG.made-up-key-4Xq.9-_7Zt",
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "type": "text/plain", "subject": "Code", "content": "Code: {{code}}"} for name in REQUIRED
    ],
}


@pytest.fixture(scope="module")
def sendgrid() -> Connector:
    return Host.discover()["sendgrid-email-service"]


def find_issues(sendgrid: Connector, **settings: Any) -> list[tuple[str, str]]:
    config = {key: value for key, value in {**CONFIG, **settings}.items() if value is not None}
    return [(issue.path, issue.code) for issue in sendgrid.validate_config(config)]


def with_entry(**entry: Any) -> list[dict[str, Any]]:
    return [*CONFIG["templates"], {"usageType": "BindMfa", **entry}]


def with_text(**entry: Any) -> list[dict[str, Any]]:
    written = {"type": "text/plain", "subject": "Code", "content": "Code: {{code}}", **entry}
    return with_entry(**{key: value for key, value in written.items() if value is not None})


def test_the_config_of_logtos_own_tests_is_taken(sendgrid: Connector) -> None:
    """Source: logto-io/logto, packages/connectors/connector-sendgrid-email/src/mock.ts, with its four templates."""
    config = {
        "apiKey": "apikey",
        "fromEmail": "noreply@logto.test.io",
        "fromName": "Logto Test",
        "templates": [
            {"usageType": name, "type": "text/plain", "subject": f"{name} Template", "content": "It is {{code}}."}
            for name in REQUIRED
        ],
    }
    assert sendgrid.validate_config(config) == []


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"templates": [*CONFIG["templates"], CONFIG["templates"][0]]}, "repeated"),
        ({"templates": with_text(note="x")}, "unknown_key"),
        ({"note": "x"}, "unknown_key"),
        ({"fromName": ""}, "empty"),
        ({"templates": with_text(subject="")}, "empty"),
        ({"fromEmail": "zoé@example.com"}, "not_allowed"),
    ],
)
def test_what_logto_takes_and_this_connector_does_not_is_what_the_guide_says(
    sendgrid: Connector, settings: dict[str, Any], code: str
) -> None:
    """Source: logto-io/logto, packages/connectors/connector-sendgrid-email/src/types.ts."""
    assert {found for _, found in find_issues(sendgrid, **settings)} == {code}


def test_what_logtos_form_shows_in_empty_fields_may_be_a_value(sendgrid: Connector) -> None:
    """Source: the placeholders in constant.ts of the same connector; ours must not refuse them."""
    assert find_issues(sendgrid, fromEmail="foo@example.com", fromName="Logto") == []


def test_the_form_starts_with_a_template_for_each_of_the_nine_usage_types(sendgrid: Connector) -> None:
    items = {item["key"]: item for item in sendgrid.form_items()}
    assert [entry["usageType"] for entry in items["templates"]["defaultValue"]] == list(USAGE_TYPES)
    assert find_issues(sendgrid, templates=items["templates"]["defaultValue"]) == []


def test_the_connector_is_known_by_logtos_id_and_target(sendgrid: Connector) -> None:
    assert (sendgrid.id, sendgrid.metadata.target) == ("sendgrid-email-service", "sendgrid-mail")


def test_a_config_without_the_extras_of_ours_gets_the_address_of_sendgrid(sendgrid: Connector) -> None:
    config = sendgrid.configure(CONFIG).config
    assert (config["apiUrl"], config["sandboxMode"]) == ("https://api.sendgrid.com", False)


@pytest.mark.parametrize(
    "settings",
    [
        {"fromName": "Example, Inc. & <Sons>"},
        {"fromName": "Müller 👍"},
        {"fromEmail": "noreply@münchen.de"},
        {"replyTo": "support@example.com"},
        {"replyTo": '"Example, Inc." <support@example.com>'},
        {"replyTo": '"Zoé @ home" <zoe@münchen.de>'},
        {"categories": ["sign-in", "a b"]},
        {"categories": [f"c{number}" for number in range(10)]},
        {"sandboxMode": True},
        {"apiUrl": "https://api.eu.sendgrid.com"},
        {"apiUrl": "http://localhost:8000/path"},
        {"templates": with_text(usageType="HostsOwnType")},
        {"templates": with_text(type="text/html", content="<p>{{code}}</p>", text="{{code}}")},
        {"templates": with_text(type="text/html", content="<p>\n{{code}}\n</p>")},
        {"templates": with_text(usageType="SignIn", locale="pt-BR")},
        {"templates": with_entry(templateId=TEMPLATE_ID)},
        {"templates": with_entry(templateId=TEMPLATE_ID, locale="de")},
    ],
)
def test_a_sensible_config_is_taken(sendgrid: Connector, settings: dict[str, Any]) -> None:
    assert find_issues(sendgrid, **settings) == []


@pytest.mark.parametrize("usage_type", REQUIRED)
def test_each_of_the_four_usage_types_must_have_a_template(sendgrid: Connector, usage_type: str) -> None:
    templates = [entry for entry in CONFIG["templates"] if entry["usageType"] != usage_type]
    assert find_issues(sendgrid, templates=templates) == [("$.templates", "missing_item")]


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"apiKey": None}, "$.apiKey"),
        ({"apiKey": ""}, "$.apiKey"),
        ({"apiKey": 7}, "$.apiKey"),
        ({"apiKey": "two words"}, "$.apiKey"),
        ({"apiKey": "SG.line\nbreak"}, "$.apiKey"),
        ({"apiKey": "SG.break\n"}, "$.apiKey"),
        ({"apiKey": "<your-sendgrid-api-key>"}, "$.apiKey"),
        ({"fromEmail": None}, "$.fromEmail"),
        ({"fromEmail": ""}, "$.fromEmail"),
        ({"fromEmail": "nonsense"}, "$.fromEmail"),
        ({"fromEmail": "Example <a@example.com>"}, "$.fromEmail"),
        ({"fromEmail": "a@example.com, b@example.com"}, "$.fromEmail"),
        ({"fromEmail": "a@example.com\r\nBcc: eve@example.com"}, "$.fromEmail"),
        ({"fromEmail": "a@example.com\n"}, "$.fromEmail"),
        ({"fromEmail": "noreply@-münchen-.de"}, "$.fromEmail"),
        ({"fromEmail": "zoé@example.com"}, "$.fromEmail"),
        ({"fromEmail": "from_email_address@your.domain"}, "$.fromEmail"),
        ({"fromName": ""}, "$.fromName"),
        ({"fromName": "Ann\r\nBcc: eve@example.com"}, "$.fromName"),
        ({"fromName": "Ann\n"}, "$.fromName"),
        ({"fromName": "Ann\u2028"}, "$.fromName"),
        ({"fromName": "n" * 201}, "$.fromName"),
        ({"fromName": ["Ann"]}, "$.fromName"),
        ({"replyTo": ""}, "$.replyTo"),
        ({"replyTo": "Ann <a@example.com>\nX: y"}, "$.replyTo"),
        ({"replyTo": "Ann <a@-ü-.de>"}, "$.replyTo"),
        ({"replyTo": "zoé@example.com"}, "$.replyTo"),
        ({"replyTo": '"Zoé" <zoé@münchen.de>'}, "$.replyTo"),
        ({"categories": []}, "$.categories"),
        ({"categories": "sign-in"}, "$.categories"),
        ({"categories": [f"c{number}" for number in range(11)]}, "$.categories"),
        ({"categories": ["a", "a"]}, "$.categories"),
        ({"categories": ["ä"]}, "$.categories[0]"),
        ({"categories": ["a\nb"]}, "$.categories[0]"),
        ({"categories": ["a" * 256]}, "$.categories[0]"),
        ({"categories": [""]}, "$.categories[0]"),
        ({"sandboxMode": "true"}, "$.sandboxMode"),
        ({"apiUrl": ""}, "$.apiUrl"),
        ({"apiUrl": "http://api.sendgrid.com"}, "$.apiUrl"),
        ({"apiUrl": "https://user:pass@example.com"}, "$.apiUrl"),
        ({"apiUrl": "https://[:::]"}, "$.apiUrl"),
        ({"apikey": "x"}, "$.apikey"),
        ({"templates": None}, "$.templates"),
        ({"templates": "[]"}, "$.templates"),
        ({"templates": with_text(usageType="")}, "$.templates[4].usageType"),
        ({"templates": with_text(type=None)}, "$.templates[4].type"),
        ({"templates": with_text(type="text/markdown")}, "$.templates[4].type"),
        ({"templates": with_text(subject=None)}, "$.templates[4].subject"),
        ({"templates": with_text(subject="")}, "$.templates[4].subject"),
        ({"templates": with_text(subject="a\r\nBcc: eve@example.com")}, "$.templates[4].subject"),
        ({"templates": with_text(content=None)}, "$.templates[4].content"),
        ({"templates": with_text(content="")}, "$.templates[4].content"),
        ({"templates": with_text(content=["x"])}, "$.templates[4].content"),
        ({"templates": with_text(text="x")}, "$.templates[4]"),
        ({"templates": with_text(type="text/html", text="")}, "$.templates[4].text"),
        ({"templates": with_text(locale="")}, "$.templates[4].locale"),
        ({"templates": with_text(html="<p>")}, "$.templates[4].html"),
        ({"templates": with_text(templateId=TEMPLATE_ID)}, "$.templates[4]"),
        ({"templates": with_entry(templateId=TEMPLATE_ID, subject="Code")}, "$.templates[4]"),
        ({"templates": with_entry(templateId=TEMPLATE_ID, text="Code")}, "$.templates[4]"),
        ({"templates": with_entry(templateId="")}, "$.templates[4].templateId"),
        ({"templates": with_entry(templateId="0123")}, "$.templates[4].templateId"),
        ({"templates": with_entry(templateId=TEMPLATE_ID.upper())}, "$.templates[4].templateId"),
        ({"templates": with_entry(templateId=f"{TEMPLATE_ID}\n")}, "$.templates[4].templateId"),
    ],
)
def test_a_wrong_setting_is_one_issue_at_its_place(sendgrid: Connector, settings: dict[str, Any], path: str) -> None:
    assert [found for found, _ in find_issues(sendgrid, **settings)] == [path]


def test_an_entry_of_nothing_but_its_usage_type_says_what_it_lacks(sendgrid: Connector) -> None:
    assert find_issues(sendgrid, templates=with_entry()) == [
        ("$.templates[4].content", "required"),
        ("$.templates[4].subject", "required"),
        ("$.templates[4].type", "required"),
    ]


@pytest.mark.parametrize(
    ("templates", "sentence"),
    [
        (with_text(templateId=TEMPLATE_ID), "A dynamic template has a subject and content of its own"),
        (with_text(text="x"), "Content of the type text/plain is the text already"),
    ],
)
def test_keys_that_exclude_each_other_are_explained(
    sendgrid: Connector, templates: list[dict[str, Any]], sentence: str
) -> None:
    (issue,) = sendgrid.validate_config({**CONFIG, "templates": templates})
    assert issue.message.startswith(sentence)


@pytest.mark.parametrize(("first", "second"), [(None, None), ("de", "DE"), ("pt-BR", "pt-br")])
def test_two_entries_of_one_usage_type_and_locale_are_an_issue(
    sendgrid: Connector, first: str | None, second: str | None
) -> None:
    templates = [*with_text(locale=first), with_text(locale=second)[-1]]
    assert find_issues(sendgrid, templates=templates) == [("$.templates[5]", "repeated")]


def test_all_that_is_wrong_is_found_at_once(sendgrid: Connector) -> None:
    found = find_issues(sendgrid, apiKey="", fromEmail="a@-ü-.de", fromName="", categories=[""], templates=[])
    assert {path for path, _ in found} == {
        "$.apiKey",
        "$.fromEmail",
        "$.fromName",
        "$.categories[0]",
        "$.templates",
    }


@pytest.mark.parametrize("config", [{}, {"apiUrl": 7, "fromEmail": [], "replyTo": {}, "templates": {}}])
def test_a_config_of_the_wrong_shape_is_explained_by_its_schema(sendgrid: Connector, config: dict[str, Any]) -> None:
    assert {issue.code for issue in sendgrid.validate_config(config)} <= {"required", "wrong_type"}


def test_the_key_is_hidden_wherever_a_config_is_shown(sendgrid: Connector) -> None:
    assert sendgrid.redact_config(CONFIG)["apiKey"] == "***"
    assert CONFIG["apiKey"] not in repr(sendgrid.configure(CONFIG).config)
    (item,) = (item for item in sendgrid.form_items() if item["key"] == "apiKey")
    assert item["isConfidential"]
