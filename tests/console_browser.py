"""Chromium for the tests of the console, and consoles served for them, every answer of which is kept."""

from __future__ import annotations

import logging
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from chromium import ARGUMENTS, find_chromium

from connector_core import USAGE_TYPES, Host
from connector_core.testing.leaks import find_leak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page

    from connector_core.console.sandboxes import Sandboxes

POSTMARK = "postmark-mail"
SMTP = "simple-mail-transfer-protocol"
TOKEN = "made-up-token-9c41-77b1"
POSTMARK_CONFIG: dict[str, Any] = {
    "serverToken": TOKEN,
    "fromEmail": "noreply@example.com",
    "templates": [
        {"usageType": name, "templateAlias": f"logto{re.sub('[A-Z]', lambda letter: f'-{letter[0].lower()}', name)}"}
        for name in USAGE_TYPES
    ],
}
"""A config with the templates that an empty form starts with."""

_SECONDS = 20
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (403|404|409|422)\b")
_UNFOLD = "all => all.forEach(one => { while (one = one.parentElement?.closest('details')) one.open = true; })"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a console answered: `shown` is all that the browser got, `asked` the method and the address."""

    asked: str
    status: int
    shown: str = field(repr=False)


class _Recorder:
    """A WSGI application that keeps what another one answers."""

    def __init__(self, application: WSGIApplication, answers: list[Answer]) -> None:
        self._application = application
        self._answers = answers

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        from werkzeug import Request, Response

        response = Response.from_app(self._application, environ, buffered=True)
        asked = f"{environ['REQUEST_METHOD']} {Request(environ).url}"
        shown = f"{response.headers}\n{response.get_data().decode('utf-8', 'replace')}"
        self._answers.append(Answer(asked, response.status_code, shown))
        return response(environ, start_response)


class ServedConsole:
    """A console that answers on loopback, with a host of its own.

    Args:
        host: the host; it has a store, and is closed with the console.

    """

    def __init__(self, host: Host) -> None:
        from connector_core.console import ConsoleOptions, SignIn, make_app
        from connector_core.console.application import EXTENSION
        from connector_core.web_server import Server

        self.tokens: list[str] = []
        self.answers: list[Answer] = []
        self._stack = ExitStack()
        self.host = self._stack.enter_context(host)
        options = ConsoleOptions(private_addresses=True, references=True, sandboxes=True)
        app = make_app(self.host, options, SignIn(self.tokens.append))
        self.sandboxes: Sandboxes = app.extensions[EXTENSION].sandboxes
        self._stack.callback(self.sandboxes.close)
        server = Server(_Recorder(app, self.answers), 0, "console-in-test")
        server.start()
        self._stack.callback(server.stop)
        self.url = f"http://127.0.0.1:{server.port}/"

    def close(self) -> None:
        """Stop answering."""
        self._stack.close()

    def sign_in(self, context: BrowserContext) -> None:
        """Sign a browser in without a look at the page, which other tests give it."""
        page = context.request.get(f"{self.url}sign-in").text()
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf is not None
        form = {"csrf": csrf[1], "token": self.tokens[-1]}
        assert context.request.post(f"{self.url}sign-in", form=form).ok

    def page_of(self, connector_id: str) -> str:
        """Return the address of a connector's page."""
        return f"{self.url}connectors/{connector_id}"

    def config_of(self, connector_id: str) -> dict[str, Any] | None:
        """Return the stored config of a connector."""
        stored = self.host.configs.get(connector_id)
        return None if stored is None else dict(stored.config)

    def store(self, connector_id: str, config: dict[str, Any], *, activate: bool = False) -> None:
        """Store a config, past the pages."""
        stored = self.host.configs.get(connector_id)
        revision = "" if stored is None else stored.revision
        self.host.configs.save(connector_id, config, author="ada", revision=revision, activate=activate)

    def find_leak(self, *secrets: str) -> list[tuple[str, str]]:
        """Return which answers show a secret, and how."""
        leaks = [(one.asked, find_leak(f"{one.asked}\n{one.shown}", secrets)) for one in self.answers]
        return [(asked, how) for asked, how in leaks if how is not None]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give a browser, one for the tests of a module: its event loop would be in the way of other modules' own."""
    program = find_chromium()
    if program is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def serve_console(tmp_path: Path) -> Iterator[Callable[..., ServedConsole]]:
    """Serve a console with all connectors or a host of the test's own; consoles share a store unless they name one."""
    from connector_core.store import open_store

    with ExitStack() as stack:

        def serve(store: str = "configs.json", make_host: Callable[..., Host] = Host.discover) -> ServedConsole:
            served = ServedConsole(make_host(store=open_store(str(tmp_path / store))))
            stack.callback(served.close)
            return served

        yield serve


@pytest.fixture
def console(serve_console: Callable[..., ServedConsole]) -> ServedConsole:
    """Give a console whose store is empty."""
    return serve_console()


class Complaints:
    """What pages complain of: scripts that fail, what the policy of a page forbids, anything else."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def listen(self, page: Page) -> Callable[[], None]:
        """Keep what a page complains of; what is returned ends that."""
        page.on("pageerror", self._hear_error)
        page.on("console", self._hear_words)

        def stop() -> None:
            page.remove_listener("pageerror", self._hear_error)
            page.remove_listener("console", self._hear_words)

        return stop

    def _hear_error(self, error: Error) -> None:
        self.heard.append(f"{error.name}: {error.message}")

    def _hear_words(self, said: ConsoleMessage) -> None:
        if said.type in {"error", "warning"} and not _REFUSED.match(said.text):
            self.heard.append(f"{said.location['url']}: {said.text}")


@pytest.fixture
def watch() -> Iterator[Callable[[Page], None]]:
    """Watch a page, which may have complained of nothing when the test ends."""
    complaints = Complaints()
    with ExitStack() as stack:

        def start(page: Page) -> None:
            stack.callback(complaints.listen(page))

        yield start
    assert complaints.heard == []


@pytest.fixture
def open_page(
    chromium: Browser,
    serve_console: Callable[..., ServedConsole],  # noqa: ARG001  a page ends before its console does
    watch: Callable[[Page], None],
) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser without a past, signed in to a console where one is given."""
    with ExitStack() as stack:

        def open_one(console: ServedConsole | None = None, **options: Any) -> Page:
            context = new_context(chromium, **options)
            stack.callback(context.close)
            if console is not None:
                console.sign_in(context)
            page = context.new_page()
            watch(page)
            return page

        yield open_one


@pytest.fixture(scope="module")
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Give a browser that the tests of a module use in turn, each with a page of its own."""
    context = new_context(chromium)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, console: ServedConsole, watch: Callable[[Page], None]) -> Iterator[Page]:
    """Give a page of a browser that is signed in to the console, and to no other; it ends before the console does."""
    context.clear_cookies()
    console.sign_in(context)
    page = context.new_page()
    watch(page)
    yield page
    page.close()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Give all that is logged."""
    caplog.set_level(logging.DEBUG)
    return caplog


def new_context(chromium: Browser, **options: Any) -> BrowserContext:
    """Open a browser without a past, in English and on a middling screen unless told otherwise."""
    context = chromium.new_context(**{"locale": "en-US", "viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(_SECONDS * 1000)
    return context


def find_input(page: Page, name: str) -> Locator:
    """Find an input of the form by the name that the browser sends, and unfold what it is folded into."""
    return unfold(page.locator(f'#config [name="{name}"]'))


def unfold(found: Locator) -> Locator:
    """Open all disclosures around an element, as somebody would who looks for it."""
    found.evaluate_all(_UNFOLD)
    return found


def find_issues(page: Page, slot: str) -> Locator:
    """Find the place where the issues of a setting stand."""
    return page.locator(f'.issues[data-slot="{slot}"]')


def press(page: Page, action: str) -> None:
    """Press a button of the form by what it does."""
    page.locator(f'#config button[value="{action}"]').last.click()


def fill_postmark(page: Page, config: dict[str, Any]) -> None:
    """Write what a config of Postmark has besides the templates that an empty form starts with."""
    for key in ("serverToken", "fromEmail", "apiUrl"):
        find_input(page, f"/{key}").fill(config[key])
