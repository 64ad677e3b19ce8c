"""Answers, read whole: bounded in size and time, redirects told instead of followed."""

from __future__ import annotations

import json
import re
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from connector_core.errors import InvalidResponse, ProviderReply

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

_CHUNK = 65_536
_REDIRECTS = range(300, 400)
_LOCATION = "x-redirect-location"


@dataclass(frozen=True, slots=True)
class Response:
    """A provider's whole answer; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)  # it may repeat the message, codes and all

    def json(self) -> Any:
        """Return the JSON value that the body holds, or None where it is no JSON."""
        try:
            return json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def unmark_redirect(answer: requests.Response, **_settings: Any) -> None:
    """Move `Location` aside: Session.send reads the whole body of a redirect, even one that it doesn't follow."""
    if answer.is_redirect:
        answer.headers[_LOCATION] = answer.headers.pop("location")


def read_answer(answer: requests.Response, limit: int, deadline: float) -> Response | InvalidResponse:
    """Return the whole answer, or why it is not one that a connector should see.

    Args:
        answer: the answer, its body not yet read.
        limit: bytes that a body may have, compressed or not.
        deadline: the time (`time.monotonic`) until which it may be read.

    Raises:
        OSError: the body ended too early, or the time is over.

    """
    headers = {name.lower(): value for name, value in answer.headers.items()}
    reply = ProviderReply(status=answer.status_code)
    if answer.status_code in _REDIRECTS and _LOCATION in headers:
        redirect = f"a redirect{_name_host(headers[_LOCATION])}"
        return InvalidResponse(
            f"The provider answered with {redirect}, which is not followed because the credentials would go along: "
            "check the address in the config.",
            provider=reply,
            reason=f"it was {redirect}, which is not followed",
        )
    body = bytearray()
    for chunk in answer.raw.stream(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > limit:
            break
        if time.monotonic() > deadline:
            raise TimeoutError
    else:
        if answer.raw.length_remaining:  # before its version 2, urllib3 took a shorter body for the whole
            raise ConnectionResetError
        try:
            body = _unpack(body, headers.get("content-encoding", "identity"), limit)
        except ValueError:
            return InvalidResponse(
                "The provider's answer is compressed and can't be unpacked: look at the provider whether the message "
                "was sent.",
                provider=reply,
                reason="it is compressed and can't be unpacked",
            )
    if len(body) > limit:
        return InvalidResponse(
            f"The provider's answer is larger than {limit} bytes, so it was not read: check the address in the config, "
            "and at the provider whether the message was sent.",
            provider=reply,
            reason=f"it is larger than {limit} bytes",
        )
    return Response(answer.status_code, headers, bytes(body))


def _unpack(body: bytearray, codings: str, limit: int) -> bytearray:
    """Return a body that came compressed, which was not asked for, up to one byte more than the limit.

    Raises:
        ValueError: it can't be unpacked.

    """
    for layer in reversed([layer.strip().lower() for layer in codings.split(",")]):
        if layer == "identity" or not body or len(body) > limit:
            continue
        if layer not in {"gzip", "x-gzip", "deflate"}:
            raise ValueError(layer)
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)  # either of gzip and zlib
        try:
            body = bytearray(unpacking.decompress(body, limit + 1))
        except zlib.error as cause:
            raise ValueError(layer) from cause
        if not unpacking.eof and len(body) <= limit:
            raise ValueError(layer)
    return body


def _name_host(location: str) -> str:
    """Return where a redirect leads, for a sentence; nothing where that is no plain host name."""
    found = re.match(r"https?://([A-Za-z0-9.-]{1,253})(?=[:/?#]|$)", location)
    return f" to {found[1]}" if found else ""
