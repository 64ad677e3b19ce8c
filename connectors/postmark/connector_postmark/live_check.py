"""The live check: whether a config works at Postmark, told without sending anything to anybody."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import quote

from connector_core import Config, Finding, SendError, Transport, format_path, main_variable
from connector_postmark.api import PostmarkApi
from connector_postmark.live_answers import ask, explain, misshapen, shorten
from connector_postmark.live_sender import check_sender
from connector_postmark.live_templates import inspect_template, judge_template, name_template
from connector_postmark.named_templates import read_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

_TEST_TOKEN = "POSTMARK_API_TEST"  # noqa: S105  Postmark's public name for "take it and don't deliver it"
_DEFAULT_STREAM = "outbound"
_AT_ONCE = 8
_LONGEST_NAME = 80

T = TypeVar("T")


def check(config: Config, transport: Transport) -> Iterator[Finding]:
    """Yield what Postmark says of a config: the token, the sender, the message stream, then each template.

    Every request only asks: `GET`, `POST /templates/validate`, and `POST /email` without any recipient. After the first
    one that Postmark leaves without an answer no more go out, and one finding at the end says so.
    """
    if config["serverToken"].reveal().upper() == _TEST_TOKEN:
        # Its name is left out: as the config's secret it would be struck out.
        message = (
            "This is Postmark's test token: mails are accepted and never delivered, and nothing else can be checked "
            "with it."
        )
        fix = "For mails that arrive, use the Server API token from the tab API Tokens of your server."
        yield Finding("warning", "test_token", "$.serverToken", message, fix)
        return
    api = PostmarkApi(config, transport)
    try:
        yield from _check_server(api)
    except SendError as error:
        yield explain(error)
    else:
        yield from _check_settings(config, api)


def _check_server(api: PostmarkApi) -> Iterator[Finding]:
    """Yield whether the token works, and whether its server delivers (Postmark developer docs, "Server API").

    Raises:
        SendError: Postmark refuses the token, or something else answers in its place.

    """
    server = ask(api, "GET", "/server").content
    if not isinstance(server.get("Name"), str):
        raise misshapen("a server")
    name, kind = shorten(server["Name"], _LONGEST_NAME), server.get("DeliveryType")
    which = "live server" if kind == "Live" else "server"
    message = f"Postmark accepts the token of the {which}{f' {name}' if name else ''}."
    yield Finding("ok", "credentials_accepted", "$.serverToken", message)
    if kind == "Sandbox":
        message = "The token belongs to a sandbox server of Postmark: it accepts mails and delivers none."
        fix = "For mails that arrive, use the Server API token of a live server; a sandbox server can't become one."
        yield Finding("warning", "sandbox_server", "$.serverToken", message, fix)


def _check_settings(config: Config, api: PostmarkApi) -> Iterator[Finding]:
    """Yield what Postmark says of everything but the token; it is asked about many things at once."""
    entries = [(entry, *read_reference(entry)) for entry in config["templates"]]
    variables: dict[str | int, dict[str, None]] = {}
    for entry, _, key in entries:
        variables.setdefault(key, {})[main_variable(entry["usageType"])] = None
    with _Jobs() as jobs:
        of_all_mails = [
            jobs.start(partial(check_sender, api, config["fromEmail"])),
            jobs.start(partial(_check_stream, api, config.get("messageStream"))),
        ]
        inspections = {
            key: jobs.start(partial(inspect_template, api, key, tuple(names), inline_css=config.get("inlineCss")))
            for key, names in variables.items()
        }
        for future in of_all_mails:
            yield from jobs.finish(future) or ()
        for index, (entry, setting, key) in enumerate(entries):
            if inspection := jobs.finish(inspections[key]):
                path = format_path(("templates", index, setting))
                usage_type = entry["usageType"]
                yield judge_template(name_template(key), usage_type, path, inspection[main_variable(usage_type)])
        if jobs.failure is not None:
            yield explain(jobs.failure)


def _check_stream(api: PostmarkApi, configured: str | None) -> list[Finding]:
    """Return whether mails can go through the message stream (Postmark developer docs, "Message Streams API").

    Raises:
        SendError: Postmark gave no answer.

    """
    stream = configured or _DEFAULT_STREAM
    tell = partial(Finding, path="$.messageStream")
    fix = "Set messageStream to the id of a transactional stream: in Postmark, open the server to see its streams."
    # No id is made of dots alone, which in an address would mean the folder above.
    answer = ask(api, "GET", f"/message-streams/{quote(stream, safe='')}") if stream.strip(".") else None
    if answer is None or answer.code in {1226, 1235}:
        message = f"The server has no message stream {stream}, so mails fail with Postmark's error 1235."
        return [tell("error", "stream_not_found", message=message, fix=fix)]
    if answer.code:
        message = f"Postmark does not tell of the message stream {stream} ({answer.code}: {answer.said})."
        return [tell("warning", "stream_unknown", message=message, fix="Act on what Postmark says.")]
    kind, archived = answer.content.get("MessageStreamType"), answer.content.get("ArchivedAt")
    if not isinstance(kind, str) or not isinstance(archived, str | None):
        raise misshapen("a message stream")
    if archived:
        message = f"The message stream {stream} is archived, so mails fail with Postmark's error 1236."
        return [tell("error", "stream_archived", message=message, fix=f"Unarchive it in Postmark. Or: {fix}")]
    if kind == "Inbound":
        message = f"The message stream {stream} is for incoming mail, so mails fail with Postmark's error 1236."
        return [tell("error", "stream_inbound", message=message, fix=fix)]
    if kind == "Broadcasts":
        message = f"The message stream {stream} is for broadcasts, where codes and invitations don't belong."
        return [tell("warning", "stream_broadcast", message=message, fix=fix)]
    return [tell("ok", "stream_accepted", message=f"Mails can go through the message stream {stream}.")]


class _Jobs:
    """Questions that are asked at once, up to the first one that is left without an answer."""

    def __init__(self) -> None:
        self.failure: SendError | None = None
        self._broken = threading.Event()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="postmark-check")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # Whoever gave up waiting waits for no answer that is still under way.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def start(self, job: Callable[[], T]) -> Future[T | None]:
        """Do a job in a thread."""
        return self._pool.submit(self._run, job)

    def finish(self, future: Future[T | None]) -> T | None:
        """Wait for what a job returns; None where it failed, or wasn't begun any more."""
        try:
            return future.result()
        except SendError as error:
            self.failure = self.failure or error
            return None

    def _run(self, job: Callable[[], T]) -> T | None:
        if self._broken.is_set():
            return None
        try:
            return job()
        except SendError:
            self._broken.set()
            raise
