"""Plugins of the host see each message of a batch by itself, and what one does wrong harms no other message."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from batch_peers import BatchConnector, configure_within, ids, make_messages
from fakes import FakeConnector

from connector_core import Host, Message, SendError, SendResult, StoreError, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from connector_core import ConfiguredConnector


@pytest.fixture
def configure(make_host: Callable[..., Host]) -> Callable[..., ConfiguredConnector]:
    return partial(configure_within, make_host)


class Redirect:
    @hookimpl(wrapper=True)
    def send_message(self, message: Message) -> Generator[None, Any, Any]:
        message.to = "staging@example.com"
        return (yield)


def test_a_wrapper_changes_each_message_of_a_batch_and_the_caller_s_stay_as_they_were(
    configure: Callable[..., ConfiguredConnector],
) -> None:
    fake, messages = BatchConnector(), make_messages(4)
    assert ids(configure(fake, Redirect()).send_messages(messages)) == ["staging@example.com"] * 4
    assert [one for batch in fake.batches for one in batch] == ["staging@example.com"] * 4
    assert messages == make_messages(4)


@pytest.mark.parametrize("plugins", [[], [Redirect()]], ids=["alone", "with a wrapper"])
def test_a_payload_that_was_spoilt_after_it_was_given_fails_alone(
    configure: Callable[..., ConfiguredConnector], plugins: list[object]
) -> None:
    messages = make_messages(3)
    messages[1].payload["code"] = object()
    outcomes = configure(BatchConnector(), *plugins).send_messages(messages)
    assert [isinstance(one, SendResult) for one in outcomes] == [True, False, True]


class FailsAfterwards:
    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        yield
        raise StoreError("the table of the audit is gone")


@pytest.mark.parametrize("connector", [FakeConnector, BatchConnector])
def test_a_plugin_s_own_error_after_the_send_leaves_the_message_unknown(
    configure: Callable[..., ConfiguredConnector], connector: type[FakeConnector]
) -> None:
    (outcome,) = configure(connector(), FailsAfterwards()).send_messages(make_messages(1))
    assert isinstance(outcome, SendError)
    assert (outcome.outcome, str(outcome)) == ("unknown", "the table of the audit is gone")


class Holding:
    """Holds one of two places while a message takes its way, as a wrapper may hold a connection of a pool."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(2)

    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        if not self._places.acquire(blocking=False):  # who waited here would wait for ever
            raise StoreError("no place is free")
        try:
            return (yield)
        finally:
            self._places.release()


@pytest.mark.parametrize(
    ("connector", "third"), [(FakeConnector, "sent"), (BatchConnector, "no place is free")], ids=["singly", "batch"]
)
def test_the_wrappers_of_a_batch_are_open_at_once_so_what_one_holds_another_lacks(
    configure: Callable[..., ConfiguredConnector], connector: type[FakeConnector], third: str
) -> None:
    outcomes = configure(connector(), Holding()).send_messages(make_messages(3), in_flight=1)
    assert ["sent" if isinstance(one, SendResult) else str(one) for one in outcomes] == ["sent", "sent", third]
