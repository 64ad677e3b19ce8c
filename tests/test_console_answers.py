"""What the console answers to anything: headers that protect the reader, and clear words instead of a failure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from console_site import ALPHA, Site
from fakes import FakeConnector
from submitted_form import read_form_data

from connector_core import Host
from connector_core.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import requests

PROTECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
INACTIVE = "default-src 'none'; style-src 'unsafe-inline'"
SCRIPT = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def read_policy(answer: requests.Response) -> dict[str, str]:
    parts = answer.headers["Content-Security-Policy"].split(";")
    return {name: value for name, _, value in (part.strip().partition(" ") for part in parts)}


# Headers


def ask_everything(site: Site) -> Iterator[tuple[str, requests.Response]]:
    """Yield an answer of every kind: pages, refusals, and what no page is for."""
    stranger, ada = site.visit(signed_in=False), site.visit()
    yield "sign-in", stranger.get("/sign-in")
    yield "to the sign-in", stranger.get()
    yield "wrong token", stranger.sign_in("wrong")
    for path in ("/", "/history", ALPHA, f"{ALPHA}?view=json", f"{ALPHA}/delete", f"{ALPHA}/export"):
        yield path, ada.get(path)
    saved = {"/token": "made-up-token-9c41", "action": "save", "revision": ""}
    yield "saved", ada.post(ALPHA, saved)
    for path in ("/history", f"{ALPHA}/delete", f"{ALPHA}/export"):
        yield path, ada.get(path)
    yield "conflict", ada.post(ALPHA, saved)
    yield "issues on the page", ada.post(ALPHA, {**saved, "/count": "many"})
    yield "issues", ada.post(f"{ALPHA}/issues", {"/count": "many"})
    yield "part of the page", ada.post(ALPHA, {**saved, "action": "check"}, headers={"X-Console-Part": "trial"})
    yield "no such button", ada.post(ALPHA, {**saved, "action": "explode"})
    yield "exported", ada.post(f"{ALPHA}/export")
    yield "not imported", ada.post(f"{ALPHA}/import")
    yield "other site", ada.post(ALPHA, saved, headers={"Origin": "https://evil.example"})
    yield "too large", ada.post(ALPHA, {"raw": "x" * 8_000_001})
    for path in ("/nothing", "/connectors/none", "/connectors/%00", "/connectors/none/export", "/static/none"):
        yield path, ada.get(path)
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        yield method, ada.ask(method, ALPHA)
    yield "HEAD", ada.ask("HEAD", ALPHA)


def test_every_answer_protects_its_reader_and_is_kept_nowhere(site: Site) -> None:
    answers = dict(ask_everything(site))

    wrong = {
        name: {header: answer.headers.get(header) for header, value in PROTECTED.items()}
        for name, answer in answers.items()
        if {header: answer.headers.get(header) for header in PROTECTED} != PROTECTED
    }
    assert wrong == {}
    assert {name for name, answer in answers.items() if not STRICT.items() <= read_policy(answer).items()} == set()
    assert {200, 303, 403, 404, 405, 409, 413, 422} <= {answer.status_code for answer in answers.values()}
    assert {name for name, answer in answers.items() if answer.status_code >= 500} == set()


def test_no_page_has_a_script_or_a_style_of_its_own(site: Site) -> None:
    pages = {name: answer.text for name, answer in ask_everything(site)}

    for name, page in pages.items():
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page), name
    assert "<script src=" in pages["/"]


def test_the_files_of_pages_are_protected_and_kept_as_long_as_they_stay_the_same(site: Site) -> None:
    visitor = site.visit(signed_in=False)
    for name, kind in (("console.css", "text/css"), ("console.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        answer = visitor.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        assert STRICT.items() <= read_policy(answer).items()
        assert {**PROTECTED, "Cache-Control": "no-cache"}.items() <= answer.headers.items()
        again = visitor.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["..%2fconsole.py", "%2e%2e/console.py", "../console.py", "..%5cconsole.py", "%00", "/etc/passwd"]
)
def test_no_other_file_is_served(path: str, site: Site) -> None:
    answer = site.visit().get(f"/static/{path}")

    assert answer.status_code in {308, 404}
    assert "import" not in answer.text


def test_a_logo_can_run_nothing(serve_site: Callable[..., Site]) -> None:
    connector = FakeConnector()
    connector.metadata = replace(connector.metadata, logo=SCRIPT, logo_dark=SCRIPT)
    visitor = serve_site(connector).visit()

    for shade in ("light", "dark"):
        answer = visitor.get(f"{ALPHA}/logo-{shade}.svg")
        assert answer.headers["Content-Type"] == "image/svg+xml"
        assert answer.headers["Content-Security-Policy"] == f"{INACTIVE}; sandbox"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "alert(1)" not in visitor.get().text


def test_what_a_connector_says_of_itself_is_text_on_every_page(serve_site: Callable[..., Site]) -> None:
    connector = FakeConnector()
    bad = "<img src=x onerror=alert(1)>"
    schema = {**connector.metadata.config_schema}
    schema["properties"] = {
        key: {**value, "title": bad, "description": bad} for key, value in schema["properties"].items()
    }
    connector.metadata = replace(
        connector.metadata, name={"en": bad}, description={"en": bad}, guide={"en": f"# A\n{bad}"}, config_schema=schema
    )
    visitor = serve_site(connector).visit()

    for page in (visitor.get().text, visitor.get(ALPHA).text, visitor.post(ALPHA, {"action": "save"}).text):
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page


def test_a_mail_is_shown_as_a_page_that_can_do_nothing(serve_site: Callable[..., Site], tmp_path: Path) -> None:
    with Host.discover(store=open_store(str(tmp_path / "configs.json"))) as host:
        site = serve_site(host=host, sandboxes=True)
        page, visitor = "/connectors/postmark-mail", site.visit()
        try:
            started = read_form_data(visitor.post(page, {"action": "sandbox"}).text)
            sent = [*started.items(multi=True), ("action", "send"), ("to", "a@example.com")]
            answer = visitor.post(page, [pair for pair in sent if pair[1]])
            (address,) = re.findall(r'<iframe[^>]* src="([^"]+)"', answer.text)
            (frame,) = re.findall(r"<iframe[^>]*>", answer.text)
            mail = visitor.get(address)
        finally:
            site.app.extensions["connectors_console"].close()

    assert " sandbox " in frame
    assert mail.headers["Content-Security-Policy"].startswith(f"{INACTIVE}; img-src data:; sandbox;")
    assert mail.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "000000" in mail.text
    assert visitor.get(f"{page}/outbox/..%2f..%2fetc%2fpasswd").status_code == 404
