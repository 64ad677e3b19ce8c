from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import pytest

import connector_core
from connector_core import (
    ConfigIssue,
    ConnectorError,
    ConnectorNotFound,
    InvalidConfig,
    InvalidConnector,
    ProviderReply,
    SendError,
    UnsupportedFeature,
    UnsupportedOption,
    errors,
)

CODES = {
    "ConnectorError": "general",
    "InvalidConfig": "invalid_config",
    "InvalidConnector": "invalid_metadata",
    "ConnectorNotFound": "connector_not_found",
    "UnsupportedFeature": "not_implemented",
    "StoreError": "store_failed",
    "StoreConflict": "store_conflict",
    "SendError": "general",
    "TemplateNotFound": "template_not_found",
    "AuthorizationFailed": "authorization_failed",
    "SenderRejected": "sender_rejected",
    "RecipientRejected": "recipient_rejected",
    "InvalidMessage": "invalid_message",
    "UnsupportedOption": "not_implemented",
    "AccountRestricted": "account_restricted",
    "UsageLimitExceeded": "usage_limit_exceeded",
    "RateLimitExceeded": "rate_limit_exceeded",
    "ProviderUnavailable": "provider_unavailable",
    "DeliveryUnknown": "delivery_unknown",
    "InvalidResponse": "invalid_response",
}
"""Hosts store and compare these words: a change breaks them."""

UNKNOWN = {"DeliveryUnknown", "InvalidResponse"}
RETRYABLE = {"RateLimitExceeded", "ProviderUnavailable"}


def subclasses(root: type[Exception]) -> list[type[Exception]]:
    own = [one for one in root.__subclasses__() if one.__module__ == errors.__name__]
    return [root, *(found for one in own for found in subclasses(one))]


TREE = subclasses(ConnectorError)
SEND_ERRORS: list[Any] = subclasses(SendError)
FULL = SendError(
    "Wait a minute.",
    provider=ProviderReply(code=429, message="Slow down", status=429),
    outcome="unknown",
    retryable=True,
    retry_after=1.5,
    recipients=["a@example.com"],
)
ISSUES = (ConfigIssue("$.a", "required", "a is missing."), ConfigIssue("$.b", "empty", "b is empty."))


def drawn_tree() -> list[tuple[int, str, str]]:
    """Return depth, name and code of each line of the drawing."""
    lines = re.findall(r"^([│├└─ ]*)(\w+) {2,}(\w+) {2,}\S", errors.__doc__ or "", re.MULTILINE)
    return [(len(indent) // 4, name, code) for indent, name, code in lines]


def test_the_drawn_tree_has_each_class_once_with_its_code() -> None:
    assert {name: code for _, name, code in drawn_tree()} == CODES
    assert len(drawn_tree()) == len(CODES)


def test_the_drawn_tree_hangs_each_class_below_its_parent() -> None:
    drawn: dict[str, str] = {}
    branch: list[str] = []
    for depth, name, _ in drawn_tree():
        branch[depth:] = [name]
        if depth:
            drawn[name] = branch[depth - 1]
    classes = {
        one.__name__: next(base.__name__ for base in one.__bases__ if issubclass(base, ConnectorError))
        for one in TREE[1:]
    }
    assert drawn == classes


def test_each_class_has_the_code_that_hosts_know() -> None:
    assert {one.__name__: getattr(one, "code", None) for one in TREE} == CODES


@pytest.mark.parametrize("name", CODES)
def test_each_error_is_a_public_name(name: str) -> None:
    assert name in connector_core.__all__
    assert getattr(connector_core, name) is getattr(errors, name)


def test_an_option_that_is_not_to_be_had_is_a_failed_send_and_a_feature_that_is_missing() -> None:
    assert issubclass(UnsupportedOption, SendError)
    assert issubclass(UnsupportedOption, UnsupportedFeature)
    assert UnsupportedOption("x").outcome == "not_sent"


def test_an_unknown_connector_is_a_missing_key() -> None:
    assert issubclass(ConnectorNotFound, KeyError)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_the_text_of_an_error_is_its_sentence(kind: type[Exception]) -> None:
    assert str(kind("Do it 'so'.")) == "Do it 'so'."


@pytest.mark.parametrize("kind", SEND_ERRORS, ids=lambda kind: kind.__name__)
def test_only_errors_about_a_lost_answer_leave_the_outcome_unknown(kind: type[SendError]) -> None:
    assert kind("x").outcome == ("unknown" if kind.__name__ in UNKNOWN else "not_sent")


@pytest.mark.parametrize("kind", SEND_ERRORS, ids=lambda kind: kind.__name__)
def test_only_what_passes_by_itself_is_retryable(kind: type[SendError]) -> None:
    assert kind("x").retryable is (kind.__name__ in RETRYABLE)


@pytest.mark.parametrize("kind", SEND_ERRORS, ids=lambda kind: kind.__name__)
def test_a_connector_may_say_otherwise_of_one_error(kind: type[SendError]) -> None:
    error = kind("x", outcome="unknown", retryable=kind.retryable is False)
    assert error.outcome == "unknown"
    assert error.retryable is not kind.retryable
    assert kind("y").retryable is kind.retryable


def fields(error: BaseException) -> dict[str, Any]:
    return {"type": type(error), "text": str(error), **vars(error)}


CLONES = [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))]  # noqa: S301  our own


@pytest.mark.parametrize("clone", CLONES, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_can_be_copied_and_pickled(kind: type[Exception], clone: Any) -> None:
    error = kind("Do this.")
    assert fields(clone(error)) == fields(error)


@pytest.mark.parametrize("clone", CLONES, ids=["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("error", [FULL, InvalidConfig("Two.", ISSUES)], ids=["SendError", "InvalidConfig"])
def test_a_clone_keeps_all_facts(error: ConnectorError, clone: Any) -> None:
    assert fields(clone(error)) == fields(error)


@pytest.mark.parametrize(
    ("error", "document"),
    [
        (ConnectorError("Do this."), {"code": "general", "message": "Do this."}),
        (InvalidConnector("Do this."), {"code": "invalid_metadata", "message": "Do this."}),
        (ConnectorNotFound("Do this."), {"code": "connector_not_found", "message": "Do this."}),
        (
            InvalidConfig("Two.", ISSUES),
            {
                "code": "invalid_config",
                "message": "Two.",
                "issues": [
                    {"path": "$.a", "code": "required", "message": "a is missing."},
                    {"path": "$.b", "code": "empty", "message": "b is empty."},
                ],
            },
        ),
        (SendError("x"), {"code": "general", "message": "x", "outcome": "not_sent", "retryable": False}),
        (
            errors.DeliveryUnknown("x"),
            {"code": "delivery_unknown", "message": "x", "outcome": "unknown", "retryable": False},
        ),
        (
            FULL,
            {
                "code": "general",
                "message": "Wait a minute.",
                "outcome": "unknown",
                "retryable": True,
                "retryAfter": 1.5,
                "provider": {"code": 429, "message": "Slow down", "status": 429},
                "recipients": ["a@example.com"],
            },
        ),
        (
            SendError("x", provider=ProviderReply(status=500), retry_after=0),
            {
                "code": "general",
                "message": "x",
                "outcome": "not_sent",
                "retryable": False,
                "retryAfter": 0,
                "provider": {"status": 500},
            },
        ),
    ],
    ids=["root", "connector", "not found", "config", "send", "unknown", "full", "partly"],
)
def test_an_error_is_written_as_json_without_what_does_not_apply(
    error: ConnectorError, document: dict[str, Any]
) -> None:
    assert error.to_json() == document
    assert json.loads(json.dumps(error.to_json())) == document


def test_issues_and_recipients_are_kept_as_tuples_that_share_nothing_with_the_callers_lists() -> None:
    issues, recipients = [*ISSUES], ["a@example.com"]
    invalid, rejected = InvalidConfig("x", issues), SendError("x", recipients=recipients)
    issues.clear()
    recipients.clear()
    assert invalid.issues == ISSUES
    assert rejected.recipients == ("a@example.com",)


def test_an_issue_is_immutable() -> None:
    with pytest.raises(AttributeError):
        ISSUES[0].path = "$"  # type: ignore[misc]  # that is the point
