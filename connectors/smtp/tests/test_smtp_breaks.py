"""Lines that break and servers that take their time: what the caller gets, and what surely was not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from connector_smtp.session import Session

from connector_core import DeliveryUnknown, Host, InvalidResponse, Limits, Message, ProviderUnavailable

from .smtp_failures import assert_nothing_was_sent, fail_to_send
from .smtp_server import (
    CA,
    ScriptedServer,
    drip,
    drip_bytes,
    flood,
    hang_up,
    make_context,
    reset,
    stay_silent,
)
from .smtp_surroundings import system_certificates, this_connector_alone  # noqa: F401  fixtures that pytest finds here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .smtp_server import Behaviour, Connection

WITH_CA = {"tls": {"ca": CA}}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host.discover() as discovered:
        yield discovered


@pytest.fixture(scope="module")
def hasty() -> Iterator[Host]:
    """Give a host that waits in vain only briefly."""
    with Host.discover(limits=Limits(connect=2, read=2, total=2)) as discovered:
        yield discovered


# The line breaks

BEFORE = ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]
BREAKS = [
    pytest.param(hang_up, "closed", id="hangs up"),
    pytest.param(reset, "connection", id="resets"),
    pytest.param(flood("250-x"), "its answer has no end", id="floods lines"),
    pytest.param(flood("250 " + "x" * 20_000), "its answer has no end", id="floods a line"),
]
DELAYS = [
    pytest.param(stay_silent, id="silent"),
    pytest.param(drip("250-x"), id="drips lines"),
    pytest.param(drip_bytes(b"250 ok never ends "), id="drips bytes"),
]


@pytest.mark.parametrize("verb", ["GREETING", *BEFORE])
@pytest.mark.parametrize(("behaviour", "reason"), BREAKS)
def test_a_line_that_breaks_before_the_mail_is_complete_sends_nothing(
    host: Host, verb: str, behaviour: Behaviour, reason: str
) -> None:
    with ScriptedServer({verb: behaviour}) as server:
        error = fail_to_send(host, server.port)
    assert_nothing_was_sent(error, server)
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable
    assert reason in str(error)
    assert server.verbs.count("DATA") == (verb == "DATA")


@pytest.mark.parametrize("verb", ["GREETING", "AUTH", "DATA"])
@pytest.mark.parametrize("behaviour", DELAYS)
def test_a_server_that_takes_its_time_before_the_mail_is_complete_has_nothing(
    hasty: Host, verb: str, behaviour: Behaviour
) -> None:
    with ScriptedServer({verb: behaviour}) as server:
        error = fail_to_send(hasty, server.port)
    assert_nothing_was_sent(error, server)
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable
    assert "it took too long" in str(error)


@pytest.mark.parametrize("behaviour", DELAYS)
def test_a_server_that_takes_its_time_after_the_final_dot_leaves_the_outcome_unknown(behaviour: Behaviour) -> None:
    with (
        Host.discover(limits=Limits(read=2, total=4)) as host,  # a slow machine, too, gets to the dot
        ScriptedServer({"CONTENT": behaviour}) as server,
    ):
        error = fail_to_send(host, server.port)
    assert isinstance(error, DeliveryUnknown)
    assert not error.retryable
    assert "it took too long" in str(error)
    assert len(server.mails) == 1


@pytest.mark.parametrize(("behaviour", "reason"), BREAKS)
def test_a_line_that_breaks_after_the_final_dot_leaves_the_outcome_unknown(
    host: Host, behaviour: Behaviour, reason: str
) -> None:
    with ScriptedServer({"CONTENT": behaviour}) as server:
        error = fail_to_send(host, server.port)
    assert isinstance(error, DeliveryUnknown)
    assert error.outcome == "unknown"
    assert not error.retryable
    assert reason in str(error)
    assert len(server.mails) == 1
    assert server.verbs.count("DATA") == 1


def stop_reading(connection: Connection) -> None:
    connection.say("354 Go on")
    connection.read_some()
    stay = connection.pause
    while stay(1):
        pass


def read_some_and_hang_up(connection: Connection) -> None:
    connection.say("354 Go on")
    connection.read_some()
    connection.reset()


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("behaviour", [stop_reading, read_some_and_hang_up])
def test_a_line_that_breaks_within_the_content_sends_nothing(behaviour: Behaviour, *, secure: bool) -> None:
    large = "\n".join(["x" * 70] * 100_000)  # more than the system takes without a reader
    tls = make_context() if secure else None
    with ScriptedServer({"DATA": behaviour}, tls=tls, implicit=secure) as server:
        limits = Limits(read=2)
        with Host.discover(limits=limits) as patient:
            error = fail_to_send(
                patient, server.port, Message("ann@example.com", "SignIn", {"code": large}), secure=secure, **WITH_CA
            )
    assert_nothing_was_sent(error, server)
    assert isinstance(error, ProviderUnavailable)


def test_a_limit_that_ends_before_the_final_dot_leaves_means_that_nothing_was_sent(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = Session._say  # noqa: SLF001  the moment between content and dot can't be met from outside

    def say_too_late(session: Session, content: bytes) -> tuple[int, bytes]:
        said = say(session, content)
        session._line.deadline = 0  # noqa: SLF001  the same
        return said

    monkeypatch.setattr(Session, "_say", say_too_late)
    with ScriptedServer() as server:
        error = fail_to_send(host, server.port)
    assert_nothing_was_sent(error, server)
    assert isinstance(error, ProviderUnavailable)
    assert error.retryable


def test_an_answer_to_the_mail_that_is_none_of_smtp_leaves_the_outcome_unknown(host: Host) -> None:
    with ScriptedServer({"CONTENT": "lorem ipsum"}) as server:
        error = fail_to_send(host, server.port)
    assert isinstance(error, InvalidResponse)
    assert error.outcome == "unknown"
    assert len(server.mails) == 1


# Time


@pytest.mark.parametrize("setting", ["greetingTimeout", "socketTimeout"])
def test_the_config_can_shorten_the_limits(host: Host, setting: str) -> None:
    verb = {"greetingTimeout": "GREETING", "socketTimeout": "MAIL"}[setting]
    with ScriptedServer({verb: stay_silent}) as server:
        error = fail_to_send(host, server.port, **{setting: 50})
    assert "it took too long" in str(error)


def test_the_config_can_shorten_the_time_for_the_handshake(host: Host) -> None:
    with ScriptedServer({"GREETING": stay_silent}) as server:
        error = fail_to_send(host, server.port, secure=True, connectionTimeout=50)
    assert "it took too long" in str(error)


def test_the_config_can_not_lengthen_the_limits(hasty: Host) -> None:
    longer = dict.fromkeys(("connectionTimeout", "greetingTimeout", "socketTimeout", "dnsTimeout"), 600_000)
    with ScriptedServer({"MAIL": stay_silent}) as server:
        error = fail_to_send(hasty, server.port, **longer)
    assert "it took too long" in str(error)


def test_a_send_takes_no_longer_than_the_total_however_many_steps_are_slow() -> None:
    def answer_late(text: str) -> Behaviour:
        def behave(connection: Connection) -> None:
            if connection.pause(0.15):
                connection.say(text)

        return behave

    slow = {verb: answer_late("250 x") for verb in ("MAIL", "RCPT")}
    slow |= {"GREETING": answer_late("220 x"), "EHLO": answer_late("250-x\n250 AUTH PLAIN")}
    slow |= {"AUTH": answer_late("235 x")}
    with Host.discover(limits=Limits(total=0.5)) as host, ScriptedServer(slow) as server:
        error = fail_to_send(host, server.port)
    assert_nothing_was_sent(error, server)
    assert "it took too long" in str(error)
    assert "DATA" not in server.verbs
