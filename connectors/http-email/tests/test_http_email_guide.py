"""The tables of the guide are those of the code, in both languages."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from guide_page import YES_OR_NO, read_code, read_tables

from connector_core import USAGE_TYPES, Connector, Host, Limits, Message, SendError
from connector_core.batch import MESSAGES_IN_FLIGHT
from connector_core.schema import MESSAGE, public_validator
from connector_core.testing.wire_behaviours import respond
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

FOLDER = Path(__file__).parent.parent
GUIDES = {"en": (FOLDER / "README.md").read_text("utf-8"), "fr": (FOLDER / "README.fr.md").read_text("utf-8")}
SECRET = "Bearer made-up-token"

every_language = pytest.mark.parametrize("language", GUIDES)


@pytest.fixture(scope="module")
def connector() -> Iterator[Connector]:
    with Host.discover(limits=Limits(retries=0)) as host:
        yield host["http-email"]


@every_language
def test_the_settings_are_those_of_the_schema(language: str, connector: Connector) -> None:
    schema = connector.config_schema
    rows = [
        [
            f"`{key}`",
            declared["type"] + (", secret" if declared.get("writeOnly") else ""),
            YES_OR_NO[language][key in schema["required"]],
            f"`{declared['default']}`" if "default" in declared else "",
        ]
        for key, declared in schema["properties"].items()
    ]

    table = read_tables(GUIDES[language])[3]

    assert [row[:4] for row in table] == rows
    assert all(len(row) == 5 and row[4] for row in table)


@every_language
def test_the_usage_types_are_those_that_hosts_share(language: str) -> None:
    row = read_tables(GUIDES[language])[0][1]

    assert read_code(row[3]) == list(USAGE_TYPES)


@every_language
def test_the_options_are_the_further_keys_of_the_public_schema(language: str) -> None:
    table = read_tables(GUIDES[language])[2]
    schema: Any = public_validator(MESSAGE).schema
    keys = schema["properties"]

    assert [row[0] for row in table] == [f"`{key}`" for key in keys if key not in {"to", "type", "payload", "ip"}]
    (files,) = (row[2] for row in table if row[0] == "`attachments`")
    assert set(keys["attachments"]["items"]["properties"]) <= set(read_code(files))
    (content,) = (row[2] for row in table if row[0] == "`content`")
    assert read_code(content) == [*keys["content"]["properties"]]


@every_language
def test_a_status_of_a_success_means_what_the_table_of_answers_says(language: str, connector: Connector) -> None:
    rows = read_tables(GUIDES[language])[1]
    statuses = [[int(one) for one in row[0].split(", ")] for row in rows]

    for status, delivery in [*((one, "sent") for one in statuses[0]), *((one, "queued") for one in statuses[1])]:
        with WireServer(respond(status)) as server:
            assert connector.send_message({"endpoint": server.url}, Message("a@b.c", "SignIn")).status == delivery
    outcomes = [{fail_with(connector, status).outcome for status in row} for row in statuses[2:]]
    assert outcomes == [{"not_sent"}, {"not_sent"}, {"not_sent"}, {"unknown"}]


@every_language
def test_a_status_leads_to_the_error_in_whose_row_it_stands(language: str, connector: Connector) -> None:
    rows = read_tables(GUIDES[language])[4]

    assert len({row[0] for row in rows}) == 8
    for code, outcome, statuses, *_ in rows:
        for status in re.findall(r"\d+", statuses):
            error = fail_with(connector, int(status))
            assert (f"`{error.code}`", f"`{error.outcome}`") == (code, outcome)


@every_language
def test_the_findings_are_those_that_a_check_makes(
    language: str, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: dict[str, list[Behaviour]] = {
        "credentials_accepted": [respond(204), respond(401)],
        "credentials_unknown": [respond(204)],
        "endpoint_unknown": [respond(501)],
        "endpoint_not_found, error": [respond(410)],
        "endpoint_not_found, warning": [respond(404)],
        "authorization_failed, error": [respond(401)],
        "authorization_failed, warning": [respond(403)],
        "post_not_allowed": [respond(405, headers=["Allow: GET"])],
        "not_understood": [respond(302, headers=["Location: /login"])],
        "no_answer": [respond(500)],
        "provider_unavailable": [respond(503)],
        "rate_limit_exceeded": [respond(429)],
    }
    found = set()
    for what, behaviours in answers.items():
        with WireServer(*behaviours) as server:
            config = {"endpoint": server.url, "authorization": SECRET}
            findings = connector.check_connection(config)
        assert what.partition(",")[0] in {one.code for one in findings}
        found |= {(one.code, one.level) for one in findings}
    found |= {(one.code, one.level) for one in connector.check_connection(config)}  # it is there no more
    stopping = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: stopping.wait(20) and [])  # a DNS that gives no answer
    with connector.configure({"endpoint": "https://mail.example.com"}) as mail:
        found |= {(one.code, one.level) for one in mail.check_connection(seconds=0.1)}
    stopping.set()
    rows = read_tables(GUIDES[language])[5]

    assert {(row[0].strip("`"), level) for row in rows for level in read_code(row[1])} == found
    assert all(len(row) == 4 and row[2] and row[3] for row in rows)


def fail_with(connector: Connector, status: int) -> SendError:
    headers = ["Location: /login"] if status in {302, 307} else []
    with WireServer(respond(status, headers=headers)) as server, pytest.raises(SendError) as raised:
        connector.send_message({"endpoint": server.url}, Message("a@b.c", "SignIn"))
    return raised.value


@every_language
def test_no_setting_and_no_limit_in_the_guide_is_made_up(language: str, connector: Connector) -> None:
    assert str(int(Limits().read)) in GUIDES[language]
    assert {"en": {8: "eight"}, "fr": {8: "huit"}}[language][MESSAGES_IN_FLIGHT] in GUIDES[language]
    assert set(re.findall(r"\$\.(\w+)", GUIDES[language])) <= set(connector.config_schema["properties"])
    assert re.findall(r"http://[\w.:/]+", GUIDES[language]) == ["http://127.0.0.1:8025", "http://mailer:3000/send"]
