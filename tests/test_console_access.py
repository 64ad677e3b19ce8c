"""Who may use the console: sign-in, sessions, forms of other sites, and names that it does not answer to."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from console_site import ALPHA, Site, Visitor
from fakes import FakeConnector

from connector_core.console import SignIn
from connector_core.console.access import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


CONFIG = {"/token": "made-up-token-9c41", "action": "done", "view": "form", "revision": ""}
EVIL = "https://evil.example"


def list_addresses(site: Site, method: str) -> Iterator[str]:
    """Yield the address of every page that can be asked for in a way."""
    with site.app.test_request_context():
        for rule in site.app.url_map.iter_rules():
            if method in (rule.methods or ()):
                values = {name: {"connector_id": "alpha-mail"}.get(name, "light") for name in rule.arguments}
                values |= {"verb": "activate"} if "verb" in rule.arguments else {}
                values |= {"filename": "console.css"} if "filename" in rule.arguments else {}
                yield rule.build(values)[1]  # type: ignore[index]  # every rule has values for its arguments


def read_store(site: Site) -> object:
    return site.host.configs.list(), site.host.configs.history()


# The token


def test_the_token_that_was_announced_signs_in_once(site: Site) -> None:
    (token,) = site.tokens
    first, second = site.visit(signed_in=False), site.visit(signed_in=False)

    assert first.sign_in(f" {token} ").headers["Location"] == "/"
    assert second.sign_in(token).status_code == 403

    assert first.get().status_code == 200
    assert second.get().headers["Location"] == "/sign-in"
    assert len(set(site.tokens)) == 2
    assert second.sign_in(site.tokens[-1]).status_code == 303


@pytest.mark.parametrize("token", ["", "wrong", "\0", "é" * 1000, "\ufffd"])
def test_another_text_is_no_token(token: str, site: Site) -> None:
    visitor = site.visit(signed_in=False)

    answer = visitor.sign_in(token)

    assert answer.status_code == 403
    assert "This is not the token that was printed last" in answer.text
    assert site.tokens[0] not in answer.text
    assert len(site.tokens) == 1
    assert visitor.get().status_code == 303


def test_after_ten_tries_even_the_token_has_to_wait(site: Site) -> None:
    visitor = site.visit(signed_in=False)
    tries = [visitor.sign_in("wrong").status_code for _ in range(10)]

    answer = site.visit(signed_in=False).sign_in(site.tokens[0])

    assert tries == [403] * 10
    assert answer.status_code == 429
    assert "wait a minute" in answer.text


def test_a_token_is_long_and_in_no_page(site: Site) -> None:
    visitor = site.visit(signed_in=False)

    assert len(site.tokens[0]) >= 32
    assert site.tokens[0] not in visitor.get("/sign-in").text


def test_of_many_who_have_the_token_at_once_one_gets_in() -> None:
    tokens: list[str] = []
    sign_in = SignIn(tokens.append)
    token = tokens[0]

    with ThreadPoolExecutor(8) as pool:
        redeemed = list(pool.map(sign_in.redeem, [token] * 8))

    assert sorted(redeemed) == [False] * 7 + [True]


# Sessions


def test_every_page_but_the_sign_in_and_the_files_of_pages_needs_a_session(site: Site) -> None:
    visitor = site.visit(signed_in=False)

    answers = {path: visitor.get(path) for path in list_addresses(site, "GET")}

    opened = {path for path, answer in answers.items() if answer.status_code == 200}
    assert opened == {"/sign-in", "/static/console.css"}
    assert len(answers) > 8
    for path in set(answers) - opened:
        assert (answers[path].status_code, answers[path].headers["Location"]) == (303, "/sign-in")


def test_without_a_session_nothing_is_done_whatever_the_form_says(site: Site) -> None:
    visitor = site.visit(signed_in=False)

    for path in set(list_addresses(site, "POST")) - {"/sign-in"}:
        answer = visitor.post(path, CONFIG, page="/sign-in")
        assert (path, answer.status_code) == (path, 403)

    assert read_store(site) == ([], [])


def test_signing_in_begins_a_new_session(site: Site) -> None:
    visitor = site.visit(signed_in=False)
    visitor.get("/sign-in")
    before = visitor.cookies[COOKIE]
    visitor.sign_in(site.tokens[-1])
    other = site.visit(signed_in=False)
    other.cookies.set(COOKIE, before, domain="127.0.0.1", path="/")

    assert visitor.get().status_code == 200
    assert other.get().status_code == 303


def test_a_session_that_ended_is_over_for_every_copy_of_its_cookie(site: Site, ada: Visitor) -> None:
    other = site.visit(signed_in=False)
    other.cookies.set(COOKIE, ada.cookies[COOKIE], domain="127.0.0.1", path="/")
    assert other.get().status_code == 200

    assert ada.post("/sign-out", page="/").headers["Location"] == "/sign-in"

    assert (ada.get().status_code, other.get().status_code) == (303, 303)


@pytest.mark.parametrize(
    "change", [lambda cookie: cookie[:-1], lambda cookie: f"x{cookie}", lambda _cookie: "", str.upper]
)
def test_a_cookie_that_was_changed_is_none(change: Callable[[str], str], site: Site, ada: Visitor) -> None:
    forged = site.visit(signed_in=False)
    forged.cookies.set(COOKIE, change(ada.cookies[COOKIE]), domain="127.0.0.1", path="/")

    assert forged.get().status_code == 303


def test_a_cookie_of_another_console_is_none(site: Site, ada: Visitor, serve_site: Callable[..., Site]) -> None:
    other = serve_site(host=site.host).visit(signed_in=False)
    other.cookies.set(COOKIE, ada.cookies[COOKIE], domain="127.0.0.1", path="/")

    assert other.get().status_code == 303


def test_consoles_with_the_same_key_share_their_sessions(serve_site: Callable[..., Site]) -> None:
    first = serve_site(secret_key=b"the same 32 bytes in two consoles")
    second = serve_site(host=first.host, secret_key=b"the same 32 bytes in two consoles")
    visitor = second.visit(signed_in=False)
    visitor.cookies.set(COOKIE, first.visit().cookies[COOKIE], domain="127.0.0.1", path="/")

    assert visitor.get().status_code == 200


def test_a_session_that_nobody_used_for_twelve_hours_is_over(ada: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    from itsdangerous import timed

    now, hours = time.time(), 0.0
    monkeypatch.setattr(timed, "time", SimpleNamespace(time=lambda: now + hours * 3600))

    hours = 11.9
    assert ada.get().status_code == 200
    hours = 23.8  # of which it was used for half
    assert ada.get().status_code == 200
    hours = 35.9
    assert ada.get().status_code == 303


def test_the_cookie_is_for_the_console_alone_and_out_of_reach_of_scripts(site: Site) -> None:
    cookie = site.visit(signed_in=False).get("/sign-in").headers["Set-Cookie"]

    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie.split("; ")
    assert "Domain" not in cookie


def test_over_https_the_cookie_stays_there(site: Site) -> None:
    answer = site.app.test_client().get("/sign-in", base_url="https://console.example.com")

    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


def test_what_a_proxy_would_say_is_not_believed(site: Site) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    answer = site.visit(signed_in=False).get("/", headers={**forwarded, "Forwarded": "host=evil.example;proto=https"})

    assert answer.headers["Location"] == "/sign-in"
    assert "Secure" not in answer.headers["Set-Cookie"]
    assert "evil" not in str(answer.headers)


# Forms of other sites


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": EVIL},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": EVIL, "X-Forwarded-Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_form_that_another_site_sends_is_refused_even_with_the_token(
    headers: dict[str, str], site: Site, ada: Visitor
) -> None:
    for path in list_addresses(site, "POST"):
        answer = ada.post(path, CONFIG, page=ALPHA, headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.text

    assert read_store(site) == ([], [])


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é", "other"], ids=str)
def test_a_form_without_the_token_of_the_session_is_refused(token: str | None, site: Site, ada: Visitor) -> None:
    grace = site.visit()
    given = {"other": grace.read_token(ALPHA)}.get(str(token), token)

    for path in list_addresses(site, "POST"):
        answer = ada.ask("POST", path, data={**CONFIG, **({} if given is None else {"csrf": given})})
        assert answer.status_code == 403
        assert "too old" in answer.text

    assert read_store(site) == ([], [])
    assert ada.get().status_code == 200


def test_the_form_of_the_page_itself_is_taken(site: Site, ada: Visitor) -> None:
    headers = {"Origin": site.url, "Sec-Fetch-Site": "same-origin"}

    assert ada.post(ALPHA, CONFIG, headers=headers).status_code == 303
    assert site.host.configs.find_active() is not None


def test_a_get_changes_nothing_and_sends_nothing(serve_site: Callable[..., Site]) -> None:
    connector = FakeConnector()
    site = serve_site(connector)
    ada = site.visit()
    ada.post(ALPHA, CONFIG)
    before = read_store(site)
    query = {**CONFIG, "to": "a@example.com", "revision": site.host.configs.list()[0].revision, "lang": "fr"}

    for path in list_addresses(site, "GET"):
        for action in ("save", "send", "sandbox"):
            ada.get(path, params={**query, "action": action, "csrf": ada.read_token(ALPHA)})

    assert read_store(site) == before
    assert connector.sent == []


# Names


@pytest.mark.parametrize(
    ("name", "status"),
    [("localhost", 303), ("LOCALHOST:1234", 303), ("127.0.0.1", 303)]
    + [(name, 403) for name in ("evil.example", "127.0.0.1.evil.example", "localhost.", "[::1]", "x@localhost.evil")],
)
def test_the_console_answers_to_its_names_alone(name: str, status: int, serve_site: Callable[..., Site]) -> None:
    visitor = serve_site(host_names=frozenset({"127.0.0.1", "Localhost"})).visit(signed_in=False)

    answer = visitor.get("/", headers={"Host": name})

    assert answer.status_code == status
    if status == 403:
        assert "does not answer to this name" in answer.text
        assert visitor.ask("POST", "/sign-in", headers={"Host": name}).status_code == 403
