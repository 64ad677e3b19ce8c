"""The audit log has one record of each send, with what became of it and nothing of what it said."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from middleware_peers import (
    KEY,
    SENDS,
    WAYS,
    RecordingConnector,
    accept,
    codes,
    make_messages,
    run_postmark,
    send_singly,
)

from connector_core import (
    ConnectorError,
    DeliveryUnknown,
    Message,
    RecipientRejected,
    SendResult,
)
from connector_core.middleware import AuditLog, AuditRecord, RateGuard, RedirectRecipients

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core import ConfiguredConnector

PERSON = "ada.lovelace@example.com"
CODE = "code-314159"


def act_by_type(message: Message) -> SendResult:
    if message.type == "Register":
        raise RecipientRejected(f"the provider says {message.to} is inactive", recipients=[message.to])
    if message.type == "Generic":
        raise DeliveryUnknown("made up")
    return SendResult(message_id="m 1", status="queued") if message.type == "MfaVerification" else accept(message)


@pytest.mark.parametrize("way", WAYS)
def test_each_send_has_one_record_with_what_became_of_it(equip: Callable[..., ConfiguredConnector], way: str) -> None:
    make, send = WAYS[way]
    records: list[AuditRecord] = []
    before = datetime.now(UTC)
    types = ["SignIn", "Register", "Generic", "MfaVerification"]

    mail = equip(make(act=act_by_type), AuditLog(records.append))
    send(mail, [Message(PERSON, type_, {"code": CODE}) for type_ in types])

    found = {one.usage_type: (one.connector_id, one.outcome, one.code, one.message_id) for one in records}
    assert len(records) == 4
    assert found == {
        "SignIn": ("alpha-mail", "sent", None, "id of SignIn"),
        "Register": ("alpha-mail", "not_sent", "recipient_rejected", None),
        "Generic": ("alpha-mail", "unknown", "delivery_unknown", None),
        "MfaVerification": ("alpha-mail", "queued", None, "m 1"),
    }
    assert all(before <= one.at <= datetime.now(UTC) and 0 <= one.seconds < 60 for one in records)


@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
def test_a_record_has_the_id_that_postmark_gave(send: Any) -> None:
    records: list[AuditRecord] = []
    with run_postmark(AuditLog(records.append)) as (mail, sandbox):
        send(mail, [*make_messages(2), Message("nobody", "SignIn")])

        assert sorted(str(one.message_id) for one in records if one.code is None) == sorted(
            one.id for one in sandbox.messages
        )
        assert [one.code for one in records if one.code is not None] == ["invalid_message"]


@pytest.mark.parametrize("way", WAYS)
def test_a_record_has_no_address_and_nothing_of_the_message(
    equip: Callable[..., ConfiguredConnector], caplog: pytest.LogCaptureFixture, way: str
) -> None:
    make, send = WAYS[way]
    log = AuditLog(logging.getLogger("tests.audit"))
    mail = equip(make(act=act_by_type), log)
    with caplog.at_level(logging.INFO):
        send(
            mail,
            [Message(PERSON, one, {"code": CODE}, "192.0.2.7", cc=[f"b.{PERSON}"]) for one in ("SignIn", "Register")],
        )

    lines = [one for one in caplog.records if one.name == "tests.audit"]
    assert sorted(one.levelname for one in lines) == ["INFO", "WARNING"]
    for line in lines:
        document = json.loads(line.getMessage())
        assert {*document} == {
            "at", "connectorId", "usageType", "outcome", "code", "messageId", "seconds", "recipients",
        }  # fmt: skip
        assert document["recipients"] == []
        assert datetime.fromisoformat(document["at"]).tzinfo is not None
        for word in ("ada.", "lovelace", "@", CODE, "192.0.2.7", "inactive"):
            assert word not in line.getMessage()


def test_with_a_key_a_record_has_hashes_of_all_who_were_to_get_it(
    equip: Callable[..., ConfiguredConnector],
) -> None:
    records: list[AuditRecord] = []
    mail = equip(RecordingConnector(), AuditLog(records.append, key=KEY))
    mail.send_message(
        Message("Ada@Example.com", "SignIn", cc=["b@example.com", "ada@example.com"], bcc=["c@example.com"])
    )

    (record,) = records
    assert record.recipients == tuple(
        hmac.new(KEY.encode(), f"{one}@example.com".encode(), hashlib.sha256).hexdigest() for one in ("ada", "b", "c")
    )
    assert KEY not in repr(record)


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(ValueError, match="32 random bytes") as found:
        AuditLog(print, key="made-up-word")
    assert "made-up-word" not in str(found.value)


@pytest.mark.parametrize("write", [None, "audit.log"], ids=["nothing", "a text"])
def test_what_can_not_write_is_refused(write: Any) -> None:
    with pytest.raises(TypeError, match="give a callable, or a logger"):
        AuditLog(write)


def test_around_other_plugins_it_notes_what_they_refuse_and_whom_the_message_was_for(
    equip: Callable[..., ConfiguredConnector],
) -> None:
    connector, records = RecordingConnector(), list[AuditRecord]()
    plugins = [RateGuard(per_recipient="1/hour"), RedirectRecipients(to="staging@example.com")]
    mail = equip(connector, *plugins, AuditLog(records.append, key=KEY))

    send_singly(mail, make_messages(2))

    assert [one.to for one in connector.sent] == ["staging@example.com"]
    assert [one.code for one in records] == [None, "rate_limit_exceeded"]
    wanted = hmac.new(KEY.encode(), b"ada@example.com", "sha256").hexdigest()
    assert [one.recipients for one in records] == [(wanted,)] * 2


@pytest.mark.parametrize("way", WAYS)
def test_a_log_that_fails_changes_nothing_of_the_outcome_and_is_told(
    equip: Callable[..., ConfiguredConnector], caplog: pytest.LogCaptureFixture, way: str
) -> None:
    make, send = WAYS[way]

    def fail(record: AuditRecord) -> None:
        raise OSError(f"the disk is full: made-up-password {record}")

    mail = equip(make(act=act_by_type), AuditLog(fail))
    assert codes(send(mail, [Message(PERSON, one) for one in ("SignIn", "Generic")])) == ["sent", "delivery_unknown"]
    told = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert told == ["A send was not noted, since the audit log failed (OSError): mend it."] * 2


CRASHES = {
    "no error of the core": (ValueError("made up"), "ValueError"),
    "an error that says no outcome": (ConnectorError("made up"), "general"),
    "an interruption": (KeyboardInterrupt(), "KeyboardInterrupt"),
}


@pytest.mark.parametrize("crash", CRASHES)
def test_what_a_connector_raises_against_its_contract_is_noted_as_unknown(
    equip: Callable[..., ConfiguredConnector], crash: str
) -> None:
    error, code = CRASHES[crash]
    records: list[AuditRecord] = []

    def fail(_message: Message) -> None:
        raise error

    mail = equip(RecordingConnector(act=fail), AuditLog(records.append))
    with pytest.raises(type(error) if isinstance(error, KeyboardInterrupt) else ConnectorError):
        mail.send_message(make_messages(1)[0])
    assert [(one.outcome, one.code) for one in records] == [("unknown", code)]
