"""Bad configs, checked as a host does, against the schema of the Postmark connector: every issue at once."""

from __future__ import annotations

import copy
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import ConfigIssue, Connector, Host, InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIRED_TYPES = ["Register", "SignIn", "ForgotPassword", "Generic"]
GOOD: dict[str, Any] = {
    "serverToken": "good-token",
    "fromEmail": "noreply@example.com",
    "templates": [{"usageType": name, "templateAlias": f"logto-{name}"} for name in REQUIRED_TYPES],
}
CODES = {
    "bad_format",
    "bad_key",
    "empty",
    "missing_item",
    "no_variant",
    "not_allowed",
    "not_json",
    "placeholder",
    "repeated",
    "required",
    "too_few",
    "too_large",
    "too_long",
    "too_many",
    "too_short",
    "too_small",
    "unknown_key",
    "wrong_type",
}


@pytest.fixture(scope="module")
def postmark() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["postmark-mail"]


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


def with_entry(**entry: Any) -> dict[str, Any]:
    return {**GOOD, "templates": [*GOOD["templates"], entry]}


def found(issues: list[ConfigIssue]) -> list[tuple[str, str]]:
    return [(issue.path, issue.code) for issue in issues]


def test_a_good_config_has_no_issues(postmark: Connector) -> None:
    assert postmark.validate_config(GOOD) == []


NEXT = "$.templates[4]"
BAD: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "nothing": ({}, [("$.fromEmail", "required"), ("$.serverToken", "required"), ("$.templates", "required")]),
    "no token": (without("serverToken"), [("$.serverToken", "required")]),
    "empty token": ({**GOOD, "serverToken": ""}, [("$.serverToken", "empty")]),
    "empty sender": ({**GOOD, "fromEmail": ""}, [("$.fromEmail", "empty")]),
    "empty stream": ({**GOOD, "messageStream": ""}, [("$.messageStream", "empty")]),
    "empty alias": (with_entry(usageType="A", templateAlias=""), [(f"{NEXT}.templateAlias", "empty")]),
    "empty usage type": (with_entry(usageType="", templateAlias="a"), [(f"{NEXT}.usageType", "empty")]),
    "empty choice": ({**GOOD, "trackLinks": ""}, [("$.trackLinks", "empty")]),
    "blank token": ({**GOOD, "serverToken": "   "}, [("$.serverToken", "bad_format")]),
    "token with a line break": ({**GOOD, "serverToken": "good\n"}, [("$.serverToken", "bad_format")]),
    "token as number": ({**GOOD, "serverToken": 5}, [("$.serverToken", "wrong_type")]),
    "token as object": ({**GOOD, "serverToken": {"a": 1}}, [("$.serverToken", "wrong_type")]),
    "token as list": ({**GOOD, "serverToken": ["a"]}, [("$.serverToken", "wrong_type")]),
    "token null": ({**GOOD, "serverToken": None}, [("$.serverToken", "wrong_type")]),
    "switch as text": ({**GOOD, "trackOpens": "yes"}, [("$.trackOpens", "wrong_type")]),
    "switch as number": ({**GOOD, "inlineCss": 1}, [("$.inlineCss", "wrong_type")]),
    "templates as object": ({**GOOD, "templates": {"SignIn": "a"}}, [("$.templates", "wrong_type")]),
    "templates as text": ({**GOOD, "templates": "[]"}, [("$.templates", "wrong_type")]),
    "entry as text": ({**GOOD, "templates": [*GOOD["templates"], "SignIn"]}, [(NEXT, "wrong_type")]),
    "id as text": (with_entry(usageType="A", templateId="5"), [(f"{NEXT}.templateId", "wrong_type")]),
    "id as true": (with_entry(usageType="A", templateId=True), [(f"{NEXT}.templateId", "wrong_type")]),
    "id zero": (with_entry(usageType="A", templateId=0), [(f"{NEXT}.templateId", "too_small")]),
    "sender without domain": ({**GOOD, "fromEmail": "noreply"}, [("$.fromEmail", "bad_format")]),
    "two senders": ({**GOOD, "fromEmail": "a@example.com, b@example.com"}, [("$.fromEmail", "bad_format")]),
    "sender with a line break": ({**GOOD, "fromEmail": "a@example.com\r\nBcc: b@c.d"}, [("$.fromEmail", "bad_format")]),
    "sender that ends with a line break": ({**GOOD, "fromEmail": "a@example.com\n"}, [("$.fromEmail", "bad_format")]),
    "http to another machine": ({**GOOD, "apiUrl": "http://example.com"}, [("$.apiUrl", "bad_format")]),
    "http to what looks like loopback": (
        {**GOOD, "apiUrl": "http://127.0.0.1.example.com"},
        [("$.apiUrl", "bad_format")],
    ),
    "address with a password": ({**GOOD, "apiUrl": "https://a:b@example.com"}, [("$.apiUrl", "bad_format")]),
    "address that ends with a line break": ({**GOOD, "apiUrl": "https://example.com\n"}, [("$.apiUrl", "bad_format")]),
    "unknown choice": ({**GOOD, "trackLinks": "Html"}, [("$.trackLinks", "not_allowed")]),
    "long token": ({**GOOD, "serverToken": "a" * 201}, [("$.serverToken", "too_long")]),
    "many pairs": ({**GOOD, "metadata": dict.fromkeys("abcdefghijk", "x")}, [("$.metadata", "too_many")]),
    "long name of a pair": ({**GOOD, "metadata": {"a" * 21: "x"}}, [(f"$.metadata.{'a' * 21}", "bad_key")]),
    "odd name of a header": ({**GOOD, "headers": {"X Y": "x"}}, [('$.headers["X Y"]', "bad_key")]),
    "header with a line break": ({**GOOD, "headers": {"X-Y": "a\r\nZ: b"}}, [("$.headers.X-Y", "bad_format")]),
    "unknown key": ({**GOOD, "color": "red"}, [("$.color", "unknown_key")]),
    "unknown key of an entry": (
        with_entry(usageType="A", templateAlias="a", lang="de"),
        [(f"{NEXT}.lang", "unknown_key")],
    ),
    "alias and id": (with_entry(usageType="A", templateAlias="a", templateId=1), [(NEXT, "no_variant")]),
    "neither alias nor id": (with_entry(usageType="A"), [(NEXT, "no_variant")]),
    "repeated entry": (with_entry(usageType="SignIn", templateAlias="a"), [(NEXT, "repeated")]),
    "placeholder as token": ({**GOOD, "serverToken": "<your-server-token>"}, [("$.serverToken", "placeholder")]),
    "NaN": ({**GOOD, "tag": float("nan")}, [("$.tag", "not_json")]),
    "datetime": ({**GOOD, "tag": datetime(2026, 1, 1, tzinfo=UTC)}, [("$.tag", "not_json")]),
    "bytes as token": ({**GOOD, "serverToken": b"good"}, [("$.serverToken", "not_json")]),
    "number as key": ({**GOOD, "metadata": {1: "a"}}, [("$.metadata", "not_json")]),
}


@pytest.mark.parametrize(("config", "issues"), BAD.values(), ids=BAD)
def test_a_bad_config_has_exactly_these_issues(
    postmark: Connector, config: dict[str, Any], issues: list[tuple[str, str]]
) -> None:
    assert found(postmark.validate_config(config)) == issues


@pytest.mark.parametrize(("config", "issues"), BAD.values(), ids=BAD)
def test_a_bad_config_can_not_be_configured_and_the_error_has_the_same_issues(
    postmark: Connector, config: dict[str, Any], issues: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        postmark.configure(config)
    assert found([*caught.value.issues]) == issues


@pytest.mark.parametrize("config", [config for config, _ in BAD.values()], ids=BAD)
def test_a_bad_config_stays_as_it_was(postmark: Connector, config: dict[str, Any]) -> None:
    before = copy.deepcopy(config)
    postmark.validate_config(config)
    assert repr(config) == repr(before)


def test_the_placeholders_of_the_starting_config_are_all_told(postmark: Connector) -> None:
    issues = postmark.validate_config(postmark.template_config())
    assert ("$.serverToken", "placeholder") in found(issues)
    assert {issue.path for issue in issues} == {"$.serverToken", "$.fromEmail"}


@pytest.mark.parametrize("missing", REQUIRED_TYPES)
def test_a_missing_usage_type_is_named(postmark: Connector, missing: str) -> None:
    entries = [entry for entry in GOOD["templates"] if entry["usageType"] != missing]
    (issue,) = postmark.validate_config({**GOOD, "templates": entries})
    assert (issue.path, issue.code) == ("$.templates", "missing_item")
    assert re.findall("|".join(REQUIRED_TYPES), issue.message) == [missing]


def test_every_missing_usage_type_is_named(postmark: Connector) -> None:
    issues = postmark.validate_config({**GOOD, "templates": []})
    assert {issue.message.rpartition(" ")[2].strip(".") for issue in issues} == {*REQUIRED_TYPES}


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("servertoken", "serverToken"),
        ("server_token", "serverToken"),
        ("fromMail", "fromEmail"),
        ("template", "templates"),
        ("replyto", "replyTo"),
        ("APIURL", "apiUrl"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(postmark: Connector, typo: str, meant: str) -> None:
    (issue,) = postmark.validate_config({**GOOD, typo: "x"})
    assert issue.path == f"$.{typo}"
    assert f'did you mean "{meant}"' in issue.message


def test_an_unknown_key_like_no_other_is_answered_with_those_that_exist(postmark: Connector) -> None:
    (issue,) = postmark.validate_config({**GOOD, "zzz": 1})
    assert "serverToken, fromEmail, templates" in issue.message


ALL_AT_ONCE = {
    "fromEmail": "nobody",
    "servertoken": "x",
    "trackOpens": "yes",
    "tag": float("inf"),
    "templates": [
        {"usageType": "SignIn", "templateAlias": "1"},
        {"usageType": "SignIn", "templateAlias": "a", "locale": "de_CH_", "x": 1},
        5,
    ],
}


def test_all_issues_come_at_once_sorted_by_path(postmark: Connector) -> None:
    issues = found(postmark.validate_config(ALL_AT_ONCE))
    assert issues == sorted(issues)
    assert set(issues) >= {
        ("$.fromEmail", "bad_format"),
        ("$.serverToken", "required"),
        ("$.servertoken", "unknown_key"),
        ("$.tag", "not_json"),
        ("$.templates", "missing_item"),
        ("$.templates[0].templateAlias", "bad_format"),
        ("$.templates[1].locale", "bad_format"),
        ("$.templates[1].x", "unknown_key"),
        ("$.templates[2]", "wrong_type"),
        ("$.trackOpens", "wrong_type"),
    }


def test_no_issue_is_told_twice(postmark: Connector) -> None:
    issues = postmark.validate_config(ALL_AT_ONCE)
    assert len({*issues}) == len(issues)


@pytest.mark.parametrize("config", [[], "x", 5, None, True, [GOOD]], ids=lambda config: type(config).__name__)
def test_what_is_no_object_has_one_issue(postmark: Connector, config: object) -> None:
    assert found(postmark.validate_config(config)) == [("$", "wrong_type")]


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def circular() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize("value", [nested(70), nested(20_000), circular()], ids=["70", "20000", "circular"])
@pytest.mark.parametrize("key", ["tag", "metadata", "templates", "unknown"])
def test_a_config_that_is_nested_too_deeply_is_an_issue(postmark: Connector, key: str, value: Any) -> None:
    assert "not_json" in {issue.code for issue in postmark.validate_config({**GOOD, key: value})}


MARKER = "Qx7marker9Z"
LEAVES = st.one_of(
    st.just(MARKER),
    st.text(max_size=8).map(lambda text: f"{text}{MARKER}"),
    st.text(max_size=8).map(lambda text: f"{MARKER}{text}"),
    st.just({"templateAlias": MARKER}),
    st.just(f"{MARKER} <a@b>"),
    st.just(f"http://{MARKER}"),
    st.integers(),
    st.booleans(),
    st.none(),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "usageType", "locale"]), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "serverToken",
        "fromEmail",
        "templates",
        "apiUrl",
        "replyTo",
        "tag",
        "trackLinks",
        "metadata",
        "headers",
        "servertoken",
    ]
)


@given(
    changes=st.dictionaries(KEYS, VALUES), entry=st.dictionaries(st.sampled_from(["usageType", "locale", "x"]), VALUES)
)
def test_no_value_of_a_config_is_ever_repeated_in_an_issue(
    postmark: Connector, changes: dict[str, Any], entry: dict[str, Any]
) -> None:
    config = {**GOOD, "templates": [*GOOD["templates"], entry], **changes}
    issues = postmark.validate_config(config)
    assert MARKER not in json.dumps([issue.to_json() for issue in issues])
    assert {issue.code for issue in issues} <= CODES
    assert all(re.match(r"\$([.\[].*)?\Z", issue.path) and issue.message.strip() for issue in issues)


@given(config=st.dictionaries(KEYS | st.text(), VALUES))
def test_configuring_and_validating_always_agree(postmark: Connector, config: dict[str, Any]) -> None:
    issues: tuple[ConfigIssue, ...] = ()
    try:
        postmark.configure(config)
    except InvalidConfig as error:
        issues = error.issues
    assert [*issues] == postmark.validate_config(config)


def test_a_short_wrong_token_garbles_no_path_and_no_sentence(postmark: Connector) -> None:
    token_alone, other = (postmark.validate_config({**GOOD, "serverToken": it, "zzz": 1}) for it in ("e", "good-token"))
    assert token_alone == other


@pytest.mark.parametrize("key", ["tag", "replyTo", "serverToken"])
def test_a_token_that_is_the_name_of_a_setting_garbles_no_path(postmark: Connector, key: str) -> None:
    assert found(postmark.validate_config({**GOOD, "serverToken": key, "tag": 5, "replyTo": 5})) == [
        ("$.replyTo", "wrong_type"),
        ("$.tag", "wrong_type"),
    ]


def test_a_token_that_was_pasted_as_a_key_is_struck_out_of_the_path(postmark: Connector) -> None:
    issues = postmark.validate_config({**GOOD, "serverToken": "abcd-1234", "abcd-1234": 1})
    assert "abcd-1234" not in json.dumps([issue.to_json() for issue in issues])


def test_issues_of_the_same_config_are_always_the_same(postmark: Connector) -> None:
    assert postmark.validate_config(ALL_AT_ONCE) == postmark.validate_config(ALL_AT_ONCE)


def test_the_error_counts_the_issues_and_begins_with_the_first(postmark: Connector) -> None:
    with pytest.raises(InvalidConfig) as caught:
        postmark.configure({})
    assert "3 issues" in str(caught.value)
    assert str(caught.value).endswith(caught.value.issues[0].message)
