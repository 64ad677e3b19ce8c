"""Many mails in one request to Postmark, and what each of its items means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from connector_postmark.sandbox import PostmarkSandbox
from network_environment import forget_network_environment

from connector_core import Content, Host, Limits, Message, SendError, SendResult
from connector_core.testing.wire_behaviours import respond, respond_json, say_and_close
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_server import Behaviour

CONFIG: dict[str, Any] = {
    "serverToken": "11111111-2222-3333-4444-555555555555",
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "templateAlias": "x"} for name in ("SignIn", "Register", "ForgotPassword", "Generic")
    ],
}
NAMES = ("ann", "bob", "eve")
MESSAGES = [Message(f"{name}@example.com", "SignIn", {"code": "123456"}) for name in NAMES]
ACCEPTED = [{"To": one.to, "MessageID": f"id-{one.to[:3]}", "ErrorCode": 0, "Message": "OK"} for one in MESSAGES]


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover(limits=Limits(connect=2, read=2, total=5)) as discovered:
        yield discovered


@pytest.fixture(scope="module")
def sandbox() -> Iterator[PostmarkSandbox]:
    with PostmarkSandbox() as started:
        yield started


def send(host: Host, behaviour: Behaviour, messages: list[Message]) -> tuple[list[SendResult | SendError], int]:
    """Return what becomes of messages, and how many requests there were."""
    with WireServer(behaviour) as server, host["postmark-mail"].configure({**CONFIG, "apiUrl": server.url}) as mail:
        return list(mail.send_messages(messages)), len(server.requests)


def tell(outcome: SendResult | SendError) -> tuple[str, str]:
    """Return an outcome in two words."""
    if isinstance(outcome, SendResult):
        return outcome.message_id, outcome.status
    return outcome.code, outcome.outcome


def test_each_item_is_the_outcome_of_its_message(host: Host) -> None:
    items: list[Any] = [*ACCEPTED]
    items[1] = {"ErrorCode": 406, "Message": "Found inactive addresses: bob@example.com."}
    outcomes, requests = send(host, respond_json(items), MESSAGES)
    assert [tell(one) for one in outcomes] == [
        ("id-ann", "sent"),
        ("recipient_rejected", "not_sent"),
        ("id-eve", "sent"),
    ]
    assert isinstance(outcomes[1], SendError)
    assert outcomes[1].recipients == ("bob@example.com",)
    assert requests == 1


ODD_ITEMS: dict[str, Any] = {
    "null": None,
    "a text": "OK",
    "a code that is none": {**ACCEPTED[1], "ErrorCode": "0"},
    "no message id": {"ErrorCode": 0, "Message": "OK"},
}


@pytest.mark.parametrize("odd", ODD_ITEMS)
def test_an_item_that_can_t_be_understood_leaves_its_message_alone_unknown(host: Host, odd: str) -> None:
    items: list[Any] = [*ACCEPTED]
    items[1] = ODD_ITEMS[odd]
    outcomes, _ = send(host, respond_json(items), MESSAGES)
    assert [tell(one) for one in outcomes] == [("id-ann", "sent"), ("invalid_response", "unknown"), ("id-eve", "sent")]


WHOLE: dict[str, tuple[Behaviour, tuple[str, str], int]] = {
    "too few items": (respond_json(ACCEPTED[:2]), ("invalid_response", "unknown"), 1),
    "one object": (respond_json(ACCEPTED[0]), ("invalid_response", "unknown"), 1),
    "no JSON": (respond(200, b"OK"), ("invalid_response", "unknown"), 1),
    "a bad token": (respond_json({"ErrorCode": 10, "Message": "No."}, 401), ("authorization_failed", "not_sent"), 1),
    "too large": (respond(413), ("invalid_message", "not_sent"), 1),
    "a failure": (respond_json({"ErrorCode": 1, "Message": "Oh."}, 500), ("delivery_unknown", "unknown"), 1),
    "a lost answer": (say_and_close(b""), ("delivery_unknown", "unknown"), 1),
    "closed": (respond_json({"ErrorCode": 100, "Message": "No."}, 503), ("provider_unavailable", "not_sent"), 3),
}


@pytest.mark.parametrize("what", WHOLE)
def test_an_answer_to_the_whole_batch_is_the_outcome_of_each_message(host: Host, what: str) -> None:
    behaviour, outcome, requests = WHOLE[what]
    outcomes, asked = send(host, behaviour, MESSAGES)
    assert ([tell(one) for one in outcomes], asked) == ([outcome] * 3, requests)
    assert len({id(one) for one in outcomes}) == 3


def test_templates_and_content_go_to_their_own_addresses_and_the_outcomes_keep_their_order(
    sandbox: PostmarkSandbox, host: Host
) -> None:
    before = len(sandbox.messages)
    messages = [
        Message(f"p{number}@example.com", "SignIn", {"code": f"{number}"}, content=Content("Hi", "x") if odd else None)
        for number, odd in enumerate([False, True, True, False])
    ]
    outcomes = list(host["postmark-mail"].configure(sandbox.config).send_messages(messages))
    assert [list(one.recipients) for one in outcomes if isinstance(one, SendResult)] == [[one.to] for one in messages]
    arrived = sandbox.messages[before:]
    assert [(one.to[0], one.payload is None) for one in arrived] == [
        *(("p0@example.com", False), ("p3@example.com", False)),
        *(("p1@example.com", True), ("p2@example.com", True)),
    ]


def test_five_hundred_messages_go_out_in_one_request(host: Host) -> None:
    item = {"MessageID": "id", "ErrorCode": 0, "Message": "OK"}
    _, requests = send(host, respond_json([item] * 500), MESSAGES[:1] * 500)
    assert requests == 1


def test_a_message_that_can_t_be_written_keeps_no_other_from_being_sent(host: Host) -> None:
    messages = [
        MESSAGES[0],
        Message("bob@example.com", "SignIn", metadata={str(n): "" for n in range(10)}),
        MESSAGES[2],
    ]
    with WireServer(respond_json([ACCEPTED[0], ACCEPTED[2]])) as server:
        config = {**CONFIG, "apiUrl": server.url, "metadata": {"app": "shop"}}
        outcomes = list(host["postmark-mail"].configure(config).send_messages(messages))
    assert [tell(one) for one in outcomes] == [("id-ann", "sent"), ("invalid_message", "not_sent"), ("id-eve", "sent")]


def test_readers_in_copy_are_told_by_the_names_that_postmark_has_for_them(host: Host) -> None:
    said = (
        "Message OK, but will not deliver to these inactive addresses: ann@example.com, bob@xn--mnchen-3ya.de. "
        "Inactive recipients are ones that have generated a hard bounce."
    )
    message = Message("ann@example.com", "SignIn", cc=["bob@münchen.de", "eve@example.com"])
    (outcome,), _ = send(host, respond_json([{**ACCEPTED[0], "Message": said}]), [message])
    assert isinstance(outcome, SendResult)
    assert outcome.recipients == {
        "ann@example.com": "rejected",
        "bob@xn--mnchen-3ya.de": "rejected",
        "eve@example.com": "sent",
    }
