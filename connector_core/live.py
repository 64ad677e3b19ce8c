"""Calls of a connector that send no message: live checks, templates, usage; each within a time limit.

What the connector or the provider does wrong becomes a finding or an error in words that speak of no message.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from connector_core.errors import ConnectorError, ProviderUnavailable, SendError, UnsupportedFeature
from connector_core.findings import Finding, Level, explain_failure, restate_failure
from connector_core.provisioning import TemplateChange
from connector_core.rendering import clean_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from connector_core.metadata import ConnectorMetadata
    from connector_core.provisioning import Template
    from connector_core.secrets import Redaction

CHECK_SECONDS = 10.0
USAGE_SECONDS = 3.0

REQUESTS_SHARE = 0.9
"""The part of a time limit in which requests end, so that what they failed of can still be told."""

CALL_THREAD = "connector-core-call"
"""The name of a thread in which a connector is asked; after the time limit it may hang for ever."""

NOTHING_GIVEN = "No template is given for its usage type and language: write one, and push it from a folder."
"""The problem of a change where nobody said what a missing template shall say."""

_MOST_FINDINGS = 1000
_LONGEST_TEXT = 2000
_REPORT = "report it to its author"

_AT_ONCE = 8

T = TypeVar("T")
Item = TypeVar("Item")


class TimeIsOver(Exception):
    """What was asked for still isn't there."""


class _NobodyAnswers(Exception):
    """No plugin checks this connector's configs."""


def collect_findings(
    ask: Callable[[], Sequence[Iterable[Finding]]], metadata: ConnectorMetadata, redaction: Redaction, seconds: float
) -> list[Finding]:
    """Return the findings that the plugins yield until the time is over, and what ended a check too early.

    Args:
        ask: calls the hook, and returns the answer of each plugin.
        metadata: the connector's.
        redaction: strikes the config's secrets out of the texts.
        seconds: how long it may take.

    Raises:
        UnsupportedFeature: no plugin answers.

    """
    found: list[Finding] = []
    last: Finding | None = None

    def run() -> None:
        answers = ask()
        if not answers:
            raise _NobodyAnswers
        for finding in islice(chain.from_iterable(answers), _MOST_FINDINGS):
            _check_finding(finding)
            found.append(finding)

    try:
        run_within(seconds, run)
    except _NobodyAnswers:
        raise refuse_unsupported(metadata, "check a config", "send a test mail to try it") from None
    except TimeIsOver:
        message = f"The check was not done after {seconds:g} seconds, so the rest is not known."
        last = Finding("error", "timed_out", "$", message, "Check the network from this machine, then try again.")
    except SendError as error:
        last = explain_failure(error, _name(metadata))
    except ConnectorError as error:
        last = Finding("error", error.code, "$", str(error))
    except Exception as error:  # noqa: BLE001  a foreign connector may raise anything
        message = f"The live check of {metadata.id} failed ({type(error).__name__})."
        last = Finding("error", "check_failed", "$", message, "Report it to the author of the connector.")
    findings = [*found] if last is None else [*found, last]
    return list(dict.fromkeys(_clean(one, redaction) for one in findings))


def call(ask: Callable[[], T], metadata: ConnectorMetadata, redaction: Redaction, seconds: float | None = None) -> T:
    """Return what a hook that sends no message returns.

    Raises:
        SendError: the provider can't be reached or refuses.
        ConnectorError: the connector failed.

    """
    failure: ConnectorError
    try:
        return ask() if seconds is None else run_within(seconds, ask)
    except TimeIsOver:
        failure = ProviderUnavailable(f"{_name(metadata)} gave no answer within {seconds:g} seconds: try again.")
    except SendError as error:
        failure = restate_failure(error, _name(metadata))
    except ConnectorError as error:
        failure = error
    except Exception as cause:  # noqa: BLE001  a foreign connector may raise anything
        failure = ConnectorError(f"The connector {metadata.id} failed ({type(cause).__name__}): {_REPORT}.")
        failure.__cause__ = cause
    # Outside of the except block: Python would link the cause once more, after the redaction.
    redaction.redact_exception(failure)
    raise failure


def ask_at_once(ask: Callable[[Item], T], items: Iterable[Item]) -> Iterator[T]:
    """Yield the answer to a question about each item, in their order, up to eight questions at the same time.

    After the first that fails, or when nobody wants more, no other is waited for.

    Args:
        ask: asks the provider; it is called in threads.
        items: what it is called with.

    """
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="connector-core-questions")
    try:
        # With the caller's context, which a host's plugin may need, such as for tracing.
        yield from pool.map(lambda one: one[0].run(ask, one[1]), ((copy_context(), item) for item in items))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def check_changes(
    changes: Iterable[TemplateChange], given: Sequence[Template], redaction: Redaction
) -> list[TemplateChange]:
    """Return the changes that a connector proposes; where nobody said what a missing template shall say, say so.

    Raises:
        TypeError: they are none.

    """
    listed = list(changes)
    if not all(isinstance(change, TemplateChange) for change in listed):
        raise TypeError("provision_templates must return changes")
    return [_complete(change, redaction, is_given=bool(given)) for change in listed]


def check_count(count: object) -> int:
    """Return the number of messages that a connector tells.

    Raises:
        TypeError: it is none.

    """
    if type(count) is not int or count < 0:
        raise TypeError("get_usage must return a number of messages")
    return count


def refuse_unsupported(metadata: ConnectorMetadata, what: str, instead: str) -> UnsupportedFeature:
    """Return the error for what no plugin does for a connector."""
    return UnsupportedFeature(f"The connector {metadata.id} can't {what}: {instead}.")


def run_within(seconds: float, action: Callable[[], T]) -> T:
    """Return what an action returns; one that still runs after the time is left alone, in a thread of its own.

    Raises:
        TimeIsOver: it still runs.

    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(action())
        except BaseException as error:  # noqa: BLE001  the caller gets it
            future.set_exception(error)

    # With the caller's context, which a host's plugin may need, such as for tracing.
    threading.Thread(target=copy_context().run, args=(run,), name=CALL_THREAD, daemon=True).start()
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # the action's own, or it came at the last moment
            return future.result()
        raise TimeIsOver from None


def _check_finding(finding: Any) -> None:
    if not isinstance(finding, Finding) or finding.level not in get_args(Level):
        raise TypeError("check_connection must yield findings, each of a level that there is")
    if not all(isinstance(text, str) for text in (finding.code, finding.path, finding.message, finding.fix)):
        raise TypeError("each part of a finding must be a text")


def _clean(finding: Finding, redaction: Redaction) -> Finding:
    texts = (finding.code, finding.path, finding.message, finding.fix)
    return Finding(finding.level, *(_clean_text(text, redaction) for text in texts))


def _complete(change: TemplateChange, redaction: Redaction, *, is_given: bool) -> TemplateChange:
    is_lacking = is_given and change.before is None and change.after is None
    problem = change.problem or (NOTHING_GIVEN if is_lacking else "")
    path, name, problem = (_clean_text(text, redaction) for text in (change.path, change.name, problem))
    return replace(change, path=path, name=name, problem=problem)


def _clean_text(text: str, redaction: Redaction) -> str:
    """Return a text as one line without a secret."""
    return clean_header(redaction.redact(text))[:_LONGEST_TEXT]


def _name(metadata: ConnectorMetadata) -> str:
    from connector_core.metadata import choose_language

    return choose_language(metadata.name)
