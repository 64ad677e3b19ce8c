"""The rate guard keeps to its limits, in memory and in Redis, and loses no message where it can't count."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from middleware_peers import (
    CONFIG,
    SENDS,
    WAYS,
    RecordingConnector,
    codes,
    make_messages,
    run_postmark,
    send_singly,
)

from connector_core import ConnectorError, Message, RateLimitExceeded, SendError, SendResult
from connector_core.middleware import RateGuard

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector_core import ConfiguredConnector, Host


@pytest.mark.parametrize("way", WAYS)
def test_an_eleventh_message_to_somebody_is_refused_before_the_connector_is_asked(
    equip: Callable[..., ConfiguredConnector], counters_place: dict[str, Any], way: str
) -> None:
    make, send = WAYS[way]
    connector = make()
    mail = equip(connector, RateGuard(**counters_place))

    outcomes = send(mail, [*make_messages(11), Message("grace@example.com", "SignIn")])

    assert sorted(codes(outcomes)) == ["rate_limit_exceeded", *["sent"] * 11]
    assert codes(outcomes)[-1] == "sent"
    assert [one.to for one in connector.sent].count("ada@example.com") == 10
    (refusal,) = (one for one in outcomes if isinstance(one, RateLimitExceeded))
    assert (refusal.outcome, refusal.retryable, refusal.provider) == ("not_sent", True, None)
    assert refusal.retry_after is not None
    assert 500 < refusal.retry_after <= 600
    assert "10 in 600 s" in str(refusal)
    assert "ada" not in str(refusal)


@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
def test_postmark_is_not_asked_for_what_is_refused(counters_place: dict[str, Any], send: Any) -> None:
    with run_postmark(RateGuard(per_recipient="2/hour", **counters_place)) as (mail, sandbox):
        outcomes = send(mail, [*make_messages(3), *make_messages(1, "grace@example.com")])

        assert codes(outcomes) == ["sent", "sent", "rate_limit_exceeded", "sent"]
        assert [one.to for one in sandbox.messages] == [("ada@example.com",)] * 2 + [("grace@example.com",)]


SPELLINGS = [
    ("ADA@example.com", True),
    ("ada@EXAMPLE.COM", True),
    ("ada+news@example.com", False),
    ("ada@sub.example.com", False),
]


@pytest.mark.parametrize(("spelling", "same"), SPELLINGS, ids=[one for one, _ in SPELLINGS])
def test_spellings_of_an_address_count_together_and_tags_apart(
    equip: Callable[..., ConfiguredConnector],
    counters_place: dict[str, Any],
    spelling: str,
    same: bool,  # noqa: FBT001  a parameter
) -> None:
    mail = equip(RecordingConnector(), RateGuard(per_recipient="1/hour", **counters_place))
    found = send_singly(mail, [*make_messages(1), *make_messages(1, spelling)])
    assert codes(found) == ["sent", "rate_limit_exceeded" if same else "sent"]


def test_a_domain_counts_the_same_in_unicode_and_in_ascii(equip: Callable[..., ConfiguredConnector]) -> None:
    mail = equip(RecordingConnector(), RateGuard(per_recipient="1/hour"))
    domains = ["münchen.example", "xn--mnchen-3ya.example", "straße.example", "strasse.example"]
    found = send_singly(mail, [Message(f"a@{domain}", "SignIn") for domain in domains])
    assert codes(found) == ["sent", "rate_limit_exceeded", "sent", "sent"]


@pytest.mark.parametrize("option", ["cc", "bcc"])
def test_copies_count_for_those_who_get_them_unless_they_are_exempt(
    equip: Callable[..., ConfiguredConnector], option: str
) -> None:
    connector = RecordingConnector()
    mail = equip(connector, RateGuard(per_recipient="2/hour", exempt=["Archive@example.com"]))

    def send_with(copies: list[str]) -> list[str]:
        options: Any = {option: copies}
        return codes(send_singly(mail, [Message(f"{uuid.uuid4().hex}@example.com", "SignIn", **options)]))

    assert [send_with(["archive@example.com"]) for _ in range(3)] == [["sent"]] * 3
    assert [send_with(["ada@example.com"]) for _ in range(3)] == [["sent"], ["sent"], ["rate_limit_exceeded"]]
    assert codes(send_singly(mail, make_messages(1))) == ["rate_limit_exceeded"]
    assert len(connector.sent) == 5


def test_a_message_that_is_refused_for_one_recipient_counts_for_none(
    equip: Callable[..., ConfiguredConnector], counters_place: dict[str, Any]
) -> None:
    mail = equip(RecordingConnector(), RateGuard(per_recipient="2/hour", **counters_place))
    both = Message("ada@example.com", "SignIn", cc=["grace@example.com"])
    found = send_singly(mail, [*make_messages(2), both, both, *make_messages(3, "grace@example.com")])
    assert codes(found) == ["sent", "sent", *["rate_limit_exceeded"] * 2, "sent", "sent", "rate_limit_exceeded"]


def test_a_recipient_twice_in_one_message_counts_once(equip: Callable[..., ConfiguredConnector]) -> None:
    mail = equip(RecordingConnector(), RateGuard(per_recipient="2/hour"))
    message = Message("ada@example.com", "SignIn", cc=["Ada@example.com"], bcc=["ADA@example.com"])
    assert codes(send_singly(mail, [message] * 3)) == ["sent", "sent", "rate_limit_exceeded"]


def test_what_was_let_through_counts_also_where_it_fails(equip: Callable[..., ConfiguredConnector]) -> None:
    def refuse(_message: Message) -> None:
        raise SendError("made up")

    mail = equip(RecordingConnector(act=refuse), RateGuard(per_recipient="2/hour"))
    assert codes(send_singly(mail, make_messages(3))) == ["general", "general", "rate_limit_exceeded"]


def test_several_limits_hold_together(equip: Callable[..., ConfiguredConnector]) -> None:
    mail = equip(RecordingConnector(), RateGuard(per_recipient="100/minute; 3/day"))
    outcomes = send_singly(mail, make_messages(4))
    assert codes(outcomes) == ["sent"] * 3 + ["rate_limit_exceeded"]
    assert isinstance(outcomes[3], RateLimitExceeded)
    assert (outcomes[3].retry_after or 0) > 80_000
    assert "100 in 60 s and 3 in 86,400 s" in str(outcomes[3])


def test_a_place_is_free_again_after_the_time_that_the_refusal_names(
    equip: Callable[..., ConfiguredConnector], counters_place: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = equip(RecordingConnector(), RateGuard(per_recipient="1/hour", **counters_place))
    began = time.time()

    def send_at(seconds: float) -> SendResult | ConnectorError:
        monkeypatch.setattr(time, "time", lambda: began + seconds)  # the clock that the counters go by
        return send_singly(mail, make_messages(1))[0]

    first, refusal = send_at(0), send_at(0.25)
    assert isinstance(refusal, RateLimitExceeded)
    assert refusal.retry_after == 3600
    assert codes([first, send_at(3599.5), send_at(0.25 + refusal.retry_after)]) == [
        "sent",
        "rate_limit_exceeded",
        "sent",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_a_pace_is_kept_by_waiting(
    equip: Callable[..., ConfiguredConnector],
    counters_place: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    make, send = WAYS[way]
    guard = RateGuard(per_recipient=None, pace={"alpha-mail": "3/second"}, max_wait=60, **counters_place)
    mail = equip(make(), guard)

    began = float(int(time.time()))
    waits: list[float] = []
    monkeypatch.setattr(time, "time", lambda: began + sum(waits))  # the clock that the counters go by
    monkeypatch.setattr(time, "sleep", waits.append)
    outcomes = send(mail, make_messages(4))

    assert codes(outcomes) == ["sent"] * 4
    assert 1 <= sum(waits) < 1.1


def test_a_pace_holds_for_its_connector_alone_and_a_text_for_each(make_host: Callable[..., Host]) -> None:
    for pace, third in (({"alpha-mail": "2/hour"}, "sent"), ("2/hour", "rate_limit_exceeded")):
        guard = RateGuard(per_recipient=None, pace=pace)
        host = make_host(RecordingConnector(), RecordingConnector("beta-mail"), plugins=[guard])
        alpha, beta = (send_singly(host[name].configure(CONFIG), make_messages(3)) for name in host)
        assert codes(alpha) == ["sent", "sent", "rate_limit_exceeded"]
        assert codes(beta) == ["sent", "sent", third]


@pytest.mark.parametrize("way", WAYS)
def test_a_message_whose_turn_is_too_far_is_refused_at_once_and_counts_for_nobody(
    equip: Callable[..., ConfiguredConnector], counters_place: dict[str, Any], way: str
) -> None:
    make, send = WAYS[way]
    guard = RateGuard(per_recipient="3/hour", pace="2/hour", max_wait=30, **counters_place)
    mail = equip(make(), guard)

    outcomes = send(mail, make_messages(4))

    assert sorted(codes(outcomes)) == ["rate_limit_exceeded"] * 2 + ["sent"] * 2
    refusals = [one for one in outcomes if isinstance(one, RateLimitExceeded)]
    assert all("asked faster than its pace allows (2 in 3,600 s)" in str(one) for one in refusals)
    assert all((one.retry_after or 0) > 3000 for one in refusals)


def test_messages_to_somebody_who_got_too_many_take_no_turn_of_others(
    equip: Callable[..., ConfiguredConnector], counters_place: dict[str, Any]
) -> None:
    mail = equip(RecordingConnector(), RateGuard(per_recipient="1/hour", pace="2/hour", **counters_place))
    found = send_singly(mail, [*make_messages(5), *make_messages(1, "grace@example.com")])
    assert codes(found) == ["sent", *["rate_limit_exceeded"] * 4, "sent"]


SECRET_URL = "foo://user:made-up-password@127.0.0.1/0"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no limit": ({"per_recipient": "ten"}, "is no limit: write it as '10 per 600 seconds'"),
    "a limit of nothing": ({"per_recipient": "0/hour"}, "is no limit"),
    "no pace": ({"pace": {"alpha-mail": "fast"}}, "is no limit"),
    "an unknown storage": ({"storage": SECRET_URL}, "is unknown, or lacks its library"),
    "a malformed storage": ({"storage": "redis://user:made-up-password@127.0.0.1:port"}, "is malformed"),
    "no storage": ({"storage": object()}, "can't count by moving windows"),
    "a short key": ({"key": "made-up-password"}, "is too short: give it 32 random bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_malformed_setting_is_refused_in_a_sentence_without_secrets(fault: str) -> None:
    settings, sentence = FAULTS[fault]
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")) as found:
        RateGuard(**settings)
    assert "made-up-password" not in str(found.value)
    assert "made-up-password" not in repr((found.value.__cause__, found.value.__context__))


@pytest.mark.parametrize("exempt", ["archive@example.com", b"archive@example.com", b"", [1], [b"a"], None, 7], ids=repr)
def test_what_is_no_list_of_addresses_is_refused(exempt: Any) -> None:
    with pytest.raises(TypeError, match=r"^`exempt` is no list of texts: give a list of addresses"):
        RateGuard(exempt=exempt)
