"""Odd input: whatever a browser or a program sends, the console answers it in clear words and never fails."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from console_desk import make_fake_desk
from console_site import ALPHA, EVERYTHING, Site, Visitor
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

if TYPE_CHECKING:
    from collections.abc import Callable


SLOTS = [
    *(
        "",
        "/token",
        "/note",
        "/count",
        "/share",
        "/loud",
        "/shade",
        "/days",
        "/names",
        "/names/0",
        "/labels",
        "/labels/0",
    ),
    *("/accounts", "/accounts/0", "/accounts/0/password", "/keys", "/keys/0", "/anything", "/none"),
]
MARKS = ["", "#rows", "#json", "#key", "#from", "#name", "#kept", "#typed"]
NAMES = [slot + mark for slot in SLOTS for mark in MARKS]
NAMES += ["view", "before", "raw", "to", "locale", "usage_type", "payload", "revision"]
ODD = [
    *("", "0", "\0", "***", "$env", "$.token", "form", "json", "none", "true", "NaN", "1e999", "null", "\ufffd"),
    *(
        "[" * 5000,
        "9" * 5000,
        '"\\ud800"',
        '{"\\ud800": "\\ud800"}',
        '{"token": {"$env": "PATH"}}',
        '{"names": {"a": 1}}',
    ),
    *("[1, [2], {}]", '{"token": "made-up-token", "count": 1e999, "share": NaN}'),
    '{"token": ["a"], "accounts": [[], 1, {"password": {}}], "keys": [], "labels": {"a": [1]}, "days": {}}',
]
ACTIONS = [
    *("save", "done", "send", "check", "sandbox", "view:form", "view:json", "view:", ":", "\0"),
    *("add:", "add:/names", "add:/none", "add:/names#rows", "remove:", "remove:/names/0"),
]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[tuple[str, str]], str, str], Any]:
    """Post a form to a page of a connector that takes any message; return the answer."""
    desk = make_fake_desk(EVERYTHING, str(tmp_path_factory.mktemp("odd") / "configs.json"))
    client = desk.app.test_client()
    token = re.search(r'name="csrf" value="([^"]+)"', client.get(ALPHA).text)
    assert token is not None

    def post(pairs: list[tuple[str, str]], action: str, path: str) -> Any:
        body = MultiDict(pairs)
        body["csrf"], body["action"] = token[1], action
        return client.post(path, data=body)

    return post


@settings(max_examples=80)
@given(
    pairs=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(ODD) | st.text(max_size=5)), max_size=12),
    action=st.sampled_from(ACTIONS),
    path=st.sampled_from([ALPHA, ALPHA, f"{ALPHA}/issues"]),
)
def test_whatever_a_form_holds_is_answered(
    fuzzed: Callable[..., Any], pairs: list[tuple[str, str]], action: str, path: str
) -> None:
    answer = fuzzed(pairs, action, path)

    assert answer.status_code in {200, 303, 400, 409, 422}


def test_json_of_any_depth_is_answered(fuzzed: Callable[..., Any]) -> None:
    for depth in (1, 64, 65, 198, 199, 200, 201, 940, 985, 100_000):
        deep = "[" * depth + "]" * depth
        for pairs in (
            [("view", "json"), ("raw", f'{{"names": {deep}, "anything": {{"a": {deep}}}}}')],
            [("view", "form"), ("/anything#json", f'{{"a": {deep}}}'), ("/names#json", deep), ("/keys#json", deep)],
        ):
            for action in ("save", "view:form", "view:json"):
                assert fuzzed(pairs, action, ALPHA).status_code in {200, 422}


@pytest.mark.parametrize("count", [1000, 1001, 10_000])
def test_thousands_of_rows_are_answered(count: int, fuzzed: Callable[..., Any]) -> None:
    as_form = fuzzed([("/names#rows", str(number)) for number in range(count)], "save", ALPHA)
    as_json = fuzzed([("view", "json"), ("raw", json.dumps({"names": [""] * count}))], "view:form", ALPHA)

    assert (as_form.status_code, as_json.status_code) == (422, 200)
    assert ("more than 1000 entries" in as_form.text) == (count > 1000)
    assert ("/names#json" in as_json.text) == (count > 1000)


# What is too large


def test_a_request_that_is_too_large_is_refused_in_words(ada: Visitor) -> None:
    for path in (ALPHA, f"{ALPHA}/issues", f"{ALPHA}/import"):
        answer = ada.post(path, {"raw": "x" * 8_000_001}, page=ALPHA)
        assert answer.status_code == 413
        assert "larger than the console takes" in answer.text


def test_a_request_of_too_many_parts_is_refused_in_words(ada: Visitor) -> None:
    part = b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    answer = ada.ask(
        "POST", ALPHA, data=part * 20_001 + b"--cut--", headers={"Content-Type": "multipart/form-data; boundary=cut"}
    )

    assert answer.status_code == 413
    assert "larger than the console takes" in answer.text


@pytest.mark.parametrize("view", ["raw", "file"])
def test_a_config_that_is_too_large_is_refused_in_words(view: str, ada: Visitor) -> None:
    text = json.dumps({"note": "x" * 1_000_000})
    if view == "raw":
        answer = ada.post(ALPHA, {"view": "json", "raw": text, "action": "save"})
    else:
        answer = ada.post(f"{ALPHA}/import", files={"file": ("config.json", text)})

    assert answer.status_code == 422
    assert "larger than 1000 kB" in answer.text


# What is no config


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe\x00", "save it as UTF-8"),
        (b"{", "at line 1, column 2"),
        (b"[]", "a JSON object"),
        (b'{"token": "a", "token": "b"}', "twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"count": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"connector": "beta-mail", "config": {}}', "for another connector"),
    ],
)
def test_a_file_that_is_no_config_is_refused_in_words(content: bytes, said: str, site: Site, ada: Visitor) -> None:
    answer = ada.post(f"{ALPHA}/import", files={"file": ("config.json", BytesIO(content))})

    assert answer.status_code == 422
    assert said in answer.text
    assert site.host.configs.list() == []


def test_half_of_a_surrogate_pair_is_answered_and_kept(site: Site, ada: Visitor) -> None:
    config = {"token": "made-up-token-9c41", "note": "half: \ud800", "labels": {"\ud800": "half"}}
    site.host.configs.save("alpha-mail", config, author="ada", revision="")

    assert "half: ?" in ada.get(ALPHA).text
    assert "half: \\ud800" in ada.get(f"{ALPHA}?view=json").text
    assert json.loads(ada.get(f"{ALPHA}/export").content)["config"]["labels"] == config["labels"]
    assert ada.get("/history").status_code == 200


# What is not there


@pytest.mark.parametrize(
    "connector_id", ["none", "%00", "..%2f..%2fetc", "%ed%a0%80", "'; drop table", "A" * 5000, "%0d%0aX: y"]
)
def test_a_connector_that_is_not_there_is_not_found(connector_id: str, ada: Visitor, site: Site) -> None:
    page = f"/connectors/{connector_id}"

    for path in (page, f"{page}/export", f"{page}/delete", f"{page}/logo-light.svg", f"{page}/outbox/1"):
        assert (path, ada.get(path).status_code) == (path, 404)
    for path in (page, *(f"{page}/{verb}" for verb in ("issues", "import", "export", "delete", "activate"))):
        assert (path, ada.post(path, {"action": "save"}, page="/").status_code) == (path, 404)
    assert site.host.configs.history() == []


def test_what_no_view_is_for_is_refused(ada: Visitor) -> None:
    assert ada.post(ALPHA, {"/token": "made-up-token-9c41", "action": "explode"}).status_code == 400
    assert ada.post(f"{ALPHA}/explode").status_code == 404
    assert ada.get(f"{ALPHA}/activate").status_code == 405
