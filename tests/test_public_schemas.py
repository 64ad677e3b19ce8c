"""The public JSON Schemas, as other programs use them: by themselves, with any validator, without a network."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import fields
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from jsonschema import validate as validate_plainly
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from connector_core import USAGE_TYPES, ConnectorMetadata, Host, InvalidMessage, Message
from connector_core.address import check_address
from connector_core.schema import DIALECT, EMAIL, MESSAGE, METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connector_core import Connector

FOLDER = files("connector_core") / "schemas"
SCHEMAS: dict[str, dict[str, Any]] = {
    entry.name: json.loads(entry.read_text("utf-8")) for entry in FOLDER.iterdir() if entry.name.endswith(".json")
}
BY_ID = {schema["$id"]: schema for schema in SCHEMAS.values()}
REGISTRY: Registry[Any] = Registry().with_resources((urn, DRAFT202012.create_resource(it)) for urn, it in BY_ID.items())


def validator(urn: str, pointer: str = "") -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"{urn}{pointer}"}, registry=REGISTRY)


@pytest.fixture(scope="module")
def postmark() -> Iterator[Connector]:
    with Host.discover() as host:
        yield host["postmark-mail"]


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something opens a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_public_schemas_are_the_four_that_the_code_knows() -> None:
    assert set(BY_ID) == {EMAIL, DIALECT, METADATA, MESSAGE}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_public_schema_is_valid_json_schema_2020_12(name: str) -> None:
    assert SCHEMAS[name]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(SCHEMAS[name])


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for member in value.values():
            yield from references(member)
    elif isinstance(value, list):
        for member in value:
            yield from references(member)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_reference_of_a_public_schema_leads_to_a_public_schema(name: str) -> None:
    resolver = REGISTRY.resolver(SCHEMAS[name]["$id"])
    for reference in references(SCHEMAS[name]):
        assert resolver.lookup(reference).contents
        assert re.match(r"#|urn:connector-core:", reference)


GOOD = {
    "serverToken": "token",
    "fromEmail": "Ann <ann@example.com>",
    "templates": [
        {"usageType": name, "templateAlias": "a"} for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("config", "valid"),
    [
        (GOOD, True),
        ({**GOOD, "fromEmail": "nobody"}, False),
        ({**GOOD, "templates": GOOD["templates"][1:]}, False),
        ({**GOOD, "servertoken": "x"}, False),
        ({}, False),
    ],
    ids=["good", "bad address", "missing usage type", "unknown key", "empty"],
)
def test_the_config_schema_of_a_connector_works_alone_with_plain_jsonschema(
    postmark: Connector, config: dict[str, Any], *, valid: bool
) -> None:
    schema = json.loads(json.dumps(postmark.config_schema))
    Draft202012Validator.check_schema(schema)
    if valid:
        validate_plainly(config, schema)
    else:
        with pytest.raises(ValidationError):
            validate_plainly(config, schema)


@pytest.mark.usefixtures("no_network")
def test_checking_a_config_opens_no_socket() -> None:
    with Host.discover() as host:
        assert host["postmark-mail"].validate_config(GOOD) == []


def test_a_schema_without_shared_definitions_is_bundled_as_it_is(make_host: Callable[..., Host]) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    assert make_host(FakeConnector(schema=schema))["alpha-mail"].config_schema == schema


def test_the_metadata_of_a_connector_fits_the_schema_of_metadata(postmark: Connector) -> None:
    document = json.loads(json.dumps(postmark.metadata.to_json()))
    assert [error.message for error in validator(METADATA).iter_errors(document)] == []


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
PAYLOADS = st.dictionaries(st.sampled_from(["code", "link", "locale", "uiLocales", "user"]) | st.text(), JSON)


@given(st.text(), st.text(), PAYLOADS, st.none() | st.text())
@example("a@example.com", "SignIn", {"code": 123456}, None)
@example("+15550100", "T" * 500, {}, "")
def test_the_message_schema_takes_each_message_that_can_be_made(
    to: str, usage_type: str, payload: dict[str, Any], ip: str | None
) -> None:
    try:
        message = Message(to, usage_type, payload, ip)
    except InvalidMessage:
        return
    document = {"to": message.to, "type": message.type, "payload": message.payload, "ip": message.ip}
    assert [error.message for error in validator(MESSAGE).iter_errors(document)] == []


@pytest.mark.parametrize("usage_type", USAGE_TYPES)
def test_a_message_of_logto_fits_the_message_schema(usage_type: str) -> None:
    message = {
        "to": "a@b.c",
        "type": usage_type,
        "payload": {"code": "123456", "link": "https://example.com", "locale": "de", "uiLocales": "de en"},
        "ip": "192.0.2.1",
    }
    assert [error.message for error in validator(MESSAGE).iter_errors(message)] == []


@pytest.mark.parametrize(
    "message",
    [
        {"to": "", "type": "A", "payload": {}},
        {"to": "a\r\nb", "type": "A", "payload": {}},
        {"to": "a", "type": "", "payload": {}},
        {"to": "a", "type": "A", "payload": []},
        {"to": "a", "type": "A", "payload": {}, "ip": 5},
        {"to": "a", "type": "A", "payload": {}, "subject": "x"},
        {"to": " ", "type": "A", "payload": {}},
        {"to": "a\u2028b", "type": "A", "payload": {}},
        {"to": "a", "type": "A", "payload": {}, "ip": "1\n2"},
        *({"to": "a", "type": "A", "payload": {}, name: "x"} for name in ("cc", "bcc", "tags", "headers", "metadata")),
        *({"to": "a", "type": "A", "payload": {}, name: [" "]} for name in ("cc", "bcc", "tags")),
        *({"to": "a", "type": "A", "payload": {}, name: ""} for name in ("replyTo", "stream")),
        *({"to": "a", "type": "A", "payload": {}, name: {"X": "a\nb"}} for name in ("headers", "metadata")),
        {"to": "a", "type": "A", "payload": {}, "headers": {"X Y": "a"}},
        {"to": "a", "type": "A", "payload": {}, "content": {"subject": "a"}},
        {"to": "a", "type": "A", "payload": {}, "content": {"subject": "a\nb", "text": "a"}},
        {"to": "a", "type": "A", "payload": {}, "attachments": [{"name": "a"}]},
        {"to": "a", "type": "A", "payload": {}, "attachments": [{"name": "a/b", "content": ""}]},
        {"to": "a", "type": "A", "payload": {}, "attachments": [{"name": "a", "content": "", "contentId": "cid:a"}]},
        {"to": "a", "type": "A"},
        {},
    ],
    ids=json.dumps,
)
def test_the_message_schema_refuses_what_no_message_can_be(message: dict[str, Any]) -> None:
    assert not validator(MESSAGE).is_valid(message)
    with pytest.raises(InvalidMessage):
        Message.from_json({"payload": None, **message} if "payload" in message else {**message, "payload": []})


def test_the_message_schema_names_each_part_of_a_message_and_no_other() -> None:
    parts = {part.name.replace("reply_to", "replyTo") for part in fields(Message)}
    assert set(BY_ID[MESSAGE]["properties"]) == parts


ODD = st.sampled_from(
    ["a", "", " ", "a\nb", "a\n", "a\u2028", "\x85", "ü", "a/b", "a\\b", "<a>", "X-A", "x-a", "To", "cid:a"]
)
NEAR_LINES = ODD | st.none() | st.integers() | st.lists(ODD, max_size=2)
NEAR_PAIRS = st.dictionaries(ODD, ODD | st.none(), max_size=2) | NEAR_LINES
NEAR_CONTENT = st.dictionaries(st.sampled_from(["subject", "text", "html", "body"]), ODD | st.none() | st.booleans())
NEAR_FILES = st.fixed_dictionaries(
    {"name": ODD, "content": st.sampled_from(["", "YQ==", "YWFh", "YQ==\n", "*"])},
    optional={
        "contentType": st.sampled_from(["text/plain", "text/plain\n", "a/b/c", "text", "", "tëxt/plain"]),
        "contentId": ODD | st.none(),
        "more": st.none(),
    },
)
NEAR_PARTS: dict[str, st.SearchStrategy[Any]] = {
    "to": ODD,
    "type": st.sampled_from(["SignIn", "", " ", "a\nb", "a\n", "ü"]),
    "payload": PAYLOADS | NEAR_LINES.filter(lambda value: value is not None),
    "ip": ODD | st.none(),
    **dict.fromkeys(["cc", "bcc", "tags", "replyTo", "stream"], NEAR_LINES),
    **dict.fromkeys(["headers", "metadata"], NEAR_PAIRS),
    "attachments": st.lists(NEAR_FILES, max_size=2) | NEAR_LINES,
    "content": NEAR_CONTENT | NEAR_LINES,
    "subject": ODD,
}
NEAR_MESSAGES = st.one_of(
    [
        st.fixed_dictionaries({"to": st.just("a@b.example"), "type": st.just("A"), "payload": st.just({}), name: part})
        for name, part in NEAR_PARTS.items()
    ]
)


def is_beyond_a_schema(document: dict[str, Any]) -> bool:
    """Return whether a message has a header that the sentences of code alone refuse: a mail's own, or one twice."""
    headers = [name.lower() for name in document.get("headers") or ()]
    return "to" in headers or len(headers) != len(set(headers))


@settings(max_examples=300)
@given(NEAR_MESSAGES)
def test_the_message_schema_and_the_code_take_the_same_messages(document: dict[str, Any]) -> None:
    try:
        made = Message.from_json(document)
    except InvalidMessage:
        made = None
    fits = validator(MESSAGE).is_valid(document)
    assert fits == (made is not None) or (fits and is_beyond_a_schema(document))
    if made is not None:
        assert validator(MESSAGE).is_valid(made.to_json())


PARTS = st.text(st.sampled_from("ab.@<>,;: \t\n\r\0\u2028\u00a0()[]\\\"'+-_üß\x7f\x1f"), max_size=12) | st.text(
    max_size=6
)
NEAR_ADDRESSES = st.builds("{}@{}".format, PARTS, PARTS) | PARTS | st.emails()


@given(NEAR_ADDRESSES)
@example("a@example.com\n")
@example(f"{'a' * 64}@example.com")
@example(f"{'a' * 65}@example.com")
@example(f"a@{'b' * 252}")
@example(f"a@{'b' * 253}")
@example("a@b..c")
@example("a@b.")
def test_the_schema_of_an_address_and_the_check_of_a_recipient_agree(address: str) -> None:
    try:
        check_address(address)
        taken = True
    except InvalidMessage:
        taken = False
    # The schema's own words, read as ECMA-262 does: there, $ is the end and not before a last line break.
    definition = BY_ID[EMAIL]["$defs"]["address"]
    pattern = definition["pattern"].removesuffix("$") + r"\Z"
    fits = len(address) <= definition["maxLength"] and re.search(pattern, address) is not None
    assert fits == taken


@given(st.emails(), st.text(st.characters(exclude_characters='<>",;@\\', exclude_categories=["Cc", "Cs"]), max_size=20))
def test_an_address_is_a_mailbox_with_and_without_a_name(address: str, name: str) -> None:
    mailbox = validator(EMAIL, "#/$defs/mailbox")
    if not re.search(r'[\[\]":;,()\\]', address):
        assert mailbox.is_valid(address)
        assert mailbox.is_valid(f"{name} <{address}>")
        assert mailbox.is_valid(f'"{name}, Ltd" <{address}>')


def metadata(**changes: Any) -> dict[str, Any]:
    good = {"id": "a-mail", "type": "Email", "name": {"en": "A"}, "description": {"en": "A."}, "guide": {"en": "# A"}}
    return {**good, "configSchema": {"type": "object"}, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "A-Mail"},
        {"id": "a_mail"},
        {"id": "a--mail"},
        {"id": ""},
        {"type": "Push"},
        {"name": {"de": "A"}},
        {"name": {}},
        {"name": {"en": ""}},
        {"description": "A."},
        {"guide": {}},
        {"platform": "Mobile"},
        {"logo": ""},
        {"configSchema": []},
        {"homepage": "x"},
    ],
    ids=str,
)
def test_the_metadata_schema_refuses_what_is_no_metadata(changes: dict[str, Any]) -> None:
    assert validator(METADATA).is_valid(metadata())
    assert not validator(METADATA).is_valid(metadata(**changes))


def test_metadata_is_written_in_the_shape_of_its_schema() -> None:
    made = ConnectorMetadata(
        id="a-mail", type="Email", name={"en": "A"}, description={"en": "A."}, config_schema={}, guide={"en": "# A"}
    )
    document = made.to_json()
    assert [error.message for error in validator(METADATA).iter_errors(document)] == []
    assert document["target"] == "a-mail"
    assert document["platform"] is document["logo"] is document["logoDark"] is None
