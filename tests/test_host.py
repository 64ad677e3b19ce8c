"""Host: which plugins a call reaches, and what becomes of a send."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from fakes import FakeConnector

from connector_core import (
    Host,
    InvalidConnector,
    InvalidMessage,
    Message,
    RecipientRejected,
    SendError,
    SendResult,
    hookimpl,
)

if TYPE_CHECKING:
    from connector_core import Config, ConnectorMetadata, Transport

Make = Callable[..., Host]
TOKEN = "tok-5ecret"
CONFIG = {"token": TOKEN}


def message(to: str = "ann@example.com", **payload: Any) -> Message:
    return Message(to, "SignIn", payload)


class Audit:
    """A host's wrapper that notes what passes."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, object]] = []

    @hookimpl(wrapper=True)
    def send_message(self, message: Message, metadata: ConnectorMetadata) -> Generator[None, SendResult, SendResult]:
        try:
            result = yield
        except SendError as error:
            self.seen.append((metadata.id, message.to, error.code))
            raise
        self.seen.append((metadata.id, message.to, result.status))
        return result


class Redirect:
    """A host's wrapper for staging: all mail goes to one address."""

    def __init__(self, to: str = "staging@example.com") -> None:
        self.to = to

    @hookimpl(wrapper=True)
    def send_message(self, message: Message) -> Generator[None, SendResult, SendResult]:
        message.to = self.to
        message.payload["staging"] = True
        return (yield)


def test_a_send_reaches_its_connector_and_no_other(make_host: Make) -> None:
    alpha, beta, gamma = FakeConnector(), FakeConnector("beta-mail"), FakeConnector("gamma-mail")
    host = make_host(alpha, beta, gamma)
    result = host["beta-mail"].send_message(CONFIG, message())
    assert result == SendResult(message_id="id-1")
    assert [len(one.sent) for one in (alpha, beta, gamma)] == [0, 1, 0]
    assert [len(one.checked) for one in (alpha, beta, gamma)] == [0, 1, 0]


def test_a_connector_gets_its_config_the_message_and_its_own_metadata(make_host: Make) -> None:
    got: list[Any] = []

    class Plugin:
        @hookimpl
        def connector_metadata(self) -> ConnectorMetadata:
            return model.metadata

        @hookimpl
        def send_message(
            self, metadata: ConnectorMetadata, transport: Transport, config: Config, message: Message
        ) -> SendResult:
            got.extend([metadata, transport, config, message])
            return SendResult(message_id="1")

    model = FakeConnector("delta-mail")
    plugin: Any = Plugin()
    plugin.metadata = model.metadata
    mail = make_host(FakeConnector(), plugin)["delta-mail"].configure(CONFIG)
    mail.send_message(message(code="1"))
    metadata, transport, config, sent = got
    assert metadata is model.metadata
    assert callable(transport.request)
    assert config is mail.config
    assert config["retries"] == 3
    assert sent == message(code="1")


def test_a_wrapper_sees_every_send_of_every_connector(make_host: Make) -> None:
    def refuse(_config: Config, sent: Message) -> SendResult:
        raise RecipientRejected("No such mailbox.", recipients=[sent.to])

    audit = Audit()
    host = make_host(FakeConnector(), FakeConnector("beta-mail", send=refuse), plugins=[audit])
    host["alpha-mail"].send_message(CONFIG, message())
    with pytest.raises(RecipientRejected):
        host["beta-mail"].send_message(CONFIG, message("bob@example.com"))
    assert audit.seen == [
        ("alpha-mail", "ann@example.com", "sent"),
        ("beta-mail", "bob@example.com", "recipient_rejected"),
    ]


def test_a_wrapper_may_redirect_a_message_and_the_callers_stays_as_it_was(make_host: Make) -> None:
    alpha, ours = FakeConnector(), message(code="1")
    make_host(alpha, plugins=[Redirect()])["alpha-mail"].send_message(CONFIG, ours)
    assert alpha.sent == [message("staging@example.com", code="1", staging=True)]
    assert ours == message(code="1")


def test_a_connector_that_changes_its_message_changes_nobody_elses(make_host: Make) -> None:
    def change(_config: Config, sent: Message) -> SendResult:
        sent.payload["user"]["name"] = "Bob"
        sent.payload.clear()
        return SendResult(message_id="1")

    ours = message(user={"name": "Ann"})
    make_host(FakeConnector(send=change))["alpha-mail"].send_message(CONFIG, ours)
    assert ours == message(user={"name": "Ann"})


@pytest.mark.parametrize("to", ["a@example.com\r\nBcc: b@example.com", "nobody", "a@example.com,b@example.com"])
def test_a_redirect_to_what_is_no_address_is_refused_before_the_connector_sees_it(make_host: Make, to: str) -> None:
    alpha = FakeConnector()
    mail = make_host(alpha, plugins=[Redirect(to)])["alpha-mail"].configure(CONFIG)
    with pytest.raises(InvalidMessage):
        mail.send_message(message())
    assert alpha.sent == []


def test_a_wrapper_that_is_registered_later_sees_the_sends_of_a_configured_connector(make_host: Make) -> None:
    audit, host = Audit(), make_host(FakeConnector(), FakeConnector("beta-mail"))
    mail = host["alpha-mail"].configure(CONFIG)
    mail.send_message(message())
    host.register(audit)
    mail.send_message(message())
    host.unregister(audit)
    mail.send_message(message())
    assert len(audit.seen) == 1


def test_the_wrapper_that_was_registered_last_is_the_outermost(make_host: Make) -> None:
    inner, outer = Audit(), Audit()
    host = make_host(FakeConnector(), plugins=[inner, Redirect(), outer])
    host["alpha-mail"].send_message(CONFIG, message())
    # Both note the recipient on the way back: the redirect between them has changed it.
    assert inner.seen == outer.seen == [("alpha-mail", "staging@example.com", "sent")]


def test_a_plugin_of_the_host_may_send_in_place_of_the_connector(make_host: Make) -> None:
    class DryRun:
        @hookimpl
        def send_message(self) -> SendResult:
            return SendResult(message_id="dry")

    alpha = FakeConnector()
    result = make_host(alpha, plugins=[DryRun()])["alpha-mail"].send_message(CONFIG, message())
    assert (result.message_id, alpha.sent) == ("dry", [])


class Misspelled:
    @hookimpl
    def send_mesage(self) -> None: ...


class KeywordOnly:
    @hookimpl
    def validate_config(self, *, config: Config) -> None: ...


class UnknownArgument:
    @hookimpl
    def validate_config(self, confg: Config) -> None: ...


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (Misspelled(), "did you mean send_message"),
        (KeywordOnly(), "config by keyword only"),
        (UnknownArgument(), "confg"),
        (Audit, "Audit is a class"),
    ],
    ids=["misspelled", "keyword-only", "unknown argument", "class"],
)
def test_a_plugin_of_the_host_that_breaks_the_contract_is_refused_and_left_out(
    make_host: Make, plugin: object, words: str
) -> None:
    host = make_host(FakeConnector(), FakeConnector("beta-mail"))
    with pytest.raises(InvalidConnector, match=words):
        host.register(plugin)
    assert host["alpha-mail"].send_message(CONFIG, message()).message_id == "id-1"
    with pytest.raises(InvalidConnector, match=words):
        make_host(FakeConnector(), plugins=[plugin])


def test_a_plugin_of_the_host_can_not_be_registered_twice(make_host: Make) -> None:
    audit = Audit()
    host = make_host(FakeConnector(), plugins=[audit])
    with pytest.raises(InvalidConnector, match="already"):
        host.register(audit)
    host["alpha-mail"].send_message(CONFIG, message())
    assert len(audit.seen) == 1


def test_a_plugin_of_the_host_that_can_not_be_hashed_breaks_no_send(make_host: Make) -> None:
    @dataclass
    class Settings:
        prefix: str = "x"

        @hookimpl
        def validate_config(self) -> None: ...

        @hookimpl(wrapper=True)
        def send_message(self) -> Generator[None, SendResult, SendResult]:
            return (yield)

    host = make_host(FakeConnector(), FakeConnector("beta-mail"))
    with suppress(InvalidConnector):  # refusing it at once is as good
        host.register(Settings())
    assert host["alpha-mail"].send_message(CONFIG, message()).message_id == "id-1"


class ForeignError(Exception):
    """What a connector might raise that isn't ours."""


def test_a_foreign_exception_becomes_a_send_error_that_keeps_it_without_secrets(make_host: Make) -> None:
    def fail(config: Config, _message: Message) -> SendResult:
        raise ForeignError(f"the line said {config['token'].reveal()}")

    with pytest.raises(SendError, match="alpha-mail failed") as caught:
        make_host(FakeConnector(send=fail))["alpha-mail"].send_message(CONFIG, message())
    assert (caught.value.code, caught.value.outcome, caught.value.retryable) == ("general", "unknown", False)
    assert isinstance(caught.value.__cause__, ForeignError)
    assert str(caught.value.__cause__) == "the line said ***"
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_foreign_exception_whose_text_can_not_be_changed_is_left_out_of_the_traceback(make_host: Make) -> None:
    def fail(config: Config, _message: Message) -> SendResult:
        raise FileNotFoundError(2, "No such file", config["token"].reveal())

    with pytest.raises(SendError) as caught:
        make_host(FakeConnector(send=fail))["alpha-mail"].send_message(CONFIG, message())
    assert caught.value.outcome == "unknown"
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_an_error_of_a_connector_reaches_the_host_as_it_is_without_secrets(make_host: Make) -> None:
    def fail(config: Config, _message: Message) -> SendResult:
        try:
            raise ForeignError(config["token"].reveal())
        except ForeignError as cause:
            raise RecipientRejected(f"no {config['token'].reveal()}", recipients=["ann@example.com"]) from cause

    with pytest.raises(RecipientRejected) as caught:
        make_host(FakeConnector(send=fail))["alpha-mail"].send_message(CONFIG, message())
    assert str(caught.value) == "no ***"
    assert caught.value.recipients == ("ann@example.com",)
    assert str(caught.value.__cause__) == "***"


@pytest.mark.parametrize("result", [None, "sent", {"messageId": "1"}, True], ids=repr)
def test_a_connector_that_returns_no_result_leaves_the_outcome_unknown(make_host: Make, result: object) -> None:
    with pytest.raises(SendError, match="returned no result") as caught:
        make_host(FakeConnector(send=lambda *_: result))["alpha-mail"].send_message(CONFIG, message())
    assert caught.value.outcome == "unknown"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through(make_host: Make, kind: type[BaseException]) -> None:
    def interrupt(*_: object) -> SendResult:
        raise kind

    with pytest.raises(kind):
        make_host(FakeConnector(send=interrupt))["alpha-mail"].send_message(CONFIG, message())


@pytest.mark.parametrize("to", ["+15550100", "ann", "Ann <ann@example.com>", "ann@example.com,bob@example.com"])
def test_an_email_connector_refuses_what_is_no_address_and_an_sms_connector_takes_it(make_host: Make, to: str) -> None:
    mail, sms = FakeConnector(), FakeConnector("beta-sms", kind="Sms")
    host = make_host(mail, sms)
    with pytest.raises(InvalidMessage) as caught:
        host["alpha-mail"].send_message(CONFIG, message(to))
    assert caught.value.outcome == "not_sent"
    host["beta-sms"].send_message(CONFIG, message(to))
    assert (len(mail.sent), len(sms.sent)) == (0, 1)


def test_a_payload_that_was_spoiled_after_the_message_was_made_is_refused(make_host: Make) -> None:
    alpha, spoiled = FakeConnector(), message()
    spoiled.payload["rate"] = float("nan")
    with pytest.raises(InvalidMessage, match=r"\$\.rate"):
        make_host(alpha)["alpha-mail"].send_message(CONFIG, spoiled)
    assert alpha.sent == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [("<id@example>", "<id@example>"), ("<a\r\nBcc: b>", "<a Bcc: b>"), ("x" * 5000, "x" * 1000), (7, "7")],
)
def test_a_message_id_is_one_short_line_whatever_a_connector_gives(make_host: Make, given: Any, kept: str) -> None:
    host = make_host(FakeConnector(send=lambda _config, _message: SendResult(message_id=given)))

    assert host["alpha-mail"].send_message(CONFIG, message()).message_id == kept
