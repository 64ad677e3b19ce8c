"""The provider as a connector meets it: how it confirms a message, what it refuses, and answers of other shapes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from connector_core.testing.wire_behaviours import Answer, pass_on, respond, respond_json
from connector_core.testing.wire_server import WireServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connector_core.errors import SendError
    from connector_core.message import Message
    from connector_core.sandbox.protocol import Sandbox
    from connector_core.testing.subject import Subject
    from connector_core.testing.wire_server import Behaviour, Line, Request

_OTHER_VALUES: tuple[Any, ...] = (None, 7, "", [None], {})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as the provider documents it, and the error that a host shall get.

    Args:
        status: the HTTP status.
        body: the body: text, bytes, or what is written as JSON.
        error: the class of the error.
        code: the provider's own code, which must be kept.
        message: a part of the provider's own sentence, which must be kept.
        headers: further header fields, such as `Retry-After: 3`.

    """

    status: int
    body: Any
    error: type[SendError]
    code: int | str | None = None
    message: str | None = None
    headers: Sequence[str] = field(default=())

    def behave(self) -> Behaviour:
        """Return what the provider's server does."""
        if isinstance(self.body, bytes | str):
            body = self.body if isinstance(self.body, bytes) else self.body.encode()
            return respond(self.status, body, self.headers)
        return respond_json(self.body, self.status, self.headers)

    def answer(self) -> Answer:
        """Return the answer of the provider's server."""
        body = self.body if isinstance(self.body, bytes | str) else json.dumps(self.body)
        fields = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in self.headers))
        return Answer(self.status, fields, body if isinstance(body, bytes) else body.encode())


@dataclass(frozen=True, slots=True)
class Success:
    """How a provider confirms a message: the path of the request, the answer, and what is asked before, by path."""

    path: str
    answer: Answer
    before: frozenset[str] = frozenset()


def find_success(subject: Subject, message: Message) -> Success:
    """Return how the sandbox confirms a message."""
    sandbox = subject.start_sandbox()
    answers: list[Answer] = []

    def note(line: Line, answer: Answer) -> None:
        answers.append(answer)
        line.send(answer.write())

    with WireServer(pass_on(sandbox.url, note)) as server:
        subject.send(lead_to(sandbox, server.url), message)
    *before, path = map(find_path, server.requests)
    return Success(path, answers[-1], frozenset(before) - {path})


def find_path(request: Request) -> str:
    """Return the path of a request, without its query."""
    return request.target.partition("?")[0]


def lead_to(sandbox: Sandbox, origin: str) -> dict[str, Any]:
    """Return the sandbox's config with another server in its place."""
    led: dict[str, Any] = json.loads(json.dumps(sandbox.config).replace(sandbox.url, origin))
    return led


def find_shape(answer: Answer) -> str:
    """Return the members of an answer's JSON value, without their values."""
    return f"{answer.status // 100} {_outline(_read_json(answer))}"


def vary(answer: Answer) -> Iterator[Answer]:
    """Yield an answer in other shapes: each member of its JSON object missing, or of another type."""
    for changed in _vary_value(_read_json(answer)):
        yield replace(answer, body=json.dumps(changed).encode())


def _read_json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _outline(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _outline(member) for name, member in sorted(value.items())}
    return [_outline(value[0])] if isinstance(value, list) and value else type(value).__name__


def _vary_value(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for other in (*_OTHER_VALUES, *_vary_value(member)):
                yield {**value, name: other}
    elif isinstance(value, list):
        for other in (*_OTHER_VALUES, *(_vary_value(value[0]) if value else ())):
            yield [other]
