"""A message's way through the plugins around a connector, in two halves: so that many messages can be sent at once.

pluggy calls wrappers around one call. Here the first half of each wrapper runs for every message of a batch, then the
batch is sent, then the second halves run, in the order and with the rules of pluggy: no middleware is passed by.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pluggy import Result

from connector_core.errors import ConnectorError, SendError
from connector_core.message import SendResult

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    import pluggy

    from connector_core.message import Message

_OUTCOMES = (SendResult, ConnectorError)
_NO_YIELD = "a wrapper of send_message must yield once"


class Plugin:
    """One implementation of `send_message` around the connector's own.

    Args:
        implementation: the implementation, as pluggy has it.
        arguments: what the hook is called with, but for the message.

    """

    def __init__(self, implementation: pluggy.HookImpl, arguments: Mapping[str, Any]) -> None:
        self.name = implementation.plugin_name
        self.is_wrapper = implementation.wrapper or implementation.hookwrapper
        self._is_old_style = implementation.hookwrapper
        self._function: Any = implementation.function
        names = [*implementation.argnames, *implementation.kwargnames]
        self._arguments = {name: arguments[name] for name in names if name in arguments}
        self._wants_message = "message" in names

    def call(self, message: Message) -> Any:
        """Return the answer of a plain implementation, or the wrapper, not yet begun."""
        arguments = {**self._arguments, "message": message} if self._wants_message else self._arguments
        answer = self._function(**arguments)
        return _modernize(answer) if self._is_old_style else answer


class Passage:
    """One message on its way to the connector and back, where no plugin is around it."""

    __slots__ = ("message", "outcome", "was_sent")

    def __init__(self, message: Message) -> None:
        self.message = message
        self.outcome: SendResult | BaseException | None = None
        self.was_sent = False

    def leave(self) -> SendResult | ConnectorError:
        """Return what became of the message."""
        if isinstance(self.outcome, _OUTCOMES):
            return self.outcome
        return self._refuse(self.outcome)

    def _refuse(self, found: object) -> SendError:
        outcome: Any = "unknown" if self.was_sent else "not_sent"
        if isinstance(found, BaseException):
            failure = SendError(
                f"A plugin around the connector failed ({type(found).__name__}): report it to its author.",
                outcome=outcome,
            )
            failure.__cause__ = found
            return failure
        return SendError("A plugin around the connector returned no result: report it to its author.", outcome=outcome)


class PluginPassage(Passage):
    """One message on its way through the plugins of `send_message`.

    Args:
        plugins: the plugins, first those that pluggy calls first, without the connector's own.
        message: the message, which they may change.

    """

    __slots__ = ("_context", "_wrappers")

    def __init__(self, plugins: Sequence[Plugin], message: Message) -> None:
        super().__init__(message)
        self._context = copy_context()  # what a wrapper sets, such as a span, is seen by its own second half alone
        self._wrappers: list[Generator[None, Any, Any]] = []
        try:
            self._context.run(self._enter, plugins)
        except Exception as error:  # noqa: BLE001  a plugin may raise anything, and the outer wrappers see it
            self.outcome = error

    def _enter(self, plugins: Sequence[Plugin]) -> None:
        for plugin in plugins:
            if not plugin.is_wrapper:
                self.was_sent = True  # it may send, as the connector does, until it says that it leaves that to others
                self.outcome = plugin.call(self.message)
                if self.outcome is not None:
                    return
                self.was_sent = False
                continue
            wrapper = plugin.call(self.message)
            try:
                next(wrapper)
            except StopIteration:
                raise RuntimeError(_NO_YIELD) from None
            self._wrappers.append(wrapper)

    def leave(self) -> SendResult | ConnectorError:
        """Run the second halves, the inner ones first, and return what is the outcome after all of them."""
        while self._wrappers:
            self.outcome = self._context.run(self._resume, self._wrappers.pop())
        return super().leave()

    def _resume(self, wrapper: Generator[None, Any, Any]) -> Any:
        try:
            if isinstance(self.outcome, BaseException):
                wrapper.throw(self.outcome)
            else:
                wrapper.send(self.outcome)
        except StopIteration as end:
            return end.value
        except Exception as error:  # noqa: BLE001  the outer wrappers see it
            return error
        wrapper.close()
        return RuntimeError(_NO_YIELD)


def _modernize(wrapper: Generator[None, Result[Any], None]) -> Generator[None, Any, Any]:
    """Make a wrapper of pluggy's old style, which is given a `Result`, one of the new style."""
    next(wrapper)
    try:
        value = yield
        result: Result[Any] = Result(value, None)
    except BaseException as error:  # noqa: BLE001  the wrapper sees it
        result = Result(None, error)
    try:
        wrapper.send(result)
    except StopIteration:
        return result.get_result()
    wrapper.close()
    raise RuntimeError(_NO_YIELD)
