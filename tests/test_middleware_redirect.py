"""Behind the redirection, a real person gets no mail, whatever the application sends and other plugins do."""

from __future__ import annotations

import json
import re
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from middleware_peers import (
    CONFIG,
    SENDS,
    WAYS,
    BatchingConnector,
    RecordingConnector,
    codes,
    make_messages,
    run_postmark,
    send_singly,
    send_together,
)

from connector_core import Content, Message, hookimpl
from connector_core.middleware import RateGuard, RedirectRecipients

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from connector_core import Config, ConfiguredConnector, Host

STAGING = "staging@example.com"
TEAM = "team.example"


def who_gets(message: Message) -> list[str]:
    return [message.to, *message.cc, *message.bcc]


@pytest.mark.parametrize("way", WAYS)
def test_all_recipients_are_replaced_by_one(equip: Callable[..., ConfiguredConnector], way: str) -> None:
    make, send = WAYS[way]
    connector = make()
    mail = equip(connector, RedirectRecipients(to=STAGING))
    message = Message("ada@real.example", "SignIn", {"code": "1"}, cc=["b@real.example"], bcc=["c@real.example"])

    assert codes(send(mail, [message] * 2)) == ["sent"] * 2

    assert [who_gets(one) for one in connector.sent] == [[STAGING]] * 2
    assert [(one.type, one.payload, one.headers) for one in connector.sent] == [("SignIn", {"code": "1"}, {})] * 2
    assert who_gets(message) == ["ada@real.example", "b@real.example", "c@real.example"]


@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
def test_postmark_hears_of_no_real_recipient(send: Any) -> None:
    message = Message(
        "ada@real.example",
        "SignIn",
        {"code": "1"},
        cc=["b@real.example", "c@team.example"],
        bcc=["d@real.example"],
        headers={"X-Bcc": "e@real.example", "X-Kept": "yes"},
    )
    with run_postmark(RedirectRecipients(to=STAGING, allow_domains=[TEAM])) as (mail, sandbox):
        assert codes(send(mail, [message])) == ["sent"]

        (arrived,) = sandbox.messages
        assert arrived.request["To"] == STAGING
        assert arrived.request["Cc"] == "c@team.example"
        assert arrived.request.get("Bcc", "") == ""
        assert arrived.request["Headers"] == [{"Name": "X-Kept", "Value": "yes"}]
        assert "real.example" not in json.dumps(arrived.request)


LOCALS = st.sampled_from(["ada", "Grace", "a+tag", "%team.example", "x!y", "ß", "ﬀ", "İ"])
DOMAINS = st.sampled_from(
    [
        *(TEAM, "TEAM.example", "straße.example", "xn--strae-oqa.example", "team。example", "\uff54eam.example"),
        *(
            "real.example",
            "strasse.example",
            "sub.team.example",
            "team.example.real.example",
            "myteam.example",
            "example",
        ),
    ]
)
ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS)
ODD = st.sampled_from(
    ["a@real.example,b@team.example", "<a@real.example>b@team.example", '"a@real.example"@team.example']
)
ALLOWED = re.compile(".+@(team[.。]example|\uff54eam.example|straße.example|xn--strae-oqa.example)", re.IGNORECASE)
MESSAGES = st.builds(
    Message,
    ADDRESSES | ODD,
    st.just("SignIn"),
    cc=st.lists(ADDRESSES | ODD, max_size=4),
    bcc=st.lists(ADDRESSES | ODD, max_size=4),
    headers=st.dictionaries(st.sampled_from(["X-Bcc", "X-SMTP", "X-Original-To"]), ADDRESSES | st.just("text")),
)
HARMLESS = HealthCheck.function_scoped_fixture  # a host is made for each example


def check_nobody_else_gets(sent: Iterable[Message]) -> None:
    for message in sent:
        for address in who_gets(message):
            assert address == STAGING or ALLOWED.fullmatch(address), address
            assert "," not in address
        for name, text in message.headers.items():
            assert "@" not in text or name == "X-Original-To"


@settings(max_examples=60, suppress_health_check=[HARMLESS])
@given(messages=st.lists(MESSAGES, min_size=1, max_size=4), show=st.booleans())
@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_sent_only_the_mailbox_and_allowed_domains_get_it(
    equip: Callable[..., ConfiguredConnector],
    way: str,
    messages: list[Message],
    show: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    make, send = WAYS[way]
    connector = make()
    guard = RedirectRecipients(to=STAGING, allow_domains=[TEAM, "straße.example"], show_original=show)
    found = codes(send(equip(connector, guard), messages))

    assert len(connector.sent) == found.count("sent")
    assert {*found} <= {"sent", "invalid_message"}
    check_nobody_else_gets(connector.sent)


class Meddler:
    """Another plugin of the application, which sends copies to a real archive."""

    @hookimpl(wrapper=True)
    def send_message(self, message: Message) -> Generator[None, Any, Any]:
        message.bcc = [*message.bcc, "archive@real.example"]
        message.headers = {**message.headers, "X-Copy": "archive@real.example"}
        return (yield)


class EarlyMeddler(Meddler):
    @hookimpl(wrapper=True, tryfirst=True)
    def send_message(self, message: Message) -> Generator[None, Any, Any]:
        message.to = "archive@real.example"
        return (yield)


class LateMeddler(Meddler):
    @hookimpl(wrapper=True, trylast=True)
    def send_message(self, message: Message) -> Generator[None, Any, Any]:
        message.cc = ["archive@real.example"]
        return (yield)


ORDERS = [*permutations([Meddler, EarlyMeddler, LateMeddler, None])]


@pytest.mark.parametrize("way", ["singly", "in a batch"])
def test_no_wrapper_brings_a_recipient_back_whatever_their_order(
    equip: Callable[..., ConfiguredConnector], way: str
) -> None:
    make, send = WAYS[way]
    for order in ORDERS:
        connector = make()
        plugins = [RedirectRecipients(to=STAGING) if one is None else one() for one in order]
        assert codes(send(equip(connector, *plugins), make_messages(1))) == ["sent"]
        assert [who_gets(one) for one in connector.sent] == [[STAGING]]
        assert connector.sent[0].headers == {}


class HastyConnector(RecordingConnector):
    """A connector that wants to be called before all plugins."""

    @hookimpl(tryfirst=True)
    def send_message(self, config: Config, message: Message) -> Any:
        return super().send_message(config, message)


def test_no_connector_is_called_before(equip: Callable[..., ConfiguredConnector]) -> None:
    connector = HastyConnector()
    mail = equip(connector, RedirectRecipients(to=STAGING))
    assert codes(send_singly(mail, make_messages(1))) == ["sent"]
    assert [one.to for one in connector.sent] == [STAGING]


def test_other_plugins_see_the_real_recipient(equip: Callable[..., ConfiguredConnector]) -> None:
    connector = BatchingConnector()
    mail = equip(connector, RedirectRecipients(to=STAGING), RateGuard(per_recipient="1/hour"))
    found = send_together(mail, [*make_messages(2), *make_messages(1, "grace@example.com")])
    assert codes(found) == ["sent", "rate_limit_exceeded", "sent"]


@pytest.mark.parametrize("to", ["a@real.example,b@real.example", "Ada <ada@real.example>", "ada"])
def test_what_would_be_refused_in_production_is_refused(equip: Callable[..., ConfiguredConnector], to: str) -> None:
    connector = RecordingConnector()
    assert codes(send_singly(equip(connector, RedirectRecipients(to=STAGING)), [Message(to, "SignIn")])) == [
        "invalid_message"
    ]
    assert connector.sent == []


def send_one(equip: Callable[..., ConfiguredConnector], message: Message, **settings: Any) -> Message:
    connector = RecordingConnector()
    equip(connector, RedirectRecipients(to=STAGING, **settings)).send_message(message)
    return connector.sent[0]


def test_allowed_domains_keep_their_mail_and_the_mailbox_gets_that_of_the_others_once(
    equip: Callable[..., ConfiguredConnector],
) -> None:
    message = Message(
        "ada@TEAM.example", "SignIn", cc=["b@real.example", "c@real.example"], bcc=["d@team.example", "e@real.example"]
    )
    found = send_one(equip, message, allow_domains=["@Team.Example"])
    assert (found.to, found.cc, found.bcc) == ("ada@TEAM.example", (STAGING,), ("d@team.example",))


def test_the_original_recipients_are_shown_in_a_header_only_where_that_is_wanted(
    equip: Callable[..., ConfiguredConnector],
) -> None:
    message = Message("ada@real.example", "SignIn", bcc=["b@real.example"], headers={"x-original-to": "z@real.example"})
    assert send_one(equip, message).headers == {}
    assert send_one(equip, message, show_original=True).headers == {"X-Original-To": "ada@real.example, b@real.example"}
    to_team = Message("ada@team.example", "SignIn")
    assert send_one(equip, to_team, show_original=True, allow_domains=[TEAM]).headers == {}


def test_a_connector_without_headers_gets_none(make_host: Callable[..., Host]) -> None:
    from fakes import FakeConnector

    connector = FakeConnector()
    host = make_host(connector, plugins=[RedirectRecipients(to=STAGING, show_original=True)])
    host["alpha-mail"].send_message(CONFIG, make_messages(1)[0])
    assert [(one.to, one.headers) for one in connector.sent] == [(STAGING, {})]


def test_many_original_recipients_fit_into_one_line(equip: Callable[..., ConfiguredConnector]) -> None:
    copies = [f"{'x' * 50}{number}@real.example" for number in range(40)]
    text = send_one(equip, Message("ada@real.example", "SignIn", cc=copies), show_original=True).headers[
        "X-Original-To"
    ]
    assert len(text) < 930
    shown, more = text.count("@"), re.search(r", and (\d+) more$", text)
    assert more is not None
    assert shown + int(more[1]) == 41


def test_the_content_stays(equip: Callable[..., ConfiguredConnector]) -> None:
    content = Content("Hello", "write to ada@real.example", "")
    message = Message("ada@real.example", "Generic", content=content, reply_to="help@real.example", tags=["a"])
    found = send_one(equip, message)
    assert (found.content, found.reply_to, found.tags) == (content, "help@real.example", ("a",))


@pytest.mark.parametrize("domain", ["", "@", "*", "*@x", "a b", "a@b", "team.example, real.example"])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="is no domain"):
        RedirectRecipients(to=STAGING, allow_domains=[domain])


def test_a_domain_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match="give a list of domains"):
        RedirectRecipients(to=STAGING, allow_domains="team.example")


@pytest.mark.parametrize("to", ["", "staging", "Staging <staging@example.com>", "a@example.com,b@example.com", None])
def test_a_mailbox_that_is_none_is_refused(to: Any) -> None:
    with pytest.raises(ValueError, match="is not one e-mail address"):
        RedirectRecipients(to=to)
