"""The base of sandboxes: what a connector's own sandbox, or one that is no HTTP server, gets from it."""

from __future__ import annotations

import concurrent.futures
import html
import re
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from flask import abort, request
from network_environment import forget_network_environment

from connector_core import ConnectorError, SandboxMessage
from connector_core.sandbox import HttpSandbox, OutboxServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

MAIL = {"to": ["ann@example.com", "bob@example.com"], "subject": "Hello", "text": "Hi", "html": "<p>Hi</p>"}


class ParcelSandbox(HttpSandbox):
    """A provider that takes a mail as JSON."""

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule("/mail", "take", self._take, methods=["POST"])
        app.add_url_rule("/refuse", "refuse", lambda: abort(418, "Not today."))
        app.add_url_rule("/crash", "crash", lambda: dict[str, str]()["secret-token"])

    @property
    def config(self) -> dict[str, Any]:
        return {"apiUrl": self.url}

    def _take(self) -> dict[str, str]:
        mail = request.get_json()
        parts = {name: mail[name] for name in ("to", "subject", "text", "html")}
        return {"id": self.accept(sender="shop@example.com", request=mail, **parts).id}


@pytest.fixture(autouse=True)
def _plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_network_environment(monkeypatch)


@pytest.fixture
def sandbox() -> Iterator[ParcelSandbox]:
    with ParcelSandbox("Parcel", "parcel-mail") as running:
        yield running


def accept(sandbox: OutboxServer, **changes: Any) -> SandboxMessage:
    mail: dict[str, Any] = {**MAIL, "sender": "shop@example.com", "request": {"a": 1}}
    return sandbox.accept(**mail | changes)


def get(sandbox: OutboxServer, path: str = "/", **headers: str) -> requests.Response:
    return requests.get(sandbox.url + path, headers=headers, timeout=20)


def test_a_mail_to_the_providers_api_gets_into_the_outbox(sandbox: ParcelSandbox) -> None:
    answer = requests.post(f"{sandbox.config['apiUrl']}/mail", json=MAIL, timeout=20)
    (message,) = sandbox.messages
    assert answer.json() == {"id": message.id}
    assert message == SandboxMessage(
        id=message.id,
        to=("ann@example.com", "bob@example.com"),
        subject="Hello",
        text="Hi",
        html="<p>Hi</p>",
        payload=None,
        request=MAIL,
    )


def test_what_is_accepted_is_returned_and_kept(sandbox: ParcelSandbox) -> None:
    payload = {"code": "5"}
    given = accept(sandbox, message_id="id-1", payload=payload, to=iter(["ann@example.com"]))
    assert (given.id, given.payload, given.to) == ("id-1", payload, ("ann@example.com",))
    made = [accept(sandbox).id for _ in range(3)]
    assert len(set(made)) == 3
    assert all(made)
    assert [message.id for message in sandbox.messages] == ["id-1", *made]


def test_messages_come_as_json_with_their_details(sandbox: ParcelSandbox) -> None:
    details = {"template": None, "tags": ["a", "b"], "test": False}
    message = accept(sandbox, details=details, payload={"code": "5"})
    (shown,) = get(sandbox, "/sandbox/messages").json()
    assert shown == get(sandbox, f"/sandbox/messages/{message.id}").json()
    assert shown.pop("submittedAt").endswith("+00:00")
    assert shown == {
        "id": message.id,
        "from": "shop@example.com",
        **MAIL,
        **details,
        "payload": {"code": "5"},
        "request": {"a": 1},
    }


@pytest.mark.parametrize("name", ["id", "from", "to", "submittedAt"])
def test_a_detail_hides_nothing_that_the_outbox_says(sandbox: ParcelSandbox, name: str) -> None:
    accept(sandbox, details={name: "a detail"})
    assert get(sandbox, "/sandbox/messages").json()[0][name] != "a detail"


def test_the_page_shows_the_details_that_say_something(sandbox: ParcelSandbox) -> None:
    details = {"template": "sign-in", "tags": ["a", "<b>"], "cc": [], "stream": None, "size": 0, "note": ""}
    accept(sandbox, details=details)
    shown = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", get(sandbox).text))
    del shown["Message id"]
    assert shown == {"From": "shop@example.com", "Template": "sign-in", "Tags": "a, &lt;b&gt;", "Size": "0"}


def test_the_page_leaves_the_capitals_of_a_detail() -> None:
    with OutboxServer("Parcel", "parcel-mail") as server:
        accept(server, details={"replyTo": "a@example.com"})
        assert "<dt>ReplyTo</dt>" in get(server).text


@pytest.mark.parametrize("message_id", ["plain", "LrnZRsWQTPy-ItZ3IJR2vQ", "<1.a@mail.example>", "a=b&c+d"])
def test_the_page_links_to_a_message_of_any_id(sandbox: ParcelSandbox, message_id: str) -> None:
    check_link(sandbox, message_id)


@pytest.mark.parametrize("message_id", ["<a/b@mail.example>", "a?b", "a#b", "100%41"])
def test_the_page_links_to_a_message_whose_id_has_signs_of_a_url(sandbox: ParcelSandbox, message_id: str) -> None:
    check_link(sandbox, message_id)


def check_link(sandbox: OutboxServer, message_id: str) -> None:
    accept(sandbox)
    accept(sandbox, message_id=message_id)
    links = re.findall(r'href="(/sandbox/messages/[^"]*)"', get(sandbox).text)
    answer = get(sandbox, html.unescape(links[0]))
    assert answer.ok
    assert answer.json()["id"] == message_id


def test_the_empty_page_shows_how_to_send(sandbox: ParcelSandbox) -> None:
    page = get(sandbox).text
    assert "<h1>Parcel sandbox</h1>" in page
    assert "connectors send parcel-mail --config" in page
    assert "Without the connector" not in page


def test_the_empty_page_shows_the_example_with_the_address_that_was_asked() -> None:
    with ParcelSandbox("Parcel <&>", "parcel-mail", example='curl {url}/mail -d \'{"to": "<you>"}\' {url}') as sandbox:
        page = get(sandbox).text
        assert "<h1>Parcel &lt;&amp;&gt; sandbox</h1>" in page
        assert f"curl {sandbox.url}/mail -d " in html.unescape(page)
        assert "{&#34;to&#34;: &#34;&lt;you&gt;&#34;}" in page
        assert "{url}" not in page
        other = sandbox.url.replace("127.0.0.1", "localhost")
        assert f"curl {other}/mail" in requests.get(other, timeout=20).text
        accept(sandbox)
        assert "curl" not in get(sandbox).text


def test_the_page_shows_each_message_with_its_parts(sandbox: ParcelSandbox) -> None:
    accept(sandbox, payload={"code": "é"})
    accept(sandbox, subject="", html="", to=[])
    page = get(sandbox).text
    assert "2 messages, newest first" in page
    assert re.findall("<h2>(.*?)</h2>", page) == ["(no subject)", "Hello"]
    assert "To ann@example.com, bob@example.com" in page
    assert page.count("<iframe sandbox ") == page.count(">Payload<") == 1
    assert "é" in page
    sandbox.clear()
    assert sandbox.messages == []
    assert "No messages yet" in get(sandbox).text


def test_only_the_newest_messages_are_kept() -> None:
    with ParcelSandbox("Parcel", "parcel-mail", keep_messages=2) as sandbox:
        for number in range(5):
            accept(sandbox, subject=str(number))
        assert [message.subject for message in sandbox.messages] == ["3", "4"]


def test_a_list_of_messages_that_was_taken_does_not_change(sandbox: ParcelSandbox) -> None:
    accept(sandbox)
    taken = sandbox.messages
    accept(sandbox)
    taken.clear()
    assert len(sandbox.messages) == 2


def test_many_threads_may_accept_at_once(sandbox: ParcelSandbox) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: accept(sandbox).id, range(200)))
    assert sorted(ids) == sorted(message.id for message in sandbox.messages)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Host": "127.0.0.1.attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_another_page_reaches_no_route_of_a_connector(sandbox: ParcelSandbox, headers: dict[str, str]) -> None:
    answer = requests.post(f"{sandbox.url}/mail", json=MAIL, headers=headers, timeout=20)
    assert answer.status_code == 403
    assert sandbox.messages == []


def test_no_route_of_a_connector_is_opened_to_other_origins(sandbox: ParcelSandbox) -> None:
    for method, path in (("POST", "/mail"), ("OPTIONS", "/mail"), ("GET", "/refuse"), ("GET", "/nowhere")):
        answer = requests.request(method, sandbox.url + path, json=MAIL, timeout=20)
        assert not [name for name in answer.headers if name.startswith("Access-Control")]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_errors_come_as_json(sandbox: ParcelSandbox) -> None:
    unknown, wrong, refused = get(sandbox, "/nowhere"), get(sandbox, "/mail"), get(sandbox, "/refuse")
    assert (unknown.status_code, wrong.status_code, refused.status_code) == (404, 405, 418)
    assert unknown.json() == {"message": "Not Found: there is no GET at /nowhere."}
    assert wrong.headers["Allow"] == "OPTIONS, POST"
    assert refused.json() == {"message": "Not today."}


def test_a_route_that_fails_tells_the_client_nothing(sandbox: ParcelSandbox, caplog: pytest.LogCaptureFixture) -> None:
    answer = get(sandbox, "/crash")
    assert answer.status_code == 500
    assert answer.json().keys() == {"message"}
    assert "secret-token" not in answer.text
    assert "KeyError: 'secret-token'" in caplog.text  # its author sees why
    assert get(sandbox).ok


def test_an_outbox_server_serves_the_outbox_alone() -> None:
    with OutboxServer("Relay", "relay-mail") as server:
        assert not hasattr(server, "config")
        assert "<h1>Relay sandbox</h1>" in get(server).text
        accept(server)
        assert [message["subject"] for message in get(server, "/sandbox/messages").json()] == ["Hello"]
        assert requests.post(f"{server.url}/mail", json=MAIL, timeout=20).status_code == 404
        assert re.fullmatch(r"<OutboxServer http://127\.0\.0\.1:\d+, 1 messages>", repr(server))


def test_a_subclass_without_a_config_is_told_what_it_needs() -> None:
    class Unfinished(HttpSandbox):
        pass

    with pytest.raises(TypeError, match=r"abstract class Unfinished.*config"):
        Unfinished("Parcel", "parcel-mail")  # type: ignore[abstract]  # that is what is tested


def test_it_starts_and_stops_again_and_again_and_keeps_its_messages() -> None:
    before = set(threading.enumerate())
    sandbox = ParcelSandbox("Parcel", "parcel-mail")
    for count in range(1, 4):
        with sandbox as entered:
            assert entered is sandbox
            assert requests.post(f"{sandbox.url}/mail", json=MAIL, timeout=20).ok
            address = sandbox.url
        assert len(sandbox.messages) == count
        with pytest.raises(RuntimeError, match="with"):
            _ = sandbox.url
        with pytest.raises(requests.ConnectionError):
            requests.get(address, timeout=20)
    assert set(threading.enumerate()) == before


def test_an_error_in_the_block_ends_the_server_and_goes_on() -> None:
    sandbox = ParcelSandbox("Parcel", "parcel-mail")
    addresses = []

    def fail() -> None:
        with sandbox:
            addresses.append(sandbox.url)
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        fail()
    with pytest.raises(requests.ConnectionError):
        requests.get(addresses[0], timeout=20)
    sandbox.__exit__(None, None, None)  # once more does no harm


def test_several_run_at_once_each_with_its_own_messages(sandbox: ParcelSandbox) -> None:
    with ParcelSandbox("Parcel", "parcel-mail") as other:
        accept(other)
        assert other.url != sandbox.url
        assert (len(other.messages), sandbox.messages) == (1, [])


def test_a_port_that_is_taken_is_told_and_can_be_had_later(sandbox: ParcelSandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    late = OutboxServer("Relay", "relay-mail", port=port)
    with pytest.raises(ConnectorError, match=f"Port {port} is taken"), late:
        pass
    with pytest.raises(RuntimeError, match="running already"):
        sandbox.__enter__()
    sandbox.__exit__(None, None, None)
    with late:
        assert late.url == f"http://127.0.0.1:{port}"
        assert get(late).ok


def test_routes_that_cannot_be_added_leave_no_server_behind() -> None:
    class Broken(ParcelSandbox):
        def add_routes(self, app: Flask) -> None:
            super().add_routes(app)
            super().add_routes(app)

    before = set(threading.enumerate())
    broken = Broken("Parcel", "parcel-mail")
    with pytest.raises((AssertionError, ValueError)), broken:
        pass
    assert "not running" in repr(broken)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("name", ["cheroot", "flask"])
def test_a_missing_extra_is_told_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        OutboxServer("Relay", "relay-mail")
    way_out = 'Install it with: pip install "connector-core[sandbox]"'
    assert str(caught.value) == f"The Relay sandbox needs {name}. {way_out}"
    assert caught.value.name == name


def test_a_sandbox_may_need_more_and_name_its_own_distribution() -> None:
    class Hungry(ParcelSandbox):
        distribution = "connector-parcel"
        needs = (*ParcelSandbox.needs, "no_such_module")

    with pytest.raises(ModuleNotFoundError, match=r'needs no_such_module.*pip install "connector-parcel\[sandbox\]"'):
        Hungry("Parcel", "parcel-mail")
