"""Templates over the API: kept, listed, wrapped by layouts, tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from connector_core import sample_payload

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests
    from connector_postmark.sandbox import PostmarkSandbox

    Call = Callable[..., requests.Response]

FRAME = {
    "Name": "Frame",
    "Alias": "frame",
    "TemplateType": "Layout",
    "HtmlBody": "<body>{{{ @content }}}<footer>{{year}}</footer></body>",
    "TextBody": "{{{@content}}}\n-- {{year}}",
}
HELLO = {"Name": "Hello", "Alias": "hello", "Subject": "Hi {{n}}", "HtmlBody": "<p>{{n}}</p>", "TextBody": "Hi {{n}}"}


def send(call: Call, model: dict[str, Any], alias: str = "hello") -> requests.Response:
    mail = {"From": "sandbox@example.com", "To": "ann@example.com", "TemplateAlias": alias, "TemplateModel": model}
    return call("POST", "/email/withTemplate", mail)


def refused_code(response: requests.Response) -> int:
    assert response.status_code == 422
    code = response.json()["ErrorCode"]
    assert isinstance(code, int)
    return code


def test_the_sandbox_starts_with_a_template_for_each_usage_type(call: Call, sandbox: PostmarkSandbox) -> None:
    listed = call("GET", "/templates?Count=100&Offset=0").json()
    aliases = [entry["templateAlias"] for entry in sandbox.config["templates"]]
    assert listed["TotalCount"] == len(aliases) == 9
    assert [template["Alias"] for template in listed["Templates"]] == aliases


@pytest.mark.parametrize("entry", range(9))
def test_each_starter_renders_what_it_is_for(call: Call, sandbox: PostmarkSandbox, entry: int) -> None:
    template = sandbox.config["templates"][entry]
    payload = sample_payload(template["usageType"])
    assert send(call, payload, template["templateAlias"]).ok
    (message,) = sandbox.messages
    (wanted,) = payload.values()
    assert wanted in message.text
    assert wanted in message.html
    assert "{{" not in message.subject + message.text + message.html


def test_a_template_is_created_edited_read_and_deleted(call: Call) -> None:
    created = call("POST", "/templates", HELLO)
    assert created.status_code == 200
    assert created.json() == {
        "TemplateId": created.json()["TemplateId"],
        "Name": "Hello",
        "Active": True,
        "Alias": "hello",
        "TemplateType": "Standard",
        "LayoutTemplate": None,
    }
    template_id = created.json()["TemplateId"]
    assert call("PUT", "/templates/HELLO", {"name": "Hullo", "TextBody": None}).json()["Name"] == "Hullo"
    detail = call("GET", f"/Templates/{template_id}/").json()
    assert (detail["Name"], detail["TextBody"], detail["AssociatedServerId"]) == ("Hullo", "Hi {{n}}", 1)
    deleted = call("DELETE", "/templates/hello")
    assert (deleted.status_code, deleted.json()) == (
        200,
        {"ErrorCode": 0, "Message": f"Template {template_id} removed."},
    )
    assert refused_code(call("GET", "/templates/hello")) == 1101


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Name": ""}, 1120),
        ({"Subject": None}, 1120),
        ({"HtmlBody": None, "TextBody": None}, 1120),
        ({"TextBody": "x" * 512_001}, 1121),
        ({"Alias": "1st"}, 1122),
        ({"Alias": "logto-generic"}, 1122),
        ({"HtmlBody": "{{#a}}"}, 1122),
        ({"LayoutTemplate": "logto-generic"}, 1122),
        ({"TemplateType": "Layout"}, 1123),
        ({"TemplateType": "Layout", "Subject": None}, 1131),
        ({"TemplateType": "Layout", "Subject": None, "HtmlBody": None, "TextBody": "{{{@content}}}" * 2}, 1131),
        ({"TemplateType": "Other"}, 403),
    ],
)
def test_a_template_that_breaks_a_rule_is_refused(call: Call, change: dict[str, Any], code: int) -> None:
    assert refused_code(call("POST", "/templates", {**HELLO, **change})) == code


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/templates"), ("PUT", "/templates/logto-generic"), ("POST", "/templates/validate")]
)
def test_a_template_without_data_is_refused(call: Call, method: str, path: str) -> None:
    assert refused_code(call(method, path, {"Unknown": 1})) == 1109


def test_getting_the_template_named_validate_finds_the_action_instead(call: Call) -> None:
    assert refused_code(call("GET", "/templates/validate")) == 1109
    assert call("POST", "/templates/hello", HELLO).status_code == 405


@pytest.mark.parametrize("query", ["", "?Count=10", "?Count=x&Offset=0", "?Count=501&Offset=0", "?Count=1&Offset=-1"])
def test_listing_needs_count_and_offset(call: Call, query: str) -> None:
    assert refused_code(call("GET", f"/templates{query}")) == 1100


def test_a_list_is_cut_and_filtered(call: Call) -> None:
    call("POST", "/templates", FRAME)
    call("POST", "/templates", {**HELLO, "LayoutTemplate": "frame"})
    page = call("GET", "/templates?count=2&offset=8").json()
    assert (page["TotalCount"], [each["Alias"] for each in page["Templates"]]) == (11, ["logto-bind-mfa", "frame"])
    for query, aliases in (("TemplateType=Layout", ["frame"]), ("layouttemplate=frame", ["hello"])):
        listed = call("GET", f"/templates?count=100&offset=0&{query}").json()
        assert [each["Alias"] for each in listed["Templates"]] == aliases
        assert listed["TotalCount"] == 1


def test_a_layout_wraps_the_content(call: Call, sandbox: PostmarkSandbox) -> None:
    call("POST", "/templates", FRAME)
    assert call("POST", "/templates", {**HELLO, "LayoutTemplate": "frame"}).json()["LayoutTemplate"] == "frame"
    send(call, {"n": "<Ann>", "year": 2026})
    assert sandbox.messages[0].html == "<body><p>&lt;Ann&gt;</p><footer>2026</footer></body>"
    assert sandbox.messages[0].text == "Hi <Ann>\n-- 2026"
    assert sandbox.messages[0].subject == "Hi <Ann>"


def test_an_empty_layout_takes_the_layout_away(call: Call, sandbox: PostmarkSandbox) -> None:
    call("POST", "/templates", FRAME)
    call("POST", "/templates", {**HELLO, "LayoutTemplate": "frame"})
    assert call("PUT", "/templates/hello", {"LayoutTemplate": ""}).json()["LayoutTemplate"] is None
    send(call, {"n": "Ann"})
    assert sandbox.messages[0].html == "<p>Ann</p>"


def test_a_layout_is_no_template_to_send(call: Call) -> None:
    call("POST", "/templates", FRAME)
    assert refused_code(send(call, {}, "frame")) == 1101


def test_a_layout_in_use_is_not_deleted(call: Call) -> None:
    call("POST", "/templates", FRAME)
    call("POST", "/templates", {**HELLO, "LayoutTemplate": "frame"})
    assert refused_code(call("DELETE", "/templates/frame")) == 1130
    call("DELETE", "/templates/hello")
    assert call("DELETE", "/templates/frame").ok


def test_a_model_that_does_not_fit_shows_in_the_outbox_as_the_bounce_it_would_be(
    call: Call, sandbox: PostmarkSandbox
) -> None:
    call("POST", "/templates", {**HELLO, "HtmlBody": "{{#each items}}{{.}}{{/each}}"})
    assert send(call, {"items": "one"}).ok
    assert "TemplateRenderingFailed" in sandbox.messages[0].subject
    assert sandbox.messages[0].html == ""


def test_validation_renders_with_a_suggested_model(call: Call) -> None:
    content = {
        "Subject": "Hi {{name}}",
        "HtmlBody": "<b>{{company.name}}</b>{{#each items}}<i>{{title}}</i>{{/each}}",
        "TestRenderModel": {"company": {"name": "A & B"}},
    }
    answer = call("POST", "/templates/validate", content).json()
    assert answer == {
        "AllContentIsValid": True,
        "HtmlBody": {
            "ContentIsValid": True,
            "ValidationErrors": [],
            "RenderedContent": "<b>A &amp; B</b><i>title_Value</i>",
        },
        "TextBody": None,
        "Subject": {"ContentIsValid": True, "ValidationErrors": [], "RenderedContent": "Hi name_Value"},
        "SuggestedTemplateModel": {
            "company": {"name": "A & B"},
            "items": [{"title": "title_Value"}],
            "name": "name_Value",
        },
    }


def test_validation_tells_where_an_error_is(call: Call) -> None:
    answer = call("POST", "/Templates/Validate", {"Subject": "ok", "TextBody": "one\n  {{/two}}"}).json()
    assert answer["AllContentIsValid"] is False
    assert answer["Subject"]["ContentIsValid"] is True
    assert answer["TextBody"] == {
        "ContentIsValid": False,
        "ValidationErrors": [
            {
                "Message": "'{{/two}}' doesn't belong here: no block is open.",
                "Line": 2,
                "CharacterPosition": 3,
            }
        ],
        "RenderedContent": None,
    }


def test_validation_puts_content_into_a_layout(call: Call) -> None:
    call("POST", "/templates", FRAME)
    body = {"HtmlBody": "<p>Hi</p>", "LayoutTemplate": "frame"}
    answer = call("POST", "/templates/validate", body).json()
    assert answer["HtmlBody"]["RenderedContent"] == "<body><p>Hi</p><footer>year_Value</footer></body>"
    assert refused_code(call("POST", "/templates/validate", {**body, "LayoutTemplate": "hello"})) == 1122


def test_validation_of_a_layout_wants_the_place_of_the_content(call: Call) -> None:
    for body, valid in (("<p></p>", False), ("<p>{{{@content}}}</p>", True), ("{{{@content}}}{{{@content}}}", False)):
        answer = call("POST", "/templates/validate", {"HtmlBody": body, "TemplateType": "Layout"}).json()
        assert answer["AllContentIsValid"] is valid


def test_validation_finds_a_test_model_that_does_not_fit(call: Call) -> None:
    body = {"TextBody": "{{#each items}}{{.}}{{/each}}", "TestRenderModel": {"items": "one"}}
    answer = call("POST", "/templates/validate", body).json()
    assert answer["TextBody"]["ValidationErrors"][0]["Message"].startswith("'each' needs an array at 'items'")
    assert refused_code(call("POST", "/templates/validate", {**body, "TestRenderModel": "x"})) == 1122


def test_streams_are_listed_by_type_and_state(call: Call, sandbox: PostmarkSandbox) -> None:
    sandbox.account.add_stream("old", archived=True)
    for query, ids in (
        ("", ["outbound", "broadcast", "inbound"]),
        ("?MessageStreamType=Transactional", ["outbound"]),
        ("?messagestreamtype=transactional&includearchivedstreams=True", ["outbound", "old"]),
    ):
        listed = call("GET", f"/message-streams{query}").json()
        assert [stream["ID"] for stream in listed["MessageStreams"]] == ids
        assert listed["TotalCount"] == len(ids)
    assert call("GET", "/Message-Streams/old/").json()["ArchivedAt"] is not None
    assert refused_code(call("GET", "/message-streams/nope")) == 1226
