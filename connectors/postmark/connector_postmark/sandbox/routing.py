"""How a path finds its view."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Below these, somebody else chose the name: an alias, an id of a stream.
_NAMED = frozenset({"templates", "message-streams"})


class FoldedPaths:
    """Middleware that makes paths equal whose case or trailing slash differ, as they are at Postmark."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request as if its path had been written in the folded way."""
        environ["PATH_INFO"] = fold_path(environ["PATH_INFO"])
        return self._application(environ, start_response)


def fold_path(path: str) -> str:
    """Return a path in lower case and without empty parts, apart from names that were chosen.

    >>> fold_path("/Email/withTemplate/")
    '/email/withtemplate'
    >>> fold_path("/Templates/Welcome")
    '/templates/Welcome'
    """
    parts = [part for part in path.split("/") if part]
    kept = 1 if parts and parts[0].lower() in _NAMED else None
    return "/" + "/".join(part if index == kept else part.lower() for index, part in enumerate(parts))
