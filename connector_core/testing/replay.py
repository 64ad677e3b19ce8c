"""Replay: the answers of a sandbox, kept by request and given again, some of them changed."""

from __future__ import annotations

from math import ceil, gcd
from typing import TYPE_CHECKING

from connector_core.testing.provider import find_shape, vary
from connector_core.testing.wire_behaviours import pass_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connector_core.testing.wire_behaviours import Answer
    from connector_core.testing.wire_server import Behaviour, Line, Request

    Key = tuple[str, str, bytes]

_MOST_CHANGES, _MOST_REQUESTS = 40, 400
"""How many changed answers are tried at most, and how many requests that may take; the rest would take too long."""

_KINDS = 6
"""Each member of an answer changes in so many ways, so that a step of another length meets all of them in turn."""


class Replay:
    """What a sandbox answered to requests that change nothing."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._answers: dict[Key, Answer] = {}
        self._changed: dict[Key, Answer] = {}

    def record(self) -> Behaviour:
        """Return what passes requests on and keeps their answers."""

        def note(line: Line, answer: Answer) -> None:
            self._answers[_key(line.request)] = answer
            line.send(answer.write())

        return pass_on(self._origin, note)

    def play(self) -> Behaviour:
        """Return what gives the kept answers again, but for the one that was changed; what is new is passed on."""

        def behave(line: Line) -> None:
            asked = _key(line.request)
            answer = self._changed.get(asked) or self._answers.get(asked)
            if answer is None:
                pass_on(self._origin)(line)
            else:
                line.send(answer.write())

        return behave

    def change_each(self) -> Iterator[str]:
        """Change one answer after the other, each to other shapes; yield what it is. Of answers that are alike, one."""
        alike = {(key[0], find_shape(answer)): key for key, answer in reversed(self._answers.items())}
        changes = [(key, changed) for key in alike.values() for changed in vary(self._answers[key])]
        most = min(_MOST_CHANGES, max(_MOST_REQUESTS // max(len(self._answers), 1), 1))
        step = max(ceil(len(changes) / most), 1)
        while gcd(step, _KINDS) != 1:
            step += 1
        for key, changed in changes[::step]:
            self._changed = {key: changed}
            yield f"{key[0]} {key[1]} with the answer {changed.body[:200]!r}"


def _key(request: Request) -> Key:
    return request.method, request.target, request.body
