"""Requests to Postmark's server API: where it is, the token, and answers to requests that send nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connector_postmark.response import parse_answer

if TYPE_CHECKING:
    from connector_core import Config, Secret, Transport

_MOST_BYTES = 8_000_000
"""Of an answer: each part of a template has up to 500,000 characters, which JSON may write as six bytes each."""


class PostmarkApi:
    """Postmark's server API with the token of a config, for requests that send nothing; safe in many threads."""

    def __init__(self, config: Config, transport: Transport) -> None:
        self._base = make_base(config)
        self._headers = make_headers(config)
        self._transport = transport

    def request(self, method: str, path: str, json: Any = None) -> dict[str, Any]:
        """Return the JSON object with which Postmark answers.

        Args:
            method: the HTTP method.
            path: the path with its query, such as `/server`.
            json: the JSON value to send.

        Raises:
            SendError: Postmark can't be reached or refuses, with its number in `provider.code`: `TemplateNotFound` for
                1101, `AuthorizationFailed` for 10; `InvalidResponse` where the answer is none of Postmark's.

        """
        limits = replace(self._transport.limits, response_bytes=_MOST_BYTES)
        answer = self._transport.request(method, self._base + path, headers=self._headers, json=json, limits=limits)
        return parse_answer(answer.status, answer.headers, answer.body)


def make_base(config: Config) -> str:
    """Return the address before each path."""
    base: str = config["apiUrl"].rstrip("/")
    return base


def make_headers(config: Config) -> dict[str, str | Secret]:
    """Return the header fields of each request (Postmark developer docs, "API overview")."""
    return {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "X-Postmark-Server-Token": config["serverToken"],
    }
