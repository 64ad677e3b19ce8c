"""Middleware sees the messages of a batch as pluggy would show it each of them in a send of its own."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any

import pluggy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector_core import Message, SendError, SendResult
from connector_core.hookspecs import PROJECT, hookimpl
from connector_core.passage import Plugin, PluginPassage
from connector_core.plugins import make_manager

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    Steps = list[str]

RESULT = SendResult(message_id="m1")


class Refused(SendError):
    """What a plugin of these tests raises."""


def new_style(name: str, act: str, steps: Steps) -> object:
    class Wrapper:
        @hookimpl(wrapper=True)
        def send_message(self, message: Message) -> Generator[None, Any, Any]:
            steps.append(f"{name} in {message.type}")
            if act == "raise before":
                raise Refused(f"{name} before")
            if act == "rename":
                message.type = f"{message.type}-{name}"
            try:
                found = yield
            except SendError as error:
                steps.append(f"{name} saw {error}")
                if act == "recover":
                    return SendResult(message_id=f"{name} recovered")
                raise
            steps.append(f"{name} out {found.message_id}")
            if act == "raise after":
                raise Refused(f"{name} after")
            return SendResult(message_id=f"{found.message_id}+{name}") if act == "replace" else found

    return Wrapper()


def old_style(name: str, act: str, steps: Steps) -> object:
    class Wrapper:
        @hookimpl(hookwrapper=True)
        def send_message(self, message: Message) -> Generator[None, Any, None]:
            steps.append(f"{name} in {message.type}")
            result = yield
            steps.append(f"{name} out {result.exception}")
            if act == "replace":
                result.force_result(SendResult(message_id=name))

    return Wrapper()


def plain(name: str, act: str, steps: Steps) -> object:
    class Plugin:
        @hookimpl
        def send_message(self, message: Message) -> Any:
            steps.append(f"{name} asked {message.type}")
            if act == "raise before":
                raise Refused(f"{name} plain")
            return SendResult(message_id=name) if act == "replace" else None

    return Plugin()


KINDS: dict[str, Callable[[str, str, Steps], object]] = {"new": new_style, "old": old_style, "plain": plain}
ACTS = ["nothing", "raise before", "raise after", "rename", "replace", "recover"]
PLUGINS = st.lists(st.tuples(st.sampled_from([*KINDS]), st.sampled_from(ACTS)), max_size=5)


class Provider:
    """The connector itself, which accepts a message or refuses it."""

    def __init__(self, steps: Steps, *, refuses: bool) -> None:
        self._steps = steps
        self._refuses = refuses

    @hookimpl(trylast=True)
    def send_message(self, message: Message) -> SendResult:
        self._steps.append(f"sent {message.type}")
        if self._refuses:
            raise Refused("provider")
        return RESULT


def send_through_pluggy(plugins: list[tuple[str, str]], *, refuses: bool) -> tuple[str, Steps]:
    steps: Steps = []
    manager = make_manager()
    manager.register(Provider(steps, refuses=refuses))
    for number, (kind, act) in enumerate(plugins):
        manager.register(KINDS[kind](f"p{number}", act, steps))
    try:
        message = Message("a@example.com", "T")
        found = manager.hook.send_message(config=None, message=message, transport=None, metadata=None)
    except SendError as error:
        return str(error), steps
    return found.message_id, steps


def send_through_a_passage(plugins: list[tuple[str, str]], *, refuses: bool) -> tuple[str, Steps]:
    steps: Steps = []
    manager = pluggy.PluginManager(PROJECT)
    for number, (kind, act) in enumerate(plugins):
        manager.register(KINDS[kind](f"p{number}", act, steps))
    hook = getattr(manager.hook, "send_message", None)
    implementations = [] if hook is None else [*reversed(hook.get_hookimpls())]
    passage = PluginPassage([Plugin(one, {}) for one in implementations], Message("a@example.com", "T"))
    if passage.outcome is None:
        provider = Provider(steps, refuses=refuses)
        try:
            passage.outcome = provider.send_message(passage.message)
        except SendError as error:
            passage.outcome = error
    found = passage.leave()
    return (found.message_id if isinstance(found, SendResult) else str(found)), steps


@given(PLUGINS, st.booleans())
def test_a_passage_has_the_steps_and_the_outcome_that_pluggy_has(plugins: list[tuple[str, str]], refuses: bool) -> None:  # noqa: FBT001  hypothesis gives it by position
    assert send_through_a_passage(plugins, refuses=refuses) == send_through_pluggy(plugins, refuses=refuses)


def pass_through(*plugins: object) -> PluginPassage:
    manager = make_manager()
    for plugin in plugins:
        manager.register(plugin)
    implementations = [*reversed(manager.hook.send_message.get_hookimpls())]
    return PluginPassage([Plugin(one, {}) for one in implementations], Message("a@example.com", "T"))


def test_what_a_wrapper_sets_in_its_context_is_there_in_its_second_half_and_nowhere_else() -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    seen = []

    class Wrapper:
        @hookimpl(wrapper=True)
        def send_message(self, message: Message) -> Generator[None, Any, Any]:
            token = variable.set(message.to)
            found = yield
            seen.append(variable.get())
            variable.reset(token)
            return found

    first, second = pass_through(Wrapper()), pass_through(Wrapper())
    assert variable.get() == "outside"
    first.outcome = second.outcome = RESULT
    assert [first.leave(), second.leave()] == [RESULT, RESULT]
    assert seen == ["a@example.com"] * 2


class NeverYields:
    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        if self is None:
            yield
        return None


class YieldsTwice:
    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        yield
        yield


class Fails:
    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        yield
        raise ValueError("made up")


class ReturnsNothing:
    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        yield


@pytest.mark.parametrize("plugin", [NeverYields, YieldsTwice, Fails, ReturnsNothing])
@pytest.mark.parametrize("was_sent", [False, True])
def test_a_wrapper_that_breaks_the_contract_is_an_error_that_says_what_is_known(
    plugin: Callable[[], object],
    was_sent: bool,  # noqa: FBT001  pytest gives it by keyword
) -> None:
    passage = pass_through(plugin())
    if passage.outcome is None:
        passage.outcome, passage.was_sent = RESULT, was_sent
    found = passage.leave()
    assert isinstance(found, SendError)
    assert found.outcome == ("unknown" if passage.was_sent else "not_sent")
    assert "report it to its author" in str(found)


class Answers:
    @hookimpl
    def send_message(self) -> SendResult:
        return RESULT


class Breaks:
    @hookimpl
    def send_message(self) -> SendResult:
        raise ValueError("made up")


class Leaves:
    @hookimpl
    def send_message(self) -> None:
        return None


class FailsBefore:
    @hookimpl(wrapper=True)
    def send_message(self) -> Generator[None, Any, Any]:
        if self is not None:
            raise ValueError("made up")
        yield


@pytest.mark.parametrize(
    ("plugins", "outcome"),
    [
        ([Answers, Fails], "unknown"),
        ([Breaks], "unknown"),
        ([Leaves, Fails], "not_sent"),
        ([Answers, FailsBefore], "not_sent"),
    ],
    ids=["fails after an answer", "fails as it answers", "fails after none", "fails before the yield"],
)
def test_a_plugin_that_answers_in_the_connector_s_place_may_have_sent(
    plugins: list[Callable[[], object]], outcome: str
) -> None:
    found = pass_through(*(plugin() for plugin in plugins)).leave()
    assert isinstance(found, SendError)
    assert found.outcome == outcome
