"""JSON that can't be read goes back to the browser only where nothing in it can be a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from console_site import ALPHA
from fakes import FakeConnector

from connector_core.console.raw_json import surely_holds_no_secret
from connector_core.settings import Setting

if TYPE_CHECKING:
    from collections.abc import Callable

    from console_site import Site

SETTINGS = [
    Setting(key="serverToken", label="Server token", kind="text", secret=True),
    Setting(key="fromEmail", label="Sender", kind="text"),
    Setting(key="apiUrl", label="API address", kind="text"),
]
GOOD = {"serverToken": "***", "fromEmail": "noreply@example.com", "apiUrl": "https://api.example.com"}


def break_json(config: dict[str, object]) -> str:
    return json.dumps(config, indent=2)[:-1] + ","


@pytest.mark.parametrize("token", ["***", {"$env": "TOKEN"}, {"$file": "/run/secrets/token"}])
def test_broken_json_whose_secret_is_elsewhere_may_be_shown(token: object) -> None:
    assert surely_holds_no_secret(break_json({**GOOD, "serverToken": token}), SETTINGS)


@pytest.mark.parametrize(
    "name", ["serverToken", "servertoken", "serverTokn", "token", "server-token", "serverToken ", "x.serverToken"]
)
def test_broken_json_with_a_secret_under_its_name_or_one_that_may_be_meant_for_it_is_not_shown(name: str) -> None:
    assert not surely_holds_no_secret(break_json({**GOOD, name: "made-up-token"}), SETTINGS)


@pytest.mark.parametrize(
    "text",
    [
        "made-up-token",
        '{serverTokn: "made-up-token"}',
        "{'serverTokn': 'made-up-token'}",
        '{"serverToken" "made-up-token"}',
        '{"fromEmail": "a@example.com" "serverTokn" : "made-up-token"}',
    ],
)
def test_whatever_is_wrong_with_the_json_a_secret_in_it_is_not_shown(text: str) -> None:
    assert not surely_holds_no_secret(text, SETTINGS)


def test_broken_json_of_a_connector_without_secrets_may_be_shown() -> None:
    assert surely_holds_no_secret('{"fromEmail": "a@example.com"', SETTINGS[1:])


def test_an_answer_repeats_broken_json_to_mend_it_and_no_secret(serve_site: Callable[..., Site]) -> None:
    visitor = serve_site(FakeConnector()).visit()
    harmless, secret = '{"sender": "noreply@example.com"', '{"sender": "noreply@example.com", "token": "made-up-word"'

    answers = [visitor.post(ALPHA, {"view": "json", "raw": raw, "action": "view:form"}) for raw in (harmless, secret)]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert "noreply@example.com" in answers[0].text
    assert "It is not shown again, since it may hold a secret" in answers[1].text
    assert "made-up-word" not in answers[1].text
