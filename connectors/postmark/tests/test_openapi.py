"""Every request that the connector makes is one of Postmark's own OpenAPI description."""

from __future__ import annotations

import json
import os
import uuid
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from connector_postmark.request import PostmarkRequests
from connector_postmark.sandbox import PostmarkSandbox
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from connector_core import USAGE_TYPES, Attachment, Content, Host, Message, Template
from connector_core.testing.wire_behaviours import pass_on
from connector_core.testing.wire_server import Request, WireServer

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

FILE = Path(
    os.environ.get("POSTMARK_OPENAPI") or Path(__file__).parents[3] / "../shared/reference/postmark-server-openapi.json"
)

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the OpenAPI file is not here: set POSTMARK_OPENAPI to it")


@pytest.fixture(scope="module")
def host() -> Host:
    return Host.discover()


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    """Return the description with its known errors corrected, and closed to fields that it doesn't know."""
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    request = found["components"]["schemas"]["EmailWithTemplateRequest"]
    # Exactly one of the two names the template; the file demands both.
    request["required"] = ["TemplateModel", "To", "From"]
    request["oneOf"] = [{"required": ["TemplateId"]}, {"required": ["TemplateAlias"]}]
    for field in ("From", "To", "Cc", "Bcc"):  # lists and names are allowed
        del request["properties"][field]["format"]
    # Postmark developer docs, "Send email with template": fields that the file lacks.
    for schema in (request, found["components"]["schemas"]["SendEmailRequest"]):
        schema["properties"]["MessageStream"] = {"type": "string"}
        schema["properties"]["Metadata"] = {"type": "object", "additionalProperties": {"type": "string"}}
    for name in ("EmailWithTemplateRequest", "SendEmailRequest", "MessageHeader", "Attachment"):
        found["components"]["schemas"][name]["additionalProperties"] = False
    return found


@pytest.fixture(scope="module")
def validators(description: dict[str, Any]) -> dict[str, Draft202012Validator]:
    """Return what checks the body of a mail, by the address that it goes to."""
    found = {}
    for path in ("/email", "/email/withTemplate"):
        content = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        found[path] = Draft202012Validator({**content, "components": description["components"]})
    return found


@pytest.fixture(scope="module")
def validator(validators: dict[str, Draft202012Validator]) -> Draft202012Validator:
    return validators["/email/withTemplate"]


WORDS = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="<>"), min_size=1, max_size=20)
ADDRESSES = st.from_regex(r"[a-z0-9._+-]{1,20}@[a-z0-9]{1,20}(\.[a-z0-9]{1,10}){1,2}", fullmatch=True)
NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='<>",;@\\'), min_size=1, max_size=20)
NAMED = st.sampled_from(["{} <{}>", '"{}, Ltd" <{}>'])
MAILBOXES = ADDRESSES | st.builds(str.format, NAMED, NAMES, ADDRESSES)
LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=80)
ALIASES = st.from_regex(r"[a-z][a-z0-9._-]{0,20}", fullmatch=True)
TEMPLATES = st.tuples(
    *(
        st.fixed_dictionaries({"usageType": st.just(name), "templateAlias": ALIASES})
        | st.fixed_dictionaries({"usageType": st.just(name), "templateId": st.integers(1, 2**40)})
        for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    )
).map(list)
CONFIGS = st.fixed_dictionaries(
    {"serverToken": st.uuids().map(str), "fromEmail": MAILBOXES, "templates": TEMPLATES},
    optional={
        "messageStream": ALIASES,
        "replyTo": MAILBOXES,
        "tag": WORDS,
        "trackOpens": st.booleans(),
        "trackLinks": st.sampled_from(["None", "HtmlAndText", "HtmlOnly", "TextOnly"]),
        "inlineCss": st.booleans(),
        "metadata": st.dictionaries(WORDS, LINES, max_size=10),
        "headers": st.dictionaries(st.from_regex(r"x-[a-z]{1,10}", fullmatch=True), WORDS, max_size=5),
    },
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.builds(
    Message,
    ADDRESSES,
    st.sampled_from(USAGE_TYPES) | WORDS,
    st.dictionaries(st.text(), JSON, max_size=5) | st.fixed_dictionaries({"locale": st.text(max_size=10)}),
)


PAIRS = st.dictionaries(st.from_regex(r"x-[a-z]{1,10}", fullmatch=True), LINES, max_size=3)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "cc": st.lists(ADDRESSES, max_size=3),
        "bcc": st.lists(ADDRESSES, max_size=3),
        "reply_to": MAILBOXES,
        "headers": PAIRS,
        "tags": st.lists(WORDS, max_size=1),
        "attachments": st.lists(
            st.builds(Attachment, name=ALIASES, content=st.binary(max_size=9), content_id=st.none() | st.just("logo")),
            max_size=2,
        ),
        "stream": ALIASES,
        "content": st.builds(Content, LINES, st.text(min_size=1), st.text()),
    },
)


@given(CONFIGS, MESSAGES, OPTIONS)
def test_any_request_with_options_keeps_to_the_description_of_its_address(
    host: Host,
    validators: dict[str, Draft202012Validator],
    config: dict[str, Any],
    message: Message,
    options: dict[str, Any],
) -> None:
    for name, value in options.items():
        setattr(message, name, value)
    requests = PostmarkRequests(host["postmark-mail"].configure(config).config)
    path = requests.find_url(message).removeprefix("https://api.postmarkapp.com")
    body = json.loads(json.dumps(requests.make_body(message)))
    assert list(validators[path].iter_errors(body)) == []


@given(CONFIGS, MESSAGES)
def test_any_request_keeps_to_the_description(
    host: Host, validator: Draft202012Validator, config: dict[str, Any], message: Message
) -> None:
    requests = PostmarkRequests(host["postmark-mail"].configure(config).config)
    body = json.loads(json.dumps(requests.make_body(message)))
    assert list(validator.iter_errors(body)) == []
    assert body["TemplateModel"] == message.payload


def test_the_description_knows_the_address_and_the_token_header(host: Host, description: dict[str, Any]) -> None:
    config = {
        "serverToken": str(uuid.uuid4()),
        "fromEmail": "noreply@example.com",
        "templates": [
            {"usageType": name, "templateAlias": "x"} for name in ("SignIn", "Register", "ForgotPassword", "Generic")
        ],
    }
    requests = PostmarkRequests(host["postmark-mail"].configure(config).config)
    url = requests.find_url(Message("a@example.com", "SignIn"))
    path = url.removeprefix("https://api.postmarkapp.com")
    operation = description["paths"][path]["post"]
    needed = {one["name"] for one in operation["parameters"] if one["required"] and one["in"] == "header"}
    assert needed <= set(requests.headers)


@pytest.fixture(scope="module")
def asked(host: Host) -> list[Request]:
    """Return the requests that send nothing: to create a template, to update one, and for the usage."""
    template = Template(usage_type="Generic", subject="{{code}}", html="<p>{{code}}</p>", text="{{code}}")
    with PostmarkSandbox() as sandbox, WireServer(pass_on(sandbox.url)) as server:
        templates = [*sandbox.config["templates"], {"usageType": "Welcome", "templateAlias": "welcome"}]
        config = {**sandbox.config, "apiUrl": server.url, "templates": templates, "messageStream": "outbound"}
        with host["postmark-mail"].configure(config) as configured:
            for change in configured.plan_templates([template]):
                change.apply()
            configured.get_usage(date(2026, 1, 31))
    return server.requests


def test_the_requests_that_send_nothing_keep_to_the_description(
    description: dict[str, Any], asked: list[Request]
) -> None:
    schemas = description["components"]["schemas"]
    schemas["CreateTemplateRequest"]["properties"]["TemplateType"] = {"enum": ["Standard", "Layout"]}  # lacks it
    schemas["EditTemplateRequest"]["required"] = []  # the id is in the path
    seen = set()
    for request in asked:
        path, _, query = request.target.partition("?")
        path = "/templates/{templateIdOrAlias}" if path.startswith("/templates/") else path
        operation = description["paths"][path][request.method.lower()]
        known = {one["name"] for one in operation["parameters"] if one["in"] == "query"} | {"messagestream"}  # lacks it
        assert set(parse_qs(query)) <= known
        assert {one["name"].lower() for one in operation["parameters"] if one["in"] == "header"} <= set(request.headers)
        if request.body:
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            schema = {**find_schema(description, schema), "additionalProperties": False}
            assert list(Draft202012Validator(schema).iter_errors(request.json())) == []
        seen.add((request.method, path))
    assert seen == {
        ("GET", "/templates/{templateIdOrAlias}"),
        ("POST", "/templates"),
        ("PUT", "/templates/{templateIdOrAlias}"),
        ("GET", "/stats/outbound"),
    }


def test_the_sandbox_answers_for_the_usage_what_the_description_has(
    description: dict[str, Any], call: Callable[..., requests.Response]
) -> None:
    (response,) = (
        one for status, one in description["paths"]["/stats/outbound"]["get"]["responses"].items() if status == "200"
    )
    schema = find_schema(description, response["content"]["application/json"]["schema"])
    answer = call("GET", "/stats/outbound").json()
    assert list(Draft202012Validator(schema).iter_errors(answer)) == []
    assert {name.lower() for name in schema["properties"]} <= {name.lower() for name in answer}


def find_schema(description: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema, or the one that it refers to."""
    found: dict[str, Any] = description["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], schema)
    return found


@pytest.mark.parametrize(
    "broken",
    [
        {"From": "a@b.c", "To": "a@b.c", "TemplateModel": {}},
        {"From": "a@b.c", "To": "a@b.c", "TemplateModel": {}, "TemplateId": 1, "TemplateAlias": "x"},
        {"From": "a@b.c", "To": "a@b.c", "TemplateModel": [], "TemplateId": 1},
        {"From": "a@b.c", "To": "a@b.c", "TemplateModel": {}, "TemplateId": 1, "Unknown": 1},
        {"From": "a@b.c", "To": "a@b.c", "TemplateModel": {}, "TemplateId": 1, "TrackLinks": True},
    ],
)
def test_the_corrected_description_still_refuses_what_is_wrong(
    validator: Draft202012Validator, broken: dict[str, Any]
) -> None:
    assert not validator.is_valid(broken)
